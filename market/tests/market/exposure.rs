//! However orders are placed, filled and taken back, a point stays within what it can move.

use proptest::prelude::*;
use wattle_market::exposure::{check, energy_per_interval};
use wattle_market::order::Side;
use wattle_market::settlement::ForwardPosition;
use wattle_market::units::WattHours;

#[derive(Debug, Clone)]
enum Step {
    Place(Side, i64),
    Fill(usize, i64),
    Cancel(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let side = prop_oneof![Just(Side::Buy), Just(Side::Sell)];
    prop_oneof![
        3 => (side, 1i64..40).prop_map(|(side, quantity)| Step::Place(side, quantity)),
        3 => (0usize..8, 1i64..40).prop_map(|(at, quantity)| Step::Fill(at, quantity)),
        1 => (0usize..8).prop_map(Step::Cancel),
    ]
}

fn capacity(side: Side) -> u32 {
    match side {
        Side::Sell => 200,
        Side::Buy => 120,
    }
}

proptest! {
    #[test]
    fn no_course_of_fills_leaves_the_capacity(steps in prop::collection::vec(step(), 1..60)) {
        let mut traded = ForwardPosition::default();
        let mut open: Vec<(Side, i64)> = Vec::new();
        for step in steps {
            match step {
                Step::Place(side, quantity) => {
                    let same = open.iter().filter(|order| order.0 == side);
                    let sum = quantity + same.map(|order| order.1).sum::<i64>();
                    if check(&traded, side, WattHours(sum), capacity(side)).is_ok() {
                        open.push((side, quantity));
                    }
                }
                Step::Fill(at, quantity) if !open.is_empty() => {
                    let at = at % open.len();
                    let filled = quantity.min(open[at].1);
                    match open[at].0 {
                        Side::Sell => traded.sold.0 += filled,
                        Side::Buy => traded.bought.0 += filled,
                    }
                    open[at].1 -= filled;
                    open.retain(|order| order.1 > 0);
                }
                Step::Cancel(at) if !open.is_empty() => {
                    open.remove(at % open.len());
                }
                Step::Fill(..) | Step::Cancel(_) => {}
            }
            let net = traded.sold.0 - traded.bought.0;
            prop_assert!(net <= energy_per_interval(capacity(Side::Sell)).0);
            prop_assert!(-net <= energy_per_interval(capacity(Side::Buy)).0);
        }
    }
}
