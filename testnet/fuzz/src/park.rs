//! A small park that any actions are done to.
//!
//! The bytes are steps. A step begins with a byte: from 128 on so many minutes less 127 pass; below
//! it, the author by his place among [`AUTHORS`], then a length (`u16`, little-endian) and the
//! bytes of an action. An action that does not decode, and one that lacks bytes, is passed over.
//! Signatures are taken as given, since no fuzzer finds one; proofs within actions are not.

use std::sync::OnceLock;
use wattle_ledger::batch::Batch;
use wattle_ledger::codec;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{Action, EventBody, SignedEvent};
use wattle_ledger::genesis::{Genesis, GenesisBody, NodeRecord};
use wattle_ledger::keys::{PublicKey, SigningKey};
use wattle_ledger::ledger::{Ledger, SignatureCheck};
use wattle_ledger::registration::{
    CarbonFactor, Meter, MeterId, MeterKind, Metering, NodeId, Participant, ParticipantId, Point,
    Role, TariffId,
};
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::{Money, Price, WattHours};

/// 2026-07-31 12:00 in Shanghai: a month ends soon.
pub const FIRST: DeliveryInterval = DeliveryInterval(1_980_928 + 30 * 96 + 48);

/// Who may act, by the seed of the key: the registrar, the treasurer, two tenants, a load and a
/// roof of each, a key that nobody has registered yet.
pub const AUTHORS: [u8; 9] = [1, 2, 10, 11, 20, 21, 22, 23, 30];

/// Steps beyond this are passed over, so that a run ends.
const STEPS_MAX: usize = 64;
/// Batches that make up for what is due in a made-up state, each time.
const BATCHES_MAX: u32 = 24;

/// The key of a seed.
pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// The genesis of the park.
pub fn genesis() -> Genesis {
    let public = |seed| key(seed).public();
    let body = GenesisBody {
        version: 0,
        name: "fuzzed".to_owned(),
        utc_offset_minutes: 480,
        first_interval: FIRST,
        registrar: public(1),
        treasurer: public(2),
        regulator: public(3),
        nodes: vec![NodeRecord {
            id: NodeId(1),
            building: BuildingId(1),
            transport: public(41),
            log: public(42),
            cosigner: public(43),
            batch: public(44),
            receipt: public(45),
        }],
        terms: ParkTerms {
            feed_in: Price(400_000),
            export: Price(300_000),
            wheeling: Price(50_000),
        },
        tariffs: vec![(TariffId(1), Tariff::uniform(Price(800_000)))],
        factor: CarbonFactor {
            name: "a factor".to_owned(),
            year: 2022,
            milligrams_per_kwh: 420_000,
            source: "a source".to_owned(),
        },
    };
    Genesis::sign(&body, &key(1)).expect("the park is sound")
}

/// The actions that people the park, with the seeds of their authors.
pub fn founding() -> Vec<(u8, Action)> {
    let mut actions = Vec::new();
    for tenant in [1u8, 2] {
        let id = u32::from(tenant);
        let participant = Participant {
            id: ParticipantId(id),
            name: format!("tenant {tenant}"),
        };
        let point = Point {
            id: PointId(id),
            participant: ParticipantId(id),
            building: BuildingId(u16::from(tenant)),
            tariff: TariffId(1),
            generation_w: 100_000,
            connection_w: 200_000,
            metering: Metering::LoadMeter,
            from: FIRST,
        };
        actions.push((1, Action::RegisterParticipant(participant)));
        actions.push((
            1,
            Action::AddKey {
                key: key(9 + tenant).public(),
                role: Role::Tenant(ParticipantId(id)),
            },
        ));
        actions.push((1, Action::RegisterPoint(point)));
        for (place, kind) in [MeterKind::Load, MeterKind::Generation]
            .into_iter()
            .enumerate()
        {
            let number = (tenant - 1) * 2 + place as u8;
            let meter = Meter {
                id: MeterId(u32::from(number) + 1),
                point: PointId(id),
                kind,
                key: key(20 + number).public(),
                from: FIRST,
                register: WattHours(0),
                rated_w: 200_000,
            };
            actions.push((1, Action::RegisterMeter(meter)));
        }
        let deposit = Action::Deposit {
            participant: ParticipantId(id),
            amount: Money(1_000_000_000_000),
            reference: "opening".to_owned(),
        };
        actions.push((2, deposit));
    }
    actions
}

/// A park as it runs.
#[derive(Debug, Clone)]
struct Running {
    ledger: Ledger,
    now: Timestamp,
    /// Whether its state is one that a log leads to.
    honest: bool,
}

impl Running {
    fn peopled() -> &'static Running {
        static PEOPLED: OnceLock<Running> = OnceLock::new();
        PEOPLED.get_or_init(|| {
            let ledger = Ledger::with_signatures(&genesis(), SignatureCheck::AlreadyVerified);
            let now = FIRST.gate_closure().minus_millis(600_000);
            let mut running = Running {
                ledger,
                now,
                honest: true,
            };
            for (seed, action) in founding() {
                let codes = running.perform(key(seed).public(), action);
                assert_eq!(codes, [0], "the park is peopled");
            }
            running
        })
    }

    /// Signs as an author, applies the batch, and checks what it left.
    fn perform(&mut self, author: PublicKey, action: Action) -> Vec<u16> {
        let body = EventBody {
            version: 0,
            author,
            sequence: self.ledger.next_sequence(&author).unwrap_or(1),
            issued_at: self.now,
            action,
        };
        let mut bytes = codec::encode(&body);
        bytes.extend_from_slice(&[0; 64]);
        if SignedEvent::parse(&bytes).is_err() {
            return Vec::new();
        }
        self.batch(vec![bytes])
    }

    fn batch(&mut self, events: Vec<Vec<u8>>) -> Vec<u16> {
        let park = self.ledger.genesis().park();
        let batch = Batch::sign(park, (NodeId(1), &key(44)), 1, self.now, events);
        let applied = self.ledger.apply(1, &batch.encode());
        let is_applied = applied.refused.is_none();
        assert!(
            is_applied || !self.honest,
            "an honest leader's batch is applied: {:?}",
            applied.refused
        );
        for leaf in &applied.leaves {
            let entry = Entry::decode(leaf).expect("a leaf is an entry");
            assert_eq!(entry.encode(), *leaf, "a leaf has one encoding");
        }
        if self.honest {
            self.check_money();
        }
        let outcome = applied.outcomes.into_iter().next();
        let codes = outcome
            .and_then(|outcome| outcome.result.ok())
            .map_or(Vec::new(), |recorded| recorded.outcome);
        for code in codes.iter().filter(|code| **code != 0) {
            assert!(
                Rejection::from_code(*code).is_some(),
                "code {code} is listed"
            );
        }
        codes
    }

    /// Balances sum to zero, and nothing is released that was not reserved.
    fn check_money(&self) {
        let accounts = self.ledger.state().accounts.iter();
        let mut sum = 0;
        for (id, account) in accounts {
            sum += i128::from(account.balance.0);
            assert!(
                account.reserved.0 >= 0,
                "{id:?} has reserved less than nothing"
            );
        }
        assert_eq!(sum, 0, "money is neither made nor lost");
    }

    fn pass(&mut self, minutes: u64) {
        self.now = self.now.plus_millis(minutes * 60_000);
        self.batch(Vec::new());
        // A batch performs a bounded number of what is due; the rest follows. In a made-up state
        // there may be no end to it.
        let mut left = BATCHES_MAX;
        while self.ledger.next_due() <= self.now && (self.honest || left > 0) {
            self.batch(Vec::new());
            left -= u32::from(!self.honest);
        }
    }
}

/// Does the steps that the bytes say.
///
/// # Panics
/// If a rule is broken, or the ledger panics: a committed batch may never do that to a node.
pub fn act(bytes: &[u8]) {
    steps(bytes);
}

/// Does the steps, and gives the codes of each that was an action.
///
/// # Panics
/// As [`act`].
pub fn steps(bytes: &[u8]) -> Vec<Vec<u16>> {
    let mut running = Running::peopled().clone();
    let codes = running.steps(bytes);
    running.pass(200);
    codes
}

/// Goes on from a ledger whose state anybody may have made up: the steps, then hours and a month.
///
/// # Panics
/// If the ledger panics.
pub fn follow(ledger: Ledger, bytes: &[u8]) {
    let now = ledger.state().clock().time.max(FIRST.gate_closure());
    let mut running = Running {
        ledger,
        now,
        honest: false,
    };
    running.steps(bytes);
    for minutes in [20, 70, 24 * 60, 9 * 24 * 60] {
        running.pass(minutes);
    }
}

/// The peopled park with all of these actions, each so many minutes after the one before: as it is
/// whenever time has passed, and then for nine days more.
pub fn lived(life: &[(u64, u8, Action)]) -> Vec<Ledger> {
    let mut running = Running::peopled().clone();
    let mut ledgers = Vec::new();
    for (minutes, seed, action) in life {
        if *minutes > 0 {
            ledgers.push(running.ledger.clone());
            running.pass(*minutes);
        }
        running.perform(key(*seed).public(), action.clone());
    }
    for minutes in [60, 90, 24 * 60, 8 * 24 * 60] {
        ledgers.push(running.ledger.clone());
        running.pass(minutes);
    }
    ledgers.push(running.ledger);
    ledgers
}

impl Running {
    fn steps(&mut self, bytes: &[u8]) -> Vec<Vec<u16>> {
        let running = self;
        let mut codes = Vec::new();
        let mut rest = bytes;
        for _ in 0..STEPS_MAX {
            let Some((first, after)) = rest.split_first() else {
                break;
            };
            rest = after;
            if *first >= 128 {
                running.pass(u64::from(*first) - 127);
                continue;
            }
            let Some((length, after)) = rest.split_first_chunk::<2>() else {
                break;
            };
            let length = usize::from(u16::from_le_bytes(*length));
            let Some((action, after)) = after.split_at_checked(length) else {
                break;
            };
            rest = after;
            let seed = AUTHORS[usize::from(*first) % AUTHORS.len()];
            if let Ok(action) = codec::decode::<Action>(action) {
                codes.push(running.perform(key(seed).public(), action));
            }
        }
        codes
    }
}

/// The bytes of a step by an author.
pub fn step(seed: u8, action: &Action) -> Vec<u8> {
    let place = AUTHORS.iter().position(|author| *author == seed);
    let place = place.expect("the author is one of the park's") as u8;
    let action = codec::encode(action);
    let length = u16::try_from(action.len()).expect("an action of a seed is short");
    [&[place][..], &length.to_le_bytes(), &action].concat()
}
