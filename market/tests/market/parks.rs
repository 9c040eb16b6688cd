//! Parks for tests: by hand, and at random.

use proptest::prelude::*;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::points::Points;
use wattle_market::settlement::{
    ConnectionEnergy, ForwardPosition, MeteredEnergy, ParkTerms, PointInput, PointTerms,
};
use wattle_market::units::{Money, Price, WattHours};

/// A park and its points, the arguments of a settlement.
#[derive(Clone, Debug)]
pub(crate) struct Park {
    pub(crate) terms: ParkTerms,
    pub(crate) points: Points<PointInput>,
}

/// A forward trade between two points named by their position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trade {
    pub(crate) seller: usize,
    pub(crate) buyer: usize,
    pub(crate) quantity: i64,
    pub(crate) price: i64,
}

/// An enrolled point without limits, trades or energy.
pub(crate) fn idle_point(building: u16, retail: i64) -> PointInput {
    PointInput {
        terms: PointTerms {
            building: BuildingId(building),
            retail: Price(retail),
            enrolled: true,
            ask_limit: Price(0),
            bid_limit: None,
        },
        position: ForwardPosition::default(),
        energy: MeteredEnergy {
            actual: true,
            ..MeteredEnergy::default()
        },
    }
}

/// Books a trade on both sides.
pub(crate) fn trade(points: &mut Points<PointInput>, trade: Trade) {
    let ids: Vec<PointId> = points.keys().copied().collect();
    let (seller, buyer) = (ids[trade.seller % ids.len()], ids[trade.buyer % ids.len()]);
    let cash = trade.quantity * trade.price;
    let position = &mut points.get_mut(&seller).unwrap().position;
    position.sold.0 += trade.quantity;
    position.cash.0 += cash;
    let position = &mut points.get_mut(&buyer).unwrap().position;
    position.bought.0 += trade.quantity;
    position.cash.0 -= cash;
}

/// Energies that are often nothing, often tiny (so that shares have remainders), sometimes large.
fn energy() -> impl Strategy<Value = WattHours> {
    prop_oneof![3 => Just(0), 4 => 0i64..8, 3 => 0i64..25_000].prop_map(WattHours)
}

/// A meter with its own load register, with a connection register that agrees with it, or with
/// one that is read at random and need not agree with anything.
fn metered() -> impl Strategy<Value = MeteredEnergy> {
    let registers = (energy(), energy(), energy(), energy());
    (
        registers,
        energy(),
        energy(),
        0..3u8,
        prop::bool::weighted(0.85),
    )
        .prop_map(
            |((generation, load, charge, discharge), import, export, form, actual)| {
                let net = generation.0 + discharge.0 - load.0 - charge.0;
                let agreeing = ConnectionEnergy {
                    import: WattHours(import.0 + (-net).max(0)),
                    export: WattHours(import.0 + net.max(0)),
                };
                let (connection, load) = match form {
                    0 => (None, load),
                    1 => (Some(agreeing), WattHours(0)),
                    _ => (Some(ConnectionEnergy { import, export }), WattHours(0)),
                };
                MeteredEnergy {
                    generation,
                    load,
                    charge,
                    discharge,
                    connection,
                    actual,
                }
            },
        )
}

/// Prices on a coarse grid, so that levels with several points in them are common.
fn price(steps: i64) -> impl Strategy<Value = Price> {
    (0..=steps).prop_map(|step| Price(step * 50_000 + step % 3))
}

fn point() -> impl Strategy<Value = PointInput> {
    let ask_limit = prop_oneof![3 => Just(Price(0)), 1 => price(20)];
    let bid_limit = prop::option::weighted(0.3, price(20));
    let terms = (
        0..3u16,
        price(20),
        prop::bool::weighted(0.8),
        ask_limit,
        bid_limit,
    );
    (terms, metered()).prop_map(
        |((building, retail, enrolled, ask_limit, bid_limit), energy)| {
            let building = BuildingId(building);
            let terms = PointTerms {
                building,
                retail,
                enrolled,
                ask_limit,
                bid_limit,
            };
            PointInput {
                terms,
                position: ForwardPosition::default(),
                energy,
            }
        },
    )
}

fn park_terms() -> impl Strategy<Value = ParkTerms> {
    (price(14), price(14), price(4)).prop_map(|(one, other, wheeling)| ParkTerms {
        feed_in: one.max(other),
        export: one.min(other),
        wheeling,
    })
}

/// A random park of 1 to 12 points without forward trades. Feed-in may exceed retail.
pub(crate) fn idle_park() -> impl Strategy<Value = Park> {
    (park_terms(), prop::collection::vec(point(), 1..=12)).prop_map(|(terms, points)| {
        let ids = (1..).map(PointId);
        Park {
            terms,
            points: ids.zip(points).collect(),
        }
    })
}

/// A random park with up to 20 forward trades, some of a point with itself.
pub(crate) fn trading_park() -> impl Strategy<Value = Park> {
    let quantity = prop_oneof![0i64..8, 0i64..25_000];
    let trade_of = (0..12usize, 0..12usize, quantity, 0i64..1_200_000);
    let trades = prop::collection::vec(trade_of, 0..20);
    (idle_park(), trades).prop_map(|(mut park, trades)| {
        for (seller, buyer, quantity, price) in trades {
            trade(
                &mut park.points,
                Trade {
                    seller,
                    buyer,
                    quantity,
                    price,
                },
            );
        }
        park
    })
}

/// Whole kilowatt-hours.
pub(crate) fn kwh(value: i64) -> WattHours {
    WattHours(value * 1_000)
}

/// Hundredths of a yuan.
pub(crate) fn fen(value: i64) -> Money {
    Money(value * Money::FEN.0)
}
