//! Election timeouts from a seed.
//!
//! Raft draws a timeout from the thread's random numbers whenever it changes its role or term.
//! That would make two runs of one seed differ, so `consensus` replaces the timeout after
//! every call into Raft with the one that seed, node, term and role yield.

use raft::StateRole;
use wattle_ledger::registration::NodeId;

/// The timeout in ticks: at least `election_ticks`, less than twice that.
///
/// Another role or term is another campaign and has another timeout, and so has another node, so
/// that two candidates which once collided part ways.
pub fn timeout_ticks(
    seed: u64,
    election_ticks: usize,
    node: NodeId,
    campaign: (u64, StateRole),
) -> usize {
    let (term, role) = campaign;
    let role = match role {
        StateRole::Follower => 0,
        StateRole::PreCandidate => 1,
        StateRole::Candidate => 2,
        StateRole::Leader => 3,
    };
    let mixed = [node.0, term, role]
        .into_iter()
        .fold(mix(seed), |sum, part| mix(sum ^ part));
    let span = election_ticks as u64;
    election_ticks + usize::try_from(mixed % span).expect("less than a count of ticks")
}

/// The output function of SplitMix64 (Steele, Lea and Flood, 2014): every input bit reaches every
/// output bit.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [StateRole; 4] = [
        StateRole::Follower,
        StateRole::PreCandidate,
        StateRole::Candidate,
        StateRole::Leader,
    ];

    #[test]
    fn equal_seeds_yield_equal_timeouts_within_bounds() {
        for term in 0..200 {
            for role in ROLES {
                for node in 1..8 {
                    let ticks = timeout_ticks(9, 10, NodeId(node), (term, role));
                    assert!((10..20).contains(&ticks));
                    assert_eq!(ticks, timeout_ticks(9, 10, NodeId(node), (term, role)));
                }
            }
        }
    }

    #[test]
    fn seed_node_term_and_role_all_matter() {
        let differ = |other: &dyn Fn(u64) -> usize, base: &dyn Fn(u64) -> usize| {
            (0..100).filter(|term| other(*term) != base(*term)).count() > 50
        };
        let base = |term| timeout_ticks(1, 10, NodeId(1), (term, StateRole::Follower));
        assert!(differ(
            &|term| timeout_ticks(2, 10, NodeId(1), (term, StateRole::Follower)),
            &base
        ));
        assert!(differ(
            &|term| timeout_ticks(1, 10, NodeId(2), (term, StateRole::Follower)),
            &base
        ));
        assert!(differ(
            &|term| timeout_ticks(1, 10, NodeId(1), (term + 1, StateRole::Follower)),
            &base
        ));
        assert!(differ(
            &|term| timeout_ticks(1, 10, NodeId(1), (term, StateRole::Candidate)),
            &base
        ));
    }

    #[test]
    fn every_timeout_occurs() {
        let seen: std::collections::BTreeSet<usize> = (0..400)
            .map(|term| timeout_ticks(3, 10, NodeId(1), (term, StateRole::Follower)))
            .collect();
        assert_eq!(
            seen.into_iter().collect::<Vec<_>>(),
            (10..20).collect::<Vec<_>>()
        );
    }
}
