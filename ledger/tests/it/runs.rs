//! The final run: late and corrected readings, differences, closed months, frozen keys.

use crate::it::park::{ALICE, BOB, FIRST, METERS, Park, REGISTRAR, TREASURER, order};
use proptest::prelude::*;
use std::collections::BTreeMap;
use wattle_ledger::derived::Fact;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{Action, Reading};
use wattle_ledger::journal::AccountId;
use wattle_ledger::log::policy::Policy;
use wattle_ledger::registration::{MeterId, ParticipantId, RuleSet};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::directory::Directory;
use wattle_ledger::verify::verify;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::{Account, PointSettlement, PostingKind};
use wattle_market::units::WattHours;

/// The last hour of July 2026 in Shanghai: all of it can be read before its first settlement.
pub(crate) const LAST_HOUR: DeliveryInterval = DeliveryInterval(FIRST.0 + 31 * 96 - 4);
const INTERVALS: u64 = 4;
const OFFSET: i16 = 480;

pub(crate) fn refused(rejection: Rejection) -> Vec<u16> {
    vec![rejection.code()]
}

pub(crate) fn due() -> Timestamp {
    LAST_HOUR.final_run_due(OFFSET)
}

pub(crate) fn facts(park: &Park) -> Vec<Fact> {
    let decoded = park.leaves.iter().map(|leaf| Entry::decode(leaf).unwrap());
    decoded
        .filter_map(|entry| match entry {
            Entry::Derived { fact, .. } => Some(fact),
            _ => None,
        })
        .collect()
}

pub(crate) fn activate(park: &mut Park, from: DeliveryInterval) -> Vec<u16> {
    let rules = RuleSet::FinalRuns;
    park.submit(REGISTRAR, Action::ActivateRules { rules, from })
}

/// A park that begins with the last hour of July, with a final run.
pub(crate) fn park() -> Park {
    let mut park = Park::peopled_at(LAST_HOUR);
    assert_eq!(activate(&mut park, LAST_HOUR), [0]);
    park
}

/// Lets time pass until nothing is due any more.
pub(crate) fn catch_up(park: &mut Park, now: Timestamp) {
    park.now = park.now.max(now);
    for _ in 0..1_000 {
        park.batch(Vec::new());
        if park.ledger.next_due() > park.now {
            return;
        }
    }
    panic!("catching up does not end");
}

pub(crate) fn read(
    park: &mut Park,
    meter: usize,
    interval: DeliveryInterval,
    register: i64,
) -> Vec<u16> {
    let register = WattHours(register);
    let reading = Reading { interval, register };
    park.submit(METERS[meter], Action::SubmitReadings(vec![reading]))
}

pub(crate) fn correction(meter: usize, interval: DeliveryInterval, register: i64) -> Action {
    Action::CorrectReading {
        meter: MeterId(u32::try_from(meter).unwrap() + 1),
        interval,
        register: WattHours(register),
        reason: "read by hand".to_owned(),
    }
}

pub(crate) fn trade(park: &mut Park, interval: DeliveryInterval, quantity: i64) {
    for (seed, point, side, limit) in [
        (ALICE, 1, Side::Sell, 500_000),
        (BOB, 2, Side::Buy, 600_000),
    ] {
        let mut item = order(point, side, quantity, limit);
        item.interval = interval;
        assert_eq!(park.submit(seed, Action::PlaceOrders(vec![item])), [0]);
    }
}

/// What stands of the month after all runs, from the leaves alone.
#[derive(Debug, Default, PartialEq, Eq)]
struct Standing {
    lines: BTreeMap<(DeliveryInterval, PointId), PointSettlement>,
    postings: BTreeMap<(DeliveryInterval, Account, PostingKind), i128>,
    issued: BTreeMap<(DeliveryInterval, PointId), [i64; 6]>,
    delivered: BTreeMap<(DeliveryInterval, PointId, PointId), i64>,
}

impl Standing {
    fn of(park: &Park) -> Standing {
        let mut standing = Standing::default();
        for fact in facts(park) {
            standing.fact(&fact);
        }
        standing.postings.retain(|_, amount| *amount != 0);
        standing.delivered.retain(|_, quantity| *quantity != 0);
        standing
    }

    fn post(&mut self, interval: DeliveryInterval, lines: &[(Account, PostingKind, i64)]) {
        for (account, kind, amount) in lines {
            let key = (interval, *account, *kind);
            *self.postings.entry(key).or_default() += i128::from(*amount);
        }
    }

    fn fact(&mut self, fact: &Fact) {
        let july = |interval: &DeliveryInterval| *interval < LAST_HOUR.plus(INTERVALS);
        match fact {
            Fact::PointSettled {
                interval,
                point,
                line,
                postings,
                ..
            }
            | Fact::PointAdjusted {
                interval,
                point,
                line,
                postings,
                ..
            } if july(interval) => {
                self.lines.insert((*interval, *point), **line);
                let line = |(kind, amount): &(PostingKind, _)| {
                    let amount: &wattle_market::units::Money = amount;
                    (Account::Point(*point), *kind, amount.0)
                };
                self.post(*interval, &postings.iter().map(line).collect::<Vec<_>>());
            }
            Fact::IntervalSettled {
                interval, postings, ..
            }
            | Fact::IntervalAdjusted {
                interval, postings, ..
            } if july(interval) => {
                let line = postings
                    .iter()
                    .map(|(account, kind, sum)| (*account, *kind, sum.0));
                self.post(*interval, &line.collect::<Vec<_>>());
            }
            Fact::CertificateIssued {
                interval,
                point,
                quantity,
                self_used,
                stored,
                lost,
                sent,
                held,
            } if july(interval) => {
                let parts = [quantity, self_used, stored, lost, sent, held].map(|part| part.0);
                self.issued.insert((*interval, *point), parts);
            }
            Fact::CertificateAdjusted {
                interval,
                point,
                after,
                ..
            } if july(interval) => {
                let parts = [
                    after.issued,
                    after.self_used,
                    after.stored,
                    after.lost,
                    after.sent,
                    after.held,
                ];
                self.issued
                    .insert((*interval, *point), parts.map(|part| part.0));
                self.issued.retain(|_, parts| *parts != [0; 6]);
            }
            Fact::CertificateDelivered {
                interval,
                from,
                to,
                quantity,
            } if july(interval) => {
                *self.delivered.entry((*interval, *from, *to)).or_default() += quantity.0;
            }
            Fact::DeliveryAdjusted {
                interval,
                from,
                to,
                before,
                after,
            } if july(interval) => {
                let key = (*interval, *from, *to);
                *self.delivered.entry(key).or_default() += after.0 - before.0;
            }
            _ => {}
        }
    }
}

/// How one register reaches the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    OnTime,
    /// On time with so much of the interval's energy missing in percent; corrected later.
    Wrong(i64),
    Late,
    Never,
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        3 => Just(Way::OnTime),
        2 => (0i64..100).prop_map(Way::Wrong),
        2 => Just(Way::Late),
        1 => Just(Way::Never),
    ]
}

#[derive(Debug, Clone)]
pub(crate) struct Month {
    energies: Vec<[i64; 4]>,
    ways: Vec<[Way; 4]>,
    traded: Vec<i64>,
    /// In which order late readings and corrections come.
    order: Vec<usize>,
}

pub(crate) fn month() -> impl Strategy<Value = Month> {
    let intervals = INTERVALS as usize;
    let order: Vec<usize> = (0..intervals * 4).collect();
    (
        prop::collection::vec(prop::array::uniform4(0i64..8_000), intervals),
        prop::collection::vec(prop::array::uniform4(way()), intervals),
        prop::collection::vec(0i64..6_000, intervals),
        Just(order).prop_shuffle(),
    )
        .prop_map(|(energies, ways, traded, order)| Month {
            energies,
            ways,
            traded,
            order,
        })
}

impl Month {
    fn register(&self, meter: usize, step: usize) -> i64 {
        self.energies[..=step]
            .iter()
            .map(|energies| energies[meter])
            .sum()
    }

    fn traded(&self, mut park: Park) -> Park {
        for (interval, quantity) in (LAST_HOUR.0..).map(DeliveryInterval).zip(&self.traded) {
            if *quantity > 0 {
                trade(&mut park, interval, *quantity);
            }
        }
        park.advance_to(LAST_HOUR.plus(INTERVALS).start());
        park
    }

    /// Everything as it is known at the final run, known before the initial one.
    fn known_at_once(&self) -> Park {
        let mut park = self.traded(park());
        for (step, interval) in (0..INTERVALS as usize).zip((LAST_HOUR.0..).map(DeliveryInterval)) {
            for meter in 0..4 {
                if self.ways[step][meter] != Way::Never {
                    let register = self.register(meter, step);
                    assert_eq!(read(&mut park, meter, interval, register), [0]);
                }
            }
        }
        catch_up(&mut park, due());
        park
    }

    /// Everything in its way, in a park that is peopled, until the month is final.
    pub(crate) fn known_bit_by_bit_in(&self, park: Park) -> Park {
        let mut park = self.traded(park);
        for (step, interval) in (0..INTERVALS as usize).zip((LAST_HOUR.0..).map(DeliveryInterval)) {
            for meter in 0..4 {
                let right = self.register(meter, step);
                let register = match self.ways[step][meter] {
                    Way::OnTime => right,
                    Way::Wrong(percent) => right - self.energies[step][meter] * percent / 100,
                    Way::Late | Way::Never => continue,
                };
                assert_eq!(read(&mut park, meter, interval, register), [0]);
            }
        }
        catch_up(&mut park, LAST_HOUR.plus(INTERVALS).settlement_due());
        for place in &self.order {
            let (step, meter) = (place / 4, place % 4);
            let interval = LAST_HOUR.plus(step as u64);
            let register = self.register(meter, step);
            match self.ways[step][meter] {
                Way::Wrong(_) => {
                    let action = correction(meter, interval, register);
                    assert_eq!(park.submit(REGISTRAR, action), [0]);
                }
                Way::Late => assert_eq!(read(&mut park, meter, interval, register), [0]),
                Way::OnTime | Way::Never => {}
            }
        }
        catch_up(&mut park, due());
        park
    }
}

pub(crate) fn total(park: &Park) -> i128 {
    let accounts = park.ledger.state().accounts.iter();
    accounts
        .map(|(_, account)| i128::from(account.balance.0))
        .sum()
}

pub(crate) fn closed(park: &Park) -> Vec<(u32, u32)> {
    let closed = facts(park).into_iter().filter_map(|fact| match fact {
        Fact::MonthClosed {
            intervals,
            adjusted,
            ..
        } => Some((intervals, adjusted)),
        _ => None,
    });
    closed.collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// SETTLEMENT.md, invariant 7.
    #[test]
    fn initial_run_and_differences_are_one_run_on_the_final_readings(month in month()) {
        let (once, bits) = (month.known_at_once(), month.known_bit_by_bit_in(park()));
        let (expected, found) = (Standing::of(&once), Standing::of(&bits));
        prop_assert_eq!(&expected, &found);
        prop_assert_eq!(closed(&once), vec![(4, 0)], "what was known at once is not adjusted");
        for interval in (LAST_HOUR.0..).map(DeliveryInterval).take(INTERVALS as usize) {
            let sum: i128 = found
                .postings
                .iter()
                .filter(|((at, _, _), _)| *at == interval)
                .map(|(_, amount)| amount)
                .sum();
            prop_assert_eq!(sum, 0, "the postings of both runs sum to zero");
            let state = bits.ledger.state();
            for point in [PointId(1), PointId(2)] {
                let line = found.lines[&(interval, point)];
                let bundle = state.certificates.get(interval, point).copied().unwrap_or_default();
                prop_assert!(bundle.is_conserved());
                prop_assert_eq!(bundle.sent, line.sent);
                prop_assert_eq!(
                    bundle.issued.0 > 0,
                    found.issued.contains_key(&(interval, point))
                );
                prop_assert!(state.runs.settled(interval, point).is_none(), "pruned");
            }
            prop_assert!(state.pins.park(interval).is_none(), "pruned");
            prop_assert!(state.runs.is_final(interval));
        }
        prop_assert_eq!(total(&bits), 0);
        for participant in [1, 2].map(ParticipantId) {
            let account = bits.ledger.state().accounts.get(AccountId::Participant(participant));
            prop_assert_eq!(account.reserved.0, 0, "collateral is what it was");
        }
    }
}

/// One late generation reading: the initial run counts nothing, the final run all of it.
fn late_roof() -> Park {
    let mut park = park();
    trade(&mut park, LAST_HOUR, 4_000);
    park.advance_to(LAST_HOUR.end());
    for (meter, register) in [(0, 1_000), (2, 6_000), (3, 0)] {
        assert_eq!(read(&mut park, meter, LAST_HOUR, register), [0]);
    }
    catch_up(&mut park, LAST_HOUR.plus(8).settlement_due());
    park
}

#[test]
fn a_late_reading_brings_its_money_and_certificates_in_the_final_run() {
    let mut park = late_roof();
    let certificates = |park: &Park| {
        let state = park.ledger.state();
        state.certificates.get(LAST_HOUR, PointId(1)).copied()
    };
    assert_eq!(certificates(&park), None, "none from a substitute");
    let alice = AccountId::Participant(ParticipantId(1));
    let before = park.ledger.state().accounts.get(alice).balance;
    assert_eq!(read(&mut park, 1, LAST_HOUR, 6_000), [0]);
    assert_eq!(
        park.ledger.state().accounts.get(alice).balance,
        before,
        "not yet"
    );
    park.advance_to(due().minus_millis(1));
    assert!(!park.ledger.state().runs.is_final(LAST_HOUR));
    catch_up(&mut park, due());
    let bundle = certificates(&park).unwrap();
    assert_eq!(
        (bundle.issued.0, bundle.self_used.0, bundle.sent.0),
        (6_000, 1_000, 5_000)
    );
    let adjusted: Vec<Fact> = facts(&park)
        .into_iter()
        .filter(|fact| matches!(fact, Fact::PointAdjusted { .. }))
        .collect();
    assert_eq!(
        adjusted.len(),
        2,
        "the seller and the buyer, whose pool price it changes"
    );
    let Fact::PointAdjusted {
        before: Some(was),
        line,
        postings,
        ..
    } = &adjusted[0]
    else {
        panic!("the initial run was not held")
    };
    // Forward 4 kWh at 0.55 either way. Before: 4 kWh short at 0.80 and 1 kWh of own need at 0.80.
    // Then: 1 kWh to the pool at the midpoint of 0.40 and 0.75.
    assert_eq!(was.credit.0, 2_200_000_000 - 3_200_000_000 - 800_000_000);
    assert_eq!(line.credit.0, 2_200_000_000 + 575_000_000);
    let posted: i64 = postings.iter().map(|(_, amount)| amount.0).sum();
    assert_eq!(posted, line.credit.0 - was.credit.0);
    assert!(
        postings
            .iter()
            .all(|(kind, _)| *kind != PostingKind::Forward)
    );
    assert_eq!(closed(&park), [(4, 1)]);
}

#[test]
fn an_export_with_a_final_run_passes_every_claim() {
    let mut park = late_roof();
    assert_eq!(read(&mut park, 1, LAST_HOUR, 6_000), [0]);
    catch_up(&mut park, due());
    assert_eq!(
        park.seals.last(),
        Some(&park.ledger.size()),
        "a closed month seals"
    );
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy::parse(&park.export(folder.path())).unwrap();
    let report = verify(&Directory::new(folder.path()), &policy, &mut |_| {});
    assert!(report.is_ok(), "{:#?}", report.claims);
    assert_eq!(report.summary.closed_months, [(2026, 7)]);
    assert_eq!(report.summary.adjusted.len(), 1);
    let alice = &report.summary.participants[&ParticipantId(1)];
    assert_eq!(alice.certificates_sent, WattHours(5_000));
    let account = AccountId::Participant(ParticipantId(1));
    let balance = park.ledger.state().accounts.get(account).balance;
    assert_eq!(
        alice.credit.0 + alice.funds.0,
        balance.0,
        "sums of leaves are the balance"
    );
    // 6 kWh of the roof used within the park, at 0.42 kg/kWh.
    assert_eq!(report.summary.carbon_avoided_ug, 6_000 * 420_000);
}

/// A golden vector: docs/FORMATS.md names it, and a change here is a change of format.
#[test]
fn a_park_with_a_closed_month_has_this_root() {
    let mut park = late_roof();
    assert_eq!(read(&mut park, 1, LAST_HOUR, 6_000), [0]);
    catch_up(&mut park, due());
    let last = wattle_ledger::hash::sha256(&[park.leaves.last().unwrap()]);
    let found = (
        park.ledger.size(),
        park.ledger.root().to_string(),
        last.to_string(),
    );
    const ROOT: &str = "ea5fcd02569f630720a1714ec2d2154f2c57b532ec6531ab517105ab0edd8687";
    const LAST: &str = "11b4c957c37f29578ee0fb5f823fa6e2c47283b2b9928bae16fe2a45dde81382";
    let expected = (2_147, ROOT.to_owned(), LAST.to_owned());
    assert_eq!(found, expected);
}

/// Changes the first fact of a kind in a copy of the log and gives the claims that fail.
pub(crate) fn failing(park: &Park, kind: &str, change: impl Fn(&mut Fact)) -> Vec<&'static str> {
    let mut leaves = park.leaves.clone();
    let index = leaves
        .iter()
        .position(|leaf| match Entry::decode(leaf).unwrap() {
            Entry::Derived { fact, .. } => fact.name() == kind,
            _ => false,
        })
        .unwrap();
    let mut entry = Entry::decode(&leaves[index]).unwrap();
    if let Entry::Derived { fact, .. } = &mut entry {
        change(fact);
    }
    leaves[index] = entry.encode();
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy::parse(&park.export(folder.path())).unwrap();
    std::fs::remove_dir_all(folder.path().join("tile")).unwrap();
    crate::it::park::write_export(&leaves, park.ledger.genesis(), folder.path());
    let report = verify(&Directory::new(folder.path()), &policy, &mut |_| {});
    let failed = report
        .claims
        .into_iter()
        .filter(|claim| claim.entry.is_some());
    failed.map(|claim| claim.claim).collect()
}

#[test]
fn doctored_adjustments_fail_at_their_claims() {
    let mut park = late_roof();
    assert_eq!(read(&mut park, 1, LAST_HOUR, 6_000), [0]);
    catch_up(&mut park, due());
    let money = failing(&park, "point_adjusted", |fact| {
        if let Fact::PointAdjusted { postings, .. } = fact {
            postings[0].1.0 += 1;
        }
    });
    assert_eq!(money, ["replay", "settlement", "journal"]);
    let energy = failing(&park, "point_adjusted", |fact| {
        if let Fact::PointAdjusted { line, .. } = fact {
            line.net.0 += 1;
        }
    });
    assert_eq!(energy, ["replay", "settlement", "energy balance"]);
    let bundle = failing(&park, "certificate_adjusted", |fact| {
        if let Fact::CertificateAdjusted { after, .. } = fact {
            after.issued.0 += 1;
            after.held.0 += 1;
        }
    });
    assert_eq!(bundle, ["replay", "certificates"]);
    let delivery = failing(&park, "delivery_adjusted", |fact| {
        if let Fact::DeliveryAdjusted { after, .. } = fact {
            after.0 += 1;
        }
    });
    assert_eq!(delivery, ["replay", "certificates"]);
    let month = failing(&park, "month_closed", |fact| {
        if let Fact::MonthClosed { adjusted, .. } = fact {
            *adjusted = 0;
        }
    });
    assert_eq!(month, ["replay", "settlement"]);
}

#[test]
fn a_reading_after_the_final_run_is_due_is_refused_with_its_code() {
    let mut park = late_roof();
    park.now = due().minus_millis(1);
    catch_up(&mut park, due().minus_millis(1));
    assert_eq!(
        read(&mut park, 3, LAST_HOUR.plus(1), 0),
        [0],
        "in the last millisecond"
    );
    park.now = due();
    assert_eq!(
        read(&mut park, 1, LAST_HOUR, 6_000),
        refused(Rejection::AfterFinal)
    );
    assert_eq!(
        park.submit(REGISTRAR, correction(0, LAST_HOUR, 900)),
        refused(Rejection::AfterFinal)
    );
    assert_eq!(
        read(&mut park, 3, LAST_HOUR.plus(INTERVALS), 0),
        [0],
        "August is open"
    );
}

#[test]
fn a_park_without_the_rules_has_no_final_run_and_freezes_no_key() {
    let mut park = Park::peopled_at(LAST_HOUR);
    park.advance_to(LAST_HOUR.end());
    assert_eq!(read(&mut park, 0, LAST_HOUR, 1_000), [0]);
    assert_eq!(
        read(&mut park, 0, LAST_HOUR, 1_001),
        refused(Rejection::ReadingContradicts)
    );
    assert_eq!(read(&mut park, 0, LAST_HOUR, 1_000), [0]);
    catch_up(&mut park, due());
    assert_eq!(closed(&park), []);
    let pins = &park.ledger.state().pins;
    assert!(pins.park(LAST_HOUR).is_none(), "its only run is over");
    assert_eq!(
        park.submit(REGISTRAR, correction(0, LAST_HOUR, 900)),
        refused(Rejection::AfterFinal),
        "its initial run was its last"
    );
}

#[test]
fn the_rules_start_at_an_open_gate_and_cannot_be_moved_once_they_cover_something() {
    let mut park = Park::peopled_at(LAST_HOUR);
    let rules = RuleSet::FinalRuns;
    let from = LAST_HOUR.plus(9);
    let activation = Action::ActivateRules { rules, from };
    assert_eq!(
        park.submit(TREASURER, activation),
        refused(Rejection::NotAllowed)
    );
    assert_eq!(
        activate(&mut park, LAST_HOUR.minus(1)),
        refused(Rejection::GateClosed)
    );
    assert_eq!(activate(&mut park, LAST_HOUR.plus(9)), [0]);
    assert_eq!(
        activate(&mut park, LAST_HOUR.plus(2)),
        [0],
        "its gate was still open"
    );
    park.advance_to(LAST_HOUR.plus(2).gate_closure());
    assert_eq!(
        activate(&mut park, LAST_HOUR.plus(4)),
        refused(Rejection::RulesActive)
    );
    catch_up(&mut park, due());
    let state = park.ledger.state();
    assert!(!state.runs.is_final(LAST_HOUR.plus(1)) && state.runs.is_final(LAST_HOUR.plus(2)));
    assert_eq!(closed(&park), [(2, 0)]);
}

#[test]
fn a_whole_month_becomes_final_in_bounded_batches() {
    let mut park = Park::peopled();
    assert_eq!(activate(&mut park, FIRST), [0]);
    let due = FIRST.final_run_due(OFFSET);
    catch_up(&mut park, due.minus_millis(1));
    assert_eq!(read(&mut park, 3, FIRST.plus(2_975), 2_976), [0]);
    park.now = due;
    let mut batches = 0;
    while park.ledger.next_due() <= park.now {
        let applied = park.batch(Vec::new());
        assert!(
            applied.leaves.len() < 200,
            "{} leaves",
            applied.leaves.len()
        );
        batches += 1;
    }
    // At the same moment a settlement is due, which goes first: 2,977 items, 32 a batch.
    assert_eq!(batches, 94);
    // The reading of the month's end closes a gap over all of it.
    assert_eq!(closed(&park), [(2_976, 2_976)]);
}

#[test]
fn a_final_run_goes_before_a_later_gate_and_after_an_earlier_one() {
    let mut park = park();
    park.advance_to(due().minus_millis(15 * 60_000));
    catch_up(&mut park, due().minus_millis(15 * 60_000));
    let gate = DeliveryInterval::containing(due());
    assert_eq!(park.ledger.state().clock().next_gate, gate);
    // A week of substitutes has used up what Alice had.
    let deposit = Action::Deposit {
        participant: ParticipantId(1),
        amount: wattle_market::units::Money(1_000_000_000_000_000),
        reference: "again".to_owned(),
    };
    assert_eq!(park.submit(TREASURER, deposit), [0]);
    // At 23:55 the gate of the 8th's first interval closes, at 00:00 the final run is due.
    let mut item = order(1, Side::Sell, 1_000, 500_000);
    item.interval = gate;
    let first = park.event(ALICE, Action::PlaceOrders(vec![item]));
    item.interval = gate.next();
    let second = park.event(ALICE, Action::PlaceOrders(vec![item]));
    park.batch(vec![first, second]);
    let from = park.leaves.len();
    catch_up(&mut park, gate.next().gate_closure());
    let names: Vec<&str> = park.leaves[from..]
        .iter()
        .filter_map(|leaf| match Entry::decode(leaf).unwrap() {
            Entry::Derived { fact, .. } => Some(fact.name()),
            _ => None,
        })
        .filter(|name| ["interval_cleared", "month_closed"].contains(name))
        .collect();
    assert_eq!(
        names,
        ["interval_cleared", "month_closed", "interval_cleared"]
    );
}
