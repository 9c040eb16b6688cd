//! Who uses the park: authors that sign events, store them, and send the same bytes until they
//! have an outcome.

use crate::options::Options;
use crate::park::{FIRST_INTERVAL, PARTICIPANTS, Park};
use crate::random::Stream;
use std::collections::{BTreeMap, VecDeque};
use wattle_ledger::event::{
    Action, EventBody, OrderChange, OrderId, OrderItem, OrderWithMinimum, Reading, SignedEvent,
};
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::SigningKey;
use wattle_ledger::registration::{MarketMode, NodeId, ParticipantId};
use wattle_ledger::rejection::Rejection;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::order::Side;
use wattle_market::point::PointId;
use wattle_market::units::{Money, Price, WattHours};
use wattle_replica::input::ClientId;
use wattle_replica::output::Response;

/// One submission to one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// A name that is never used again.
    pub client: ClientId,
    /// The event's bytes.
    pub event: Vec<u8>,
}

/// All authors.
#[derive(Debug)]
pub struct Workload {
    stream: Stream,
    park: Park,
    authors: Vec<Author>,
    clients: BTreeMap<ClientId, (usize, Hash)>,
    next_client: u64,
    /// Since when each meter measures, as the registrar has last signed it.
    measured_from: Vec<DeliveryInterval>,
    /// Events left to sign.
    budget: u64,
    clients_trust: bool,
    /// What the registrar says of nodes, and when at the earliest, in milliseconds of real time.
    of_nodes: VecDeque<(u64, Action)>,
    /// Registrations of nodes that were signed and not yet handed over.
    registered: Vec<(NodeId, Vec<u8>)>,
}

/// What an author does.
#[derive(Debug)]
enum Trade {
    Registrar(VecDeque<Action>),
    Treasurer,
    Tenant {
        participant: u32,
        orders: Vec<OrderId>,
    },
    Meter {
        place: usize,
        read_until: DeliveryInterval,
        register: i64,
    },
}

#[derive(Debug)]
struct Author {
    key: SigningKey,
    trade: Trade,
    /// The next sequence to sign.
    sequence: u64,
    /// Signed events without an outcome, as the client has stored them.
    open: BTreeMap<Hash, Open>,
    /// How many may be open at once.
    open_max: usize,
}

#[derive(Debug)]
struct Open {
    event: Vec<u8>,
    sequence: u64,
    /// When it is sent again, in milliseconds of real time.
    send_at_ms: u64,
    /// Whether another event of the same sequence was signed, so that one of the two is refused.
    has_rival: bool,
}

impl Workload {
    /// The authors of a park.
    pub fn new(options: &Options, park: Park) -> Workload {
        let mut stream = Stream::new(options.seed, "workload");
        let author = |key: &SigningKey, trade, open_max| Author {
            key: key.clone(),
            trade,
            sequence: 1,
            open: BTreeMap::new(),
            open_max,
        };
        let registrations = park.registrations().into();
        let mut authors = vec![
            author(&park.registrar, Trade::Registrar(registrations), 6),
            author(&park.treasurer, Trade::Treasurer, 1),
        ];
        for (participant, key) in (1..=PARTICIPANTS).zip(&park.tenants) {
            let trade = Trade::Tenant {
                participant,
                orders: Vec::new(),
            };
            authors.push(author(key, trade, stream.between(1, 3) as usize));
        }
        for (place, (meter, key)) in park.meters.iter().enumerate() {
            let (read_until, register) = (FIRST_INTERVAL, meter.register.0);
            authors.push(author(
                key,
                Trade::Meter {
                    place,
                    read_until,
                    register,
                },
                1,
            ));
        }
        let (budget, clients_trust) = (options.events, options.clients_trust);
        let measured_from = vec![FIRST_INTERVAL; park.meters.len()];
        let clients = BTreeMap::new();
        let next_client = 1;
        Workload {
            stream,
            park,
            authors,
            clients,
            next_client,
            measured_from,
            budget,
            clients_trust,
            of_nodes: VecDeque::new(),
            registered: Vec::new(),
        }
    }

    /// The registrar says this of nodes, in order, each not before its time.
    pub fn say_of_nodes(&mut self, actions: VecDeque<(u64, Action)>) {
        self.of_nodes = actions;
    }

    /// Whether all that is to be said of nodes is said.
    pub fn has_said_all(&self) -> bool {
        self.of_nodes.is_empty()
    }

    /// Nodes whose registration was signed since the last call.
    pub fn take_registered(&mut self) -> Vec<(NodeId, Vec<u8>)> {
        std::mem::take(&mut self.registered)
    }

    /// What is submitted at this moment: at most one event. `is_promised` tells whether a node has
    /// stored an event and promised to carry it.
    pub fn next(
        &mut self,
        real_ms: u64,
        park_time: Timestamp,
        is_promised: impl Fn(&Hash) -> bool,
    ) -> Option<Submission> {
        let place = self.stream.below(self.authors.len() as u64) as usize;
        if let Some(hash) = self.due(place, real_ms, is_promised) {
            return Some(self.submit(place, hash, real_ms));
        }
        if place == REGISTRAR
            && self.may_sign(place)
            && let Some(action) = self.next_of_nodes(real_ms)
        {
            let hash = self.sign(place, action, park_time);
            return Some(self.submit(place, hash, real_ms));
        }
        if self.budget == 0 || !self.may_sign(place) {
            return None;
        }
        let action = self.next_action(place, park_time)?;
        self.budget -= 1;
        let hash = self.sign(place, action, park_time);
        Some(self.submit(place, hash, real_ms))
    }

    /// What the registrar says of nodes next. Each waits for what became of the one before.
    fn next_of_nodes(&mut self, real_ms: u64) -> Option<Action> {
        let is_free = self.authors[REGISTRAR].open.is_empty();
        let (at_ms, _) = self.of_nodes.front()?;
        if !is_free || *at_ms > real_ms && self.budget > 0 {
            return None;
        }
        let (_, action) = self.of_nodes.pop_front()?;
        Some(action)
    }

    /// One more event, to see that the park still works: a deposit.
    pub fn sign_last(&mut self, park_time: Timestamp) -> Hash {
        let action = self.deposit();
        self.sign(TREASURER, action, park_time)
    }

    /// Bytes that no node may record, with what it must answer.
    pub fn nonsense(&mut self) -> (Submission, Rejection) {
        let key = self.park.tenants[0].clone();
        let body = self.body(
            &key,
            1,
            Action::RevokeKey { key: key.public() },
            Timestamp(0),
        );
        let mut event = SignedEvent::sign(&self.park.genesis.park(), &body, &key)
            .bytes()
            .to_vec();
        let rejection = if self.stream.chance(500) {
            event.truncate(40);
            Rejection::MalformedEvent
        } else {
            let stranger = SigningKey::from_seed(&[9; 32]);
            let body = EventBody {
                author: stranger.public(),
                ..body
            };
            let signed = SignedEvent::sign(&self.park.genesis.park(), &body, &stranger);
            event = signed.bytes().to_vec();
            Rejection::UnknownKey
        };
        let client = self.new_client();
        (Submission { client, event }, rejection)
    }

    /// A node's answer. The event's hash where it is final.
    ///
    /// # Errors
    /// What an honest author can never be told.
    pub fn on_answer(
        &mut self,
        client: ClientId,
        response: &Response,
        real_ms: u64,
    ) -> Result<(), String> {
        let Some((place, hash)) = self.clients.remove(&client) else {
            return Ok(());
        };
        let author = &mut self.authors[place];
        let Some(open) = author.open.get_mut(&hash) else {
            return Ok(());
        };
        match response {
            Response::Committed { event, outcome, .. } => {
                if *event != hash {
                    return Err(format!(
                        "{client:?} asked for {hash} and was told of {event}"
                    ));
                }
                let sequence = open.sequence;
                let open = author
                    .open
                    .remove(&hash)
                    .expect("the event was found above");
                if let Trade::Tenant { orders, .. } = &mut author.trade {
                    let accepted = (0..).zip(outcome).filter(|(_, code)| **code == 0);
                    let key = author.key.public();
                    orders.extend(accepted.map(|(item, _)| OrderId {
                        key,
                        sequence,
                        item,
                    }));
                }
                if let Trade::Registrar(actions) = &mut author.trade
                    && outcome.iter().any(|code| *code != 0)
                {
                    // Its gate closed while the park was down: it is registered for later.
                    let event = SignedEvent::parse(&open.event).expect("it was signed here");
                    actions.push_back(event.body().action.clone());
                }
            }
            Response::Refused(Rejection::SequenceUsed) if open.has_rival => {
                author.open.remove(&hash);
            }
            Response::Refused(
                Rejection::UnknownKey | Rejection::WrongSequence | Rejection::QuotaExceeded,
            )
            | Response::Busy
            | Response::NoLeader => open.send_at_ms = real_ms + 500,
            Response::Refused(other) => {
                return Err(format!(
                    "event {hash} of an honest author was refused: {other:?}"
                ));
            }
            Response::Full => return Err("the window was never meant to be full".to_owned()),
        }
        Ok(())
    }

    /// A submission that reached no node.
    pub fn on_unreachable(&mut self, client: ClientId, real_ms: u64) {
        let Some((place, hash)) = self.clients.remove(&client) else {
            return;
        };
        if let Some(open) = self.authors[place].open.get_mut(&hash) {
            open.send_at_ms = real_ms + 300;
        }
    }

    /// No further events but [`Self::sign_last`]'s.
    pub fn stop_signing(&mut self) {
        self.budget = 0;
    }

    /// From now on clients send again also what a node has promised.
    pub fn stop_trusting(&mut self) {
        self.clients_trust = false;
    }

    /// Events without an outcome.
    pub fn open_len(&self) -> usize {
        self.authors.iter().map(|author| author.open.len()).sum()
    }

    /// Whether an event is still without an outcome.
    pub fn is_open(&self, hash: &Hash) -> bool {
        self.authors
            .iter()
            .any(|author| author.open.contains_key(hash))
    }

    /// The open event of an author to be sent now.
    fn due(&self, place: usize, now: u64, is_promised: impl Fn(&Hash) -> bool) -> Option<Hash> {
        let open = self.authors[place].open.iter();
        let mut due = open.filter(|(hash, open)| {
            open.send_at_ms <= now && !(self.clients_trust && is_promised(hash))
        });
        due.next().map(|(hash, _)| *hash)
    }

    /// Authors other than the registrar wait until they are registered.
    fn may_sign(&self, place: usize) -> bool {
        let author = &self.authors[place];
        let is_registered = match &self.authors[REGISTRAR].trade {
            Trade::Registrar(actions) => {
                actions.is_empty() && self.authors[REGISTRAR].open.is_empty()
            }
            _ => unreachable!("the first author is the registrar"),
        };
        let has_rival = author.open.values().any(|open| open.has_rival);
        author.open.len() < author.open_max && !has_rival && (place == REGISTRAR || is_registered)
    }

    fn submit(&mut self, place: usize, hash: Hash, real_ms: u64) -> Submission {
        let client = self.new_client();
        self.clients.insert(client, (place, hash));
        let again = self.stream.between(1_500, 5_000);
        let open = self.authors[place]
            .open
            .get_mut(&hash)
            .expect("only open events are sent");
        open.send_at_ms = real_ms + again;
        Submission {
            client,
            event: open.event.clone(),
        }
    }

    fn new_client(&mut self) -> ClientId {
        self.next_client += 1;
        ClientId(self.next_client)
    }

    /// Signs and stores an event, and now and then another one of the same sequence.
    fn sign(&mut self, place: usize, action: Action, park_time: Timestamp) -> Hash {
        let key = self.authors[place].key.clone();
        let sequence = self.authors[place].sequence;
        self.authors[place].sequence += 1;
        let is_tenant = matches!(self.authors[place].trade, Trade::Tenant { .. });
        let has_rival = is_tenant && self.stream.chance(60);
        let hash = self.store(
            place,
            &key,
            sequence,
            (action.clone(), park_time),
            has_rival,
        );
        if has_rival {
            let later = park_time.plus_millis(1);
            self.store(place, &key, sequence, (action, later), true);
        }
        hash
    }

    fn store(
        &mut self,
        place: usize,
        key: &SigningKey,
        sequence: u64,
        (action, issued_at): (Action, Timestamp),
        has_rival: bool,
    ) -> Hash {
        let body = self.body(key, sequence, action, issued_at);
        let event = SignedEvent::sign(&self.park.genesis.park(), &body, key);
        let bytes = event.bytes().to_vec();
        if let Action::RegisterNode(record) = &event.body().action {
            self.registered.push((record.id, bytes.clone()));
        }
        let open = Open {
            event: bytes,
            sequence,
            send_at_ms: 0,
            has_rival,
        };
        self.authors[place].open.insert(event.hash(), open);
        event.hash()
    }

    fn body(
        &self,
        key: &SigningKey,
        sequence: u64,
        action: Action,
        issued_at: Timestamp,
    ) -> EventBody {
        EventBody {
            version: 0,
            author: key.public(),
            sequence,
            issued_at,
            action,
        }
    }

    fn deposit(&mut self) -> Action {
        let participant = self.stream.between(1, u64::from(PARTICIPANTS)) as u32;
        let yuan = self.stream.between(1, 5_000) as i64;
        Action::Deposit {
            participant: ParticipantId(participant),
            amount: Money(yuan * 1_000_000_000),
            reference: "simulated".to_owned(),
        }
    }

    fn next_action(&mut self, place: usize, now: Timestamp) -> Option<Action> {
        if place == TREASURER {
            return Some(self.deposit());
        }
        let stream = &mut self.stream;
        match &mut self.authors[place].trade {
            Trade::Registrar(actions) => {
                let mut action = actions.pop_front()?;
                date(&mut action, now, &mut self.measured_from);
                Some(action)
            }
            Trade::Treasurer => unreachable!("the treasurer was answered above"),
            Trade::Tenant {
                participant,
                orders,
            } => Some(tenant_action(stream, *participant, orders, now)),
            Trade::Meter {
                place,
                read_until,
                register,
            } => {
                *read_until = self.measured_from[*place].max(*read_until);
                let is_roof = *place >= PARTICIPANTS as usize;
                readings(stream, is_roof, (read_until, register), now)
            }
        }
    }
}

/// Places of two authors in the list.
const REGISTRAR: usize = 0;
const TREASURER: usize = 1;

/// Lets a registration take effect from an interval whose gate will be open for a while.
fn date(action: &mut Action, now: Timestamp, measured_from: &mut [DeliveryInterval]) {
    let open = DeliveryInterval::containing(now)
        .plus(3)
        .max(FIRST_INTERVAL);
    match action {
        Action::RegisterPoint(point) => point.from = open,
        Action::RegisterMeter(meter) => {
            meter.from = open;
            measured_from[meter.id.0 as usize - 1] = open;
        }
        Action::SetMarketMode { from, mode } => {
            *from = match mode {
                MarketMode::Continuous => open,
                MarketMode::CallAuction => open.plus(3),
            };
        }
        _ => {}
    }
}

fn tenant_action(
    stream: &mut Stream,
    participant: u32,
    orders: &mut Vec<OrderId>,
    now: Timestamp,
) -> Action {
    let point = PointId(participant);
    if stream.chance(100) {
        return Action::SetStandingInstruction {
            point,
            enrolled: stream.chance(800),
            ask_limit: Price(stream.between(420_000, 500_000) as i64),
            bid_limit: stream.chance(500).then_some(Price(650_000)),
        };
    }
    if !orders.is_empty() && stream.chance(150) {
        let place = stream.below(orders.len() as u64) as usize;
        return Action::CancelOrders(vec![orders.swap_remove(place)]);
    }
    if !orders.is_empty() && stream.chance(150) {
        let place = stream.below(orders.len() as u64) as usize;
        return Action::ChangeOrders(vec![OrderChange {
            order: orders[place],
            quantity: WattHours(stream.between(1, 20_000) as i64),
            limit: Price(stream.between(380_000, 720_000) as i64),
        }]);
    }
    let first = DeliveryInterval::containing(now).max(FIRST_INTERVAL);
    let items = (0..stream.between(1, 6)).map(|_| OrderItem {
        point,
        interval: first.plus(stream.below(5)),
        // The first participant has no roof.
        side: if participant == 1 || stream.chance(300) {
            Side::Buy
        } else {
            Side::Sell
        },
        quantity: WattHours(stream.between(0, 20_000) as i64),
        limit: Price(stream.between(380_000, 720_000) as i64),
    });
    let items: Vec<OrderItem> = items.collect();
    if !stream.chance(200) {
        return Action::PlaceOrders(items);
    }
    // Refused where the market is not continuous.
    let immediate = items.into_iter().map(|order| OrderWithMinimum {
        order,
        minimum: WattHours(0),
    });
    Action::PlaceImmediate(immediate.collect())
}

/// Registers for the intervals that have ended, some of them left out.
fn readings(
    stream: &mut Stream,
    is_roof: bool,
    (read_until, register): (&mut DeliveryInterval, &mut i64),
    now: Timestamp,
) -> Option<Action> {
    let present = DeliveryInterval::containing(now);
    let mut readings = Vec::new();
    while *read_until < present && readings.len() < 20 {
        *register += stream.between(0, if is_roof { 30_000 } else { 15_000 }) as i64;
        if stream.chance(900) {
            let register = WattHours(*register);
            readings.push(Reading {
                interval: *read_until,
                register,
            });
        }
        *read_until = read_until.next();
    }
    (!readings.is_empty()).then_some(Action::SubmitReadings(readings))
}
