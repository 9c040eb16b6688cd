//! Signatures checked on the other cores while the replay goes on: the one place of this package
//! that starts threads.
//!
//! Signatures are independent of each other and of the state, and they cost more than everything
//! else. So they are handed out in chunks, and the replay helps with them only where the other
//! cores fall behind. Without other cores, as in a browser, it checks them itself.

use crate::keys::together::{Check, hold};
use crate::keys::{DecodedKey, Signature};
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::thread;

/// Signatures of one chunk: enough that handing it over, and the one inversion for all of them
/// ([`hold`]), cost nothing beside checking them.
const CHUNK_JOBS: usize = 32;
/// Chunks that wait at most; beyond them the caller checks one itself. With the longest messages
/// they take 30 MB.
const CHUNKS_WAITING_MAX: usize = 16;

/// One signature to check.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The entry it stands in.
    pub(crate) entry: u64,
    /// Who signed.
    pub(crate) key: DecodedKey,
    /// The signed message.
    pub(crate) message: Vec<u8>,
    /// The signature.
    pub(crate) signature: Signature,
}

impl Job {
    fn check(&self) -> Check<'_> {
        Check {
            key: &self.key,
            message: &self.message,
            signature: &self.signature,
        }
    }
}

/// What callers and threads share.
#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    chunks: VecDeque<Vec<Job>>,
    is_closed: bool,
    /// The earliest entry found so far whose signature does not hold.
    first_bad: Option<u64>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting
            .lock()
            .expect("no thread panics while it holds the queue")
    }

    /// Checks a chunk, whose entries ascend, and notes the first that does not hold.
    fn check(&self, chunk: &[Job]) {
        let verdicts = hold(chunk.iter().map(Job::check));
        let mut judged = chunk.iter().zip(verdicts);
        if let Some((job, _)) = judged.find(|(_, holds)| !holds) {
            let mut waiting = self.lock();
            let earlier = waiting.first_bad.into_iter().chain([job.entry]).min();
            waiting.first_bad = earlier;
        }
    }

    /// The next chunk; waits for one until the queue is closed and empty.
    fn next(&self) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        loop {
            if let Some(chunk) = waiting.chunks.pop_front() {
                return Some(chunk);
            }
            if waiting.is_closed {
                return None;
            }
            waiting = self
                .changed
                .wait(waiting)
                .expect("no thread panics while it holds the queue");
        }
    }

    fn check_all(&self) {
        while let Some(chunk) = self.next() {
            self.check(&chunk);
        }
    }
}

/// Takes signatures in, in the order of their entries.
pub(crate) struct Checker<'a> {
    queue: &'a Queue,
    chunk: Vec<Job>,
    has_threads: bool,
}

impl Checker<'_> {
    /// Takes a signature in. It is checked some time before [`with_checker`] returns.
    pub(crate) fn push(&mut self, job: Job) {
        self.chunk.push(job);
        if self.chunk.len() == CHUNK_JOBS {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        if self.has_threads {
            let mut waiting = self.queue.lock();
            if waiting.chunks.len() < CHUNKS_WAITING_MAX {
                waiting.chunks.push_back(chunk);
                drop(waiting);
                self.queue.changed.notify_one();
                return;
            }
        }
        self.queue.check(&chunk);
    }
}

impl Drop for Checker<'_> {
    /// Lets the threads end, also where the caller's work panics.
    fn drop(&mut self) {
        self.hand_over();
        self.queue.lock().is_closed = true;
        self.queue.changed.notify_all();
    }
}

/// Runs `work` with a checker; what it gave, and the earliest entry whose signature does not hold.
pub(crate) fn with_checker<T>(work: impl FnOnce(&mut Checker<'_>) -> T) -> (T, Option<u64>) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    with_threads(cores - 1, work)
}

fn with_threads<T>(threads: usize, work: impl FnOnce(&mut Checker<'_>) -> T) -> (T, Option<u64>) {
    let queue = Queue::default();
    let worked = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| queue.check_all());
        }
        let mut checker = Checker {
            queue: &queue,
            chunk: Vec::with_capacity(CHUNK_JOBS),
            has_threads: threads > 0,
        };
        let worked = work(&mut checker);
        drop(checker);
        queue.check_all();
        worked
    });
    let first_bad = queue.lock().first_bad;
    (worked, first_bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    fn jobs() -> Vec<Job> {
        let key = SigningKey::from_seed(&[1; 32]);
        let job = |entry: u64| {
            let message = entry.to_le_bytes().to_vec();
            let signature = key.sign(&message);
            Job {
                entry,
                key: key.public().decoded(),
                message,
                signature,
            }
        };
        (0..1_000).map(job).collect()
    }

    fn first_bad(threads: usize, jobs: &[Job]) -> Option<u64> {
        let push =
            |checker: &mut Checker<'_>| jobs.iter().cloned().for_each(|job| checker.push(job));
        with_threads(threads, push).1
    }

    #[test]
    fn the_earliest_bad_signature_is_named_however_many_threads_there_are() {
        let mut jobs = jobs();
        for threads in [0, 1, 2, 7] {
            assert_eq!(first_bad(threads, &jobs), None);
            assert_eq!(first_bad(threads, &[]), None);
        }
        jobs[993].message.push(0);
        jobs[999].message.push(0);
        for threads in [0, 1, 2, 7] {
            assert_eq!(first_bad(threads, &jobs), Some(993));
        }
        jobs[41].signature.0[3] ^= 1;
        for threads in [0, 1, 2, 7] {
            assert_eq!(first_bad(threads, &jobs), Some(41));
        }
    }

    #[test]
    fn work_that_panics_leaves_no_thread_waiting() {
        let panicked = std::panic::catch_unwind(|| {
            with_threads(2, |checker| {
                checker.push(jobs().remove(0));
                panic!("on purpose");
            })
        });
        assert!(panicked.is_err());
    }

    #[test]
    fn what_the_work_gives_comes_back() {
        assert_eq!(with_checker(|_| 7), (7, None));
    }
}
