//! The bundled extract of SimBench's profiles: per-unit values by local time.
//!
//! Origin, licence (ODbL 1.0) and every change made are in `datasets/simbench/SOURCE.md`, which is
//! also [`NOTICE`].

use jiff::civil::Date;
use wattle_market::units::WattHours;

/// Attribution, licence and list of changes of the bundled data.
pub const NOTICE: &str = include_str!("../../datasets/simbench/SOURCE.md");

/// Quarter hours in a day. Neither bundled span contains a change of the clock.
pub const INTERVALS_PER_DAY: usize = 96;

/// One per unit, as the integer that [`Span::column`] counts in: the data has five decimals.
pub const ONE_PER_UNIT: i64 = 100_000;

const SUMMER: &str = include_str!("../../datasets/simbench/simbench_2016_summer.csv");
const WINTER: &str = include_str!("../../datasets/simbench/simbench_2016_winter.csv");

/// A run of whole days of the extract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// First day of the span, on the data's local clock.
    pub first_day: Date,
    /// Number of whole days.
    pub days: usize,
    columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    name: String,
    values: Vec<i64>,
}

impl Span {
    /// The per-unit values of a column (`load.G3-M`, `pv.PV2`), in units of 1/[`ONE_PER_UNIT`], 96
    /// a day, or `None` if the extract has no such column.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&[i64]> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .map(|column| &column.values[..])
    }

    /// How many days after the first `day` is, if the span contains it.
    #[must_use]
    pub fn day_offset(&self, day: Date) -> Option<usize> {
        let elapsed = self.first_day.until(day).ok()?.get_days();
        usize::try_from(elapsed)
            .ok()
            .filter(|offset| *offset < self.days)
    }

    /// The last day of the span.
    #[must_use]
    pub fn last_day(&self) -> Date {
        let days = i64::try_from(self.days).expect("a span has a few days") - 1;
        self.first_day.saturating_add(jiff::Span::new().days(days))
    }
}

/// The bundled spans, in order of time.
///
/// # Panics
/// If the bundled files do not have the form that SOURCE.md states: they are part of the program.
#[must_use]
pub fn spans() -> Vec<Span> {
    [WINTER, SUMMER]
        .map(|text| read(text).expect("the bundled extract is well formed"))
        .into()
}

/// Energy of a quarter hour at a per-unit power: `per_unit × rated power ÷ 4`, rounded to the
/// nearest watt-hour, halves up. `per_unit` counts 1/[`ONE_PER_UNIT`] and must not be negative;
/// `rated_watts` is at most 10⁹.
#[must_use]
pub fn energy(per_unit: i64, rated_watts: i64) -> WattHours {
    assert!(
        per_unit >= 0,
        "a per-unit power of the extract is not negative"
    );
    assert!(
        (0..=1_000_000_000).contains(&rated_watts),
        "a rated power is below a gigawatt"
    );
    let divisor = 4 * ONE_PER_UNIT;
    WattHours((per_unit * rated_watts + divisor / 2) / divisor)
}

/// Reads one of the bundled files; `None` if it is not of the stated form.
fn read(text: &str) -> Option<Span> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next()?.split(',').collect();
    if header.first() != Some(&"time") {
        return None;
    }
    let mut columns: Vec<Column> = header[1..]
        .iter()
        .map(|name| Column {
            name: (*name).to_owned(),
            values: Vec::new(),
        })
        .collect();
    let mut first_day = None;
    let mut rows = 0_usize;
    for line in lines {
        let (time, values) = line.split_once(',')?;
        let (date, clock) = time.split_once('T')?;
        let (hour, minute) = clock.split_once(':')?;
        let quarter = hour.parse::<usize>().ok()? * 4 + minute.parse::<usize>().ok()? / 15;
        let date: Date = date.parse().ok()?;
        let first = *first_day.get_or_insert(date);
        // Every row must stand where its time stamp says, or a missing row would shift all later
        // ones.
        let days = usize::try_from(first.until(date).ok()?.get_days()).ok()?;
        if days * INTERVALS_PER_DAY + quarter != rows {
            return None;
        }
        rows += 1;
        let mut fields = values.split(',');
        for column in &mut columns {
            column.values.push(per_unit(fields.next()?)?);
        }
        if fields.next().is_some() {
            return None;
        }
    }
    if rows == 0 || !rows.is_multiple_of(INTERVALS_PER_DAY) {
        return None;
    }
    Some(Span {
        first_day: first_day?,
        days: rows / INTERVALS_PER_DAY,
        columns,
    })
}

/// Reads `0`, `1` or `0.12345` (up to five decimals) as a multiple of 1/[`ONE_PER_UNIT`], without a
/// float.
fn per_unit(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 1 || fraction.len() > 5 || !digits(whole) || !digits(fraction) {
        return None;
    }
    format!("{whole}{fraction:0<5}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_exactly() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1", Some(100_000)),
            ("0.5", Some(50_000)),
            ("0.00001", Some(1)),
            ("0.43566", Some(43_566)),
            ("0.435661", None),
            ("-0.1", None),
            ("nan", None),
            ("1e-3", None),
            ("", None),
            (".5", None),
        ] {
            assert_eq!(per_unit(text), expected, "{text}");
        }
    }

    #[test]
    fn energy_is_rounded_to_the_nearest_watt_hour_halves_up() {
        assert_eq!(energy(ONE_PER_UNIT, 1_800_000), WattHours(450_000));
        assert_eq!(
            energy(50_000, 4),
            WattHours(1),
            "half a watt-hour is rounded up"
        );
        assert_eq!(energy(49_999, 4), WattHours(0));
        assert_eq!(energy(43_566, 1_800_000), WattHours(196_047));
    }

    #[test]
    fn bundled_spans_are_whole_days_of_the_stated_dates() {
        let spans = spans();
        let summary: Vec<_> = spans
            .iter()
            .map(|span| (span.first_day.to_string(), span.days))
            .collect();
        assert_eq!(
            summary,
            [("2016-01-11".to_owned(), 7), ("2016-07-01".to_owned(), 14)]
        );
        assert_eq!(spans[1].last_day().to_string(), "2016-07-14");
        for span in &spans {
            assert_eq!(
                span.column("load.G3-M").unwrap().len(),
                span.days * INTERVALS_PER_DAY
            );
            assert!(span.column("load.unknown").is_none());
        }
    }

    #[test]
    fn a_file_with_a_missing_row_is_refused() {
        let mut lines: Vec<&str> = WINTER.lines().collect();
        assert!(read(&lines.join("\n")).is_some());
        lines.remove(50);
        assert!(read(&lines.join("\n")).is_none());
    }
}
