//! What rows need to know beside their own leaf: who holds what, and when the batch was.

use std::collections::BTreeMap;

use wattle_ledger::batch::SignedHeader;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::{Action, SignedEvent};
use wattle_ledger::genesis::Genesis;
use wattle_ledger::registration::{MeterId, MeterKind, ParticipantId, Role};
use wattle_ledger::rejection::Rejection;
use wattle_ledger::verify::entries::IndexedEntry;
use wattle_ledger::view::Registry;
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::point::PointId;

use super::{Cell, number, words};
use crate::moment;

/// The log as far as it was read.
pub(crate) struct Reader {
    /// The park's clock, minutes ahead of UTC.
    offset: i16,
    pub(super) registry: Registry,
    pub(super) kinds: BTreeMap<MeterId, MeterKind>,
    /// The time of the batch that the leaf is in.
    time: Timestamp,
    /// The event of the leaf, with its outcome.
    event: Option<(SignedEvent, Vec<u16>)>,
}

impl Reader {
    /// Before the first leaf.
    pub(crate) fn new(genesis: &Genesis) -> Reader {
        Reader {
            offset: genesis.body().utc_offset_minutes,
            registry: Registry::found(genesis),
            kinds: BTreeMap::new(),
            time: Timestamp(0),
            event: None,
        }
    }

    /// Takes in the next leaf, before any rows are made of it.
    pub(crate) fn take(&mut self, entry: &IndexedEntry) {
        self.event = None;
        match &entry.entry {
            Entry::Batch { header, .. } => {
                if let Ok(header) = SignedHeader::parse(header) {
                    self.time = header.body().time;
                }
            }
            Entry::Event { signed, outcome } => {
                self.registry.gather(&entry.entry);
                if let Ok(event) = SignedEvent::parse(signed) {
                    self.meter(&event.body().action, outcome);
                    self.event = Some((event, outcome.clone()));
                }
            }
            Entry::Genesis(_)
            | Entry::Derived { .. }
            | Entry::Seal { .. }
            | Entry::Voters { .. } => {}
        }
    }

    fn meter(&mut self, action: &Action, outcome: &[u16]) {
        let (id, kind) = match action {
            Action::RegisterMeter(meter) => (meter.id, meter.kind),
            Action::RegisterBoundaryMeter(meter) => (meter.id, meter.kind),
            _ => return,
        };
        if outcome == [0] {
            self.kinds.insert(id, kind);
        }
    }

    /// The leaf's event, if it is one.
    pub(super) fn event(&self) -> Option<&SignedEvent> {
        self.event.as_ref().map(|(event, _)| event)
    }

    /// What became of an item of the leaf's event, in a word.
    pub(super) fn outcome(&self, item: usize) -> Cell {
        let (_, outcome) = self.event.as_ref()?;
        // A single number stands for a list that was refused whole.
        let code = outcome.get(item).or(outcome.first())?;
        words(match code {
            0 => "done",
            code => Rejection::from_code(*code).map_or("refused", Rejection::name),
        })
    }

    /// Whom the author of the leaf's event signs for.
    pub(super) fn author(&self) -> Option<ParticipantId> {
        let event = self.event()?;
        match self.registry.role(&event.body().author)? {
            Role::Tenant(participant) | Role::Delegate(participant) => Some(participant),
            Role::Registrar | Role::Treasurer | Role::Regulator => None,
            Role::Meter(_) | Role::Node(_) => None,
        }
    }

    /// The batch's time.
    pub(super) fn recorded(&self) -> Cell {
        number(self.time.0)
    }

    /// An interval's number, and its start in the park's clock and in UTC.
    pub(super) fn interval(&self, interval: DeliveryInterval) -> [Cell; 3] {
        [
            number(interval.0),
            words(moment::time_text(interval.start(), self.offset)),
            number(interval.start().0),
        ]
    }

    /// An interval's number, and its end in the park's clock and in UTC.
    pub(super) fn interval_by_end(&self, interval: DeliveryInterval) -> [Cell; 3] {
        let end = interval.next().start();
        [
            number(interval.0),
            words(moment::time_text(end, self.offset)),
            number(end.0),
        ]
    }

    /// A participant's id and name.
    pub(super) fn participant(&self, participant: Option<ParticipantId>) -> [Cell; 2] {
        let name = participant.and_then(|id| self.registry.name(id));
        [
            participant.and_then(|id| number(id.0)),
            name.and_then(words),
        ]
    }

    /// The participant of a point.
    pub(super) fn of_point(&self, point: PointId) -> Option<ParticipantId> {
        self.registry.participant_of(point)
    }
}
