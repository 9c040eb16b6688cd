//! What is typed about months: boundary meters and terms before they begin; bills, defaults and
//! invoices after they closed.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use wattle_ledger::keys::PublicKey;
use wattle_market::interval::LocalMonth;
use wattle_market::units::{Money, Price, WattHours};

use super::tenant::WhoArgs;
use crate::amount;
use crate::moment::Moment;

/// `wattle registrar boundary …`.
#[derive(Debug, Subcommand)]
pub(crate) enum BoundaryCommand {
    /// Register a meter at a connection of the park, with the key that signs its readings
    Add(BoundaryAddArgs),
}

/// `wattle registrar boundary add`.
#[derive(Debug, ClapArgs)]
pub(crate) struct BoundaryAddArgs {
    /// What its register counts
    #[arg(long, value_enum)]
    pub(crate) kind: BoundaryKindArg,

    /// Public key of the meter, 64 hexadecimal digits
    #[arg(long = "meter-key", value_name = "KEY")]
    pub(crate) meter_key: PublicKey,

    /// The most it can measure, like 10MW
    #[arg(long, value_name = "POWER", value_parser = amount::power)]
    pub(crate) rated: u32,

    /// The register at the start of the first interval
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy, default_value = "0Wh")]
    pub(crate) register: WattHours,

    /// First interval it measures [default: the next open one]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,

    /// The id [default: the next free one]
    #[arg(long)]
    pub(crate) id: Option<u32>,
}

/// What a boundary meter counts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum BoundaryKindArg {
    /// Taken from the utility
    Import,
    /// Given to the utility
    Export,
}

/// `wattle registrar month-close …`.
#[derive(Debug, Subcommand)]
pub(crate) enum MonthCloseCommand {
    /// Set what months are closed with that begin to be counted at or after an interval
    ///
    /// Put closes in force with `wattle registrar rules activate month-close`, which needs final
    /// runs in force.
    Set(MonthCloseSetArgs),
}

/// `wattle registrar month-close set`.
#[derive(Debug, ClapArgs)]
pub(crate) struct MonthCloseSetArgs {
    /// What a point pays for each kW of its greatest quarter-hour import, CNY
    #[arg(long, value_name = "PRICE", value_parser = demand)]
    pub(crate) demand: Price,

    /// What each point pays for a month, CNY
    #[arg(long, value_name = "CNY", value_parser = amount::money)]
    pub(crate) fee: Money,

    /// The VAT rate that all prices contain, like 13%
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) vat: u32,

    /// Who owns what is collected for the grid beyond the utility's bill: name or id
    #[arg(long, value_name = "NAME|ID")]
    pub(crate) residue_owner: String,

    /// First interval [default: the next open one]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,
}

/// `wattle treasurer …` about closed months.
#[derive(Debug, Subcommand)]
pub(crate) enum TreasurerMonthCommand {
    /// The utility's bill for a closed month
    #[command(subcommand)]
    Bill(BillCommand),
    /// Move the residue to and from its owner
    #[command(subcommand)]
    Residue(ResidueCommand),
    /// A participant who cannot pay for a closed month
    #[command(subcommand)]
    Default(DefaultCommand),
}

/// `wattle treasurer bill …`.
#[derive(Debug, Subcommand)]
pub(crate) enum BillCommand {
    /// Record a bill that was paid; the month's residue follows
    Record(BillRecordArgs),
    /// Take the postings of a bill back that was recorded wrongly
    Reverse {
        /// The month, like 2026-07
        #[arg(long, value_name = "MONTH")]
        month: LocalMonth,
        /// Why, in 1 to 64 bytes
        #[arg(long)]
        reason: String,
    },
}

/// `wattle treasurer bill record`.
#[derive(Debug, ClapArgs)]
pub(crate) struct BillRecordArgs {
    /// The month, like 2026-07
    #[arg(long, value_name = "MONTH")]
    pub(crate) month: LocalMonth,

    /// What the park took, by the utility's count
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
    pub(crate) imported: WattHours,

    /// What the park gave, by the utility's count
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy, default_value = "0Wh")]
    pub(crate) exported: WattHours,

    /// What the park paid, in CNY; below zero: what it was paid
    #[arg(long, value_name = "CNY", value_parser = amount::money, allow_hyphen_values = true)]
    pub(crate) amount: Money,

    /// The bill's number, 1 to 64 bytes
    #[arg(long)]
    pub(crate) reference: String,
}

/// `wattle treasurer residue …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ResidueCommand {
    /// Pay residue to its owner's account
    Pay(ResidueArgs),
    /// Let the owner's account make a deficit good
    Collect(ResidueArgs),
}

/// How much, and what for.
#[derive(Debug, ClapArgs)]
pub(crate) struct ResidueArgs {
    /// How much, in CNY
    #[arg(long, value_name = "CNY", value_parser = amount::money)]
    pub(crate) amount: Money,

    /// What for
    #[arg(long)]
    pub(crate) reference: String,
}

/// `wattle treasurer default …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DefaultCommand {
    /// Let the balancing account and others' gains over the grid bear what he owes for a month
    Declare {
        /// Who: name or id
        #[arg(long, value_name = "NAME|ID")]
        participant: String,
        /// For which closed month, like 2026-07
        #[arg(long, value_name = "MONTH")]
        month: LocalMonth,
    },
    /// Let him order again
    Clear {
        /// Who: name or id
        #[arg(long, value_name = "NAME|ID")]
        participant: String,
    },
}

/// `wattle invoice`.
#[derive(Debug, ClapArgs)]
pub(crate) struct InvoiceArgs {
    /// The month, like 2026-07 [default: the latest that is closed]
    #[arg(long, value_name = "MONTH")]
    pub(crate) month: Option<LocalMonth>,

    #[command(flatten)]
    pub(crate) who: WhoArgs,

    /// How it is written
    #[arg(long, value_enum, default_value_t = InvoiceFormat::Text)]
    pub(crate) format: InvoiceFormat,
}

/// How an invoice is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InvoiceFormat {
    /// A table of its items
    Text,
    /// One line for each item, integers in Wh and nano-yuan
    Csv,
    /// One page without scripts that prints well
    Html,
}

/// CNY per kW, in micro-yuan.
fn demand(text: &str) -> Result<Price, String> {
    amount::price(text.trim_end_matches("CNY/kW"))
}

/// `13`, `13%` or `13.25%`, in basis points.
fn percent(text: &str) -> Result<u32, String> {
    let wrong = || format!("{text:?} is not a rate; write it like 13% or 13.25%");
    let digits = text.trim().trim_end_matches('%').trim_end();
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    if fraction.is_empty() || fraction.len() > 2 {
        return Err(wrong());
    }
    let whole: u32 = whole.parse().map_err(|_| wrong())?;
    let fraction: u32 = format!("{fraction:0<2}").parse().map_err(|_| wrong())?;
    let whole = whole.checked_mul(100).ok_or_else(wrong)?;
    whole.checked_add(fraction).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_percent_with_two_decimals() {
        let rows = [
            ("13", 1_300),
            ("13%", 1_300),
            ("13.5 %", 1_350),
            ("0.01%", 1),
            ("100%", 10_000),
        ];
        for (text, expected) in rows {
            assert_eq!(percent(text), Ok(expected), "{text}");
        }
        for text in ["", "%", "-1%", "13.", "13.125%", "thirteen"] {
            assert!(percent(text).unwrap_err().contains("not a rate"), "{text}");
        }
        assert_eq!(demand("42.5 CNY/kW"), Ok(Price(42_500_000)));
    }
}
