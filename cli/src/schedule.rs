//! Entries of a pool schedule as people write them, like `mon-fri 08:00-18:00 enroll ask=0.40`,
//! and files of them.

use std::path::Path;

use serde::Deserialize;
use wattle_ledger::event::ScheduleEntry;
use wattle_market::units::Price;

use crate::amount;
use crate::failure::Failure;
use crate::folder;

/// The ledger's bits, lowest first.
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A file of entries: `entries = ["mon-fri 08:00-18:00 enroll", …]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleFile {
    entries: Vec<String>,
}

/// Reads a file of entries, in the order in which they are tried.
pub(crate) fn read(path: &Path) -> Result<Vec<ScheduleEntry>, Failure> {
    let wrong = |why: String| {
        Failure::usage(
            format!("{} is not a schedule: {why}", path.display()),
            "correct the file; it is TOML like entries = [\"mon-fri 08:00-18:00 enroll ask=0.40\"]",
        )
    };
    let file: ScheduleFile =
        toml::from_str(&folder::read_text(path)?).map_err(|error| wrong(error.to_string()))?;
    let entries = file.entries.iter().map(|text| entry(text).map_err(wrong));
    entries.collect()
}

/// `DAYS FROM-UNTIL enroll|leave [ask=PRICE] [bid=PRICE]`; days are `daily` or a list like
/// `mon-thu,sat`, times are quarters of an hour of the park's clock up to 24:00.
pub(crate) fn entry(text: &str) -> Result<ScheduleEntry, String> {
    let mut words = text.split_whitespace();
    let (Some(days), Some(times), Some(part)) = (words.next(), words.next(), words.next()) else {
        return Err(format!(
            "{text:?} is not an entry; write it like 'mon-fri 08:00-18:00 enroll ask=0.40'"
        ));
    };
    let (from, until) = times
        .split_once('-')
        .ok_or_else(|| format!("{times:?} is not a time of day; write it like 08:00-18:00"))?;
    let mut entry = ScheduleEntry {
        weekdays: weekdays(days)?,
        from_quarter: quarter(from)?,
        until_quarter: quarter(until)?,
        enrolled: match part {
            "enroll" => true,
            "leave" => false,
            other => return Err(format!("{other:?} is neither enroll nor leave")),
        },
        ask_limit: Price(0),
        bid_limit: None,
    };
    let (mut ask, mut bid) = (None, None);
    for word in words {
        let (slot, price) = match word.split_once('=') {
            Some(("ask", price)) => (&mut ask, price),
            Some(("bid", price)) => (&mut bid, price),
            _ => {
                return Err(format!(
                    "{word:?} is not a limit; write it like ask=0.40 or bid=0.60"
                ));
            }
        };
        if slot.replace(amount::price(price)?).is_some() {
            return Err(format!("{word:?} names a limit for the second time"));
        }
    }
    entry.ask_limit = ask.unwrap_or(entry.ask_limit);
    entry.bid_limit = bid;
    Ok(entry)
}

fn weekdays(text: &str) -> Result<u8, String> {
    if text == "daily" {
        return Ok(0x7f);
    }
    text.split(',').try_fold(0, |bits, part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (weekday(first)?, weekday(last)?);
        if first > last {
            return Err(format!(
                "{part:?} runs over the end of the week; name its two parts, like fri-sun,mon"
            ));
        }
        Ok((first..=last).fold(bits, |bits, day| bits | 1 << day))
    })
}

fn weekday(text: &str) -> Result<usize, String> {
    WEEKDAYS
        .iter()
        .position(|name| *name == text)
        .ok_or_else(|| {
            format!("{text:?} is not a weekday; write mon, tue, wed, thu, fri, sat or sun")
        })
}

/// A quarter of the day, 0 to 96.
fn quarter(text: &str) -> Result<u8, String> {
    let wrong = || format!("{text:?} is not a quarter of an hour from 00:00 to 24:00, like 08:15");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return Err(wrong());
    }
    let hour: u8 = hour.parse().map_err(|_| wrong())?;
    let minute: u8 = minute.parse().map_err(|_| wrong())?;
    let is_quarter =
        minute < 60 && minute.is_multiple_of(15) && (hour < 24 || (hour == 24 && minute == 0));
    is_quarter.then(|| hour * 4 + minute / 15).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_days_times_part_and_limits() {
        let full = entry("mon-fri 08:00-18:15 enroll ask=0.40 bid=0.6").unwrap();
        assert_eq!(
            full,
            ScheduleEntry {
                weekdays: 0b001_1111,
                from_quarter: 32,
                until_quarter: 73,
                enrolled: true,
                ask_limit: Price(400_000),
                bid_limit: Some(Price(600_000)),
            }
        );
        let plain = entry(" sat,sun  00:00-24:00 leave").unwrap();
        assert_eq!((plain.weekdays, plain.from_quarter), (0b110_0000, 0));
        assert_eq!((plain.until_quarter, plain.enrolled), (96, false));
        assert_eq!((plain.ask_limit, plain.bid_limit), (Price(0), None));
        assert_eq!(entry("daily 00:00-00:15 enroll").unwrap().weekdays, 127);
    }

    #[test]
    fn entries_that_are_none_are_refused_with_the_reason() {
        let rows = [
            ("", "not an entry"),
            ("mon-fri 08:00-18:00", "not an entry"),
            ("mon 08:00 enroll", "not a time of day"),
            ("monday 08:00-09:00 enroll", "not a weekday"),
            ("fri-mon 08:00-09:00 enroll", "end of the week"),
            ("mon 08:05-09:00 enroll", "not a quarter"),
            ("mon 8:00-09:00 enroll", "not a quarter"),
            ("mon 08:00-24:15 enroll", "not a quarter"),
            ("mon 08:00-09:60 enroll", "not a quarter"),
            ("mon 08:00-09:00 stay", "neither"),
            ("mon 08:00-09:00 enroll 0.4", "not a limit"),
            ("mon 08:00-09:00 enroll ask=x", "not a number"),
            ("mon 08:00-09:00 enroll ask=1 ask=2", "second time"),
        ];
        for (text, reason) in rows {
            let error = entry(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn files_are_lists_of_entries() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("schedule.toml");
        std::fs::write(&path, "entries = [\"daily 06:00-20:00 enroll\"]\n").unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
        for wrong in ["entries = [\"x\"]", "entry = []", "entries = [1]", "["] {
            std::fs::write(&path, wrong).unwrap();
            assert!(read(&path).is_err(), "{wrong}");
        }
    }
}
