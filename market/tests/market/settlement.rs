//! Settlement over random parks: its promises, and slow references for its parts.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wattle_market::auction::Quote;
use wattle_market::point::{BuildingId, PointId};
use wattle_market::settlement::{
    Account, CertificateTransfer, PostingKind, Settlement, differences, settle,
};
use wattle_market::units::{Money, Price, WattHours};

use crate::parks::{Park, idle_park, trading_park};

fn settled(park: &Park) -> Settlement {
    settle(&park.terms, &park.points).unwrap()
}

/// The sums of a journal by kind and account, without zeros.
fn sums(settlement: &Settlement) -> BTreeMap<(PostingKind, Account), i64> {
    let mut sums = BTreeMap::new();
    for posting in &settlement.postings {
        *sums.entry((posting.kind, posting.account)).or_default() += posting.amount.0;
    }
    sums.retain(|_, amount| *amount != 0);
    sums
}

/// Pairs certificates one watt-hour at a time.
fn reference_pairing(park: &Park, settlement: &Settlement) -> Vec<CertificateTransfer> {
    let units = |quantity: &dyn Fn(PointId) -> i64, building: Option<BuildingId>| -> Vec<PointId> {
        let inside = park
            .points
            .iter()
            .filter(|(_, input)| building.is_none_or(|building| input.terms.building == building));
        inside
            .flat_map(|(point, _)| vec![*point; quantity(*point) as usize])
            .collect()
    };
    let sent = |point: PointId| settlement.points[&point].sent.0;
    let cancelled = |point: PointId| settlement.points[&point].cancelled.0;
    let mut pairs: BTreeMap<(PointId, PointId), i64> = BTreeMap::new();
    let (mut left_to_send, mut left_to_cancel) = (Vec::new(), Vec::new());
    for building in (0..3).map(BuildingId) {
        let senders = units(&sent, Some(building));
        let receivers = units(&cancelled, Some(building));
        let inside = senders.len().min(receivers.len());
        for (from, to) in senders.iter().zip(&receivers) {
            *pairs.entry((*from, *to)).or_default() += 1;
        }
        left_to_send.extend(&senders[inside..]);
        left_to_cancel.extend(&receivers[inside..]);
    }
    left_to_send.sort();
    left_to_cancel.sort();
    for (from, to) in left_to_send.into_iter().zip(left_to_cancel) {
        *pairs.entry((from, to)).or_default() += 1;
    }
    let transfer = |((from, to), quantity)| CertificateTransfer {
        from,
        to,
        quantity: WattHours(quantity),
    };
    pairs.into_iter().map(transfer).collect()
}

/// The price and volume of the pool, found by trying every limit as the price.
fn reference_pool(park: &Park, settlement: &Settlement) -> i64 {
    let (h, l) = (
        settlement.totals.shortfall_price,
        settlement.totals.excess_price,
    );
    let (mut asks, mut bids) = (Vec::new(), Vec::new());
    for (point, input) in park.points.iter().filter(|(_, input)| input.terms.enrolled) {
        let (terms, tranches) = (&input.terms, &settlement.points[point].tranches);
        let quote = |quantity, limit: i64| Quote {
            key: (),
            quantity,
            limit: Price(limit),
        };
        let bid_limit = terms.bid_limit.unwrap_or(Price(i64::MAX));
        asks.push(quote(
            tranches.green,
            park.terms.feed_in.max(terms.ask_limit).0,
        ));
        asks.push(quote(
            tranches.other,
            park.terms.export.max(terms.ask_limit).0,
        ));
        asks.push(quote(tranches.long, l.max(terms.ask_limit).0));
        bids.push(quote(
            tranches.need,
            terms.retail.min(bid_limit).0 - park.terms.wheeling.0,
        ));
        bids.push(quote(tranches.short, h.min(bid_limit).0));
    }
    let prices = asks.iter().chain(&bids).map(|quote| quote.limit);
    let traded = prices.map(|price| {
        let supply: i64 = asks
            .iter()
            .filter(|a| a.limit <= price)
            .map(|a| a.quantity.0)
            .sum();
        let demand: i64 = bids
            .iter()
            .filter(|b| b.limit >= price)
            .map(|b| b.quantity.0)
            .sum();
        supply.min(demand)
    });
    traded.max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// `settle` checks invariants 1 to 6 itself, so that an answer is the proof.
    #[test]
    fn every_park_settles_with_all_invariants(park in trading_park()) {
        let settlement = settle(&park.terms, &park.points);
        prop_assert!(settlement.is_ok(), "{settlement:?}");
    }

    #[test]
    fn every_kind_of_posting_sums_to_zero_and_clearing_ends_empty(park in trading_park()) {
        let settlement = settled(&park);
        let mut kinds: BTreeMap<PostingKind, i64> = BTreeMap::new();
        let mut clearing = 0;
        for posting in &settlement.postings {
            prop_assert_ne!(posting.amount, Money::ZERO);
            *kinds.entry(posting.kind).or_default() += posting.amount.0;
            if posting.account == Account::Clearing {
                clearing += posting.amount.0;
            }
        }
        prop_assert!(kinds.values().all(|sum| *sum == 0));
        prop_assert_eq!(clearing, 0);
    }

    /// The guarantee of SETTLEMENT.md, invariant 3, computed here from the readings alone.
    #[test]
    fn without_forward_trades_nobody_is_worse_off_than_with_the_grid_alone(park in idle_park()) {
        let settlement = settled(&park);
        for (point, input) in &park.points {
            let energy = &input.energy;
            let flow_in = energy.generation.0 + energy.discharge.0 - energy.charge.0;
            let net = match energy.connection {
                Some(connection) => connection.export.0 - connection.import.0,
                None => flow_in - energy.load.0,
            };
            let follows = energy.connection.is_some();
            let load = if follows { (flow_in - net).max(0) } else { energy.load.0 };
            let beyond_load = (energy.generation.0 - load).max(0);
            let green = (beyond_load - energy.charge.0).max(0).min(net.max(0));
            let alone = green * park.terms.feed_in.0
                + (net.max(0) - green) * park.terms.export.0
                + net.min(0) * input.terms.retail.0;
            let credit = settlement.points[point].credit.0;
            prop_assert_eq!(settlement.points[point].grid_alone.0, alone);
            prop_assert!(credit >= alone, "{point}: {credit} < {alone}");
            if !input.terms.enrolled {
                prop_assert_eq!(credit, alone);
            }
        }
        prop_assert_eq!(settlement.totals.long, WattHours::ZERO);
        prop_assert_eq!(settlement.totals.short, WattHours::ZERO);
    }

    /// The table of step 2, read watt-hour class by watt-hour class: a sale takes the green
    /// surplus, then the other, then becomes short; a purchase covers the need, then becomes long.
    #[test]
    fn contracts_are_served_in_the_order_of_the_table(park in trading_park()) {
        let settlement = settled(&park);
        for (point, input) in &park.points {
            let found = &settlement.points[point];
            let mut left = [found.green.surplus.0, found.surplus.0 - found.green.surplus.0];
            let contracted = input.position.sold.0 - input.position.bought.0;
            let mut to_serve = contracted.max(0);
            for available in &mut left {
                let served = to_serve.min(*available);
                *available -= served;
                to_serve -= served;
            }
            let covered = found.need.0.min((-contracted).max(0));
            let expected = wattle_market::settlement::Tranches {
                green: WattHours(left[0]),
                other: WattHours(left[1]),
                long: WattHours((-contracted).max(0) - covered),
                need: WattHours(found.need.0 - covered),
                short: WattHours(to_serve),
            };
            prop_assert_eq!(found.tranches, expected);
        }
    }

    #[test]
    fn own_limits_hold_in_the_pool(park in trading_park()) {
        let settlement = settled(&park);
        let Some(price) = settlement.pool_price else { return Ok(()) };
        for (point, input) in &park.points {
            let pool = &settlement.points[point].pool;
            let sold = pool.green.0 + pool.other.0 + pool.long.0;
            prop_assert!(sold == 0 || price >= input.terms.ask_limit);
            let bid_limit = input.terms.bid_limit.unwrap_or(Price(i64::MAX));
            prop_assert!(pool.short.0 == 0 || price <= bid_limit);
            prop_assert!(pool.need.0 == 0 || price.0 + park.terms.wheeling.0 <= bid_limit.0);
        }
    }

    #[test]
    fn the_pool_trades_as_much_as_any_price_allows(park in trading_park()) {
        let settlement = settled(&park);
        prop_assert_eq!(settlement.pool_volume.0, reference_pool(&park, &settlement));
    }

    /// `G = g1 + g2 + g` in both meter forms: no watt-hour is ever lost (step 1).
    #[test]
    fn no_generation_is_lost_in_either_meter_form(park in trading_park()) {
        for settled in settled(&park).points.values() {
            prop_assert_eq!(settled.green.lost, WattHours::ZERO);
        }
    }

    /// A connection meter that agrees with the load meter it replaces changes nothing.
    #[test]
    fn a_connection_meter_settles_like_the_load_meter_that_it_replaces(mut park in trading_park()) {
        for input in park.points.values_mut() {
            input.energy.connection = None;
        }
        let by_load = settled(&park);
        for (point, input) in &mut park.points {
            let net = by_load.points[point].net.0;
            input.energy.load = WattHours::ZERO;
            input.energy.connection = Some(wattle_market::settlement::ConnectionEnergy {
                import: WattHours(3 + (-net).max(0)),
                export: WattHours(3 + net.max(0)),
            });
        }
        prop_assert_eq!(settled(&park), by_load);
    }

    #[test]
    fn certificates_pair_like_ranges_laid_side_by_side(park in trading_park()) {
        let settlement = settled(&park);
        prop_assert_eq!(&settlement.transfers, &reference_pairing(&park, &settlement));
    }

    #[test]
    fn substitutes_give_and_get_no_certificates_and_do_not_change_money(park in trading_park()) {
        let settlement = settled(&park);
        let mut all_actual = park.clone();
        for input in all_actual.points.values_mut() {
            input.energy.actual = true;
        }
        let actual = settled(&all_actual);
        prop_assert_eq!(&settlement.postings, &actual.postings);
        prop_assert!(settlement.totals.certificates <= actual.totals.certificates);
        for (point, input) in park.points.iter().filter(|(_, input)| !input.energy.actual) {
            let settled = &settlement.points[point];
            prop_assert_eq!(settled.certified().surplus, WattHours::ZERO);
            prop_assert_eq!((settled.sent.0, settled.kept.0, settled.cancelled.0), (0, 0, 0));
            prop_assert!(settlement.transfers.iter().all(|t| t.from != *point && t.to != *point));
            prop_assert!(!input.energy.actual);
        }
    }

    /// With every reading actual, T is min(Σd, in) and forward intake comes first (step 8).
    #[test]
    fn certificates_reach_forward_intake_first(mut park in trading_park()) {
        for input in park.points.values_mut() {
            input.energy.actual = true;
        }
        let settlement = settled(&park);
        let sum = |quantity: &dyn Fn(&wattle_market::settlement::PointSettlement) -> WattHours| {
            settlement.points.values().map(|settled| quantity(settled).0).sum::<i64>()
        };
        let moving = sum(&|s| s.delivered_green).min(settlement.totals.received.0);
        prop_assert_eq!(settlement.totals.certificates.0, moving);
        prop_assert_eq!(sum(&|s| s.sent), moving);
        let forward = sum(&|s| s.forward_intake);
        for settled in settlement.points.values() {
            if moving >= forward {
                prop_assert!(settled.cancelled >= settled.forward_intake);
            } else {
                prop_assert!(settled.cancelled <= settled.forward_intake);
            }
        }
    }

    /// Larger ids in the same order are other names for the same points.
    #[test]
    fn renaming_points_in_their_order_renames_the_result(park in trading_park()) {
        let rename = |point: PointId| PointId(point.0 * 1_000 + 17);
        let points = park.points.iter().map(|(point, input)| (rename(*point), *input)).collect();
        let renamed = settled(&Park { terms: park.terms, points });
        let original = settled(&park);
        prop_assert_eq!(renamed.pool_price, original.pool_price);
        prop_assert_eq!(renamed.totals, original.totals);
        for (point, settled) in &original.points {
            prop_assert_eq!(&renamed.points[&rename(*point)], settled);
        }
        prop_assert_eq!(renamed.transfers.len(), original.transfers.len());
    }

    /// In another order only the odd watt-hours of a shared level may move.
    #[test]
    fn renaming_points_in_reverse_moves_only_odd_watt_hours(park in trading_park()) {
        let rename = |point: PointId| PointId(1_000 - point.0);
        let points = park.points.iter().map(|(point, input)| (rename(*point), *input)).collect();
        let renamed = settled(&Park { terms: park.terms, points });
        let original = settled(&park);
        prop_assert_eq!(renamed.pool_price, original.pool_price);
        prop_assert_eq!(renamed.pool_volume, original.pool_volume);
        for (point, one) in &original.points {
            let other = &renamed.points[&rename(*point)];
            prop_assert_eq!(one.tranches, other.tranches);
            prop_assert_eq!(one.grid_alone, other.grid_alone);
            let pairs = [
                (one.pool.green, other.pool.green),
                (one.pool.other, other.pool.other),
                (one.pool.long, other.pool.long),
                (one.pool.need, other.pool.need),
                (one.pool.short, other.pool.short),
            ];
            for (one, other) in pairs {
                prop_assert!((one.0 - other.0).abs() <= 1);
            }
        }
    }

    /// Invariant 7: initial and differences are the final run.
    #[test]
    fn differences_turn_one_run_into_another(park in trading_park(), later in trading_park()) {
        let initial = settled(&park);
        // The same points and trades, with readings from elsewhere.
        let mut corrected = park.clone();
        for (input, other) in corrected.points.values_mut().zip(later.points.values()) {
            input.energy = other.energy;
        }
        let last = settled(&corrected);
        let posted = differences(&initial.postings, &last.postings).unwrap();
        let mut books = initial.clone();
        books.postings.extend(&posted);
        prop_assert_eq!(sums(&books), sums(&last));
        prop_assert_eq!(posted.iter().map(|posting| posting.amount.0).sum::<i64>(), 0);
        prop_assert!(posted.iter().all(|posting| posting.kind != PostingKind::Forward));
        prop_assert_eq!(differences(&last.postings, &last.postings).unwrap(), vec![]);
    }

    #[test]
    fn a_settlement_survives_its_encodings(park in trading_park()) {
        let settlement = settled(&park);
        let config = bincode::config::legacy();
        let bytes = bincode::encode_to_vec(&settlement, config).unwrap();
        let decoded: (Settlement, usize) = bincode::decode_from_slice(&bytes, config).unwrap();
        prop_assert_eq!(decoded, (settlement.clone(), bytes.len()));
        let json = serde_json::to_string(&settlement).unwrap();
        prop_assert_eq!(serde_json::from_str::<Settlement>(&json).unwrap(), settlement);
    }
}
