//! A participant's bundles, open and closed.

use super::Api;
use super::access::Reader;
use super::extent::extent;
use super::failure::Failure;
use super::market::{range, read};
use super::private::{facts, participant};
use super::query::Parameters;
use axum::Json;
use axum::extract::{RawQuery, State};
use wattle_client::api::{Bundles, ClosedBundle, OpenBundle};
use wattle_ledger::derived::Fact;
use wattle_ledger::state::joint::joint_auction_due;

/// `GET /v1/bundles?participant=N&from=N&to=N`.
pub(super) async fn bundles(
    State(api): State<Api>,
    reader: Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<Bundles>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["participant", "from", "to"])?;
    let participant = participant(&parameters, reader)?;
    let (from, to) = range(&parameters)?;
    let asked = api.ask(move |view| {
        let rows = view.ledger().state().joint.bundles().iter();
        let own = rows.filter(|(_, row)| row.participant == participant);
        let open = own.map(|((day, id), row)| OpenBundle {
            bundle: id.to_string(),
            day: *day,
            auction_due: joint_auction_due(*day),
            point: row.point,
            legs: row.legs.clone(),
            limit: row.limit,
            reserved: row.reserved,
        });
        let open: Vec<OpenBundle> = open.collect();
        let tail = (view.history.open_bundle(), extent(view));
        (open, view.index.bundles(participant, from, to), tail)
    });
    let (open, found, (tail, log)) = asked.await?;
    let places = read(found.leaves())?;
    let closed = facts(&api, &places, &tail)?;
    Ok(Json(Bundles {
        participant,
        log,
        open,
        closed: closed
            .into_iter()
            .filter_map(|(leaf, fact)| closed_bundle(leaf, fact))
            .collect(),
    }))
}

fn closed_bundle(leaf: u64, fact: Fact) -> Option<ClosedBundle> {
    let Fact::BundleClosed {
        bundle,
        day,
        point,
        legs,
        prices,
        limit,
        state,
        cash,
        surplus,
    } = fact
    else {
        return None;
    };
    Some(ClosedBundle {
        leaf,
        bundle: bundle.to_string(),
        day,
        point,
        legs,
        prices,
        limit,
        state,
        cash,
        surplus,
    })
}
