//! The continuous book against a reference, against what must hold whatever the reference says,
//! and by example.

mod keeper;
mod reference;

use std::collections::BTreeMap;

use proptest::prelude::*;
use reference::Reference;
use wattle_market::book::{
    Book, Event, Lifetime, NewOrder, ORDERS_MAX, OpenOrder, Refusal, SelfTrade,
};
use wattle_market::limits::{ENERGY_MAX_WH, PRICE_MAX};
use wattle_market::order::Side;
use wattle_market::units::{Price, WattHours};

/// One thing that a book is asked.
#[derive(Clone, Copy, Debug)]
enum Action {
    Submit(NewOrder),
    Cancel(u32),
    CancelAll(u32),
    Change(u32, Price, WattHours),
    Replace(u32, Price, WattHours),
}

fn perform(book: &mut Book, action: Action) -> Vec<Event> {
    let mut events = Vec::new();
    let mut sink = |event| events.push(event);
    match action {
        Action::Submit(order) => book.submit(&order, &mut sink),
        Action::Cancel(id) => book.cancel(id, &mut sink),
        Action::CancelAll(account) => book.cancel_all(account, &mut sink),
        Action::Change(id, price, quantity) => book.change(id, price, quantity, &mut sink),
        Action::Replace(id, price, quantity) => book.replace(id, price, quantity, &mut sink),
    }
    events
}

fn perform_by_reference(book: &mut Reference, action: Action) -> Vec<Event> {
    let mut events = Vec::new();
    match action {
        Action::Submit(order) => book.submit(&order, &mut events),
        Action::Cancel(id) => book.cancel(id, &mut events),
        Action::CancelAll(account) => book.cancel_all(account, &mut events),
        Action::Change(id, price, quantity) => {
            book.change((id, price, quantity), true, &mut events);
        }
        Action::Replace(id, price, quantity) => {
            book.change((id, price, quantity), false, &mut events);
        }
    }
    events
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Buy), Just(Side::Sell)]
}

/// How the numbers of actions are drawn: few, so that actions meet, or many, so that blocks of
/// levels are split, left vacant and swept.
#[derive(Clone, Copy, Debug)]
struct Range {
    ids: u32,
    id_step: u32,
    prices: i64,
    price_step: i64,
}

const NARROW: Range = Range {
    ids: 24,
    id_step: 1,
    prices: 8,
    price_step: 1,
};

const WIDE: Range = Range {
    ids: 700,
    id_step: 1 << 20,
    prices: 900,
    price_step: 997,
};

fn id(range: Range) -> impl Strategy<Value = u32> {
    (0..range.ids).prop_map(move |id| id.wrapping_mul(range.id_step))
}

/// Mostly in range, at times just beyond either end.
fn price(range: Range) -> impl Strategy<Value = Price> {
    prop_oneof![
        40 => (0..range.prices).prop_map(move |price| Price(price * range.price_step)),
        1 => prop_oneof![Just(Price(-1)), Just(Price(PRICE_MAX)), Just(Price(PRICE_MAX + 1))],
    ]
}

fn quantity() -> impl Strategy<Value = WattHours> {
    prop_oneof![
        40 => (1..=20i64).prop_map(WattHours),
        1 => prop_oneof![Just(0), Just(-1), Just(ENERGY_MAX_WH), Just(ENERGY_MAX_WH + 1)]
            .prop_map(WattHours),
    ]
}

fn new_order(range: Range) -> impl Strategy<Value = NewOrder> {
    let lifetime = prop_oneof![
        6 => Just(Lifetime::Resting),
        1 => Just(Lifetime::ImmediateOrCancel),
        1 => Just(Lifetime::FillOrKill),
    ];
    let minimum = prop_oneof![6 => Just(0), 2 => 1..=20i64, 1 => Just(-1)];
    let numbers = (id(range), 0..4u32, price(range), quantity(), minimum);
    (numbers, side(), lifetime).prop_map(|(numbers, side, lifetime)| {
        let (id, account, price, quantity, minimum) = numbers;
        NewOrder {
            id,
            account,
            side,
            price,
            quantity,
            lifetime,
            minimum: WattHours(minimum),
        }
    })
}

fn action(range: Range) -> impl Strategy<Value = Action> {
    let change = || (id(range), price(range), quantity());
    prop_oneof![
        50 => new_order(range).prop_map(Action::Submit),
        15 => id(range).prop_map(Action::Cancel),
        12 => change().prop_map(|(id, price, quantity)| Action::Change(id, price, quantity)),
        12 => change().prop_map(|(id, price, quantity)| Action::Replace(id, price, quantity)),
        1 => (0..4u32).prop_map(Action::CancelAll),
    ]
}

fn self_trade() -> impl Strategy<Value = SelfTrade> {
    prop_oneof![Just(SelfTrade::Refused), Just(SelfTrade::Allowed)]
}

/// A side's orders, first to be served first.
fn orders(book: &Book, side: Side) -> Vec<OpenOrder> {
    book.orders(side).collect()
}

fn check_against_reference(self_trade: SelfTrade, orders_max: u32, actions: &[Action]) {
    let mut book = Book::with_orders_max(self_trade, orders_max);
    let mut reference = Reference::new(self_trade, orders_max as usize);
    for action in actions {
        let events = perform(&mut book, *action);
        assert_eq!(
            events,
            perform_by_reference(&mut reference, *action),
            "{action:?}"
        );
    }
    for side in [Side::Buy, Side::Sell] {
        let expected = reference.orders(side);
        assert_eq!(orders(&book, side), expected);
        assert_eq!(book.best(side), expected.first().map(|order| order.price));
        for order in expected {
            assert_eq!(book.order(order.id), Some(order));
        }
    }
    let count = reference.orders(Side::Buy).len() + reference.orders(Side::Sell).len();
    assert_eq!((book.len(), book.is_empty()), (count, count == 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(768))]

    #[test]
    fn the_book_answers_as_the_reference_does(
        self_trade in self_trade(),
        orders_max in prop_oneof![Just(ORDERS_MAX), 1..12u32],
        actions in prop::collection::vec(action(NARROW), 0..150),
    ) {
        check_against_reference(self_trade, orders_max, &actions);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Levels left behind are swept, and cells of closed orders filled anew, many times over.
    #[test]
    fn a_market_that_wanders_off_leaves_nothing_behind(
        steps in prop::collection::vec((side(), 0..9i64, 1..=20i64, 0..60u32), 2_000..3_000),
    ) {
        let mut actions = Vec::new();
        for ((side, distance, quantity, back), id) in steps.into_iter().zip(1u32..) {
            let price = i64::from(id) * 5 + if side == Side::Buy { -distance } else { distance };
            let older = id.saturating_sub(back);
            let order = resting(id, side, price, quantity);
            actions.push(Action::Submit(NewOrder { account: id, ..order }));
            actions.push(match back % 3 {
                0 => Action::Cancel(older),
                1 => Action::Change(older, Price(price + 1), WattHours(quantity)),
                _ => Action::Cancel(id.saturating_sub(30)),
            });
        }
        check_against_reference(SelfTrade::Refused, ORDERS_MAX, &actions);
    }

    #[test]
    fn many_prices_and_scattered_ids_change_nothing(
        self_trade in self_trade(),
        actions in prop::collection::vec(action(WIDE), 1_000..2_500),
    ) {
        check_against_reference(self_trade, ORDERS_MAX, &actions);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn trades_keep_to_limits_and_priority_and_conserve_quantity(
        self_trade in self_trade(),
        actions in prop::collection::vec(action(NARROW), 0..150),
    ) {
        let mut book = Book::new(self_trade);
        for action in actions {
            let before = book.clone();
            let events = perform(&mut book, action);
            check_refusal(&before, &book, &events)?;
            check_fills(self_trade, (&before, &book), action, &events)?;
            if let (Some(bid), Some(offer)) = (book.best(Side::Buy), book.best(Side::Sell)) {
                prop_assert!(bid < offer, "the book is crossed: {} and {}", bid, offer);
            }
        }
    }
}

/// Whoever is refused has changed nothing.
fn check_refusal(before: &Book, book: &Book, events: &[Event]) -> Result<(), TestCaseError> {
    if let [Event::Refused { .. }] = events {
        for side in [Side::Buy, Side::Sell] {
            prop_assert_eq!(orders(before, side), orders(book, side));
        }
    }
    let refused = |event: &&Event| matches!(event, Event::Refused { .. });
    prop_assert!(events.len() == 1 || events.iter().find(refused).is_none());
    Ok(())
}

/// What must hold of the fills that one action causes, whoever computed them.
fn check_fills(
    self_trade: SelfTrade,
    (before, book): (&Book, &Book),
    action: Action,
    events: &[Event],
) -> Result<(), TestCaseError> {
    let (taker, side, account, limit, wanted) = match action {
        Action::Submit(order) => (
            order.id,
            order.side,
            order.account,
            order.price,
            order.quantity,
        ),
        Action::Change(id, price, quantity) | Action::Replace(id, price, quantity) => {
            let Some(order) = before.order(id) else {
                return Ok(());
            };
            (id, order.side, order.account, price, quantity)
        }
        Action::Cancel(_) | Action::CancelAll(_) => {
            let filled = |event: &Event| matches!(event, Event::Filled { .. });
            prop_assert!(!events.iter().any(filled), "a cancel trades nothing");
            return Ok(());
        }
    };
    let mut queue = orders(before, side.opposite()).into_iter();
    let mut given: BTreeMap<u32, i64> = BTreeMap::new();
    let mut last: Option<OpenOrder> = None;
    for event in events {
        let Event::Filled {
            maker,
            taker: by,
            price,
            quantity,
        } = *event
        else {
            continue;
        };
        prop_assert_eq!(by, taker);
        prop_assert!(quantity.0 > 0);
        match side {
            Side::Buy => prop_assert!(price <= limit),
            Side::Sell => prop_assert!(price >= limit),
        }
        // The makers are the first orders of the queue, none left out, each used up before the
        // next one's turn.
        if let Some(last) = last {
            prop_assert_eq!(given[&last.id], last.quantity.0);
        }
        let first = queue.next().unwrap();
        prop_assert_eq!((first.id, first.price), (maker, price));
        prop_assert!(first.account != account || self_trade == SelfTrade::Allowed);
        given.insert(maker, quantity.0);
        last = Some(first);
    }
    for (maker, quantity) in &given {
        let open = |book: &Book| book.order(*maker).map_or(0, |order| order.quantity.0);
        prop_assert_eq!(open(before) - open(book), *quantity);
    }
    // What the taker wanted was filled, rests, was cancelled or never was.
    let is_refused = matches!(events, [Event::Refused { .. }]);
    let rests = book.order(taker).map_or(0, |order| order.quantity.0);
    let cancelled = events.iter().map(|event| match event {
        Event::Cancelled { quantity, .. } => quantity.0,
        _ => 0,
    });
    if !is_refused {
        let sum = given.values().sum::<i64>() + rests + cancelled.sum::<i64>();
        prop_assert_eq!(sum, wanted.0);
    }
    Ok(())
}

/// An order of account 9.
fn resting(id: u32, side: Side, price: i64, quantity: i64) -> NewOrder {
    NewOrder {
        id,
        account: 9,
        side,
        price: Price(price),
        quantity: WattHours(quantity),
        lifetime: Lifetime::Resting,
        minimum: WattHours::ZERO,
    }
}

/// Submits an order of an account of its own.
fn submit(book: &mut Book, order: NewOrder) -> Vec<Event> {
    let account = order.id;
    perform(book, Action::Submit(NewOrder { account, ..order }))
}

fn filled(maker: u32, taker: u32, price: i64, quantity: i64) -> Event {
    Event::Filled {
        maker,
        taker,
        price: Price(price),
        quantity: WattHours(quantity),
    }
}

fn refused(id: u32, refusal: Refusal) -> [Event; 1] {
    [Event::Refused { id, refusal }]
}

#[test]
fn better_prices_trade_first_then_older_orders_at_the_resting_price() {
    let mut book = Book::new(SelfTrade::Refused);
    for (id, price) in [(1, 50), (2, 40), (3, 40)] {
        submit(&mut book, resting(id, Side::Sell, price, 10));
    }
    let events = submit(&mut book, resting(4, Side::Buy, 60, 25));
    let fills = [
        filled(2, 4, 40, 10),
        filled(3, 4, 40, 10),
        filled(1, 4, 50, 5),
    ];
    assert_eq!(events[0], Event::Accepted { id: 4 });
    assert_eq!(events[1..], fills);
    assert_eq!(book.order(1).unwrap().quantity, WattHours(5));
}

#[test]
fn a_sweep_stops_at_the_limit() {
    // The case by which a published engine was found to trade beyond limits.
    let mut book = Book::new(SelfTrade::Refused);
    submit(&mut book, resting(1, Side::Buy, 1_888, 200));
    submit(&mut book, resting(2, Side::Buy, 1_886, 1_000));
    let events = submit(&mut book, resting(3, Side::Sell, 1_888, 400));
    assert_eq!(events[1..], [filled(1, 3, 1_888, 200)]);
    assert_eq!(book.best(Side::Sell), Some(Price(1_888)));
}

#[test]
fn less_at_the_same_price_keeps_the_place_and_more_loses_it() {
    let next = |quantity: i64| {
        let mut book = Book::new(SelfTrade::Refused);
        submit(&mut book, resting(1, Side::Sell, 40, 10));
        submit(&mut book, resting(2, Side::Sell, 40, 10));
        let events = perform(&mut book, Action::Change(1, Price(40), WattHours(quantity)));
        let Event::Changed { kept_priority, .. } = events[0] else {
            panic!("changed: {events:?}");
        };
        (kept_priority, book.orders(Side::Sell).next().unwrap().id)
    };
    assert_eq!(next(4), (true, 1));
    assert_eq!(next(10), (true, 1));
    assert_eq!(next(11), (false, 2));
}

#[test]
fn an_order_changed_to_another_price_may_trade_at_once() {
    let mut book = Book::new(SelfTrade::Refused);
    submit(&mut book, resting(1, Side::Sell, 40, 10));
    submit(&mut book, resting(2, Side::Buy, 30, 10));
    let events = perform(&mut book, Action::Change(2, Price(45), WattHours(12)));
    assert_eq!(events[1..], [filled(1, 2, 40, 10)]);
    assert_eq!(book.order(2).unwrap().quantity, WattHours(2));
}

#[test]
fn own_orders_never_meet_and_a_refusal_changes_nothing() {
    let mut book = Book::new(SelfTrade::Refused);
    submit(&mut book, resting(1, Side::Sell, 40, 10));
    perform(&mut book, Action::Submit(resting(2, Side::Sell, 41, 10)));
    let events = perform(&mut book, Action::Submit(resting(3, Side::Buy, 41, 11)));
    assert_eq!(events, refused(3, Refusal::SelfTrade));
    assert_eq!(book.order(1).unwrap().quantity, WattHours(10));
    // Used up before its own order's turn, it trades.
    let events = perform(&mut book, Action::Submit(resting(3, Side::Buy, 41, 10)));
    assert_eq!(events[1..], [filled(1, 3, 40, 10)]);
}

#[test]
fn fill_or_kill_and_minimum_are_decided_before_anything_trades() {
    let mut book = Book::new(SelfTrade::Refused);
    submit(&mut book, resting(1, Side::Sell, 40, 10));
    let lifetime = Lifetime::FillOrKill;
    let whole = NewOrder {
        lifetime,
        ..resting(2, Side::Buy, 40, 11)
    };
    assert_eq!(submit(&mut book, whole), refused(2, Refusal::MinimumNotMet));
    let minimum = WattHours(11);
    let least = NewOrder {
        minimum,
        ..resting(2, Side::Buy, 40, 12)
    };
    assert_eq!(submit(&mut book, least), refused(2, Refusal::MinimumNotMet));
    assert_eq!(book.order(1).unwrap().quantity, WattHours(10));

    let minimum = WattHours(10);
    let least = NewOrder { minimum, ..least };
    assert_eq!(submit(&mut book, least)[1..], [filled(1, 2, 40, 10)]);
    assert_eq!(book.order(2).unwrap().quantity, WattHours(2));
}

#[test]
fn what_an_immediate_order_leaves_is_cancelled() {
    let mut book = Book::new(SelfTrade::Refused);
    submit(&mut book, resting(1, Side::Sell, 40, 10));
    let lifetime = Lifetime::ImmediateOrCancel;
    let order = NewOrder {
        lifetime,
        ..resting(2, Side::Buy, 40, 15)
    };
    let (id, quantity) = (2, WattHours(5));
    let rest = Event::Cancelled { id, quantity };
    assert_eq!(submit(&mut book, order)[1..], [filled(1, 2, 40, 10), rest]);
    assert!(book.is_empty());
}

#[test]
fn a_full_book_refuses_what_might_rest_and_serves_the_others() {
    let mut book = Book::with_orders_max(SelfTrade::Refused, 1);
    submit(&mut book, resting(1, Side::Sell, 40, 10));
    let order = resting(2, Side::Buy, 40, 10);
    assert_eq!(submit(&mut book, order), refused(2, Refusal::BookFull));
    let lifetime = Lifetime::ImmediateOrCancel;
    let events = submit(&mut book, NewOrder { lifetime, ..order });
    assert_eq!(events[1..], [filled(1, 2, 40, 10)]);
}

#[test]
fn an_id_is_free_again_once_its_order_is_closed() {
    let mut book = Book::new(SelfTrade::Refused);
    submit(&mut book, resting(1, Side::Sell, 40, 10));
    let duplicate = submit(&mut book, resting(1, Side::Buy, 30, 1));
    assert_eq!(duplicate, refused(1, Refusal::DuplicateId));
    perform(&mut book, Action::Cancel(1));
    assert_eq!(
        perform(&mut book, Action::Cancel(1)),
        refused(1, Refusal::UnknownOrder)
    );
    assert_eq!(
        submit(&mut book, resting(1, Side::Buy, 30, 1)),
        [Event::Accepted { id: 1 }]
    );
    assert_eq!(book.order(1).unwrap().side, Side::Buy);
}

#[test]
fn cancel_all_closes_one_accounts_orders_in_the_order_of_ids() {
    let mut book = Book::new(SelfTrade::Refused);
    for (id, side, price) in [(5, Side::Sell, 40), (2, Side::Buy, 30), (7, Side::Sell, 41)] {
        perform(&mut book, Action::Submit(resting(id, side, price, 10)));
    }
    submit(&mut book, resting(1, Side::Buy, 30, 10));
    let quantity = WattHours(10);
    let cancelled = [2, 5, 7].map(|id| Event::Cancelled { id, quantity });
    assert_eq!(perform(&mut book, Action::CancelAll(9)), cancelled);
    assert_eq!((book.len(), book.best(Side::Buy)), (1, Some(Price(30))));
}

#[test]
fn a_large_book_holds_an_order_in_64_bytes() {
    let mut book = Book::new(SelfTrade::Refused);
    for id in 0..100_000u32 {
        let price = i64::from(id * 7_919 % 1_000);
        let (side, price) = if id % 2 == 0 {
            (Side::Buy, price)
        } else {
            (Side::Sell, price + 1_000)
        };
        submit(&mut book, resting(id, side, price, 10));
        // At any size, also just after its tables have grown.
        assert!(
            id < 10_000 || book.bytes() <= 64 * book.len(),
            "{} at {id}",
            book.bytes()
        );
    }
    assert_eq!(book.len(), 100_000);
}
