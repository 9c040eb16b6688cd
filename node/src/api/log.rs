//! The log at its C2SP paths (tlog-tiles), and single leaves out of it.

use super::Api;
use super::access::Reader;
use super::failure::Failure;
use axum::extract::{FromRequestParts as _, Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use wattle_ledger::log::tiles::{TILE_WIDTH, TileKind, TilePath, parse_bundle};

/// Content type of checkpoints.
pub(super) const TEXT: [(header::HeaderName, &str); 1] =
    [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
/// Content type of tiles and bundles.
const BYTES: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/octet-stream")];

/// `GET /checkpoint`: the last one with its quorum of cosignatures.
pub(super) async fn checkpoint(State(api): State<Api>) -> Result<Response, Failure> {
    let note = api.history.checkpoint();
    note_or_none(
        note,
        "no checkpoint has its quorum of cosignatures yet; try again shortly",
    )
}

/// `GET /checkpoint/{size}`: an older one, with the lines of witnesses that cosigned it.
pub(super) async fn checkpoint_of(
    State(api): State<Api>,
    Path(size): Path<String>,
) -> Result<Response, Failure> {
    let size: u64 = size
        .parse()
        .map_err(|_| Failure::malformed(format!("{size:?} is not a tree size")))?;
    let note = api.history.checkpoint_of(size);
    let note = note.map(|note| note.map(|note| api.witnesses.with_lines(size, note)));
    note_or_none(
        note,
        &format!("no checkpoint of size {size} was published by this node"),
    )
}

fn note_or_none(
    note: std::io::Result<Option<Vec<u8>>>,
    otherwise: &str,
) -> Result<Response, Failure> {
    match note {
        Ok(Some(note)) => Ok((TEXT, note).into_response()),
        Ok(None) => Err(Failure::not_found(otherwise)),
        Err(error) => Err(Failure::internal("read the checkpoint", &error)),
    }
}

/// `GET /tile/…`: hash tiles for everyone, entry bundles for those who may read all entries.
pub(super) async fn tile(State(api): State<Api>, request: Request) -> Result<Response, Failure> {
    let (mut parts, _) = request.into_parts();
    let path: TilePath = parts
        .uri
        .path()
        .trim_start_matches('/')
        .parse()
        .map_err(|error| {
            Failure::not_found(format!("{} is no path of a log: {error}", parts.uri.path()))
        })?;
    if path.kind() == TileKind::Entries {
        Reader::from_request_parts(&mut parts, &api)
            .await?
            .check_office()?;
    }
    match api.history.tile(&path) {
        Ok(Some(bytes)) => Ok((BYTES, bytes).into_response()),
        Ok(None) => Err(Failure::not_found(format!(
            "the published log has no {path} yet"
        ))),
        Err(error) => Err(Failure::internal("read a tile", &error)),
    }
}

/// The open bundle: the index of its first leaf, and its bytes.
pub(super) type OpenBundle = (u64, Vec<u8>);

/// One leaf.
pub(super) fn leaf(api: &Api, index: u64, open: &OpenBundle) -> Result<Vec<u8>, Failure> {
    let mut leaves = leaves(api, &[index], open)?;
    leaves
        .pop()
        .ok_or_else(|| Failure::internal("read a leaf", &index))
}

/// Leaves of the log, out of its bundles; the open one is what the loop had when it was asked for
/// the places.
pub(super) fn leaves(
    api: &Api,
    indices: &[u64],
    open: &OpenBundle,
) -> Result<Vec<Vec<u8>>, Failure> {
    let width = u64::from(TILE_WIDTH);
    let mut found = Vec::new();
    let mut bundle: (u64, Vec<Vec<u8>>) = (u64::MAX, Vec::new());
    for index in indices {
        let (number, place) = (index / width, index % width);
        if bundle.0 != number {
            bundle = (number, read_bundle(api, number, open)?);
        }
        let place = usize::try_from(place).expect("a place in a bundle is below 256");
        let leaf = bundle.1.get(place).cloned();
        found.push(leaf.ok_or_else(|| Failure::internal("find a leaf", index))?);
    }
    Ok(found)
}

fn read_bundle(api: &Api, number: u64, open: &OpenBundle) -> Result<Vec<Vec<u8>>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::internal("read a bundle", error);
    if open.0 / u64::from(TILE_WIDTH) == number {
        return Ok(split(&open.1));
    }
    let path = TilePath::new(TileKind::Entries, number, TILE_WIDTH).map_err(|e| failed(&e))?;
    let bytes = api.history.tile(&path).map_err(|error| failed(&error))?;
    let bytes = bytes.ok_or_else(|| failed(&format!("{path} is missing")))?;
    let leaves = parse_bundle(&bytes, TILE_WIDTH).map_err(|error| failed(&error))?;
    Ok(leaves.into_iter().map(<[u8]>::to_vec).collect())
}

/// The leaves of the open bundle, which the builder has just written.
fn split(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut leaves = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (leaf, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        leaves.push(leaf.to_vec());
        rest = after;
    }
    leaves
}
