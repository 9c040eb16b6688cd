//! What a continuous market brought a point, taken apart.

use crate::it::continuous::{CAROL, add_carol, buy, change, immediate, sell, set_mode};
use crate::it::park::{ALICE, BOB, FIRST, Park, REGISTRAR};
use crate::it::trading::{open_of, place};
use wattle_ledger::derived::TradeRole;
use wattle_ledger::event::Action;
use wattle_ledger::hash::sha256;
use wattle_ledger::registration::MarketMode;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::explain::{Explanation, Fate, explain};
use wattle_market::point::PointId;
use wattle_market::units::{Price, WattHours};

/// Orders of every fate: used up after a change, cut short by a cancel of all, immediate with a
/// rest, resting at the gate.
fn settled() -> Park {
    let mut park = Park::peopled();
    add_carol(&mut park);
    let mode = set_mode(FIRST, MarketMode::Continuous);
    assert_eq!(park.submit(REGISTRAR, mode), [0]);
    let done = |park: &mut Park, author: u8, action: Action| {
        assert_eq!(park.submit(author, action), [0]);
    };
    done(&mut park, ALICE, place(sell(1, 1_000, 500_000)));
    done(&mut park, BOB, place(buy(2, 400, 500_000)));
    let own = open_of(&park, 1)[0].0;
    done(&mut park, ALICE, change(own, 500, 480_000));
    done(&mut park, BOB, immediate(buy(2, 300, 480_000), 300));
    done(&mut park, BOB, immediate(buy(2, 900, 480_000), 0));
    park.now = FIRST.firm_from();
    done(&mut park, BOB, place(buy(2, 70, 400_000)));
    let all = Action::CancelAll {
        point: None,
        interval: None,
    };
    done(&mut park, BOB, all);
    done(&mut park, BOB, place(buy(2, 60, 410_000)));
    done(&mut park, CAROL, immediate(sell(3, 10, 410_000), 10));
    park.advance_to(FIRST.gate_closure());
    park.read_all(FIRST, [0, 2_000, 2_000, 0]);
    park.advance_to(FIRST.settlement_due());
    park.advance_to(park.now.plus_millis(60_000));
    park
}

fn explained(park: &Park, point: u32) -> Explanation {
    let folder = tempfile::tempdir().unwrap();
    park.export(folder.path());
    let explained = explain(&Directory::new(folder.path()), PointId(point), FIRST).unwrap();
    assert_eq!(explained.differences, Vec::<String>::new());
    explained
}

#[test]
fn every_fill_and_every_fate_is_told_with_its_entry() {
    let park = settled();
    let of_bob = explained(&park, 2);
    assert!(of_bob.auction.is_none());
    let continuous = of_bob.continuous.unwrap();
    assert_eq!(continuous.trades, 4);
    assert_eq!(continuous.volume, WattHours(400 + 300 + 200 + 10));
    assert_eq!((continuous.bids, continuous.offers), (1, 0));
    let fates: Vec<_> = of_bob
        .orders
        .iter()
        .map(|order| {
            let fills: Vec<_> = order
                .fills
                .iter()
                .map(|fill| (fill.filled.0, fill.price.0, fill.role))
                .collect();
            (order.quantity.0, fills, order.fate)
        })
        .collect();
    let by = |place: usize| match fates[place].2 {
        Fate::Traded { by_entry } | Fate::Cancelled { by_entry } => by_entry,
        Fate::Closed { by_entry, .. } => by_entry,
        other => panic!("{other:?}"),
    };
    use TradeRole::{Maker, Taker};
    let expected = [
        (
            400,
            vec![(400, 500_000, Some(Taker))],
            Fate::Traded { by_entry: by(0) },
        ),
        (
            300,
            vec![(300, 480_000, Some(Taker))],
            Fate::Traded { by_entry: by(1) },
        ),
        (
            900,
            vec![(200, 480_000, Some(Taker))],
            Fate::Cancelled { by_entry: by(2) },
        ),
        (70, vec![], Fate::Cancelled { by_entry: by(3) }),
        (
            60,
            vec![(10, 410_000, Some(Maker))],
            Fate::Closed {
                by_entry: by(4),
                filled: WattHours(0),
                price: None,
            },
        ),
    ];
    assert_eq!(fates, expected);
    assert_eq!(of_bob.position.bought, WattHours(910));
    let of_alice = explained(&park, 1);
    let order = &of_alice.orders[0];
    assert_eq!((order.fills.len(), order.limit), (3, Price(480_000)));
    assert!(
        matches!(order.fate, Fate::Traded { .. }),
        "{:?}",
        order.fate
    );
    assert_eq!(of_alice.position.sold, WattHours(900));
}

/// FORMATS.md, section 11: a change here is a change of format.
#[test]
fn a_park_with_a_continuous_interval_has_this_root() {
    let park = settled();
    assert_eq!(park.ledger.size(), 79);
    assert_eq!(
        park.ledger.root().to_string(),
        "76a1b5ce54acdd1619d36401a57b8dc5b781f4df7702813baa54743967008c8e"
    );
    assert_eq!(
        sha256(&[park.leaves.last().unwrap()]).to_string(),
        "6d4488cb35c23b6682ca413b955dcb05fd88c8c06132c1d595f33fa139b021f8"
    );
}
