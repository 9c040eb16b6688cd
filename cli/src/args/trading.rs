//! What tenants type beyond the plain order: changes, delegated keys and schedules.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand};
use wattle_ledger::event::{OrderId, ScheduleEntry};
use wattle_ledger::keys::PublicKey;
use wattle_market::units::{Money, Price, WattHours};

use crate::amount;
use crate::moment::Moment;
use crate::schedule;

/// `wattle order change`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ChangeArgs {
    /// Id of the open order (KEY-SEQUENCE-ITEM), which it keeps
    #[arg(value_name = "ORDER")]
    pub(crate) order: OrderId,

    /// Energy from now on, like 12.5kWh or 12500Wh
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
    pub(crate) quantity: WattHours,

    /// The worst price accepted from now on, in CNY/kWh
    #[arg(long, value_name = "PRICE", value_parser = amount::price, allow_hyphen_values = true)]
    pub(crate) limit: Price,
}

/// `wattle order cancel-all`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CancelAllArgs {
    /// Only orders of this point
    #[arg(long)]
    pub(crate) point: Option<u32>,

    /// Only orders for the delivery interval that starts then
    #[arg(long, value_name = "TIME")]
    pub(crate) interval: Option<Moment>,
}

/// `wattle delegate …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DelegateCommand {
    /// Let another key trade for one, within limits
    ///
    /// Both keys sign: one's own, and the new one to show that it is whose it is said to be.
    /// Make it before with: wattle key new --key FILE
    Add(DelegateAddArgs),
    /// End a delegated key; its open orders stay until they are cancelled
    Revoke {
        /// The public key, 64 hexadecimal digits
        public: PublicKey,
    },
}

/// `wattle delegate add`.
#[derive(Debug, ClapArgs)]
pub(crate) struct DelegateAddArgs {
    /// Private key that may trade (PKCS#8 in PEM); not one that the park knows already
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,

    /// A point it may order for; once for each, 1 to 64
    #[arg(long = "point", value_name = "POINT", required = true)]
    pub(crate) points: Vec<u32>,

    /// The most that one order may have, like 12.5kWh
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
    pub(crate) order_energy: WattHours,

    /// The most that its orders for one local delivery day may come to
    #[arg(long, value_name = "ENERGY", value_parser = amount::energy)]
    pub(crate) day_energy: WattHours,

    /// The most that these may come to at their limits, in CNY
    #[arg(long, value_name = "CNY", value_parser = amount::money)]
    pub(crate) day_money: Money,

    /// First delivery interval it may order for [default: the next open one]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,

    /// First delivery interval after those
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Moment,
}

/// `wattle pool schedule`.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("schedule").required(true))]
pub(crate) struct PoolScheduleArgs {
    /// The point
    #[arg(long)]
    pub(crate) point: u32,

    /// One entry, like 'mon-fri 08:00-18:00 enroll ask=0.40 bid=0.60' or 'sat,sun 00:00-24:00
    /// leave'; the first that fits holds
    #[arg(long = "entry", value_name = "ENTRY", group = "schedule",
        value_parser = schedule::entry)]
    pub(crate) entries: Vec<ScheduleEntry>,

    /// TOML file with a list `entries` of such texts
    #[arg(long, value_name = "FILE", group = "schedule")]
    pub(crate) file: Option<PathBuf>,

    /// No schedule: the standing instruction holds at all times
    #[arg(long, group = "schedule")]
    pub(crate) clear: bool,
}
