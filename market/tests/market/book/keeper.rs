//! A book whose orders are kept elsewhere: asked before, and built again from what is kept.

use super::{Action, NARROW, action, orders, perform, perform_by_reference, resting, self_trade};
use super::{Reference, submit};
use proptest::prelude::*;
use wattle_market::book::{Book, Event, OpenOrder, Refusal, SelfTrade};
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

/// The refusal that a book foresees.
fn foreseen(book: &Book, action: Action) -> Option<Refusal> {
    match action {
        Action::Submit(order) => book.judge(&order).err(),
        Action::Change(id, price, quantity) => book.judge_change(id, price, quantity).err(),
        Action::Cancel(_) | Action::CancelAll(_) | Action::Replace(..) => None,
    }
}

fn rebuilt(book: &Book, self_trade: SelfTrade, orders_max: u32) -> Book {
    let mut again = Book::with_orders_max(self_trade, orders_max);
    for side in [Side::Sell, Side::Buy] {
        for order in orders(book, side) {
            assert_eq!(again.restore(&order), Ok(()));
        }
    }
    again
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_book_built_again_goes_on_as_the_reference_does(
        self_trade in self_trade(),
        orders_max in prop_oneof![Just(1_000u32), 1..12u32],
        actions in prop::collection::vec((action(NARROW), 0..4u8), 0..150),
    ) {
        let mut book = Book::with_orders_max(self_trade, orders_max);
        let mut reference = Reference::new(self_trade, orders_max as usize);
        for (action, chance) in actions {
            if chance == 0 {
                book = rebuilt(&book, self_trade, orders_max);
            }
            let foreseen = foreseen(&book, action);
            let events = perform(&mut book, action);
            prop_assert_eq!(&events, &perform_by_reference(&mut reference, action));
            let refused = match events[..] {
                [Event::Refused { refusal, .. }] => Some(refusal),
                _ => None,
            };
            if matches!(action, Action::Submit(_) | Action::Change(..)) {
                prop_assert_eq!(foreseen, refused);
            }
        }
        for side in [Side::Buy, Side::Sell] {
            prop_assert_eq!(orders(&book, side), reference.orders(side));
        }
    }
}

#[test]
fn restored_orders_that_cross_wait_for_an_order_that_comes_in() {
    let open = |id, side, price| OpenOrder {
        id,
        account: id,
        side,
        price: Price(price),
        quantity: WattHours(10),
    };
    let mut book = Book::new(SelfTrade::Refused);
    assert_eq!(book.restore(&open(1, Side::Sell, 5)), Ok(()));
    assert_eq!(book.restore(&open(2, Side::Buy, 7)), Ok(()));
    let again = book.restore(&open(2, Side::Buy, 7));
    assert_eq!(again, Err(Refusal::DuplicateId));
    assert_eq!(book.len(), 2, "nothing traded");
    let events = submit(&mut book, resting(3, Side::Buy, 6, 4));
    let filled = Event::Filled {
        maker: 1,
        taker: 3,
        price: Price(5),
        quantity: WattHours(4),
    };
    assert_eq!(events, [Event::Accepted { id: 3 }, filled]);
}

#[test]
fn a_book_restores_no_more_than_it_holds() {
    let mut book = Book::with_orders_max(SelfTrade::Refused, 1);
    let order = |id, price, quantity| OpenOrder {
        id,
        account: 1,
        side: Side::Sell,
        price: Price(price),
        quantity: WattHours(quantity),
    };
    let refused = [
        (order(1, -1, 1), Refusal::PriceOutOfRange),
        (order(1, 1, 0), Refusal::QuantityOutOfRange),
    ];
    for (order, expected) in refused {
        assert_eq!(book.restore(&order), Err(expected));
    }
    assert_eq!(book.restore(&order(1, 1, 1)), Ok(()));
    assert_eq!(book.restore(&order(2, 1, 1)), Err(Refusal::BookFull));
}
