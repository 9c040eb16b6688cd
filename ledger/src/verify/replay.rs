//! The state machine run again, leaf against leaf.

use crate::batch::SignedHeader;
use crate::derived::Fact;
use crate::entry::Entry;
use crate::genesis::Genesis;
use crate::ledger::{Ledger, SignatureCheck, events, slots, step};
use crate::verify::claim::{Claim, Findings};

/// Claims that rest on the replay.
const RESTING: [Claim; 6] = [
    Claim::Replay,
    Claim::Trades,
    Claim::Settlement,
    Claim::Journal,
    Claim::EnergyBalance,
    Claim::Certificates,
];

/// One leaf with its index.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) index: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) entry: Entry,
}

/// The replay of a log, batch by batch.
#[derive(Debug)]
pub(crate) struct Replay {
    ledger: Ledger,
    batch: Vec<Leaf>,
    stopped: bool,
    sealed: bool,
}

impl Replay {
    pub(crate) fn found(genesis: &Genesis) -> Replay {
        Replay {
            // Author signatures are a claim of their own.
            ledger: Ledger::with_signatures(genesis, SignatureCheck::AlreadyVerified),
            batch: Vec::new(),
            stopped: false,
            sealed: false,
        }
    }

    /// Goes on from a ledger whose last leaf is a seal.
    pub(crate) fn continued(ledger: Ledger) -> Replay {
        Replay {
            ledger,
            batch: Vec::new(),
            stopped: false,
            sealed: true,
        }
    }

    /// The ledger, once nothing more is replayed.
    pub(crate) fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// The ledger, for a snapshot.
    pub(crate) fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// The ledger after the last complete batch.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes in the next leaf; gives the batch that it completes by starting another.
    pub(crate) fn leaf(&mut self, leaf: Leaf, findings: &mut Findings) -> Option<Vec<Leaf>> {
        if !matches!(leaf.entry, Entry::Batch { .. }) {
            self.batch.push(leaf);
            return None;
        }
        let complete = std::mem::replace(&mut self.batch, vec![leaf]);
        self.batch(&complete, findings);
        Some(complete)
    }

    /// Replays the last batch; gives it.
    pub(crate) fn finish(&mut self, findings: &mut Findings) -> Vec<Leaf> {
        let last = std::mem::take(&mut self.batch);
        self.batch(&last, findings);
        if !self.stopped && !self.sealed {
            let index = self.ledger.size().checked_sub(1);
            findings.fail(Claim::Replay, index, "the last entry is no seal");
        }
        last
    }

    fn batch(&mut self, leaves: &[Leaf], findings: &mut Findings) {
        let Some(first) = leaves.first().filter(|_| !self.stopped) else {
            return;
        };
        let Entry::Batch { header, dropped } = &first.entry else {
            self.stop(first.index, "the entry belongs to no batch", findings);
            return;
        };
        let Ok(header) = SignedHeader::parse(header) else {
            self.stop(first.index, "the batch header is malformed", findings);
            return;
        };
        let entries = leaves.iter().map(|leaf| &leaf.entry);
        let applied = if let Some(change) = step(entries.clone()) {
            self.ledger.replay_change(&header, change)
        } else {
            let Some(slots) = slots(events(entries), dropped) else {
                let reason = "the header's list of dropped events does not fit the batch";
                self.stop(first.index, reason, findings);
                return;
            };
            self.ledger.replay(&header, &slots)
        };
        let applied = match applied {
            Ok(applied) => applied,
            Err(refusal) => {
                self.stop(
                    first.index,
                    &format!("the batch is refused: {refusal}"),
                    findings,
                );
                return;
            }
        };
        self.sealed = applied.sealed.is_some();
        self.compare(leaves, &applied.leaves, findings);
    }

    fn compare(&mut self, found: &[Leaf], expected: &[Vec<u8>], findings: &mut Findings) {
        for (leaf, expected) in found.iter().zip(expected) {
            if leaf.bytes == *expected {
                continue;
            }
            let expected = Entry::decode(expected).expect("a replay makes leaves that decode");
            let reason = format!(
                "the log has a leaf of kind {}, a replay gives another of kind {}",
                leaf.entry.kind(),
                expected.kind()
            );
            for claim in claims_on(&leaf.entry).iter().chain(claims_on(&expected)) {
                findings.fail(*claim, Some(leaf.index), reason.clone());
            }
            findings.fail(Claim::Replay, Some(leaf.index), reason);
        }
        if found.len() != expected.len() {
            let index = found[0].index + found.len().min(expected.len()) as u64;
            let reason = format!(
                "the batch at entry {} has {} leaves, a replay gives {}",
                found[0].index,
                found.len(),
                expected.len()
            );
            self.stop(index, &reason, findings);
        }
    }

    fn stop(&mut self, index: u64, reason: &str, findings: &mut Findings) {
        self.stopped = true;
        findings.fail(Claim::Replay, Some(index), reason);
        findings.stop(&RESTING, &format!("the replay ended at entry {index}"));
    }
}

/// The claims beside `replay` that a differing leaf fails.
fn claims_on(entry: &Entry) -> &'static [Claim] {
    let Entry::Derived { fact, .. } = entry else {
        return &[];
    };
    match fact {
        Fact::IntervalCleared { .. }
        | Fact::OrderClosed { .. }
        | Fact::MinimumMissed { .. }
        | Fact::AuctionHalted { .. }
        | Fact::OrdersCancelled { .. }
        | Fact::OrderMatched { .. }
        | Fact::RemainderCancelled { .. }
        | Fact::ContinuousClosed { .. }
        | Fact::JointCleared { .. }
        | Fact::BundleClosed { .. }
        | Fact::JointFilled { .. }
        | Fact::DayPriced { .. } => &[Claim::Trades],
        Fact::PointSettled { .. } | Fact::IntervalSettled { .. } | Fact::SettlementHeld { .. } => {
            &[Claim::Settlement]
        }
        Fact::PointAdjusted { .. }
        | Fact::IntervalAdjusted { .. }
        | Fact::RunHeld { .. }
        | Fact::MonthClosed { .. } => &[Claim::Settlement],
        Fact::CertificateAdjusted { .. } | Fact::DeliveryAdjusted { .. } | Fact::Certificate(_) => {
            &[Claim::Certificates]
        }
        // Readings have no claim of their own: the replay shows what became of them.
        Fact::ReadingCorrected { .. } | Fact::KeyFrozen { .. } | Fact::RegisterRestarted { .. } => {
            &[]
        }
        // Nor has evidence: the replay judges it.
        Fact::KeyConvicted { .. } | Fact::NodesConvicted { .. } => &[],
        Fact::FundsMoved { .. }
        | Fact::PointCharged { .. }
        | Fact::MonthInvoiced { .. }
        | Fact::MonthBalanced { .. }
        | Fact::MonthHeld { .. }
        | Fact::UtilityBilled { .. }
        | Fact::UtilityBillReversed { .. }
        | Fact::ResidueMoved { .. }
        | Fact::DefaultCovered { .. }
        | Fact::GainCut { .. }
        | Fact::DefaultCleared => &[Claim::Journal],
        Fact::CertificateIssued { .. } | Fact::CertificateDelivered { .. } => {
            &[Claim::Certificates]
        }
    }
}
