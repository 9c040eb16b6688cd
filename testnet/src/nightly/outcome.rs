//! What came of a day, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};

use wattle_ledger::derived::Fact;
use wattle_ledger::journal::AccountId;
use wattle_ledger::log::Policy;
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::verify::claim::Status;
use wattle_ledger::verify::explain::explain;
use wattle_ledger::verify::surveillance::surveillance;
use wattle_ledger::verify::verify;
use wattle_ledger::verify::what_if::{Change, Period, what_if};
use wattle_market::auction::Quote;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::{Account, PointSettlement, PostingKind};
use wattle_market::units::{Price, WattHours};

use super::day::FIRST;
use super::reference::slow;
use crate::doctor::{Files, Numbers};
use crate::solo::{SoloPark, Told};

/// Points' intervals that are explained, of each day.
const EXPLAINED: usize = 3;

/// Where money is.
type Place = (DeliveryInterval, Account, PostingKind);

/// What stands of the month after all runs, read from the leaves alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Standing {
    lines: BTreeMap<(DeliveryInterval, PointId), PointSettlement>,
    postings: BTreeMap<Place, i128>,
    /// Issued, self-used, stored, lost, sent, held.
    bundles: BTreeMap<(DeliveryInterval, PointId), [i64; 6]>,
    delivered: BTreeMap<(DeliveryInterval, PointId, PointId), i64>,
    balances: BTreeMap<AccountId, i64>,
}

/// A day that was lived through.
pub struct Lived {
    files: Files,
    policy: Policy,
    standing: Standing,
    /// What each participant's postings and funds come to.
    moved: BTreeMap<ParticipantId, i128>,
    gates: Vec<Gate>,
    /// Entries of the log.
    pub entries: u64,
    /// Settled intervals.
    pub settled: u64,
    /// Points' intervals that the final run adjusted.
    pub adjusted: u64,
    /// Gates that traded something.
    pub traded: u64,
    /// Points' intervals settled on a substitute at first.
    pub substituted: u64,
    /// Call auctions that can be compared with the reference.
    pub auctions: u64,
}

/// A call auction without minimums: the reference knows none.
#[derive(Debug, Clone)]
struct Gate {
    price: Option<Price>,
    volume: WattHours,
    asks: Vec<Quote<u32>>,
    bids: Vec<Quote<u32>>,
}

impl Standing {
    fn post(&mut self, place: Place, amount: i64) {
        *self.postings.entry(place).or_default() += i128::from(amount);
    }

    fn take(&mut self, fact: &Fact) {
        match fact {
            Fact::PointSettled {
                interval,
                point,
                line,
                postings,
                ..
            }
            | Fact::PointAdjusted {
                interval,
                point,
                line,
                postings,
                ..
            } => {
                self.lines.insert((*interval, *point), **line);
                for (kind, amount) in postings {
                    self.post((*interval, Account::Point(*point), *kind), amount.0);
                }
            }
            Fact::IntervalSettled {
                interval, postings, ..
            }
            | Fact::IntervalAdjusted {
                interval, postings, ..
            } => {
                for (account, kind, amount) in postings {
                    self.post((*interval, *account, *kind), amount.0);
                }
            }
            Fact::CertificateDelivered {
                interval,
                from,
                to,
                quantity,
            } => {
                self.delivered.insert((*interval, *from, *to), quantity.0);
            }
            Fact::DeliveryAdjusted {
                interval,
                from,
                to,
                after,
                ..
            } => {
                self.delivered.insert((*interval, *from, *to), after.0);
            }
            _ => self.bundle(fact),
        }
    }

    fn bundle(&mut self, fact: &Fact) {
        let (place, parts) = match fact {
            Fact::CertificateIssued {
                interval,
                point,
                quantity,
                self_used,
                stored,
                lost,
                sent,
                held,
            } => (
                (*interval, *point),
                [*quantity, *self_used, *stored, *lost, *sent, *held],
            ),
            Fact::CertificateAdjusted {
                interval,
                point,
                after,
                ..
            } => (
                (*interval, *point),
                [
                    after.issued,
                    after.self_used,
                    after.stored,
                    after.lost,
                    after.sent,
                    after.held,
                ],
            ),
            _ => return,
        };
        self.bundles.insert(place, parts.map(|part| part.0));
    }

    /// Zeros are nothing.
    fn finish(&mut self) {
        self.postings.retain(|_, amount| *amount != 0);
        self.delivered.retain(|_, quantity| *quantity != 0);
        self.bundles.retain(|_, parts| parts[0] != 0);
    }
}

impl Lived {
    /// Gathers what came of it.
    pub(super) fn of(mut park: SoloPark, is_continuous: bool) -> Result<Self, String> {
        let recording = park.recording();
        let policy = Policy::parse(&recording.genesis().policy().to_string());
        let mut lived = Self {
            files: Files(recording.files()),
            policy: policy.map_err(|error| error.to_string())?,
            standing: Standing::default(),
            moved: BTreeMap::new(),
            gates: Vec::new(),
            entries: recording.leaves().len() as u64,
            settled: 0,
            adjusted: 0,
            traded: 0,
            substituted: 0,
            auctions: 0,
        };
        for told in park.facts() {
            lived.fact(told)?;
        }
        lived.standing.finish();
        let accounts = park.ledger().state().accounts.iter();
        let balances = accounts.map(|(id, account)| (*id, account.balance.0));
        lived.standing.balances = balances.collect();
        if !is_continuous {
            lived.gates = gates(park.facts());
            lived.auctions = lived.gates.len() as u64;
        }
        Ok(lived)
    }

    fn fact(&mut self, told: &Told) -> Result<(), String> {
        self.standing.take(&told.fact);
        match &told.fact {
            Fact::SettlementHeld { interval, reason }
            | Fact::RunHeld {
                interval, reason, ..
            } => {
                return Err(format!("interval {interval} is held: {reason}"));
            }
            Fact::IntervalSettled { .. } => self.settled += 1,
            Fact::PointAdjusted { .. } => self.adjusted += 1,
            Fact::PointSettled { substituted, .. } => {
                self.substituted += u64::from(!substituted.is_empty());
            }
            Fact::IntervalCleared { price, .. } => self.traded += u64::from(price.is_some()),
            Fact::ContinuousClosed { trades, .. } => self.traded += u64::from(*trades > 0),
            _ => {}
        }
        let amounts: i128 = match &told.fact {
            Fact::PointSettled { postings, .. } | Fact::PointAdjusted { postings, .. } => postings
                .iter()
                .map(|(_, amount)| i128::from(amount.0))
                .sum(),
            Fact::FundsMoved { amount } => i128::from(amount.0),
            _ => 0,
        };
        if let Some(participant) = told.participant {
            *self.moved.entry(participant).or_default() += amounts;
        }
        Ok(())
    }

    /// Makes one posting a nano-yuan greater.
    #[cfg(test)]
    pub(super) fn tamper(&mut self) {
        let first = self.standing.postings.values_mut().next();
        *first.expect("something was posted") += 1;
    }

    /// Checks everything that holds of any day.
    pub(super) fn check(&self, numbers: &mut Numbers) -> Result<(), String> {
        self.verifies()?;
        self.money()?;
        self.certificates()?;
        for gate in &self.gates {
            let reference = slow(&gate.asks, &gate.bids);
            if (reference.price, reference.volume) != (gate.price, gate.volume) {
                return Err(format!(
                    "a gate differs from the reference: {gate:?} {reference:?}"
                ));
            }
        }
        let none = Period::default();
        let watched = surveillance(&self.files, none, &mut |_| {});
        let watched = watched.map_err(|error| error.to_string())?;
        if let Some(difference) = watched.differences.first() {
            return Err(difference.clone());
        }
        let again = what_if(&self.files, &Change::default(), none, &mut |_| {});
        let again = again.map_err(|error| error.to_string())?;
        if again
            .participants
            .values()
            .any(|row| row.settled != row.what_if)
        {
            return Err("a rerun with nothing changed is not the ledger".to_owned());
        }
        self.explained(numbers)
    }

    /// The verifier replays from the genesis and compares every leaf and state root.
    fn verifies(&self) -> Result<(), String> {
        let report = verify(&self.files, &self.policy, &mut |_| {});
        let failed = report
            .claims
            .iter()
            .find(|claim| claim.status != Status::Ok);
        match failed {
            Some(claim) => Err(format!("{} does not hold: {}", claim.claim, claim.reason)),
            None => Ok(()),
        }
    }

    fn money(&self) -> Result<(), String> {
        let balances = &self.standing.balances;
        let sum: i128 = balances.values().map(|balance| i128::from(*balance)).sum();
        if sum != 0 {
            return Err(format!("the accounts sum to {sum}"));
        }
        for (participant, moved) in &self.moved {
            let balance = balances.get(&AccountId::Participant(*participant));
            if balance.map(|balance| i128::from(*balance)) != Some(*moved) {
                return Err(format!(
                    "{participant} holds {balance:?} and was posted {moved}"
                ));
            }
        }
        let intervals: BTreeSet<_> = self.standing.postings.keys().map(|key| key.0).collect();
        for interval in intervals {
            let of = self
                .standing
                .postings
                .iter()
                .filter(|(key, _)| key.0 == interval);
            let sum: i128 = of.map(|(_, amount)| amount).sum();
            if sum != 0 {
                return Err(format!("postings of interval {interval} sum to {sum}"));
            }
        }
        let clearing = balances.get(&AccountId::Clearing).copied();
        let balancing = balances.get(&AccountId::Balancing).copied();
        if clearing != Some(0) || balancing < Some(0) {
            return Err(format!("clearing {clearing:?}, balancing {balancing:?}"));
        }
        Ok(())
    }

    /// What was issued is somewhere, and what was sent was received against a need.
    fn certificates(&self) -> Result<(), String> {
        let standing = &self.standing;
        for ((interval, point), parts) in &standing.bundles {
            let [issued, rest @ ..] = parts;
            let sent = standing
                .delivered
                .iter()
                .filter(|((of, from, _), _)| (of, from) == (interval, point));
            let sent: i64 = sent.map(|(_, quantity)| quantity).sum();
            if rest.iter().sum::<i64>() != *issued || sent != parts[4] {
                return Err(format!(
                    "the bundle {point} {interval} is {parts:?}, sent {sent}"
                ));
            }
        }
        for ((interval, point), line) in &standing.lines {
            let received = standing
                .delivered
                .iter()
                .filter(|((of, _, to), _)| (of, to) == (interval, point));
            let received: i64 = received.map(|(_, quantity)| quantity).sum();
            if received != line.cancelled.0 || received > line.received.0 {
                return Err(format!(
                    "{point} {interval} got certificates for {received} Wh"
                ));
            }
        }
        Ok(())
    }

    fn explained(&self, numbers: &mut Numbers) -> Result<(), String> {
        let lines: Vec<_> = self.standing.lines.keys().copied().collect();
        for _ in 0..EXPLAINED.min(lines.len()) {
            let (interval, point) = lines[numbers.below(lines.len())];
            let of = explain(&self.files, point, interval).map_err(|error| error.to_string())?;
            if let Some(difference) = of.differences.first() {
                return Err(format!("{point} {interval}: {difference}"));
            }
        }
        Ok(())
    }

    /// Initial run and differences must be what one run on everything at once gives.
    pub(super) fn compare(&self, at_once: &Self) -> Result<(), String> {
        if self.standing == at_once.standing {
            return Ok(());
        }
        let (one, other) = (&self.standing, &at_once.standing);
        let line = one
            .lines
            .iter()
            .find(|(place, line)| other.lines.get(place) != Some(line));
        let what = match line {
            Some(((interval, point), _)) => {
                let step = interval.0.saturating_sub(FIRST.0);
                format!("the line of {point}, interval {step} of the day, differs")
            }
            None if one.postings != other.postings => "postings differ".to_owned(),
            None if one.balances != other.balances => "balances differ".to_owned(),
            None => "certificates differ".to_owned(),
        };
        Err(format!(
            "both runs together are not one run on the final readings: {what}"
        ))
    }
}

/// The call auctions none of whose orders was left out for a minimum, from their leaves. An order
/// that was filled has reached its minimum, so the auction is the one without it.
fn gates(facts: &[Told]) -> Vec<Gate> {
    let mut gates: BTreeMap<DeliveryInterval, (bool, Gate)> = BTreeMap::new();
    for told in facts {
        match &told.fact {
            Fact::IntervalCleared {
                interval,
                price,
                volume,
                ..
            } => {
                let gate = Gate {
                    price: *price,
                    volume: *volume,
                    asks: Vec::new(),
                    bids: Vec::new(),
                };
                gates.insert(*interval, (true, gate));
            }
            Fact::MinimumMissed { interval, .. } => {
                if let Some((is_plain, _)) = gates.get_mut(interval) {
                    *is_plain = false;
                }
            }
            Fact::OrderClosed { item, .. } => {
                if let Some((_, gate)) = gates.get_mut(&item.interval) {
                    let side = match item.side {
                        Side::Sell => &mut gate.asks,
                        Side::Buy => &mut gate.bids,
                    };
                    side.push(Quote {
                        key: u32::try_from(side.len()).unwrap_or(u32::MAX),
                        quantity: item.quantity,
                        limit: item.limit,
                    });
                }
            }
            _ => {}
        }
    }
    let plain = gates.into_values().filter(|(is_plain, _)| *is_plain);
    plain.map(|(_, gate)| gate).collect()
}
