//! What there is for each of a park's points, in their order.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Index;
use std::slice;

use bincode::de::{BorrowDecoder, Decoder};
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{BorrowDecode, Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::point::PointId;

/// One value for each point, sorted by point: what a map would be, in one piece of memory.
///
/// A settlement goes through all of its points again and again. A point's place, counted from
/// zero, is the same in all that was made for the same points, so that nobody needs to look for
/// it. Both encodings are those of a [`BTreeMap`] by point.
#[derive(Clone, PartialEq, Eq)]
pub struct Points<V> {
    /// Ascending, each point once.
    rows: Vec<(PointId, V)>,
}

impl<V> Points<V> {
    /// Nothing for no point.
    pub const fn new() -> Points<V> {
        Points { rows: Vec::new() }
    }

    /// Nothing yet, with room for so many points.
    pub fn with_capacity(count: usize) -> Points<V> {
        Points {
            rows: Vec::with_capacity(count),
        }
    }

    /// How many points there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The place of a point, or the one that it would have.
    fn find(&self, point: PointId) -> Result<usize, usize> {
        self.rows.binary_search_by_key(&point, |(at, _)| *at)
    }

    /// The place of a point. `near` is where it is looked for first and is left behind it, so that
    /// whoever asks for points in their order finds each with one comparison.
    pub fn place(&self, point: PointId, near: &mut usize) -> Option<usize> {
        let place = match self.rows.get(*near) {
            Some((at, _)) if *at == point => *near,
            _ => self.find(point).ok()?,
        };
        *near = place + 1;
        Some(place)
    }

    /// The value of a point.
    pub fn get(&self, point: &PointId) -> Option<&V> {
        let place = self.find(*point).ok()?;
        Some(&self.rows[place].1)
    }

    /// The value of a point, to be changed.
    pub fn get_mut(&mut self, point: &PointId) -> Option<&mut V> {
        let place = self.find(*point).ok()?;
        Some(&mut self.rows[place].1)
    }

    /// The value at a place.
    ///
    /// # Panics
    /// If there are not so many points.
    pub fn at(&self, place: usize) -> &V {
        &self.rows[place].1
    }

    /// The value at a place, to be changed.
    ///
    /// # Panics
    /// If there are not so many points.
    pub fn at_mut(&mut self, place: usize) -> &mut V {
        &mut self.rows[place].1
    }

    /// Whether there is a value for a point.
    pub fn contains_key(&self, point: &PointId) -> bool {
        self.find(*point).is_ok()
    }

    /// Sets the value of a point; gives the one that it had. Free of moves where points come in
    /// their order.
    pub fn insert(&mut self, point: PointId, value: V) -> Option<V> {
        if self.rows.last().is_none_or(|(last, _)| *last < point) {
            self.rows.push((point, value));
            return None;
        }
        match self.find(point) {
            Ok(place) => Some(std::mem::replace(&mut self.rows[place].1, value)),
            Err(place) => {
                self.rows.insert(place, (point, value));
                None
            }
        }
    }

    /// Takes a point out.
    pub fn remove(&mut self, point: &PointId) -> Option<V> {
        let place = self.find(*point).ok()?;
        Some(self.rows.remove(place).1)
    }

    /// Keeps the points that a rule says.
    pub fn retain(&mut self, mut keep: impl FnMut(&PointId, &mut V) -> bool) {
        self.rows.retain_mut(|(point, value)| keep(point, value));
    }

    /// The same points, each with what follows from its value.
    pub fn map<W>(&self, mut value: impl FnMut(&V) -> W) -> Points<W> {
        let rows = self.rows.iter();
        Points {
            rows: rows.map(|(point, of)| (*point, value(of))).collect(),
        }
    }

    /// Points and values in order.
    pub fn iter(&self) -> Iter<'_, V> {
        fn split<V>((point, value): &(PointId, V)) -> (&PointId, &V) {
            (point, value)
        }
        self.rows.iter().map(split)
    }

    /// Points and values in order, the values to be changed.
    pub fn iter_mut(&mut self) -> IterMut<'_, V> {
        fn split<V>((point, value): &mut (PointId, V)) -> (&PointId, &mut V) {
            (point, value)
        }
        self.rows.iter_mut().map(split)
    }

    /// The points in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &PointId> + ExactSizeIterator + Clone {
        self.rows.iter().map(|(point, _)| point)
    }

    /// The values in the order of their points.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + ExactSizeIterator + Clone {
        self.rows.iter().map(|(_, value)| value)
    }

    /// The values in the order of their points, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> + ExactSizeIterator {
        self.rows.iter_mut().map(|(_, value)| value)
    }
}

/// Points and values in order.
pub type Iter<'a, V> =
    std::iter::Map<slice::Iter<'a, (PointId, V)>, fn(&'a (PointId, V)) -> (&'a PointId, &'a V)>;
/// Points and values in order, the values to be changed.
pub type IterMut<'a, V> = std::iter::Map<
    slice::IterMut<'a, (PointId, V)>,
    fn(&'a mut (PointId, V)) -> (&'a PointId, &'a mut V),
>;

impl<V> Default for Points<V> {
    fn default() -> Points<V> {
        Points::new()
    }
}

impl<V: fmt::Debug> fmt::Debug for Points<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<V> Index<&PointId> for Points<V> {
    type Output = V;

    /// # Panics
    /// If there is no value for the point.
    fn index(&self, point: &PointId) -> &V {
        self.get(point).expect("there is a value for the point")
    }
}

impl<V> FromIterator<(PointId, V)> for Points<V> {
    /// In any order; of a point that comes again, the last value stays.
    fn from_iter<I: IntoIterator<Item = (PointId, V)>>(rows: I) -> Points<V> {
        let mut rows: Vec<(PointId, V)> = rows.into_iter().collect();
        if rows.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Points { rows };
        }
        // Backwards, the last value of a point comes first and is the one that stays.
        rows.reverse();
        rows.sort_by_key(|(point, _)| *point);
        rows.dedup_by_key(|(point, _)| *point);
        Points { rows }
    }
}

impl<V, const N: usize> From<[(PointId, V); N]> for Points<V> {
    fn from(rows: [(PointId, V); N]) -> Points<V> {
        rows.into_iter().collect()
    }
}

impl<V> IntoIterator for Points<V> {
    type Item = (PointId, V);
    type IntoIter = std::vec::IntoIter<(PointId, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter()
    }
}

impl<'a, V> IntoIterator for &'a Points<V> {
    type Item = (&'a PointId, &'a V);
    type IntoIter = Iter<'a, V>;

    fn into_iter(self) -> Iter<'a, V> {
        self.iter()
    }
}

impl<'a, V> IntoIterator for &'a mut Points<V> {
    type Item = (&'a PointId, &'a mut V);
    type IntoIter = IterMut<'a, V>;

    fn into_iter(self) -> IterMut<'a, V> {
        self.iter_mut()
    }
}

impl<V: Encode> Encode for Points<V> {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.rows.encode(encoder)
    }
}

impl<C, V: Decode<C>> Decode<C> for Points<V> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let rows: Vec<(PointId, V)> = Decode::decode(decoder)?;
        Ok(rows.into_iter().collect())
    }
}

impl<'de, C, V: Decode<C>> BorrowDecode<'de, C> for Points<V> {
    fn borrow_decode<D: BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, DecodeError> {
        Decode::decode(decoder)
    }
}

impl<V: Serialize> Serialize for Points<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Points<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let rows: BTreeMap<PointId, V> = Deserialize::deserialize(deserializer)?;
        Ok(rows.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Steps = Vec<(u32, Option<i64>)>;

    fn steps() -> impl Strategy<Value = Steps> {
        prop::collection::vec(
            (0u32..40, prop::option::weighted(0.8, any::<i64>())),
            0..120,
        )
    }

    /// The same rows in both, each step compared.
    fn made(steps: &Steps) -> Result<(Points<i64>, BTreeMap<PointId, i64>), TestCaseError> {
        let (mut points, mut map) = (Points::new(), BTreeMap::new());
        for (point, value) in steps {
            let point = PointId(*point);
            match value {
                Some(value) => {
                    prop_assert_eq!(points.insert(point, *value), map.insert(point, *value));
                }
                None => prop_assert_eq!(points.remove(&point), map.remove(&point)),
            }
        }
        Ok((points, map))
    }

    proptest! {
        #[test]
        fn points_are_a_map_like_any_other(
            steps in steps(),
            wanted in 0u32..45,
            near in 0..50usize,
        ) {
            let (mut points, mut map) = made(&steps)?;
            prop_assert!(points.iter().eq(&map));
            prop_assert!(points.keys().eq(map.keys()) && points.values().eq(map.values()));
            prop_assert_eq!((points.len(), points.is_empty()), (map.len(), map.is_empty()));
            let wanted = PointId(wanted);
            prop_assert_eq!(points.get(&wanted), map.get(&wanted));
            prop_assert_eq!(points.contains_key(&wanted), map.contains_key(&wanted));
            let (mut behind, place) = (near, map.keys().position(|point| *point == wanted));
            prop_assert_eq!(points.place(wanted, &mut behind), place);
            prop_assert_eq!(behind, place.map_or(near, |place| place + 1));
            if let Some(value) = points.get_mut(&wanted) {
                *value ^= 1;
                map.entry(wanted).and_modify(|value| *value ^= 1);
            }
            for (place, (_, value)) in map.iter_mut().enumerate() {
                *value ^= 2;
                *points.at_mut(place) ^= 2;
                prop_assert_eq!(points.at(place), value);
            }
            let thirds: Vec<i64> = map.values().map(|value| value / 3).collect();
            prop_assert!(points.map(|value| value / 3).values().eq(&thirds));
            points.retain(|point, value| (i64::from(point.0) ^ *value) & 1 == 0);
            map.retain(|point, value| (i64::from(point.0) ^ *value) & 1 == 0);
            prop_assert!(points.into_iter().eq(map));
        }

        #[test]
        fn rows_in_any_order_make_the_map_that_they_make(rows in steps()) {
            let row = |(point, value): &(u32, Option<i64>)| Some((PointId(*point), (*value)?));
            let rows = || rows.iter().filter_map(row);
            let map: BTreeMap<PointId, i64> = rows().collect();
            prop_assert!(rows().collect::<Points<i64>>().into_iter().eq(map));
        }

        #[test]
        fn both_encodings_are_those_of_a_map(steps in steps()) {
            let (points, map) = made(&steps)?;
            let config = bincode::config::legacy();
            let bytes = bincode::encode_to_vec(&points, config).unwrap();
            prop_assert_eq!(&bytes, &bincode::encode_to_vec(&map, config).unwrap());
            let read: (Points<i64>, usize) = bincode::decode_from_slice(&bytes, config).unwrap();
            prop_assert_eq!(&read.0, &points);
            let text = serde_json::to_string(&points).unwrap();
            prop_assert_eq!(&text, &serde_json::to_string(&map).unwrap());
            prop_assert_eq!(serde_json::from_str::<Points<i64>>(&text).unwrap(), points);
        }
    }
}
