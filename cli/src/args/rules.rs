//! What registrars type beyond the registry: rules, corrections, the lives of meters and points,
//! affiliates and the market.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use wattle_ledger::keys::PublicKey;
use wattle_ledger::state::registers::Ratio;
use wattle_market::units::{Price, WattHours};

use super::certificate::RegistrarCertificateCommand;
use super::months::{BoundaryCommand, MonthCloseCommand};
use crate::amount;
use crate::moment::Moment;

/// `wattle registrar …`, beside the commands of the registry itself.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistrarRulesCommand {
    /// Put sets of rules in force
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Correct what a meter signed
    #[command(subcommand)]
    Reading(ReadingCommand),
    /// Record that a meter's register started anew within an interval
    MeterReset(MeterResetArgs),
    /// Record that another device, with a key of its own, took a meter's place
    MeterReplace(MeterReplaceArgs),
    /// Set a meter's transformer ratio from the start of an interval on
    MeterRatio(MeterRatioArgs),
    /// Let a meter measure another point from an interval on, as when a tenant moves out
    MeterAssign(MeterAssignArgs),
    /// End a point: it takes no part from an interval on
    PointEnd(PointEndArgs),
    /// Meters at the park's connections to the utility, which measure no point
    #[command(subcommand)]
    Boundary(BoundaryCommand),
    /// Demand price, fixed fee, VAT and residue of months to come
    #[command(subcommand)]
    MonthClose(MonthCloseCommand),
    /// Participants that count as one where orders cross
    #[command(subcommand)]
    Affiliates(AffiliatesCommand),
    /// Halt and resume the market, and bound its prices
    #[command(subcommand)]
    Market(MarketCommand),
    /// Stored generation, withdrawals, and units registered elsewhere
    #[command(subcommand)]
    Certificate(RegistrarCertificateCommand),
    /// Follow another park's log, or give a followed log another policy
    ///
    /// Nodes with a key of their own (`registrar key add --node`) record the log's checkpoints in
    /// this park's; every node judges them by this policy. Take it from the other park's founder.
    Follow {
        /// The other log's policy (C2SP tlog-policy), as `wattle park init` or `wattle log policy`
        /// made it there
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
    },
}

/// `wattle registrar rules …`.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Put a set of rules in force from an interval on; it never ends again
    Activate {
        /// Which rules
        #[arg(value_enum)]
        rules: RulesArg,
        /// First interval [default: the next open one; for joint auctions the first of a day]
        #[arg(long, value_name = "TIME")]
        from: Option<Moment>,
    },
}

/// A set of rules.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RulesArg {
    /// A final run a month after delivery; meter keys that contradict themselves freeze
    FinalRuns,
    /// A price index of each local delivery day
    PriceIndex,
    /// Certificates that move, cover use, expire and become units of 1,000 kWh
    Certificates,
    /// Demand charges, fees and invoices when a month closes; payouts in whole fen
    MonthClose,
    /// A joint auction at noon for each day ahead, from the first interval of a local day on
    JointAuction,
}

/// `wattle registrar reading …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ReadingCommand {
    /// Put another register in the place of a recorded one; the meter's reading stays in the log
    Correct(ReadingCorrectArgs),
}

/// `wattle registrar reading correct`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ReadingCorrectArgs {
    /// The meter
    #[arg(long)]
    pub(crate) meter: u32,

    /// Start of the interval at whose end the register stood
    #[arg(long, value_name = "TIME")]
    pub(crate) interval: Moment,

    /// The right register
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
    pub(crate) register: WattHours,

    /// Why, in 1 to 64 bytes; everyone who reads the log reads it
    #[arg(long)]
    pub(crate) reason: String,
}

/// `wattle registrar meter-reset`.
#[derive(Debug, ClapArgs)]
pub(crate) struct MeterResetArgs {
    /// The meter
    #[arg(long)]
    pub(crate) meter: u32,

    /// Start of the interval in whose course it happened
    #[arg(long, value_name = "TIME")]
    pub(crate) interval: Moment,

    /// The register just before
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
    pub(crate) last: WattHours,

    /// The register just after
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy, default_value = "0Wh")]
    pub(crate) start: WattHours,
}

/// `wattle registrar meter-replace`.
#[derive(Debug, ClapArgs)]
pub(crate) struct MeterReplaceArgs {
    /// The meter, whose id, point, kind and rating stay
    #[arg(long)]
    pub(crate) meter: u32,

    /// Start of the interval in whose course it happened
    #[arg(long, value_name = "TIME")]
    pub(crate) interval: Moment,

    /// The old device's last register
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
    pub(crate) last: WattHours,

    /// The new device's first register
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy, default_value = "0Wh")]
    pub(crate) start: WattHours,

    /// The transformer ratio from there on, like 400/5
    #[arg(long, value_name = "N/M", value_parser = ratio, default_value = "1/1")]
    pub(crate) ratio: Ratio,

    /// Public key of the new device, 64 hexadecimal digits
    #[arg(long = "meter-key", value_name = "KEY")]
    pub(crate) meter_key: PublicKey,
}

/// `wattle registrar meter-ratio`.
#[derive(Debug, ClapArgs)]
pub(crate) struct MeterRatioArgs {
    /// The meter
    #[arg(long)]
    pub(crate) meter: u32,

    /// First interval
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Moment,

    /// The register at its start
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
    pub(crate) register: WattHours,

    /// The transformer ratio from there on, like 400/5
    #[arg(long, value_name = "N/M", value_parser = ratio)]
    pub(crate) ratio: Ratio,
}

/// `wattle registrar meter-assign`.
#[derive(Debug, ClapArgs)]
pub(crate) struct MeterAssignArgs {
    /// The meter
    #[arg(long)]
    pub(crate) meter: u32,

    /// The other point
    #[arg(long)]
    pub(crate) point: u32,

    /// First interval [default: the next open one]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,
}

/// `wattle registrar point-end`.
#[derive(Debug, ClapArgs)]
pub(crate) struct PointEndArgs {
    /// The point
    #[arg(long)]
    pub(crate) point: u32,

    /// First interval without it [default: the next open one]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,
}

/// `wattle registrar affiliates …`.
#[derive(Debug, Subcommand)]
pub(crate) enum AffiliatesCommand {
    /// Name all members of a group; orders of two of them never meet
    #[command(group = clap::ArgGroup::new("whom").required(true))]
    Set {
        /// Number of the group
        #[arg(long)]
        group: u16,
        /// A member: name or id; once for each, 2 to 64
        #[arg(long = "member", value_name = "NAME|ID", group = "whom")]
        members: Vec<String>,
        /// The group has no members any more
        #[arg(long, group = "whom")]
        dissolve: bool,
    },
}

/// `wattle registrar market …`.
#[derive(Debug, Subcommand)]
pub(crate) enum MarketCommand {
    /// Take no orders and hold no auctions from an interval on; what was traded stays
    Halt {
        /// First interval [default: the next open one]
        #[arg(long, value_name = "TIME")]
        from: Option<Moment>,
        /// First interval that is not halted [default: until the market is resumed]
        #[arg(long, value_name = "TIME")]
        until: Option<Moment>,
    },
    /// End every halt
    Resume {
        /// First interval that is not halted [default: the next open one]
        #[arg(long, value_name = "TIME")]
        from: Option<Moment>,
    },
    /// Set the least and the greatest limit of an order
    Bounds {
        /// First interval [default: the next open one]
        #[arg(long, value_name = "TIME")]
        from: Option<Moment>,
        /// The least limit, CNY/kWh
        #[arg(long, value_name = "PRICE", value_parser = amount::price)]
        floor: Price,
        /// The greatest limit, CNY/kWh
        #[arg(long, value_name = "PRICE", value_parser = amount::price)]
        cap: Price,
    },
    /// Set how orders meet from an interval on that nobody has orders or trades for
    Mode {
        /// How orders meet
        #[arg(value_enum)]
        mode: ModeArg,
        /// First interval [default: the next open one]
        #[arg(long, value_name = "TIME")]
        from: Option<Moment>,
    },
}

/// How orders meet.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ModeArg {
    /// All at once at the gate, at one price
    CallAuction,
    /// Each as it is recorded, at the price of the order that rested
    Continuous,
}

/// `400/5`, or `80` for 80/1. Which ratios are allowed is the ledger's to say.
fn ratio(text: &str) -> Result<Ratio, String> {
    let wrong = || format!("{text:?} is not a ratio; write it like 400/5 or 80");
    let (numerator, denominator) = text.split_once('/').unwrap_or((text, "1"));
    Ok(Ratio {
        numerator: numerator.trim().parse().map_err(|_| wrong())?,
        denominator: denominator.trim().parse().map_err(|_| wrong())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_two_numbers_or_one() {
        let of = |numerator, denominator| {
            Ok(Ratio {
                numerator,
                denominator,
            })
        };
        assert_eq!(ratio("400/5"), of(400, 5));
        assert_eq!(ratio("80"), of(80, 1));
        assert_eq!(ratio("400 / 5"), of(400, 5));
        for text in ["", "/", "400/", "4.5", "-1/1", "4/5/6"] {
            assert!(ratio(text).unwrap_err().contains("not a ratio"), "{text}");
        }
    }
}
