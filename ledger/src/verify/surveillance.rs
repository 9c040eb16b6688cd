//! What a supervisor of the market wants to see: who holds how much of it, who takes orders back,
//! who deals with himself, and whose late orders moved a price (docs/SURVEILLANCE.md).
//!
//! One pass over an export. Every figure is a count or a sum over entries, or an auction held again
//! with the market's own code; each auction is first held as it was and must give what the log
//! says. Nothing here is an accusation: a figure says where to look.

mod conduct;
mod influence;
mod shares;
mod watch;

use crate::entry::Entry;
use crate::genesis::Genesis;
use crate::registration::{AffiliateGroupId, ParticipantId};
use crate::verify::Progress;
use crate::verify::entries::{Entries, EntriesError};
use crate::verify::source::Source;
use crate::verify::what_if::Period;
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;
use watch::Watch;
use wattle_market::interval::DeliveryInterval;
use wattle_market::units::{Price, WattHours};

pub use shares::{Concentration, Share};

/// An order is *late* if it was placed or last changed so shortly before its gate, and a withdrawal
/// is if it came so shortly before orders are firm.
pub const LATE_MS: u64 = 10 * 60_000;
/// So many orders of one side, taken back at one point for one interval, are *repeated*.
pub const REPEATED_MIN: u64 = 3;

/// The report.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Surveillance {
    /// The park's name.
    pub park: String,
    /// The park's local clock, minutes ahead of UTC.
    pub utc_offset_minutes: i16,
    /// The first interval with an order.
    pub first: Option<DeliveryInterval>,
    /// The last one.
    pub last: Option<DeliveryInterval>,
    /// Participants' names.
    pub names: BTreeMap<ParticipantId, String>,
    /// Energy traded ahead, over the whole period.
    pub traded: Concentration,
    /// The same by local day, named by its first interval.
    pub days: BTreeMap<DeliveryInterval, Concentration>,
    /// Orders by participant.
    pub conduct: BTreeMap<ParticipantId, Conduct>,
    /// Orders of one side that were taken back again and again at one point for one interval.
    pub repeated: Vec<Repeated>,
    /// Trades between affiliates.
    pub self_dealing: Vec<SelfDealing>,
    /// Auctions whose price or volume would have been another without somebody's late orders.
    pub influences: Vec<Influence>,
    /// How many auctions were held again.
    pub auctions: u64,
    /// Intervals whose settlement is held.
    pub held: BTreeSet<DeliveryInterval>,
    /// Intervals whose orders were released because the market was halted.
    pub halted: BTreeSet<DeliveryInterval>,
    /// Auctions that did not come out as the log has them when they were held again; empty in a
    /// verified export.
    pub differences: Vec<String>,
}

/// What a participant did with orders for the period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Conduct {
    /// Orders that were accepted.
    pub placed: u64,
    /// Watt-hours of these when they were placed.
    pub placed_wh: i128,
    /// Orders that a rule refused.
    pub refused: u64,
    /// Of these, because they would have met an order of his own.
    pub refused_own: u64,
    /// Of these, because they would have met an affiliate's.
    pub refused_affiliate: u64,
    /// Changes that were accepted.
    pub changed: u64,
    /// Orders taken back.
    pub withdrawn: u64,
    /// Watt-hours that were still open of these.
    pub withdrawn_wh: i128,
    /// Orders taken back late.
    pub withdrawn_late: u64,
    /// Watt-hours of these.
    pub withdrawn_late_wh: i128,
    /// Watt-hours traded.
    pub traded_wh: i128,
}

/// Orders of one side that were taken back again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Repeated {
    /// Whose.
    pub participant: ParticipantId,
    /// For which interval.
    pub interval: DeliveryInterval,
    /// At which point.
    pub point: wattle_market::point::PointId,
    /// On which side.
    pub side: wattle_market::order::Side,
    /// How many were taken back.
    pub withdrawn: u64,
    /// What of that side the point traded for the interval in the end.
    pub traded: WattHours,
}

/// Energy that affiliates traded on both sides of an interval. Affiliates are those that are
/// registered a day after its gate, or at the export's end: while they are registered the rules let
/// none of them meet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SelfDealing {
    /// The interval.
    pub interval: DeliveryInterval,
    /// Their group.
    pub group: AffiliateGroupId,
    /// What members sold; in continuous matching, to members.
    pub sold: WattHours,
    /// What members bought; in continuous matching, of members.
    pub bought: WattHours,
    /// The most that can have gone from member to member. In an auction nobody has a counterparty;
    /// in continuous matching it is what did.
    pub between: WattHours,
    /// The members that sold.
    pub sellers: BTreeSet<ParticipantId>,
    /// The members that bought.
    pub buyers: BTreeSet<ParticipantId>,
    /// Whether the trades were made continuously, each with a counterparty.
    pub is_continuous: bool,
}

/// An auction that would have come out otherwise without a participant's late orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Influence {
    /// The interval.
    pub interval: DeliveryInterval,
    /// Whose late orders.
    pub participant: ParticipantId,
    /// How many there were.
    pub late_orders: u64,
    /// What he sold in the auction.
    pub sold: WattHours,
    /// What he bought.
    pub bought: WattHours,
    /// The price as it was.
    pub price: Option<Price>,
    /// The volume as it was.
    pub volume: WattHours,
    /// The price without them.
    pub price_without: Option<Price>,
    /// The volume without them.
    pub volume_without: WattHours,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum SurveillanceError {
    /// The export cannot be read.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// The genesis does not decode.
    #[error("entry 0 is no genesis that can be used; copy the log again")]
    Genesis,
    /// An entry has not its form.
    #[error("entry {0} is malformed; verify the export")]
    Malformed(u64),
}

/// Watches an export's market over a period of delivery.
///
/// # Errors
/// [`SurveillanceError`].
pub fn surveillance(
    source: &dyn Source,
    period: Period,
    progress: &mut dyn FnMut(Progress),
) -> Result<Surveillance, SurveillanceError> {
    let entries = Entries::open(source)?;
    let of = entries.checkpoint().size();
    let mut watch: Option<Watch> = None;
    for entry in entries {
        let entry = entry?;
        match (&mut watch, &entry.entry) {
            (None, Entry::Genesis(signed)) => {
                let genesis = Genesis::parse(signed).map_err(|_| SurveillanceError::Genesis)?;
                watch = Some(Watch::found(&genesis, period));
            }
            (Some(watch), _) => watch.entry(&entry)?,
            (None, _) => return Err(SurveillanceError::Genesis),
        }
        progress(Progress {
            done: entry.index + 1,
            of,
        });
    }
    watch.map(Watch::report).ok_or(SurveillanceError::Genesis)
}
