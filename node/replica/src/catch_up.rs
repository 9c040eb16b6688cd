//! A node that is behind what any leader keeps: it asks for leaves and computes the rest.
//!
//! The leader's manifest says which size and root the log has after an entry, and is trusted as
//! Raft trusts its leader. Leaves come from any peer, in pieces, each with the proof that it
//! belongs to the manifest's tree; only then is it applied, by the same rules as everywhere, with
//! every signature checked. So a lying peer costs a message, and a state that this node has not
//! computed itself never becomes its own. When all is here it makes a snapshot; once that is
//! durable Raft goes on after the manifest's entry. Until then Raft appends and commits nothing:
//! the ledger is ahead of its log.

use crate::limits::{
    CATCH_UP_BATCH_BYTES_MAX, PIECE_BYTES_MAX, PIECE_LEAVES_MAX, PROOF_HASHES_MAX,
};
use crate::message::{PeerMessage, Piece, RaftKind, RaftMessage};
use crate::output::{Alarm, EntryId, Output};
use crate::replica::Replica;
use crate::snapshot::{Manifest, Roster};
use wattle_ledger::ledger::begins_batch;
use wattle_ledger::log::proof::verify_consistency;
use wattle_ledger::log::tree::{Tree, leaf_hash};
use wattle_ledger::registration::NodeId;
use wattle_market::interval::Timestamp;

/// Times that every peer is asked before the leader may offer something else.
const ROUNDS_BEFORE_ANOTHER: usize = 2;

/// What a node that is behind is doing about it.
#[derive(Debug)]
pub(crate) struct CatchUp {
    manifest: Manifest,
    /// All leaves that are here and belong to the manifest's tree, with those of an open batch.
    tree: Tree,
    /// Leaves of a batch whose end is not here yet.
    batch: Vec<Vec<u8>>,
    batch_bytes: usize,
    /// Who is asked now, and the ticks until another one is.
    asked: NodeId,
    ticks: usize,
    /// How many in a row gave nothing of use.
    failures: usize,
    /// All is here and the snapshot is being written.
    is_storing: bool,
}

impl CatchUp {
    /// Leaves that there will be.
    pub(crate) fn target(&self) -> u64 {
        self.manifest.size
    }

    /// Whether nobody gives what the manifest asks for.
    fn is_stalled(&self) -> bool {
        !self.is_storing && self.failures > ROUNDS_BEFORE_ANOTHER * self.peers().len()
    }

    fn peers(&self) -> Vec<NodeId> {
        let roster = &self.manifest.roster;
        let all = roster.voters.iter().chain(&roster.learners).copied();
        all.filter(|peer| *peer != self.manifest.to).collect()
    }

    /// The peer after the one that was asked.
    fn next_peer(&self) -> NodeId {
        let peers = self.peers();
        let after = peers.iter().find(|peer| **peer > self.asked);
        *after.or(peers.first()).unwrap_or(&self.manifest.from)
    }

    /// The tree with a piece's leaves, if the piece belongs to the manifest's tree.
    fn prove(&self, piece: &Piece) -> Result<Tree, String> {
        let bytes: usize = piece.leaves.iter().map(Vec::len).sum();
        let left = self.manifest.size - self.tree.size();
        if piece.leaves.is_empty()
            || piece.leaves.len() > PIECE_LEAVES_MAX
            || piece.leaves.len() as u64 > left
            || bytes > PIECE_BYTES_MAX
            || piece.proof.len() > PROOF_HASHES_MAX
        {
            return Err("a piece of the history is longer than it may be, or empty".to_owned());
        }
        let mut tree = self.tree.clone();
        for leaf in &piece.leaves {
            tree.push(leaf_hash(leaf));
        }
        let (size, root) = (self.manifest.size, &self.manifest.root);
        verify_consistency(tree.size(), &tree.root(), size, root, &piece.proof)
            .map_err(|error| format!("a piece of the history: {error}"))?;
        Ok(tree)
    }
}

impl Replica {
    /// A leader's offer, which the guard has let pass.
    pub(crate) fn on_manifest(&mut self, manifest: Manifest) -> Result<(), String> {
        let is_old = manifest.term < self.consensus.term()
            || manifest.entry.index <= self.consensus.commit_index();
        let is_busy = self.catch_up.as_ref().is_some_and(|open| {
            !open.is_stalled() || manifest.entry.index <= open.manifest.entry.index
        });
        if is_old || is_busy {
            return Ok(());
        }
        // Raft takes the leader's term over as from a sign of life, and writes it down.
        self.consensus.step(sign_of_life(&manifest));
        if self.consensus.entry_term(manifest.entry.index) == Some(manifest.entry.term) {
            // The entries are here; the leader learns it when he next tries to append.
            return Ok(());
        }
        let (tree, batch, batch_bytes) = match self.catch_up.take() {
            Some(open) => (open.tree, open.batch, open.batch_bytes),
            None => (self.ledger.tree().clone(), Vec::new(), 0),
        };
        if manifest.size < tree.size() {
            return Err(format!(
                "it offers {} leaves as committed after entry {}, but {} are committed here",
                manifest.size,
                manifest.entry.index,
                tree.size()
            ));
        }
        self.outbox.alarm(Alarm::CatchingUp {
            from: tree.size(),
            to: manifest.size,
        });
        self.catch_up = Some(CatchUp {
            asked: manifest.from,
            manifest,
            tree,
            batch,
            batch_bytes,
            ticks: 0,
            failures: 0,
            is_storing: false,
        });
        self.go_on_catching_up();
        Ok(())
    }

    /// Asks for what is next, or makes the snapshot where nothing is.
    fn go_on_catching_up(&mut self) {
        let election_ticks = self.election_ticks;
        let Some(open) = self.catch_up.as_mut() else {
            return;
        };
        let (first, size) = (open.tree.size(), open.manifest.size);
        if first < size {
            open.ticks = election_ticks;
            let wanted = PeerMessage::LeavesWanted { first, size };
            let asked = open.asked;
            self.outbox.send(asked, &wanted);
            return;
        }
        open.is_storing = true;
        let (entry, root) = (open.manifest.entry, open.manifest.root);
        let members = Roster::of(&self.ledger.members().membership());
        if self.ledger.root() != root || members != open.manifest.roster {
            self.outbox.push(Output::Stop {
                reason: format!(
                    "with all leaves that the leader offers after entry {} this node arrives at \
                     root {} where the leader has {root}, or at other voters; keep this node's \
                     data as evidence, and compare versions and logs before a restart",
                    entry.index,
                    self.ledger.root()
                ),
            });
            return;
        }
        self.take_snapshot(entry);
    }

    /// Somebody who catches up wants leaves.
    pub(crate) fn on_leaves_wanted(&mut self, from: NodeId, first: u64, size: u64) {
        // One that is behind itself gives no answer; another one will be asked.
        if first < size && size <= self.ledger.size() {
            self.outbox.push(Output::SendLeaves {
                to: from,
                first,
                size,
            });
        }
    }

    /// A piece of the history.
    pub(crate) fn on_piece(&mut self, from: NodeId, piece: Piece) -> Result<(), String> {
        let Some(open) = self.catch_up.as_mut().filter(|open| {
            let place = (piece.first, piece.size);
            !open.is_storing
                && from == open.asked
                && place == (open.tree.size(), open.manifest.size)
        }) else {
            // It was asked for twice, or too long ago.
            return Ok(());
        };
        match open.prove(&piece) {
            Ok(tree) => open.tree = tree,
            Err(reason) => {
                self.ask_another();
                return Err(reason);
            }
        }
        open.failures = 0;
        let is_last = open.tree.size() == open.manifest.size;
        for leaf in piece.leaves {
            if begins_batch(&leaf) {
                self.apply_open_batch();
            }
            let Some(open) = self.catch_up.as_mut() else {
                return Ok(());
            };
            open.batch_bytes += leaf.len();
            open.batch.push(leaf);
            if open.batch_bytes > CATCH_UP_BATCH_BYTES_MAX {
                let reason = "the history has a batch that is longer than any can be; compare \
                              versions and logs before a restart";
                self.outbox.push(Output::Stop {
                    reason: reason.to_owned(),
                });
            }
        }
        if is_last {
            self.apply_open_batch();
        }
        if !self.outbox.is_stopped() {
            self.go_on_catching_up();
        }
        Ok(())
    }

    fn apply_open_batch(&mut self) {
        let Some(open) = self.catch_up.as_mut() else {
            return;
        };
        open.batch_bytes = 0;
        let leaves = std::mem::take(&mut open.batch);
        if leaves.is_empty() || self.outbox.is_stopped() {
            return;
        }
        match self.ledger.apply_leaves(&leaves) {
            // It is signed at the end, with the last one.
            Ok(applied) => {
                self.take_applied(applied);
            }
            Err(error) => self.outbox.push(Output::Stop {
                reason: format!(
                    "what the park has committed is not what this node computes: {error}; keep \
                     this node's data as evidence, and compare versions before a restart"
                ),
            }),
        }
    }

    /// One tick has passed.
    pub(crate) fn catch_up_tick(&mut self) {
        let Some(open) = self.catch_up.as_mut().filter(|open| !open.is_storing) else {
            return;
        };
        open.ticks = open.ticks.saturating_sub(1);
        if open.ticks == 0 {
            self.ask_another();
        }
    }

    fn ask_another(&mut self) {
        if let Some(open) = self.catch_up.as_mut() {
            open.failures += 1;
            open.asked = open.next_peer();
        }
        self.go_on_catching_up();
    }

    /// Whether Raft may see a message while the ledger is ahead of its log. Nothing is appended or
    /// committed then; where nobody gives what the manifest asks for, the leader is let know that
    /// the entries he tries do not fit, so that he makes another offer.
    pub(crate) fn may_step_while_behind(&self, message: &mut RaftMessage) -> bool {
        let Some(open) = &self.catch_up else {
            return true;
        };
        match message.kind {
            RaftKind::Append => open.is_stalled() && message.index > self.consensus.last_index(),
            RaftKind::Heartbeat => {
                message.commit = message.commit.min(self.consensus.commit_index());
                true
            }
            _ => true,
        }
    }

    /// Whether the snapshot at this entry is the one that ends the catching up.
    pub(crate) fn is_caught_up_with(&self, entry: EntryId) -> bool {
        let open = self.catch_up.as_ref().filter(|open| open.is_storing);
        open.is_some_and(|open| open.manifest.entry == entry)
    }

    /// The snapshot is durable: Raft goes on after its entry.
    pub(crate) fn finish_catch_up(&mut self, now: Timestamp, entry: EntryId) {
        let Some(open) = self.catch_up.take() else {
            return;
        };
        if !self.consensus.restore(entry, &open.manifest.roster) {
            self.outbox.push(Output::Stop {
                reason: "Raft's log went on while this node caught up, which honest nodes do not \
                         let happen; look at the other nodes, then start this one again"
                    .to_owned(),
            });
            return;
        }
        self.applied = entry.index;
        self.sealing.sign_last(now, &mut self.outbox);
        let size = self.ledger.size();
        self.outbox.alarm(Alarm::CaughtUp { size });
    }
}

fn sign_of_life(manifest: &Manifest) -> RaftMessage {
    RaftMessage {
        kind: RaftKind::Heartbeat,
        to: manifest.to,
        from: manifest.from,
        term: manifest.term,
        log_term: 0,
        index: 0,
        entries: Vec::new(),
        commit: 0,
        reject: false,
        reject_hint: 0,
    }
}
