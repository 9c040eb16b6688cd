//! What only a participant himself and the park's offices may see.

use super::Api;
use super::access::Reader;
use super::extent::extent;
use super::failure::Failure;
use super::log::{OpenBundle, leaves};
use super::market::{range, read};
use super::query::Parameters;
use axum::Json;
use axum::extract::{RawQuery, State};
use wattle_client::api::{
    Balance, Entries, EntryRecord, JointPart, OpenOrder, OpenOrders, Trade, Trades,
};
use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::units::{Money, Price, WattHours};

/// Entries of one answer; a longer range is cut.
const ENTRIES_MAX: u64 = 1_000;

/// `GET /v1/orders?participant=N`.
pub(super) async fn orders(
    State(api): State<Api>,
    reader: Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<OpenOrders>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["participant"])?;
    let participant = participant(&parameters, reader)?;
    let orders = api.ask(move |view| {
        let orders = view.ledger().state().orders.of_participant(participant);
        let open = orders.map(|(id, order)| OpenOrder {
            order: id.to_string(),
            point: order.item.point,
            interval: order.item.interval,
            side: order.item.side,
            quantity: order.item.quantity,
            limit: order.item.limit,
        });
        (open.collect(), extent(view))
    });
    let (orders, log) = orders.await?;
    Ok(Json(OpenOrders {
        participant,
        orders,
        log,
    }))
}

/// `GET /v1/balance?participant=N`.
pub(super) async fn balance(
    State(api): State<Api>,
    reader: Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<Balance>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["participant"])?;
    let participant = participant(&parameters, reader)?;
    let account = api.ask(move |view| {
        let state = view.ledger().state();
        let is_registered = state.registry.participants().contains(&participant);
        is_registered.then(|| {
            let account = state.accounts.get(AccountId::Participant(participant));
            (account, extent(view))
        })
    });
    let (account, log) = account.await?.ok_or_else(|| unknown(participant))?;
    let available = account
        .available()
        .clamp(i128::from(i64::MIN), i128::from(i64::MAX));
    Ok(Json(Balance {
        participant,
        balance: account.balance,
        reserved: account.reserved,
        credit_limit: account.credit_limit,
        available: Money(i64::try_from(available).expect("it was just clamped")),
        log,
    }))
}

/// `GET /v1/trades?participant=N&from=N&to=N`.
pub(super) async fn trades(
    State(api): State<Api>,
    reader: Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<Trades>, Failure> {
    let parameters = Parameters::parse(query.as_deref(), &["participant", "from", "to"])?;
    let participant = participant(&parameters, reader)?;
    let (from, to) = range(&parameters)?;
    let (found, open, log) = api
        .ask(move |view| {
            let found = view.index.trades(participant, from, to);
            (found, view.history.open_bundle(), extent(view))
        })
        .await?;
    // A bundle's one leaf stands for all its legs.
    let places = read(found.leaves())?;
    let mut trades = Vec::new();
    for (leaf, fact) in facts(&api, &places, &open)? {
        trades.extend(legs(leaf, fact, (from, to)));
    }
    Ok(Json(Trades {
        participant,
        trades,
        log,
    }))
}

/// A fact as legs of trades; a bundle's are those for intervals `from` to `to`.
fn legs(leaf: u64, fact: Fact, (from, to): (DeliveryInterval, DeliveryInterval)) -> Vec<Trade> {
    let (order, item, filled, price, role, joint) = match fact {
        Fact::OrderClosed {
            order,
            item,
            filled,
            price,
        } => (
            order,
            item,
            filled,
            price.unwrap_or(Price::ZERO),
            None,
            None,
        ),
        Fact::OrderMatched {
            order,
            item,
            filled,
            price,
            role,
        } => (order, item, filled, price, Some(role), None),
        Fact::JointFilled {
            order,
            item,
            filled,
            price,
        } => (order, item, filled, price, None, Some(JointPart::Order)),
        Fact::BundleClosed {
            bundle,
            point,
            legs,
            prices,
            ..
        } => {
            let priced = legs.iter().zip(prices);
            let asked = priced.filter(|(leg, _)| (from..=to).contains(&leg.interval));
            let trades = asked.map(|(leg, price)| Trade {
                leaf,
                order: bundle.to_string(),
                point,
                interval: leg.interval,
                side: leg.side,
                ordered: leg.quantity,
                filled: leg.quantity,
                price,
                role: None,
                joint: Some(JointPart::Bundle),
                amount: amount(leg.side, leg.quantity, price),
            });
            return trades.collect();
        }
        _ => return Vec::new(),
    };
    vec![Trade {
        leaf,
        order: order.to_string(),
        point: item.point,
        interval: item.interval,
        side: item.side,
        ordered: item.quantity,
        filled,
        price,
        role,
        joint,
        amount: amount(item.side, filled, price),
    }]
}

/// Above zero where the participant receives it.
fn amount(side: Side, filled: WattHours, price: Price) -> Money {
    let cost = filled.cost(price).unwrap_or_default();
    match side {
        Side::Buy => cost.checked_neg().unwrap_or_default(),
        Side::Sell => cost,
    }
}

/// `GET /v1/entries?from=N&count=N`: leaves as JSON.
pub(super) async fn entries(
    State(api): State<Api>,
    reader: Reader,
    RawQuery(query): RawQuery,
) -> Result<Json<Entries>, Failure> {
    reader.check_office()?;
    let parameters = Parameters::parse(query.as_deref(), &["from", "count"])?;
    let from: u64 = parameters.required("from")?;
    let count = parameters
        .optional("count")?
        .unwrap_or(ENTRIES_MAX)
        .min(ENTRIES_MAX);
    let (size, open, log) = api
        .ask(|view| {
            let history = view.history;
            (history.size(), history.open_bundle(), extent(view))
        })
        .await?;
    let indices: Vec<u64> = (from..size.min(from.saturating_add(count))).collect();
    let mut entries = Vec::new();
    for (index, leaf) in indices.iter().zip(leaves(&api, &indices, &open)?) {
        let entry = decode(&leaf)?;
        entries.push(entry_record(*index, &entry));
    }
    Ok(Json(Entries { entries, log }))
}

fn entry_record(index: u64, entry: &Entry) -> EntryRecord {
    let hex = wattle_ledger::hex::encode;
    let (participant, value) = match entry {
        Entry::Genesis(signed) => (None, serde_json::json!({ "signed": hex(signed) })),
        Entry::Batch { header, dropped } => {
            let dropped: Vec<_> = dropped
                .iter()
                .map(|dropped| serde_json::json!({"place": dropped.place, "event": dropped.event}))
                .collect();
            let header = serde_json::json!({ "header": hex(header), "dropped": dropped });
            (None, header)
        }
        Entry::Event { signed, outcome } => {
            let event = wattle_ledger::event::SignedEvent::parse(signed).ok();
            let body = event.as_ref().map(|event| event.body());
            let value = serde_json::json!({
                "signed": hex(signed),
                "author": body.map(|body| body.author),
                "sequence": body.map(|body| body.sequence),
                "action": body.map(|body| body.action.name()),
                "outcome": outcome,
            });
            (None, value)
        }
        Entry::Derived {
            participant,
            blind,
            fact,
        } => {
            let value = serde_json::json!({ "blind": blind, "fact": fact });
            (*participant, value)
        }
        Entry::Seal { state_root } => (None, serde_json::json!({ "state_root": state_root })),
        Entry::Voters {
            change,
            voters,
            learners,
        } => {
            let value =
                serde_json::json!({ "change": change, "voters": voters, "learners": learners });
            (None, value)
        }
    };
    EntryRecord {
        index,
        kind: entry.kind().to_owned(),
        participant,
        value,
    }
}

pub(super) fn participant(
    parameters: &Parameters,
    reader: Reader,
) -> Result<ParticipantId, Failure> {
    let participant = ParticipantId(parameters.required("participant")?);
    reader.check(participant)?;
    Ok(participant)
}

fn unknown(participant: ParticipantId) -> Failure {
    Failure::not_found(format!(
        "no participant has id {participant}; look at the registry"
    ))
}

pub(super) fn facts(
    api: &Api,
    places: &[u64],
    open: &OpenBundle,
) -> Result<Vec<(u64, Fact)>, Failure> {
    let mut facts = Vec::new();
    for (place, leaf) in places.iter().zip(leaves(api, places, open)?) {
        if let Entry::Derived { fact, .. } = decode(&leaf)? {
            facts.push((*place, fact));
        }
    }
    Ok(facts)
}

fn decode(leaf: &[u8]) -> Result<Entry, Failure> {
    Entry::decode(leaf).map_err(|error| Failure::internal("decode a leaf", &error))
}
