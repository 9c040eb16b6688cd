//! Park time. The only file that asks the operating system what time it is.

use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};
use wattle_market::interval::Timestamp;

/// Park time runs this many times as fast as real time at most; a day takes nine seconds then.
pub const SPEED_MAX: u32 = 10_000;

/// How park time follows from the wall clock: `base + (wall − wall_base) × speed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockSettings {
    /// Milliseconds of park time in one of real time: 1 in production, more in a testnet.
    pub speed: u32,
    /// The wall clock's reading at which park time has the value `base_ms`.
    pub wall_base_ms: u64,
    /// Park time at that moment.
    pub base_ms: u64,
    /// Park time from which it runs as fast as real time: the end of what a testnet lives through
    /// quickly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_from_ms: Option<u64>,
}

impl Default for ClockSettings {
    /// Park time is the wall clock.
    fn default() -> ClockSettings {
        ClockSettings {
            speed: 1,
            wall_base_ms: 0,
            base_ms: 0,
            slow_from_ms: None,
        }
    }
}

impl ClockSettings {
    /// Park time when the wall clock shows `wall_ms`.
    pub fn park_time(&self, wall_ms: u64) -> Timestamp {
        let wall = i128::from(wall_ms) - i128::from(self.wall_base_ms);
        let mut park = i128::from(self.base_ms) + wall * i128::from(self.speed);
        if let Some(slow_from) = self.slow_from_ms.map(i128::from) {
            // What is past that point took `speed` times as long as it counts.
            park = park.min(slow_from + (park - slow_from) / i128::from(self.speed.max(1)));
        }
        Timestamp(u64::try_from(park.max(0)).unwrap_or(u64::MAX))
    }
}

/// A clock that never goes back, whatever is done to the wall clock.
#[derive(Debug)]
pub struct Clock {
    settings: ClockSettings,
    latest: Timestamp,
}

impl Clock {
    /// A clock with these settings.
    pub fn new(settings: ClockSettings) -> Clock {
        Clock {
            settings,
            latest: Timestamp(0),
        }
    }

    /// Park time now; where the wall clock was set back it stands still until that has caught up.
    pub fn now(&mut self) -> Timestamp {
        self.at(wall_ms())
    }

    /// Milliseconds of park time in one of real time.
    pub fn speed(&self) -> u32 {
        self.settings.speed
    }

    fn at(&mut self, wall_ms: u64) -> Timestamp {
        self.latest = self.latest.max(self.settings.park_time(wall_ms));
        self.latest
    }
}

/// Milliseconds since 1970-01-01 UTC by the wall clock; 0 for a clock set before that.
pub fn wall_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_time_is_the_wall_clock() {
        assert_eq!(
            ClockSettings::default().park_time(1_700_000_000_000).0,
            1_700_000_000_000
        );
    }

    #[test]
    fn park_time_runs_faster_from_its_base_on() {
        let settings = ClockSettings {
            speed: 720,
            wall_base_ms: 1_000,
            base_ms: 50_000_000,
            slow_from_ms: None,
        };
        assert_eq!(settings.park_time(1_000), Timestamp(50_000_000));
        assert_eq!(settings.park_time(2_000), Timestamp(50_720_000));
        assert_eq!(settings.park_time(999), Timestamp(49_999_280));
        assert_eq!(settings.park_time(0), Timestamp(49_280_000));
    }

    #[test]
    fn park_time_slows_down_where_it_is_told_to() {
        let slow_from_ms = Some(1_000_000);
        let settings = ClockSettings {
            speed: 1_000,
            wall_base_ms: 0,
            base_ms: 0,
            slow_from_ms,
        };
        assert_eq!(settings.park_time(999), Timestamp(999_000));
        assert_eq!(settings.park_time(1_000), Timestamp(1_000_000));
        assert_eq!(settings.park_time(1_001), Timestamp(1_000_001));
        assert_eq!(settings.park_time(3_000), Timestamp(1_002_000));
    }

    #[test]
    fn time_never_goes_back() {
        let mut clock = Clock::new(ClockSettings::default());
        assert_eq!(clock.at(500), Timestamp(500));
        assert_eq!(clock.at(400), Timestamp(500));
        assert_eq!(clock.at(501), Timestamp(501));
    }

    #[test]
    fn absurd_settings_saturate() {
        let settings = ClockSettings {
            speed: u32::MAX,
            wall_base_ms: u64::MAX,
            base_ms: 0,
            slow_from_ms: None,
        };
        assert_eq!(settings.park_time(0), Timestamp(0));
        let settings = ClockSettings {
            speed: u32::MAX,
            wall_base_ms: 0,
            base_ms: u64::MAX,
            slow_from_ms: None,
        };
        assert_eq!(settings.park_time(u64::MAX), Timestamp(u64::MAX));
    }
}
