//! The second phase: faults end, and everything must come together and be as it was told.

use super::{Happening, LAST_EVENT_TICK, LIVENESS_TICKS, PROMISE_TICKS, Simulation};
use crate::checkers::roots::Roots;
use crate::checkers::{money, sequences};
use crate::failure::Failure;
use crate::options::TICK_MS;
use wattle_ledger::derived::{Fact, TradeRole};
use wattle_ledger::entry::Entry;
use wattle_ledger::hash::Hash;
use wattle_replica::{Replica, Role};

impl Simulation {
    /// Ends all faults: clocks are set, connections hold, crashed nodes are started.
    pub(super) fn heal(&mut self) {
        self.is_healed = true;
        self.network.heal();
        self.clients.workload.stop_signing();
        for node in 0..self.nodes.len() {
            self.nodes[node].clock_off_ms = self.clocks.between(0, 40) as i64;
            if self.nodes[node].replica.is_none() && !self.nodes[node].is_dead {
                self.after(1, Happening::Start { node });
            }
        }
    }

    /// Runs until all promises are kept, a new event is recorded, everyone has his answer, and all
    /// nodes have the same log with the same seal.
    pub(super) fn run_to_convergence(&mut self) -> Result<(), Failure> {
        let mut last_event = None;
        let mut are_promises_kept = false;
        for tick in 1..=LIVENESS_TICKS {
            self.run_until((self.options.ticks + tick) * TICK_MS)?;
            if tick == LAST_EVENT_TICK {
                let time = self.park_time(0);
                last_event = Some(self.clients.workload.sign_last(time));
            }
            if !are_promises_kept {
                self.promises.read(self.log.leaves());
                let members = self.members();
                let open = self.promises.any_open(&members);
                are_promises_kept = open.is_none();
                if let Some(event) = open.filter(|_| tick == PROMISE_TICKS) {
                    let what = format!("event {event} was promised and is not in the log");
                    return Err(Failure::Liveness { what });
                }
                if are_promises_kept {
                    self.clients.workload.stop_trusting();
                }
            }
            if are_promises_kept && self.is_converged(last_event).is_ok() {
                return Ok(());
            }
        }
        let what = self.is_converged(last_event).err().unwrap_or_default();
        Err(Failure::Liveness { what })
    }

    /// Whether all has come together, or what has not.
    fn is_converged(&self, last_event: Option<Hash>) -> Result<(), String> {
        let last_event = last_event.ok_or("the last event is not signed")?;
        if self.clients.workload.is_open(&last_event) {
            return Err("the event signed after all faults has no outcome".to_owned());
        }
        let open = self.clients.workload.open_len();
        if open > 0 {
            return Err(format!("{open} events have no outcome"));
        }
        self.is_membership_settled()?;
        let (replicas, members) = (self.member_replicas(), self.members());
        if replicas.len() != members.len() {
            return Err("not all nodes run".to_owned());
        }
        if replicas
            .iter()
            .filter(|replica| replica.role() == Role::Leader)
            .count()
            != 1
        {
            return Err("there is not one leader".to_owned());
        }
        let size = self.log.leaves().len() as u64;
        for replica in &replicas {
            self.is_node_converged(replica, size)?;
        }
        Ok(())
    }

    fn is_node_converged(&self, replica: &Replica, size: u64) -> Result<(), String> {
        let node = replica.node();
        if !replica.is_ready() || self.log.size_of(node) != size {
            return Err(format!(
                "node {node} has {} of {size} leaves",
                self.log.size_of(node)
            ));
        }
        if replica.pending_len() + replica.queue_len() > 0 {
            return Err(format!("node {node} still carries events"));
        }
        let sealed = replica
            .sealed()
            .map_or(0, |sealed| sealed.checkpoint.size());
        if sealed != self.last_seal() || sealed != self.checkpoints.published_by(node) {
            return Err(format!(
                "node {node} has sealed {sealed} of {}",
                self.last_seal()
            ));
        }
        let cosigners = replica.sealed().map_or(0, |sealed| sealed.cosigners.len());
        let voters = replica.ledger().members().membership().voters;
        if cosigners != voters.len() {
            return Err(format!("node {node} has {cosigners} cosignatures"));
        }
        Ok(())
    }

    /// The size that ends with the log's last seal.
    fn last_seal(&self) -> u64 {
        let is_seal = |leaf: &Vec<u8>| matches!(Entry::decode(leaf), Ok(Entry::Seal { .. }));
        self.log
            .leaves()
            .iter()
            .rposition(is_seal)
            .map_or(0, |index| index as u64 + 1)
    }

    /// What the market did, for the statistics.
    pub(super) fn count_leaves(&mut self) {
        for leaf in self.log.leaves() {
            match Entry::decode(leaf) {
                Ok(Entry::Event { outcome, .. }) => {
                    let refused = outcome.iter().filter(|code| **code != 0);
                    self.statistics.refusals += refused.count() as u64;
                }
                Ok(Entry::Voters { .. }) => self.statistics.steps += 1,
                Ok(Entry::Derived {
                    fact: Fact::OrderClosed { filled, .. },
                    ..
                }) => {
                    self.statistics.trades += u64::from(filled.0 > 0);
                }
                Ok(Entry::Derived {
                    fact:
                        Fact::OrderMatched {
                            role: TradeRole::Taker,
                            ..
                        },
                    ..
                }) => {
                    self.statistics.matched += 1;
                }
                Ok(Entry::Derived {
                    fact: Fact::IntervalSettled { .. },
                    ..
                }) => {
                    self.statistics.settled += 1;
                }
                _ => {}
            }
        }
    }

    pub(super) fn replicas(&self) -> Vec<&Replica> {
        self.nodes
            .iter()
            .filter_map(|node| node.replica.as_ref())
            .collect()
    }

    /// Compares the log with what clients were told, and reads it from its beginning.
    pub(super) fn check_log(&self) -> Result<(), Failure> {
        self.acknowledgements.check_log(self.log.leaves())?;
        sequences::check(self.log.leaves())
    }

    /// Compares the nodes, which by now have the same log.
    pub(super) fn check_states(&self) -> Result<(), Failure> {
        let replicas = self.member_replicas();
        for replica in &replicas {
            money::check(replica.ledger())?;
        }
        Roots::compare_states(&replicas)
    }
}
