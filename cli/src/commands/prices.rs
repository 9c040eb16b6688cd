//! `wattle prices`: what cleared.

use super::statement::standing_name;
use crate::args::PeriodArgs;
use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::park::Park;
use crate::settings::Settings;
use crate::stage::extent_text;
use wattle_ledger::registration::MarketMode;

pub(super) fn run(
    args: &PeriodArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let (from, to) = park.period(args)?;
    let prices = park.client.prices(from, to)?;
    // Most parks hold no joint auctions, and need no columns for them.
    let is_joint = prices.intervals.iter().any(|one| one.joint.is_some());
    let mut header = vec![
        "interval",
        "market",
        ">price",
        ">volume",
        ">bids",
        ">offers",
        ">pool price",
        ">pool volume",
        "figures",
        "state",
    ];
    if is_joint {
        header.extend([">joint price", ">joint volume"]);
    }
    let mut table = Table::new(&header);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    for cleared in &prices.intervals {
        let mut row = vec![
            park.interval_text(cleared.interval),
            match cleared.mode {
                MarketMode::CallAuction => "auction",
                MarketMode::Continuous => "continuous",
            }
            .to_owned(),
            or_dash(cleared.price.map(|price| price.to_string())),
            cleared.volume.to_string(),
            cleared.bids.to_string(),
            cleared.offers.to_string(),
            or_dash(cleared.pool_price.map(|price| price.to_string())),
            or_dash(cleared.settled.then(|| cleared.pool_volume.to_string())),
            or_dash(cleared.standing.map(|it| standing_name(it).to_owned())),
            prices.log.stage(cleared.leaf).name().to_owned(),
        ];
        if is_joint {
            let joint = cleared.joint.as_ref();
            row.push(or_dash(joint.map(|joint| joint.price.to_string())));
            row.push(or_dash(joint.map(|joint| joint.volume.to_string())));
        }
        table.row(row);
    }
    output.print(&prices, |writer| {
        table.write(
            writer,
            "nothing cleared in this period; choose another with --from and --to",
        )?;
        writeln!(writer, "{}", extent_text(&prices.log))
    })
}
