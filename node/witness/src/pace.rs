//! How often something may be asked for.

use std::time::{Duration, Instant};

/// A bucket of tokens: so many at once, and so many a second over time.
#[derive(Debug)]
pub struct Pace {
    per_second: u32,
    at_once: u32,
    /// Thousandths of a token.
    left: u64,
    filled: Instant,
}

impl Pace {
    /// A full bucket.
    pub fn new(per_second: u32, at_once: u32, now: Instant) -> Pace {
        Pace {
            per_second,
            at_once,
            left: u64::from(at_once) * 1_000,
            filled: now,
        }
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.filled);
        // An hour fills any bucket; more would only overflow.
        let millis = passed.min(Duration::from_secs(3_600)).as_millis();
        let earned = u64::try_from(millis).unwrap_or(0) * u64::from(self.per_second);
        if earned > 0 {
            self.filled = now;
            self.left = (self.left + earned).min(u64::from(self.at_once) * 1_000);
        }
        let enough = self.left >= 1_000;
        if enough {
            self.left -= 1_000;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_the_rate() {
        let start = Instant::now();
        let mut pace = Pace::new(2, 3, start);
        let taken = |pace: &mut Pace, now| (0..10).filter(|_| pace.take(now)).count();
        assert_eq!(taken(&mut pace, start), 3);
        assert_eq!(taken(&mut pace, start + Duration::from_millis(499)), 0);
        assert_eq!(taken(&mut pace, start + Duration::from_millis(1_000)), 2);
        assert_eq!(taken(&mut pace, start + Duration::from_secs(100_000)), 3);
        // A clock that stands still gives nothing.
        assert_eq!(taken(&mut pace, start), 0);
    }
}
