//! Moving out and moving in: points that end, meters that go to another point.

use crate::it::park::{ALICE, BOB, Park, REGISTRAR, key, order, point};
use crate::it::runs::{LAST_HOUR, catch_up, due, facts, park, read, refused, trade};
use proptest::prelude::*;
use std::collections::BTreeMap;
use wattle_ledger::derived::Fact;
use wattle_ledger::event::{Action, OrderItem};
use wattle_ledger::log::policy::Policy;
use wattle_ledger::registration::{
    Meter, MeterId, MeterKind, Participant, ParticipantId, Point, Role,
};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::WattHours;

const CAROL: u8 = 12;
/// Bob's load meter and his roof.
const BOBS: [MeterId; 2] = [MeterId(3), MeterId(4)];

fn at(step: u64) -> DeliveryInterval {
    LAST_HOUR.plus(step)
}

fn end(id: u32, from: DeliveryInterval) -> Action {
    let point = PointId(id);
    Action::EndPoint { point, from }
}

fn assign(meter: MeterId, id: u32, from: DeliveryInterval) -> Action {
    let point = PointId(id);
    Action::AssignMeter { meter, point, from }
}

fn submit(park: &mut Park, action: Action) {
    assert_eq!(park.submit(REGISTRAR, action.clone()), [0], "{action:?}");
}

/// Registers Carol with a point of her own in Bob's building.
fn register_carol(park: &mut Park, from: DeliveryInterval) {
    let carol = Participant {
        id: ParticipantId(3),
        name: "carol".to_owned(),
    };
    submit(park, Action::RegisterParticipant(carol));
    let (key, role) = (key(CAROL).public(), Role::Tenant(ParticipantId(3)));
    submit(park, Action::AddKey { key, role });
    submit(park, Action::RegisterPoint(Point { from, ..point(3) }));
}

/// A park in which Carol follows Bob from the third interval on.
fn handed_over(from: DeliveryInterval) -> Park {
    let mut park = park();
    register_carol(&mut park, from);
    submit(&mut park, end(2, from));
    for meter in BOBS {
        submit(&mut park, assign(meter, 3, from));
    }
    park
}

/// Load of each point and interval, as settled.
fn loads(park: &Park) -> BTreeMap<(DeliveryInterval, PointId), i64> {
    let settled = facts(park).into_iter().filter_map(|fact| match fact {
        Fact::PointSettled {
            interval,
            point,
            line,
            ..
        }
        | Fact::PointAdjusted {
            interval,
            point,
            line,
            ..
        } if interval < at(4) => Some(((interval, point), line.load.0)),
        _ => None,
    });
    settled.collect()
}

fn item(id: u32, side: Side, interval: DeliveryInterval) -> Action {
    let item = order(id, side, 1_000, 500_000);
    Action::PlaceOrders(vec![OrderItem { interval, ..item }])
}

#[test]
fn who_moves_in_is_settled_on_the_same_meter_from_his_first_interval_on() {
    let mut park = handed_over(at(2));
    trade(&mut park, at(1), 2_000);
    for step in 0..4 {
        park.advance_to(at(step).end());
        let load = (i64::try_from(step).unwrap() + 1) * 1_000;
        assert_eq!(read(&mut park, 2, at(step), load), [0]);
        assert_eq!(read(&mut park, 3, at(step), load / 2), [0]);
    }
    catch_up(&mut park, at(8).settlement_due());
    let loads = loads(&park);
    for (step, id) in [(0, 2), (1, 2), (2, 3), (3, 3)] {
        assert_eq!(loads[&(at(step), PointId(id))], 1_000);
        assert!(
            !loads.contains_key(&(at(step), PointId(5 - id))),
            "one tenant at a time"
        );
    }
    let state = park.ledger.state();
    assert!(state.certificates.get(at(1), PointId(2)).is_some());
    assert!(state.certificates.get(at(2), PointId(2)).is_none());
    assert!(state.certificates.get(at(2), PointId(3)).is_some());
    catch_up(&mut park, due());
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy::parse(&park.export(folder.path())).unwrap();
    let report = verify(&Directory::new(folder.path()), &policy, &mut |_| {});
    assert!(report.is_ok(), "{:#?}", report.claims);
}

#[test]
fn orders_are_taken_up_to_the_end_and_from_the_beginning_on() {
    let mut park = handed_over(at(2));
    assert_eq!(park.submit(BOB, item(2, Side::Buy, at(1))), [0]);
    assert_eq!(
        park.submit(BOB, item(2, Side::Buy, at(2))),
        refused(Rejection::PointEnded)
    );
    assert_eq!(
        park.submit(BOB, item(3, Side::Buy, at(2))),
        refused(Rejection::NotYourPoint)
    );
    assert_eq!(
        park.submit(CAROL, item(3, Side::Buy, at(1))),
        refused(Rejection::PointNotActive)
    );
}

#[test]
fn a_point_does_not_end_before_its_orders_and_trades_do() {
    let mut park = park();
    assert_eq!(park.submit(BOB, item(2, Side::Buy, at(2))), [0]);
    let committed = refused(Rejection::PointCommitted);
    assert_eq!(park.submit(REGISTRAR, end(2, at(1))), committed);
    assert_eq!(park.submit(REGISTRAR, end(2, at(2))), committed);
    assert_eq!(park.submit(REGISTRAR, end(2, at(3))), [0]);
    assert_eq!(park.submit(REGISTRAR, end(2, at(2))), committed);
    assert_eq!(
        park.submit(ALICE, item(1, Side::Sell, at(2))),
        [0],
        "other points go on"
    );
}

#[test]
fn ends_and_assignments_that_do_not_fit_are_refused() {
    let mut park = park();
    register_carol(&mut park, at(1));
    assert_eq!(
        park.submit(BOB, end(2, at(3))),
        refused(Rejection::NotAllowed)
    );
    assert_eq!(
        park.submit(REGISTRAR, end(9, at(3))),
        refused(Rejection::UnknownPoint)
    );
    assert_eq!(
        park.submit(REGISTRAR, end(3, at(0))),
        refused(Rejection::PointNotActive)
    );
    assert_eq!(
        park.submit(REGISTRAR, end(2, at(0).minus(1))),
        refused(Rejection::GateClosed)
    );
    let cases = [
        (assign(MeterId(9), 3, at(3)), Rejection::UnknownMeter),
        (assign(BOBS[0], 9, at(3)), Rejection::UnknownPoint),
        (assign(BOBS[0], 3, at(0).minus(1)), Rejection::GateClosed),
        (assign(BOBS[0], 1, at(3)), Rejection::MeterKindTaken),
        (assign(BOBS[0], 3, at(3)), Rejection::PointNotEnded),
    ];
    for (action, expected) in cases {
        assert_eq!(
            park.submit(REGISTRAR, action.clone()),
            refused(expected),
            "{action:?}"
        );
    }
    // A roof may go to a neighbor while its point goes on.
    submit(&mut park, assign(BOBS[1], 3, at(3)));
    assert_eq!(
        park.submit(REGISTRAR, assign(BOBS[1], 3, at(2))),
        refused(Rejection::LaterAssignment)
    );
    submit(&mut park, end(2, at(3)));
    assert_eq!(
        park.submit(REGISTRAR, end(2, at(4))),
        refused(Rejection::PointEnded),
        "an end is not put off: its meters may be gone"
    );
    submit(&mut park, assign(BOBS[0], 3, at(3)));
    let ended = refused(Rejection::PointEnded);
    assert_eq!(park.submit(REGISTRAR, assign(BOBS[0], 2, at(4))), ended);
    let new = |point, kind, from| {
        Action::RegisterMeter(Meter {
            id: MeterId(9),
            point: PointId(point),
            kind,
            key: key(99).public(),
            from,
            register: WattHours(0),
            rated_w: 1,
        })
    };
    let taken = refused(Rejection::MeterKindTaken);
    let load = MeterKind::Load;
    assert_eq!(park.submit(REGISTRAR, new(2, load, at(3))), ended);
    assert_eq!(
        park.submit(REGISTRAR, new(2, load, at(2))),
        taken,
        "until the end it is Bob's"
    );
    assert_eq!(
        park.submit(REGISTRAR, new(3, load, at(2))),
        taken,
        "later it is Carol's"
    );
    let import = new(3, MeterKind::Import, at(3));
    assert_eq!(
        park.submit(REGISTRAR, import),
        refused(Rejection::MeteringMismatch)
    );
    park.now = at(3).gate_closure();
    assert_eq!(
        park.submit(REGISTRAR, end(1, at(3))),
        refused(Rejection::GateClosed)
    );
}

#[test]
fn an_ended_point_sets_no_price_any_more() {
    let mut park = park();
    let tariff = wattle_ledger::registration::TariffId(7);
    let dear = wattle_market::units::Price(5_000_000);
    let prices = wattle_market::tariff::Tariff::uniform(dear);
    submit(
        &mut park,
        Action::SetTariff {
            tariff,
            from: at(0),
            prices,
        },
    );
    let from = at(0);
    let participant = ParticipantId(2);
    submit(
        &mut park,
        Action::RegisterPoint(Point {
            tariff,
            from,
            participant,
            ..point(4)
        }),
    );
    submit(&mut park, end(4, at(2)));
    let registry = &park.ledger.state().registry;
    assert_eq!(registry.shortfall_price(at(1)), dear);
    assert_eq!(registry.shortfall_price(at(2)).0, 800_000);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Both tenants' loads are what the meter counted, wherever registers lack in between.
    #[test]
    fn a_handover_loses_nothing_of_what_the_meter_counted(
        energies in prop::collection::vec(0i64..8_000, 4),
        present in prop::collection::vec(any::<bool>(), 3),
        handover in 0u64..5,
    ) {
        let mut park = handed_over(at(handover));
        park.advance_to(at(3).end());
        let mut register = 0;
        for (step, energy) in energies.iter().enumerate() {
            register += energy;
            if step == 3 || present[step] {
                prop_assert_eq!(read(&mut park, 2, at(step as u64), register), vec![0]);
            }
        }
        catch_up(&mut park, at(4).settlement_due());
        let loads = loads(&park);
        let mut total = 0;
        for step in 0..4 {
            let tenant = if step < handover { 2 } else { 3 };
            prop_assert!(!loads.contains_key(&(at(step), PointId(5 - tenant))));
            total += loads[&(at(step), PointId(tenant))];
        }
        prop_assert_eq!(total, register);
    }
}
