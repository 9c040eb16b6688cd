//! One file per command; each prints its result and leaves errors to the caller.

mod balance;
mod book;
mod bundle;
mod carbon;
mod certificate;
mod checkpoint;
mod delegate;
mod evidence;
mod invoice;
mod key;
mod log_compare;
mod log_cut;
mod log_export;
mod log_policy;
mod log_tables;
pub(crate) mod log_verify;
mod log_view;
mod months;
mod node_init;
mod node_members;
mod node_status;
mod order;
mod outbox;
mod park_init;
mod pool;
mod pool_schedule;
mod price_index;
mod prices;
mod receipt;
mod registrar;
mod registrar_rules;
mod statement;
mod surveillance;
mod trades;
mod treasurer;
mod treasurer_month;
mod what_if;
mod witness;

use crate::args::{Command, LogCommand, NodeCommand, ParkCommand, PoolCommand};
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::Settings;
use wattle_ledger::membership::NodeStanding;

/// Runs the command that was typed.
pub(crate) fn run(
    command: &Command,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    match command {
        Command::Park(ParkCommand::Init(args)) => park_init::run(args, settings, output),
        Command::Node(NodeCommand::Init(args)) => node_init::run(args, settings, output),
        Command::Node(NodeCommand::Status) => node_status::run(settings, output),
        Command::Node(NodeCommand::Register(args)) => {
            node_members::register(args, settings, output)
        }
        Command::Node(NodeCommand::Promote(args)) => {
            node_members::set(args, NodeStanding::Voter, settings, output)
        }
        Command::Node(NodeCommand::Demote(args)) => {
            node_members::set(args, NodeStanding::Learner, settings, output)
        }
        Command::Node(NodeCommand::Remove(args)) => {
            node_members::set(args, NodeStanding::Removed, settings, output)
        }
        Command::Registrar(command) => registrar::run(command, settings, output),
        Command::Treasurer(command) => treasurer::run(command, settings, output),
        Command::Key(command) => key::run(command, settings, output),
        Command::Order(command) => order::run(command, settings, output),
        Command::Bundle(command) => bundle::run(command, settings, output),
        Command::Delegate(command) => delegate::run(command, settings, output),
        Command::Book(args) => book::run(args, settings, output),
        Command::Trades(args) => trades::run(args, settings, output),
        Command::Statement(args) => statement::run(args, settings, output),
        Command::WhatIf(args) => what_if::run(args, output),
        Command::Invoice(args) => invoice::run(args, settings, output),
        Command::Months => months::run(settings, output),
        Command::Surveillance(args) => surveillance::run(args, output),
        Command::Balance(args) => balance::run(args, settings, output),
        Command::Pool(PoolCommand::Set(args)) => pool::run(args, settings, output),
        Command::Pool(PoolCommand::Schedule(args)) => pool_schedule::run(args, settings, output),
        Command::Certificate(command) => certificate::run(command, settings, output),
        Command::Carbon(command) => carbon::run(command, output),
        Command::PriceIndex(args) => price_index::run(args, settings, output),
        Command::Prices(args) => prices::run(args, settings, output),
        Command::Log(LogCommand::Export {
            out,
            from,
            witnessed,
        }) => log_export::run(out, from.as_deref(), *witnessed, settings, output),
        Command::Log(LogCommand::Verify(args)) => log_verify::run(args, output),
        Command::Log(LogCommand::Compare(args)) => log_compare::run(args, settings, output),
        Command::Log(LogCommand::View(args)) => log_view::run(args, output),
        Command::Log(LogCommand::Tables(args)) => log_tables::run(args, output),
        Command::Log(LogCommand::Cut(args)) => log_cut::run(args, output),
        Command::Log(LogCommand::NextPolicy(args)) => log_policy::next(args, output),
        Command::Log(LogCommand::Policy { genesis, witnesses }) => {
            log_policy::run(genesis, witnesses, output)
        }
        Command::Witness(command) => witness::run(command, settings, output),
        Command::Checkpoint(command) => checkpoint::run(command, settings, output),
        Command::Receipt(command) => receipt::run(command, settings, output),
        Command::Evidence(command) => evidence::run(command, settings, output),
        Command::Outbox(command) => outbox::run(command, settings, output),
    }
}
