//! The joint auction: the intervals of a day cleared together, so that what only makes sense as a
//! whole can be traded as a whole.
//!
//! A *bundle* is a list of legs, each a quantity bought or sold in one interval, that are filled
//! all or not at all: a battery that buys at noon to sell in the evening, a rolling mill's heat.
//! It has no price for each leg but one *limit*: the least net cash of all its legs. Finding the
//! best set of bundles is a hard problem that nobody can follow by hand; this is a bounded loop
//! instead, which takes one bundle out a round.
//!
//! Within an interval, legs are price takers that go before every simple order. So that nobody
//! jumps the queue with a bundle, a leg is reckoned against the best order of its side that the
//! round leaves unfilled, where that is harder than the price. A bundle is paid the price, which
//! is never worse.
//!
//! A bundle that was taken out stays out, also where a later round would have had room for it:
//! rejected though profitable is allowed, and reported.

mod quarter;

use crate::auction::Quote;
use crate::interval::DeliveryInterval;
use crate::limits::{BUNDLE_ENERGY_MAX_WH, BUNDLE_LEGS_MAX, BUNDLES_MAX};
use crate::order::Side;
use crate::units::{Money, Price, WattHours};
use quarter::{Found, Quarter};
use std::collections::BTreeMap;

/// The simple orders of one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalOrders<K> {
    /// The interval.
    pub interval: DeliveryInterval,
    /// The price where no order pins one.
    pub neutral: Price,
    /// Orders to sell.
    pub asks: Vec<Quote<K>>,
    /// Orders to buy.
    pub bids: Vec<Quote<K>>,
}

/// What a bundle trades in one interval.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    bincode::Encode,
    bincode::Decode,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Leg {
    /// The interval.
    pub interval: DeliveryInterval,
    /// Bought or sold.
    pub side: Side,
    /// How much, above zero.
    pub quantity: WattHours,
}

/// Legs that are filled all or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle<B> {
    /// Names the bundle, and decides between equal losses.
    pub id: B,
    /// At most one in an interval.
    pub legs: Vec<Leg>,
    /// The least net cash of all legs: sales less purchases. Below zero: at most as much is paid.
    pub limit: Money,
}

/// What became of the orders of one interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntervalClearing<K> {
    /// The interval.
    pub interval: DeliveryInterval,
    /// The price of every fill and leg, or `None` if nothing traded.
    pub price: Option<Price>,
    /// What bundles are reckoned at: the price, or the neutral price if nothing traded.
    pub reckoned: Price,
    /// The energy that changed hands, legs included.
    pub volume: WattHours,
    /// What bundles sold of it.
    pub sold_in_bundles: WattHours,
    /// What bundles bought of it.
    pub bought_in_bundles: WattHours,
    /// What each ask sold, only above zero, sorted by key.
    pub asks: Vec<(K, WattHours)>,
    /// What each bid bought, only above zero, sorted by key.
    pub bids: Vec<(K, WattHours)>,
}

/// What became of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleClearing<B> {
    /// The bundle.
    pub id: B,
    /// Whether all its legs are filled. If not, none is.
    pub accepted: bool,
    /// Its net cash at the final prices; where an interval has none, at its neutral price.
    pub cash: Money,
    /// That less its limit. Above zero and not accepted: rejected though profitable.
    pub surplus: Money,
}

/// What a joint auction decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JointClearing<K, B> {
    /// Every interval, in order.
    pub intervals: Vec<IntervalClearing<K>>,
    /// Every bundle, by its id.
    pub bundles: Vec<BundleClearing<B>>,
    /// How often intervals were cleared: one more than bundles were taken out.
    pub rounds: usize,
}

/// Clears a day.
///
/// 1. Clear every interval with the legs of the bundles that are left.
/// 2. A bundle is *stuck* if it has a leg on a side of an interval whose legs cannot all be
///    filled. Its *loss* is its limit less its net cash, each leg reckoned at the price, or at the
///    limit of the best order of its side that is not filled whole, whichever is worse for it.
/// 3. If bundles are stuck, take out the one of them with the greatest loss, which may be below
///    zero. Otherwise, if bundles have a loss above zero, take out the one with the greatest. Of
///    equal losses that of the greatest id goes. Go to 1.
///
/// The price of an interval lies midway between the last filled limits of both sides, as in
/// [`clear`](crate::auction::clear). Where legs trade and no simple order of a side is filled,
/// the neutral price stands for its limit, or the other side's limit if that is beyond it.
///
/// The order in which any list stands has no influence.
///
/// # Panics
/// Where [`clear`](crate::auction::clear) does, and if the caller lets in what the ledger refuses:
/// more than [`BUNDLES_MAX`] bundles, two with one id, a bundle without legs or with more than
/// [`BUNDLE_LEGS_MAX`], or beyond [`BUNDLE_ENERGY_MAX_WH`], a leg of nothing, two in one interval,
/// or one in an interval that is not cleared, or two lists of orders for one interval.
pub fn clear_jointly<K: Ord + Clone, B: Ord + Clone>(
    orders: &[IntervalOrders<K>],
    bundles: &[Bundle<B>],
) -> JointClearing<K, B> {
    let mut quarters: BTreeMap<DeliveryInterval, Quarter<K>> = BTreeMap::new();
    for of_interval in orders {
        let twice = quarters.insert(of_interval.interval, Quarter::new(of_interval));
        assert!(twice.is_none(), "an interval's orders stand in one list");
    }
    let mut by_id: Vec<&Bundle<B>> = bundles.iter().collect();
    by_id.sort_by(|one, other| one.id.cmp(&other.id));
    check(&by_id);
    for leg in by_id.iter().flat_map(|bundle| &bundle.legs) {
        count(&mut quarters, leg, 1);
    }
    let mut found: BTreeMap<DeliveryInterval, Found> = quarters
        .iter()
        .map(|(interval, quarter)| (*interval, quarter.clear()))
        .collect();
    let mut left = by_id.clone();
    let mut rounds = 1;
    while let Some(worst) = worst(&left, &found) {
        let gone = left.remove(worst);
        for leg in &gone.legs {
            count(&mut quarters, leg, -1);
            // The others are as they were.
            found.insert(leg.interval, quarters[&leg.interval].clear());
        }
        rounds += 1;
    }
    let is_left = |id: &B| left.binary_search_by(|bundle| bundle.id.cmp(id)).is_ok();
    let price = |leg: &Leg| found[&leg.interval].reckoned;
    JointClearing {
        bundles: by_id
            .iter()
            .map(|bundle| {
                let cash = net_cash(bundle, price);
                BundleClearing {
                    id: bundle.id.clone(),
                    accepted: is_left(&bundle.id),
                    cash: money(cash),
                    surplus: money(cash - i128::from(bundle.limit.0)),
                }
            })
            .collect(),
        intervals: quarters
            .iter()
            .map(|(interval, quarter)| quarter.settle(&found[interval]))
            .collect(),
        rounds,
    }
}

fn check<B: Ord>(by_id: &[&Bundle<B>]) {
    assert!(
        by_id.len() <= BUNDLES_MAX,
        "a day has a bounded number of bundles"
    );
    assert!(
        by_id.windows(2).all(|pair| pair[0].id < pair[1].id),
        "a bundle has an id of its own"
    );
    for bundle in by_id {
        let legs = &bundle.legs;
        assert!(
            (1..=BUNDLE_LEGS_MAX).contains(&legs.len()),
            "a bundle has a leg, and not more than a day has intervals"
        );
        assert!(
            legs.iter().all(|leg| leg.quantity.0 > 0),
            "a leg trades something"
        );
        let mut intervals: Vec<DeliveryInterval> = legs.iter().map(|leg| leg.interval).collect();
        intervals.sort_unstable();
        assert!(
            intervals.windows(2).all(|pair| pair[0] < pair[1]),
            "a bundle has one leg in an interval"
        );
        let energy: i128 = legs.iter().map(|leg| i128::from(leg.quantity.0)).sum();
        assert!(
            energy <= i128::from(BUNDLE_ENERGY_MAX_WH),
            "limits bound the energy of a bundle"
        );
    }
}

/// Lets a leg into its interval, or takes it out.
fn count<K>(quarters: &mut BTreeMap<DeliveryInterval, Quarter<K>>, leg: &Leg, sign: i128) {
    let quarter = quarters
        .get_mut(&leg.interval)
        .expect("a bundle has legs only in intervals that are cleared");
    let energy = sign * i128::from(leg.quantity.0);
    match leg.side {
        Side::Sell => quarter.selling += energy,
        Side::Buy => quarter.buying += energy,
    }
}

fn net_cash<B>(bundle: &Bundle<B>, price: impl Fn(&Leg) -> Price) -> i128 {
    let cash = |leg: &Leg| {
        let amount = i128::from(leg.quantity.0) * i128::from(price(leg).0);
        match leg.side {
            Side::Sell => amount,
            Side::Buy => -amount,
        }
    };
    bundle.legs.iter().map(cash).sum()
}

fn money(amount: i128) -> Money {
    Money(i64::try_from(amount).expect("limits bound the cash of a bundle"))
}

/// Where the bundle stands that goes next, if one must.
fn worst<B: Ord>(left: &[&Bundle<B>], found: &BTreeMap<DeliveryInterval, Found>) -> Option<usize> {
    let ranked = left.iter().enumerate().map(|(place, bundle)| {
        let legs = &mut bundle.legs.iter();
        let stuck = legs.any(|leg| found[&leg.interval].stuck == Some(leg.side));
        let reckoned = net_cash(bundle, |leg| match leg.side {
            Side::Sell => found[&leg.interval].sale,
            Side::Buy => found[&leg.interval].purchase,
        });
        // They stand by id, so that of equal ones the later place is the greater id.
        (stuck, i128::from(bundle.limit.0) - reckoned, place)
    });
    let (stuck, loss, place) = ranked.max()?;
    (stuck || loss > 0).then_some(place)
}
