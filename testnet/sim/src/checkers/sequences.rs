//! Each key's recorded sequences begin at 1 and have no gap, and every leaf can be read.

use crate::failure::Failure;
use std::collections::BTreeMap;
use wattle_ledger::entry::Entry;
use wattle_ledger::event::SignedEvent;

/// Checks a log.
///
/// # Errors
/// If a leaf does not decode or a key's sequence does not go on from the last.
pub fn check(leaves: &[Vec<u8>]) -> Result<(), Failure> {
    let fail = |what| {
        Err(Failure::Correctness {
            checker: "sequences",
            what,
        })
    };
    let mut last = BTreeMap::new();
    for (index, leaf) in leaves.iter().enumerate() {
        let signed = match Entry::decode(leaf) {
            Ok(Entry::Event { signed, .. }) => signed,
            Ok(_) => continue,
            Err(error) => return fail(format!("leaf {index} does not decode: {error}")),
        };
        let event = match SignedEvent::parse(&signed) {
            Ok(event) => event,
            Err(refusal) => return fail(format!("leaf {index} is recorded, yet {refusal:?}")),
        };
        let sequence = last.entry(event.body().author).or_insert(0);
        *sequence += 1;
        if event.body().sequence != *sequence {
            let found = event.body().sequence;
            return fail(format!(
                "leaf {index} has sequence {found} where {sequence} is next"
            ));
        }
    }
    Ok(())
}
