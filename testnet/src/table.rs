//! Plain text tables for people, and numbers as people read them.
//!
//! Figures are rounded here and nowhere else: a shown sum may differ from the sum of what is shown
//! by the last digit.

use std::fmt;

use wattle_market::units::{Money, Price, WattHours};

/// Where a column's text stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// A table that knows its columns; it is laid out when it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    columns: Vec<(String, Align)>,
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Cells(Vec<String>),
    Rule,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let columns = columns
            .iter()
            .map(|(name, align)| ((*name).to_owned(), *align))
            .collect();
        Self {
            columns,
            lines: Vec::new(),
        }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If it has not one cell for each column.
    pub fn row(&mut self, cells: Vec<String>) {
        assert_eq!(
            cells.len(),
            self.columns.len(),
            "a row has a cell for each column"
        );
        self.lines.push(Line::Cells(cells));
    }

    /// Adds a line across, such as above a total.
    pub fn rule(&mut self) {
        self.lines.push(Line::Rule);
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|(name, _)| width(name)).collect();
        for line in &self.lines {
            if let Line::Cells(cells) = line {
                for (widest, cell) in widths.iter_mut().zip(cells) {
                    *widest = (*widest).max(width(cell));
                }
            }
        }
        widths
    }

    fn write_cells(
        &self,
        formatter: &mut fmt::Formatter<'_>,
        cells: &[String],
        widths: &[usize],
    ) -> fmt::Result {
        let mut text = String::new();
        for ((cell, widest), (_, align)) in cells.iter().zip(widths).zip(&self.columns) {
            let blanks = " ".repeat(widest - width(cell));
            if !text.is_empty() {
                text.push_str("  ");
            }
            match align {
                Align::Left => text.extend([cell.as_str(), &blanks]),
                Align::Right => text.extend([&blanks, cell.as_str()]),
            }
        }
        writeln!(formatter, "{}", text.trim_end())
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let across = "-".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
        let headings: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        self.write_cells(formatter, &headings, &widths)?;
        writeln!(formatter, "{across}")?;
        for line in &self.lines {
            match line {
                Line::Cells(cells) => self.write_cells(formatter, cells, &widths)?,
                Line::Rule => writeln!(formatter, "{across}")?,
            }
        }
        Ok(())
    }
}

/// Columns a text takes up on a terminal: Chinese, Japanese and Korean characters take two.
fn width(text: &str) -> usize {
    let is_wide = |character: char| {
        matches!(character, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}')
    };
    text.chars()
        .map(|character| if is_wide(character) { 2 } else { 1 })
        .sum()
}

/// Kilowatt-hours with one decimal and thousands apart: `12,345.6`.
#[must_use]
pub fn kilowatt_hours(energy: WattHours) -> String {
    decimal(i128::from(energy.0), 1_000, 1)
}

/// Yuan with two decimals and thousands apart: `-1,234.56`.
#[must_use]
pub fn yuan(money: Money) -> String {
    decimal(i128::from(money.0), 1_000_000_000, 2)
}

/// Yuan per kilowatt-hour with four decimals: `0.4155`.
#[must_use]
pub fn yuan_per_kwh(price: Price) -> String {
    decimal(i128::from(price.0), 1_000_000, 4)
}

/// A share of a whole in per cent with one decimal, `31.4%`; `-` if there is no whole.
#[must_use]
pub fn per_cent(part: i64, whole: i64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let sign = i128::from(whole.signum());
    decimal(
        i128::from(part) * 100 * sign,
        i128::from(whole.unsigned_abs()),
        1,
    ) + "%"
}

/// `value / unit` with so many decimals, halves away from zero, thousands apart. `unit` is
/// positive.
#[must_use]
pub fn decimal(value: i128, unit: i128, decimals: u32) -> String {
    assert!(unit > 0, "a unit is positive");
    let scale = 10_i128.pow(decimals);
    let magnitude = (value.abs() * scale * 2 + unit) / (2 * unit);
    let sign = if value < 0 && magnitude > 0 { "-" } else { "" };
    let whole = thousands(magnitude / scale);
    if decimals == 0 {
        return format!("{sign}{whole}");
    }
    let places = usize::try_from(decimals).expect("a few decimals");
    format!("{sign}{whole}.{:0places$}", magnitude % scale)
}

/// Digits in groups of three.
fn thousands(value: i128) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_halves_away_from_zero_and_grouped() {
        assert_eq!(kilowatt_hours(WattHours(12_345_649)), "12,345.6");
        assert_eq!(kilowatt_hours(WattHours(12_345_650)), "12,345.7");
        assert_eq!(kilowatt_hours(WattHours(-50)), "-0.1");
        assert_eq!(kilowatt_hours(WattHours(-49)), "0.0");
        assert_eq!(yuan(Money(-1_234_565_000_000)), "-1,234.57");
        assert_eq!(yuan(Money(999_995_000_000)), "1,000.00");
        assert_eq!(yuan_per_kwh(Price(415_500)), "0.4155");
        assert_eq!(yuan(Money(i64::MIN)), "-9,223,372,036.85");
    }

    #[test]
    fn a_share_keeps_the_sign_of_the_quotient() {
        assert_eq!(per_cent(1, 3), "33.3%");
        assert_eq!(per_cent(-1, 3), "-33.3%");
        assert_eq!(per_cent(1, -3), "-33.3%");
        assert_eq!(per_cent(1, 0), "-");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[("Tenant", Align::Left), ("kWh", Align::Right)]);
        table.row(vec!["mill".into(), "12,345.6".into()]);
        table.row(vec!["电信".into(), "7.0".into()]);
        table.rule();
        table.row(vec!["Park".into(), "12,352.6".into()]);
        let expect = "\
Tenant       kWh
----------------
mill    12,345.6
电信         7.0
----------------
Park    12,352.6
";
        assert_eq!(table.to_string(), expect);
    }
}
