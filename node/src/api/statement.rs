//! A participant's settled intervals, with what the final run made of them.

use super::Api;
use super::access::Reader;
use super::extent::extent;
use super::failure::Failure;
use super::log::OpenBundle;
use super::market::range;
use super::private::{facts, participant, within};
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
    let (places, standings, (open, log)) = api
        .ask(move |view| {
            let places = view.index.of(participant);
            let settled = places.settled.iter().map(|(interval, _)| *interval);
            let asked = settled.filter(|interval| (from..=to).contains(interval));
            let state = view.ledger().state();
            let standings = asked.map(|interval| (interval, state.standing(interval)));
            let standings: BTreeMap<_, _> = standings.collect();
            let tail = (view.history.open_bundle(), extent(view));
            (places, standings, tail)
        })
        .await?;
    let mut statement = Statement::empty(participant, from, to);
    statement.log = log;
    for (leaf, fact) in facts(&api, &within(&places.settled, from, to), &open)? {
        let standing = |interval| standings.get(&interval).copied();
        statement.take(leaf, fact, |interval| {
            standing(interval).unwrap_or(Standing::Only)
        });
    }
    (statement.credit, statement.grid_alone) = sums(&statement);
    for (leaf, fact) in facts(&api, &within(&places.months, from, to), &open)? {
        statement.charges.extend(Charge::of(leaf, &fact));
    }
    let moved = within(&places.funds, from.start(), to.end());
    statement.funds = funds(&api, &moved, &places.funds, &open)?;
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

fn funds(
    api: &Api,
    places: &[u64],
    times: &[(Timestamp, u64)],
    open: &OpenBundle,
) -> Result<Vec<Funds>, Failure> {
    let mut funds = Vec::new();
    for (leaf, fact) in facts(api, places, open)? {
        let time = times
            .iter()
            .find(|(_, place)| *place == leaf)
            .map(|(time, _)| *time);
        if let (Fact::FundsMoved { amount }, Some(time_ms)) = (fact, time) {
            funds.push(Funds {
                leaf,
                time_ms,
                amount,
            });
        }
    }
    Ok(funds)
}
