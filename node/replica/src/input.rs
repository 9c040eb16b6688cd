//! Everything that may happen to a replica.

use wattle_ledger::registration::NodeId;

/// What is handed to `Replica::handle`, with the park time at which it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// One Raft tick of real time has passed.
    Tick,
    /// A peer's bytes, as the authenticated connection of `from` delivered them.
    PeerMessage {
        /// The node that the connection is bound to.
        from: NodeId,
        /// One encoded [`crate::message::PeerMessage`].
        bytes: Vec<u8>,
    },
    /// The connection to a peer broke or a message to it was dropped.
    PeerUnreachable {
        /// The peer.
        peer: NodeId,
    },
    /// A client wants a signed event recorded and waits for the answer.
    Submit {
        /// Names the waiting client to whoever performs the outputs; never reused.
        client: ClientId,
        /// Body and signature.
        event: Vec<u8>,
    },
    /// The snapshot of the last [`crate::output::Output::Snapshot`] is durable.
    SnapshotStored {
        /// Its Raft index.
        index: u64,
    },
    /// A peer that the network does not know shows the registrar's signed registration of it.
    Introduced {
        /// Body and signature.
        registration: Vec<u8>,
    },
    /// A client waits no longer; the event is carried on all the same.
    ClientGone {
        /// The client of an earlier [`Input::Submit`].
        client: ClientId,
    },
}

/// A waiting client of this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientId(pub u64);
