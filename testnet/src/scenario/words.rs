//! The words of a statement, read one after the other.

use std::iter::Peekable;
use std::vec::IntoIter;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use wattle_ledger::registration::MeterKind;
use wattle_ledger::rejection::Rejection;
use wattle_ledger::state::registers::Ratio;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::settlement::PostingKind;
use wattle_market::units::{Money, Price, WattHours};

use crate::profile::PARK_UTC_OFFSET_MINUTES;

/// Why a statement cannot be read.
pub(super) type Unreadable = String;

/// What the last column of a statement says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Rejected(Rejection),
}

/// A statement's words.
#[derive(Debug, Clone)]
pub(super) struct Words {
    words: Peekable<IntoIter<String>>,
}

impl Words {
    /// The words of a line; what follows a `#` is a comment.
    pub(super) fn of(line: &str) -> Self {
        let statement = line.split('#').next().unwrap_or_default();
        let words: Vec<String> = statement.split_whitespace().map(str::to_owned).collect();
        Self {
            words: words.into_iter().peekable(),
        }
    }

    pub(super) fn is_empty(&mut self) -> bool {
        self.words.peek().is_none()
    }

    /// The next word, which must be there.
    pub(super) fn word(&mut self, what: &str) -> Result<String, Unreadable> {
        self.words
            .next()
            .ok_or_else(|| format!("{what} is missing"))
    }

    /// Whether the next word is this one, which is then read.
    pub(super) fn take(&mut self, word: &str) -> bool {
        self.words.next_if(|next| next == word).is_some()
    }

    /// The next word, which must be this one.
    pub(super) fn must(&mut self, word: &str) -> Result<(), Unreadable> {
        match self.words.next() {
            Some(next) if next == word => Ok(()),
            Some(next) => Err(format!("{word:?} must stand where {next:?} does")),
            None => Err(format!("{word:?} is missing at the end")),
        }
    }

    /// Nothing must follow.
    pub(super) fn end(&mut self) -> Result<(), Unreadable> {
        match self.words.next() {
            Some(next) => Err(format!("{next:?} has no meaning here")),
            None => Ok(()),
        }
    }

    /// The last column; without one the action must be accepted.
    pub(super) fn verdict(&mut self) -> Result<Verdict, Unreadable> {
        let verdict = if self.take("rejected") {
            let name = self.word("the name of the refusal")?;
            let known = Rejection::ALL.iter().find(|known| known.name() == name);
            let known = known.ok_or_else(|| {
                format!("{name:?} is no refusal; RULES.md, section 3, has their names")
            })?;
            Verdict::Rejected(*known)
        } else {
            self.take("accepted");
            Verdict::Accepted
        };
        self.end()?;
        Ok(verdict)
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, Unreadable> {
        let word = self.word(what)?;
        word.parse()
            .map_err(|_| format!("{word:?} is no number for {what}"))
    }

    /// `12.5kWh` or `12500Wh`, of either sign.
    pub(super) fn energy(&mut self, what: &str) -> Result<WattHours, Unreadable> {
        let word = self.word(what)?;
        let read = match (word.strip_suffix("kWh"), word.strip_suffix("Wh")) {
            (Some(number), _) => decimal(number, 3),
            (None, Some(number)) => decimal(number, 0),
            (None, None) => None,
        };
        let wrong = || format!("{word:?} is no energy for {what}; write it like 12.5kWh");
        read.map(WattHours).ok_or_else(wrong)
    }

    /// `100kW` or `250W`.
    pub(super) fn power(&mut self, what: &str) -> Result<u32, Unreadable> {
        let word = self.word(what)?;
        let read = match (word.strip_suffix("kW"), word.strip_suffix("W")) {
            (Some(number), _) => decimal(number, 3),
            (None, Some(number)) => decimal(number, 0),
            (None, None) => None,
        };
        let wrong = || format!("{word:?} is no power for {what}; write it like 100kW");
        read.and_then(|watts| u32::try_from(watts).ok())
            .ok_or_else(wrong)
    }

    /// CNY/kWh with at most six decimals.
    pub(super) fn price(&mut self, what: &str) -> Result<Price, Unreadable> {
        let word = self.word(what)?;
        let wrong = || format!("{word:?} is no price for {what}; write CNY/kWh like 0.55");
        decimal(&word, 6).map(Price).ok_or_else(wrong)
    }

    /// CNY with at most nine decimals, of either sign.
    pub(super) fn money(&mut self, what: &str) -> Result<Money, Unreadable> {
        let word = self.word(what)?;
        let wrong = || format!("{word:?} is no amount for {what}; write CNY like 12.50");
        decimal(&word, 9).map(Money).ok_or_else(wrong)
    }

    /// `numerator/denominator`.
    pub(super) fn ratio(&mut self) -> Result<Ratio, Unreadable> {
        let word = self.word("a ratio")?;
        let parts = word.split_once('/');
        let parts = parts.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
        let (numerator, denominator) =
            parts.ok_or_else(|| format!("{word:?} is no ratio; write it like 40/1"))?;
        Ok(Ratio {
            numerator,
            denominator,
        })
    }

    pub(super) fn kind(&mut self) -> Result<MeterKind, Unreadable> {
        let word = self.word("a kind of meter")?;
        Ok(match word.as_str() {
            "generation" => MeterKind::Generation,
            "load" => MeterKind::Load,
            "charge" => MeterKind::Charge,
            "discharge" => MeterKind::Discharge,
            "import" => MeterKind::Import,
            "export" => MeterKind::Export,
            _ => {
                return Err(format!(
                    "{word:?} is no kind of meter: generation, load, charge, discharge, import, \
                     export"
                ));
            }
        })
    }

    pub(super) fn posting(&mut self) -> Result<PostingKind, Unreadable> {
        let word = self.word("a kind of posting")?;
        Ok(match word.as_str() {
            "forward" => PostingKind::Forward,
            "pool" => PostingKind::Pool,
            "grid" => PostingKind::Grid,
            "balancing" => PostingKind::Balancing,
            "wheeling" => PostingKind::Wheeling,
            "replacement" => PostingKind::Replacement,
            _ => {
                return Err(format!(
                    "{word:?} is no kind of posting: forward, pool, grid, balancing, wheeling, \
                     replacement"
                ));
            }
        })
    }

    /// A moment of the park's clock: `2026-07-01T12:00`, or `12:00` of the day that is spoken of.
    pub(super) fn moment(&mut self, day: DeliveryInterval) -> Result<Timestamp, Unreadable> {
        let word = self.word("a time")?;
        let wrong =
            || format!("{word:?} is no time of the park's clock; write 12:00 or 2026-07-01T12:00");
        let moment: DateTime = if word.contains('T') {
            word.parse().map_err(|_| wrong())?
        } else {
            let time: Time = word.parse().map_err(|_| wrong())?;
            date(day).ok_or_else(wrong)?.to_datetime(time)
        };
        let offset = offset().to_timestamp(moment).ok();
        let time = offset.and_then(|time| u64::try_from(time.as_millisecond()).ok());
        time.map(Timestamp).ok_or_else(wrong)
    }

    /// The interval that starts at a moment.
    pub(super) fn interval(
        &mut self,
        day: DeliveryInterval,
    ) -> Result<DeliveryInterval, Unreadable> {
        let start = self.moment(day)?;
        let interval = DeliveryInterval::containing(start);
        if interval.start() == start {
            Ok(interval)
        } else {
            Err("an interval starts at :00, :15, :30 or :45".to_owned())
        }
    }
}

fn offset() -> Offset {
    let seconds = i32::from(PARK_UTC_OFFSET_MINUTES) * 60;
    Offset::from_seconds(seconds).expect("the park's clock is within a day of UTC")
}

/// The day of the park's clock that an interval starts on.
fn date(interval: DeliveryInterval) -> Option<Date> {
    let start = i64::try_from(interval.start().0).ok()?;
    let start = jiff::Timestamp::from_millisecond(start).ok()?;
    Some(offset().to_datetime(start).date())
}

/// A decimal number as an integer of its `decimals`-th parts; none if it has more of them.
fn decimal(text: &str, decimals: usize) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix(['-', '+']) {
        Some(digits) if text.starts_with('-') => (-1, digits),
        Some(digits) => (1, digits),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > decimals || !are_digits(whole) || !are_digits(part) {
        return None;
    }
    let scaled = format!("{whole}{part:0<decimals$}");
    scaled.parse::<i64>().ok().map(|scaled| sign * scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly_or_not_at_all() {
        let energy = |text| Words::of(text).energy("it").ok();
        assert_eq!(energy("12.5kWh"), Some(WattHours(12_500)));
        assert_eq!(energy("-3Wh"), Some(WattHours(-3)));
        assert_eq!(energy("0.0001kWh"), None);
        assert_eq!(energy("1.5Wh"), None);
        assert_eq!(energy("12"), None);
        let money = |text| Words::of(text).money("it").ok();
        assert_eq!(money("-0.000000001"), Some(Money(-1)));
        assert_eq!(money("1.0000000001"), None);
        assert_eq!(money("1e3"), None);
        assert_eq!(Words::of("nan").price("it").ok(), None);
    }

    #[test]
    fn times_are_those_of_the_park_s_clock() {
        let noon = DeliveryInterval(1_980_928 + 48);
        let read = |text| Words::of(text).interval(noon);
        assert_eq!(read("12:00"), Ok(noon));
        assert_eq!(read("2026-07-02T00:15"), Ok(noon.plus(49)));
        assert!(read("12:05").unwrap_err().contains(":15"));
        assert!(read("noon").unwrap_err().contains("no time"));
    }

    #[test]
    fn last_column_is_a_verdict() {
        let verdict = |text| Words::of(text).verdict();
        assert_eq!(verdict("# nothing"), Ok(Verdict::Accepted));
        let closed = Verdict::Rejected(Rejection::GateClosed);
        assert_eq!(verdict("rejected gate_closed # late"), Ok(closed));
        assert!(verdict("rejected gate_shut").is_err());
        assert!(verdict("accepted twice").is_err());
    }
}
