//! What nodes sign: what they find out by themselves.

use crate::event::Action;
use crate::ledger::Ledger;
use crate::registration::NodeId;
use crate::rejection::Rejection;
use crate::state::Facts;
use crate::state::foreign::Recording;

impl Ledger {
    /// Performs a node's action.
    pub(super) fn perform_node(
        &mut self,
        node: NodeId,
        action: &Action,
        leaf: u64,
        facts: &mut Facts,
    ) -> Result<Vec<u16>, Rejection> {
        let time = self.state.clock().time;
        let recording = Recording { node, time, leaf };
        match action {
            Action::RecordCheckpoint { note, proof } => {
                self.state.foreign.record(note, proof, recording)?;
                Ok(vec![0])
            }
            Action::RecordEvidence { file } => {
                let news = self.state.judge_evidence(&self.genesis, file)?;
                self.state.record_evidence(news, recording, facts);
                Ok(vec![0])
            }
            _ => Err(Rejection::NotAllowed),
        }
    }

    /// Follows another log, whose policy the registrar gives.
    pub(super) fn follow_log(&mut self, policy: &str) -> Result<(), Rejection> {
        let own = self.genesis.origin();
        self.state.foreign.follow(&own, policy)
    }
}
