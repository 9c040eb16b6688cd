//! The books against leaves that no state machine made.

use super::*;
use crate::billing::UtilityBill;
use crate::derived::Run;
use crate::hash::Hash;
use wattle_market::invoice::MonthPrices;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::{
    self, MeteredEnergy, ParkTerms, PointInput, PointTerms, Settlement,
};
use wattle_market::units::Price;

/// 2026-07-01 00:00 in Shanghai.
const INTERVAL: DeliveryInterval = DeliveryInterval(1_980_928);
const JULY: LocalMonth = LocalMonth(2026 * 12 + 6);
const MAKER: ParticipantId = ParticipantId(1);
const USER: ParticipantId = ParticipantId(2);

fn settled() -> Settlement {
    let park = ParkTerms {
        feed_in: Price(400_000),
        export: Price(300_000),
        wheeling: Price(50_000),
    };
    let input = |generation, load| PointInput {
        terms: PointTerms {
            building: BuildingId(1),
            retail: Price(800_000),
            enrolled: true,
            ask_limit: Price(0),
            bid_limit: None,
        },
        position: settlement::ForwardPosition::default(),
        energy: MeteredEnergy {
            generation: WattHours(generation),
            load: WattHours(load),
            actual: true,
            ..MeteredEnergy::default()
        },
    };
    let points = [(PointId(1), input(4_000, 0)), (PointId(2), input(0, 6_000))];
    settlement::settle(&park, &points.into()).unwrap()
}

fn owner(point: PointId) -> ParticipantId {
    if point == PointId(1) { MAKER } else { USER }
}

fn settled_facts() -> Vec<(Option<ParticipantId>, Fact)> {
    let settled = settled();
    let posted = |point: &PointId| {
        let of_point = |posting: &&settlement::Posting| posting.account == Account::Point(*point);
        let own = settled.postings.iter().filter(of_point);
        own.map(|posting| (posting.kind, posting.amount)).collect()
    };
    let lines = settled.points.iter().map(|(point, line)| {
        let fact = Fact::PointSettled {
            interval: INTERVAL,
            point: *point,
            run: Run::Initial,
            terms: PointTerms {
                building: BuildingId(1),
                retail: Price(800_000),
                enrolled: true,
                ask_limit: Price(0),
                bid_limit: None,
            },
            substituted: Vec::new(),
            line: Box::new(*line),
            postings: posted(point),
        };
        (Some(owner(*point)), fact)
    });
    let mut facts: Vec<_> = lines.collect();
    let own = settled.postings.iter();
    let own = own.filter(|posting| !matches!(posting.account, Account::Point(_)));
    let postings = own.map(|posting| (posting.account, posting.kind, posting.amount));
    let fact = Fact::IntervalSettled {
        interval: INTERVAL,
        run: Run::Initial,
        terms: ParkTerms {
            feed_in: Price(400_000),
            export: Price(300_000),
            wheeling: Price(50_000),
        },
        factor: crate::registration::CarbonFactor {
            name: "a".to_owned(),
            year: 2022,
            milligrams_per_kwh: 1,
            source: "b".to_owned(),
        },
        pool_price: settled.pool_price,
        pool_volume: settled.pool_volume,
        postings: postings.collect(),
    };
    facts.push((None, fact));
    facts
}

fn charged(point: u32, need: i64) -> (Option<ParticipantId>, Fact) {
    let fact = Fact::PointCharged {
        month: JULY,
        point: PointId(point),
        need: WattHours(need),
        at: INTERVAL,
        demand: Money(4 * need * 1_000),
        fee: Money(500),
    };
    (Some(owner(PointId(point))), fact)
}

fn invoiced(point: u32, need: i64) -> (Option<ParticipantId>, Fact) {
    let settled = settled();
    let line = settled.points[&PointId(point)];
    let of_point =
        |posting: &&settlement::Posting| posting.account == Account::Point(PointId(point));
    let own = settled.postings.iter().filter(of_point);
    let mut postings: Vec<_> = own.map(|posting| (posting.kind, posting.amount)).collect();
    postings.sort_unstable();
    let (demand, fees) = (Money(4 * need * 1_000), Money(500));
    let gross = Money(demand.0 + fees.0 - line.credit.0);
    let prices = prices();
    let fact = Fact::MonthInvoiced {
        month: JULY,
        postings,
        demand,
        fees,
        gross,
        vat_basis_points: 1_300,
        vat: prices.contained_vat(gross),
        grid_alone: line.grid_alone,
    };
    (Some(owner(PointId(point))), fact)
}

fn prices() -> MonthPrices {
    MonthPrices {
        demand: 1_000,
        fee: Money(500),
        vat_basis_points: 1_300,
    }
}

const COLLECTED: Money = Money(2_000 * 800_000 + 24_000_000);

fn closing_facts() -> Vec<(Option<ParticipantId>, Fact)> {
    let balanced = Fact::MonthBalanced {
        month: JULY,
        first: INTERVAL,
        last: INTERVAL,
        terms: MonthCloseTerms {
            prices: prices(),
            residue_owner: MAKER,
        },
        imported: Some(WattHours(2_030)),
        exported: Some(WattHours(0)),
        net: WattHours(-2_000),
        losses: Some(WattHours(30)),
        substituted: 0,
        held: 0,
        invoices: 2,
        demand: Money(24_000_000),
        fees: Money(1_000),
        collected: COLLECTED,
    };
    let bill = UtilityBill {
        imported: WattHours(2_030),
        exported: WattHours(0),
        amount: Money(1_000_000_000),
        reference: "1".to_owned(),
    };
    let residue = Money(COLLECTED.0 - 1_000_000_000);
    let billed = Fact::UtilityBilled {
        month: JULY,
        bill,
        collected: COLLECTED,
        residue,
        residue_owner: MAKER,
    };
    let reversed = Fact::UtilityBillReversed {
        month: JULY,
        amount: Money(1_000_000_000),
        residue,
    };
    vec![
        charged(1, 0),
        charged(2, 6_000),
        invoiced(1, 0),
        invoiced(2, 6_000),
        (None, balanced),
        (None, billed),
        (None, reversed),
    ]
}

/// Bob owes a thousand: the fund has 300, Alice gained more.
fn default_facts() -> Vec<(Option<ParticipantId>, Fact)> {
    let line = settled().points[&PointId(1)];
    let gain = Money(line.credit.0 - line.grid_alone.0);
    let covered = Fact::DefaultCovered {
        month: JULY,
        debt: Money(1_000),
        from_balancing: Money(300),
        from_gains: Money(600),
        uncovered: Money(100),
    };
    let cut = Fact::GainCut {
        month: JULY,
        gain,
        cut: Money(600),
        cut_in_all: Money(600),
    };
    vec![(Some(USER), covered), (Some(MAKER), cut)]
}

fn all_facts() -> Vec<(Option<ParticipantId>, Fact)> {
    let mut facts = settled_facts();
    facts.extend(closing_facts());
    facts.extend(default_facts());
    facts
}

/// The first fault that the books find in these facts.
fn fault(facts: Vec<(Option<ParticipantId>, Fact)>) -> Option<(Option<u64>, String)> {
    let mut books = MonthBooks::found(480);
    (books.finals_from, books.closes_from) = (Some(INTERVAL), Some(INTERVAL));
    let leaf = |(index, (participant, fact))| {
        let entry = Entry::Derived {
            participant,
            blind: Hash::ZERO,
            fact,
        };
        Leaf {
            index,
            bytes: entry.encode(),
            entry,
        }
    };
    let leaves: Vec<Leaf> = (0..).zip(facts).map(leaf).collect();
    let mut findings = Findings::default();
    books.batch(&leaves, &mut findings);
    let claims = findings.into_claims();
    let failed = claims.into_iter().find(|claim| !claim.reason.is_empty());
    failed.map(|claim| (claim.entry, claim.reason))
}

#[test]
fn books_that_are_right_have_no_fault() {
    assert_eq!(fault(all_facts()), None);
}

#[test]
fn every_forged_figure_is_found_at_its_leaf() {
    let mut forged = 0;
    for place in 0..all_facts().len() {
        let mut facts = all_facts();
        match &mut facts[place].1 {
            Fact::PointCharged { demand, .. } => demand.0 += 1,
            Fact::MonthInvoiced { gross, .. } => gross.0 += 1,
            Fact::MonthBalanced { collected, .. } => collected.0 += 1,
            Fact::UtilityBilled { residue, .. } => residue.0 += 1,
            Fact::UtilityBillReversed { residue, .. } => residue.0 += 1,
            Fact::DefaultCovered { debt, .. } => debt.0 += 1,
            Fact::GainCut { cut_in_all, .. } => cut_in_all.0 += 1,
            _ => continue,
        }
        let (entry, reason) = fault(facts).expect("it is a fault");
        // A point's charge shows where its participant's sums are, or the month's.
        assert!(entry >= Some(place as u64), "{place}: {reason}");
        forged += 1;
    }
    assert_eq!(forged, 9);
}

#[test]
fn each_rule_has_its_sentence() {
    type Forge = fn(&mut Fact);
    let cases: [(Forge, &str); 9] = [
        (
            |fact| {
                if let Fact::MonthInvoiced { vat, .. } = fact {
                    vat.0 += 1;
                }
            },
            "tax",
        ),
        (
            |fact| {
                if let Fact::MonthInvoiced { postings, .. } = fact {
                    postings.clear();
                }
            },
            "settled",
        ),
        (
            |fact| {
                if let Fact::MonthInvoiced { grid_alone, .. } = fact {
                    grid_alone.0 -= 1;
                }
            },
            "grid alone",
        ),
        (
            |fact| {
                if let Fact::MonthBalanced { terms, .. } = fact {
                    terms.prices.demand += 1;
                }
            },
            "terms",
        ),
        (
            |fact| {
                if let Fact::MonthBalanced { losses, .. } = fact {
                    *losses = None;
                }
            },
            "losses",
        ),
        (
            |fact| {
                if let Fact::MonthBalanced { net, .. } = fact {
                    net.0 += 1;
                }
            },
            "energy",
        ),
        (
            |fact| {
                if let Fact::MonthBalanced { invoices, .. } = fact {
                    *invoices += 1;
                }
            },
            "no invoice",
        ),
        (
            |fact| {
                if let Fact::DefaultCovered {
                    from_gains,
                    uncovered,
                    ..
                } = fact
                {
                    from_gains.0 += 1;
                    uncovered.0 -= 1;
                }
            },
            "cuts",
        ),
        (
            |fact| match fact {
                Fact::GainCut {
                    cut, cut_in_all, ..
                } => (cut.0, cut_in_all.0) = (i64::MAX, i64::MAX),
                Fact::DefaultCovered {
                    debt,
                    from_balancing,
                    from_gains,
                    uncovered,
                    ..
                } => {
                    (debt.0, from_gains.0) = (i64::MAX, i64::MAX);
                    (from_balancing.0, uncovered.0) = (0, 0);
                }
                _ => {}
            },
            "less than the grid",
        ),
    ];
    for (forge, word) in cases {
        let mut facts = all_facts();
        facts.iter_mut().for_each(|(_, fact)| forge(fact));
        let (_, reason) = fault(facts).expect(word);
        assert!(reason.contains(word), "{word}: {reason}");
    }
}
