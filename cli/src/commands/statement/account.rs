//! A statement with its sums: by day, by kind of posting, and from balance to balance.

use std::collections::BTreeMap;

use serde::Serialize;
use wattle_client::Client;
use wattle_client::api::{SettledLine, Statement};
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::DeliveryInterval;
use wattle_market::settlement::PostingKind;
use wattle_market::units::Money;

use crate::failure::{Exit, Failure};
use crate::moment;
use crate::park::Park;

/// Intervals asked for at once: a day, so that no answer grows too long with many points.
const INTERVALS_AT_ONCE: u64 = DeliveryInterval::PER_DAY;
/// How often a statement is read again because something was settled meanwhile.
const ATTEMPTS: usize = 10;

/// Sums over settled lines, in Wh and nano-yuan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Sums {
    pub(super) lines: u64,
    /// Lines with a substitute.
    pub(super) substituted: u64,
    pub(super) used: i128,
    pub(super) surplus: i128,
    pub(super) received: i128,
    pub(super) from_grid: i128,
    pub(super) credit: i128,
    pub(super) grid_alone: i128,
}

/// A participant's account over a period. The sums are of the statement's lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    #[serde(flatten)]
    pub(super) statement: Statement,
    pub(super) park: String,
    pub(super) name: String,
    pub(super) utc_offset_minutes: i16,
    /// The closing balance less funds and settlements of the period.
    pub(super) opening: i128,
    /// Deposits less withdrawals of the period.
    pub(super) funds: i128,
    /// What the account held once the period was settled.
    pub(super) closing: i128,
    /// Postings of the period by kind.
    pub(super) by_kind: BTreeMap<PostingKind, i128>,
    /// By day of the park's clock.
    pub(super) days: BTreeMap<String, Sums>,
    /// Over all days.
    pub(super) total: Sums,
}

impl Sums {
    /// One line.
    pub(super) fn of(settled: &SettledLine) -> Sums {
        let line = &settled.line;
        let (need, received) = (i128::from(line.need.0), i128::from(line.received.0));
        Sums {
            lines: 1,
            substituted: u64::from(!settled.substituted.is_empty()),
            used: i128::from(line.load.0),
            surplus: i128::from(line.surplus.0),
            received,
            from_grid: need - received,
            credit: i128::from(line.credit.0),
            grid_alone: i128::from(line.grid_alone.0),
        }
    }

    fn add(&mut self, other: &Sums) {
        self.lines += other.lines;
        self.substituted += other.substituted;
        self.used += other.used;
        self.surplus += other.surplus;
        self.received += other.received;
        self.from_grid += other.from_grid;
        self.credit += other.credit;
        self.grid_alone += other.grid_alone;
    }
}

/// Settlements and funds of a statement together.
fn moved(statement: &Statement) -> i128 {
    let lines = statement.lines.iter();
    let settled: i128 = lines.map(|settled| i128::from(settled.line.credit.0)).sum();
    let funds = statement.funds.iter();
    settled + funds.map(|funds| i128::from(funds.amount.0)).sum::<i128>()
}

/// Statements of a longer time, a day at a time.
fn each(
    client: &Client,
    participant: ParticipantId,
    (from, to): (DeliveryInterval, DeliveryInterval),
    mut take: impl FnMut(Statement),
) -> Result<(), Failure> {
    let mut first = from;
    while first <= to {
        let last = to.min(first.plus(INTERVALS_AT_ONCE - 1));
        take(client.statement(participant, first, last)?);
        first = last.next();
    }
    Ok(())
}

impl Account {
    /// Reads the period's lines from a node. The closing balance is the park's balance less what
    /// was settled and paid after the period.
    pub(super) fn fetch(
        park: &Park<'_>,
        client: &Client,
        (participant, name): (ParticipantId, String),
        (from, to): (DeliveryInterval, DeliveryInterval),
    ) -> Result<Account, Failure> {
        for _ in 0..ATTEMPTS {
            let balance = client.balance(participant)?.balance;
            let mut statement = Statement {
                participant,
                from,
                to,
                lines: Vec::new(),
                funds: Vec::new(),
                credit: Money::ZERO,
                grid_alone: Money::ZERO,
            };
            each(client, participant, (from, to), |one| {
                statement.lines.extend(one.lines);
                statement.funds.extend(one.funds);
            })?;
            let now = DeliveryInterval::containing(client.status()?.park_time_ms);
            let mut after = 0;
            each(client, participant, (to.next(), now), |one| {
                after += moved(&one);
            })?;
            if client.balance(participant)?.balance == balance {
                let closing = i128::from(balance.0) - after;
                return Account::of(statement, name, park, closing);
            }
        }
        Err(Failure::new(
            Exit::Failure,
            "the account moved again and again while the statement was read",
            "repeat the command",
        ))
    }

    fn of(
        statement: Statement,
        name: String,
        park: &Park<'_>,
        closing: i128,
    ) -> Result<Account, Failure> {
        let body = park.genesis.body();
        let account = Account::sum(
            statement,
            (body.name.clone(), name),
            body.utc_offset_minutes,
            closing,
        );
        account.ok_or_else(|| {
            Failure::new(
                Exit::Failure,
                "the node's lines do not sum up: postings and credits differ",
                "ask another node with --url, and take an export: wattle log export",
            )
        })
    }

    /// Sums up a statement; none where a line's postings are not its credit.
    pub(super) fn sum(
        mut statement: Statement,
        (park, name): (String, String),
        utc_offset_minutes: i16,
        closing: i128,
    ) -> Option<Account> {
        let mut by_kind: BTreeMap<PostingKind, i128> = BTreeMap::new();
        let mut days: BTreeMap<String, Sums> = BTreeMap::new();
        let mut total = Sums::default();
        for settled in &statement.lines {
            let mut posted = 0;
            for posting in &settled.postings {
                posted += i128::from(posting.amount.0);
                *by_kind.entry(posting.kind).or_default() += i128::from(posting.amount.0);
            }
            if posted != i128::from(settled.line.credit.0) {
                return None;
            }
            let (day, _) = moment::day_and_time(settled.interval, utc_offset_minutes);
            let sums = Sums::of(settled);
            days.entry(day).or_default().add(&sums);
            total.add(&sums);
        }
        let funds = statement.funds.iter();
        let funds: i128 = funds.map(|funds| i128::from(funds.amount.0)).sum();
        statement.credit = Money(i64::try_from(total.credit).ok()?);
        statement.grid_alone = Money(i64::try_from(total.grid_alone).ok()?);
        Some(Account {
            opening: closing - funds - by_kind.values().sum::<i128>(),
            statement,
            park,
            name,
            utc_offset_minutes,
            closing,
            funds,
            by_kind,
            days,
            total,
        })
    }
}
