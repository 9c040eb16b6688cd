//! What was typed. What it means is decided in [`crate::settings`] and by each command.

mod bundle;
mod certificate;
mod evidence;
mod exports;
mod months;
mod operator;
mod receipt;
mod regulator;
mod rules;
mod tenant;
mod trading;
mod witness;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

pub(crate) use bundle::{BundleCommand, BundlePlaceArgs};
pub(crate) use certificate::{
    CarbonCommand, CertificateCommand, CertificateListArgs, MatchArgs, RegistrarCertificateCommand,
};
pub(crate) use evidence::{CompareArgs, EvidenceCommand};
pub(crate) use exports::{LeavesArgs, TableFormat, TablesArgs, ViewArgs};
pub(crate) use months::{
    BillCommand, BoundaryAddArgs, BoundaryCommand, BoundaryKindArg, DefaultCommand, InvoiceArgs,
    InvoiceFormat, MonthCloseCommand, ResidueCommand, TreasurerMonthCommand,
};
pub(crate) use operator::{
    FactorCommand, KeyRegistryCommand, MeterArgs, MeterKindArg, MeteringArg, NodeCommand,
    NodeIdArgs, NodeInitArgs, NodeRegisterArgs, ParkCommand, ParkInitArgs, ParticipantArgs,
    PointArgs, RegistrarCommand, RoleArg, TariffCommand, TariffSetArgs, TermsCommand,
    TreasurerCommand,
};
pub(crate) use receipt::{ReceiptCommand, ReceiptVerifyArgs};
pub(crate) use regulator::{
    CutArgs, ExportArgs, LogCommand, NextPolicyArgs, SurveillanceArgs, VerifyArgs, WhatIfArgs,
};
pub(crate) use rules::{
    AffiliatesCommand, MarketCommand, ModeArg, ReadingCommand, RegistrarRulesCommand, RulesArg,
    RulesCommand,
};
pub(crate) use tenant::{
    BookArgs, CancelArgs, ExplainArgs, KeyCommand, OrderCommand, OutboxCommand, PeriodArgs,
    PlaceArgs, PoolCommand, PoolSetArgs, RangeArgs, SideArg, StatementArgs, StatementCommand,
    StatementFormat, WhoArgs,
};
pub(crate) use trading::{
    CancelAllArgs, ChangeArgs, DelegateAddArgs, DelegateCommand, PoolScheduleArgs,
};
pub(crate) use witness::{CheckpointCommand, WitnessCommand, WitnessViewArgs};

/// Everything `--help` adds at its end.
const AFTER_HELP: &str = "\
Where settings come from, the first that is there:
  --url              then WATTLE_URL (several: separated by commas); there is no default
  --data-dir         then WATTLE_DATA_DIR, $XDG_DATA_HOME/wattle, ~/.local/share/wattle
  --passphrase-file  then WATTLE_PASSPHRASE_FILE, then a question on the terminal
  --key              then a file in the data folder: key.pem for tenants, registrar.pem,
                     treasurer.pem or regulator.pem for the others

The data folder holds keys, `genesis` (which park this folder belongs to: it is fetched at the first
contact, and no other park is talked to from then on), `outbox/` (signed events without outcome) and
`receipts/` (what nodes promised for events).

Exit codes: 0 done, 1 failed, 2 wrong usage, 4 refused by a rule, 5 verification failed,
6 no node reachable, 7 no quorum. Data goes to standard output, messages to standard error.";

/// The ledger and market of a zero-carbon park: for tenants, operators and regulators.
#[derive(Debug, Parser)]
#[command(name = "wattle", version, about, after_long_help = AFTER_HELP, subcommand_required = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Settings that every command knows.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Settings")]
pub(crate) struct GlobalArgs {
    /// Address of a node's API, like http://127.0.0.1:8080; several are tried in turn
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Vec<String>,

    /// Folder of keys, pinned park and outbox
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Private key to sign with (PKCS#8 in PEM)
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,

    /// File whose first line is the passphrase of the key files
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,

    /// Never ask on the terminal
    #[arg(long, global = true)]
    pub(crate) no_input: bool,

    /// How long to wait for the park to record an event, and for one answer
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) timeout: u64,

    /// Print JSON: energy in Wh, prices in micro-yuan per kWh, money in nano-yuan
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Operator: found a park
    #[command(subcommand)]
    Park(ParkCommand),
    /// Operator: make a node's keys, look at nodes
    #[command(subcommand)]
    Node(NodeCommand),
    /// Registrar: who and what is in the park, and its prices
    #[command(subcommand)]
    Registrar(RegistrarCommand),
    /// Treasurer: money that came and went
    #[command(subcommand)]
    Treasurer(TreasurerCommand),
    /// Make, show and replace one's key
    #[command(subcommand)]
    Key(KeyCommand),
    /// Place, cancel and list orders
    #[command(subcommand)]
    Order(OrderCommand),
    /// Orders over several intervals of a day, all or none, for the day-ahead joint auction
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// Let another key trade for one, within limits
    #[command(subcommand)]
    Delegate(DelegateCommand),
    /// Open orders of one interval, of everyone together
    Book(BookArgs),
    /// One's trades
    Trades(RangeArgs),
    /// One's settled intervals by day and kind of posting, or one amount taken apart
    Statement(StatementArgs),
    /// One's invoice for a closed month
    Invoice(InvoiceArgs),
    /// Operator: closed months of the park: boundary, losses, bills, defaults
    Months,
    /// What one's account holds
    Balance(WhoArgs),
    /// How a point takes part in the surplus pool
    #[command(subcommand)]
    Pool(PoolCommand),
    /// Certificates of origin: what one holds, and how it moves and ends
    #[command(subcommand)]
    Certificate(CertificateCommand),
    /// Carbon of the park's electricity
    #[command(subcommand)]
    Carbon(CarbonCommand),
    /// Clearing prices
    Prices(PeriodArgs),
    /// The published price index: the volume-weighted price of each local day
    PriceIndex(PeriodArgs),
    /// Regulator: copy the log and verify it offline
    #[command(subcommand)]
    Log(LogCommand),
    /// Settle an export again under other prices or rules, without touching anything
    ///
    /// Readings and trades stay as they were. What people would have ordered, used or stored at
    /// other prices is not known and not guessed.
    WhatIf(WhatIfArgs),
    /// What nodes promised for one's events, and proofs that events stand in the sealed log
    #[command(subcommand)]
    Receipt(ReceiptCommand),
    /// What was signed twice: files that prove it to others
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Watch an export's market: concentration, withdrawn orders, self-dealing, moved prices
    ///
    /// Offline. Each figure is defined in docs/SURVEILLANCE.md; none is an accusation.
    Surveillance(SurveillanceArgs),
    /// Cosign other parks' logs, so that none of them can show two histories
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Checkpoints of other parks' logs that this park records
    #[command(subcommand)]
    Checkpoint(CheckpointCommand),
    /// Signed events that have no outcome yet
    #[command(subcommand)]
    Outbox(OutboxCommand),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_tree_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_subcommand_has_help_that_renders() {
        fn visit(command: &mut clap::Command, path: &str) -> usize {
            assert!(command.get_about().is_some(), "{path} has no description");
            let help = command.render_long_help().to_string();
            assert!(help.contains("Usage:"), "{path}: {help}");
            for argument in command.get_arguments() {
                let name = argument.get_id();
                assert!(argument.get_help().is_some(), "{path} {name} has no help");
            }
            let children = command.get_subcommands_mut();
            let visited = children.map(|child| {
                let path = format!("{path} {}", child.get_name());
                visit(child, &path)
            });
            1 + visited.sum::<usize>()
        }
        let mut command = Args::command();
        command.build();
        assert!(visit(&mut command, "wattle") > 40);
    }

    /// Which lines parse, and the reason why others do not.
    #[test]
    fn lines_are_understood_or_refused_with_the_reason() {
        let order = "order place --point 1 --interval 2026-11-24T10:00 --side buy";
        let full = format!("{order} --quantity 12.5kWh --limit 0.65");
        let key = "f".repeat(64);
        let rows: Vec<(String, Option<&str>)> =
            vec![
            (full.clone(), None),
            (format!("{full} --json --url http://a --url http://b"), None),
            (format!("--no-input {full} --dry-run"), None),
            (
                format!("{order} --quantity 12.5 --limit 0.65"),
                Some("no unit"),
            ),
            (format!("{order} --quantity 12.5kWh"), Some("--limit")),
            (
                format!("{order} --quantity 1kWh --limit 0.6500001"),
                Some("too many decimals"),
            ),
            (
                full.replace("10:00", "10:05"),
                Some("start of a delivery interval"),
            ),
            (full.replace("buy", "hold"), Some("hold")),
            (format!("{full} --frobnicate"), Some("--frobnicate")),
            ("order cancel".to_owned(), Some("ORDER")),
            ("order cancel x-1-0".to_owned(), Some("not an order id")),
            (format!("order cancel {key}-1-0"), None),
            ("registrar key add zz --tenant mill".to_owned(), Some("zz")),
            (format!("registrar key add {key}"), Some("--tenant")),
            (
                format!("registrar key add {key} --tenant mill --role regulator"),
                Some("--role"),
            ),
            (format!("registrar key add {key} --tenant mill"), None),
            ("registrar tariff set 1".to_owned(), Some("--shanghai")),
            ("registrar tariff set 1 --shanghai 0.65".to_owned(), None),
            (
                "treasurer deposit --participant 1 --amount 5".to_owned(),
                Some("--reference"),
            ),
            (
                "pool set --point 1 --enroll --leave".to_owned(),
                Some("--leave"),
            ),
            ("pool set --point 1".to_owned(), Some("--enroll")),
            ("park init".to_owned(), Some("--node")),
            ("log verify".to_owned(), Some("--policy")),
            (
                "statement --from yesterday".to_owned(),
                Some("no time of day"),
            ),
            ("statement --month 2026-07 --format csv".to_owned(), None),
            ("statement --month 2026-13".to_owned(), Some("not a month")),
            (
                "statement --month 2026-07 --from 2026-07-01T00:00".to_owned(),
                Some("--month"),
            ),
            (
                "statement explain --export d --point 1 --interval #1".to_owned(),
                Some("--policy"),
            ),
            (
                "statement explain --export d --trust --point 1 --interval #1".to_owned(),
                None,
            ),
            ("what-if --export d --policy p --no-pool".to_owned(), None),
            (
                "what-if --export d --trust --retail-flat 1 --retail-tariff t".to_owned(),
                Some("--retail-flat"),
            ),
            ("receipt verify f --policy p --export d".to_owned(), None),
            ("receipt verify f --export d".to_owned(), Some("--policy")),
            ("receipt prove f".to_owned(), Some("--out")),
            ("evidence list".to_owned(), None),
            (format!("evidence fetch {key} --out f"), None),
            ("evidence fetch zz --out f".to_owned(), Some("zz")),
            (format!("evidence fetch {key}"), Some("--out")),
            ("evidence verify f --policy p".to_owned(), None),
            ("evidence give f".to_owned(), None),
            ("evidence extract d 7 --out f".to_owned(), None),
            ("evidence extract d --out f".to_owned(), Some("ENTRY")),
            ("evidence give".to_owned(), Some("FILE")),
            ("log compare a b --policy p --evidence e".to_owned(), None),
            ("log compare a".to_owned(), Some("CHECKPOINT")),
            (
                "treasurer bill record --month 2026-07 --imported 5MWh --amount -3 --reference a"
                    .to_owned(),
                None,
            ),
            ("treasurer default declare --month 2026-07".to_owned(), Some("--participant")),
            ("invoice --month July".to_owned(), Some("not a month")),
            ("invoice --month 2026-07 --format html".to_owned(), None),
            ("--timeout 0 balance".to_owned(), Some("--timeout")),
            (
                "bundle place --point 1 --leg 2026-07-02T12:00=buy:10kWh --limit -4".to_owned(),
                None,
            ),
            (
                "bundle place --point 1 --leg #5/8=sell:10kWh --file legs.toml --limit 1"
                    .to_owned(),
                Some("--file"),
            ),
            (
                "bundle place --point 1 --leg 2026-07-02T12:00=hold:10kWh --limit 1".to_owned(),
                Some("neither buy nor sell"),
            ),
            ("bundle place --point 1 --limit 1".to_owned(), Some("--leg")),
            ("balanc".to_owned(), Some("balance")),
            (String::new(), Some("Usage")),
        ];
        for (line, refusal) in rows {
            let words = std::iter::once("wattle").chain(line.split_whitespace());
            let parsed = Args::try_parse_from(words);
            match (parsed, refusal) {
                (Ok(_), None) => {}
                (Err(error), Some(reason)) => {
                    assert_eq!(error.exit_code(), 2, "{line}");
                    assert!(error.to_string().contains(reason), "{line}: {error}");
                }
                (Ok(_), Some(reason)) => panic!("{line:?} parsed, but {reason} was expected"),
                (Err(error), None) => panic!("{line:?}: {error}"),
            }
        }
    }
}
