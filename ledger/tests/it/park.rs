//! A small park to test with: two tenants, two points, four meters, one node.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use wattle_ledger::batch::Batch;
use wattle_ledger::event::{Action, EventBody, OrderItem, Reading, SignedEvent};
use wattle_ledger::genesis::{Genesis, GenesisBody, NodeRecord};
use wattle_ledger::keys::{PublicKey, SigningKey};
use wattle_ledger::ledger::{Applied, Ledger, SignatureCheck};
use wattle_ledger::membership::{ChangeBatch, MemberChange};
use wattle_ledger::registration::Role;
use wattle_ledger::registration::{
    CarbonFactor, Meter, MeterId, MeterKind, Metering, NodeId, Participant, ParticipantId, Point,
    TariffId,
};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::order::Side;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::{Money, Price, WattHours};

/// 2026-07-01 00:00 in Shanghai.
pub(crate) const FIRST: DeliveryInterval = DeliveryInterval(1_980_928);

pub(crate) const REGISTRAR: u8 = 1;
pub(crate) const TREASURER: u8 = 2;
pub(crate) const REGULATOR: u8 = 3;
pub(crate) const ALICE: u8 = 10;
pub(crate) const BOB: u8 = 11;
/// Alice's load and roof, Bob's load and roof.
pub(crate) const METERS: [u8; 4] = [20, 21, 22, 23];

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub(crate) fn node_key(node: u64, role: u8) -> SigningKey {
    let mut seed = [role; 32];
    seed[0] = 0xee;
    seed[1] = u8::try_from(node).unwrap();
    SigningKey::from_seed(&seed)
}

pub(crate) fn node_record(id: u64) -> NodeRecord {
    let public = |role| node_key(id, role).public();
    NodeRecord {
        id: NodeId(id),
        building: BuildingId(u16::try_from(id).unwrap()),
        transport: public(1),
        log: public(2),
        cosigner: public(3),
        batch: public(4),
        receipt: public(5),
    }
}

pub(crate) fn genesis_body(nodes: u64) -> GenesisBody {
    GenesisBody {
        version: 0,
        name: "test-park".to_owned(),
        utc_offset_minutes: 480,
        first_interval: FIRST,
        registrar: key(REGISTRAR).public(),
        treasurer: key(TREASURER).public(),
        regulator: key(REGULATOR).public(),
        nodes: (1..=nodes).map(node_record).collect(),
        terms: ParkTerms {
            feed_in: Price(400_000),
            export: Price(300_000),
            wheeling: Price(50_000),
        },
        tariffs: vec![(TariffId(1), Tariff::uniform(Price(800_000)))],
        factor: CarbonFactor {
            name: "test factor".to_owned(),
            year: 2022,
            milligrams_per_kwh: 420_000,
            source: "a test".to_owned(),
        },
    }
}

/// A ledger, the sequences of its authors, and every leaf it made.
pub(crate) struct Park {
    pub(crate) ledger: Ledger,
    pub(crate) leaves: Vec<Vec<u8>>,
    pub(crate) now: Timestamp,
    sequences: BTreeMap<PublicKey, u64>,
    /// A second ledger that was read back from a snapshot of the first and goes on beside it.
    restored: Option<Ledger>,
    batches: u64,
    pub(crate) seals: Vec<u64>,
}

impl Park {
    /// A founded park, ten minutes before the first gate, with nothing registered.
    pub(crate) fn founded() -> Park {
        Park::founded_at(FIRST)
    }

    /// A founded park with another first interval.
    pub(crate) fn founded_at(first: DeliveryInterval) -> Park {
        let body = GenesisBody {
            first_interval: first,
            ..genesis_body(1)
        };
        let genesis = Genesis::sign(&body, &key(REGISTRAR)).unwrap();
        let ledger = Ledger::found(&genesis);
        Park {
            leaves: vec![genesis.leaf()],
            restored: None,
            batches: 0,
            ledger,
            now: first.gate_closure().minus_millis(600_000),
            sequences: BTreeMap::new(),
            seals: Vec::new(),
        }
    }

    /// A park with Alice and Bob, their points and meters, and 1,000 yuan each.
    pub(crate) fn peopled() -> Park {
        Park::peopled_at(FIRST)
    }

    /// The same with another first interval.
    pub(crate) fn peopled_at(first: DeliveryInterval) -> Park {
        let mut park = Park::founded_at(first);
        let mut events = Vec::new();
        for (id, name, seed) in [(1, "alice", ALICE), (2, "bob", BOB)] {
            let participant = Participant {
                id: ParticipantId(id),
                name: name.to_owned(),
            };
            events.push(park.event(REGISTRAR, Action::RegisterParticipant(participant)));
            let role = Role::Tenant(ParticipantId(id));
            events.push(park.event(
                REGISTRAR,
                Action::AddKey {
                    key: key(seed).public(),
                    role,
                },
            ));
            let point = Point {
                from: first,
                ..point(id)
            };
            events.push(park.event(REGISTRAR, Action::RegisterPoint(point)));
            let kinds = [MeterKind::Load, MeterKind::Generation];
            for (place, kind) in kinds.into_iter().enumerate() {
                let meter = Meter {
                    from: first,
                    ..meter(id, u32::try_from(place).unwrap(), kind)
                };
                events.push(park.event(REGISTRAR, Action::RegisterMeter(meter)));
            }
            let amount = Money(1_000_000_000_000);
            let deposit = Action::Deposit {
                participant: ParticipantId(id),
                amount,
                reference: "opening".to_owned(),
            };
            events.push(park.event(TREASURER, deposit));
            let enrol = Action::SetStandingInstruction {
                point: PointId(id),
                enrolled: true,
                ask_limit: Price(0),
                bid_limit: None,
            };
            events.push(park.event(seed, enrol));
        }
        let applied = park.batch(events);
        for outcome in &applied.outcomes {
            assert_eq!(outcome.result.as_ref().unwrap().outcome, [0], "{outcome:?}");
        }
        park
    }

    /// Signs an action with the author's next sequence.
    pub(crate) fn event(&mut self, seed: u8, action: Action) -> Vec<u8> {
        let author = key(seed).public();
        let sequence = self.sequences.entry(author).or_insert(0);
        *sequence += 1;
        let sequence = *sequence;
        self.event_with_sequence(seed, sequence, action)
    }

    pub(crate) fn event_with_sequence(&self, seed: u8, sequence: u64, action: Action) -> Vec<u8> {
        let author = key(seed);
        let body = EventBody {
            version: 0,
            author: author.public(),
            sequence,
            issued_at: self.now,
            action,
        };
        SignedEvent::sign(&self.ledger.genesis().park(), &body, &author)
            .bytes()
            .to_vec()
    }

    /// Applies a batch at the park's time.
    pub(crate) fn batch(&mut self, events: Vec<Vec<u8>>) -> Applied {
        let park = self.ledger.genesis().park();
        let leader = node_key(1, 4);
        let batch = Batch::sign(park, (NodeId(1), &leader), 1, self.now, events);
        let applied = self.ledger.apply(1, &batch.encode());
        assert_eq!(applied.refused, None);
        self.go_on_restored(&batch.encode(), &applied);
        self.leaves.extend(applied.leaves.iter().cloned());
        self.seals
            .extend(applied.sealed.iter().map(|checkpoint| checkpoint.size()));
        applied
    }

    /// Reads a second ledger back from a snapshot of the first, now and then, and lets it go on
    /// beside the first for three batches.
    fn go_on_restored(&mut self, batch: &[u8], applied: &Applied) {
        if let Some(restored) = &mut self.restored {
            let again = restored.apply(1, batch);
            assert_eq!(again, *applied, "a restored ledger goes on as the first");
        }
        self.batches += 1;
        let period = if self.batches < 64 { 7 } else { 101 };
        match self.batches % period {
            3 => {
                let bytes = self.ledger.snapshot().to_bytes();
                let mut restored = Ledger::restore(&bytes, SignatureCheck::Verify).unwrap();
                assert_eq!(restored.checkpoint(), self.ledger.checkpoint());
                assert_eq!(restored.snapshot().to_bytes(), bytes);
                self.restored = Some(restored);
            }
            6 => self.restored = None,
            _ => {}
        }
    }

    /// Applies a step of the membership that a node signs at the park's time.
    pub(crate) fn step(&mut self, leader: u64, change: MemberChange) -> Applied {
        let park = self.ledger.genesis().park();
        let key = node_key(leader, 4);
        let step = ChangeBatch::sign(park, (NodeId(leader), &key), 1, self.now, change);
        let applied = self.ledger.apply(1, &step.encode());
        self.go_on_restored(&step.encode(), &applied);
        self.leaves.extend(applied.leaves.iter().cloned());
        self.seals
            .extend(applied.sealed.iter().map(|checkpoint| checkpoint.size()));
        applied
    }

    /// Applies one event and gives its codes.
    pub(crate) fn submit(&mut self, seed: u8, action: Action) -> Vec<u16> {
        let event = self.event(seed, action);
        let applied = self.batch(vec![event]);
        applied.outcomes[0].result.clone().unwrap().outcome
    }

    /// Lets time pass with an empty batch.
    pub(crate) fn advance_to(&mut self, now: Timestamp) -> Applied {
        self.now = now;
        self.batch(Vec::new())
    }

    /// Reads all four meters at the end of an interval: cumulative loads and roofs.
    pub(crate) fn read_all(&mut self, interval: DeliveryInterval, registers: [i64; 4]) {
        self.now = self.now.max(interval.end());
        let events = METERS.iter().zip(registers).map(|(seed, register)| {
            let reading = Reading {
                interval,
                register: WattHours(register),
            };
            (*seed, Action::SubmitReadings(vec![reading]))
        });
        let events: Vec<(u8, Action)> = events.collect();
        let events = events
            .into_iter()
            .map(|(seed, action)| self.event(seed, action))
            .collect();
        let applied = self.batch(events);
        for outcome in &applied.outcomes {
            assert_eq!(outcome.result.as_ref().unwrap().outcome, [0], "{outcome:?}");
        }
    }

    /// Writes the log, sealed by the one node, as an export; gives the policy's text. A log
    /// that verifies must also verify in parts.
    pub(crate) fn export(&self, directory: &std::path::Path) -> String {
        crate::it::cut::goes_on_from_seals(&self.leaves, self.ledger.genesis());
        write_export(&self.leaves, self.ledger.genesis(), directory);
        self.ledger.genesis().policy().to_string()
    }
}

/// Writes any leaves as a well-formed export that node 1 signs and cosigns.
pub(crate) fn write_export(leaves: &[Vec<u8>], genesis: &Genesis, directory: &std::path::Path) {
    for (path, bytes) in files_of(leaves, genesis) {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// The files of such an export.
pub(crate) fn files_of(leaves: &[Vec<u8>], genesis: &Genesis) -> BTreeMap<String, Vec<u8>> {
    use wattle_ledger::log::checkpoint::Checkpoint;
    use wattle_ledger::log::cosignature::Cosignature;
    use wattle_ledger::log::tiles::TileBuilder;
    let mut builder = TileBuilder::new();
    for leaf in leaves {
        builder.push(leaf);
    }
    let mut files = builder.take_full();
    files.extend(builder.partials());
    let files = files.into_iter();
    let mut files: BTreeMap<String, Vec<u8>> = files
        .map(|file| (file.path.to_string(), file.bytes))
        .collect();
    let size = leaves.len() as u64;
    let checkpoint = Checkpoint::new(genesis.origin(), size, builder.root()).unwrap();
    let mut note = checkpoint.to_note();
    note.add(checkpoint.sign(&node_key(1, 2))).unwrap();
    let cosigner = node_key(1, 3);
    let cosignature = Cosignature::sign(&checkpoint.text(), 1_782_000_000, &cosigner).unwrap();
    let name = genesis.cosigner_name(NodeId(1));
    note.add(
        cosignature
            .to_note_signature(&name, &cosigner.public())
            .unwrap(),
    )
    .unwrap();
    files.insert("checkpoint".to_owned(), note.to_string().into_bytes());
    files
}

pub(crate) fn point(id: u32) -> Point {
    Point {
        id: PointId(id),
        participant: ParticipantId(id),
        building: BuildingId(1),
        tariff: TariffId(1),
        generation_w: 100_000,
        connection_w: 200_000,
        metering: Metering::LoadMeter,
        from: FIRST,
    }
}

fn meter(point: u32, place: u32, kind: MeterKind) -> Meter {
    let place = (point - 1) * 2 + place;
    Meter {
        id: MeterId(place + 1),
        point: PointId(point),
        kind,
        key: key(METERS[place as usize]).public(),
        from: FIRST,
        register: WattHours(0),
        rated_w: 200_000,
    }
}

pub(crate) fn order(point: u32, side: Side, quantity: i64, limit: i64) -> OrderItem {
    OrderItem {
        point: PointId(point),
        interval: FIRST,
        side,
        quantity: WattHours(quantity),
        limit: Price(limit),
    }
}
