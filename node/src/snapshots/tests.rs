use super::*;
use wattle_ledger::hash::Hash;
use wattle_ledger::log::tiles::TileBuilder;
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;
use wattle_replica::output::{EntryId, SignedHead};
use wattle_replica::snapshot::{Roster, Snapshot, SnapshotHead};

fn file(index: u64) -> SnapshotFile {
    let mut builder = TileBuilder::new();
    for leaf in 0..300 {
        builder.push(format!("leaf {leaf}").as_bytes());
    }
    let head = SnapshotHead {
        entry: EntryId { index, term: 2 },
        roster: Roster {
            voters: vec![NodeId(1)],
            learners: Vec::new(),
        },
        size: 300,
        root: builder.root(),
        time: Timestamp(7),
        seals: vec![SignedHead {
            size: 5,
            root: Hash([3; 32]),
        }],
    };
    let ledger = b"a ledger".to_vec();
    SnapshotFile {
        snapshot: Snapshot { head, ledger },
        partials: builder.partials(),
    }
}

fn newest(found: &Found) -> Option<&SnapshotFile> {
    found.newest.as_ref().map(|(file, _)| file)
}

#[test]
fn places_are_kept_as_long_as_their_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    for index in [5, 90, 1_000] {
        write(folder.path(), &file(index)).unwrap();
    }
    let places = read_places(folder.path()).unwrap();
    assert_eq!(places, [file(1_000).place(), file(90).place()]);
    let bytes = places[0].encode();
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(Place::decode(&changed).is_err(), "byte {at}");
        assert!(Place::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
    let path = folder.path().join(format!("{:020}.place", 1_000));
    fs::write(&path, &bytes[1..]).unwrap();
    let left = read_places(folder.path()).unwrap();
    assert_eq!(left, [file(90).place()], "a broken one is passed over");
}

#[test]
fn a_file_reads_as_it_was_written_and_no_changed_byte_passes() {
    let file = file(9);
    let bytes = file.encode();
    assert_eq!(SnapshotFile::decode(&bytes), Ok(file));
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(SnapshotFile::decode(&changed).is_err(), "byte {at}");
        assert!(SnapshotFile::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn the_last_two_are_kept_and_a_broken_one_gives_way_to_the_one_before_it() {
    let folder = tempfile::tempdir().unwrap();
    for index in [5, 90, 1_000] {
        let written = write(folder.path(), &file(index)).unwrap();
        assert_eq!(written.index, index);
    }
    assert_eq!(paths(folder.path(), EXTENSION).unwrap().len(), 2);
    let found = read_newest(folder.path()).unwrap();
    assert_eq!(newest(&found), Some(&file(1_000)));
    assert!(found.broken.is_empty());

    let path = paths(folder.path(), EXTENSION).unwrap().pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let found = read_newest(folder.path()).unwrap();
    assert_eq!(newest(&found), Some(&file(90)));
    assert_eq!(found.broken.len(), 1);
    // It is kept for whoever looks at the disk, and passed over from now on.
    assert!(found.broken[0].exists());
    assert!(read_newest(folder.path()).unwrap().broken.is_empty());
}

#[test]
fn a_half_written_file_is_never_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &file(5)).unwrap();
    fs::write(
        folder.path().join("00000000000000000009.snapshot.tmp"),
        b"half",
    )
    .unwrap();
    let found = read_newest(folder.path()).unwrap();
    assert_eq!((newest(&found), found.broken.len()), (Some(&file(5)), 0));
}
