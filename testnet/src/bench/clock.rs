//! Time that was spent on this thread, whatever else the machine does meanwhile.

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds of processor time of the calling thread.
fn thread_time_ns() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Runs `work`, and says how many nanoseconds of this thread's processor time it took.
pub(super) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = thread_time_ns();
    let result = work();
    (result, (thread_time_ns() - start) as f64)
}

/// The middle one of some measurements.
///
/// # Panics
/// If there are none.
pub(super) fn median(mut measurements: Vec<f64>) -> f64 {
    assert!(!measurements.is_empty(), "something was measured");
    measurements.sort_by(f64::total_cmp);
    measurements[measurements.len() / 2]
}
