//! The network between replicas: delay, loss, doubling, strays and partitions.

use crate::options::Options;
use crate::random::Stream;
use std::collections::BTreeSet;
use wattle_ledger::registration::NodeId;

/// Decides when a message arrives, and whether.
#[derive(Debug)]
pub struct Network {
    stream: Stream,
    /// Directions in which nothing gets through.
    cut: BTreeSet<(NodeId, NodeId)>,
    nodes: Vec<NodeId>,
    is_healed: bool,
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Milliseconds until it arrives.
    pub delay_ms: u64,
    /// The node to whose connection it is bound when it arrives.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The message.
    pub bytes: Vec<u8>,
}

/// What became of a message that was handed to the network.
#[derive(Debug, Default)]
pub struct Fate {
    /// Its copies on their way; none if it was lost.
    pub letters: Vec<Letter>,
    /// Whether the sender is told that the connection broke.
    pub is_reported: bool,
}

/// Delays after faults end: far below an election timeout.
const HEALED_DELAY_MOST_MS: u64 = 40;

impl Network {
    /// A network without partitions.
    pub fn new(seed: u64, nodes: Vec<NodeId>) -> Network {
        let stream = Stream::new(seed, "network");
        Network {
            stream,
            cut: BTreeSet::new(),
            nodes,
            is_healed: false,
        }
    }

    /// Takes a message.
    pub fn send(&mut self, options: &Options, from: NodeId, to: NodeId, bytes: Vec<u8>) -> Fate {
        if self.is_healed {
            let delay_ms = self.stream.between(1, HEALED_DELAY_MOST_MS);
            let letters = vec![Letter {
                delay_ms,
                from,
                to,
                bytes,
            }];
            return Fate {
                letters,
                is_reported: false,
            };
        }
        if self.cut.contains(&(from, to)) || self.stream.chance(options.lost) {
            return Fate {
                letters: Vec::new(),
                is_reported: self.stream.chance(100),
            };
        }
        let mut letters = Vec::new();
        for copy in 0..2 {
            if copy == 1 && !self.stream.chance(options.doubled) {
                break;
            }
            let delay_ms = self
                .stream
                .between(options.delay_least_ms, options.delay_most_ms);
            letters.push(Letter {
                delay_ms,
                from,
                to,
                bytes: bytes.clone(),
            });
        }
        if self.stream.chance(options.strayed) {
            letters.push(self.stray(from, to, bytes));
        }
        Fate {
            letters,
            is_reported: false,
        }
    }

    /// A copy that an honest node could never have sent like this: from the wrong node, or with
    /// its first bytes damaged so that nothing can be read from it.
    fn stray(&mut self, from: NodeId, to: NodeId, mut bytes: Vec<u8>) -> Letter {
        let delay_ms = self.stream.between(1, 200);
        let others: Vec<NodeId> = self
            .nodes
            .iter()
            .copied()
            .filter(|node| *node != from && *node != to)
            .collect();
        if !others.is_empty() && self.stream.chance(500) {
            let from = *self.stream.pick(&others);
            return Letter {
                delay_ms,
                from,
                to,
                bytes,
            };
        }
        if self.stream.chance(300) {
            return Letter {
                delay_ms,
                from: NodeId(99),
                to,
                bytes,
            };
        }
        let damage = bytes.len().min(4);
        bytes[..damage].fill(0xff);
        Letter {
            delay_ms,
            from,
            to,
            bytes,
        }
    }

    /// A node has come.
    pub fn add(&mut self, node: NodeId) {
        self.nodes.push(node);
    }

    /// Draws another partition, or none.
    pub fn change_partition(&mut self) {
        self.cut.clear();
        if self.nodes.len() < 2 {
            return;
        }
        let nodes = self.nodes.clone();
        match self.stream.below(5) {
            0 | 1 => {}
            2 => {
                let alone = *self.stream.pick(&nodes);
                self.cut_between(|node| node == alone);
            }
            3 => {
                let side: Vec<NodeId> = nodes
                    .iter()
                    .copied()
                    .filter(|_| self.stream.chance(500))
                    .collect();
                self.cut_between(|node| side.contains(&node));
            }
            _ => {
                // One way only: what goes out gets through, what should come in does not.
                for from in &nodes {
                    for to in &nodes {
                        if from != to && self.stream.chance(250) {
                            self.cut.insert((*from, *to));
                        }
                    }
                }
            }
        }
    }

    fn cut_between(&mut self, is_on_one_side: impl Fn(NodeId) -> bool) {
        for from in &self.nodes {
            for to in &self.nodes {
                if is_on_one_side(*from) != is_on_one_side(*to) {
                    self.cut.insert((*from, *to));
                }
            }
        }
    }

    /// Ends all faults.
    pub fn heal(&mut self) {
        self.cut.clear();
        self.is_healed = true;
    }
}
