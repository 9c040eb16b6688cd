//! Steps 3 to 5: the surplus pool, what it leaves over, and what flows within the park.

use super::{ParkTerms, ParkTotals, PointInput, PointSettlement, Settlement, Tranches, energy};
use crate::auction::{Quote, clear};
use crate::points::Points;
use crate::units::{Money, Price, WattHours};

/// A tranche as the second part of a pool quote's key. The order is that of SETTLEMENT.md's
/// table, and decides ties within a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tranche {
    Green,
    Other,
    Long,
    Need,
    Short,
}

/// A point's place, which ascends as points do, and its tranche.
type Key = (usize, Tranche);

impl Tranches {
    fn of_mut(&mut self, tranche: Tranche) -> &mut WattHours {
        match tranche {
            Tranche::Green => &mut self.green,
            Tranche::Other => &mut self.other,
            Tranche::Long => &mut self.long,
            Tranche::Need => &mut self.need,
            Tranche::Short => &mut self.short,
        }
    }
}

/// Runs steps 1 to 5. Certificates, postings and money are still empty in the answer.
pub(super) fn run(park: &ParkTerms, points: &Points<PointInput>) -> Settlement {
    let retail = || points.values().map(|input| input.terms.retail);
    let shortfall_price = park.shortfall_price(retail());
    let excess_price = park.excess_price(retail());

    let mut settled = points.map(energy::measure);
    let (asks, bids) = quotes(park, points, &settled, shortfall_price, excess_price);
    let clearing = clear(&asks, &bids);
    for ((place, tranche), quantity) in clearing.asks.into_iter().chain(clearing.bids) {
        let settlement = settled.at_mut(place);
        *settlement.pool.of_mut(tranche) = quantity;
        settlement.unmatched.of_mut(tranche).0 -= quantity.0;
    }

    let mut totals = ParkTotals {
        shortfall_price,
        excess_price,
        ..ParkTotals::default()
    };
    for settlement in settled.values_mut() {
        flow(park, settlement, &mut totals);
    }
    Settlement {
        pool_price: clearing.price,
        pool_volume: clearing.volume,
        points: settled,
        postings: Vec::new(),
        transfers: Vec::new(),
        totals,
    }
}

/// What the enrolled points ask and bid (step 3). Each limit is the grid-alone price of the
/// tranche or the point's own, whichever is better for the point, so that a fill never leaves it
/// worse off; a need's is less by the wheeling, which comes on top of the market price.
fn quotes(
    park: &ParkTerms,
    points: &Points<PointInput>,
    settled: &Points<PointSettlement>,
    shortfall_price: Price,
    excess_price: Price,
) -> (Vec<Quote<Key>>, Vec<Quote<Key>>) {
    let (mut asks, mut bids) = (Vec::new(), Vec::new());
    let is_something = |quote: &Quote<Key>| quote.quantity.0 > 0;
    let both = points.values().zip(settled.values()).enumerate();
    for (place, (input, settled)) in both.filter(|(_, (input, _))| input.terms.enrolled) {
        let (terms, tranches) = (&input.terms, &settled.tranches);
        let ask = |tranche, quantity, alone: Price| Quote {
            key: (place, tranche),
            quantity,
            limit: alone.max(terms.ask_limit),
        };
        let bid = |tranche, quantity, alone: Price, wheeling: Price| Quote {
            key: (place, tranche),
            quantity,
            limit: Price(terms.bid_limit.map_or(alone, |limit| alone.min(limit)).0 - wheeling.0),
        };
        let asked = [
            ask(Tranche::Green, tranches.green, park.feed_in),
            ask(Tranche::Other, tranches.other, park.export),
            ask(Tranche::Long, tranches.long, excess_price),
        ];
        let (need, short) = (tranches.need, tranches.short);
        let bidden = [
            bid(Tranche::Need, need, terms.retail, park.wheeling),
            bid(Tranche::Short, short, shortfall_price, Price::ZERO),
        ];
        asks.extend(asked.into_iter().filter(is_something));
        bids.extend(bidden.into_iter().filter(is_something));
    }
    (asks, bids)
}

/// Step 5 for one point, added to the totals of the park.
fn flow(park: &ParkTerms, settlement: &mut PointSettlement, totals: &mut ParkTotals) {
    let unmatched = settlement.unmatched;
    let received = settlement.need.0 - unmatched.need.0;
    settlement.received = WattHours(received);
    settlement.pool_intake = WattHours(received - settlement.forward_intake.0);
    // received ≤ n ≤ 2³¹ Wh and w ≤ 10⁸: the stamp fits.
    settlement.wheeling = Money(received * park.wheeling.0);
    totals.received.0 += received;
    totals.delivered.0 += settlement.surplus.0 - unmatched.green.0 - unmatched.other.0;
    totals.long.0 += unmatched.long.0;
    totals.short.0 += unmatched.short.0;
}
