//! `wattle-testnet bench`: the market's rules measured beside something else.

mod record;
mod replay;
mod start;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use serde::Serialize;
use wattle_testnet::bench::engine::{self, Engine, Refusals, Traded};
use wattle_testnet::bench::mix::{self, Mix};
use wattle_testnet::bench::workload::{OPERATIONS_MAX, Workload};
use wattle_testnet::bench::{auction, joint, root, settlement};
use wattle_testnet::verify_speed::measure;

use super::Failure;

/// Sizes of an auction that are measured where none is named.
const AUCTION_ORDERS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Sizes of a state whose root is measured where none is named.
const ROOT_ROWS: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// What is measured.
#[derive(Debug, ClapArgs)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Make a workload file for matching engines
    Workload(WorkloadArgs),
    /// Drive the continuous engine by a workload file
    Match(MatchArgs),
    /// Drive the floor by a workload file: a ladder without checks and events
    Floor(FloorArgs),
    /// Clear call auctions beside the bare sort of their orders
    Auction(AuctionArgs),
    /// Clear a day with bundles beside the plain auctions of its intervals
    Joint(JointArgs),
    /// Clear and settle one interval of a large park
    Settle(SettleArgs),
    /// Compute the state root after a few changes, beside the root of the whole state
    Root(RootArgs),
    /// Record an export of a large park in this process
    Record(record::RecordArgs),
    /// Replay a recorded log as a node's own
    Replay(replay::ReplayArgs),
    /// Start a node on a recorded history
    Start(start::StartArgs),
    /// Verify an export beside a bare loop over its signatures
    Verify(VerifyArgs),
}

#[derive(Debug, ClapArgs)]
struct VerifyArgs {
    /// The export: a folder with `checkpoint` and `tile/`
    #[arg(long, value_name = "DIR")]
    export: PathBuf,

    /// The policy to trust
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,

    #[command(flatten)]
    passes: PassesArgs,

    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, ClapArgs)]
struct WorkloadArgs {
    /// Which mix of operations
    #[arg(long, value_enum)]
    mix: MixName,

    /// Where to
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    /// How many operations are timed
    #[arg(long, value_name = "N", default_value_t = 3_000_000,
        value_parser = clap::value_parser!(u32).range(1..=(OPERATIONS_MAX / 2) as i64))]
    ops: u32,

    /// How far apart neighboring prices are
    #[arg(long, value_name = "N", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=4_000))]
    tick: u32,

    /// Another seed, another file
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MixName {
    /// 300 tenants of a park, interval after interval
    Park,
    /// exchange-core's published mix: mostly moves among 1,000 orders
    Ecore,
    /// Adds and cancels among 10,000 orders, as in an exchange's feed
    Itch,
    /// liquibook's own: adds at ten overlapping prices a side
    Liqui,
}

#[derive(Debug, ClapArgs)]
struct MatchArgs {
    /// The workload
    #[arg(long, value_name = "FILE")]
    ops: PathBuf,

    /// Print the figures as JSON
    #[arg(long, conflicts_with_all = ["with_floor", "with_naive"])]
    json: bool,

    /// Measure the floor in turn with the engine
    #[arg(long)]
    with_floor: bool,

    /// Measure the naive book in turn with the engine, and compare what they traded
    #[arg(long)]
    with_naive: bool,

    #[command(flatten)]
    passes: PassesArgs,
}

#[derive(Debug, ClapArgs)]
struct FloorArgs {
    /// The workload
    #[arg(long, value_name = "FILE")]
    ops: PathBuf,

    #[command(flatten)]
    passes: PassesArgs,
}

#[derive(Debug, ClapArgs)]
struct AuctionArgs {
    /// How many orders, half of them on each side [default: 1,000 to 1,000,000]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(2..=1 << 20))]
    orders: Option<u32>,

    /// Print the figures as JSON, a line for each size
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    passes: PassesArgs,
}

#[derive(Debug, ClapArgs)]
struct JointArgs {
    /// How many simple orders the day has, over its 96 intervals [default: 1,000 to 1,000,000]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(0..=1 << 20))]
    orders: Option<u32>,

    /// How many bundles take part
    #[arg(long, value_name = "N", default_value_t = 64,
        value_parser = clap::value_parser!(u8).range(0..=64))]
    bundles: u8,

    /// Print the figures as JSON, a line for each size
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    passes: PassesArgs,
}

#[derive(Debug, ClapArgs)]
struct SettleArgs {
    /// How many points the park has
    #[arg(long, value_name = "N", default_value_t = 300,
        value_parser = clap::value_parser!(u32).range(1..=1 << 16))]
    points: u32,

    /// How many orders there are for the interval
    #[arg(long, value_name = "N", default_value_t = 10_000,
        value_parser = clap::value_parser!(u32).range(0..=1 << 20))]
    orders: u32,

    /// Print the figures as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    passes: PassesArgs,
}

#[derive(Debug, ClapArgs)]
struct RootArgs {
    /// How many accounts the state has [default: 1,000 to 1,000,000]
    #[arg(long, value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rows: Option<u32>,

    /// How many of them change before each root
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    changed: u32,

    /// Print the figures as JSON, a line for each size
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    passes: PassesArgs,
}

#[derive(Debug, ClapArgs)]
struct PassesArgs {
    /// How often each is measured; the median counts
    #[arg(long, value_name = "N", default_value_t = 5,
        value_parser = clap::value_parser!(u8).range(1..=99))]
    passes: u8,
}

impl PassesArgs {
    fn count(&self) -> usize {
        usize::from(self.passes)
    }
}

pub(crate) fn run(args: &BenchArgs) -> Result<(), Failure> {
    match &args.command {
        BenchCommand::Workload(args) => make_workload(args),
        BenchCommand::Match(args) => match_orders(args),
        BenchCommand::Floor(args) => floor(args),
        BenchCommand::Auction(args) => clear_auctions(args),
        BenchCommand::Joint(args) => clear_days(args),
        BenchCommand::Settle(args) => settle(args),
        BenchCommand::Root(args) => state_root(args),
        BenchCommand::Record(args) => record::run(args),
        BenchCommand::Replay(args) => replay::run(args),
        BenchCommand::Start(args) => start::run(args),
        BenchCommand::Verify(args) => verify(args),
    }
}

fn make_workload(args: &WorkloadArgs) -> Result<(), Failure> {
    let mix = match args.mix {
        MixName::Park => Mix::Park,
        MixName::Ecore => Mix::Ecore,
        MixName::Itch => Mix::Itch,
        MixName::Liqui => Mix::Liqui,
    };
    let mut workload = mix::workload(mix, args.ops as usize, args.seed);
    for operation in &mut workload.operations {
        // No mix has prices above 25,000.
        operation.price *= args.tick;
    }
    workload
        .write(&args.out)
        .map_err(|error| Failure::Usage(error.into()))?;
    writeln!(
        io::stdout().lock(),
        "{mix}: {} operations after a prefill of {} in {}",
        args.ops,
        workload.prefill,
        args.out.display()
    )?;
    Ok(())
}

fn read(path: &Path) -> Result<Workload, Failure> {
    Workload::read(path).map_err(|error| Failure::Usage(error.into()))
}

fn match_orders(args: &MatchArgs) -> Result<(), Failure> {
    let workload = read(&args.ops)?;
    let mut engines = vec![Engine::Book];
    engines.extend(args.with_floor.then_some(Engine::Floor));
    engines.extend(args.with_naive.then_some(Engine::Naive));
    let measured = engine::compare(&engines, &workload, args.passes.count())
        .map_err(|error| Failure::Usage(error.into()))?;
    let (traded, ns) = measured[0];
    let (figures, refusals) = engine::figures(&workload, traded, ns);
    warn(refusals);
    if args.json {
        return print_json(&figures);
    }
    let mut output = io::stdout().lock();
    writeln!(
        output,
        "engine  {:8.1} ns an operation; {} trades of {} in all",
        ns, figures.trades, figures.quantity
    )?;
    writeln!(
        output,
        "        p50 {} ns, p99 {} ns, p99.9 {} ns by the wall clock; {} bytes a resting order",
        figures.p50_ns, figures.p99_ns, figures.p999_ns, figures.bytes_per_resting_order
    )?;
    for (engine, other) in engines.iter().zip(&measured).skip(1) {
        print_other(&mut output, *engine, (traded, ns), *other)?;
    }
    Ok(())
}

/// Refused operations make results hard to compare, so they are not kept silent.
fn warn(refusals: Refusals) {
    if refusals.others > 0 {
        eprintln!(
            "warning: {} orders were refused, for an id in use or a price or quantity out of the \
             market's bounds; other engines may not agree with these trades",
            refusals.others
        );
    }
}

/// The figures of an engine beside ours. They must have traded the same.
fn print_other(
    output: &mut impl Write,
    engine: Engine,
    (traded, ns): (Traded, f64),
    (other, other_ns): (Traded, f64),
) -> Result<(), Failure> {
    let name = match engine {
        Engine::Book => "engine",
        Engine::Floor => "floor",
        Engine::Naive => "naive",
    };
    let ratio = ns / other_ns;
    writeln!(
        output,
        "{name:7} {other_ns:8.1} ns an operation; engine / {name} = {ratio:.2}"
    )?;
    if traded != other {
        let (trades, quantity) = (other.trades, other.quantity);
        writeln!(
            output,
            "FAIL {name} made {trades} trades of {quantity} in all"
        )?;
        return Err(Failure::Told);
    }
    Ok(())
}

fn floor(args: &FloorArgs) -> Result<(), Failure> {
    let workload = read(&args.ops)?;
    let measured = engine::compare(&[Engine::Floor], &workload, args.passes.count())
        .map_err(|error| Failure::Usage(error.into()))?;
    let (Traded { trades, quantity }, ns) = measured[0];
    writeln!(
        io::stdout().lock(),
        "floor   {ns:8.1} ns an operation; {trades} trades of {quantity} in all"
    )?;
    Ok(())
}

fn clear_auctions(args: &AuctionArgs) -> Result<(), Failure> {
    let sizes = match args.orders {
        Some(orders) => vec![orders as usize],
        None => AUCTION_ORDERS.to_vec(),
    };
    for orders in sizes {
        let figures = auction::measure(orders, args.passes.count(), 1);
        if args.json {
            print_json(&figures)?;
            continue;
        }
        writeln!(
            io::stdout().lock(),
            "{orders:9} orders: clear {:9.1} us, bare sort {:9.1} us, clear / sort = {:.2}; \
             {} fills",
            figures.clear_ns / 1e3,
            figures.sort_ns / 1e3,
            figures.ratio,
            figures.fills
        )?;
    }
    Ok(())
}

fn clear_days(args: &JointArgs) -> Result<(), Failure> {
    let sizes = match args.orders {
        Some(orders) => vec![orders as usize],
        None => AUCTION_ORDERS.to_vec(),
    };
    for orders in sizes {
        let bundles = usize::from(args.bundles);
        let figures = joint::measure(orders, bundles, args.passes.count(), 1);
        if args.json {
            print_json(&figures)?;
            continue;
        }
        writeln!(
            io::stdout().lock(),
            "{orders:9} orders: jointly {:9.1} us, plain auctions {:9.1} us, joint / plain = \
             {:.2}; {} of {} bundles accepted, {} rejected though profitable, {} rounds",
            figures.joint_ns / 1e3,
            figures.plain_ns / 1e3,
            figures.ratio,
            figures.accepted,
            figures.bundles,
            figures.profitable,
            figures.rounds
        )?;
    }
    Ok(())
}

fn settle(args: &SettleArgs) -> Result<(), Failure> {
    let passes = args.passes.count();
    let figures = settlement::measure(args.points, args.orders as usize, passes, 1)
        .map_err(|error| Failure::Failed(error.into()))?;
    if args.json {
        return print_json(&figures);
    }
    writeln!(
        io::stdout().lock(),
        "{} points, {} orders: {:.3} ms (auction {:.3} ms, settlement {:.3} ms); \
         {} fills, {} postings",
        figures.points,
        figures.orders,
        figures.total_ms,
        figures.clear_ms,
        figures.settle_ms,
        figures.fills,
        figures.postings
    )?;
    Ok(())
}

fn state_root(args: &RootArgs) -> Result<(), Failure> {
    let sizes = args.rows.map_or(ROOT_ROWS.to_vec(), |rows| vec![rows]);
    for rows in sizes {
        let figures = root::measure(rows, args.changed, args.passes.count(), 1);
        if args.json {
            print_json(&figures)?;
            continue;
        }
        writeln!(
            io::stdout().lock(),
            "{rows:9} accounts, {} changed: {:8.1} us ({:6.1} ns each); the whole state anew \
             {:11.1} us; ratio {:.6}",
            figures.changed,
            figures.update_us,
            figures.update_ns_each,
            figures.whole_us,
            figures.ratio
        )?;
    }
    Ok(())
}

fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let figures = measure(&args.export, &args.policy, args.passes.count());
    let figures = figures.map_err(Failure::Failed)?;
    if args.json {
        return print_json(&figures);
    }
    let share = |per_mille: u64| format!("{}.{:03}", per_mille / 1_000, per_mille % 1_000);
    writeln!(
        io::stdout().lock(),
        "{} entries with {} signatures verified in {} us: {} entries a second, at most {} MB\n\
         bare loop over the signatures, one thread: {} us; bare loop over verification: {} in \
         processor time, {} in wall time (medians of {})",
        figures.entries,
        figures.signatures,
        figures.verify_wall_us,
        figures.entries_per_second,
        figures.peak_memory_kb / 1_024,
        figures.plain_wall_us,
        share(figures.ratio_cpu_per_mille),
        share(figures.ratio_wall_per_mille),
        figures.passes,
    )?;
    Ok(())
}

fn print_json(figures: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(figures).map_err(|error| Failure::Failed(error.into()))?;
    writeln!(io::stdout().lock(), "{json}")?;
    Ok(())
}
