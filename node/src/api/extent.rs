//! How far the log is committed and sealed, for every answer that is read from it.

use crate::event_loop::View;
use wattle_client::api::{Extent, Sealing};
use wattle_ledger::membership::seal_quorum;

/// The log as it stands between two rounds. What was published before a restart stays sealed,
/// though the node has to hear its cosigners again.
pub(super) fn extent(view: &View) -> Extent {
    let committed = view.ledger().size();
    let sealed = view.replica.sealed();
    let sealed = sealed.map_or(0, |sealed| sealed.checkpoint.size());
    Extent {
        committed,
        sealed: sealed.max(view.history.published()).min(committed),
    }
}

/// Whether the park seals.
pub(super) fn sealing(view: &View) -> Sealing {
    let Extent { committed, sealed } = extent(view);
    let voters = view.ledger().members().membership().voters.len();
    let last = view.index.last_seal();
    let cosigners = last.and_then(|size| view.replica.cosignatures(size));
    Sealing {
        needed: seal_quorum(voters),
        voters,
        cosigners: cosigners
            .into_iter()
            .flatten()
            .map(|(node, _)| *node)
            .collect(),
        unsealed: committed - sealed,
        waiting_since_ms: view.index.seal_after(sealed),
    }
}
