//! `wattle pool schedule`: how a point takes part in the pool by weekday and time of day.

use wattle_ledger::event::Action;
use wattle_market::point::PointId;

use crate::args::PoolScheduleArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::park::{Park, TENANT_KEY};
use crate::schedule;
use crate::settings::Settings;

pub(super) fn run(
    args: &PoolScheduleArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let entries = match &args.file {
        Some(path) => schedule::read(path)?,
        None => args.entries.clone(),
    };
    let park = Park::open(settings)?;
    let action = Action::SetSchedule {
        point: PointId(args.point),
        entries,
    };
    park.submit(&park.key(TENANT_KEY)?, action)?.print(output)
}
