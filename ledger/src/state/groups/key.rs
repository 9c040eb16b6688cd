//! Keys of rows that are committed to in groups.

use crate::keys::PublicKey;
use crate::registration::MeterId;
use wattle_market::interval::DeliveryInterval;
use wattle_market::point::PointId;

/// A row's key that consists of its owner, the number of one of the owner's groups, and its place
/// in the group. Keys ascend as owners do, then as groups do, then as places do.
pub trait GroupedKey: Ord + Copy {
    /// Whose groups lie together; never many for one owner.
    type Owner: Ord + Copy + bincode::Encode + bincode::Decode<()>;

    /// The owner, the number of the group, and the place in it.
    fn split(self) -> (Self::Owner, u64, u8);

    /// The key of a place; a place or group that no key has gives another one's.
    fn join(owner: Self::Owner, group: u64, place: u8) -> Self;
}

/// So many points of an interval make a group.
const POINTS_TOGETHER: u64 = 64;
/// So many outcomes of a key make a group.
pub const OUTCOMES_TOGETHER: u64 = 16;

/// The group of a number, and its place in it.
fn part(number: u64, together: u64) -> (u64, u8) {
    let place = u8::try_from(number % together).expect("a group has fewer than 256 places");
    (number / together, place)
}

/// The number of a place; a group that no number has gives another one.
fn whole(group: u64, place: u8, together: u64) -> u64 {
    let first = group.saturating_mul(together);
    first.saturating_add(place.into())
}

/// An interval's points whose numbers differ in their last six bits only.
impl GroupedKey for (DeliveryInterval, PointId) {
    type Owner = DeliveryInterval;

    fn split(self) -> (DeliveryInterval, u64, u8) {
        let (interval, point) = self;
        let (group, place) = part(point.0.into(), POINTS_TOGETHER);
        (interval, group, place)
    }

    fn join(interval: DeliveryInterval, group: u64, place: u8) -> Self {
        let point = whole(group, place, POINTS_TOGETHER);
        (interval, PointId(u32::try_from(point).unwrap_or(u32::MAX)))
    }
}

/// A meter's intervals of one day of UTC.
impl GroupedKey for (MeterId, DeliveryInterval) {
    type Owner = MeterId;

    fn split(self) -> (MeterId, u64, u8) {
        let (meter, interval) = self;
        let (day, place) = part(interval.0, DeliveryInterval::PER_DAY);
        (meter, day, place)
    }

    fn join(meter: MeterId, day: u64, place: u8) -> Self {
        let interval = whole(day, place, DeliveryInterval::PER_DAY);
        (meter, DeliveryInterval(interval))
    }
}

/// [`OUTCOMES_TOGETHER`] events of a key that follow each other.
impl GroupedKey for (PublicKey, u64) {
    type Owner = PublicKey;

    fn split(self) -> (PublicKey, u64, u8) {
        let (key, sequence) = self;
        let (group, place) = part(sequence, OUTCOMES_TOGETHER);
        (key, group, place)
    }

    fn join(key: PublicKey, group: u64, place: u8) -> Self {
        (key, whole(group, place, OUTCOMES_TOGETHER))
    }
}

/// The day of UTC that an interval is in, counted from 1 January 1970.
pub fn day_of(interval: DeliveryInterval) -> u64 {
    interval.0 / DeliveryInterval::PER_DAY
}
