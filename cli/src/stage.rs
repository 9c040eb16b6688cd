//! How far the log is committed and sealed, in words.

use wattle_client::api::{EventOutcome, Extent, Sealing, Status};
use wattle_market::interval::Timestamp;

use crate::moment;

/// A seal that waits longer than this in real time is worth a word: it takes no second where
/// enough voters live.
const WAIT_MS: u64 = 10_000;

/// What stands under an answer that was read from the state.
pub(crate) fn extent_text(log: &Extent) -> String {
    let Extent { committed, sealed } = *log;
    if sealed == committed {
        return format!(
            "as of entry {}, all of it sealed",
            committed.saturating_sub(1)
        );
    }
    format!(
        "as of entry {}; sealed up to entry {}, the rest is committed",
        committed.saturating_sub(1),
        sealed.saturating_sub(1)
    )
}

/// What holds of an event's entry.
pub(crate) fn outcome_stage(outcome: &EventOutcome) -> String {
    match outcome.sealed {
        Some(size) => format!("sealed at {size}"),
        None => "committed, not sealed yet".to_owned(),
    }
}

/// That nothing seals, where that is so: how many of how many cosign, since when, and how much
/// waits.
pub(crate) fn nothing_seals(status: &Status) -> Option<String> {
    let sealing = &status.sealing;
    let since = sealing.waiting_since_ms?;
    let waited =
        status.park_time_ms.0.saturating_sub(since.0) / u64::from(status.clock_speed.max(1));
    (waited > WAIT_MS).then(|| told(sealing, since, status.utc_offset_minutes))
}

fn told(sealing: &Sealing, since: Timestamp, offset: i16) -> String {
    let Sealing {
        needed,
        voters,
        cosigners,
        unsealed,
        ..
    } = sealing;
    format!(
        "nothing seals since {}: {} of {voters} voters cosigned the last seal, {needed} are \
         needed; {unsealed} entries are committed and not sealed. Start the voters that are away",
        moment::time_text(since, offset),
        cosigners.len(),
    )
}

#[cfg(test)]
mod told;

#[cfg(test)]
mod tests {
    use super::*;
    use wattle_ledger::registration::NodeId;

    #[test]
    fn what_is_not_sealed_is_said() {
        let of = |committed, sealed| extent_text(&Extent { committed, sealed });
        assert_eq!(of(9, 9), "as of entry 8, all of it sealed");
        assert!(of(9, 4).contains("sealed up to entry 3, the rest is committed"));
        let sealing = Sealing {
            needed: 3,
            voters: 3,
            cosigners: vec![NodeId(1), NodeId(2)],
            unsealed: 40,
            waiting_since_ms: None,
        };
        let text = told(&sealing, Timestamp(1_800_000_000_000), 480);
        assert!(
            text.contains(": 2 of 3 voters cosigned the last seal, 3 are needed; 40"),
            "{text}"
        );
    }
}
