use super::*;
use wattle_replica::output::{EntryId, SignedHead, StoredHardState};

const IDENTITY: Identity = Identity {
    park: Hash([1; 32]),
    node: NodeId(1),
};

fn open(folder: &Path) -> (Storage, Durable) {
    Storage::open(folder, IDENTITY).unwrap()
}

fn entries(range: std::ops::Range<u64>, term: u64, bytes: usize) -> Vec<StoredEntry> {
    let data = |index: u64| vec![index as u8; bytes];
    range
        .map(|index| StoredEntry {
            index,
            term,
            data: data(index),
        })
        .collect()
}

fn write(storage: &mut Storage, batch: WriteBatch) {
    storage.write(&batch).unwrap();
    storage.sync().unwrap();
}

fn hard_state(term: u64, vote: u64, commit: u64) -> Option<StoredHardState> {
    Some(StoredHardState { term, vote, commit })
}

#[test]
fn everything_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let (mut storage, durable) = open(folder.path());
    assert_eq!(durable, Durable::default());
    let pending = |byte: u8| PendingEvent {
        event: vec![byte; 300],
    };
    let receipt = |byte: u8, node: u64| StoredReceipt {
        event: sha256(&[&pending(byte).event]),
        node: NodeId(node),
        receipt: vec![byte; 193],
    };
    let batch = WriteBatch {
        entries: entries(1..40, 2, 4_000),
        hard_state: hard_state(2, 1, 7),
        signed: Some(SignedHead {
            size: 9,
            root: Hash([4; 32]),
        }),
        pending_added: vec![pending(1), pending(2)],
        receipts_added: vec![receipt(1, 3), receipt(2, 3), receipt(2, 300), receipt(1, 1)],
        ..WriteBatch::default()
    };
    write(&mut storage, batch.clone());
    let gone = sha256(&[&pending(1).event]);
    write(
        &mut storage,
        WriteBatch {
            pending_removed: vec![gone],
            ..WriteBatch::default()
        },
    );
    drop(storage);

    let (_, durable) = open(folder.path());
    assert_eq!(durable.entries, batch.entries);
    assert_eq!(Some(durable.hard_state), batch.hard_state);
    assert_eq!(durable.signed, batch.signed);
    assert_eq!(durable.pending, [pending(2)]);
    assert_eq!(durable.receipts, [receipt(2, 3), receipt(2, 300)]);
}

#[test]
fn a_conflicting_suffix_is_replaced_wherever_it_begins() {
    for conflict in [1, 2, 5, 9, 10] {
        let folder = tempfile::tempdir().unwrap();
        let (mut storage, _) = open(folder.path());
        for range in [1..5, 5..6, 6..10] {
            let entries = entries(range, 1, 6_000);
            write(
                &mut storage,
                WriteBatch {
                    entries,
                    ..WriteBatch::default()
                },
            );
        }
        let new = entries(conflict..conflict + 2, 3, 10);
        let batch = WriteBatch {
            entries: new.clone(),
            ..WriteBatch::default()
        };
        write(&mut storage, batch);
        let mut expected = entries(1..conflict, 1, 6_000);
        expected.extend(new);
        drop(storage);
        let (mut storage, durable) = open(folder.path());
        assert_eq!(durable.entries, expected, "conflict at {conflict}");
        // What was read back can be replaced as well.
        let entries = entries(1..2, 4, 10);
        write(
            &mut storage,
            WriteBatch {
                entries: entries.clone(),
                ..WriteBatch::default()
            },
        );
        drop(storage);
        assert_eq!(open(folder.path()).1.entries, entries);
    }
}

#[test]
fn the_longest_entries_stay_below_the_size_of_a_blob() {
    let folder = tempfile::tempdir().unwrap();
    let (mut storage, _) = open(folder.path());
    let long = wattle_ledger::limits::BATCH_BYTES_MAX;
    for first in [1, 10, 5, 40, 60] {
        let first = first.min(storage.blocks.last() + 1);
        let batch = WriteBatch {
            entries: entries(first..first + 20, 1, long),
            pending_added: (0..9)
                .map(|byte| PendingEvent {
                    event: vec![byte; 60_000],
                })
                .collect(),
            ..WriteBatch::default()
        };
        write(&mut storage, batch);
    }
    let last = storage.blocks.last();
    drop(storage);
    let (storage, durable) = open(folder.path());
    assert_eq!(durable.entries, entries(1..last + 1, 1, long));
    assert_eq!(durable.pending.len(), 9);
    drop(storage);
    let blobs = fs::read_dir(folder.path().join("blobs")).unwrap().count();
    assert_eq!(blobs, 0, "sled wrote a value where no sync of ours reaches");
}

#[test]
fn each_write_is_waited_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut storage, _) = open(folder.path());
    let before = storage.syncs();
    for commit in 0..3 {
        let batch = WriteBatch {
            hard_state: hard_state(2, 1, commit),
            ..WriteBatch::default()
        };
        storage.write(&batch).unwrap();
    }
    storage.sync().unwrap();
    storage.sync().unwrap();
    assert_eq!(storage.syncs(), before + 1);
}

#[test]
fn the_folder_of_another_park_or_node_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let others = [
        Identity {
            park: Hash([2; 32]),
            ..IDENTITY
        },
        Identity {
            node: NodeId(2),
            ..IDENTITY
        },
    ];
    for other in others {
        let error = Storage::open(folder.path(), other).unwrap_err();
        assert!(
            matches!(error, StorageError::OtherIdentity { .. }),
            "{error}"
        );
    }
    open(folder.path());
}

#[test]
fn a_store_that_is_open_cannot_be_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let error = Storage::open(folder.path(), IDENTITY).unwrap_err();
    assert!(matches!(error, StorageError::InUse { .. }), "{error}");
    drop(first);
    open(folder.path());
}

#[test]
fn a_half_written_snapshot_does_not_lock_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (mut storage, _) = open(folder.path());
    let batch = WriteBatch {
        entries: entries(1..9, 1, 100),
        ..WriteBatch::default()
    };
    write(&mut storage, batch.clone());
    drop(storage);
    fs::write(
        folder.path().join("snap.FFFFFFFFFFFFFFFF.generating"),
        b"half",
    )
    .unwrap();
    assert_eq!(open(folder.path()).1.entries, batch.entries);
}

/// The one record of a short block.
fn record(first: u64) -> Vec<u8> {
    [&block::key(first)[..], &[0, 0]].concat()
}

#[test]
fn damage_is_named_and_not_repaired() {
    type Damage = fn(&sled::Db);
    let damages: [(Damage, &str); 5] = [
        (
            |db| drop(db.remove(record(1)).unwrap()),
            "entry 5 follows entry 0",
        ),
        (
            |db| drop(db.insert(record(5), &[1, 2][..]).unwrap()),
            "block of entries",
        ),
        (
            |db| drop(db.remove(record(9)).unwrap()),
            "entry 12 was committed",
        ),
        (
            |db| drop(db.remove(IDENTITY_KEY).unwrap()),
            "does not say whose",
        ),
        (|db| drop(db.insert(b"x", &[][..]).unwrap()), "unknown kind"),
    ];
    for (damage, expected) in damages {
        let folder = tempfile::tempdir().unwrap();
        let (mut storage, _) = open(folder.path());
        for range in [1..5, 5..9, 9..13] {
            let entries = entries(range, 1, 10);
            let batch = WriteBatch {
                entries,
                hard_state: hard_state(1, 1, 12),
                ..WriteBatch::default()
            };
            write(&mut storage, batch);
        }
        damage(&storage.database);
        storage.database.flush().unwrap();
        drop(storage);
        let error = Storage::open(folder.path(), IDENTITY)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("under a new id"), "{error}");
    }
}

#[test]
fn a_store_without_its_data_is_refused_where_the_node_has_run_before() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let error = Storage::reopen(folder.path(), IDENTITY).unwrap_err();
        assert!(matches!(error, StorageError::Forgotten { .. }), "{error}");
    }
    drop(open(folder.path()));
    assert!(Storage::reopen(folder.path(), IDENTITY).is_ok());
}

/// What a store reads back is what its writes say, whatever came, went and was replaced.
#[test]
fn compaction_conflicts_and_new_beginnings_read_back_as_the_model_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let (mut storage, mut model) = open(folder.path());
    let mut state = 7u64;
    let mut below = |bound: u64| {
        // Numerical Recipes' linear congruential generator: enough to vary what is done.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % bound
    };
    let id = |model: &Durable, index: u64| EntryId {
        index,
        term: match model.entries.iter().find(|entry| entry.index == index) {
            Some(entry) => entry.term,
            None => model.start.term,
        },
    };
    for term in 1..=120 {
        let start = model.start.index;
        let last = start + model.entries.len() as u64;
        let first = start + 1 + below(last - start + 1);
        let bytes = usize::try_from(1 + below(9_000)).unwrap();
        let mut batch = WriteBatch {
            entries: entries(first..first + 1 + below(6), term, bytes),
            ..WriteBatch::default()
        };
        match below(6) {
            0 | 1 => {
                // Compaction goes with the next write, of entries or not.
                let index = start + below(first - start);
                batch.compacted = Some(id(&model, index));
            }
            2 => {
                let index = last + 1 + below(50);
                batch.restarted = Some(EntryId { index, term });
                batch.entries = entries(index + 1..index + 1 + below(4), term, bytes);
            }
            3 => {
                let index = start + below(last - start + 1);
                batch.entries = Vec::new();
                batch.compacted = Some(id(&model, index));
            }
            _ => {}
        }
        model.store(batch.clone());
        write(&mut storage, batch);
        if below(3) == 0 {
            drop(storage);
            let (opened, durable) = open(folder.path());
            assert_eq!(durable, model, "after {term} writes");
            storage = opened;
        }
    }
    assert!(model.start.index > 100);
}
