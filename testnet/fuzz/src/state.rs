//! A state of any rows: what a quorum that colludes can sign, and who begins with it goes on from.
//!
//! The bytes are rows, each a key and a value with its length before it (`u16`, little-endian), up
//! to a key of length 0, and then steps as [`crate::park`] has them. Snapshot, roots and tree are
//! made around the rows, since no fuzzer finds them. Rows may be refused; rows that are not must
//! bear whatever comes after them.

use crate::mutate::Mutator;
use crate::park;
use wattle_ledger::codec;
use wattle_ledger::entry::Entry;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::hash::{Hash, sha256};
use wattle_ledger::ledger::{Ledger, SignatureCheck};
use wattle_ledger::log::Tree;
use wattle_ledger::log::tree::leaf_hash;
use wattle_ledger::snapshot::{SNAPSHOT_DOMAIN, SnapshotHead};
use wattle_ledger::state::clock::Clock;
use wattle_ledger::state::table_number;
use wattle_ledger::state::trie::Trie;

/// A row of the state: key bytes with the table's number before them, and value bytes.
pub type Row = (Vec<u8>, Vec<u8>);

/// A state that somebody made up, with what binds it.
#[derive(Debug, Clone)]
pub struct Forged {
    /// The snapshot.
    pub snapshot: Vec<u8>,
    /// The seal that is the last leaf of its tree.
    pub seal: Vec<u8>,
    /// How many rows it has.
    pub rows: usize,
}

/// The rows of a ledger, in the order of a snapshot.
pub fn rows_of(ledger: &Ledger) -> Vec<Row> {
    let mut rows = Vec::new();
    for table in ledger.state().by_number().values() {
        let _ = table.each(&mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            std::ops::ControlFlow::Continue(())
        });
    }
    rows
}

/// The root of rows, whatever they say.
fn root(rows: &[Row], leaves: Option<u64>) -> Hash {
    let mut trie = Trie::default();
    for (key, value) in rows {
        match leaves.filter(|_| *key == [table_number::CLOCK]) {
            Some(leaves) => trie.insert(key, &counting(value, leaves)),
            None => trie.insert(key, value),
        }
    }
    trie.root()
}

/// The clock's row with another count of leaves; bytes that are no clock stay as they are.
fn counting(clock: &[u8], leaves: u64) -> Vec<u8> {
    match codec::decode::<Clock>(clock) {
        Ok(clock) => codec::encode(&Clock { leaves, ..clock }),
        Err(_) => clock.to_vec(),
    }
}

/// Puts rows under the seal that ends a tree of which all leaves but that one are given.
pub fn forge(genesis: &Genesis, before: &Tree, mut rows: Vec<Row>) -> Forged {
    let size = before.size() + 1;
    if let Some((_, clock)) = rows
        .iter_mut()
        .find(|(key, _)| *key == [table_number::CLOCK])
    {
        *clock = counting(clock, size);
    }
    let state_root = root(&rows, Some(size - 1));
    let seal = Entry::Seal { state_root }.encode();
    let mut tree = before.clone();
    tree.push(leaf_hash(&seal));
    let head = SnapshotHead {
        park: genesis.park(),
        genesis: genesis.signed().to_vec(),
        root: tree.root(),
        tree,
        state_root: root(&rows, None),
        rows: rows.len() as u64,
    };
    let mut snapshot = SNAPSHOT_DOMAIN.to_vec();
    let mut field = |bytes: &[u8]| {
        snapshot.extend((bytes.len() as u64).to_le_bytes());
        snapshot.extend_from_slice(bytes);
    };
    field(&codec::encode(&head));
    for (key, value) in &rows {
        field(key);
        field(value);
    }
    let digest = sha256(&[&snapshot]);
    snapshot.extend_from_slice(&digest.0);
    Forged {
        snapshot,
        seal,
        rows: rows.len(),
    }
}

/// Changes rows a little: some are gone, some say what others say, some hold numbers at the edge of
/// their width. `other` are those of another state of the park.
pub fn change(mutator: &mut Mutator, rows: &mut Vec<Row>, other: &[Row]) {
    for _ in 0..=mutator.below(3) {
        if rows.is_empty() {
            return;
        }
        // A table of few rows is met as often as one of many.
        let table = rows[mutator.below(rows.len())].0[0];
        let tables: std::collections::BTreeSet<u8> = rows.iter().map(|row| row.0[0]).collect();
        let table = match mutator.below(2) {
            0 => table,
            _ => *tables
                .iter()
                .nth(mutator.below(tables.len()))
                .unwrap_or(&table),
        };
        let places: Vec<usize> = (0..rows.len())
            .filter(|at| rows[*at].0[0] == table)
            .collect();
        let at = places[mutator.below(places.len())];
        match mutator.below(8) {
            0 => {
                rows.remove(at);
            }
            1 => rows.retain(|row| row.0[0] != table),
            2 => rows[at].1 = rows[places[mutator.below(places.len())]].1.clone(),
            3 => {
                // A whole table as it was at another time.
                let first = places[0];
                rows.retain(|row| row.0[0] != table);
                let taken = other.iter().filter(|row| row.0[0] == table).cloned();
                rows.splice(first..first, taken);
            }
            4 => {
                let byte = 1 + mutator.below(rows[at].0.len());
                if let Some(byte) = rows[at].0.get_mut(byte) {
                    *byte ^= 1 << mutator.below(8);
                }
            }
            5 => rows[at].1 = mutator.change(&rows[at].1),
            _ => mutator.put_edge(&mut rows[at].1),
        }
    }
}

/// The bytes of a target: rows, then steps.
pub fn encode(rows: &[Row], steps: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in rows {
        for field in [key, value] {
            let length = u16::try_from(field.len()).expect("a row of a seed is short");
            bytes.extend(length.to_le_bytes());
            bytes.extend_from_slice(field);
        }
    }
    bytes.extend([0, 0]);
    bytes.extend_from_slice(steps);
    bytes
}

/// Rows from bytes of any kind, and what follows them.
fn decode(bytes: &[u8]) -> (Vec<Row>, &[u8]) {
    fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
    }
    let (mut rows, mut rest) = (Vec::new(), bytes);
    while let Some((key, after)) = field(rest) {
        rest = after;
        let Some((value, after)) = field(rest).filter(|_| !key.is_empty()) else {
            break;
        };
        rest = after;
        rows.push((key.to_vec(), value.to_vec()));
    }
    (rows, rest)
}

/// Reads rows back as a verifier does, and goes on from them where they are not refused. Whether
/// they were not.
///
/// # Panics
/// If the ledger does: nobody may stop a verifier by what he signs.
pub fn go_on(bytes: &[u8]) -> bool {
    let (rows, steps) = decode(bytes);
    let clock = rows.iter().find(|(key, _)| *key == [table_number::CLOCK]);
    let clock = clock.and_then(|(_, value)| codec::decode::<Clock>(value).ok());
    let size = clock.map_or(1, |clock| clock.leaves).clamp(1, 1 << 40) - 1;
    // What the leaves before it hash to is anybody's word too.
    let edge = vec![Hash::default(); size.count_ones() as usize];
    let before = Tree::from_edge(size, edge).expect("an edge of as many hashes fits");
    let forged = forge(&park::genesis(), &before, rows);
    let restored = Ledger::restore(&forged.snapshot, SignatureCheck::AlreadyVerified);
    match restored {
        Ok(ledger) => {
            park::follow(ledger, steps);
            true
        }
        Err(_) => false,
    }
}

/// The target.
pub fn run(bytes: &[u8]) {
    go_on(bytes);
}
