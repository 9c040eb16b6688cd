use super::*;
use wattle_ledger::batch::Batch;
use wattle_ledger::event::{Action, EVENT_VERSION, EventBody, SignedEvent};
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::NodeId;
use wattle_market::units::Money;

const PARK: Hash = Hash([7; 32]);

fn fact(participant: u32, fact: Fact) -> Vec<u8> {
    let entry = Entry::Derived {
        participant: Some(ParticipantId(participant)),
        blind: Hash([0; 32]),
        fact,
    };
    entry.encode()
}

fn header(time: u64) -> Vec<u8> {
    let key = SigningKey::from_seed(&[1; 32]);
    let batch = Batch::sign(PARK, (NodeId(1), &key), 1, Timestamp(time), Vec::new());
    let entry = Entry::Batch {
        header: batch.header.bytes().to_vec(),
        dropped: Vec::new(),
    };
    entry.encode()
}

fn event(sequence: u64) -> SignedEvent {
    let key = SigningKey::from_seed(&[2; 32]);
    let body = EventBody {
        version: EVENT_VERSION,
        author: key.public(),
        sequence,
        issued_at: Timestamp(0),
        action: Action::CancelOrders(Vec::new()),
    };
    SignedEvent::sign(&PARK, &body, &key)
}

/// A log of batches of four leaves: header, event, a deposit, and a seal.
struct Log {
    header: Vec<u8>,
    event: Vec<u8>,
}

impl Log {
    fn new() -> Log {
        let event = Entry::Event {
            signed: event(1).bytes().to_vec(),
            outcome: vec![0],
        };
        Log {
            header: header(60_000),
            event: event.encode(),
        }
    }

    fn leaf(&self, index: u64) -> Vec<u8> {
        match index % 4 {
            0 => self.header.clone(),
            1 => self.event.clone(),
            2 => {
                let amount = Money(i64::try_from(index).unwrap());
                fact(
                    u32::try_from(index / 4 % 3).unwrap(),
                    Fact::FundsMoved { amount },
                )
            }
            _ => {
                let state_root = Hash([u8::try_from(index % 251).unwrap(); 32]);
                Entry::Seal { state_root }.encode()
            }
        }
    }

    fn leaves(&self, range: std::ops::Range<u64>) -> Vec<Vec<u8>> {
        range.map(|index| self.leaf(index)).collect()
    }
}

/// What a participant's deposits must be found at.
fn deposits(size: u64, of: u32) -> Vec<u64> {
    (0..size)
        .filter(|index| index % 4 == 2 && index / 4 % 3 == u64::from(of))
        .collect()
}

fn check(index: &Index, log: &Log, size: u64) {
    for of in 0..3 {
        let ever = (Timestamp(0), Timestamp(u64::MAX));
        let found = index.funds(ParticipantId(of), ever.0, ever.1);
        assert_eq!(found.leaves().unwrap(), deposits(size, of));
        let later = index.funds(ParticipantId(of), Timestamp(60_001), ever.1);
        assert!(later.leaves().unwrap().is_empty());
    }
    let events = index.event(&event(1).hash()).leaves().unwrap();
    assert_eq!(events.len() as u64, (size + 2) / 4);
    assert!(index.event(&event(2).hash()).leaves().unwrap().is_empty());
    let last = (0..size).rev().find(|index| index % 4 == 3).unwrap();
    assert_eq!(index.last_seal(), Some(last + 1));
    let Entry::Seal { state_root } = Entry::decode(&log.leaf(last)).unwrap() else {
        panic!("a seal");
    };
    assert_eq!(index.state_root(), Some(state_root));
    assert_eq!(index.seal_after(0), Some(Timestamp(60_000)));
    assert_eq!(index.seal_after(last), Some(Timestamp(60_000)));
    assert_eq!(index.seal_after(last + 1), None);
}

fn wait_for_runs(index: &mut Index, runs: usize) {
    while index.runs.files().len() != runs || index.runs.writing().count() > 0 {
        index.runs.poll().unwrap();
        std::thread::yield_now();
    }
}

fn grow(history: &mut History, index: &mut Index, log: &Log, to: u64) {
    let first = history.size();
    let leaves = log.leaves(first..to);
    history.append(first, &leaves).unwrap();
    index.append(first, &leaves).unwrap();
}

fn names(folder: &Path) -> Vec<PathBuf> {
    run::paths(folder).unwrap()
}

#[test]
fn rows_are_found_in_memory_in_files_and_after_a_merge() {
    let folder = tempfile::tempdir().unwrap();
    let (history_folder, index_folder) = (folder.path().join("h"), folder.path().join("i"));
    let log = Log::new();
    let mut history = History::open(&history_folder).unwrap();
    let mut index = Index::open(&index_folder, &history).unwrap();
    let s = SEGMENT_LEAVES;
    // Memory alone; the border of a segment and one beyond it; seven files; eight become one.
    for (size, runs) in [
        (100, 0),
        (s, 1),
        (s + 1, 1),
        (7 * s + 9, 7),
        (8 * s, 1),
        (9 * s + 5, 2),
    ] {
        grow(&mut history, &mut index, &log, size);
        check(&index, &log, size);
        wait_for_runs(&mut index, runs);
        check(&index, &log, size);
    }
    assert_eq!(names(&index_folder).len(), 2);

    // A start reads what no file has, and nothing before the last seal of it.
    let size = history.size();
    drop(index);
    let index = Index::open(&index_folder, &history).unwrap();
    assert_eq!(index.open.first, 9 * s);
    check(&index, &log, size);
    drop(index);

    // Older bundles are not read by it.
    std::fs::remove_file(history_folder.join("tile/entries/003")).unwrap();
    check(&Index::open(&index_folder, &history).unwrap(), &log, size);
}

#[test]
fn files_that_are_gone_or_no_runs_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (history_folder, index_folder) = (folder.path().join("h"), folder.path().join("i"));
    let log = Log::new();
    let mut history = History::open(&history_folder).unwrap();
    let mut index = Index::open(&index_folder, &history).unwrap();
    let size = 3 * SEGMENT_LEAVES + 700;
    grow(&mut history, &mut index, &log, size);
    wait_for_runs(&mut index, 3);
    drop(index);
    let written: Vec<Vec<u8>> = names(&index_folder)
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    for damage in ["gone", "cut", "head"] {
        let middle = names(&index_folder).swap_remove(1);
        let mut bytes = std::fs::read(&middle).unwrap();
        match damage {
            "gone" => std::fs::remove_file(&middle).unwrap(),
            "cut" => std::fs::write(&middle, &bytes[..bytes.len() - 1]).unwrap(),
            _ => {
                bytes[20] ^= 1;
                std::fs::write(&middle, bytes).unwrap();
            }
        }
        let mut index = Index::open(&index_folder, &history).unwrap();
        check(&index, &log, size);
        wait_for_runs(&mut index, 3);
        let again = names(&index_folder);
        let again: Vec<Vec<u8>> = again
            .iter()
            .map(|path| std::fs::read(path).unwrap())
            .collect();
        assert!(again == written, "one log has one index");
    }
}

#[test]
fn a_row_that_the_disk_has_changed_is_found_by_the_digest() {
    let folder = tempfile::tempdir().unwrap();
    let (history_folder, index_folder) = (folder.path().join("h"), folder.path().join("i"));
    let log = Log::new();
    let mut history = History::open(&history_folder).unwrap();
    let mut index = Index::open(&index_folder, &history).unwrap();
    let size = SEGMENT_LEAVES + 1;
    grow(&mut history, &mut index, &log, size);
    wait_for_runs(&mut index, 1);
    index.files()[0].check().unwrap();
    let path = names(&index_folder).swap_remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let error = index.files()[0].check().unwrap_err();
    assert!(
        matches!(&error, IndexError::Damaged { path: p } if *p == path),
        "{error}"
    );
    assert!(!path.exists(), "the next start makes it again");
    drop(index);
    check(&Index::open(&index_folder, &history).unwrap(), &log, size);
}

#[test]
fn leaves_that_runs_know_already_are_told_only_once_they_are_applied() {
    let folder = tempfile::tempdir().unwrap();
    let index_folder = folder.path().join("i");
    let log = Log::new();
    let size = SEGMENT_LEAVES + 4;
    {
        let mut history = History::open(&folder.path().join("h")).unwrap();
        let mut index = Index::open(&index_folder, &history).unwrap();
        grow(&mut history, &mut index, &log, size);
        wait_for_runs(&mut index, 1);
    }
    // As after a start from a snapshot that is older than the last run.
    let mut older = History::open(&folder.path().join("other")).unwrap();
    older.append(0, &log.leaves(0..500)).unwrap();
    let mut index = Index::open(&index_folder, &older).unwrap();
    check(&index, &log, 500);
    grow(&mut older, &mut index, &log, 1_500);
    check(&index, &log, 1_500);
    grow(&mut older, &mut index, &log, size);
    check(&index, &log, size);
    assert_eq!(names(&index_folder).len(), 1);
}
