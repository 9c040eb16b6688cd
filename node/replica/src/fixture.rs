//! A small park for the tests of this crate.

use crate::config::{Config, NodeKeys, SnapshotRule};
use wattle_ledger::event::{Action, EventBody, SignedEvent};
use wattle_ledger::genesis::{Genesis, GenesisBody, NodeRecord};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::{CarbonFactor, NodeId, Participant, ParticipantId};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::BuildingId;
use wattle_market::settlement::ParkTerms;
use wattle_market::units::Price;

/// When the park's first interval begins; tests live in the hour before it.
pub(crate) const FIRST_INTERVAL: DeliveryInterval = DeliveryInterval(2_000_000);

pub(crate) fn start() -> Timestamp {
    FIRST_INTERVAL.start().minus_millis(3_600_000)
}

fn key(role: u8, node: u64) -> SigningKey {
    let mut seed = [role; 32];
    seed[..8].copy_from_slice(&node.to_le_bytes());
    SigningKey::from_seed(&seed)
}

pub(crate) fn registrar() -> SigningKey {
    key(1, 0)
}

pub(crate) fn node_keys(node: u64) -> NodeKeys {
    NodeKeys {
        batch: key(4, node),
        log: key(5, node),
        cosigner: key(6, node),
        receipt: key(8, node),
    }
}

pub(crate) fn node_record(id: u64) -> NodeRecord {
    let keys = node_keys(id);
    NodeRecord {
        id: NodeId(id),
        building: BuildingId(1),
        transport: key(7, id).public(),
        log: keys.log.public(),
        cosigner: keys.cosigner.public(),
        batch: keys.batch.public(),
        receipt: keys.receipt.public(),
    }
}

pub(crate) fn genesis(nodes: u64) -> Genesis {
    let body = GenesisBody {
        version: 0,
        name: "test".to_owned(),
        utc_offset_minutes: 480,
        first_interval: FIRST_INTERVAL,
        registrar: registrar().public(),
        treasurer: key(2, 0).public(),
        regulator: key(3, 0).public(),
        nodes: (1..=nodes).map(node_record).collect(),
        terms: ParkTerms {
            feed_in: Price(400_000),
            export: Price(300_000),
            wheeling: Price(50_000),
        },
        tariffs: Vec::new(),
        factor: CarbonFactor {
            name: "grid".to_owned(),
            year: 2025,
            milligrams_per_kwh: 570_000,
            source: "test".to_owned(),
        },
    };
    Genesis::sign(&body, &registrar()).unwrap()
}

pub(crate) fn config(nodes: u64, node: u64) -> Config {
    Config {
        genesis: genesis(nodes),
        node: NodeId(node),
        keys: node_keys(node),
        registration: None,
        election_ticks: 10,
        heartbeat_ticks: 2,
        seed: 7,
        clock_ahead_max_ms: 10_000,
        promise_ms: 60_000,
        window_bytes_max: 1024 * 1024,
        snapshots: SnapshotRule {
            bytes: u64::MAX,
            entries: u64::MAX,
        },
    }
}

/// The registrar's event with this sequence: a participant of the same number.
pub(crate) fn event(nodes: u64, sequence: u64) -> SignedEvent {
    let number = u32::try_from(sequence).unwrap();
    named_event(nodes, sequence, &format!("participant {number}"))
}

pub(crate) fn named_event(nodes: u64, sequence: u64, name: &str) -> SignedEvent {
    let id = ParticipantId(u32::try_from(sequence).unwrap());
    let body = EventBody {
        version: 0,
        author: registrar().public(),
        sequence,
        issued_at: start(),
        action: Action::RegisterParticipant(Participant {
            id,
            name: name.to_owned(),
        }),
    };
    SignedEvent::sign(&genesis(nodes).park(), &body, &registrar())
}
