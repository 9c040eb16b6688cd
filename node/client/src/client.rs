//! The client: blocking, over several nodes of one park.
//!
//! Every request here may be repeated safely: reading changes nothing, and a signed event that
//! comes twice gets its first outcome. So a request that fails at one node goes to the next, and
//! after a round of failures to all of them again, until the time for retries is over.

mod error;

pub use error::{ClientError, Refusal};

use crate::api::{
    AskedWitness, Balance, Book, Bundles, CertificateRecord, Certificates, Entries, EventOutcome,
    EventPending, EventReceipts, EventState, EvidenceGiven, EvidenceList, FollowedLogs, Invoices,
    KeyStatus, Months, OpenOrders, PriceIndex, Prices, Problem, Registry, Statement, Status,
    Trades,
};
use crate::request::Credentials;
use error::Failure;
use serde::de::DeserializeOwned;
use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};
use wattle_ledger::certificate::CertificateId;
use wattle_ledger::event::SignedEvent;
use wattle_ledger::genesis::Genesis;
use wattle_ledger::hash::Hash;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::log::tiles::TilePath;
use wattle_ledger::registration::ParticipantId;
use wattle_market::interval::{DeliveryInterval, Timestamp};

/// An answer is at most this long; a longer one is malformed. A full bundle of the longest leaves
/// has 16 MiB.
const ANSWER_BYTES_MAX: u64 = 17 * 1024 * 1024;
/// A node is asked to hold a submission at most this long before it answers "pending".
const WAIT_MAX: Duration = Duration::from_secs(10);
/// Between two rounds over all nodes.
const PAUSE: Duration = Duration::from_millis(100);
/// A park time that was fetched is used for signed requests this long.
const TIME_KEPT: Duration = Duration::from_secs(60);

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log. Rules may have refused it or some of its items.
    Committed(EventOutcome),
    /// A node carries it to the leader; nothing more was heard within the time waited.
    Pending(EventPending),
}

/// Reaches one park through the APIs of its nodes.
#[derive(Debug)]
pub struct Client {
    urls: Vec<String>,
    agent: ureq::Agent,
    credentials: Option<Credentials>,
    timeout: Duration,
    retry_for: Duration,
    last_good: Cell<usize>,
    park_time: RefCell<Option<(Instant, Timestamp)>>,
}

impl Client {
    /// A client of nodes at base URLs such as `http://127.0.0.1:8080`, tried in this order.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`], also where there is none.
    pub fn new(urls: &[String]) -> Result<Client, ClientError> {
        let urls: Vec<String> = urls
            .iter()
            .map(|url| base_url(url))
            .collect::<Result<_, _>>()?;
        if urls.is_empty() {
            return Err(ClientError::BadUrl { url: String::new() });
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(Duration::from_secs(3)))
            .user_agent(concat!("wattle-client/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Client {
            urls,
            agent: config.new_agent(),
            credentials: None,
            timeout: Duration::from_secs(10),
            retry_for: Duration::ZERO,
            last_good: Cell::new(0),
            park_time: RefCell::new(None),
        })
    }

    /// Signs requests for what is private with this key.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Client {
        self.credentials = Some(credentials);
        self
    }

    /// How long one node may take to answer; 10 seconds unless told.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Client {
        self.timeout = timeout;
        self
    }

    /// How long a request is repeated where no node can serve it; without, each node is asked
    /// once.
    #[must_use]
    pub fn with_retries(mut self, retry_for: Duration) -> Client {
        self.retry_for = retry_for;
        self
    }

    /// Hands a signed event to the park and waits for its outcome up to `wait`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where the event leaves no leaf. That items were refused by a rule
    /// is an outcome.
    pub fn submit(&self, event: &SignedEvent, wait: Duration) -> Result<Outcome, ClientError> {
        let start = Instant::now();
        loop {
            let left = wait.saturating_sub(start.elapsed());
            let hold = left.min(WAIT_MAX);
            let target = format!("/v1/events?wait_ms={}", hold.as_millis());
            let answer = self.try_nodes(|url| self.post(url, &target, event.bytes(), hold))?;
            let outcome = match answer.status {
                202 => Outcome::Pending(answer.json()?),
                _ => Outcome::Committed(answer.json()?),
            };
            let over = start.elapsed() >= wait;
            if over || matches!(outcome, Outcome::Committed(_)) {
                return Ok(outcome);
            }
        }
    }

    /// What the answering node says of itself.
    pub fn status(&self) -> Result<Status, ClientError> {
        self.json("/v1/status")
    }

    /// The park's genesis, whose signature was checked; whether it is the park that was meant
    /// is for the caller to compare.
    pub fn genesis(&self) -> Result<Genesis, ClientError> {
        let answer = self.get("/v1/genesis", false)?;
        Genesis::parse(&answer.body).map_err(|error| answer.malformed(&error.to_string()))
    }

    /// What is registered.
    pub fn registry(&self) -> Result<Registry, ClientError> {
        self.json("/v1/registry")
    }

    /// What became of an event.
    pub fn event(&self, event: &Hash) -> Result<EventState, ClientError> {
        self.json(&format!("/v1/events/{event}"))
    }

    /// The receipts for an event that the answering node carries.
    pub fn receipts(&self, event: &Hash) -> Result<EventReceipts, ClientError> {
        self.json(&format!("/v1/events/{event}/receipts"))
    }

    /// The evidence that the answering node keeps and the reader may see; needs credentials.
    pub fn evidence_list(&self) -> Result<EvidenceList, ClientError> {
        self.private("/v1/evidence")
    }

    /// One file of it; needs credentials.
    pub fn evidence(&self, id: &Hash) -> Result<Vec<u8>, ClientError> {
        Ok(self.get(&format!("/v1/evidence/{id}"), true)?.body)
    }

    /// Brings a piece of evidence to a node, which keeps it; needs credentials.
    pub fn give_evidence(&self, file: &[u8]) -> Result<EvidenceGiven, ClientError> {
        let target = "/v1/evidence";
        let signed = match &self.credentials {
            Some(credentials) => credentials
                .sign("POST", target, self.park_time()?)
                .headers(),
            None => Default::default(),
        };
        let answer = self.try_nodes(|url| {
            let request = self.agent.post(format!("{url}{target}"));
            let mut request = request.header("content-type", "application/octet-stream");
            for (name, value) in &signed {
                request = request.header(*name, value);
            }
            let request = request.config().timeout_global(Some(self.timeout)).build();
            Answer::read(url, request.send(file))
        })?;
        answer.json()
    }

    /// A key's role and next sequence.
    pub fn key(&self, key: &PublicKey) -> Result<KeyStatus, ClientError> {
        self.json(&format!("/v1/keys/{key}"))
    }

    /// Open orders of an interval.
    pub fn book(&self, interval: DeliveryInterval) -> Result<Book, ClientError> {
        self.json(&format!("/v1/book?interval={}", interval.0))
    }

    /// Clearing results of `from` up to and including `to`.
    pub fn prices(
        &self,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Result<Prices, ClientError> {
        self.json(&format!("/v1/prices?from={}&to={}", from.0, to.0))
    }

    /// The price index of local days that begin from `from` up to and including `to`.
    pub fn price_index(
        &self,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Result<PriceIndex, ClientError> {
        self.json(&format!("/v1/price-index?from={}&to={}", from.0, to.0))
    }

    /// A participant's open orders; needs credentials.
    pub fn orders(&self, participant: ParticipantId) -> Result<OpenOrders, ClientError> {
        self.private(&format!("/v1/orders?participant={participant}"))
    }

    /// A participant's trades in delivery intervals `from` to `to`; needs credentials.
    pub fn trades(
        &self,
        participant: ParticipantId,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Result<Trades, ClientError> {
        self.private(&ranged("trades", participant, from, to))
    }

    /// A participant's open bundles, and those of days that begin in `from` to `to`; needs
    /// credentials.
    pub fn bundles(
        &self,
        participant: ParticipantId,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Result<Bundles, ClientError> {
        self.private(&ranged("bundles", participant, from, to))
    }

    /// A participant's account; needs credentials.
    pub fn balance(&self, participant: ParticipantId) -> Result<Balance, ClientError> {
        self.private(&format!("/v1/balance?participant={participant}"))
    }

    /// A participant's settled intervals `from` to `to`; needs credentials.
    pub fn statement(
        &self,
        participant: ParticipantId,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Result<Statement, ClientError> {
        self.private(&ranged("statement", participant, from, to))
    }

    /// A participant's invoices; needs credentials.
    pub fn invoices(&self, participant: ParticipantId) -> Result<Invoices, ClientError> {
        self.private(&format!("/v1/invoices?participant={participant}"))
    }

    /// Closed months of the park; needs credentials of a node, registrar, treasurer or regulator.
    pub fn months(&self) -> Result<Months, ClientError> {
        self.private("/v1/months")
    }

    /// What a participant holds that was generated from `from` up to and including `to`.
    pub fn certificates(
        &self,
        participant: ParticipantId,
        from: DeliveryInterval,
        to: DeliveryInterval,
    ) -> Result<Certificates, ClientError> {
        self.private(&ranged("certificates", participant, from, to))
    }

    /// One certificate that a participant holds or produced.
    pub fn certificate(
        &self,
        participant: ParticipantId,
        certificate: CertificateId,
    ) -> Result<CertificateRecord, ClientError> {
        self.private(&format!(
            "/v1/certificates/{certificate}?participant={participant}"
        ))
    }

    /// Leaves as JSON; needs credentials of a node, registrar, treasurer or regulator.
    pub fn entries(&self, from: u64, count: u64) -> Result<Entries, ClientError> {
        self.private(&format!("/v1/entries?from={from}&count={count}"))
    }

    /// An older checkpoint, by its size, as a signed note.
    pub fn checkpoint_of(&self, size: u64) -> Result<String, ClientError> {
        self.get(&format!("/checkpoint/{size}"), false)?.text()
    }

    /// The last checkpoint with its quorum of cosignatures, as a signed note.
    pub fn checkpoint(&self) -> Result<String, ClientError> {
        self.get("/checkpoint", false)?.text()
    }

    /// The last checkpoint that a witness of the node has cosigned too, as a signed note.
    pub fn witnessed_checkpoint(&self) -> Result<String, ClientError> {
        self.get("/checkpoint/witnessed", false)?.text()
    }

    /// The witnesses that the answering node asks.
    pub fn witnesses(&self) -> Result<Vec<AskedWitness>, ClientError> {
        self.json("/v1/witnesses")
    }

    /// The logs that the park follows.
    pub fn logs(&self) -> Result<FollowedLogs, ClientError> {
        self.json("/v1/logs")
    }

    /// A file of the log; a bundle needs credentials as for [`Client::entries`].
    pub fn tile(&self, path: &TilePath) -> Result<Vec<u8>, ClientError> {
        let private = path.kind() == wattle_ledger::log::tiles::TileKind::Entries;
        Ok(self.get(&format!("/{path}"), private)?.body)
    }

    fn json<T: DeserializeOwned>(&self, target: &str) -> Result<T, ClientError> {
        self.get(target, false)?.json()
    }

    fn private<T: DeserializeOwned>(&self, target: &str) -> Result<T, ClientError> {
        self.get(target, true)?.json()
    }

    fn get(&self, target: &str, private: bool) -> Result<Answer, ClientError> {
        let signed = match &self.credentials {
            Some(credentials) if private => {
                Some(credentials.sign("GET", target, self.park_time()?).headers())
            }
            _ => None,
        };
        self.try_nodes(|url| {
            let mut request = self.agent.get(format!("{url}{target}"));
            for (name, value) in signed.iter().flatten() {
                request = request.header(*name, value);
            }
            let request = request.config().timeout_global(Some(self.timeout)).build();
            Answer::read(url, request.call())
        })
    }

    fn post(
        &self,
        url: &str,
        target: &str,
        body: &[u8],
        hold: Duration,
    ) -> Result<Answer, Failure> {
        let request = self
            .agent
            .post(format!("{url}{target}"))
            .header("content-type", "application/octet-stream")
            .config()
            .timeout_global(Some(self.timeout + hold))
            .build();
        Answer::read(url, request.send(body))
    }

    /// The park's time, from a node, not older than a minute: only good for signed requests.
    fn park_time(&self) -> Result<Timestamp, ClientError> {
        if let Some((fetched, time)) = *self.park_time.borrow()
            && fetched.elapsed() < TIME_KEPT
        {
            return Ok(time);
        }
        let time = self.status()?.park_time_ms;
        *self.park_time.borrow_mut() = Some((Instant::now(), time));
        Ok(time)
    }

    /// Tries the nodes in turn, beginning with the one that answered last.
    fn try_nodes(
        &self,
        request: impl Fn(&str) -> Result<Answer, Failure>,
    ) -> Result<Answer, ClientError> {
        let start = Instant::now();
        loop {
            let mut failures = Vec::new();
            for offset in 0..self.urls.len() {
                let place = (self.last_good.get() + offset) % self.urls.len();
                match request(&self.urls[place]) {
                    Ok(answer) => {
                        self.last_good.set(place);
                        return Ok(answer);
                    }
                    Err(Failure::Final(error)) => {
                        self.last_good.set(place);
                        return Err(error);
                    }
                    Err(Failure::Elsewhere(error)) => failures.push(error),
                }
            }
            if start.elapsed() + PAUSE > self.retry_for {
                return Err(ClientError::of_all(failures));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// An answer with a status of success.
struct Answer {
    url: String,
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    fn read(
        url: &str,
        result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, Failure> {
        let unreachable = |error: ureq::Error| Failure::unreachable(url, &error);
        let mut response = result.map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec();
        let answer = Answer {
            url: url.to_owned(),
            status,
            body: body.map_err(unreachable)?,
        };
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        match serde_json::from_slice::<Problem>(&answer.body) {
            Ok(problem) => Err(Failure::of(url, problem)),
            Err(_) => Err(Failure::Final(
                answer.malformed(&format!("status {status} without a problem document")),
            )),
        }
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| self.malformed(&error.to_string()))
    }

    fn text(self) -> Result<String, ClientError> {
        String::from_utf8(self.body.clone()).map_err(|_| self.malformed("not UTF-8"))
    }

    fn malformed(&self, reason: &str) -> ClientError {
        ClientError::Malformed {
            url: self.url.clone(),
            reason: reason.to_owned(),
        }
    }
}

fn ranged(
    what: &str,
    participant: ParticipantId,
    from: DeliveryInterval,
    to: DeliveryInterval,
) -> String {
    format!(
        "/v1/{what}?participant={participant}&from={}&to={}",
        from.0, to.0
    )
}

pub(crate) fn base_url(url: &str) -> Result<String, ClientError> {
    let trimmed = url.trim_end_matches('/');
    let rest = trimmed.strip_prefix("http://");
    let good = rest.is_some_and(|rest| {
        let uri = trimmed.parse::<ureq::http::Uri>();
        !rest.is_empty() && !rest.contains(['?', '#']) && uri.is_ok_and(|uri| uri.host().is_some())
    });
    if good {
        Ok(trimmed.to_owned())
    } else {
        Err(ClientError::BadUrl {
            url: url.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_base_urls() {
        assert_eq!(
            base_url("http://127.0.0.1:8080/").unwrap(),
            "http://127.0.0.1:8080"
        );
        for url in [
            "",
            "127.0.0.1:80",
            "https://a",
            "http://",
            "ftp://a",
            "http://a?b",
            "http:// ",
        ] {
            assert!(
                matches!(base_url(url), Err(ClientError::BadUrl { .. })),
                "{url:?}"
            );
        }
        assert!(Client::new(&[]).is_err());
    }
}
