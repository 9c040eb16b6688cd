use super::*;
use crate::history::History;
use wattle_ledger::batch::Batch;
use wattle_ledger::event::{Action, EventBody, SignedEvent};
use wattle_ledger::evidence::Contradiction;
use wattle_ledger::genesis::{Genesis, GenesisBody, NodeRecord};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::ledger::Ledger;
use wattle_ledger::log::cosignature::Cosignature;
use wattle_ledger::log::{Checkpoint, Note};
use wattle_ledger::membership;
use wattle_ledger::registration::{CarbonFactor, NodeId, ParticipantId};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::BuildingId;
use wattle_market::settlement::ParkTerms;
use wattle_market::units::{Money, Price};
use wattle_replica::output::Finding;

fn key(role: u8, number: u64) -> SigningKey {
    let mut seed = [role; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    SigningKey::from_seed(&seed)
}

fn node(id: u64) -> NodeRecord {
    NodeRecord {
        id: NodeId(id),
        building: BuildingId(1),
        transport: key(4, id).public(),
        log: key(5, id).public(),
        cosigner: key(6, id).public(),
        batch: key(7, id).public(),
        receipt: key(8, id).public(),
    }
}

fn genesis() -> Genesis {
    let body = GenesisBody {
        version: 0,
        name: "test".to_owned(),
        utc_offset_minutes: 480,
        first_interval: DeliveryInterval(2_000_000),
        registrar: key(1, 0).public(),
        treasurer: key(2, 0).public(),
        regulator: key(3, 0).public(),
        nodes: (1..=3).map(node).collect(),
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
    Genesis::sign(&body, &key(1, 0)).unwrap()
}

fn events(author: u64, sequence: u64) -> Evidence {
    let genesis = genesis();
    let event = |amount| {
        let body = EventBody {
            version: 0,
            author: key(9, author).public(),
            sequence,
            issued_at: Timestamp(0),
            action: Action::SetCreditLimit {
                participant: ParticipantId(1),
                limit: Money(amount),
            },
        };
        SignedEvent::sign(&genesis.park(), &body, &key(9, author))
    };
    Evidence::two_events(&genesis, Vec::new(), event(1), event(2)).unwrap()
}

fn note(size: u64, root: u8, nodes: &[u64]) -> Note {
    let genesis = genesis();
    let checkpoint = Checkpoint::new(genesis.origin(), size, Hash([root; 32])).unwrap();
    let mut note = checkpoint.to_note();
    for node in nodes {
        note.add(checkpoint.sign(&key(5, *node))).unwrap();
        let cosigned = Cosignature::sign(&checkpoint.text(), 1, &key(6, *node)).unwrap();
        let name = genesis.cosigner_name(NodeId(*node));
        let line = cosigned.to_note_signature(&name, &key(6, *node).public());
        note.add(line.unwrap()).unwrap();
    }
    note
}

fn heads(size: u64, nodes: &[u64]) -> Evidence {
    let (one, other) = (note(size, 1, &[1]), note(size, 2, nodes));
    Evidence::two_heads(&genesis(), Vec::new(), one, other, Vec::new()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn evidence_is_a_file_named_by_its_hash_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("evidence");
    let mut store = EvidenceStore::open(&folder).unwrap();
    assert!(store.is_empty());
    let evidence = events(1, 4);
    assert_eq!(store.record(&evidence).unwrap(), Recorded::New);
    assert_eq!(store.record(&evidence).unwrap(), Recorded::Known);
    assert_eq!(names(&folder), [evidence.id().to_string()]);

    fs::write(folder.join("notes.txt"), "found on Monday").unwrap();
    fs::write(folder.join(events(2, 1).id().to_string()), "half").unwrap();
    let store = EvidenceStore::open(&folder).unwrap();
    assert_eq!(store.len(), 1);
    assert_eq!(store.bytes, evidence.bytes().len() as u64);
    assert_eq!(store.subject_of(&evidence.id()), Some(evidence.subject()));
    assert!(!store.wants(&evidence.subject()));
    let read = fs::read(store.path(&evidence.id())).unwrap();
    assert_eq!(Evidence::parse(&read), Ok(evidence));
}

#[test]
fn heads_with_more_signatures_replace_those_with_fewer() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = EvidenceStore::open(folder.path()).unwrap();
    let (few, more) = (heads(9, &[2]), heads(9, &[2, 3]));
    assert_eq!(store.record(&few).unwrap(), Recorded::New);
    assert!(store.wants(&few.subject()));
    assert_eq!(store.record(&more).unwrap(), Recorded::Extended);
    assert_eq!(store.record(&few).unwrap(), Recorded::Known);
    assert_eq!(names(folder.path()), [more.id().to_string()]);
    assert_eq!(store.bytes, more.bytes().len() as u64);

    // A power cut between the two steps leaves both; the better one is told of.
    fs::write(store.path(&few.id()), few.bytes()).unwrap();
    let store = EvidenceStore::open(folder.path()).unwrap();
    assert_eq!(store.subject_of(&more.id()), Some(more.subject()));
    assert_eq!(store.subject_of(&few.id()), None);
}

#[test]
fn the_oldest_stay_and_no_key_takes_all_places() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = EvidenceStore::open(folder.path()).unwrap();
    for sequence in 1..=2 {
        assert_eq!(store.record(&events(0, sequence)).unwrap(), Recorded::New);
    }
    assert_eq!(store.record(&events(0, 3)).unwrap(), Recorded::Full);
    for author in 1..EVENT_FILES_MAX as u64 - 1 {
        assert_eq!(store.record(&events(author, 1)).unwrap(), Recorded::New);
    }
    assert_eq!(store.record(&events(500, 1)).unwrap(), Recorded::Full);
    assert!(!store.wants(&events(500, 1).subject()));
    for size in 1..=HEAD_FILES_MAX as u64 {
        assert_eq!(store.record(&heads(size, &[2])).unwrap(), Recorded::New);
    }
    assert_eq!(store.record(&heads(1_000, &[2])).unwrap(), Recorded::Full);
    assert_eq!(
        store.record(&heads(1, &[2, 3])).unwrap(),
        Recorded::Extended
    );
    assert_eq!(store.len(), EVENT_FILES_MAX + HEAD_FILES_MAX);
}

/// A ledger in which node 4 came after the founding, and its history.
fn with_newcomer(folder: &Path) -> (Ledger, History) {
    let genesis = genesis();
    let mut ledger = Ledger::found(&genesis);
    let mut history = History::open(folder).unwrap();
    history.append(0, &[genesis.leaf()]).unwrap();
    let body = EventBody {
        version: 0,
        author: key(1, 0).public(),
        sequence: 1,
        issued_at: Timestamp(0),
        action: Action::RegisterNode(node(4)),
    };
    let register = SignedEvent::sign(&genesis.park(), &body, &key(1, 0));
    let batch = Batch::sign(
        genesis.park(),
        (NodeId(1), &key(7, 1)),
        1,
        Timestamp(1_000),
        vec![register.bytes().to_vec()],
    );
    let applied = ledger.apply(1, &batch.encode());
    assert_eq!(applied.refused, None);
    history.append(applied.first, &applied.leaves).unwrap();
    (ledger, history)
}

#[test]
fn heads_that_a_newcomer_signed_bring_his_registration() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, history) = with_newcomer(&folder.path().join("history"));
    let store = EvidenceStore::open(&folder.path().join("evidence")).unwrap();
    let members: Vec<NodeRecord> = ledger.members().records().cloned().collect();
    let policy = membership::policy(&genesis(), &members);
    let notes = [note(9, 1, &[1, 4]), note(9, 2, &[4])];
    let bare = Evidence::two_heads_by(&policy, &genesis(), notes, Vec::new()).unwrap();
    assert!(bare.judge(None).is_err(), "the genesis has no node 4");
    let finding = Finding::Heads(Box::new(bare.clone()));
    let whole = store.of_finding(finding, &ledger, &history);
    let whole = whole.unwrap().unwrap();
    assert_eq!(whole.subject(), bare.subject());
    let Contradiction::Heads { convicted, .. } = whole.judge(None).unwrap().contradiction else {
        panic!("two heads");
    };
    let convicted: Vec<_> = convicted.iter().map(|signer| signer.node).collect();
    assert_eq!(
        convicted,
        [Some(NodeId(4)); 2],
        "his log key and cosigner key"
    );

    // Heads of founding nodes alone stay as they are.
    let finding = Finding::Heads(Box::new(heads(9, &[1])));
    let same = store.of_finding(finding, &ledger, &history);
    assert_eq!(same.unwrap(), Some(heads(9, &[1])));
}
