//! What operators type: founders, registrars and treasurers.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use wattle_ledger::keys::PublicKey;
use wattle_market::units::{Money, Price, WattHours};

use super::months::TreasurerMonthCommand;
use super::rules::RegistrarRulesCommand;
use crate::amount;
use crate::moment::Moment;

/// `wattle park …`.
#[derive(Debug, Subcommand)]
pub(crate) enum ParkCommand {
    /// Found a park: its keys, its genesis and the regulator's policy
    ///
    /// Writes into the data folder: registrar.pem, treasurer.pem and regulator.pem (private keys,
    /// encrypted), `genesis` (signed; every node gets a copy), `policy` (for the regulator, who
    /// pins it before he looks at any export) and `network.key` (secret; every node gets a copy).
    ///
    /// The prices, the carbon factor and their names below are plausible for Shanghai and are
    /// ASSUMPTIONS: check each against the contract, the tariff sheet and the current publication
    /// before a park settles real money with them.
    Init(ParkInitArgs),
}

/// `wattle park init`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ParkInitArgs {
    /// Record of a founding node, the node.json that `wattle node init` wrote; once for each node
    #[arg(long = "node", value_name = "FILE", required = true)]
    pub(crate) nodes: Vec<PathBuf>,

    /// TOML file with any of the settings below, by the same names with underscores; flags come
    /// first
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,

    /// The park's name, 1 to 40 of a-z, 0-9 and '-' [default: park]
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// The park's clock, minutes ahead of UTC [default: 480, Shanghai]
    #[arg(long, value_name = "MINUTES", allow_hyphen_values = true)]
    pub(crate) utc_offset_minutes: Option<i16>,

    /// First interval that is traded [default: the first whose gate closes in 15 minutes or later]
    #[arg(long, value_name = "TIME")]
    pub(crate) first_interval: Option<Moment>,

    /// Flat-period retail price of tariff 1, from which Shanghai's two-part time-of-use prices
    /// follow [default: 0.65 CNY/kWh]
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) retail_flat: Option<Price>,

    /// What the grid pays for own generation [default: 0.4155 CNY/kWh, Shanghai's benchmark price
    /// of coal power]
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) feed_in: Option<Price>,

    /// What the grid pays for any other export [default: 0.30 CNY/kWh]
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) export: Option<Price>,

    /// What the receiver of park energy pays for the wires [default: 0.05 CNY/kWh]
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) wheeling: Option<Price>,

    /// Name of the emission factor [default: Shanghai ETS electricity factor]
    #[arg(long, value_name = "NAME")]
    pub(crate) factor_name: Option<String>,

    /// Year of the factor [default: 2022]
    #[arg(long, value_name = "YEAR")]
    pub(crate) factor_year: Option<u16>,

    /// The factor in kg of CO2 per kWh [default: 0.42]
    #[arg(long, value_name = "KG", value_parser = amount::carbon)]
    pub(crate) factor_kg_per_kwh: Option<u32>,

    /// The document it is taken from [default: 沪环气〔2022〕34号]
    #[arg(long, value_name = "SOURCE")]
    pub(crate) factor_source: Option<String>,

    /// Store the three private keys unencrypted: for tests, never for a real park
    #[arg(long)]
    pub(crate) no_passphrase: bool,
}

/// `wattle node …`.
#[derive(Debug, Subcommand)]
pub(crate) enum NodeCommand {
    /// Make a node's five keys, its public record and its configuration in the data folder
    ///
    /// Writes DATA/keys/ (private keys; encrypted only with --passphrase-file, since a node must
    /// start without a person), DATA/node.json (public: hand it to whoever founds the park) and
    /// DATA/node.toml (the configuration of wattled). It lacks what only the founder knows: put the
    /// park's `genesis` and `network.key` beside it.
    Init(NodeInitArgs),
    /// What each node of --url says of itself
    Status,
    /// Registrar: register a node of a park that is founded already; it becomes a learner
    ///
    /// Signs the node.json that `wattle node init --join` made and writes the signed registration
    /// to a file. The node needs that file as `registration` beside its configuration: it shows it
    /// to nodes that do not know it yet.
    Register(NodeRegisterArgs),
    /// Registrar: a learner shall vote, as soon as it has the log
    Promote(NodeIdArgs),
    /// Registrar: a voter shall only learn
    Demote(NodeIdArgs),
    /// Registrar: a node shall have no part any more; its id and keys never come back
    ///
    /// To replace a node that is dead, remove it first and then register another.
    Remove(NodeIdArgs),
}

/// `wattle node register`.
#[derive(Debug, ClapArgs)]
pub(crate) struct NodeRegisterArgs {
    /// The node's public record: the node.json of `wattle node init`
    #[arg(value_name = "NODE.JSON")]
    pub(crate) record: PathBuf,

    /// Where the signed registration is written
    #[arg(long, value_name = "FILE", default_value = "registration")]
    pub(crate) out: PathBuf,
}

/// A node by its id.
#[derive(Debug, ClapArgs)]
pub(crate) struct NodeIdArgs {
    /// The node's id
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) id: u64,
}

/// `wattle node init`.
#[derive(Debug, ClapArgs)]
pub(crate) struct NodeInitArgs {
    /// The node's id, from 1; never used again for another node
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) id: u64,

    /// Number of the building it stands in
    #[arg(long)]
    pub(crate) building: u16,

    /// Where its HTTP API listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) api_listen: SocketAddr,

    /// Where it listens for other nodes
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9080")]
    pub(crate) p2p_listen: SocketAddr,

    /// The park is founded already: the registrar registers the node, and the configuration names
    /// the file `registration`
    #[arg(long)]
    pub(crate) join: bool,

    /// Another node's id and address, like 2=10.0.0.2:9080; once for each other node
    #[arg(long = "peer", value_name = "ID=ADDRESS", value_parser = peer)]
    pub(crate) peers: Vec<(u64, SocketAddr)>,
}

fn peer(text: &str) -> Result<(u64, SocketAddr), String> {
    let wrong = || format!("{text:?} is not like 2=10.0.0.2:9080");
    let (id, address) = text.split_once('=').ok_or_else(wrong)?;
    Ok((
        id.parse().map_err(|_| wrong())?,
        address.parse().map_err(|_| wrong())?,
    ))
}

/// `wattle registrar …`.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistrarCommand {
    /// Register a participant: someone with an account
    Participant(ParticipantArgs),
    /// Register a point: one participant at one building connection
    Point(PointArgs),
    /// Register a meter at a point, with the key that signs its readings
    Meter(MeterArgs),
    /// Add and revoke keys
    #[command(subcommand)]
    Key(KeyRegistryCommand),
    /// Retail tariffs
    #[command(subcommand)]
    Tariff(TariffCommand),
    /// The park's prices
    #[command(subcommand)]
    Terms(TermsCommand),
    /// The emission factor
    #[command(subcommand)]
    Factor(FactorCommand),
    /// Rules, corrections and the market
    #[command(flatten)]
    Rules(RegistrarRulesCommand),
}

/// `wattle registrar participant`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ParticipantArgs {
    /// The name, unique in the park
    pub(crate) name: String,

    /// The id [default: the next free one]
    #[arg(long)]
    pub(crate) id: Option<u32>,
}

/// `wattle registrar point`.
#[derive(Debug, ClapArgs)]
pub(crate) struct PointArgs {
    /// Whose point: name or id
    #[arg(long, value_name = "NAME|ID")]
    pub(crate) participant: String,

    /// Number of the building
    #[arg(long)]
    pub(crate) building: u16,

    /// The retail tariff
    #[arg(long, default_value_t = 1)]
    pub(crate) tariff: u16,

    /// Rated generation and discharge together, like 100kW: bounds what may be sold
    #[arg(long, value_name = "POWER", value_parser = amount::power)]
    pub(crate) generation: u32,

    /// Rated connection, like 250kW: bounds what may be bought
    #[arg(long, value_name = "POWER", value_parser = amount::power)]
    pub(crate) connection: u32,

    /// How it is measured
    #[arg(long, value_enum, default_value_t = MeteringArg::Load)]
    pub(crate) metering: MeteringArg,

    /// First interval it takes part in [default: the next open one]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,

    /// The id [default: the next free one]
    #[arg(long)]
    pub(crate) id: Option<u32>,
}

/// How a point is measured.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MeteringArg {
    /// A complete load meter, with sub-meters for generation and storage
    Load,
    /// A meter at the building connection; the load is what remains
    Connection,
}

/// `wattle registrar meter`.
#[derive(Debug, ClapArgs)]
pub(crate) struct MeterArgs {
    /// The point it measures
    #[arg(long)]
    pub(crate) point: u32,

    /// What its register counts
    #[arg(long, value_enum)]
    pub(crate) kind: MeterKindArg,

    /// Public key of the meter, 64 hexadecimal digits
    #[arg(long = "meter-key", value_name = "KEY")]
    pub(crate) meter_key: PublicKey,

    /// The most it can measure, like 100kW
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

/// What a meter counts.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MeterKindArg {
    /// Own generation
    Generation,
    /// Consumption
    Load,
    /// Into storage
    Charge,
    /// Out of storage
    Discharge,
    /// Taken at the building connection
    Import,
    /// Given at the building connection
    Export,
}

/// `wattle registrar key …`.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyRegistryCommand {
    /// Add a further key with a role (meters' keys come with their meters)
    #[command(group = clap::ArgGroup::new("whom").required(true))]
    Add {
        /// The public key, 64 hexadecimal digits
        public: PublicKey,
        /// It signs orders for this participant: name or id
        #[arg(long, value_name = "NAME|ID", group = "whom")]
        tenant: Option<String>,
        /// It has an office of the park
        #[arg(long, value_enum, group = "whom")]
        role: Option<RoleArg>,
        /// It signs what the node of this id finds out by itself, like checkpoints of other logs
        #[arg(long, value_name = "ID", group = "whom")]
        node: Option<u64>,
    },
    /// End a key
    Revoke {
        /// The public key, 64 hexadecimal digits
        public: PublicKey,
    },
    /// Let a meter key sign again that froze because it contradicted itself
    LiftFreeze {
        /// The public key, 64 hexadecimal digits
        public: PublicKey,
    },
}

/// An office of the park.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleArg {
    /// Signs the registry
    Registrar,
    /// Signs deposits, withdrawals and credit limits
    Treasurer,
    /// Reads what is private to the park
    Regulator,
}

/// `wattle registrar tariff …`.
#[derive(Debug, Subcommand)]
pub(crate) enum TariffCommand {
    /// Set a retail tariff from an interval on
    Set(TariffSetArgs),
}

/// `wattle registrar tariff set`.
#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("prices").required(true))]
pub(crate) struct TariffSetArgs {
    /// The tariff's id
    pub(crate) tariff: u16,

    /// Shanghai's two-part time-of-use prices over this flat price
    #[arg(long, value_name = "PRICE", value_parser = amount::price, group = "prices")]
    pub(crate) shanghai: Option<Price>,

    /// One price at all times
    #[arg(long, value_name = "PRICE", value_parser = amount::price, group = "prices")]
    pub(crate) uniform: Option<Price>,

    /// JSON file with months, seasons, ranges and prices in micro-yuan per kWh
    #[arg(long, value_name = "FILE", group = "prices")]
    pub(crate) file: Option<PathBuf>,

    /// First interval [default: the next open one]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,
}

/// `wattle registrar terms …`.
#[derive(Debug, Subcommand)]
pub(crate) enum TermsCommand {
    /// Set feed-in, export and wheeling prices from an interval on
    Set(TermsSetArgs),
}

/// `wattle registrar terms set`.
#[derive(Debug, ClapArgs)]
pub(crate) struct TermsSetArgs {
    /// What the grid pays for own generation, CNY/kWh
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) feed_in: Price,

    /// What the grid pays for any other export, CNY/kWh
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) export: Price,

    /// What the receiver of park energy pays for the wires, CNY/kWh
    #[arg(long, value_name = "PRICE", value_parser = amount::price)]
    pub(crate) wheeling: Price,

    /// First interval [default: the next open one]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,
}

/// `wattle registrar factor …`.
#[derive(Debug, Subcommand)]
pub(crate) enum FactorCommand {
    /// Set the emission factor from an interval on
    Set {
        /// What it is called
        #[arg(long)]
        name: String,
        /// The year it stands for
        #[arg(long)]
        year: u16,
        /// Kilograms of CO2 per kWh
        #[arg(long, value_name = "KG", value_parser = amount::carbon)]
        kg_per_kwh: u32,
        /// The document it is taken from
        #[arg(long)]
        source: String,
        /// First interval [default: the next open one]
        #[arg(long, value_name = "TIME")]
        from: Option<Moment>,
    },
}

/// `wattle treasurer …`.
#[derive(Debug, Subcommand)]
pub(crate) enum TreasurerCommand {
    /// Record money that arrived for a participant
    Deposit {
        /// Whose account: name or id
        #[arg(long, value_name = "NAME|ID")]
        participant: String,
        /// How much, in CNY
        #[arg(long, value_name = "CNY", value_parser = amount::money)]
        amount: Money,
        /// The bank's reference
        #[arg(long)]
        reference: String,
    },
    /// Record money paid out to a participant
    Withdraw {
        /// Whose account: name or id
        #[arg(long, value_name = "NAME|ID")]
        participant: String,
        /// How much, in CNY
        #[arg(long, value_name = "CNY", value_parser = amount::money)]
        amount: Money,
        /// The bank's reference
        #[arg(long)]
        reference: String,
    },
    /// Say how far below zero a participant may trade
    Credit {
        /// Whose account: name or id
        #[arg(long, value_name = "NAME|ID")]
        participant: String,
        /// The limit, in CNY; 0 for none
        #[arg(long, value_name = "CNY", value_parser = amount::money)]
        limit: Money,
    },
    /// Bills, residue and defaults of closed months
    #[command(flatten)]
    Month(TreasurerMonthCommand),
}
