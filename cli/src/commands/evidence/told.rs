//! What a verdict on evidence comes to, in words and as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use wattle_ledger::evidence::{Contradiction, Head, Signer, Verdict};
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::registration::{NodeId, Role};

use crate::output::printable;

/// A verdict as it is told.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    evidence: Hash,
    park: Hash,
    origin: String,
    /// Whether a policy named the park's log.
    pinned: bool,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum What {
    Events {
        convicted: PublicKey,
        role: Option<Role>,
        sequence: u64,
        events: Vec<ToldEvent>,
    },
    Heads {
        first: ToldHead,
        second: ToldHead,
        /// The root that the larger log has at the smaller size.
        prefix: Option<Hash>,
        convicted: Vec<ToldSigner>,
    },
}

#[derive(Debug, Serialize)]
struct ToldEvent {
    event: Hash,
    action: &'static str,
}

#[derive(Debug, Serialize)]
struct ToldHead {
    size: u64,
    root: Hash,
    sealed: bool,
    signers: Vec<ToldSigner>,
    unknown_lines: usize,
}

#[derive(Debug, Serialize)]
struct ToldSigner {
    node: Option<NodeId>,
    name: String,
    keys: Vec<&'static str>,
}

impl Told {
    pub(super) fn of(evidence: Hash, verdict: &Verdict) -> Told {
        let what = match &verdict.contradiction {
            Contradiction::Events {
                key,
                role,
                sequence,
                events,
            } => What::Events {
                convicted: *key,
                role: *role,
                sequence: *sequence,
                events: events
                    .iter()
                    .map(|(event, action)| ToldEvent {
                        event: *event,
                        action,
                    })
                    .collect(),
            },
            Contradiction::Heads {
                first,
                second,
                prefix,
                convicted,
            } => What::Heads {
                first: head(first),
                second: head(second),
                prefix: *prefix,
                convicted: signers(convicted),
            },
        };
        Told {
            evidence,
            park: verdict.park,
            origin: verdict.origin.clone(),
            pinned: verdict.is_pinned,
            what,
        }
    }

    pub(super) fn write(&self, writer: &mut dyn Write) -> io::Result<()> {
        match &self.what {
            What::Events {
                convicted,
                role,
                sequence,
                events,
            } => {
                let role = role.map_or_else(
                    || "the file does not say whose it is".to_owned(),
                    |role| format!("registered as {role}"),
                );
                writeln!(
                    writer,
                    "PROVED: the key {convicted} ({role})\nsigned two events with its sequence \
                     {sequence}:"
                )?;
                for event in events {
                    writeln!(writer, "  {}  {}", event.event, event.action)?;
                }
            }
            What::Heads {
                first,
                second,
                prefix,
                convicted,
            } => {
                writeln!(
                    writer,
                    "PROVED: the log was signed with two heads of which one is not of it:"
                )?;
                for head in [first, second] {
                    write_head(writer, head)?;
                }
                if let Some(prefix) = prefix {
                    let (small, large) = (first.size, second.size);
                    writeln!(
                        writer,
                        "The log of {large} entries has at {small} the root {prefix}."
                    )?;
                }
                write_convicted(writer, convicted, first.sealed && second.sealed)?;
            }
        }
        writeln!(
            writer,
            "log {}\npark {}",
            printable(&self.origin),
            self.park
        )?;
        self.write_limits(writer)
    }

    fn write_limits(&self, writer: &mut dyn Write) -> io::Result<()> {
        if !self.pinned {
            writeln!(
                writer,
                "The park is the one that the file names: compare its id with the one you know, \
                 or give --policy."
            )?;
        }
        let open = match &self.what {
            What::Events { .. } => {
                "who held the key (it may have been copied, or two programs used it), when he \
                 signed, and which of the two events stands in the log"
            }
            What::Heads { convicted, .. } if convicted.is_empty() => {
                "which of the two is the log's; nobody signed both, so the file convicts nobody \
                 by itself. Compare it with an export that verifies"
            }
            What::Heads { .. } => {
                "which of the two is the log's, whether the keys were stolen, and what the \
                 others that signed one of the two knew"
            }
        };
        writeln!(writer, "Not proved: {open}.")
    }
}

fn write_head(writer: &mut dyn Write, head: &ToldHead) -> io::Result<()> {
    let seal = if head.sealed { "sealed" } else { "no quorum" };
    let (size, root) = (head.size, head.root);
    writeln!(writer, "  size {size}  root {root}  {seal}")?;
    for signer in &head.signers {
        writeln!(writer, "    signed by {}", signer.text())?;
    }
    match head.unknown_lines {
        0 => Ok(()),
        lines => writeln!(
            writer,
            "    and {lines} lines of keys that nobody here knows"
        ),
    }
}

fn write_convicted(
    writer: &mut dyn Write,
    convicted: &[ToldSigner],
    is_fork: bool,
) -> io::Result<()> {
    if is_fork {
        writeln!(
            writer,
            "Both are sealed: the log was forked, which takes all whom two quorums share."
        )?;
    }
    for signer in convicted {
        writeln!(writer, "CONVICTED: {} signed both", signer.text())?;
    }
    Ok(())
}

impl ToldSigner {
    fn text(&self) -> String {
        let keys = self.keys.join(" and ");
        match self.node {
            Some(node) => format!("node {node} ({keys})"),
            None => format!("{} ({keys})", printable(&self.name)),
        }
    }
}

fn head(head: &Head) -> ToldHead {
    ToldHead {
        size: head.size,
        root: head.root,
        sealed: head.is_sealed,
        signers: signers(&head.signers),
        unknown_lines: head.unknown,
    }
}

/// One line for each node, whichever of its keys signed, and for each other key.
fn signers<'a>(all: impl IntoIterator<Item = &'a Signer>) -> Vec<ToldSigner> {
    let mut told: BTreeMap<(bool, Option<NodeId>, String), ToldSigner> = BTreeMap::new();
    for signer in all {
        let name = if signer.node.is_some() {
            String::new()
        } else {
            signer.name.clone()
        };
        let place = (signer.node.is_none(), signer.node, name);
        let told = told.entry(place).or_insert_with(|| ToldSigner {
            node: signer.node,
            name: signer.name.clone(),
            keys: Vec::new(),
        });
        told.keys.push(if signer.is_cosigner {
            "cosigner key"
        } else {
            "log key"
        });
    }
    told.into_values().collect()
}
