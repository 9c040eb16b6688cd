//! Checkpoints from before the voters changed, for who has the policy of those who voted then.

use super::{ExportError, write};
use crate::client::{Client, ClientError};
use std::fs;
use std::path::Path;
use wattle_ledger::log::tiles::{TILE_WIDTH, TileKind, TilePath, parse_bundle};

/// How a leaf begins that says who votes: the variant's number.
const VOTERS: [u8; 4] = [5, 0, 0, 0];
/// How a seal begins.
const SEAL: [u8; 4] = [4, 0, 0, 0];
/// Seals before a change that are asked for: the last one need not have had its quorum.
const ASKED_MAX: usize = 3;
/// Changes whose checkpoints are asked for, the first of them.
const CHANGES_MAX: usize = 64;

/// Fetches checkpoints from before each change of the voters, as far as the node keeps them, into
/// `checkpoints/`; their number.
pub(super) fn copy(client: &Client, folder: &Path, size: u64) -> Result<u64, ExportError> {
    let mut copied = 0;
    for sizes in before_changes(folder, size).into_iter().take(CHANGES_MAX) {
        for size in sizes {
            match client.checkpoint_of(size) {
                Ok(note) => {
                    let target = folder.join("checkpoints").join(size.to_string());
                    write(&target, note.as_bytes())?;
                    copied += 1;
                    break;
                }
                Err(ClientError::Problem(problem)) if problem.status == 404 => {}
                Err(source) => {
                    let path = format!("checkpoint/{size}");
                    return Err(ExportError::Fetch { path, source });
                }
            }
        }
    }
    Ok(copied)
}

/// For each change of the voters in the copied bundles, the sizes of the seals before it, the last
/// one first. What cannot be read is passed over: it is for the verifier to say so.
fn before_changes(folder: &Path, size: u64) -> Vec<Vec<u64>> {
    let width = u64::from(TILE_WIDTH);
    let mut seals: Vec<u64> = Vec::new();
    let mut changes = Vec::new();
    for number in 0..size.div_ceil(width) {
        let wanted = (size - number * width).min(width);
        let bundle = u16::try_from(wanted)
            .ok()
            .and_then(|wanted| TilePath::new(TileKind::Entries, number, wanted).ok())
            .and_then(|path| Some((fs::read(folder.join(path.to_string())).ok()?, path.width())));
        let Some((bytes, width_read)) = bundle else {
            continue;
        };
        let leaves = parse_bundle(&bytes, width_read).unwrap_or_default();
        for (index, leaf) in (number * width..).zip(leaves) {
            if leaf.starts_with(&SEAL) {
                seals.push(index + 1);
                if seals.len() > ASKED_MAX {
                    seals.remove(0);
                }
            } else if leaf.starts_with(&VOTERS) {
                changes.push(seals.iter().rev().copied().collect());
            }
        }
    }
    changes
}
