//! The task that drives libp2p.

use super::frame::{Arrived, FrameCodec, PROTOCOL};
use super::outbound::Outbound;
use super::{NetworkError, NetworkEvent};
use crate::config::Config;
use futures::StreamExt as _;
use libp2p::allow_block_list::{self, AllowedPeers};
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
use wattle_ledger::registration::NodeId;

/// Handshakes that may be under way; more are closed unanswered.
const PENDING_INCOMING_MAX: u32 = 16;
/// Connections to one peer: each side may have dialled, and an old one may still be closing.
const ESTABLISHED_PER_PEER_MAX: u32 = 4;
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
    allowed: allow_block_list::Behaviour<AllowedPeers>,
    frames: request_response::Behaviour<FrameCodec>,
}

/// One other node of the park.
struct Peer {
    node: NodeId,
    address: Multiaddr,
    /// The frame that is on its way.
    in_flight: Option<OutboundRequestId>,
    dial_at: Instant,
    dial_pause: Duration,
}

struct Driver {
    swarm: Swarm<Behaviour>,
    peers: BTreeMap<PeerId, Peer>,
    outbound: Outbound,
    deliver: Deliver,
}

pub(super) async fn start(
    config: &Config,
    deliver: Deliver,
    stop: watch::Receiver<bool>,
) -> Result<(Outbound, SocketAddr), NetworkError> {
    let peers = peers(config)?;
    let mut swarm = build(config, peers.keys().copied())?;
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
    let outbound = Outbound::new(peers.values().map(|peer| peer.node));
    let driver = Driver {
        swarm,
        peers,
        outbound: outbound.clone(),
        deliver,
    };
    tokio::spawn(driver.run(stop));
    Ok((outbound, address))
}

fn peers(config: &Config) -> Result<BTreeMap<PeerId, Peer>, NetworkError> {
    let now = Instant::now();
    let mut peers = BTreeMap::new();
    for record in &config.genesis.body().nodes {
        let Some(address) = config.peers.get(&record.id) else {
            continue;
        };
        let id = peer_id(&record.transport).map_err(|reason| NetworkError::Key {
            node: record.id,
            reason,
        })?;
        let wait = if config.record.id > record.id {
            HIGHER_ID_WAITS
        } else {
            Duration::ZERO
        };
        let peer = Peer {
            node: record.id,
            address: multiaddr(*address),
            in_flight: None,
            dial_at: now + wait,
            dial_pause: DIAL_PAUSE_MIN,
        };
        peers.insert(id, peer);
    }
    Ok(peers)
}

fn build(
    config: &Config,
    allowed: impl Iterator<Item = PeerId>,
) -> Result<Swarm<Behaviour>, NetworkError> {
    let failed = |error: &dyn std::fmt::Display| NetworkError::Start(error.to_string());
    let mut seed = *config.secrets.transport_seed;
    let keypair = Keypair::ed25519_from_bytes(&mut seed).map_err(|error| failed(&error))?;
    let network_key = PreSharedKey::new(config.network_key);
    let mut allow_list = allow_block_list::Behaviour::<AllowedPeers>::default();
    for peer in allowed {
        allow_list.allow_peer(peer);
    }
    let others = u32::try_from(config.peers.len()).unwrap_or(u32::MAX);
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING_INCOMING_MAX))
        .with_max_established_per_peer(Some(ESTABLISHED_PER_PEER_MAX))
        .with_max_established(Some(others.saturating_mul(ESTABLISHED_PER_PEER_MAX).max(1)));
    let protocols = [(PROTOCOL, ProtocolSupport::Full)];
    let settings = request_response::Config::default()
        .with_request_timeout(FRAME_TIMEOUT)
        .with_max_concurrent_streams(8);
    let behaviour = Behaviour {
        limits: connection_limits::Behaviour::new(limits),
        allowed: allow_list,
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
                () = outbound.queued() => self.send_all(),
                _ = dial.tick() => self.dial(),
                _ = stop.changed() => return,
            }
        }
    }

    fn dial(&mut self) {
        let now = Instant::now();
        for (id, peer) in &mut self.peers {
            if self.swarm.is_connected(id) || now < peer.dial_at {
                continue;
            }
            peer.dial_at = now + peer.dial_pause;
            peer.dial_pause = (peer.dial_pause * 2).min(DIAL_PAUSE_MAX);
            let options = DialOpts::peer_id(*id)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(vec![peer.address.clone()])
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
            return;
        };
        tracing::info!(node = %peer.node, "connected");
        peer.in_flight = None;
        self.outbound.set_connected(peer.node, true);
    }

    fn on_disconnected(&mut self, id: &PeerId) {
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
                    let Some(from) = self.peers.get(&peer).map(|peer| peer.node) else {
                        return;
                    };
                    for bytes in request {
                        (self.deliver)(NetworkEvent::Message { from, bytes });
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
