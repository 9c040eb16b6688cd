//! The state root: what a change costs beside the whole state.

use serde::Serialize;
use wattle_ledger::hash::Hash;
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::ParticipantId;
use wattle_ledger::state::accounts::Account;
use wattle_ledger::state::table::Table;
use wattle_ledger::state::table_number;
use wattle_ledger::state::trie::Trie;
use wattle_market::units::Money;

use super::clock::{median, timed};
use super::random::Random;

/// What a state root took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RootFigures {
    /// How many accounts the state has.
    pub rows: u32,
    /// How many of them changed since the root before.
    pub changed: u32,
    /// Processor time of the thread for the root after these changes, the median of the passes.
    pub update_us: f64,
    /// For each account that changed.
    pub update_ns_each: f64,
    /// For the root of the same state, computed from nothing.
    pub whole_us: f64,
    /// `update_us / whole_us`.
    pub ratio: f64,
}

fn account(balance: u32) -> Account {
    Account {
        balance: Money(i64::from(balance)),
        ..Account::default()
    }
}

fn root_of(table: &mut Table<AccountId, Account>, trie: &mut Trie) -> Hash {
    table.commit(trie);
    trie.root()
}

/// The root of all rows of a table, computed from nothing.
fn whole(table: &Table<AccountId, Account>) -> (Hash, f64) {
    let mut copy = Table::new(table_number::ACCOUNTS);
    for (id, account) in table.iter() {
        copy.insert(*id, *account);
    }
    timed(|| root_of(&mut copy, &mut Trie::default()))
}

/// Changes `changed` of `rows` accounts again and again, and computes the root each time.
///
/// # Panics
/// If the root after changes is not that of the content: a mistake of ours.
pub fn measure(rows: u32, changed: u32, passes: usize, seed: u64) -> RootFigures {
    let mut random = Random::new(seed);
    let mut table = Table::new(table_number::ACCOUNTS);
    let id = |participant| AccountId::Participant(ParticipantId(participant));
    for participant in 0..rows {
        table.insert(id(participant), account(participant));
    }
    let mut trie = Trie::default();
    root_of(&mut table, &mut trie);
    let (mut update_ns, mut whole_ns) = (Vec::new(), Vec::new());
    for _ in 0..passes.max(1) {
        for _ in 0..changed {
            let balance = random.below(u32::MAX);
            table.insert(id(random.below(rows)), account(balance));
        }
        let (updated, ns) = timed(|| root_of(&mut table, &mut trie));
        update_ns.push(ns);
        let (expected, ns) = whole(&table);
        whole_ns.push(ns);
        assert_eq!(updated, expected, "the root follows from the content alone");
    }
    let (update, whole) = (median(update_ns), median(whole_ns));
    let tenths = |value: f64| (value * 10.0).round() / 10.0;
    RootFigures {
        rows,
        changed,
        update_us: tenths(update / 1e3),
        update_ns_each: tenths(update / f64::from(changed.max(1))),
        whole_us: tenths(whole / 1e3),
        ratio: (update / whole * 1e6).round() / 1e6,
    }
}
