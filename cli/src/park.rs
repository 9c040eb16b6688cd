//! The park behind the nodes' addresses: pinned in the data folder, so that no event is ever
//! signed for another one; and how an action is signed, stored and sent.

use std::time::{Duration, Instant};

use wattle_client::api::{EventOutcome, Registry, Status};
use wattle_client::outbox::OutboxError;
use wattle_client::{Author, Client, ClientError, Credentials, Outbox, Outcome};
use wattle_ledger::event::{Action, SignedEvent};
use wattle_ledger::genesis::Genesis;
use wattle_ledger::keys::{PublicKey, SigningKey};
use wattle_ledger::registration::{ParticipantId, Role};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::state::joint::BEFORE_DAY_MS;
use wattle_market::interval::{DeliveryInterval, LocalQuarter};

use crate::args::{PeriodArgs, WhoArgs};
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::moment::{self, Moment};
use crate::output::Output;
use crate::promises;
use crate::secret;
use crate::settings::Settings;
use crate::stage::outcome_stage;

/// The genesis of the park that a data folder belongs to.
pub(crate) const GENESIS_FILE: &str = "genesis";
/// Signed events without outcome.
const OUTBOX_FOLDER: &str = "outbox";
/// The key of a tenant.
pub(crate) const TENANT_KEY: &str = "key.pem";
/// The key of the registrar.
pub(crate) const REGISTRAR_KEY: &str = "registrar.pem";
/// The key of the treasurer.
pub(crate) const TREASURER_KEY: &str = "treasurer.pem";
/// The key of the regulator.
pub(crate) const REGULATOR_KEY: &str = "regulator.pem";
/// A park that has not recorded an event by then is one that the person should hear about.
const QUIET: Duration = Duration::from_secs(2);

/// A park that answered, and is the one of the data folder.
#[derive(Debug)]
pub(crate) struct Park<'a> {
    settings: &'a Settings,
    /// Asks each node once.
    pub(crate) client: Client,
    /// What the park was founded with.
    pub(crate) genesis: Genesis,
    /// What the answering node said of itself.
    pub(crate) status: Status,
}

impl<'a> Park<'a> {
    /// Reaches the park and checks that it is the data folder's; at the first contact it becomes
    /// that.
    pub(crate) fn open(settings: &'a Settings) -> Result<Park<'a>, Failure> {
        let client = settings.client()?;
        let path = settings.data_dir()?.join(GENESIS_FILE);
        let status = client.status()?;
        let genesis = if path.exists() {
            read_genesis(&path)?
        } else {
            let genesis = client.genesis()?;
            folder::create(settings.data_dir()?)?;
            folder::write_new(&path, genesis.signed(), false)?;
            let (name, park) = (&genesis.body().name, genesis.park());
            eprintln!(
                "{} now belongs to the park {name}, id {park}",
                path.display()
            );
            genesis
        };
        if status.park != genesis.park() {
            return Err(Failure::new(
                Exit::Failure,
                format!(
                    "the node belongs to the park {} ({}), but {} is the park {} ({})",
                    status.name,
                    status.park,
                    path.display(),
                    genesis.body().name,
                    genesis.park()
                ),
                "check --url, or give the --data-dir of that park",
            ));
        }
        Ok(Park {
            settings,
            client,
            genesis,
            status,
        })
    }

    /// The park's clock, minutes ahead of UTC.
    pub(crate) fn offset(&self) -> i16 {
        self.genesis.body().utc_offset_minutes
    }

    /// An interval as it is printed.
    pub(crate) fn interval_text(&self, interval: DeliveryInterval) -> String {
        moment::interval_text(interval, self.offset())
    }

    /// The named interval, or the next one whose gate will still be open when an event arrives:
    /// a gate that closes within a minute of real time is as good as closed.
    pub(crate) fn next_open(&self, named: Option<Moment>) -> Result<DeliveryInterval, Failure> {
        if let Some(moment) = named {
            return moment.interval(self.offset());
        }
        let minute = 60_000 * u64::from(self.status.clock_speed.max(1));
        let arrival = self.status.park_time_ms.plus_millis(minute);
        let next = self.status.next_gate;
        Ok(if next.gate_closure() > arrival {
            next
        } else {
            DeliveryInterval::containing(
                arrival.plus_millis(DeliveryInterval::GATE_BEFORE_START_MS),
            )
            .next()
            .max(next)
        })
    }

    /// The first interval of the first local day whose joint auction is still to come when an
    /// event arrives.
    pub(crate) fn next_joint_day(&self) -> DeliveryInterval {
        let minute = 60_000 * u64::from(self.status.clock_speed.max(1));
        let arrival = self.status.park_time_ms.plus_millis(minute);
        let soon = DeliveryInterval::containing(arrival.plus_millis(BEFORE_DAY_MS)).next();
        let quarter = LocalQuarter::of(soon, self.offset()).quarter_of_day;
        let per_day = DeliveryInterval::PER_DAY;
        soon.plus((per_day - u64::from(quarter)) % per_day)
    }

    /// First and last interval of a period; by default the day up to the next gate.
    pub(crate) fn period(
        &self,
        args: &PeriodArgs,
    ) -> Result<(DeliveryInterval, DeliveryInterval), Failure> {
        let offset = self.offset();
        let next = self.status.next_gate;
        let day = next.minus(DeliveryInterval::PER_DAY);
        let from = args.from.map_or(Ok(day), |from| from.interval(offset))?;
        let to = args
            .to
            .map_or(Ok(next.max(from)), |to| to.interval(offset))?;
        if to < from {
            return Err(Failure::usage(
                "the period ends before it begins",
                "give a --to that is not before --from",
            ));
        }
        Ok((from, to))
    }

    /// The key of `--key`, or of this name in the data folder.
    pub(crate) fn key(&self, default_name: &str) -> Result<SigningKey, Failure> {
        secret::read_key(self.settings, &self.settings.key_path(default_name)?)
    }

    /// A client that signs requests for what is private.
    pub(crate) fn private_client(&self, key: SigningKey) -> Result<Client, Failure> {
        let park = self.genesis.park();
        Ok(self
            .settings
            .client()?
            .with_credentials(Credentials { park, key }))
    }

    /// A client with the tenant's key, and whose data is asked for.
    pub(crate) fn private_of(&self, who: &WhoArgs) -> Result<(Client, ParticipantId), Failure> {
        let key = self.key(TENANT_KEY)?;
        let participant = match &who.participant {
            Some(name) => participant(&self.client.registry()?, name)?,
            None => match self.role_of(&key.public())? {
                Role::Tenant(participant) | Role::Delegate(participant) => participant,
                role => {
                    return Err(Failure::usage(
                        format!("the key is that of the {role}, who has no account"),
                        "name a participant with --participant",
                    ));
                }
            },
        };
        Ok((self.private_client(key)?, participant))
    }

    fn role_of(&self, key: &PublicKey) -> Result<Role, Failure> {
        self.client
            .key(key)
            .map(|status| status.role)
            .map_err(|error| unknown_key(key, error))
    }

    /// Signs an action, stores it, sends it, and waits for what became of it.
    pub(crate) fn submit(&self, key: &SigningKey, action: Action) -> Result<Recorded, Failure> {
        let outbox = self.outbox()?;
        self.send_waiting(&outbox, &key.public())?;
        let park = self.genesis.park();
        let public = key.public();
        let mut author = Author::fetch(&self.client, park, key.clone())
            .map_err(|error| unknown_key(&public, error))?;
        let data_dir = self.settings.data_dir()?;
        author
            .skip_waiting(&outbox)
            .map_err(|error| Failure::file("read the outbox in", data_dir, &error))?;
        let event = author.sign(action, self.status.park_time_ms);
        let outcome = self.send(&outbox, &event)?;
        Ok(Recorded { event, outcome })
    }

    /// Events of this key that wait come first: the ledger takes a key's events in sequence.
    fn send_waiting(&self, outbox: &Outbox, key: &PublicKey) -> Result<(), Failure> {
        for event in outbox.waiting()? {
            if event.body().author != *key {
                continue;
            }
            let (name, sequence) = (event.body().action.name(), event.body().sequence);
            eprintln!("an earlier event (sequence {sequence}, {name}) has no outcome yet: sending");
            match self.send(outbox, &event) {
                Ok(outcome) => {
                    eprintln!("  {} ({})", outcome_text(&outcome), outcome_stage(&outcome))
                }
                // A refusal that no resending can change has left the outbox.
                Err(failure) if !outbox.waiting()?.contains(&event) => {
                    if let Failure::Told(told) = &failure {
                        eprintln!("  {}", told.chain.join(": "));
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Sends an event from the outbox until it has an outcome or the time is over.
    pub(crate) fn send(
        &self,
        outbox: &Outbox,
        event: &SignedEvent,
    ) -> Result<EventOutcome, Failure> {
        let (start, timeout) = (Instant::now(), self.settings.timeout);
        let again = format!(
            "wattle --data-dir {} outbox resend (the signed event waits there; it never acts twice)",
            self.settings.data_dir()?.display()
        );
        let first = outbox.send(&self.client, event, timeout.min(QUIET));
        self.keep_receipt(event, &first)?;
        let left = timeout.saturating_sub(start.elapsed());
        let result = match first {
            Ok(Outcome::Pending(_)) | Err(OutboxError::Client(ClientError::NoQuorum { .. }))
                if !left.is_zero() =>
            {
                eprintln!("waiting for the park; if you interrupt this, go on with: {again}");
                let patient = self.settings.client()?.with_retries(left);
                let second = outbox.send(&patient, event, left);
                self.keep_receipt(event, &second)?;
                second
            }
            other => other,
        };
        match result {
            Ok(Outcome::Committed(outcome)) => Ok(outcome),
            Ok(Outcome::Pending(_)) => Err(Failure::new(
                Exit::NoQuorum,
                format!(
                    "the park did not record the event within {} s",
                    timeout.as_secs()
                ),
                again,
            )),
            Err(OutboxError::Client(ClientError::Refused(refusal))) => {
                Err(ClientError::Refused(refusal).into())
            }
            Err(error) => Err(Failure::from(error).with_next(again)),
        }
    }

    fn keep_receipt(
        &self,
        event: &SignedEvent,
        answer: &Result<Outcome, OutboxError>,
    ) -> Result<(), Failure> {
        let receipt = match answer {
            Ok(Outcome::Committed(outcome)) => outcome.receipt.as_deref(),
            Ok(Outcome::Pending(pending)) => pending.receipt.as_deref(),
            Err(_) => None,
        };
        match receipt {
            Some(receipt) => promises::keep(self.settings, event, receipt),
            None => Ok(()),
        }
    }

    /// The outbox of the data folder.
    pub(crate) fn outbox(&self) -> Result<Outbox, Failure> {
        open_outbox(self.settings)
    }
}

/// The outbox of the data folder, which is made if it is not there.
pub(crate) fn open_outbox(settings: &Settings) -> Result<Outbox, Failure> {
    let data_dir = settings.data_dir()?;
    folder::create(data_dir)?;
    Ok(Outbox::open(&data_dir.join(OUTBOX_FOLDER))?)
}

/// Reads and checks a genesis file.
pub(crate) fn read_genesis(path: &std::path::Path) -> Result<Genesis, Failure> {
    let bytes = folder::read(path)?;
    Genesis::parse(&bytes).map_err(|error| {
        let next = "copy the file `genesis` again from whoever founded the park";
        let mut failure = Failure::of(Exit::Failure, &error, next);
        if let Failure::Told(told) = &mut failure {
            let what = format!("{} is not a genesis of a park", path.display());
            told.chain.insert(0, what);
        }
        failure
    })
}

/// An event that is in the log, with what rules said to it.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// The event.
    pub(crate) event: SignedEvent,
    /// What became of it.
    pub(crate) outcome: EventOutcome,
}

impl Recorded {
    /// Prints the outcome; a rule's refusal of the event or an item is a failure after that.
    pub(crate) fn print(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let outcome = &self.outcome;
        output.print(outcome, |writer| writeln!(writer, "{}", self.staged_text()))?;
        self.check()
    }

    /// The outcome in one line, with what holds of its entry.
    pub(crate) fn staged_text(&self) -> String {
        let outcome = &self.outcome;
        format!("{} ({})", outcome_text(outcome), outcome_stage(outcome))
    }

    /// A failure where a rule refused the event or one of its items.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        match self.outcome.first_refusal() {
            Some((_, item)) => Err(Failure::refusal(item.code, &item.name, &item.sentence)),
            None => Ok(()),
        }
    }
}

fn outcome_text(outcome: &EventOutcome) -> String {
    let all = outcome.items.len();
    let accepted = outcome
        .items
        .iter()
        .filter(|item| item.is_accepted())
        .count();
    let leaf = outcome.leaf;
    match (accepted, all) {
        (1, 1) => format!("accepted, entry {leaf} of the log"),
        (0, 1) => format!("recorded as entry {leaf} of the log, and refused"),
        _ => format!("entry {leaf} of the log: {accepted} of {all} items accepted"),
    }
}

fn unknown_key(key: &PublicKey, error: ClientError) -> Failure {
    match error {
        ClientError::Problem(problem) if problem.status == 404 => {
            let unknown = Rejection::UnknownKey;
            Failure::refusal(unknown.code(), unknown.name(), unknown.sentence())
                .with_next(format!("ask the park's registrar to add the key {key}"))
        }
        other => other.into(),
    }
}

/// A participant by name, or by id.
pub(crate) fn participant(registry: &Registry, text: &str) -> Result<ParticipantId, Failure> {
    let by_name = registry
        .participants
        .iter()
        .find(|known| known.name == text);
    let by_id = || {
        let id = ParticipantId(text.parse().ok()?);
        registry.participants.iter().find(|known| known.id == id)
    };
    by_name.or_else(by_id).map(|known| known.id).ok_or_else(|| {
        let names: Vec<&str> = registry
            .participants
            .iter()
            .map(|known| known.name.as_str())
            .collect();
        let next = match names.as_slice() {
            [] => "register one first: wattle registrar participant NAME".to_owned(),
            names => format!("name one of: {}", names.join(", ")),
        };
        Failure::usage(
            format!("no participant is called {text:?} or has that id"),
            next,
        )
    })
}

/// An id that was typed, or the one after the greatest in use.
pub(crate) fn free_id(typed: Option<u32>, used: impl Iterator<Item = u32>) -> u32 {
    typed.unwrap_or_else(|| used.max().unwrap_or(0).saturating_add(1))
}
