//! Sums over the leaves: what a person wants to know of a park's days.
//!
//! The figures are read from the leaves that the verification reads, so they are as good as its
//! verdict.

use crate::derived::{BundleState, Fact};
use crate::entry::Entry;
use crate::event::{Action, SignedEvent};
use crate::genesis::Genesis;
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::registration::{CarbonFactor, NodeId, ParticipantId, Role};
use crate::state::State;
use crate::verify::replay::Leaf;
use std::collections::{BTreeMap, BTreeSet};
use wattle_market::interval::DeliveryInterval;
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::settlement::{Account, PointSettlement, PostingKind};
use wattle_market::units::{Money, Price, WattHours};

/// Sums over a log. Energies in Wh, money in nano-yuan.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Summary {
    /// The park's name.
    pub park: String,
    /// The park's local clock, minutes ahead of UTC.
    pub utc_offset_minutes: i16,
    /// Leaves by kind.
    pub entries: BTreeMap<&'static str, u64>,
    /// Bytes of all leaves.
    pub leaf_bytes: u64,
    /// Signatures by authors and leaders.
    pub signatures: u64,
    /// Settled intervals.
    pub intervals: BTreeSet<DeliveryInterval>,
    /// Intervals that wait for the registrar.
    pub held: BTreeSet<DeliveryInterval>,
    /// Intervals that the final run adjusted.
    pub adjusted: BTreeSet<DeliveryInterval>,
    /// Local months, as year and month, all of whose intervals are final.
    pub closed_months: Vec<(i64, u8)>,
    /// Call auctions in which something was traded.
    pub clearings: Vec<ClearingSummary>,
    /// Continuous intervals in which something was traded, at their average prices.
    pub continuous: Vec<ClearingSummary>,
    /// Intervals of joint auctions in which something was traded.
    pub joint: Vec<ClearingSummary>,
    /// Bundles of joint auctions.
    pub bundles: BundlesSummary,
    /// Participants by id.
    pub participants: BTreeMap<ParticipantId, ParticipantSummary>,
    /// Postings to the park's own accounts, by account.
    pub park_accounts: BTreeMap<&'static str, i128>,
    /// Matched in the surplus pool.
    pub pool_volume: WattHours,
    /// Solar energy used within the park, on the roof's own point or a neighbor's, times the
    /// factor in force, in micrograms: mg/kWh × Wh needs no rounding.
    pub carbon_avoided_ug: i128,
    /// The factors that were applied.
    pub factors: Vec<CarbonFactor>,
    /// Whom recorded evidence convicts, in the order of the log.
    pub convictions: Vec<ConvictionSummary>,
}

/// Recorded evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ConvictionSummary {
    /// The leaf that says so; the event with the evidence is the one before.
    pub entry: u64,
    /// SHA-256 of the evidence file.
    pub evidence: Hash,
    /// Who.
    #[serde(flatten)]
    pub whom: Convicted,
}

/// Who signed two things of which at most one can be true.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "convicted", rename_all = "snake_case")]
pub enum Convicted {
    /// A key that used a sequence twice.
    Key {
        /// The key.
        key: PublicKey,
        /// What it is registered for.
        role: Role,
        /// The sequence.
        sequence: u64,
        /// Whether it was frozen for it.
        frozen: bool,
    },
    /// Nodes that signed two heads of the log.
    Nodes {
        /// Which.
        nodes: Vec<NodeId>,
        /// Leaves of the two heads.
        sizes: [u64; 2],
    },
}

/// What became of bundles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct BundlesSummary {
    /// Accepted.
    pub accepted: u64,
    /// Rejected.
    pub rejected: u64,
    /// Those of them that would have been profitable at the final prices.
    pub profitable: u64,
    /// Left out, because the market was halted in one of their intervals.
    pub left_out: u64,
}

/// One call auction, or all continuous trades of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ClearingSummary {
    /// The delivery interval.
    pub interval: DeliveryInterval,
    /// The price.
    pub price: Price,
    /// Watt-hours traded.
    pub volume: WattHours,
}

/// One participant's sums over all his points.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ParticipantSummary {
    /// His name.
    pub name: String,
    /// His points.
    pub points: BTreeSet<PointId>,
    /// Generated.
    pub generated: WattHours,
    /// Used (storage aside).
    pub used: WattHours,
    /// Generated and used at the same point at once.
    pub self_used: WattHours,
    /// Sold in auctions and continuous trades.
    pub sold_forward: WattHours,
    /// Bought in auctions and continuous trades.
    pub bought_forward: WattHours,
    /// Given to the surplus pool.
    pub pool_sold: WattHours,
    /// Taken from the surplus pool.
    pub pool_bought: WattHours,
    /// Need covered from within the park.
    pub received: WattHours,
    /// Surplus that went to the grid.
    pub exported: WattHours,
    /// Need that the grid covered.
    pub imported: WattHours,
    /// Certificates sent to neighbors.
    pub certificates_sent: WattHours,
    /// Certificates cancelled against own need.
    pub certificates_cancelled: WattHours,
    /// Sum of settlement postings: below zero, he paid.
    pub credit: Money,
    /// The same readings with the grid alone.
    pub grid_alone: Money,
    /// Deposits less withdrawals.
    pub funds: Money,
    /// Demand charges and fixed fees of closed months, as he paid them.
    pub charges: Money,
    /// Taken of his gains for others' defaults.
    pub cut: Money,
    /// Of what he did not pay, borne by others.
    pub covered: Money,
    /// Residue that he received as its owner.
    pub residue: Money,
    /// Point-intervals settled on a substitute.
    pub substituted: u64,
}

fn conviction(entry: u64, fact: &Fact) -> Option<ConvictionSummary> {
    let (evidence, whom) = match fact {
        Fact::KeyConvicted {
            key,
            role,
            sequence,
            evidence,
            frozen,
        } => {
            let (key, role, sequence, frozen) = (*key, *role, *sequence, *frozen);
            let whom = Convicted::Key {
                key,
                role,
                sequence,
                frozen,
            };
            (*evidence, whom)
        }
        Fact::NodesConvicted {
            nodes,
            first_size,
            second_size,
            evidence,
            ..
        } => {
            let (nodes, sizes) = (nodes.clone(), [*first_size, *second_size]);
            (*evidence, Convicted::Nodes { nodes, sizes })
        }
        _ => return None,
    };
    Some(ConvictionSummary {
        entry,
        evidence,
        whom,
    })
}

fn add(sum: &mut WattHours, value: WattHours) {
    sum.0 += value.0;
}

impl Summary {
    pub(crate) fn found(genesis: &Genesis) -> Summary {
        Summary {
            park: genesis.body().name.clone(),
            utc_offset_minutes: genesis.body().utc_offset_minutes,
            ..Summary::default()
        }
    }

    /// Sums that begin with the next leaf, for the participants that a state knows.
    pub(crate) fn continued(genesis: &Genesis, state: &State) -> Summary {
        let mut summary = Summary::found(genesis);
        for (id, participant) in state.registry.participants().iter() {
            let row = summary.participants.entry(*id).or_default();
            row.name.clone_from(&participant.name);
        }
        summary
    }

    /// Sums over all participants.
    pub fn total<T: std::iter::Sum>(&self, of: impl Fn(&ParticipantSummary) -> T) -> T {
        self.participants.values().map(of).sum()
    }

    pub(crate) fn leaf(&mut self, leaf: &Leaf) {
        *self.entries.entry(leaf.entry.kind()).or_default() += 1;
        self.leaf_bytes += leaf.bytes.len() as u64;
        match &leaf.entry {
            Entry::Batch { .. } => self.signatures += 1,
            Entry::Event { signed, outcome } => {
                self.signatures += 1;
                self.event(signed, outcome);
            }
            Entry::Derived {
                participant, fact, ..
            } => {
                self.fact(*participant, fact);
                self.convictions.extend(conviction(leaf.index, fact));
            }
            Entry::Genesis(_) | Entry::Seal { .. } | Entry::Voters { .. } => {}
        }
    }

    fn event(&mut self, signed: &[u8], outcome: &[u16]) {
        let Ok(event) = SignedEvent::parse(signed) else {
            return;
        };
        if let (Action::RegisterParticipant(participant), [0]) = (&event.body().action, outcome) {
            let row = self.participants.entry(participant.id).or_default();
            row.name.clone_from(&participant.name);
        }
    }

    fn fact(&mut self, participant: Option<ParticipantId>, fact: &Fact) {
        if let Some(participant) = participant {
            self.participants.entry(participant).or_default().fact(fact);
        }
        match fact {
            Fact::IntervalCleared {
                interval,
                price: Some(price),
                volume,
                ..
            } => {
                let (interval, price, volume) = (*interval, *price, *volume);
                self.clearings.push(ClearingSummary {
                    interval,
                    price,
                    volume,
                });
            }
            Fact::ContinuousClosed {
                interval, traded, ..
            } => self
                .continuous
                .extend(traded.price.map(|price| ClearingSummary {
                    interval: *interval,
                    price,
                    volume: traded.volume,
                })),
            Fact::JointCleared {
                intervals,
                accepted,
                rejected,
                profitable,
                left_out,
                ..
            } => {
                self.joint
                    .extend(intervals.iter().map(|one| ClearingSummary {
                        interval: one.interval,
                        price: one.price,
                        volume: one.volume,
                    }));
                self.bundles.accepted += u64::from(*accepted);
                self.bundles.rejected += u64::from(*rejected);
                self.bundles.profitable += u64::from(*profitable);
                self.bundles.left_out += u64::from(*left_out);
            }
            Fact::PointSettled { .. } => {}
            Fact::IntervalSettled {
                interval,
                factor,
                pool_volume,
                postings,
                ..
            } => {
                self.intervals.insert(*interval);
                add(&mut self.pool_volume, *pool_volume);
                self.park_postings(postings);
                if !self.factors.contains(factor) {
                    self.factors.push(factor.clone());
                }
            }
            Fact::SettlementHeld { interval, .. } => {
                self.held.insert(*interval);
            }
            Fact::IntervalAdjusted {
                interval,
                factor,
                pool_volume_before,
                pool_volume,
                postings,
                ..
            } => {
                self.intervals.insert(*interval);
                self.held.remove(interval);
                self.adjusted.insert(*interval);
                let more = pool_volume.0.saturating_sub(pool_volume_before.0);
                self.pool_volume.0 = self.pool_volume.0.saturating_add(more);
                self.park_postings(postings);
                if !self.factors.contains(factor) {
                    self.factors.push(factor.clone());
                }
            }
            Fact::RunHeld { interval, .. } => {
                self.held.insert(*interval);
            }
            Fact::MonthClosed { year, month, .. } => {
                self.closed_months.push((*year, *month));
            }
            Fact::MonthBalanced { demand, fees, .. } => {
                self.park_posting("grid", i128::from(demand.0));
                self.park_posting("fees", i128::from(fees.0));
            }
            Fact::UtilityBilled { bill, residue, .. } => {
                self.park_billed(bill.amount, *residue, 1);
            }
            Fact::UtilityBillReversed {
                amount, residue, ..
            } => self.park_billed(*amount, *residue, -1),
            Fact::ResidueMoved { amount } => self.park_posting("residue", -i128::from(amount.0)),
            Fact::DefaultCovered { from_balancing, .. } => {
                self.park_posting("balancing", -i128::from(from_balancing.0));
            }
            _ => {}
        }
    }

    fn park_posting(&mut self, account: &'static str, amount: i128) {
        *self.park_accounts.entry(account).or_default() += amount;
    }

    /// A bill with the residue that it leaves, or with sign −1 its opposite.
    fn park_billed(&mut self, amount: Money, residue: Money, sign: i128) {
        let (amount, residue) = (i128::from(amount.0), i128::from(residue.0));
        self.park_posting("grid", -sign * (amount + residue));
        self.park_posting("residue", sign * residue);
    }

    fn park_postings(&mut self, postings: &[(Account, PostingKind, Money)]) {
        for (account, _, amount) in postings {
            let name = match account {
                Account::Clearing => "clearing",
                Account::Grid => "grid",
                Account::Balancing => "balancing",
                Account::Network => "network",
                // A point's postings stand in its own leaf.
                Account::Point(_) => continue,
            };
            *self.park_accounts.entry(name).or_default() += i128::from(amount.0);
        }
    }

    /// Counts the carbon of one batch: settlement lines with the factor of their interval.
    pub(crate) fn count_carbon(&mut self, leaves: &[Leaf]) {
        let mut solar: BTreeMap<DeliveryInterval, i128> = BTreeMap::new();
        for leaf in leaves {
            let Entry::Derived { fact, .. } = &leaf.entry else {
                continue;
            };
            match fact {
                Fact::PointSettled { interval, line, .. } => {
                    *solar.entry(*interval).or_default() += solar_used(line);
                }
                Fact::PointAdjusted {
                    interval,
                    before,
                    line,
                    ..
                } => {
                    let before = before.as_deref().map_or(0, solar_used);
                    *solar.entry(*interval).or_default() += solar_used(line) - before;
                }
                Fact::IntervalSettled {
                    interval, factor, ..
                }
                | Fact::IntervalAdjusted {
                    interval, factor, ..
                } => {
                    let used = solar.get(interval).copied().unwrap_or(0);
                    self.carbon_avoided_ug += used * i128::from(factor.milligrams_per_kwh);
                }
                _ => {}
            }
        }
    }
}

/// Certified generation used within the park: at the point itself or delivered to a neighbor.
fn solar_used(line: &PointSettlement) -> i128 {
    i128::from(line.certified().self_used.0) + i128::from(line.sent.0)
}

impl ParticipantSummary {
    fn fact(&mut self, fact: &Fact) {
        match fact {
            Fact::PointSettled {
                point,
                substituted,
                line,
                ..
            } => {
                self.points.insert(*point);
                self.substituted += u64::from(!substituted.is_empty());
                self.line(line, 1);
            }
            Fact::PointAdjusted {
                point,
                substituted,
                before,
                line,
                ..
            } => {
                self.points.insert(*point);
                self.substituted += u64::from(!substituted.is_empty());
                self.line(line, 1);
                if let Some(before) = before {
                    let was = u64::from(!before.actual);
                    self.substituted = self.substituted.saturating_sub(was);
                    self.line(before, -1);
                }
            }
            Fact::OrderClosed { item, filled, .. }
            | Fact::OrderMatched { item, filled, .. }
            | Fact::JointFilled { item, filled, .. } => self.forward(item.side, *filled),
            Fact::BundleClosed {
                legs,
                state: BundleState::Accepted,
                ..
            } => {
                for leg in legs {
                    self.forward(leg.side, leg.quantity);
                }
            }
            Fact::FundsMoved { amount } => self.funds.0 = self.funds.0.saturating_add(amount.0),
            Fact::MonthInvoiced { demand, fees, .. } => {
                let sum = demand.0.saturating_add(fees.0);
                self.charges.0 = self.charges.0.saturating_add(sum);
            }
            Fact::GainCut { cut, .. } => self.cut.0 = self.cut.0.saturating_add(cut.0),
            Fact::DefaultCovered {
                from_balancing,
                from_gains,
                ..
            } => {
                let sum = from_balancing.0.saturating_add(from_gains.0);
                self.covered.0 = self.covered.0.saturating_add(sum);
            }
            Fact::ResidueMoved { amount } => {
                self.residue.0 = self.residue.0.saturating_add(amount.0);
            }
            _ => {}
        }
    }

    fn forward(&mut self, side: Side, traded: WattHours) {
        match side {
            Side::Sell => add(&mut self.sold_forward, traded),
            Side::Buy => add(&mut self.bought_forward, traded),
        }
    }

    /// Counts a line with a sign: one that a later run replaced is taken off again.
    fn line(&mut self, line: &PointSettlement, sign: i64) {
        let add = |sum: &mut WattHours, value: WattHours| {
            sum.0 = sum.0.saturating_add(sign.saturating_mul(value.0))
        };
        let green = &line.green;
        for part in [green.self_used, green.stored, green.surplus, green.lost] {
            add(&mut self.generated, part);
        }
        add(&mut self.used, line.load);
        add(&mut self.self_used, green.self_used);
        for part in [line.pool.green, line.pool.other, line.pool.long] {
            add(&mut self.pool_sold, part);
        }
        for part in [line.pool.need, line.pool.short] {
            add(&mut self.pool_bought, part);
        }
        add(&mut self.received, line.received);
        add(&mut self.exported, line.unmatched.green);
        add(&mut self.exported, line.unmatched.other);
        add(&mut self.imported, line.unmatched.need);
        add(&mut self.certificates_sent, line.sent);
        add(&mut self.certificates_cancelled, line.cancelled);
        // A leaf may say anything; that it says it is for others to find.
        let signed = |sum: &mut Money, value: Money| {
            sum.0 = sum.0.saturating_add(sign.saturating_mul(value.0))
        };
        signed(&mut self.credit, line.credit);
        signed(&mut self.grid_alone, line.grid_alone);
    }
}
