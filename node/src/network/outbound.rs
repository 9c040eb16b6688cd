//! Messages on their way out: one bounded queue for each peer.

use super::MESSAGE_BYTES_MAX;
use super::frame::FRAME_OVERHEAD_BYTES;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::registration::NodeId;

/// Messages that wait for one peer; the oldest goes when another comes.
const QUEUE_MESSAGES_MAX: usize = 1_024;
/// Their bytes; the oldest go when it is passed.
const QUEUE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The way to the peers, from the node's loop.
#[derive(Debug, Clone)]
pub struct Outbound {
    queues: Arc<Mutex<BTreeMap<NodeId, Queue>>>,
    /// Whom to let in, until the network has taken it over.
    peers: Arc<Mutex<Option<Vec<NodeRecord>>>>,
    wake: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
    connected: bool,
    dropped: u64,
}

impl Outbound {
    /// The way to nobody yet.
    pub(super) fn new() -> Outbound {
        Outbound {
            queues: Arc::default(),
            peers: Arc::default(),
            wake: Arc::new(Notify::new()),
        }
    }

    /// Lets these nodes in from now on, and nobody else.
    pub fn set_peers(&self, peers: Vec<NodeRecord>) {
        let mut queues = self.lock();
        queues.retain(|id, _| peers.iter().any(|peer| peer.id == *id));
        for peer in &peers {
            queues.entry(peer.id).or_default();
        }
        drop(queues);
        *self.peers.lock().unwrap_or_else(PoisonError::into_inner) = Some(peers);
        self.wake.notify_one();
    }

    /// Whom to let in, if that has changed.
    pub(super) fn take_peers(&self) -> Option<Vec<NodeRecord>> {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.take()
    }

    /// Queues a message; `false` if it or an older one to the same peer is lost by that, so that
    /// the peer counts as unreachable. Nothing waits for a peer that is not connected: it would
    /// be out of date when it arrives.
    pub fn send(&self, to: NodeId, bytes: Vec<u8>) -> bool {
        let mut queues = self.lock();
        let Some(queue) = queues.get_mut(&to) else {
            return false;
        };
        if !queue.connected || bytes.len() > MESSAGE_BYTES_MAX {
            queue.dropped += 1;
            return false;
        }
        queue.bytes += bytes.len();
        queue.messages.push_back(bytes);
        let mut complete = true;
        while queue.messages.len() > QUEUE_MESSAGES_MAX || queue.bytes > QUEUE_BYTES_MAX {
            complete = false;
            queue.pop();
            queue.dropped += 1;
        }
        self.wake.notify_one();
        complete
    }

    /// Peers that are connected.
    pub fn connected(&self) -> Vec<NodeId> {
        let queues = self.lock();
        queues
            .iter()
            .filter(|(_, queue)| queue.connected)
            .map(|(peer, _)| *peer)
            .collect()
    }

    /// Messages that were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.lock().values().map(|queue| queue.dropped).sum()
    }

    /// Takes messages that together fit into one frame.
    pub(super) fn take_frame(&self, peer: NodeId) -> Vec<Vec<u8>> {
        let mut queues = self.lock();
        let Some(queue) = queues.get_mut(&peer) else {
            return Vec::new();
        };
        let mut frame = Vec::new();
        let mut bytes = 0;
        while let Some(next) = queue.messages.front() {
            bytes += next.len() + FRAME_OVERHEAD_BYTES;
            if !frame.is_empty() && bytes > MESSAGE_BYTES_MAX {
                break;
            }
            frame.extend(queue.pop());
        }
        frame
    }

    /// A connection came or went; with it goes what waited.
    pub(super) fn set_connected(&self, peer: NodeId, connected: bool) {
        if let Some(queue) = self.lock().get_mut(&peer) {
            let dropped = queue.dropped + queue.messages.len() as u64;
            *queue = Queue {
                connected,
                dropped,
                ..Queue::default()
            };
        }
    }

    /// Resolves when something was queued.
    pub(super) async fn queued(&self) {
        self.wake.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeId, Queue>> {
        // Nothing below the lock leaves a queue half changed, so a poisoned one is still sound.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn pop(&mut self) -> Option<Vec<u8>> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wattle_ledger::keys::PublicKey;
    use wattle_market::point::BuildingId;

    const PEER: NodeId = NodeId(2);

    fn record(id: NodeId) -> NodeRecord {
        let key = |role| PublicKey([role; 32]);
        NodeRecord {
            id,
            building: BuildingId(1),
            transport: key(1),
            log: key(2),
            cosigner: key(3),
            batch: key(4),
            receipt: key(5),
        }
    }

    fn outbound() -> Outbound {
        let outbound = Outbound::new();
        outbound.set_peers(vec![record(PEER)]);
        outbound.set_connected(PEER, true);
        outbound
    }

    #[test]
    fn nothing_waits_for_a_peer_that_is_not_connected() {
        let outbound = Outbound::new();
        outbound.set_peers(vec![record(PEER)]);
        assert!(!outbound.send(PEER, vec![1]));
        assert!(!outbound.send(NodeId(9), vec![1]));
        outbound.set_connected(PEER, true);
        assert!(outbound.take_frame(PEER).is_empty());
        assert!(outbound.send(PEER, vec![1]));
        outbound.set_connected(PEER, false);
        outbound.set_connected(PEER, true);
        assert!(outbound.take_frame(PEER).is_empty());
        assert_eq!(outbound.dropped(), 2);
    }

    #[test]
    fn a_peer_that_is_no_longer_let_in_is_sent_nothing() {
        let outbound = outbound();
        assert_eq!(outbound.take_peers().map(|peers| peers.len()), Some(1));
        assert_eq!(outbound.take_peers(), None);
        assert!(outbound.send(PEER, vec![1]));
        outbound.set_peers(vec![record(NodeId(3))]);
        assert!(!outbound.send(PEER, vec![1]));
        assert!(outbound.take_frame(PEER).is_empty());
        assert_eq!(outbound.connected(), []);
    }

    #[test]
    fn oldest_message_goes_first_from_a_full_queue() {
        let outbound = outbound();
        for number in 0..QUEUE_MESSAGES_MAX {
            assert!(outbound.send(PEER, number.to_be_bytes().to_vec()));
        }
        assert!(!outbound.send(PEER, vec![7]));
        let frame = outbound.take_frame(PEER);
        assert_eq!(frame.len(), QUEUE_MESSAGES_MAX);
        assert_eq!(frame.first(), Some(&1usize.to_be_bytes().to_vec()));
        assert_eq!(frame.last(), Some(&vec![7]));
    }

    #[test]
    fn queue_is_bounded_in_bytes_and_a_frame_too() {
        let outbound = outbound();
        let long = vec![0; MESSAGE_BYTES_MAX];
        let fit = QUEUE_BYTES_MAX / MESSAGE_BYTES_MAX;
        for _ in 0..fit {
            assert!(outbound.send(PEER, long.clone()));
        }
        assert!(!outbound.send(PEER, long.clone()));
        assert!(!outbound.send(PEER, vec![0; MESSAGE_BYTES_MAX + 1]));
        assert_eq!(outbound.take_frame(PEER).len(), 1);
    }
}
