//! Park time as the log tells it, and what it makes due.

use crate::genesis::Genesis;
use crate::hash::{Hash, sha256};
use crate::keys::Signature;
use crate::limits::SEAL_INTERVAL_MS;
use wattle_market::interval::{DeliveryInterval, Timestamp};

/// Prefix of a blind's preimage.
pub const BLIND_DOMAIN: &[u8] = b"wattle/blind/v0\n";
/// A batch time at or beyond this is refused: no interval's arithmetic can overflow below it.
pub const TIME_MAX: Timestamp = Timestamp(1 << 50);

/// The one row of the clock table.
#[derive(Debug, Clone, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub struct Clock {
    /// Time of the last batch; never falls.
    pub time: Timestamp,
    /// Raft term of the last batch; never falls.
    pub term: u64,
    /// The next interval whose gate closes.
    pub next_gate: DeliveryInterval,
    /// The next interval to be settled.
    pub next_settlement: DeliveryInterval,
    /// Time of the last batch that sealed.
    pub sealed_at: Timestamp,
    /// Whether anything was recorded since the last seal.
    pub unsealed: bool,
    /// Leaves in the log.
    pub leaves: u64,
    /// Running hash of all recorded signatures, from which blinds are drawn.
    pub signatures: Hash,
}

/// Something the clock makes due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The gate of an interval closes.
    Gate(DeliveryInterval),
    /// An interval is settled.
    Settlement(DeliveryInterval),
    /// The joint auction of the local day that begins with an interval.
    Joint(DeliveryInterval),
    /// An interval's final run.
    Final(DeliveryInterval),
    /// What was generated in an interval expires.
    Expiry(DeliveryInterval),
}

impl Clock {
    pub(crate) fn found(genesis: &Genesis) -> Clock {
        let first = genesis.body().first_interval;
        let mut clock = Clock {
            time: Timestamp(0),
            term: 0,
            next_gate: first,
            next_settlement: first,
            sealed_at: Timestamp(0),
            unsealed: true,
            leaves: 1,
            signatures: Hash::ZERO,
        };
        let signature = genesis
            .signed()
            .last_chunk::<64>()
            .expect("a genesis ends in a signature");
        clock.record_signature(&Signature(*signature));
        clock
    }

    /// Takes a recorded signature into the running hash.
    pub(crate) fn record_signature(&mut self, signature: &Signature) {
        self.signatures = sha256(&[&self.signatures.0, &signature.0]);
    }

    /// The blind of the derived leaf with this index.
    pub fn blind(&self, leaf: u64) -> Hash {
        sha256(&[BLIND_DOMAIN, &self.signatures.0, &leaf.to_le_bytes()])
    }

    /// The earliest gate or settlement due at or before `time`, with its due time: a gate before
    /// a settlement.
    pub fn due(&self, time: Timestamp) -> Option<(Timestamp, Due)> {
        let gate = self.next_gate.gate_closure();
        let settlement = self.next_settlement.settlement_due();
        if gate <= settlement && gate <= time {
            Some((gate, Due::Gate(self.next_gate)))
        } else if settlement <= time {
            Some((settlement, Due::Settlement(self.next_settlement)))
        } else {
            None
        }
    }

    /// When the clock next makes something due, a seal included.
    pub fn next_due(&self) -> Timestamp {
        let gate = self.next_gate.gate_closure();
        let settlement = self.next_settlement.settlement_due();
        let seal = self.sealed_at.plus_millis(SEAL_INTERVAL_MS);
        let work = gate.min(settlement);
        if self.unsealed { work.min(seal) } else { work }
    }

    /// Whether a gate of this interval is still open at the time of the last batch.
    pub fn is_gate_open(&self, interval: DeliveryInterval) -> bool {
        interval >= self.next_gate && self.time < interval.gate_closure()
    }
}
