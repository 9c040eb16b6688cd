//! What tenants type.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use wattle_ledger::event::OrderId;
use wattle_market::units::{Price, WattHours};

use super::regulator::ExportArgs;
use super::trading::{CancelAllArgs, ChangeArgs, PoolScheduleArgs};
use crate::amount;
use crate::moment::{Moment, Month};

/// `wattle key …`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key and print its public half, which the registrar needs
    New {
        /// Store it unencrypted: for machines that must act alone
        #[arg(long)]
        no_passphrase: bool,
    },
    /// Print the public half of one's key
    Show,
    /// Let a new key take over: it is made, both sign, and the old one ends
    ///
    /// The old file is kept beside the new one. An interrupted rotation is taken up again by
    /// repeating the command.
    Rotate {
        /// Store the new key unencrypted
        #[arg(long)]
        no_passphrase: bool,
    },
}

/// `wattle order …`.
#[derive(Debug, Subcommand)]
pub(crate) enum OrderCommand {
    /// Place an order for a delivery interval, or the same one for several
    Place(PlaceArgs),
    /// Take orders back; they are firm in the last five minutes before the gate
    Cancel(CancelArgs),
    /// Give an open order another quantity and limit; it keeps its id
    Change(ChangeArgs),
    /// Take back all open orders that are not firm yet
    CancelAll(CancelAllArgs),
    /// List one's open orders
    List(WhoArgs),
}

/// Buy or sell.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SideArg {
    /// Take energy
    Buy,
    /// Give energy
    Sell,
}

/// `wattle order place`.
#[derive(Debug, ClapArgs)]
pub(crate) struct PlaceArgs {
    /// The point that gives or takes the energy
    #[arg(long)]
    pub(crate) point: u32,

    /// Start of the delivery interval: 2026-11-24T10:00 in the park's clock, or with an offset
    #[arg(long, value_name = "TIME")]
    pub(crate) interval: Moment,

    /// The same order for so many intervals in a row
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u16).range(1..=768))]
    pub(crate) intervals: u16,

    /// Buy or sell
    #[arg(long, value_enum)]
    pub(crate) side: SideArg,

    /// Energy in one interval, like 12.5kWh or 12500Wh
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
    pub(crate) quantity: WattHours,

    /// The worst price accepted, in CNY/kWh
    #[arg(long, value_name = "PRICE", value_parser = amount::price, allow_hyphen_values = true)]
    pub(crate) limit: Price,

    /// The least it accepts of its quantity: so much or more, or nothing
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
    pub(crate) minimum: Option<WattHours>,

    /// All of its quantity or nothing
    #[arg(long, conflicts_with = "minimum")]
    pub(crate) fill_or_kill: bool,

    /// Trade at once what can trade, and cancel the rest; for continuous intervals
    #[arg(long)]
    pub(crate) immediate: bool,

    /// Show what it can cost at most; sign and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `wattle order cancel`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CancelArgs {
    /// Ids of orders (KEY-SEQUENCE-ITEM), as `order place` and `order list` print them
    #[arg(value_name = "ORDER", required = true)]
    pub(crate) orders: Vec<OrderId>,
}

/// Whose data.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct WhoArgs {
    /// Whose: name or id [default: the participant of the key]
    #[arg(long, value_name = "NAME|ID")]
    pub(crate) participant: Option<String>,
}

/// From when to when.
#[derive(Debug, Clone, ClapArgs)]
pub(crate) struct PeriodArgs {
    /// First delivery interval [default: a day before the next gate]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,

    /// Last delivery interval [default: the one whose gate closes next]
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Moment>,
}

/// Whose data, from when to when.
#[derive(Debug, ClapArgs)]
pub(crate) struct RangeArgs {
    #[command(flatten)]
    pub(crate) who: WhoArgs,
    #[command(flatten)]
    pub(crate) period: PeriodArgs,
}

/// `wattle statement`.
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct StatementArgs {
    #[command(subcommand)]
    pub(crate) command: Option<StatementCommand>,

    #[command(flatten)]
    pub(crate) range: RangeArgs,

    /// A whole month of the park's clock instead of --from and --to
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["from", "to"])]
    pub(crate) month: Option<Month>,

    /// A table, one line for each point and interval for a spreadsheet, or a page to print
    #[arg(long, value_enum, default_value_t = StatementFormat::Text)]
    pub(crate) format: StatementFormat,
}

/// How a statement is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatementFormat {
    /// Tables by day and by kind of posting
    Text,
    /// One line for each point and interval, integers in Wh, micro-yuan per kWh and nano-yuan
    Csv,
    /// One page without scripts that prints well
    Html,
}

/// `wattle statement …`.
#[derive(Debug, Subcommand)]
pub(crate) enum StatementCommand {
    /// Take one amount apart: down to signed readings and orders, offline from an export
    ///
    /// The export is verified first. Then the interval is settled again from the signed readings
    /// and orders, and every figure is compared with the ledger's. Exit code 5 where one differs.
    Explain(ExplainArgs),
}

/// `wattle statement explain`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) export: ExportArgs,

    /// The point
    #[arg(long)]
    pub(crate) point: u32,

    /// Start of the delivery interval: 2026-11-24T10:00 in the park's clock, or with an offset
    #[arg(long, value_name = "TIME")]
    pub(crate) interval: Moment,
}

/// `wattle book`.
#[derive(Debug, ClapArgs)]
pub(crate) struct BookArgs {
    /// The delivery interval [default: the one whose gate closes next]
    #[arg(long, value_name = "TIME")]
    pub(crate) interval: Option<Moment>,
}

/// `wattle pool …`.
#[derive(Debug, Subcommand)]
pub(crate) enum PoolCommand {
    /// Enroll a point or take it out, with its limits, from the next open gate on
    Set(PoolSetArgs),
    /// Say by weekday and time of day how a point takes part, from the next open gate on
    Schedule(PoolScheduleArgs),
}

/// `wattle pool set`.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("part").required(true))]
pub(crate) struct PoolSetArgs {
    /// The point
    #[arg(long)]
    pub(crate) point: u32,

    /// It takes part
    #[arg(long, group = "part")]
    pub(crate) enroll: bool,

    /// It does not take part
    #[arg(long, group = "part")]
    pub(crate) leave: bool,

    /// The least it wants for surplus, in CNY/kWh; what feed-in would bring is never gone below
    #[arg(long, value_name = "PRICE", value_parser = amount::price, default_value = "0")]
    pub(crate) ask_limit: Price,

    /// The most it pays for need, in CNY/kWh [default: whatever saves money]
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) bid_limit: Option<Price>,
}

/// `wattle outbox …`.
#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// List signed events that have no outcome yet
    List,
    /// Send them again; none acts twice
    Resend,
}
