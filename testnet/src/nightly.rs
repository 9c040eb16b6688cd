//! Random days by the thousand: what the property tests hold for a few, held for many.
//!
//! A seed makes a day: a park of a few points, prices, orders with minimums, changes and
//! withdrawals, and meters whose readings lack, come late, are wrong and corrected, contradict
//! themselves, or start anew. The real ledger lives through it up to the final run of its month.
//! Then everything that must hold of any day is checked, and a day that fails says its seed.

mod day;
mod outcome;
mod reference;

use std::fmt;

use crate::doctor::Numbers;

pub use outcome::Lived;

/// Auctions that a day compares with the reference, beside those of its park.
const AUCTIONS_A_DAY: usize = 20;

/// What so many days came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Nights {
    /// Days.
    pub days: u64,
    /// Entries of all logs, each verified from the genesis on.
    pub entries: u64,
    /// Settled intervals.
    pub settled: u64,
    /// Points' intervals that a final run adjusted.
    pub adjusted: u64,
    /// Gates that traded something.
    pub traded: u64,
    /// Points' intervals settled on a substitute at first.
    pub substituted: u64,
    /// Auctions that were compared with the reference.
    pub auctions: u64,
}

/// A day that does not hold what every day must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The day's seed.
    pub seed: u64,
    /// What does not hold.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "seed {}: {}; again with: wattle-testnet nightly --days 1 --seed {}",
            self.seed, self.what, self.seed
        )
    }
}

impl std::error::Error for Broken {}

impl Nights {
    /// Lives through the day of a seed and checks it.
    ///
    /// # Errors
    /// [`Broken`]: what does not hold.
    pub fn live(&mut self, seed: u64) -> Result<(), Broken> {
        let broken = |what: String| Broken { seed, what };
        let mut numbers = Numbers::from_seed(seed);
        for _ in 0..AUCTIONS_A_DAY {
            reference::compare(&mut numbers).map_err(broken)?;
            self.auctions += 1;
        }
        let day = day::Day::random(&mut numbers);
        let lived = day.live(day::Knowledge::BitByBit).map_err(broken)?;
        lived.check(&mut numbers).map_err(broken)?;
        let at_once = day.live(day::Knowledge::AtOnce).map_err(broken)?;
        lived.compare(&at_once).map_err(broken)?;
        self.days += 1;
        self.entries += lived.entries + at_once.entries;
        self.settled += lived.settled;
        self.adjusted += lived.adjusted;
        self.traded += lived.traded;
        self.substituted += lived.substituted;
        self.auctions += lived.auctions;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use day::{Day, Knowledge};

    fn lived(seed: u64, knowledge: Knowledge) -> Lived {
        let day = Day::random(&mut Numbers::from_seed(seed));
        day.live(knowledge).unwrap()
    }

    #[test]
    fn day_that_is_not_the_same_is_told_from_it() {
        let (one, at_once) = (lived(1, Knowledge::BitByBit), lived(1, Knowledge::AtOnce));
        assert_eq!(one.compare(&at_once), Ok(()));
        assert!(one.adjusted > 0 && at_once.adjusted == 0);
        let difference = one.compare(&lived(2, Knowledge::AtOnce)).unwrap_err();
        assert!(difference.contains("not one run"), "{difference}");
    }

    #[test]
    fn posting_that_is_a_nano_yuan_off_is_found() {
        let mut lived = lived(1, Knowledge::BitByBit);
        assert_eq!(lived.check(&mut Numbers::from_seed(9)), Ok(()));
        lived.tamper();
        let found = lived.check(&mut Numbers::from_seed(9)).unwrap_err();
        assert!(found.contains("sum to 1"), "{found}");
    }

    #[test]
    fn broken_day_says_how_to_repeat_it() {
        let broken = Broken {
            seed: 77,
            what: "it rained".to_owned(),
        };
        let text = broken.to_string();
        assert!(text.ends_with("nightly --days 1 --seed 77"), "{text}");
    }
}
