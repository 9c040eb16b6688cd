//! Closed months: a participant's invoices, and what the park's offices see of each.

use super::Api;
use super::access::Reader;
use super::extent::extent;
use super::failure::Failure;
use super::market::read;
use super::private::{facts, participant};
use super::query::Parameters;
use axum::Json;
use axum::extract::{RawQuery, State};
use wattle_client::api::{ClosedMonth, InDefault, Invoices, Months};
use wattle_ledger::journal::AccountId;
use wattle_market::interval::DeliveryInterval;

/// `GET /v1/invoices?participant=N`.
pub(super) async fn invoices(
    State(api): State<Api>,
    reader: Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<Invoices>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["participant"])?;
    let participant = participant(&parameters, reader)?;
    let (found, open, log) = api
        .ask(move |view| {
            let ever = (DeliveryInterval(0), DeliveryInterval(u64::MAX));
            let found = view.index.months_of(participant, ever.0, ever.1);
            (found, view.history.open_bundle(), extent(view))
        })
        .await?;
    let places = read(found.leaves())?;
    let mut invoices = Invoices {
        participant,
        invoices: Vec::new(),
        log,
    };
    let mut points = Vec::new();
    for (leaf, fact) in facts(&api, &places, &open)? {
        invoices.take(leaf, &fact, &mut points);
    }
    Ok(Json(invoices))
}

/// `GET /v1/months`.
pub(super) async fn months(
    State(api): State<Api>,
    reader: Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<Months>, Failure> {
    reader.check_office()?;
    Parameters::parse(query.as_deref(), &[])?;
    let (mut months, found, open) = api
        .ask(|view| {
            let state = view.ledger().state();
            let balance = |account| state.accounts.get(account).balance;
            let defaulters = state.months.defaulters();
            let months = Months {
                months: Vec::new(),
                in_default: defaulters
                    .map(|(participant, since_ms)| InDefault {
                        participant: *participant,
                        since_ms: *since_ms,
                    })
                    .collect(),
                grid: balance(AccountId::Grid),
                balancing: balance(AccountId::Balancing),
                fees: balance(AccountId::Fees),
                residue: balance(AccountId::Residue),
                log: extent(view),
            };
            (months, view.index.months(), view.history.open_bundle())
        })
        .await?;
    let places = read(found.leaves())?;
    for (leaf, fact) in facts(&api, &places, &open)? {
        ClosedMonth::take(&mut months.months, leaf, &fact);
    }
    Ok(Json(months))
}
