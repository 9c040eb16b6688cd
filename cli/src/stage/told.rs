//! Which commands say how far what they show is committed and sealed: every one of them, with the
//! reason where it has nothing to say. A command that is not in the table fails the test.

use clap::CommandFactory as _;
use std::collections::BTreeMap;
use std::{fs, path::Path};

use crate::args::Args;

/// How a command says it.
enum Told {
    /// In a line or column made in this file of `commands/`, of what a node answered.
    Answer(&'static str),
    /// With the outcome of the event that it signs, in this file of `commands/`.
    Outcome(&'static str),
    /// An export that verifies is sealed; this file of `commands/` says whether it was verified.
    Export(&'static str),
    /// Not at all, for this reason.
    Not(&'static str),
}

use Told::{Answer, Export, Not, Outcome};

const NO_LEDGER: &str = "it makes or shows files and keys, and no entry of a log";
const JUDGES: &str =
    "its claims are about a checkpoint, and say themselves whether a quorum signed";

#[rustfmt::skip]
const TABLE: &[(&str, Told)] = &[
    ("park init", Not(NO_LEDGER)),
    ("node init", Not(NO_LEDGER)),
    ("node status", Not("entries and sealed entries are columns of it, by node")),
    ("node register", Outcome("node_members")),
    ("node promote", Outcome("node_members")),
    ("node demote", Outcome("node_members")),
    ("node remove", Outcome("node_members")),
    ("registrar participant", Outcome("registrar")),
    ("registrar point", Outcome("registrar")),
    ("registrar meter", Outcome("registrar")),
    ("registrar key add", Outcome("registrar")),
    ("registrar key revoke", Outcome("registrar")),
    ("registrar key lift-freeze", Outcome("registrar")),
    ("registrar tariff set", Outcome("registrar")),
    ("registrar terms set", Outcome("registrar")),
    ("registrar factor set", Outcome("registrar")),
    ("registrar rules activate", Outcome("registrar")),
    ("registrar reading correct", Outcome("registrar")),
    ("registrar meter-reset", Outcome("registrar")),
    ("registrar meter-replace", Outcome("registrar")),
    ("registrar meter-ratio", Outcome("registrar")),
    ("registrar meter-assign", Outcome("registrar")),
    ("registrar point-end", Outcome("registrar")),
    ("registrar boundary add", Outcome("registrar")),
    ("registrar month-close set", Outcome("registrar")),
    ("registrar affiliates set", Outcome("registrar")),
    ("registrar market halt", Outcome("registrar")),
    ("registrar market resume", Outcome("registrar")),
    ("registrar market bounds", Outcome("registrar")),
    ("registrar market mode", Outcome("registrar")),
    ("registrar certificate policy", Outcome("registrar")),
    ("registrar certificate withdraw", Outcome("registrar")),
    ("registrar certificate link", Outcome("registrar")),
    ("registrar follow", Outcome("registrar")),
    ("treasurer deposit", Outcome("treasurer")),
    ("treasurer withdraw", Outcome("treasurer")),
    ("treasurer credit", Outcome("treasurer")),
    ("treasurer bill record", Outcome("treasurer")),
    ("treasurer bill reverse", Outcome("treasurer")),
    ("treasurer residue pay", Outcome("treasurer")),
    ("treasurer residue collect", Outcome("treasurer")),
    ("treasurer default declare", Outcome("treasurer")),
    ("treasurer default clear", Outcome("treasurer")),
    ("key new", Not(NO_LEDGER)),
    ("key show", Not(NO_LEDGER)),
    ("key rotate", Outcome("key")),
    ("order place", Outcome("order")),
    ("order cancel", Outcome("order")),
    ("order change", Outcome("order/change")),
    ("order cancel-all", Outcome("order/change")),
    ("order list", Answer("order")),
    ("bundle place", Outcome("bundle")),
    ("bundle list", Answer("bundle")),
    ("bundle cancel", Outcome("bundle")),
    ("delegate add", Outcome("delegate")),
    ("delegate revoke", Outcome("delegate")),
    ("book", Answer("book")),
    ("trades", Answer("trades")),
    ("statement", Answer("statement")),
    ("statement explain", Export("statement/explain")),
    ("invoice", Answer("invoice")),
    ("months", Answer("months")),
    ("balance", Answer("balance")),
    ("pool set", Outcome("pool")),
    ("pool schedule", Outcome("pool_schedule")),
    ("certificate list", Answer("certificate")),
    ("certificate show", Answer("certificate")),
    ("certificate transfer", Outcome("certificate")),
    ("certificate cancel", Outcome("certificate")),
    ("certificate match", Export("certificate/matched")),
    ("carbon report", Export("carbon")),
    ("prices", Answer("prices")),
    ("price-index", Answer("price_index")),
    ("log export", Not("it copies a sealed checkpoint and says that nothing is verified yet")),
    ("log verify", Not(JUDGES)),
    ("log compare", Not(JUDGES)),
    ("log view", Export("log_view")),
    ("log tables", Export("log_tables")),
    ("log cut", Not(JUDGES)),
    ("log policy", Not(NO_LEDGER)),
    ("log next-policy", Not(JUDGES)),
    ("what-if", Export("what_if")),
    ("receipt list", Not("a receipt is a promise, which holds until a seal")),
    ("receipt fetch", Not("a receipt is a promise, which holds until a seal")),
    ("receipt prove", Not("it proves that the entry is sealed, or says that it is only committed")),
    ("receipt verify", Not(JUDGES)),
    ("evidence list", Answer("evidence")),
    ("evidence give", Not("a node keeps the file; that it is recorded is what the list says")),
    ("evidence extract", Not("a file of two signatures, which proves without any log")),
    ("evidence fetch", Not("files of two signatures, which prove without any log")),
    ("evidence verify", Not("files of two signatures, which prove without any log")),
    ("surveillance", Export("surveillance")),
    ("witness init", Not(NO_LEDGER)),
    ("witness run", Not(NO_LEDGER)),
    ("witness status", Not("a witness cosigns what is sealed only")),
    ("witness fetch", Not("a witness cosigns what is sealed only")),
    ("checkpoint list", Answer("checkpoint")),
    ("checkpoint record", Outcome("checkpoint")),
    ("outbox list", Not("what waits there has no outcome, which is what it says")),
    ("outbox resend", Outcome("outbox")),
];

/// Commands that can be run as they stand: those without commands of their own, and those that do
/// not need one of them.
fn visit(command: &clap::Command, path: &str, found: &mut Vec<String>) {
    let inner = command.get_subcommands().collect::<Vec<_>>();
    let is_run = inner.is_empty() || !command.is_subcommand_required_set();
    if is_run && !path.is_empty() {
        found.push(path.to_owned());
    }
    for one in inner {
        let path = format!("{path} {}", one.get_name());
        visit(one, path.trim_start(), found);
    }
}

#[test]
fn every_command_says_what_holds_or_why_it_does_not() {
    let mut commands = Vec::new();
    visit(&Args::command(), "", &mut commands);
    let table: BTreeMap<&str, &Told> = TABLE.iter().map(|(name, told)| (*name, told)).collect();
    assert_eq!(table.len(), TABLE.len(), "a command is there twice");
    for command in &commands {
        let known = table.contains_key(command.as_str());
        assert!(
            known,
            "say in this table how `wattle {command}` tells committed, sealed and final apart"
        );
    }
    assert_eq!(
        commands.len(),
        TABLE.len(),
        "a command of the table is gone"
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands");
    for (command, told) in TABLE {
        let (file, any): (&str, &[&str]) = match told {
            Answer(file) => (file, &["extent_text("]),
            Outcome(file) => (file, &[".print(output)", "staged_text()", "outcome_stage"]),
            Export(file) => (file, &["export::worth(", "all sealed, root"]),
            Not(reason) => {
                assert!(reason.len() > 20, "{command}: {reason}");
                continue;
            }
        };
        // Invoices say it of each of their entries.
        let any = if file == "invoice" { &[".stage("] } else { any };
        let source = fs::read_to_string(folder.join(format!("{file}.rs"))).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        assert!(
            any.iter().any(|word| source.contains(word)),
            "`wattle {command}` does not say what holds: {file}.rs has none of {any:?}"
        );
    }
}
