use super::*;
use crate::registration::MeterId;
use crate::state::table::Table;
use proptest::prelude::*;
use wattle_market::interval::DeliveryInterval;

type Key = (MeterId, DeliveryInterval);

fn key() -> impl Strategy<Value = Key> {
    let meters = 0u32..3;
    (meters, 0u64..300).prop_map(|(meter, at)| (MeterId(meter), DeliveryInterval(at)))
}

proptest! {
    /// Rows set together are what they are set one by one.
    #[test]
    fn rows_set_together_are_rows_set_one_by_one(
        rows in prop::collection::vec((key(), any::<i64>()), 0..60),
        more in prop::collection::vec((key(), any::<i64>()), 0..60),
    ) {
        let (mut together, mut alone) = (Groups::<Key, i64>::new(12), Groups::new(12));
        let (mut trie, mut other) = (Trie::default(), Trie::default());
        for mut rows in [rows, more] {
            together.insert_all(rows.iter().copied());
            rows.iter().for_each(|(key, value)| alone.insert(*key, *value));
            together.commit(&mut trie);
            alone.commit(&mut other);
            // Those of an owner one after the other.
            rows.sort();
            together.insert_all(rows.iter().copied());
            rows.iter().for_each(|(key, value)| alone.insert(*key, *value));
        }
        prop_assert_eq!(&together.owners, &alone.owners);
        together.commit(&mut trie);
        alone.commit(&mut other);
        prop_assert_eq!(trie.root(), other.root());
    }

    /// Groups are a map like any other: what they say of rows is what a plain table says.
    #[test]
    fn rows_are_those_of_a_plain_table(
        steps in prop::collection::vec((key(), prop::option::of(any::<i64>())), 0..200),
        ends in (key(), key()),
    ) {
        let mut groups: Groups<Key, i64> = Groups::new(12);
        let mut table: Table<Key, i64> = Table::new(12);
        for (key, value) in steps {
            match value {
                Some(value) => {
                    groups.insert(key, value);
                    table.insert(key, value);
                }
                None => prop_assert_eq!(groups.remove(&key), table.remove(&key)),
            }
            prop_assert_eq!(groups.get(&key), table.get(&key));
        }
        let plain = |rows: Vec<(&Key, &i64)>| -> Vec<(Key, i64)> {
            rows.into_iter().map(|(key, value)| (*key, *value)).collect()
        };
        let grouped = |rows: Vec<(Key, &i64)>| -> Vec<(Key, i64)> {
            rows.into_iter().map(|(key, value)| (key, *value)).collect()
        };
        prop_assert_eq!(groups.len(), table.len());
        prop_assert_eq!(grouped(groups.iter().collect()), plain(table.iter().collect()));
        let (from, to) = (ends.0.min(ends.1), ends.0.max(ends.1));
        prop_assert_eq!(
            grouped(groups.range(from..to).collect()),
            plain(table.range(from..to).collect())
        );
        prop_assert_eq!(
            grouped(groups.range(from..=to).rev().collect()),
            plain(table.range(from..=to).rev().collect())
        );
    }

    /// Neighbors are those that a search to either side finds, among the owner's rows.
    #[test]
    fn rows_around_a_key_are_its_owners(
        rows in prop::collection::vec((key(), any::<i64>()), 0..60),
        key in key(),
    ) {
        let mut groups: Groups<Key, i64> = Groups::new(12);
        let mut table: Table<Key, i64> = Table::new(12);
        for (key, value) in rows {
            groups.insert(key, value);
            table.insert(key, value);
        }
        let (meter, at) = key;
        let row = |(key, value): (&Key, &i64)| (*key, *value);
        let before = table.range((meter, DeliveryInterval(0))..key);
        let behind = (meter, at.next())..=(meter, DeliveryInterval(u64::MAX));
        let place = groups.place(key);
        prop_assert_eq!(
            place.before().map(|(key, value)| (key, *value)),
            before.into_iter().next_back().map(row)
        );
        prop_assert_eq!(place.at(), table.get(&key));
        prop_assert_eq!(
            place.after().map(|(key, value)| (key, *value)),
            table.range(behind).next().map(row)
        );
    }

    /// A walk finds what a search finds, in whatever order it is asked; so does who has one owner's
    /// rows in hand, who sets them too, and whose rows may be none.
    #[test]
    fn walks_and_owners_find_what_searches_find(
        rows in prop::collection::vec((key(), any::<i64>()), 0..60),
        asked in prop::collection::vec(key(), 0..20),
        put in key(),
    ) {
        let mut groups: Groups<Key, i64> = Groups::new(12);
        rows.iter().for_each(|(key, value)| groups.insert(*key, *value));
        let around = |place: Place<'_, Key, i64>| {
            let copied = |(key, value): (Key, &i64)| (key, *value);
            (place.before().map(copied), place.at().copied(), place.after().map(copied))
        };
        let mut walk = groups.walk();
        for key in asked {
            prop_assert_eq!(around(walk.place(key)), around(groups.place(key)));
        }
        let (expected, owners) = (around(groups.place(put)), groups.owners.len());
        let found = groups.with_owner(put.0, |rows| around(rows.place(put)));
        prop_assert_eq!(found, expected);
        prop_assert_eq!(groups.owners.len(), owners, "who has no rows is no owner");
        let mut other = groups.clone();
        groups.with_owner(put.0, |mut rows| rows.insert(put, 7));
        other.insert(put, 7);
        prop_assert_eq!(&groups.owners, &other.owners);
        let (mut trie, mut same) = (Trie::default(), Trie::default());
        groups.commit(&mut trie);
        other.commit(&mut same);
        prop_assert_eq!(trie.root(), same.root());
    }

    /// Groups that go, go whole, and nothing else goes with them.
    #[test]
    fn groups_go_by_their_keys(
        rows in prop::collection::vec((key(), any::<i64>()), 0..60),
        ends in (key(), key()),
        put in key(),
    ) {
        let mut groups: Groups<Key, i64> = Groups::new(12);
        rows.iter().for_each(|(key, value)| groups.insert(*key, *value));
        let group = |(meter, at): Key| (meter, day_of(at));
        let left = |groups: &Groups<Key, i64>| -> Vec<Key> {
            groups.iter().map(|(key, _)| key).collect()
        };
        let all = left(&groups);
        let keys = |stays: &dyn Fn(Key) -> bool| -> Vec<Key> {
            all.iter().copied().filter(|key| stays(*key)).collect()
        };

        let range = group(ends.0).min(group(ends.1))..group(ends.0).max(group(ends.1));
        let mut some = groups.clone();
        some.remove_groups(range.clone());
        prop_assert_eq!(left(&some), keys(&|key| !range.contains(&group(key))));

        let mut latest = groups.clone();
        latest.forget_all_but_latest(2);
        let follows = |(meter, day): (MeterId, u64)| {
            all.iter().any(|key| key.0 == meter && day < day_of(key.1) && day_of(key.1) < 2)
        };
        prop_assert_eq!(left(&latest), keys(&|key| !follows(group(key))));

        let mut kept = groups.clone();
        kept.insert_and_forget(put, 0, 2);
        let before = 2.min(day_of(put.1));
        let mut expected = keys(&|key| key.0 != put.0 || day_of(key.1) >= before);
        if let Err(gap) = expected.binary_search(&put) {
            expected.insert(gap, put);
        }
        prop_assert_eq!(left(&kept), expected);

        // Whatever went, the trie follows, from what changed as from all rows.
        for mut groups in [some, latest, kept] {
            let mut trie = Trie::default();
            let mut changed = Groups::<Key, i64>::new(12);
            rows.iter().for_each(|(key, value)| changed.insert(*key, *value));
            changed.commit(&mut trie);
            changed.remove_groups(..);
            groups.iter().for_each(|(key, value)| changed.insert(key, *value));
            changed.commit(&mut trie);
            let mut whole = Trie::default();
            groups.count_all_as_changed();
            groups.commit(&mut whole);
            prop_assert_eq!(whole.root(), trie.root());
        }
    }

    /// The trie follows the content alone, and what was handed out reads back as the same.
    #[test]
    fn the_trie_has_one_record_for_each_group(
        steps in prop::collection::vec((key(), prop::option::of(any::<i64>())), 0..100),
    ) {
        let (mut groups, mut trie) = (Groups::<Key, i64>::new(12), Trie::default());
        for (key, value) in steps {
            match value {
                Some(value) => groups.insert(key, value),
                None => drop(groups.remove(&key)),
            }
            if key.1.0 % 7 == 0 {
                groups.commit(&mut trie);
            }
        }
        groups.commit(&mut trie);
        let (mut again, mut other) = (Groups::<Key, i64>::new(12), Trie::default());
        let visited = groups.each(&mut |key, value| {
            again.load(key, value).expect("what was handed out is well formed");
            other.insert(key, value);
            ControlFlow::Continue(())
        });
        prop_assert!(visited.is_continue());
        prop_assert_eq!(again.owners, groups.owners);
        prop_assert_eq!(trie.root(), other.root());
    }
}

fn loaded(key: (u32, u64), members: &[(u8, i64)]) -> Result<(), RowError> {
    let mut groups: Groups<Key, i64> = Groups::new(12);
    let mut bytes = vec![12];
    bytes.extend(codec::encode(&key));
    groups.load(&bytes, &codec::encode(&members.to_vec()))
}

#[test]
fn a_group_that_no_rows_make_is_refused() {
    assert_eq!(loaded((1, 2), &[(0, 5), (95, 6)]), Ok(()));
    let malformed = Err(RowError::Malformed(12));
    assert_eq!(loaded((1, 2), &[]), malformed, "no rows");
    assert_eq!(
        loaded((1, 2), &[(3, 5), (3, 6)]),
        malformed,
        "one place twice"
    );
    assert_eq!(loaded((1, 2), &[(4, 5), (3, 6)]), malformed, "not in order");
    assert_eq!(loaded((1, 2), &[(96, 5)]), malformed, "a day has 96 places");
    assert_eq!(loaded((1, u64::MAX), &[(1, 5)]), malformed, "no such day");
}
