//! An own log replayed: it comes to the state that was there, and foreign bytes do not get in.

use crate::it::park::{FIRST, Park, REGISTRAR, TREASURER, node_key};
use crate::it::runs;
use std::collections::BTreeMap;
use std::convert::Infallible;
use wattle_ledger::batch::Batch;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::Action;
use wattle_ledger::keys::{PublicKey, SigningKey};
use wattle_ledger::ledger::{LeavesError, Ledger, OwnError, OwnHead};
use wattle_ledger::log::Checkpoint;
use wattle_ledger::log::tiles::{BoundError, TileBuilder, TileFile, TileKind, TilePath};
use wattle_ledger::registration::{NodeId, ParticipantId, Role};
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::Money;

type Failed = OwnError<Infallible>;

/// A log's files, and its head signed by a key.
struct Log {
    head: Checkpoint,
    open: Vec<TileFile>,
    full: BTreeMap<TilePath, Vec<u8>>,
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[41; 32])
}

impl Log {
    fn of(origin: &str, leaves: &[Vec<u8>]) -> Log {
        let mut builder = TileBuilder::new();
        for leaf in leaves {
            builder.push(leaf);
        }
        let full = builder.take_full().into_iter();
        Log {
            head: Checkpoint::new(origin, builder.size(), builder.root()).unwrap(),
            full: full.map(|file| (file.path, file.bytes)).collect(),
            open: builder.partials(),
        }
    }

    fn replay(&self) -> Result<Ledger, Failed> {
        let mut note = self.head.to_note();
        note.add(self.head.sign(&key())).unwrap();
        let head: OwnHead = OwnHead::check::<Infallible>(&note, &key()).unwrap();
        head.replay(&self.open, |path| Ok(self.full.get(path).cloned()))
    }
}

/// A park that traded and settled some intervals, with corrections; it ends with a seal.
fn lived() -> Park {
    let mut park = Park::peopled();
    for participant in [1, 2] {
        let deposit = Action::Deposit {
            participant: ParticipantId(participant),
            amount: Money(1_000_000_000_000),
            reference: "transfer".to_owned(),
        };
        assert_eq!(park.submit(TREASURER, deposit), [0]);
    }
    for round in 1..=12 {
        let interval = DeliveryInterval(FIRST.0 + u64::try_from(8 * (round - 1)).unwrap());
        runs::trade(&mut park, interval, 100);
        park.advance_to(interval.gate_closure());
        park.read_all(
            interval,
            [5_000, 0, 1_000, 9_000].map(|energy| energy * round),
        );
        park.advance_to(interval.settlement_due());
    }
    park
}

fn origin(park: &Park) -> String {
    park.ledger.genesis().origin()
}

#[test]
fn an_own_log_comes_to_the_same_ledger() {
    let mut park = lived();
    assert!(park.leaves.len() > 300, "full bundles and an open one");
    let log = Log::of(&origin(&park), &park.leaves);
    let mut again = log.replay().unwrap();
    assert_eq!(
        (again.size(), again.root()),
        (park.ledger.size(), park.ledger.root())
    );
    let bytes = park.ledger.snapshot().to_bytes();
    assert!(
        again.snapshot().to_bytes() == bytes,
        "every row is the same"
    );
}

/// Keys are not checked again, but those that were refused are refused again.
#[test]
fn refused_keys_come_to_the_state_that_was_there() {
    let mut park = Park::peopled();
    let role = Role::Tenant(ParticipantId(1));
    let mut weak = [0; 32];
    weak[0] = 1;
    let mut add = |key| park.event(REGISTRAR, Action::AddKey { key, role });
    let good = |seed| SigningKey::from_seed(&[seed; 32]).public();
    let events = vec![add(good(77)), add(PublicKey(weak)), add(good(78))];
    let applied = park.batch(events);
    let codes = applied.outcomes.into_iter();
    let codes: Vec<_> = codes.map(|one| one.result.unwrap().outcome).collect();
    let refused = Rejection::KeyRefused.code();
    assert_eq!(codes, [[0], [refused], [0]]);
    park.advance_to(FIRST.gate_closure());
    let mut again = Log::of(&origin(&park), &park.leaves).replay().unwrap();
    assert!(again.snapshot().to_bytes() == park.ledger.snapshot().to_bytes());
    // Who goes on from there checks keys as ever.
    let weak = PublicKey(weak);
    let event = park.event(REGISTRAR, Action::AddKey { key: weak, role });
    let (leader, name) = (node_key(1, 4), NodeId(1));
    let genesis = park.ledger.genesis().park();
    let batch = Batch::sign(genesis, (name, &leader), 1, park.now, vec![event]);
    let applied = again.apply(1, &batch.encode());
    let outcome = applied.outcomes[0].result.clone().unwrap().outcome;
    assert_eq!(outcome, [refused]);
}

#[test]
fn another_key_signs_no_own_head() {
    let park = lived();
    let log = Log::of(&origin(&park), &park.leaves);
    let mut note = log.head.to_note();
    note.add(log.head.sign(&SigningKey::from_seed(&[42; 32])))
        .unwrap();
    let head: Result<OwnHead, Failed> = OwnHead::check(&note, &key());
    assert!(matches!(head, Err(OwnError::NotOwn(_))), "{head:?}");
}

#[test]
fn files_that_are_not_under_the_head_are_not_replayed() {
    let park = lived();
    let mut log = Log::of(&origin(&park), &park.leaves);
    let open = log.open[0].bytes.pop().unwrap();
    assert!(matches!(log.replay(), Err(OwnError::Open { .. })));
    log.open[0].bytes.push(open);
    log.replay().unwrap();
    let state = park.ledger.clone().snapshot().to_bytes();
    for path in log.full.keys().copied().collect::<Vec<_>>() {
        let good = log.full[&path].clone();
        let mut refused = 0;
        for at in (0..good.len()).step_by(good.len() / 97) {
            log.full.get_mut(&path).unwrap()[at] ^= 1;
            match log.replay() {
                // Leaves that follow from others are not read, nor hashes where their leaves are.
                Ok(mut again) => {
                    assert_eq!(again.root(), park.ledger.root());
                    assert!(again.snapshot().to_bytes() == state, "{path}");
                }
                Err(OwnError::File(BoundError::Damaged { path: named })) => {
                    assert_eq!(named, path);
                    refused += 1;
                }
                Err(error) => panic!("{path} is not named: {error}"),
            }
            log.full.insert(path, good.clone());
        }
        assert_eq!(refused > 0, path.kind() != TileKind::Hashes(0), "{path}");
    }
}

/// The rules hold still: what the head's holder signed is compared where it is cheap.
#[test]
fn logs_that_the_rules_do_not_yield_are_refused() {
    let park = lived();
    let origin = origin(&park);
    let mut longer = park.leaves.clone();
    let last = longer.pop().unwrap();
    longer.extend([last.clone(), last.clone()]);
    let error = Log::of(&origin, &longer).replay().unwrap_err();
    let differs = matches!(error, OwnError::Leaves(LeavesError::Differs { .. }));
    assert!(differs, "{error}");

    let mut unsealed = park.leaves.clone();
    unsealed.pop();
    let error = Log::of(&origin, &unsealed).replay().unwrap_err();
    assert!(matches!(error, OwnError::NoSeal { .. }), "{error}");

    let mut other_root = park.leaves.clone();
    let Some(Ok(Entry::Seal { mut state_root })) =
        other_root.pop().map(|leaf| Entry::decode(&leaf))
    else {
        panic!("a settlement seals");
    };
    state_root.0[0] ^= 1;
    other_root.push(Entry::Seal { state_root }.encode());
    let error = Log::of(&origin, &other_root).replay().unwrap_err();
    assert!(matches!(error, OwnError::StateRoot { .. }), "{error}");

    let error = Log::of("wattle/other", &park.leaves).replay().unwrap_err();
    assert!(matches!(error, OwnError::Genesis { .. }), "{error}");
}
