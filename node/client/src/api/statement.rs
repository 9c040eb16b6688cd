//! A participant's settled intervals, by all runs so far.

use super::{Charge, Extent};
use serde::{Deserialize, Serialize};
use wattle_ledger::derived::Fact;
use wattle_ledger::registration::{MeterKind, ParticipantId};
pub use wattle_ledger::state::runs::Standing;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::PointId;
use wattle_market::settlement::{PointSettlement, PostingKind};
use wattle_market::units::{Money, Price};

/// `GET /v1/statement?participant=N&from=N&to=N`: private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Whose.
    pub participant: ParticipantId,
    /// The first interval asked for.
    pub from: DeliveryInterval,
    /// The last interval asked for.
    pub to: DeliveryInterval,
    /// Settled intervals, one line for each point, by interval, then point.
    pub lines: Vec<SettledLine>,
    /// Deposits and withdrawals recorded in that time.
    pub funds: Vec<Funds>,
    /// What closed months moved beside their energy: of months that end in that time.
    #[serde(default)]
    pub charges: Vec<Charge>,
    /// Sum of the lines' credits in force.
    pub credit: Money,
    /// What the same readings would have brought with the grid alone.
    pub grid_alone: Money,
    /// The log that this was read from.
    #[serde(default)]
    pub log: Extent,
}

/// One point's settlement of one interval, by all runs so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettledLine {
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// The point.
    pub point: PointId,
    /// What it paid the grid, as pinned at gate closure.
    pub retail: Price,
    /// Whether a later run can still change it.
    pub standing: Standing,
    /// What the initial run found and posted; none where it was held.
    pub initial: Option<RunLine>,
    /// What the final run found, where that differs; its postings are the differences.
    pub adjusted: Option<RunLine>,
}

/// What one run found for a point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLine {
    /// Index of its leaf.
    pub leaf: u64,
    /// Meters whose energy is a substitute.
    pub substituted: Vec<MeterKind>,
    /// Quantities and sums, step by step (SETTLEMENT.md).
    pub line: PointSettlement,
    /// Postings to the account, by kind.
    pub postings: Vec<Posting>,
}

impl SettledLine {
    /// The figures in force: those of the last run that found any. None in no answer of a node.
    pub fn last(&self) -> Option<&RunLine> {
        self.adjusted.as_ref().or(self.initial.as_ref())
    }

    /// Both runs' postings, which sum to the credit in force.
    pub fn postings(&self) -> impl Iterator<Item = &Posting> {
        let runs = self.initial.iter().chain(&self.adjusted);
        runs.flat_map(|run| &run.postings)
    }
}

/// Money to or from an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Why.
    pub kind: PostingKind,
    /// Above zero where the participant receives it.
    pub amount: Money,
}

/// A deposit (above zero) or a withdrawal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funds {
    /// Index of its leaf.
    pub leaf: u64,
    /// When it was recorded.
    pub time_ms: Timestamp,
    /// How much.
    pub amount: Money,
}

impl Statement {
    /// A statement without lines and funds.
    pub fn empty(
        participant: ParticipantId,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Statement {
        Statement {
            participant,
            from,
            to,
            lines: Vec::new(),
            funds: Vec::new(),
            charges: Vec::new(),
            credit: Money::ZERO,
            grid_alone: Money::ZERO,
            log: Extent::default(),
        }
    }

    /// Takes in a leaf of his, in the order of the log; one that settles nothing is passed over.
    /// What the final run found goes into the line of the initial run.
    pub fn take(&mut self, leaf: u64, fact: Fact, standing: impl Fn(DeliveryInterval) -> Standing) {
        let is_initial = matches!(fact, Fact::PointSettled { .. });
        let (Fact::PointSettled {
            interval,
            point,
            terms,
            substituted,
            line,
            postings,
            ..
        }
        | Fact::PointAdjusted {
            interval,
            point,
            terms,
            substituted,
            line,
            postings,
            ..
        }) = fact
        else {
            return;
        };
        let posting = |(kind, amount)| Posting { kind, amount };
        let run = Some(RunLine {
            leaf,
            substituted,
            line: *line,
            postings: postings.into_iter().map(posting).collect(),
        });
        let key = (interval, point);
        let found = self
            .lines
            .binary_search_by_key(&key, |line| (line.interval, line.point));
        let place = found.unwrap_or_else(|place| {
            let line = SettledLine {
                interval,
                point,
                retail: terms.retail,
                standing: standing(interval),
                initial: None,
                adjusted: None,
            };
            self.lines.insert(place, line);
            place
        });
        let line = &mut self.lines[place];
        if is_initial {
            line.initial = run;
        } else {
            line.adjusted = run;
        }
    }
}
