//! `wattle order change` and `wattle order cancel-all`.

use wattle_ledger::event::{Action, OrderChange};
use wattle_market::point::PointId;

use crate::args::{CancelAllArgs, ChangeArgs};
use crate::failure::Failure;
use crate::output::Output;
use crate::park::{Park, TENANT_KEY};

/// Another quantity and limit for an open order.
pub(super) fn change(
    args: &ChangeArgs,
    park: &Park<'_>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let action = Action::ChangeOrders(vec![OrderChange {
        order: args.order,
        quantity: args.quantity,
        limit: args.limit,
    }]);
    park.submit(&park.key(TENANT_KEY)?, action)?.print(output)
}

/// All open orders that are not firm, of one point or interval where it is named.
pub(super) fn cancel_all(
    args: &CancelAllArgs,
    park: &Park<'_>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let interval = args
        .interval
        .map(|interval| interval.interval(park.offset()))
        .transpose()?;
    let action = Action::CancelAll {
        point: args.point.map(PointId),
        interval,
    };
    park.submit(&park.key(TENANT_KEY)?, action)?.print(output)?;
    eprintln!("orders in their last five minutes before the gate stay: wattle order list");
    Ok(())
}
