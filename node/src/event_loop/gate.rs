//! The way into the loop: one queue, in which each kind of message has its own places.

use super::View;
use crate::evidence::Recorded;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use wattle_ledger::evidence::Evidence;
use wattle_ledger::registration::NodeId;
use wattle_ledger::rejection::Rejection;
use wattle_replica::output::Response;

/// Messages of peers that wait; a further one is dropped, and Raft sends it again.
const PEER_PLACES: usize = 4_096;
/// Submissions that wait; a further client is told that the node is busy.
const SUBMIT_PLACES: usize = 1_024;
/// Queries that wait; a further client waits outside for a place.
const QUERY_PLACES: usize = 256;
/// Connections that broke, strangers, and the request to stop.
const OTHER_PLACES: usize = 256;

pub(super) type Query = Box<dyn FnOnce(&View) + Send>;

pub(super) enum Message {
    Peer { from: NodeId, bytes: Vec<u8> },
    Stranger { bytes: Vec<u8> },
    Unreachable(NodeId),
    Submit { event: Vec<u8>, waiter: Waiter },
    Query(Query),
    Evidence(Box<Gift>),
    Stop,
}

/// A piece of evidence that somebody brings, and where he hears what became of it.
pub(super) struct Gift {
    pub(super) evidence: Evidence,
    pub(super) reply: oneshot::Sender<Result<Recorded, Rejection>>,
}

/// What a client learns of his submission.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// The event is stored, and will be sent to each new leader until it is applied; the node's
    /// receipt says by when.
    Promised(Vec<u8>),
    /// The answer; nothing follows.
    Answered(Response),
}

/// A client's end of a submission.
#[derive(Debug)]
pub struct Submission {
    progress: tokio::sync::mpsc::Receiver<Progress>,
}

impl Submission {
    /// What happened next; none if the node ends.
    pub async fn next(&mut self) -> Option<Progress> {
        self.progress.recv().await
    }
}

/// The loop's end of a submission. There is room for all that can be told.
pub(super) struct Waiter(tokio::sync::mpsc::Sender<Progress>);

impl Waiter {
    pub(super) fn tell(&self, progress: Progress) {
        // A client that hung up is not told.
        let _ = self.0.try_send(progress);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}

struct Queued {
    message: Message,
    /// Given back when the loop takes the message.
    _place: OwnedSemaphorePermit,
}

/// The way into the loop; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    queue: SyncSender<Queued>,
    peers: Arc<Semaphore>,
    submissions: Arc<Semaphore>,
    queries: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

/// The loop has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node is stopping")]
pub struct LoopClosed;

/// Why a submission was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// All places are taken.
    #[error("as many submissions wait as the node takes")]
    Busy,
    /// The loop has ended.
    #[error(transparent)]
    Closed(#[from] LoopClosed),
}

/// The loop's end of the queue.
pub struct Receiver(mpsc::Receiver<Queued>);

impl Receiver {
    /// A queue with its two ends.
    pub fn open() -> (Handle, Receiver) {
        let places = PEER_PLACES + SUBMIT_PLACES + QUERY_PLACES + OTHER_PLACES;
        let (queue, receiver) = mpsc::sync_channel(places);
        let semaphore = |places| Arc::new(Semaphore::new(places));
        let handle = Handle {
            queue,
            peers: semaphore(PEER_PLACES),
            submissions: semaphore(SUBMIT_PLACES),
            queries: semaphore(QUERY_PLACES),
            others: semaphore(OTHER_PLACES),
        };
        (handle, Receiver(receiver))
    }

    /// The next message, if one comes before `until`.
    pub(super) fn wait(&self, until: Instant) -> Option<Message> {
        let timeout = until.saturating_duration_since(Instant::now());
        match self.0.recv_timeout(timeout) {
            Ok(queued) => Some(queued.message),
            Err(RecvTimeoutError::Timeout) => None,
            // Nobody can ask for anything any more.
            Err(RecvTimeoutError::Disconnected) => Some(Message::Stop),
        }
    }

    /// The next message that is there already.
    pub(super) fn next(&self) -> Option<Message> {
        self.0.try_recv().ok().map(|queued| queued.message)
    }
}

impl Handle {
    /// A peer's message; dropped where there is no place.
    pub fn peer_message(&self, from: NodeId, bytes: Vec<u8>) {
        if let Ok(place) = Arc::clone(&self.peers).try_acquire_owned() {
            let _ = self.put(Message::Peer { from, bytes }, place);
        }
    }

    /// The first message of somebody unknown; dropped where there is no place.
    pub fn stranger(&self, bytes: Vec<u8>) {
        if let Ok(place) = Arc::clone(&self.others).try_acquire_owned() {
            let _ = self.put(Message::Stranger { bytes }, place);
        }
    }

    /// A connection broke; dropped where there is no place, since many such wait then.
    pub fn unreachable(&self, peer: NodeId) {
        if let Ok(place) = Arc::clone(&self.others).try_acquire_owned() {
            let _ = self.put(Message::Unreachable(peer), place);
        }
    }

    /// A client's event.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn submit(&self, event: Vec<u8>) -> Result<Submission, SubmitError> {
        let place = Arc::clone(&self.submissions);
        let place = place.try_acquire_owned().map_err(|_| SubmitError::Busy)?;
        let (sender, progress) = tokio::sync::mpsc::channel(2);
        self.put(
            Message::Submit {
                event,
                waiter: Waiter(sender),
            },
            place,
        )?;
        Ok(Submission { progress })
    }

    /// Asks something of the node's state between two rounds. The question should be short: the
    /// whole node waits for it.
    ///
    /// # Errors
    /// [`LoopClosed`].
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&View) -> T + Send + 'static,
    ) -> Result<T, LoopClosed> {
        let place = Arc::clone(&self.queries);
        let place = place.acquire_owned().await.map_err(|_| LoopClosed)?;
        let (sender, answer) = oneshot::channel();
        let query: Query = Box::new(move |view| {
            // Whoever asked may have hung up.
            let _ = sender.send(question(view));
        });
        self.put(Message::Query(query), place)?;
        answer.await.map_err(|_| LoopClosed)
    }

    /// Keeps a piece of evidence that somebody brings, if the ledger would record it.
    ///
    /// # Errors
    /// [`LoopClosed`]; within it, why the ledger would refuse it, unless it only knows of it.
    pub async fn give(
        &self,
        evidence: Evidence,
    ) -> Result<Result<Recorded, Rejection>, LoopClosed> {
        let place = Arc::clone(&self.queries);
        let place = place.acquire_owned().await.map_err(|_| LoopClosed)?;
        let (reply, answer) = oneshot::channel();
        let gift = Box::new(Gift { evidence, reply });
        self.put(Message::Evidence(gift), place)?;
        answer.await.map_err(|_| LoopClosed)
    }

    /// Asks the loop to end after its present round.
    pub async fn stop(&self) {
        if let Ok(place) = Arc::clone(&self.others).acquire_owned().await {
            let _ = self.put(Message::Stop, place);
        }
    }

    fn put(&self, message: Message, place: OwnedSemaphorePermit) -> Result<(), LoopClosed> {
        // The queue has a place for each permit, so it is never full; only its end can fail.
        self.queue
            .try_send(Queued {
                message,
                _place: place,
            })
            .map_err(|_| LoopClosed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_kind_of_message_does_not_crowd_out_another() {
        let (handle, receiver) = Receiver::open();
        for _ in 0..PEER_PLACES + 100 {
            handle.peer_message(NodeId(2), vec![1]);
        }
        let mut submissions: Vec<Submission> = Vec::new();
        for _ in 0..SUBMIT_PLACES {
            submissions.push(handle.submit(vec![2]).unwrap());
        }
        assert_eq!(handle.submit(vec![2]).unwrap_err(), SubmitError::Busy);
        handle.unreachable(NodeId(2));

        let mut taken = 0;
        while let Some(message) = receiver.next() {
            taken += 1;
            if let Message::Submit { waiter, .. } = message {
                waiter.tell(Progress::Promised(Vec::new()));
                waiter.tell(Progress::Answered(Response::Busy));
            }
        }
        assert_eq!(taken, PEER_PLACES + SUBMIT_PLACES + 1);
        handle.submit(vec![2]).unwrap();
        drop(receiver);
        assert_eq!(
            handle.submit(vec![2]).unwrap_err(),
            SubmitError::Closed(LoopClosed)
        );
    }
}
