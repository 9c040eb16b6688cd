//! Snapshots: when they become durable, and what a crash leaves of them.

use super::{Happening, Simulation};
use crate::failure::Failure;
use crate::options::Plant;
use wattle_ledger::registration::NodeId;
use wattle_replica::config::SnapshotRule;
use wattle_replica::input::Input;
use wattle_replica::message::PeerMessage;
use wattle_replica::output::Durable;
use wattle_replica::snapshot::Snapshot;

/// Leaves in one piece of the history: few, so that batches are cut in all places.
const PIECE_LEAVES_MOST: u64 = 40;

impl Simulation {
    pub(super) fn snapshot_rule(&self) -> SnapshotRule {
        let entries = match self.options.snapshot_entries {
            0 => u64::MAX,
            entries => entries,
        };
        SnapshotRule {
            bytes: u64::MAX,
            entries,
        }
    }

    /// How long a node that crashes is down.
    pub(super) fn down_ms(&mut self) -> u64 {
        let down_ms = self
            .crashes
            .between(100, self.options.down_most_ms.max(100));
        if self.snapshots.chance(self.options.stays_away) {
            return self
                .snapshots
                .between(down_ms, self.options.away_most_ms.max(down_ms));
        }
        down_ms
    }

    /// What a node finds after a crash. A snapshot that was being written may be there.
    pub(super) fn after_crash(&mut self, node: usize) -> Durable {
        if self.snapshots.chance(self.options.snapshot_lost) {
            self.nodes[node].disk.lose_snapshot();
        }
        self.nodes[node].disk.after_crash()
    }

    pub(super) fn write_snapshot(
        &mut self,
        node: usize,
        snapshot: Box<Snapshot>,
    ) -> Result<(), Failure> {
        self.tell(node, || {
            let head = &snapshot.head;
            format!(
                "takes a snapshot of {} leaves at entry {}",
                head.size, head.entry.index
            )
        });
        self.digest.number(snapshot.head.entry.index);
        self.digest.bytes(&snapshot.head.root.0);
        self.nodes[node].writing.push_back(snapshot);
        let after_ms = self.snapshots.below(self.options.snapshot_most_ms + 1);
        let life = self.nodes[node].life;
        // It is told of after the outputs in which it stands are performed.
        self.after(after_ms, Happening::Stored { node, life });
        Ok(())
    }

    pub(super) fn snapshot_stored(&mut self, node: usize, life: u64) -> Result<(), Failure> {
        if self.nodes[node].life != life {
            return Ok(());
        }
        let Some(snapshot) = self.nodes[node].writing.pop_front() else {
            return Ok(());
        };
        let index = snapshot.head.entry.index;
        self.tell(node, || format!("has stored the snapshot at entry {index}"));
        self.statistics.snapshots += 1;
        let plant = self.options.plant;
        if plant != Some(Plant::SnapshotNotSynced) {
            self.nodes[node].disk.keep_snapshot(snapshot, plant);
        }
        // A crash may come before the replica hears of it.
        if !self.is_healed && self.crashes.chance(self.options.crash_in_outputs) {
            self.crash(node);
            return Ok(());
        }
        self.handle(node, Input::SnapshotStored { index })
    }

    /// Sends a piece of what a node has appended.
    pub(super) fn send_leaves(
        &mut self,
        node: usize,
        to: NodeId,
        (first, size): (u64, u64),
    ) -> Result<(), Failure> {
        let id = self.nodes[node].id;
        let most = self.snapshots.between(1, PIECE_LEAVES_MOST);
        let Some(mut piece) = self.log.piece(id, first, size, most) else {
            let what = format!("node {id} is to send leaves {first} to {size}, which it has not");
            return Err(Failure::Correctness {
                checker: "log",
                what,
            });
        };
        if self.options.plant == Some(Plant::PieceChanged) && self.snapshots.chance(300) {
            let byte = piece.leaves[0].last_mut().expect("a leaf is not empty");
            *byte ^= 1;
        }
        self.send(node, to, PeerMessage::Leaves(piece).encode())
    }
}
