//! Bytes between the park's nodes: the only place that knows libp2p.
//!
//! TCP, a private-network key that a stranger cannot get past, Noise, Yamux. Who is let in is what
//! the replica says of the registry, and what comes from a connection is handed on under the node
//! that the connection's key names. Who has the network's key and is not known yet may show one
//! message, his registration, and is let in or cut off. Messages are opaque here; they may be
//! lost, and what arrives from one peer arrives in the order in which it was sent.

mod frame;
mod outbound;
mod swarm;

pub use outbound::Outbound;

use crate::config::Config;
use std::io;
use std::net::{SocketAddr, TcpListener};
use tokio::sync::watch;
use wattle_ledger::registration::NodeId;

/// A message of a peer is at most this long; a longer one is not sent and not read.
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;

/// What the network tells the node.
#[derive(Debug, PartialEq, Eq)]
pub enum NetworkEvent {
    /// A peer's message.
    Message {
        /// The node that the connection is bound to.
        from: NodeId,
        /// As it was sent.
        bytes: Vec<u8>,
    },
    /// The first message of somebody who is not known.
    Stranger {
        /// As it was sent.
        bytes: Vec<u8>,
    },
    /// The connection to a peer broke, or a message to it was lost.
    Unreachable(NodeId),
}

/// Why the network does not start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The address cannot be listened on.
    #[error("cannot listen for peers on {address}; choose another p2p_listen or stop what uses it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// libp2p did not start.
    #[error("the peer network does not start: {0}")]
    Start(String),
}

/// Starts the network on the present tokio runtime. `deliver` must not block; what it cannot take
/// it drops. The network ends when `stop` becomes true.
///
/// # Errors
/// Any [`NetworkError`].
pub async fn start(
    config: &Config,
    deliver: impl Fn(NetworkEvent) + Send + 'static,
    stop: watch::Receiver<bool>,
) -> Result<(Outbound, SocketAddr), NetworkError> {
    check_free(config.p2p_listen)?;
    swarm::start(config, Box::new(deliver), stop).await
}

/// libp2p lets two processes listen on one port; this node wants it for itself.
fn check_free(address: SocketAddr) -> Result<(), NetworkError> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(source) => Err(NetworkError::Listen { address, source }),
    }
}
