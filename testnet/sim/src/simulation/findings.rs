//! What nodes find signed twice: each finding must be a proof, and honest nodes' heads never are.

use super::Simulation;
use crate::failure::Failure;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::evidence::Evidence;
use wattle_replica::output::Finding;

impl Simulation {
    /// The workload's rivals use a sequence twice on purpose.
    pub(super) fn on_finding(&mut self, node: usize, finding: Finding) -> Result<(), Failure> {
        let id = self.nodes[node].id;
        self.tell(node, || format!("found: {finding:?}"));
        let problem = match finding {
            Finding::Heads(_) => "two heads among honest nodes".to_owned(),
            Finding::SequenceUsed { leaf, event } => match self.second_use(leaf, *event) {
                Ok(()) => {
                    self.statistics.second_uses += 1;
                    return Ok(());
                }
                Err(problem) => problem,
            },
        };
        Err(Failure::Correctness {
            checker: "findings",
            what: format!("node {id}: {problem}"),
        })
    }

    fn second_use(&self, leaf: u64, event: SignedEvent) -> Result<(), String> {
        let bytes = self.log.leaves().get(leaf as usize);
        let bytes = bytes.ok_or_else(|| format!("leaf {leaf} is not there"))?;
        let Ok(Entry::Event { signed, .. }) = Entry::decode(bytes) else {
            return Err(format!("leaf {leaf} is no event"));
        };
        let first = SignedEvent::parse(&signed).map_err(|it| it.name().to_owned())?;
        Evidence::two_events(&self.park.genesis, Vec::new(), first, event)
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}
