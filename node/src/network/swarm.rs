//! The task that drives libp2p.

use super::frame::{Arrived, FrameCodec, PROTOCOL};
use super::outbound::Outbound;
use super::{NetworkError, NetworkEvent};
use crate::config::Config;
use futures::StreamExt as _;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::core::upgrade::Version;
use libp2p::identity::{self, Keypair};
use libp2p::multiaddr::{Multiaddr, Protocol};
use libp2p::pnet::{PnetConfig, PreSharedKey};
use libp2p::request_response::{self, Message, OutboundRequestId, ProtocolSupport};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{PeerId, Swarm, SwarmBuilder, Transport as _, noise, tcp, yamux};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::limits::MEMBERS_MAX;
use wattle_ledger::registration::NodeId;
use wattle_replica::message::PeerMessage;

/// Handshakes that may be under way; more are closed unanswered.
const PENDING_INCOMING_MAX: u32 = 16;
/// Connections to one peer: each side may have dialled, and an old one may still be closing.
const ESTABLISHED_PER_PEER_MAX: u32 = 4;
/// Connections in all: to members and to strangers.
const ESTABLISHED_MAX: u32 = (MEMBERS_MAX + STRANGERS_MAX) as u32 * ESTABLISHED_PER_PEER_MAX;
/// Who is connected and not known; a further one is cut off.
const STRANGERS_MAX: usize = 8;
/// Who is not known within this time is cut off.
const STRANGER_TIME: Duration = Duration::from_secs(10);
/// A stranger's message is at most this long; a registration is far shorter.
const STRANGER_BYTES_MAX: usize = 4 * 1024;
/// A frame that is not answered within this time is lost, and the connection is renewed.
const FRAME_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes take at most this long.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// First pause before a peer is dialled again; it doubles up to the second.
const DIAL_PAUSE_MIN: Duration = Duration::from_millis(100);
const DIAL_PAUSE_MAX: Duration = Duration::from_secs(3);
/// The higher of two ids waits this long before it dials as well, so that mostly one connection
/// is made.
const HIGHER_ID_WAITS: Duration = Duration::from_secs(1);

type Deliver = Box<dyn Fn(NetworkEvent) + Send>;

#[derive(NetworkBehaviour)]
struct Behaviour {
    limits: connection_limits::Behaviour,
    frames: request_response::Behaviour<FrameCodec>,
}

/// One other node of the park.
struct Peer {
    node: NodeId,
    /// Where it listens; none: it dials.
    address: Option<Multiaddr>,
    /// The frame that is on its way.
    in_flight: Option<OutboundRequestId>,
    dial_at: Instant,
    dial_pause: Duration,
}

struct Driver {
    swarm: Swarm<Behaviour>,
    own: NodeId,
    /// What is shown to each peer first: that the registrar has registered this node.
    introduction: Option<Vec<u8>>,
    /// Where nodes listen, by the configuration.
    addresses: BTreeMap<NodeId, Multiaddr>,
    peers: BTreeMap<PeerId, Peer>,
    /// Who is connected and not known, and until when that may stay so.
    strangers: BTreeMap<PeerId, Instant>,
    outbound: Outbound,
    deliver: Deliver,
}

pub(super) async fn start(
    config: &Config,
    deliver: Deliver,
    stop: watch::Receiver<bool>,
) -> Result<(Outbound, SocketAddr), NetworkError> {
    let mut swarm = build(config)?;
    let listen = |reason: String| NetworkError::Listen {
        address: config.p2p_listen,
        source: io::Error::other(reason),
    };
    swarm
        .listen_on(multiaddr(config.p2p_listen))
        .map_err(|error| listen(error.to_string()))?;
    let address = loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { address, .. } => break address,
            SwarmEvent::ListenerError { error, .. } => return Err(listen(error.to_string())),
            SwarmEvent::ListenerClosed { .. } => return Err(listen("closed".to_owned())),
            _ => {}
        }
    };
    let address =
        socket_address(&address).ok_or_else(|| listen(format!("{address} is no TCP address")))?;
    let outbound = Outbound::new();
    let addresses = config.peers.iter();
    let driver = Driver {
        swarm,
        own: config.record.id,
        introduction: config.registration.as_ref().map(|registration| {
            let registration = registration.clone();
            PeerMessage::Introduction { registration }.encode()
        }),
        addresses: addresses
            .map(|(node, address)| (*node, multiaddr(*address)))
            .collect(),
        peers: BTreeMap::new(),
        strangers: BTreeMap::new(),
        outbound: outbound.clone(),
        deliver,
    };
    tokio::spawn(driver.run(stop));
    Ok((outbound, address))
}

fn build(config: &Config) -> Result<Swarm<Behaviour>, NetworkError> {
    let failed = |error: &dyn std::fmt::Display| NetworkError::Start(error.to_string());
    let mut seed = *config.secrets.transport_seed;
    let keypair = Keypair::ed25519_from_bytes(&mut seed).map_err(|error| failed(&error))?;
    let network_key = PreSharedKey::new(config.network_key);
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
        .with_max_established_per_peer(Some(ESTABLISHED_PER_PEER_MAX))
        .with_max_established(Some(ESTABLISHED_MAX));
    let protocols = [(PROTOCOL, ProtocolSupport::Full)];
    let settings = request_response::Config::default()
        .with_request_timeout(FRAME_TIMEOUT)
        .with_max_concurrent_streams(8);
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        frames: request_response::Behaviour::with_codec(FrameCodec, protocols, settings),
    };
    let swarm = SwarmBuilder::with_existing_identity(keypair)
        .with_tokio()
        .with_other_transport(|key| {
            let noise = noise::Config::new(key)?;
            let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
            let private =
                tcp.and_then(move |socket, _| PnetConfig::new(network_key).handshake(socket));
            let upgraded = private
                .upgrade(Version::V1Lazy)
                .authenticate(noise)
                .multiplex(yamux::Config::default())
                .timeout(HANDSHAKE_TIMEOUT);
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(upgraded)
        })
        .map_err(|error| failed(&error))?
        .with_behaviour(|_| behaviour)
        .map_err(|error| failed(&error))?
        .with_swarm_config(|swarm| {
            // A leader's signs of life keep connections busy; an hour without any is the end.
            swarm.with_idle_connection_timeout(Duration::from_secs(3_600))
        })
        .build();
    Ok(swarm)
}

impl Driver {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let outbound = self.outbound.clone();
        let mut dial = tokio::time::interval(DIAL_PAUSE_MIN);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_event(event),
                () = outbound.queued() => {
                    self.follow_peers();
                    self.send_all();
                }
                _ = dial.tick() => {
                    self.dial();
                    self.cut_off_strangers();
                }
                _ = stop.changed() => return,
            }
        }
    }

    /// Lets in whom the node knows, and nobody else.
    fn follow_peers(&mut self) {
        let Some(records) = self.outbound.take_peers() else {
            return;
        };
        let mut ids = BTreeMap::new();
        for record in records {
            match peer_id(&record.transport) {
                Ok(id) => {
                    ids.insert(id, record.id);
                }
                Err(error) => {
                    tracing::error!(node = %record.id, error, "a transport key cannot be used");
                }
            }
        }
        let gone: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in gone.iter().filter(|id| !ids.contains_key(*id)) {
            self.peers.remove(id);
            let _ = self.swarm.disconnect_peer_id(*id);
        }
        for (id, node) in ids {
            if self.peers.contains_key(&id) {
                continue;
            }
            let peer = self.peer(node);
            self.peers.insert(id, peer);
            self.strangers.remove(&id);
            if self.swarm.is_connected(&id) {
                self.on_connected(&id);
            }
        }
    }

    fn peer(&self, node: NodeId) -> Peer {
        let wait = if self.own > node {
            HIGHER_ID_WAITS
        } else {
            Duration::ZERO
        };
        Peer {
            node,
            address: self.addresses.get(&node).cloned(),
            in_flight: None,
            dial_at: Instant::now() + wait,
            dial_pause: DIAL_PAUSE_MIN,
        }
    }

    fn cut_off_strangers(&mut self) {
        let now = Instant::now();
        let late = self.strangers.iter().filter(|(_, until)| **until < now);
        let late: Vec<PeerId> = late.map(|(id, _)| *id).collect();
        for id in late {
            tracing::debug!(peer = %id, "a stranger was cut off");
            self.strangers.remove(&id);
            let _ = self.swarm.disconnect_peer_id(id);
        }
    }

    fn dial(&mut self) {
        let now = Instant::now();
        for (id, peer) in &mut self.peers {
            let Some(address) = peer.address.clone() else {
                continue;
            };
            if self.swarm.is_connected(id) || now < peer.dial_at {
                continue;
            }
            peer.dial_at = now + peer.dial_pause;
            peer.dial_pause = (peer.dial_pause * 2).min(DIAL_PAUSE_MAX);
            let options = DialOpts::peer_id(*id)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(vec![address])
                .build();
            // An error here means that it is being dialled; one of the connection comes as event.
            let _ = self.swarm.dial(options);
        }
    }

    fn on_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished {
                peer_id,
                num_established,
                ..
            } if num_established.get() == 1 => self.on_connected(&peer_id),
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => {
                self.on_disconnected(&peer_id);
            }
            SwarmEvent::IncomingConnectionError {
                send_back_addr,
                error,
                ..
            } => {
                tracing::debug!(from = %send_back_addr, %error, "a connection was refused");
            }
            SwarmEvent::OutgoingConnectionError {
                peer_id: Some(id),
                error,
                ..
            } => {
                if let Some(peer) = self.peers.get(&id) {
                    tracing::debug!(node = %peer.node, %error, "a node was not reached");
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Frames(event)) => self.on_frame(event),
            _ => {}
        }
    }

    fn on_connected(&mut self, id: &PeerId) {
        let Some(peer) = self.peers.get_mut(id) else {
            if self.strangers.len() >= STRANGERS_MAX {
                let _ = self.swarm.disconnect_peer_id(*id);
            } else {
                let until = Instant::now() + STRANGER_TIME;
                self.strangers.insert(*id, until);
            }
            return;
        };
        tracing::info!(node = %peer.node, "connected");
        let frames = &mut self.swarm.behaviour_mut().frames;
        let introduction = self.introduction.clone();
        peer.in_flight = introduction.map(|bytes| frames.send_request(id, vec![bytes]));
        self.outbound.set_connected(peer.node, true);
    }

    fn on_disconnected(&mut self, id: &PeerId) {
        self.strangers.remove(id);
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        tracing::info!(node = %peer.node, "disconnected");
        peer.in_flight = None;
        self.outbound.set_connected(peer.node, false);
        (self.deliver)(NetworkEvent::Unreachable(peer.node));
    }

    fn on_frame(&mut self, event: request_response::Event<Vec<Vec<u8>>, Arrived>) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                Message::Request {
                    request, channel, ..
                } => {
                    match self.peers.get(&peer).map(|peer| peer.node) {
                        Some(from) => {
                            for bytes in request {
                                (self.deliver)(NetworkEvent::Message { from, bytes });
                            }
                        }
                        None => {
                            let first = request.into_iter().next();
                            let first = first.filter(|bytes| bytes.len() <= STRANGER_BYTES_MAX);
                            if let Some(bytes) = first {
                                (self.deliver)(NetworkEvent::Stranger { bytes });
                            }
                        }
                    }
                    // It fails only if the connection broke, which comes as an event.
                    let _ = self
                        .swarm
                        .behaviour_mut()
                        .frames
                        .send_response(channel, Arrived);
                }
                Message::Response { request_id, .. } => self.on_answered(&peer, request_id),
            },
            request_response::Event::OutboundFailure {
                peer,
                request_id,
                error,
                ..
            } => {
                self.on_lost(&peer, request_id, &error);
            }
            request_response::Event::InboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %error, "a frame was not read");
            }
            request_response::Event::ResponseSent { .. } => {}
        }
    }

    fn on_answered(&mut self, id: &PeerId, request: OutboundRequestId) {
        if let Some(peer) = self.peers.get_mut(id)
            && peer.in_flight == Some(request)
        {
            peer.in_flight = None;
            // Only now has the other end let this node in: whoever dials is told of a connection
            // before the listener looks at his allow list.
            peer.dial_pause = DIAL_PAUSE_MIN;
        }
        self.send(id);
    }

    fn on_lost(
        &mut self,
        id: &PeerId,
        request: OutboundRequestId,
        error: &request_response::OutboundFailure,
    ) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        tracing::debug!(node = %peer.node, %error, "a frame was lost");
        (self.deliver)(NetworkEvent::Unreachable(peer.node));
        if peer.in_flight == Some(request) {
            peer.in_flight = None;
        }
        if matches!(error, request_response::OutboundFailure::Timeout) {
            // The other end may be gone without a word: only a new connection tells.
            let _ = self.swarm.disconnect_peer_id(*id);
        } else {
            self.send(id);
        }
    }

    fn send_all(&mut self) {
        let ids: Vec<PeerId> = self.peers.keys().copied().collect();
        for id in ids {
            self.send(&id);
        }
    }

    /// Sends the next frame to a peer that has answered the one before.
    fn send(&mut self, id: &PeerId) {
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        if peer.in_flight.is_some() || !self.swarm.is_connected(id) {
            return;
        }
        let frame = self.outbound.take_frame(peer.node);
        if !frame.is_empty() {
            peer.in_flight = Some(self.swarm.behaviour_mut().frames.send_request(id, frame));
        }
    }
}

fn peer_id(key: &PublicKey) -> Result<PeerId, String> {
    let key = identity::ed25519::PublicKey::try_from_bytes(&key.0);
    key.map(|key| identity::PublicKey::from(key).to_peer_id())
        .map_err(|error| error.to_string())
}

fn multiaddr(address: SocketAddr) -> Multiaddr {
    Multiaddr::from(address.ip()).with(Protocol::Tcp(address.port()))
}

fn socket_address(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}
