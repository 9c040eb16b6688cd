//! Clients: which node they turn to, what they are answered, and how answers get lost.

use super::{Happening, Simulation};
use crate::failure::Failure;
use crate::random::Stream;
use crate::workload::{Submission, Workload};
use std::collections::BTreeMap;
use wattle_ledger::event::event_hash;
use wattle_ledger::hash::Hash;
use wattle_ledger::rejection::Rejection;
use wattle_replica::input::{ClientId, Input};
use wattle_replica::output::Response;

/// All clients.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) workload: Workload,
    stream: Stream,
    /// Clients that wait, with their node and the event they sent.
    waiting: BTreeMap<ClientId, (usize, Hash)>,
    /// Clients that sent nonsense, with what they must be told.
    nonsense: BTreeMap<ClientId, Rejection>,
}

impl Clients {
    pub(super) fn new(seed: u64, workload: Workload) -> Clients {
        let stream = Stream::new(seed, "clients");
        Clients {
            workload,
            stream,
            waiting: BTreeMap::new(),
            nonsense: BTreeMap::new(),
        }
    }
}

impl Simulation {
    /// Something comes to a client's mind.
    pub(super) fn client(&mut self) -> Result<(), Failure> {
        let pause_ms = self.clients.stream.between(10, 120);
        self.after(pause_ms, Happening::Client);
        let node = self.clients.stream.below(self.nodes.len() as u64) as usize;
        if self.clients.stream.chance(20) {
            return self.hang_up();
        }
        if !self.is_healed && self.clients.stream.chance(10) {
            let (submission, rejection) = self.clients.workload.nonsense();
            self.clients.nonsense.insert(submission.client, rejection);
            return self.submit(node, submission);
        }
        let time = self.park_time(node);
        self.promises.read(self.log.leaves());
        let promises = &self.promises;
        let next = self
            .clients
            .workload
            .next(self.now_ms, time, |event| promises.is_open(event));
        self.take_registered();
        match next {
            Some(submission) => self.submit(node, submission),
            None => Ok(()),
        }
    }

    /// The client that waits longest gives up on its node.
    fn hang_up(&mut self) -> Result<(), Failure> {
        let Some((client, (node, _))) = self.clients.waiting.pop_first() else {
            return Ok(());
        };
        self.clients.workload.on_unreachable(client, self.now_ms);
        self.handle(node, Input::ClientGone { client })
    }

    fn submit(&mut self, node: usize, submission: Submission) -> Result<(), Failure> {
        let Submission { client, event } = submission;
        if self.nodes[node].replica.is_none() {
            self.clients.nonsense.remove(&client);
            self.clients.workload.on_unreachable(client, self.now_ms);
            return Ok(());
        }
        let hash = event_hash(&event);
        self.tell(node, || format!("is sent event {hash}"));
        self.clients.waiting.insert(client, (node, hash));
        self.handle(node, Input::Submit { client, event })
    }

    pub(super) fn answer(
        &mut self,
        node: usize,
        client: ClientId,
        response: &Response,
    ) -> Result<(), Failure> {
        self.digest.number(client.0);
        self.tell(node, || format!("answers {client:?}: {response:?}"));
        if let Some(rejection) = self.clients.nonsense.remove(&client) {
            self.clients.waiting.remove(&client);
            return match response {
                Response::NoLeader => Ok(()),
                Response::Refused(found) if *found == rejection => Ok(()),
                other => Err(wrong_answer(format!(
                    "nonsense got {other:?}, not {rejection:?}"
                ))),
            };
        }
        // Who hung up may still be answered, if the node had not heard of it when it crashed.
        let Some((_, event)) = self.clients.waiting.remove(&client) else {
            return Ok(());
        };
        self.acknowledgements.observe(event, response)?;
        if !self.is_healed && self.clients.stream.chance(self.options.answers_lost) {
            return Ok(());
        }
        self.clients
            .workload
            .on_answer(client, response, self.now_ms)
            .map_err(wrong_answer)
    }

    /// A planted mistake: whoever waits for the event is told that it is the next leaf.
    pub(super) fn answer_too_early(&mut self, node: usize, event: &[u8]) -> Result<(), Failure> {
        let event = event_hash(event);
        let client = self
            .clients
            .waiting
            .iter()
            .find(|(_, (_, waits_for))| *waits_for == event);
        let Some((client, _)) = client else {
            return Ok(());
        };
        let leaf = self.log.size_of(self.nodes[node].id);
        let response = Response::Committed {
            event,
            leaf,
            outcome: vec![0],
        };
        self.answer(node, *client, &response)
    }
}

fn wrong_answer(what: String) -> Failure {
    Failure::Correctness {
        checker: "answers",
        what,
    }
}
