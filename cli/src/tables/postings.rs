//! `postings`: every movement on participants' accounts, and on the park's for each interval.

use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::verify::entries::IndexedEntry;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;
use wattle_market::settlement::{Account, PostingKind};
use wattle_market::units::Money;

use super::settlements::run_name;
use super::{
    Cell, Column, Reader, Row, Table, cny, integer, label, money, number, text, utc, words,
};

const COLUMNS: [Column; 13] = [
    integer("entry"),
    utc("recorded_utc"),
    label("account"),
    integer("participant"),
    text("participant_name"),
    label("kind"),
    cny("amount_cny"),
    label("run"),
    integer("interval"),
    label("start_local"),
    utc("start_utc"),
    integer("point"),
    label("month"),
];

pub(super) const TABLE: Table = Table {
    name: "postings",
    columns: &COLUMNS,
    rows,
};

/// One movement.
struct Moved {
    account: &'static str,
    participant: Option<ParticipantId>,
    kind: &'static str,
    amount: Money,
    run: Cell,
    interval: Option<DeliveryInterval>,
    point: Option<PointId>,
    month: Cell,
}

fn kind_name(kind: PostingKind) -> &'static str {
    match kind {
        PostingKind::Forward => "forward",
        PostingKind::Pool => "pool",
        PostingKind::Grid => "grid",
        PostingKind::Balancing => "balancing",
        PostingKind::Wheeling => "wheeling",
        PostingKind::Replacement => "replacement",
    }
}

fn account_name(account: Account) -> &'static str {
    match account {
        Account::Point(_) => "participant",
        Account::Clearing => "clearing",
        Account::Grid => "grid",
        Account::Balancing => "balancing",
        Account::Network => "network",
    }
}

fn rows(reader: &Reader, entry: &IndexedEntry) -> Vec<Row> {
    let Entry::Derived {
        participant, fact, ..
    } = &entry.entry
    else {
        return Vec::new();
    };
    let moved = match fact {
        Fact::PointSettled {
            interval,
            point,
            run,
            postings,
            ..
        }
        | Fact::PointAdjusted {
            interval,
            point,
            run,
            postings,
            ..
        } => {
            let one = |(kind, amount): &(PostingKind, Money)| Moved {
                run: words(run_name(*run)),
                interval: Some(*interval),
                point: Some(*point),
                ..of_participant(*participant, kind_name(*kind), *amount)
            };
            postings.iter().map(one).collect()
        }
        Fact::IntervalSettled {
            interval,
            run,
            postings,
            ..
        }
        | Fact::IntervalAdjusted {
            interval,
            run,
            postings,
            ..
        } => {
            let one = |(account, kind, amount): &(Account, PostingKind, Money)| Moved {
                account: account_name(*account),
                run: words(run_name(*run)),
                interval: Some(*interval),
                ..of_participant(None, kind_name(*kind), *amount)
            };
            postings.iter().map(one).collect()
        }
        fact => of_account(*participant, fact),
    };
    moved
        .into_iter()
        .map(|one| row(reader, entry, one))
        .collect()
}

/// Movements that belong to no interval.
fn of_account(participant: Option<ParticipantId>, fact: &Fact) -> Vec<Moved> {
    let of = |kind, amount| of_participant(participant, kind, amount);
    let negative = |amount: Money| Money(amount.0.saturating_neg());
    let (moved, month) = match fact {
        Fact::FundsMoved { amount } => {
            let kind = if amount.0 < 0 {
                "withdrawal"
            } else {
                "deposit"
            };
            (vec![of(kind, *amount)], None)
        }
        Fact::MonthInvoiced {
            month,
            demand,
            fees,
            ..
        } => {
            let charged = [("demand", *demand), ("fees", *fees)];
            let moved = charged.map(|(kind, amount)| of(kind, negative(amount)));
            (moved.into(), Some(month))
        }
        Fact::DefaultCovered {
            month,
            from_balancing,
            from_gains,
            ..
        } => {
            let covered = [
                of("covered_by_balancing", *from_balancing),
                of("covered_by_gains", *from_gains),
            ];
            (covered.into(), Some(month))
        }
        Fact::GainCut { month, cut, .. } => (vec![of("gain_cut", negative(*cut))], Some(month)),
        Fact::ResidueMoved { amount } => (vec![of("residue", *amount)], None),
        _ => return Vec::new(),
    };
    let in_month = |one: Moved| Moved {
        month: month.and_then(|month| words(month.to_string())),
        ..one
    };
    let moved = moved.into_iter().filter(|one| one.amount.0 != 0);
    moved.map(in_month).collect()
}

fn of_participant(participant: Option<ParticipantId>, kind: &'static str, amount: Money) -> Moved {
    Moved {
        account: "participant",
        participant,
        kind,
        amount,
        run: None,
        interval: None,
        point: None,
        month: None,
    }
}

fn row(reader: &Reader, entry: &IndexedEntry, moved: Moved) -> Row {
    let interval = moved.interval.map(|interval| reader.interval(interval));
    let mut row = vec![number(entry.index), reader.recorded(), words(moved.account)];
    row.extend(reader.participant(moved.participant));
    row.extend([words(moved.kind), money(moved.amount), moved.run]);
    row.extend(interval.unwrap_or_default());
    row.extend([moved.point.and_then(|point| number(point.0)), moved.month]);
    row
}
