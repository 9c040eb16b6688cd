//! A month's close: boundary and losses, invoices, the utility's bill, defaults.

use crate::it::park::{ALICE, BOB, Park, REGISTRAR, TREASURER, key, order};
use crate::it::runs::{LAST_HOUR, activate, catch_up, due, facts, month, refused, total, trade};
use proptest::prelude::*;
use std::collections::BTreeMap;
use wattle_ledger::billing::{MonthCloseTerms, UtilityBill};
use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{Action, Reading};
use wattle_ledger::journal::AccountId;
use wattle_ledger::registration::{BoundaryMeter, MeterId, MeterKind, ParticipantId, RuleSet};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;
use wattle_market::interval::{DeliveryInterval, LocalMonth};
use wattle_market::invoice::MonthPrices;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::PostingKind;
use wattle_market::units::{Money, WattHours};

const JULY: LocalMonth = LocalMonth(2026 * 12 + 6);
const JUNE: LocalMonth = LocalMonth(JULY.0 - 1);
const YUAN: i64 = Money::YUAN.0;
/// Signs for the boundary's import and export.
const BOUNDARY: [u8; 2] = [40, 41];
const OWNER: ParticipantId = ParticipantId(1);

fn terms() -> MonthCloseTerms {
    MonthCloseTerms {
        prices: MonthPrices {
            demand: 40_000_000,
            fee: Money(100 * YUAN),
            vat_basis_points: 1_300,
        },
        residue_owner: OWNER,
    }
}

fn boundary_meter(place: usize) -> BoundaryMeter {
    BoundaryMeter {
        id: MeterId(100 + u32::try_from(place).unwrap()),
        kind: [MeterKind::Import, MeterKind::Export][place],
        key: key(BOUNDARY[place]).public(),
        from: LAST_HOUR,
        register: WattHours(1_000),
        rated_w: 400_000,
    }
}

fn set_terms(from: DeliveryInterval, terms: MonthCloseTerms) -> Action {
    Action::SetMonthClose { from, terms }
}

fn close_from(from: DeliveryInterval) -> Action {
    let rules = RuleSet::MonthClose;
    Action::ActivateRules { rules, from }
}

/// Begins with the last hour of July, with month closes; both points end with the month.
fn park() -> Park {
    let mut park = Park::peopled_at(LAST_HOUR);
    assert_eq!(activate(&mut park, LAST_HOUR), [0]);
    for action in [set_terms(LAST_HOUR, terms()), close_from(LAST_HOUR)] {
        assert_eq!(park.submit(REGISTRAR, action), [0]);
    }
    for place in 0..2 {
        let action = Action::RegisterBoundaryMeter(boundary_meter(place));
        assert_eq!(park.submit(REGISTRAR, action), [0]);
    }
    for point in [1, 2] {
        let action = Action::EndPoint {
            point: PointId(point),
            from: LAST_HOUR.plus(4),
        };
        assert_eq!(park.submit(REGISTRAR, action), [0]);
    }
    park
}

fn read_boundary(park: &mut Park, place: usize, interval: DeliveryInterval, register: i64) {
    let register = WattHours(register);
    let reading = Reading { interval, register };
    let action = Action::SubmitReadings(vec![reading]);
    assert_eq!(park.submit(BOUNDARY[place], action), [0]);
}

/// Alice's roof gives 4 kWh to the pool in each quarter, Bob takes them and 2 kWh from the grid;
/// cables lose 25 Wh.
fn ordinary_month(mut park: Park) -> Park {
    for step in 0..4 {
        let interval = LAST_HOUR.plus(step);
        let done = i64::try_from(step).unwrap() + 1;
        park.read_all(interval, [1_000 * done, 5_000 * done, 6_000 * done, 0]);
    }
    read_boundary(&mut park, 0, LAST_HOUR.plus(3), 1_000 + 8_100);
    read_boundary(&mut park, 1, LAST_HOUR.plus(3), 1_000);
    catch_up(&mut park, due());
    park
}

fn balance(park: &Park, account: AccountId) -> i64 {
    park.ledger.state().accounts.get(account).balance.0
}

fn of(participant: u32) -> AccountId {
    AccountId::Participant(ParticipantId(participant))
}

fn invoices(park: &Park) -> BTreeMap<ParticipantId, Fact> {
    let decoded = park.leaves.iter().map(|leaf| Entry::decode(leaf).unwrap());
    decoded
        .filter_map(|entry| match entry {
            Entry::Derived {
                participant: Some(participant),
                fact: fact @ Fact::MonthInvoiced { .. },
                ..
            } => Some((participant, fact)),
            _ => None,
        })
        .collect()
}

/// Boundary and points of the last month that was closed.
type Balanced = (Option<i64>, Option<i64>, i64, Option<i64>, u32);

fn balanced(park: &Park) -> Option<Balanced> {
    let wh = |energy: Option<WattHours>| energy.map(|energy| energy.0);
    facts(park).iter().rev().find_map(|fact| match fact {
        Fact::MonthBalanced {
            imported,
            exported,
            net,
            losses,
            substituted,
            ..
        } => Some((
            wh(*imported),
            wh(*exported),
            net.0,
            wh(*losses),
            *substituted,
        )),
        _ => None,
    })
}

fn verifies(park: &mut Park) {
    // Something recorded, so that the last batch seals.
    park.now = park.now.plus_millis(61_000);
    let deposit = Action::Deposit {
        participant: ParticipantId(1),
        amount: Money(YUAN),
        reference: "the end".to_owned(),
    };
    assert_eq!(park.submit(TREASURER, deposit), [0]);
    let folder = tempfile::tempdir().unwrap();
    let policy = park.export(folder.path()).parse().unwrap();
    let directory = Directory::new(folder.path().to_path_buf());
    let report = verify(&directory, &policy, &mut |_| {});
    assert!(report.is_ok(), "{:?}", report.claims);
}

#[test]
fn invoice_is_energy_demand_and_fee_with_the_tax_that_they_contain() {
    let mut park = ordinary_month(park());
    let invoices = invoices(&park);
    // 4 kWh from the pool at 0.575, 2 kWh from the grid at 0.80, wheeling 0.05; each four times.
    let expected = Fact::MonthInvoiced {
        month: JULY,
        postings: vec![
            (PostingKind::Pool, Money(-9_200_000_000)),
            (PostingKind::Grid, Money(-6_400_000_000)),
            (PostingKind::Wheeling, Money(-800_000_000)),
        ],
        demand: Money(24 * 40 * YUAN),
        fees: Money(100 * YUAN),
        gross: Money(1_076_400_000_000),
        vat_basis_points: 1_300,
        vat: Money(123_833_628_319),
        grid_alone: Money(-19_200_000_000),
    };
    assert_eq!(invoices[&ParticipantId(2)], expected);
    let Fact::MonthInvoiced {
        gross, vat, demand, ..
    } = &invoices[&ParticipantId(1)]
    else {
        panic!("{invoices:?}");
    };
    assert_eq!((gross.0, demand.0), (100 * YUAN - 9_200_000_000, 0));
    assert_eq!(vat.0, 10_446_017_699);
    assert_eq!(balance(&park, of(2)), 1_000 * YUAN - 1_076_400_000_000);
    assert_eq!(balance(&park, AccountId::Fees), 200 * YUAN);
    assert_eq!(balance(&park, AccountId::Grid), 6_400_000_000 + 960 * YUAN);
    assert_eq!(total(&park), 0);
    let losses = (Some(8_100), Some(0), -8_000, Some(100), 0);
    assert_eq!(balanced(&park), Some(losses));
    let state = park.ledger.state();
    assert!(state.months.demand(JULY, PointId(2)).is_none(), "pruned");
    assert!(state.months.invoiced(JULY, ParticipantId(2)).is_some());
    verifies(&mut park);
}

#[test]
fn demand_is_the_first_greatest_quarter_of_the_final_run() {
    let mut park = park();
    for (step, bob) in [3_000, 12_000, 20_000, 23_000].into_iter().enumerate() {
        let interval = LAST_HOUR.plus(step as u64);
        park.read_all(interval, [0, 0, bob, 0]);
    }
    catch_up(&mut park, LAST_HOUR.plus(4).settlement_due());
    // The second quarter's register was wrong: 9 and 8 kWh become 8 and 9.
    let correction = Action::CorrectReading {
        meter: MeterId(3),
        interval: LAST_HOUR.plus(1),
        register: WattHours(11_000),
        reason: "read by hand".to_owned(),
    };
    assert_eq!(park.submit(REGISTRAR, correction), [0]);
    catch_up(&mut park, due());
    let charged = facts(&park).into_iter().find_map(|fact| match fact {
        Fact::PointCharged {
            point: PointId(2),
            need,
            at,
            demand,
            ..
        } => Some((need.0, at, demand.0)),
        _ => None,
    });
    let expected = (9_000, LAST_HOUR.plus(2), 36 * 40 * YUAN);
    assert_eq!(charged, Some(expected));
    verifies(&mut park);
}

#[test]
fn losses_are_unknown_where_anything_lacks() {
    // A point's register lacks.
    let mut lacking = park();
    for step in 0..4 {
        lacking.now = lacking.now.max(LAST_HOUR.plus(step).end());
        let reading = Reading {
            interval: LAST_HOUR.plus(step),
            register: WattHours(0),
        };
        for meter in [20, 21, 22] {
            let action = Action::SubmitReadings(vec![reading]);
            assert_eq!(lacking.submit(meter, action), [0]);
        }
    }
    read_boundary(&mut lacking, 0, LAST_HOUR.plus(3), 1_000);
    read_boundary(&mut lacking, 1, LAST_HOUR.plus(3), 1_000);
    catch_up(&mut lacking, due());
    assert_eq!(balanced(&lacking), Some((Some(0), Some(0), 0, None, 4)));
    verifies(&mut lacking);
    // The boundary's register lacks: its energy until the last one that is there is not enough.
    let mut park = park();
    park.read_all(LAST_HOUR, [0, 0, 5, 0]);
    read_boundary(&mut park, 0, LAST_HOUR, 1_005);
    for step in 1..4 {
        park.read_all(LAST_HOUR.plus(step), [0, 0, 5, 0]);
    }
    read_boundary(&mut park, 1, LAST_HOUR.plus(3), 1_000);
    catch_up(&mut park, due());
    assert_eq!(balanced(&park), Some((None, Some(0), -5, None, 0)));
    verifies(&mut park);
}

#[test]
fn boundary_meter_is_registered_read_and_reset_like_any_other_and_measures_no_point() {
    let mut park = park();
    let try_meter = |park: &mut Park, change: &dyn Fn(&mut BoundaryMeter)| {
        let mut meter = BoundaryMeter {
            id: MeterId(200),
            key: key(50).public(),
            ..boundary_meter(0)
        };
        change(&mut meter);
        park.submit(REGISTRAR, Action::RegisterBoundaryMeter(meter))
    };
    for (change, rejection) in [
        (
            (&|meter: &mut BoundaryMeter| meter.id = MeterId(1)) as &dyn Fn(&mut BoundaryMeter),
            Rejection::IdTaken,
        ),
        (
            &|meter: &mut BoundaryMeter| meter.id = MeterId(100),
            Rejection::IdTaken,
        ),
        (
            &|meter: &mut BoundaryMeter| meter.key = key(ALICE).public(),
            Rejection::KeyTaken,
        ),
        (
            &|meter: &mut BoundaryMeter| meter.from = DeliveryInterval(1),
            Rejection::GateClosed,
        ),
        (
            &|meter: &mut BoundaryMeter| meter.register = WattHours(-1),
            Rejection::RegisterInvalid,
        ),
        (
            &|meter: &mut BoundaryMeter| meter.rated_w = 0,
            Rejection::RatingInvalid,
        ),
        (
            &|meter: &mut BoundaryMeter| meter.kind = MeterKind::Load,
            Rejection::BoundaryKind,
        ),
    ] {
        assert_eq!(try_meter(&mut park, change), refused(rejection));
    }
    for seed in 60..74 {
        let taken = try_meter(&mut park, &|meter| {
            meter.id = MeterId(u32::from(seed) + 200);
            meter.key = key(seed).public();
        });
        assert_eq!(taken, [0]);
    }
    let full = refused(Rejection::TooManyBoundaryMeters);
    assert_eq!(try_meter(&mut park, &|_| {}), full);
    let assign = Action::AssignMeter {
        meter: MeterId(100),
        point: PointId(1),
        from: LAST_HOUR.plus(1),
    };
    assert_eq!(
        park.submit(REGISTRAR, assign),
        refused(Rejection::UnknownMeter)
    );
    park.advance_to(LAST_HOUR.end());
    let reset = Action::ResetRegister {
        meter: MeterId(100),
        interval: LAST_HOUR,
        last: WattHours(1_300),
        start: WattHours(0),
    };
    assert_eq!(park.submit(REGISTRAR, reset), [0]);
    read_boundary(&mut park, 0, LAST_HOUR, 200);
    let restarted = park
        .leaves
        .iter()
        .rev()
        .find_map(|leaf| match Entry::decode(leaf).unwrap() {
            Entry::Derived {
                participant,
                fact: Fact::RegisterRestarted { meter, .. },
                ..
            } => Some((participant, meter)),
            _ => None,
        });
    assert_eq!(restarted, Some((None, MeterId(100))), "it is the park's");
    let energy = park.ledger.state().readings.actual(MeterId(100), LAST_HOUR);
    assert_eq!(energy, Some(WattHours(500)));
}

#[test]
fn month_that_does_not_fit_is_held_and_the_next_one_closes() {
    let mut park = park();
    let mut dear = terms();
    dear.prices.demand = 1_000_000_000;
    assert_eq!(park.submit(REGISTRAR, set_terms(LAST_HOUR, dear)), [0]);
    // Three points that nobody reads: each takes what its meter is rated for, 4 GW.
    for id in [3, 4, 5] {
        let point = wattle_ledger::registration::Point {
            id: PointId(id),
            participant: ParticipantId(2),
            connection_w: u32::MAX,
            from: LAST_HOUR,
            ..crate::it::park::point(2)
        };
        let meter = wattle_ledger::registration::Meter {
            id: MeterId(id + 10),
            point: PointId(id),
            kind: MeterKind::Load,
            key: key(u8::try_from(id + 50).unwrap()).public(),
            from: LAST_HOUR,
            register: WattHours(0),
            rated_w: u32::MAX,
        };
        let end = Action::EndPoint {
            point: PointId(id),
            from: LAST_HOUR.plus(4),
        };
        for action in [
            Action::RegisterPoint(point),
            Action::RegisterMeter(meter),
            end,
        ] {
            assert_eq!(park.submit(REGISTRAR, action), [0]);
        }
    }
    let mut park = ordinary_month(park);
    let reason = facts(&park).into_iter().find_map(|fact| match fact {
        Fact::MonthHeld {
            month: JULY,
            reason,
        } => Some(reason),
        _ => None,
    });
    let expected = "an amount of participant 2 does not fit 64 bits";
    assert_eq!(reason.as_deref(), Some(expected));
    assert!(invoices(&park).is_empty());
    assert_eq!((balanced(&park), total(&park)), (None, 0));
    let months = &park.ledger.state().months;
    assert!(
        months.demand(JULY, PointId(3)).is_some(),
        "what it rests on stays"
    );
    let not_closed = refused(Rejection::MonthNotClosed);
    assert_eq!(park.submit(TREASURER, record(YUAN)), not_closed);
    assert_eq!(park.submit(TREASURER, declare(2, JULY)), not_closed);
    catch_up(&mut park, LAST_HOUR.plus(4).final_run_due(480));
    let august = LocalMonth(JULY.0 + 1);
    assert!(park.ledger.state().months.closed(august).is_some());
    verifies(&mut park);
}

#[test]
fn closed_months_are_forgotten_after_a_year() {
    let mut park = ordinary_month(park());
    let state = |park: &Park| {
        let months = &park.ledger.state().months;
        let invoiced = months.invoiced(JULY, ParticipantId(2)).is_some();
        (invoiced, months.closed(JULY).is_some())
    };
    let close = |park: &mut Park, month: LocalMonth| {
        while park.ledger.state().months.closed(month).is_none() {
            let next = park.ledger.next_due();
            park.advance_to(next.plus_millis(31 * 86_400_000));
        }
    };
    close(&mut park, LocalMonth(JULY.0 + 12));
    assert_eq!(state(&park), (true, true));
    assert_eq!(park.submit(TREASURER, declare(2, JULY)), [0]);
    close(&mut park, LocalMonth(JULY.0 + 13));
    assert_eq!(state(&park), (false, false));
    let months = &park.ledger.state().months;
    assert!(months.cover(JULY, ParticipantId(2)).is_none());
    assert!(months.in_default_since(ParticipantId(2)).is_some());
    let not_closed = refused(Rejection::MonthNotClosed);
    assert_eq!(park.submit(TREASURER, record(YUAN)), not_closed);
    assert_eq!(total(&park), 0);
}

fn bill(amount: i64) -> UtilityBill {
    UtilityBill {
        imported: WattHours(8_100),
        exported: WattHours(0),
        amount: Money(amount),
        reference: "2026-07".to_owned(),
    }
}

fn record(amount: i64) -> Action {
    Action::RecordUtilityBill {
        month: JULY,
        bill: bill(amount),
    }
}

fn residue(amount: i64) -> Action {
    Action::MoveResidue {
        amount: Money(amount),
        reference: "August".to_owned(),
    }
}

#[test]
fn bill_leaves_a_residue_that_belongs_to_its_owner_and_is_reversed_by_an_event() {
    let mut park = ordinary_month(park());
    let collected = 6_400_000_000 + 960 * YUAN;
    let reverse = Action::ReverseUtilityBill {
        month: JULY,
        reason: "of another park".to_owned(),
    };
    let cash = balance(&park, AccountId::Cash);
    let not_billed = refused(Rejection::MonthNotBilled);
    assert_eq!(park.submit(TREASURER, reverse.clone()), not_billed);
    assert_eq!(park.submit(TREASURER, record(1_000 * YUAN)), [0]);
    let short = collected - 1_000 * YUAN;
    assert_eq!(balance(&park, AccountId::Residue), short);
    assert_eq!(balance(&park, AccountId::Grid), 0);
    assert_eq!(balance(&park, AccountId::Cash), cash + 1_000 * YUAN);
    let billed = refused(Rejection::MonthBilled);
    assert_eq!(park.submit(TREASURER, record(900 * YUAN)), billed);
    assert_eq!(park.submit(TREASURER, reverse), [0]);
    assert_eq!(balance(&park, AccountId::Grid), collected);
    assert_eq!(balance(&park, AccountId::Residue), 0);
    assert_eq!(park.submit(TREASURER, record(900 * YUAN)), [0]);
    let left = collected - 900 * YUAN;
    assert_eq!(balance(&park, AccountId::Residue), left);
    let too_much = refused(Rejection::InsufficientFunds);
    assert_eq!(park.submit(TREASURER, residue(left + 1)), too_much);
    let nothing = refused(Rejection::AmountInvalid);
    assert_eq!(park.submit(TREASURER, residue(0)), nothing);
    let owned = balance(&park, AccountId::Participant(OWNER));
    assert_eq!(park.submit(TREASURER, residue(left)), [0]);
    assert_eq!(balance(&park, AccountId::Participant(OWNER)), owned + left);
    assert_eq!(balance(&park, AccountId::Residue), 0);
    assert_eq!(total(&park), 0);
    verifies(&mut park);
}

#[test]
fn bills_and_payouts_are_bounded() {
    let mut park = ordinary_month(park());
    let open = Action::RecordUtilityBill {
        month: JUNE,
        bill: bill(1),
    };
    let not_closed = refused(Rejection::MonthNotClosed);
    assert_eq!(park.submit(TREASURER, open), not_closed);
    let change = |change: &dyn Fn(&mut UtilityBill)| {
        let mut bill = bill(YUAN);
        change(&mut bill);
        Action::RecordUtilityBill { month: JULY, bill }
    };
    for (action, rejection) in [
        (
            change(&|bill| bill.reference = String::new()),
            Rejection::BadName,
        ),
        (
            change(&|bill| bill.imported = WattHours(-1)),
            Rejection::BillInvalid,
        ),
        (
            change(&|bill| bill.exported = WattHours(1 << 53)),
            Rejection::BillInvalid,
        ),
        (
            change(&|bill| bill.amount = Money(i64::MIN)),
            Rejection::BillInvalid,
        ),
    ] {
        assert_eq!(park.submit(TREASURER, action), refused(rejection));
    }
    let withdraw = |amount| Action::Withdraw {
        participant: ParticipantId(1),
        amount: Money(amount),
        reference: "out".to_owned(),
    };
    let fen = Money::FEN.0;
    let not_whole = refused(Rejection::NotWholeFen);
    assert_eq!(park.submit(TREASURER, withdraw(fen + 1)), not_whole);
    assert_eq!(park.submit(TREASURER, withdraw(3 * fen)), [0]);
}

#[test]
fn rules_come_in_their_order_and_from_an_open_gate() {
    let mut park = Park::peopled_at(LAST_HOUR);
    let later = LAST_HOUR.plus(2);
    let close = |park: &mut Park, from| park.submit(REGISTRAR, close_from(from));
    let missing = refused(Rejection::FinalRunsMissing);
    assert_eq!(close(&mut park, later), missing);
    assert_eq!(activate(&mut park, later), [0]);
    assert_eq!(close(&mut park, LAST_HOUR), missing, "later than the close");
    let missing = refused(Rejection::MonthTermsMissing);
    assert_eq!(close(&mut park, later), missing);
    let mut bad = terms();
    bad.prices.vat_basis_points = 10_001;
    let nobody = MonthCloseTerms {
        residue_owner: ParticipantId(9),
        ..terms()
    };
    for (from, terms, rejection) in [
        (DeliveryInterval(1), terms(), Rejection::GateClosed),
        (later, bad, Rejection::MonthTermsInvalid),
        (later, nobody, Rejection::UnknownParticipant),
    ] {
        let action = set_terms(from, terms);
        assert_eq!(park.submit(REGISTRAR, action), refused(rejection));
    }
    let not_allowed = refused(Rejection::NotAllowed);
    let action = set_terms(later, terms());
    assert_eq!(park.submit(TREASURER, action.clone()), not_allowed);
    assert_eq!(park.submit(REGISTRAR, action), [0]);
    let closed = refused(Rejection::GateClosed);
    assert_eq!(close(&mut park, DeliveryInterval(1)), closed);
    assert_eq!(close(&mut park, later), [0]);
    park.advance_to(later.gate_closure());
    let active = refused(Rejection::RulesActive);
    assert_eq!(close(&mut park, later.plus(2)), active);
    // Dearer terms within the month do not change it.
    let mut dear = terms();
    dear.prices.demand = 1_000_000_000;
    let action = set_terms(later.plus(1), dear);
    assert_eq!(park.submit(REGISTRAR, action), [0]);
    catch_up(&mut park, due());
    let found = facts(&park).into_iter().find_map(|fact| match fact {
        Fact::MonthBalanced { terms, first, .. } => Some((terms, first)),
        _ => None,
    });
    assert_eq!(found, Some((terms(), later)));
    verifies(&mut park);
}

/// Bob has taken all but ten yuan out and cannot pay; Alice was short once.
fn insolvent() -> Park {
    let mut park = park();
    trade(&mut park, LAST_HOUR.plus(3), 4_000);
    let withdraw = Action::Withdraw {
        participant: ParticipantId(2),
        amount: Money(900 * YUAN),
        reference: "out".to_owned(),
    };
    assert_eq!(park.submit(TREASURER, withdraw), [0]);
    for (step, roof) in [5_000, 10_000, 15_000, 15_000].into_iter().enumerate() {
        let done = i64::try_from(step).unwrap() + 1;
        let interval = LAST_HOUR.plus(step as u64);
        park.read_all(interval, [1_000 * done, roof, 6_000 * done, 0]);
    }
    catch_up(&mut park, due());
    park
}

fn declare(participant: u32, month: LocalMonth) -> Action {
    let participant = ParticipantId(participant);
    Action::DeclareDefault { participant, month }
}

#[test]
fn default_is_borne_by_fund_then_gains_and_never_below_the_grid() {
    let mut park = insolvent();
    let fund = balance(&park, AccountId::Balancing);
    assert!(fund > 0, "Alice's shortfall paid wheeling to it");
    let row = |park: &Park, participant| {
        let months = &park.ledger.state().months;
        *months.invoiced(JULY, ParticipantId(participant)).unwrap()
    };
    let gain = row(&park, 1).credit.0 - row(&park, 1).grid_alone.0;
    assert!(gain > 0);
    let (alice, bob) = (balance(&park, of(1)), balance(&park, of(2)));
    assert!(bob < 0 && -bob > fund + gain);
    assert_eq!(
        park.submit(TREASURER, declare(1, JULY)),
        refused(Rejection::NotInDefault)
    );
    assert_eq!(park.submit(TREASURER, declare(2, JULY)), [0]);
    assert_eq!(balance(&park, of(2)), bob + fund + gain);
    assert_eq!(balance(&park, of(1)), alice - gain);
    assert_eq!(balance(&park, AccountId::Balancing), 0);
    assert_eq!(total(&park), 0);
    assert_eq!(row(&park, 1).cut.0, gain);
    let told: Vec<Fact> = facts(&park).into_iter().rev().take(2).collect();
    let cut = Fact::GainCut {
        month: JULY,
        gain: Money(gain),
        cut: Money(gain),
        cut_in_all: Money(gain),
    };
    let covered = Fact::DefaultCovered {
        month: JULY,
        debt: Money(-bob),
        from_balancing: Money(fund),
        from_gains: Money(gain),
        uncovered: Money(-bob - fund - gain),
    };
    assert_eq!(told, [cut, covered]);
    assert_eq!(
        park.submit(TREASURER, declare(2, JULY)),
        refused(Rejection::DefaultCovered)
    );
    verifies(&mut park);
}

#[test]
fn who_is_in_default_orders_nothing_until_he_is_cleared() {
    let mut park = insolvent();
    let clear = Action::ClearDefault {
        participant: ParticipantId(2),
    };
    let not_declared = refused(Rejection::DefaultNotDeclared);
    assert_eq!(park.submit(TREASURER, clear.clone()), not_declared);
    for (action, rejection) in [
        (declare(9, JULY), Rejection::UnknownParticipant),
        (declare(2, JUNE), Rejection::MonthNotClosed),
    ] {
        assert_eq!(park.submit(TREASURER, action), refused(rejection));
    }
    let not_allowed = refused(Rejection::NotAllowed);
    assert_eq!(park.submit(REGISTRAR, declare(2, JULY)), not_allowed);
    let limit = Action::SetCreditLimit {
        participant: ParticipantId(2),
        limit: Money(10_000 * YUAN),
    };
    assert_eq!(park.submit(TREASURER, limit), [0]);
    let covered = refused(Rejection::NotInDefault);
    assert_eq!(park.submit(TREASURER, declare(2, JULY)), covered);
    let limit = Action::SetCreditLimit {
        participant: ParticipantId(2),
        limit: Money(0),
    };
    assert_eq!(park.submit(TREASURER, limit), [0]);
    assert_eq!(park.submit(TREASURER, declare(2, JULY)), [0]);
    // His point has ended; a new one shows that it is he who may not order.
    let next = park.ledger.state().clock().next_gate.plus(2);
    let point = wattle_ledger::registration::Point {
        id: PointId(3),
        participant: ParticipantId(2),
        from: next,
        ..crate::it::park::point(2)
    };
    let register = Action::RegisterPoint(point);
    assert_eq!(park.submit(REGISTRAR, register), [0]);
    let mut item = order(3, Side::Buy, 1_000, 500_000);
    item.interval = next;
    let place = Action::PlaceOrders(vec![item]);
    let in_default = refused(Rejection::ParticipantInDefault);
    assert_eq!(park.submit(BOB, place.clone()), in_default);
    assert_eq!(park.submit(TREASURER, clear), [0]);
    let poor = refused(Rejection::InsufficientCollateral);
    assert_eq!(park.submit(BOB, place), poor, "as poor as before");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Late and wrong readings, trades and deviations; then both in default, in either order.
    #[test]
    fn any_month_closes_and_any_default_is_covered_to_the_last_nano_yuan(
        month in month(),
        bob_first in any::<bool>(),
        bill_amount in -1_000 * YUAN..1_000 * YUAN,
    ) {
        let mut park = month.known_bit_by_bit_in(park());
        prop_assert_eq!(total(&park), 0);
        let states = invoices(&park);
        prop_assert_eq!(states.len(), 2);
        for (participant, fact) in &states {
            let Fact::MonthInvoiced { postings, demand, fees, gross, grid_alone, .. } = fact else {
                panic!("{fact:?}");
            };
            let credit: i64 = postings.iter().map(|(_, amount)| amount.0).sum();
            prop_assert_eq!(gross.0, demand.0 + fees.0 - credit);
            let months = &park.ledger.state().months;
            let row = months.invoiced(JULY, *participant).unwrap();
            prop_assert_eq!((row.credit.0, row.grid_alone), (credit, *grid_alone));
            // The account began with 1,000 yuan, and only this month was settled to it.
            let account = AccountId::Participant(*participant);
            prop_assert_eq!(balance(&park, account), 1_000 * YUAN - gross.0);
        }
        prop_assert_eq!(park.submit(TREASURER, record(bill_amount)), [0]);
        prop_assert_eq!(balance(&park, AccountId::Grid), 0);
        let order = if bob_first { [2, 1] } else { [1, 2] };
        for participant in order {
            park.submit(TREASURER, declare(participant, JULY));
            prop_assert_eq!(total(&park), 0);
            prop_assert!(balance(&park, AccountId::Balancing) >= 0);
        }
        for participant in [1, 2].map(ParticipantId) {
            let months = &park.ledger.state().months;
            let row = months.invoiced(JULY, participant).unwrap();
            let gain = (row.credit.0 - row.grid_alone.0).max(0);
            prop_assert!(0 <= row.cut.0 && row.cut.0 <= gain, "below the grid");
        }
        verifies(&mut park);
    }
}

/// FORMATS.md, section 11: whoever changes these, changes the format.
#[test]
fn a_park_with_a_bill_and_a_default_has_this_root() {
    let mut park = insolvent();
    assert_eq!(park.submit(TREASURER, record(900 * YUAN)), [0]);
    park.now = park.now.plus_millis(61_000);
    assert_eq!(park.submit(TREASURER, declare(2, JULY)), [0]);
    assert_eq!(park.seals.last(), Some(&(park.leaves.len() as u64)));
    let last = wattle_ledger::hash::sha256(&[park.leaves.last().unwrap()]);
    let found = (
        park.ledger.size(),
        park.ledger.root().to_string(),
        last.to_string(),
    );
    const ROOT: &str = "2e2d9861de0e867a23e9aa27e935c8740d602af8f281397b03da1ac171a0d67f";
    const LAST: &str = "6654e4c641f8d76b908983691b6b0577ad498249ea2008b456f9488dcf7abd7d";
    let expected = (147, ROOT.to_owned(), LAST.to_owned());
    assert_eq!(found, expected);
}
