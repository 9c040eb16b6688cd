//! Sharing a whole number of watt-hours in proportion, by the largest remainder.

use crate::units::WattHours;

/// `Share(T, q[k])` of SETTLEMENT.md, "Units": gives `total` to the keys in proportion to their
/// quantities, whole watt-hours, nobody more than his quantity.
///
/// Each key first gets `⌊T·q/Q⌋`. The watt-hours left over go one each to the largest remainders
/// of that division, ties to the smaller key. The answer keeps the order of `quantities`, with
/// one element for each; it is all zero if every quantity is zero. The keys must be distinct, or
/// else a tie between equal keys falls to the one that stands first.
///
/// # Panics
/// If a quantity is negative, or `total` is not between zero and the sum of the quantities.
pub fn share<K: Ord + Clone>(
    total: WattHours,
    quantities: &[(K, WattHours)],
) -> Vec<(K, WattHours)> {
    let sum: i128 = quantities
        .iter()
        .map(|(_, quantity)| i128::from(quantity.0))
        .sum();
    assert!(
        i128::from(total.0) <= sum,
        "no more can be shared than all quantities together"
    );
    proportion(total, quantities)
}

/// The rule of [`share`] without its upper bound: here quantities are weights, and a key may get
/// more than its weight. Used where a known total is spread over a gap (SETTLEMENT.md, "Runs").
/// All zero if every weight is zero.
///
/// # Panics
/// If a weight or `total` is negative.
pub(crate) fn proportion<K: Ord + Clone>(
    total: WattHours,
    weights: &[(K, WattHours)],
) -> Vec<(K, WattHours)> {
    assert!(total.0 >= 0, "a negative total cannot be shared");
    assert!(
        weights.iter().all(|(_, weight)| weight.0 >= 0),
        "a weight cannot be negative"
    );
    let sum: i128 = weights.iter().map(|(_, weight)| i128::from(weight.0)).sum();
    if sum == 0 {
        return weights
            .iter()
            .map(|(key, _)| (key.clone(), WattHours::ZERO))
            .collect();
    }
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    let mut left_over = i128::from(total.0);
    for (index, (key, weight)) in weights.iter().enumerate() {
        let product = i128::from(total.0) * i128::from(weight.0);
        let (base, remainder) = divide(product, sum);
        left_over -= base;
        // A part is at most the total, since no weight exceeds the sum: it fits.
        parts.push((key.clone(), WattHours(base as i64)));
        remainders.push((remainder, index));
    }
    // The remainders add up to left_over · sum and each is below sum: there are more keys with a
    // remainder than watt-hours left over, so that none goes to a key without one.
    assert!(
        left_over >= 0 && left_over < weights.len() as i128,
        "remainders are below the sum"
    );
    let left_over = left_over as usize;
    if left_over > 0 {
        // Who comes first among those that get one makes no difference, so nothing is sorted.
        remainders.select_nth_unstable_by(
            left_over - 1,
            |(left, left_index), (right, right_index)| {
                let by_key = || weights[*left_index].0.cmp(&weights[*right_index].0);
                let by_index = || left_index.cmp(right_index);
                right.cmp(left).then_with(by_key).then_with(by_index)
            },
        );
    }
    for (remainder, index) in remainders.into_iter().take(left_over) {
        assert!(remainder > 0, "only a remainder earns a watt-hour");
        parts[index].1.0 += 1;
    }
    parts
}

/// Quotient and remainder, in 64 bits wherever both numbers fit: a division of 128 bits takes many
/// times as long.
fn divide(product: i128, sum: i128) -> (i128, i128) {
    match (u64::try_from(product), u64::try_from(sum)) {
        (Ok(product), Ok(sum)) => ((product / sum).into(), (product % sum).into()),
        _ => (product / sum, product % sum),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shared(total: i64, quantities: &[i64]) -> Vec<i64> {
        let keyed: Vec<_> = quantities
            .iter()
            .map(|q| WattHours(*q))
            .enumerate()
            .collect();
        share(WattHours(total), &keyed)
            .into_iter()
            .map(|(_, part)| part.0)
            .collect()
    }

    #[test]
    fn left_over_units_go_to_the_largest_remainder_and_ties_to_the_smaller_key() {
        // 5·1/7 = 0 rest 5, 5·2/7 = 1 rest 3, 5·4/7 = 2 rest 6: two units to the 3rd and 1st.
        assert_eq!(shared(5, &[1, 2, 4]), [1, 1, 3]);
        assert_eq!(shared(2, &[1, 1, 1]), [1, 1, 0]);
        assert_eq!(shared(1, &[3, 3]), [1, 0]);
        assert_eq!(shared(0, &[3, 3]), [0, 0]);
        assert_eq!(shared(6, &[3, 3]), [3, 3]);
        assert_eq!(shared(0, &[0, 0]), [0, 0]);
        assert_eq!(shared(0, &[]), [0; 0]);
    }

    #[test]
    fn a_tie_follows_the_key_and_not_the_position() {
        let parts = share(WattHours(1), &[("b", WattHours(1)), ("a", WattHours(1))]);
        assert_eq!(parts, [("b", WattHours(0)), ("a", WattHours(1))]);
    }

    #[test]
    fn a_proportion_may_exceed_the_weights() {
        // 10·1/7 = 1 rest 3, 10·2/7 = 2 rest 6, 10·4/7 = 5 rest 5: two units to the 2nd and 3rd.
        let weights = [(0, WattHours(1)), (1, WattHours(2)), (2, WattHours(4))];
        let parts: Vec<_> = proportion(WattHours(10), &weights)
            .iter()
            .map(|p| p.1.0)
            .collect();
        assert_eq!(parts, [1, 3, 6]);
    }

    #[test]
    #[should_panic(expected = "no more can be shared")]
    fn more_than_everything_cannot_be_shared() {
        shared(7, &[3, 3]);
    }

    #[test]
    fn the_greatest_numbers_do_not_overflow() {
        let greatest = i64::MAX;
        assert_eq!(
            shared(greatest, &[greatest, greatest]),
            [greatest / 2 + 1, greatest / 2]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn parts_sum_to_the_total_and_stay_within_one_unit_of_proportion(
            quantities in prop::collection::vec(0i64..1000, 0..20),
            fraction in 0i64..=1000,
        ) {
            let sum: i64 = quantities.iter().sum();
            let total = sum * fraction / 1000;
            let parts = shared(total, &quantities);
            prop_assert_eq!(parts.iter().sum::<i64>(), total);
            for (part, quantity) in parts.iter().zip(&quantities) {
                prop_assert!(part <= quantity);
                prop_assert!((part * sum - total * quantity).abs() < sum.max(1));
            }
        }
    }
}
