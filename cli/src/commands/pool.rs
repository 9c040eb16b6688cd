//! `wattle pool set`: a point's standing instruction.

use wattle_ledger::event::Action;
use wattle_market::point::PointId;

use crate::args::PoolSetArgs;
use crate::failure::Failure;
use crate::output::Output;
use crate::park::{Park, TENANT_KEY};
use crate::settings::Settings;

pub(super) fn run(
    args: &PoolSetArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let action = Action::SetStandingInstruction {
        point: PointId(args.point),
        enrolled: args.enroll,
        ask_limit: args.ask_limit,
        bid_limit: args.bid_limit,
    };
    park.submit(&park.key(TENANT_KEY)?, action)?.print(output)
}
