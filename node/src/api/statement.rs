//! A participant's settled intervals, with what the final run made of them.

use super::Api;
use super::access::Reader;
use super::extent::extent;
use super::failure::Failure;
use super::log::OpenBundle;
use super::market::{range, read, standings};
use super::private::{facts, participant};
use super::query::Parameters;
use axum::Json;
use axum::extract::{RawQuery, State};
use std::collections::BTreeMap;
use wattle_client::api::{Charge, Funds, SettledLine, Standing, Statement};
use wattle_ledger::derived::Fact;
use wattle_market::interval::Timestamp;
use wattle_market::units::Money;

/// `GET /v1/statement?participant=N&from=N&to=N`.
pub(super) async fn statement(
    State(api): State<Api>,
    reader: Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<Statement>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["participant", "from", "to"])?;
    let participant = participant(&parameters, reader)?;
    let (from, to) = range(&parameters)?;
    let (found, standings, (open, log)) = api
        .ask(move |view| {
            let settled = view.index.settled(participant, from, to);
            let months = view.index.months_of(participant, from, to);
            let funds = view.index.funds(participant, from.start(), to.end());
            let tail = (view.history.open_bundle(), extent(view));
            ((settled, months, funds), standings(view, (from, to)), tail)
        })
        .await?;
    let (settled, months, moved) = found;
    let mut statement = Statement::empty(participant, from, to);
    statement.log = log;
    for (leaf, fact) in facts(&api, &read(settled.leaves())?, &open)? {
        let standing = |interval| standings.get(&interval).copied();
        statement.take(leaf, fact, |interval| {
            standing(interval).unwrap_or(Standing::Only)
        });
    }
    (statement.credit, statement.grid_alone) = sums(&statement);
    for (leaf, fact) in facts(&api, &read(months.leaves())?, &open)? {
        statement.charges.extend(Charge::of(leaf, &fact));
    }
    statement.funds = funds(&api, &read(moved.places())?, &open)?;
    Ok(Json(statement))
}

/// Sums of the figures in force.
fn sums(statement: &Statement) -> (Money, Money) {
    let (mut credit, mut grid_alone) = (0i64, 0i64);
    for run in statement.lines.iter().filter_map(SettledLine::last) {
        credit = credit.saturating_add(run.line.credit.0);
        grid_alone = grid_alone.saturating_add(run.line.grid_alone.0);
    }
    (Money(credit), Money(grid_alone))
}

fn funds(api: &Api, places: &[(u64, u64)], open: &OpenBundle) -> Result<Vec<Funds>, Failure> {
    let times: BTreeMap<u64, u64> = places.iter().map(|(time, leaf)| (*leaf, *time)).collect();
    let leaves: Vec<u64> = times.keys().copied().collect();
    let mut funds = Vec::new();
    for (leaf, fact) in facts(api, &leaves, open)? {
        if let Fact::FundsMoved { amount } = fact {
            funds.push(Funds {
                leaf,
                time_ms: Timestamp(times[&leaf]),
                amount,
            });
        }
    }
    Ok(funds)
}
