//! `wattle bundle …`: orders over several intervals, for the day-ahead joint auction.

use serde::Serialize;
use wattle_client::api::{ClosedBundle, EventOutcome};
use wattle_ledger::derived::BundleState;
use wattle_ledger::event::{Action, OrderId};
use wattle_ledger::state::joint::joint_auction_due;
use wattle_market::interval::{DeliveryInterval, LocalQuarter};
use wattle_market::joint::Leg;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, WattHours};

use super::order::shortfall_price;
use crate::args::{BundleCommand, BundlePlaceArgs, RangeArgs};
use crate::failure::Failure;
use crate::leg;
use crate::moment;
use crate::output::{Output, Table};
use crate::park::{Park, TENANT_KEY};
use crate::settings::Settings;
use crate::stage::extent_text;

pub(super) fn run(
    command: &BundleCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    match command {
        BundleCommand::Place(args) => place(args, &park, output),
        BundleCommand::List(args) => list(args, &park, output),
        BundleCommand::Cancel { bundle } => {
            let action = Action::CancelBundle { bundle: *bundle };
            park.submit(&park.key(TENANT_KEY)?, action)?.print(output)
        }
    }
}

/// A bundle's event, with the name that it has from now on.
#[derive(Debug, Serialize)]
struct Placed<'a> {
    #[serde(flatten)]
    outcome: &'a EventOutcome,
    /// None if it was refused.
    bundle: Option<String>,
}

fn place(args: &BundlePlaceArgs, park: &Park<'_>, output: &mut Output<'_>) -> Result<(), Failure> {
    let typed = match &args.file {
        Some(path) => leg::read(path)?,
        None => args.legs.clone(),
    };
    let legs = leg::spread(&typed, park.offset())?;
    if args.dry_run {
        return worst_case(&legs, args.limit, park, output);
    }
    let day = legs.first().map(|leg| day_of(leg.interval, park.offset()));
    let action = Action::PlaceBundle {
        point: PointId(args.point),
        legs,
        limit: args.limit,
    };
    let recorded = park.submit(&park.key(TENANT_KEY)?, action)?;
    let body = recorded.event.body();
    let id = OrderId {
        key: body.author,
        sequence: body.sequence,
        item: 0,
    };
    let is_accepted = recorded.outcome.first_refusal().is_none();
    let placed = Placed {
        outcome: &recorded.outcome,
        bundle: is_accepted.then(|| id.to_string()),
    };
    output.print(&placed, |writer| {
        writeln!(writer, "{}", recorded.staged_text())?;
        match (&placed.bundle, day) {
            (Some(bundle), Some(day)) => {
                let due = moment::time_text(joint_auction_due(day), park.offset());
                writeln!(writer, "bundle {bundle}\nits joint auction is due at {due}")
            }
            _ => Ok(()),
        }
    })?;
    recorded.check()
}

/// The first interval of the local day.
fn day_of(interval: DeliveryInterval, utc_offset_minutes: i16) -> DeliveryInterval {
    let quarter = LocalQuarter::of(interval, utc_offset_minutes).quarter_of_day;
    interval.minus(u64::from(quarter))
}

/// A bundle that was not sent.
#[derive(Debug, Serialize)]
struct WorstCase<'a> {
    legs: &'a [Leg],
    limit: Money,
    collateral: Money,
}

/// Prints the most that it can cost; nothing is signed or sent.
fn worst_case(
    legs: &[Leg],
    limit: Money,
    park: &Park<'_>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let registry = park.client.registry()?;
    let costs = legs.iter().map(|leg| {
        let price = match leg.side {
            Side::Sell => shortfall_price(&park.genesis, &registry, leg.interval),
            Side::Buy => registry.terms.wheeling,
        };
        i128::from(leg.quantity.0) * i128::from(price.0)
    });
    let most = (costs.sum::<i128>() - i128::from(limit.0)).max(0);
    let collateral = i64::try_from(most).map(Money).map_err(|_| {
        Failure::usage(
            "the bundle's worst case does not fit a money amount",
            "check the units",
        )
    })?;
    let worst = WorstCase {
        legs,
        limit,
        collateral,
    };
    output.print(&worst, |writer| {
        writeln!(
            writer,
            "{}\nat worst {collateral}: if nothing that it sells is delivered and all of it is \
             bought back at the shortfall price, with the wheeling of what it buys",
            legs_text(legs)
        )
    })?;
    eprintln!("Nothing was signed or sent. So much of the free balance would be held until then.");
    Ok(())
}

/// All legs in a few words, like `buys 20.000 kWh in 2 intervals, sells …`.
fn legs_text(legs: &[Leg]) -> String {
    let side = |side: Side, verb: &str| {
        let of_side = || legs.iter().filter(|leg| leg.side == side);
        let energy = of_side().fold(0i64, |sum, leg| sum.saturating_add(leg.quantity.0));
        let count = of_side().count();
        let intervals = if count == 1 { "interval" } else { "intervals" };
        (count > 0).then(|| format!("{verb} {} in {count} {intervals}", WattHours(energy)))
    };
    let sides = [side(Side::Buy, "buys"), side(Side::Sell, "sells")];
    let sides: Vec<String> = sides.into_iter().flatten().collect();
    sides.join(", ")
}

fn list(args: &RangeArgs, park: &Park<'_>, output: &mut Output<'_>) -> Result<(), Failure> {
    let (from, to) = park.period(&args.period)?;
    let (client, participant) = park.private_of(&args.who)?;
    let bundles = client.bundles(participant, from, to)?;
    let header = [
        "day", ">point", "legs", ">limit", "state", ">cash", ">surplus", "bundle",
    ];
    let mut table = Table::new(&header);
    let day = |day: DeliveryInterval| {
        let text = park.interval_text(day);
        text.split('T').next().unwrap_or_default().to_owned()
    };
    let or_dash = |money: Option<Money>| money.map_or_else(|| "-".to_owned(), |m| m.to_string());
    for open in &bundles.open {
        let due = moment::time_text(open.auction_due, park.offset());
        table.row(vec![
            day(open.day),
            open.point.0.to_string(),
            legs_text(&open.legs),
            open.limit.to_string(),
            format!("open until {due}"),
            or_dash(None),
            or_dash(None),
            open.bundle.clone(),
        ]);
    }
    for closed in &bundles.closed {
        table.row(vec![
            day(closed.day),
            closed.point.0.to_string(),
            legs_text(&closed.legs),
            closed.limit.to_string(),
            state_text(closed).to_owned(),
            or_dash(closed.cash),
            or_dash(closed.surplus),
            closed.bundle.clone(),
        ]);
    }
    output.print(&bundles, |writer| {
        table.write(
            writer,
            "no open bundles, and none for days that begin in this period; choose another with \
             --from and --to",
        )?;
        writeln!(writer, "{}", extent_text(&bundles.log))
    })
}

fn state_text(closed: &ClosedBundle) -> &'static str {
    match (closed.state, closed.surplus) {
        (BundleState::Accepted, _) => "accepted",
        (BundleState::Rejected, Some(surplus)) if surplus > Money::ZERO => {
            "rejected though profitable"
        }
        (BundleState::Rejected, _) => "rejected",
        (BundleState::LeftOut, _) => "left out: market halted",
    }
}
