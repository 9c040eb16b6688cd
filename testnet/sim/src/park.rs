//! A small real park: genesis, keys and the people and meters in it.

use crate::random::Stream;
use wattle_ledger::event::Action;
use wattle_ledger::genesis::{Genesis, GenesisBody, NodeRecord};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::{
    CarbonFactor, MarketMode, Meter, MeterId, MeterKind, Metering, NodeId, Participant,
    ParticipantId, Point, Role, TariffId,
};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::{Price, WattHours};
use wattle_replica::config::NodeKeys;

/// The first interval whose gate the park closes: a day in 2027.
pub const FIRST_INTERVAL: DeliveryInterval = DeliveryInterval(2_000_000);
/// Participants, each with a point.
pub const PARTICIPANTS: u32 = 3;
/// Nodes that may be registered after the founding.
const SPARE_NODES: u64 = 2;
const RATED_W: u32 = 400_000;

/// A founded park with all private keys in it.
#[derive(Debug, Clone)]
pub struct Park {
    /// Leaf 0.
    pub genesis: Genesis,
    /// Keys of the nodes, in the order of their ids from 1 on; those of [`Self::spares`] come last.
    pub nodes: Vec<NodeKeys>,
    /// Nodes that the genesis does not name and that may be registered.
    pub spares: Vec<NodeRecord>,
    /// Signs the registry.
    pub registrar: SigningKey,
    /// Signs deposits.
    pub treasurer: SigningKey,
    /// Sign orders, by participant from 1 on.
    pub tenants: Vec<SigningKey>,
    /// Meters with their keys.
    pub meters: Vec<(Meter, SigningKey)>,
}

/// When a run begins, in park time: well before the first gate, so that registration is in time.
pub fn start() -> Timestamp {
    FIRST_INTERVAL.start().minus_millis(45 * 60 * 1_000)
}

impl Park {
    /// Founds a park.
    pub fn found(seed: u64, nodes: u64) -> Park {
        let mut stream = Stream::new(seed, "keys");
        let mut key = || SigningKey::from_seed(&stream.bytes());
        let (registrar, treasurer, regulator) = (key(), key(), key());
        let mut records = Vec::new();
        let mut node_keys = Vec::new();
        for id in 1..=nodes {
            let (record, keys) = node(id, &mut key);
            records.push(record);
            node_keys.push(keys);
        }
        let body = GenesisBody {
            version: 0,
            name: "simulated".to_owned(),
            utc_offset_minutes: 480,
            first_interval: FIRST_INTERVAL,
            registrar: registrar.public(),
            treasurer: treasurer.public(),
            regulator: regulator.public(),
            nodes: records,
            terms: ParkTerms {
                feed_in: Price(415_500),
                export: Price(300_000),
                wheeling: Price(40_000),
            },
            tariffs: vec![(TariffId(1), Tariff::uniform(Price(750_000)))],
            factor: CarbonFactor {
                name: "grid".to_owned(),
                year: 2026,
                milligrams_per_kwh: 570_300,
                source: "simulated".to_owned(),
            },
        };
        let genesis = Genesis::sign(&body, &registrar).expect("the body obeys the rules");
        let tenants = (0..PARTICIPANTS).map(|_| key()).collect();
        let meters = meters().map(|meter| {
            let key = key();
            (
                Meter {
                    key: key.public(),
                    ..meter
                },
                key,
            )
        });
        let meters = meters.collect();
        let mut stream = Stream::new(seed, "spare nodes");
        let mut key = || SigningKey::from_seed(&stream.bytes());
        let mut spares = Vec::new();
        for id in nodes + 1..=nodes + SPARE_NODES {
            let (record, keys) = node(id, &mut key);
            spares.push(record);
            node_keys.push(keys);
        }
        Park {
            genesis,
            spares,
            nodes: node_keys,
            registrar,
            treasurer,
            tenants,
            meters,
        }
    }

    /// What the registrar signs, in order, to fill the registry.
    pub fn registrations(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (id, tenant) in (1..).zip(&self.tenants) {
            let participant = Participant {
                id: ParticipantId(id),
                name: format!("participant {id}"),
            };
            actions.push(Action::RegisterParticipant(participant));
            actions.push(Action::RegisterPoint(point(id)));
            let role = Role::Tenant(ParticipantId(id));
            actions.push(Action::AddKey {
                key: tenant.public(),
                role,
            });
        }
        let meters = self
            .meters
            .iter()
            .map(|(meter, _)| Action::RegisterMeter(meter.clone()));
        actions.extend(meters);
        // A stretch of continuous matching between call auctions; their intervals come later.
        for mode in [MarketMode::Continuous, MarketMode::CallAuction] {
            let from = FIRST_INTERVAL;
            actions.push(Action::SetMarketMode { from, mode });
        }
        actions
    }
}

fn node(id: u64, key: &mut impl FnMut() -> SigningKey) -> (NodeRecord, NodeKeys) {
    let keys = NodeKeys {
        batch: key(),
        log: key(),
        cosigner: key(),
        receipt: key(),
    };
    let record = NodeRecord {
        id: NodeId(id),
        building: BuildingId(1),
        transport: key().public(),
        log: keys.log.public(),
        cosigner: keys.cosigner.public(),
        batch: keys.batch.public(),
        receipt: keys.receipt.public(),
    };
    (record, keys)
}

fn point(id: u32) -> Point {
    Point {
        id: PointId(id),
        participant: ParticipantId(id),
        building: BuildingId(u16::try_from(id).expect("a handful of buildings")),
        tariff: TariffId(1),
        generation_w: RATED_W,
        connection_w: RATED_W,
        metering: Metering::LoadMeter,
        from: FIRST_INTERVAL,
    }
}

/// A load meter for each point, and generation on all roofs but one; keys come later.
fn meters() -> impl Iterator<Item = Meter> {
    let nobody = SigningKey::from_seed(&[0; 32]).public();
    let loads = (1..=PARTICIPANTS).map(|point| (point, MeterKind::Load));
    let roofs = (2..=PARTICIPANTS).map(|point| (point, MeterKind::Generation));
    (1..)
        .zip(loads.chain(roofs))
        .map(move |(id, (point, kind))| Meter {
            id: MeterId(id),
            point: PointId(point),
            kind,
            key: nobody,
            from: FIRST_INTERVAL,
            register: WattHours(1_000),
            rated_w: RATED_W,
        })
}
