//! Receipts on disk: for each event that a node took, the event and what was promised for it.

use std::fs;
use std::path::{Path, PathBuf};

use wattle_ledger::event::SignedEvent;
use wattle_ledger::hex;
use wattle_ledger::receipt::{Promise, Receipt};

use crate::failure::{Exit, Failure};
use crate::folder;
use crate::settings::Settings;

/// Promises of the data folder.
const FOLDER: &str = "receipts";
/// How the files end.
const ENDING: &str = "promise";

/// Keeps a receipt that a node gave for an event; the first one stays. An answer that is no
/// receipt of this event is passed over with a word: the event itself is safe in the outbox.
pub(crate) fn keep(settings: &Settings, event: &SignedEvent, receipt: &str) -> Result<(), Failure> {
    let parsed = hex::decode(receipt)
        .ok()
        .and_then(|bytes| Receipt::parse(&bytes).ok())
        .filter(|receipt| receipt.body().event == event.hash());
    let Some(receipt) = parsed else {
        eprintln!("the node's receipt is none for this event; it was not kept");
        return Ok(());
    };
    let receipts = settings.data_dir()?.join(FOLDER);
    folder::create(&receipts)?;
    let body = event.body();
    let path = receipts.join(format!("{}-{}.{ENDING}", body.author, body.sequence));
    if path.exists() {
        return Ok(());
    }
    let promise = Promise {
        event: event.clone(),
        receipts: vec![receipt],
    };
    folder::write_new(&path, &promise.encode(), true)
}

/// Reads a promise.
pub(crate) fn read(path: &Path) -> Result<Promise, Failure> {
    parse(path, &folder::read(path)?)
}

/// Reads a promise's bytes, which came from a file.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> Result<Promise, Failure> {
    Promise::parse(bytes).map_err(|error| {
        let next = format!("name a file of {FOLDER}/, or a proof made by: wattle receipt prove");
        let mut failure = Failure::of(Exit::Failure, &error, &next);
        if let Failure::Told(told) = &mut failure {
            let what = format!("{} is neither a promise nor a proof", path.display());
            told.chain.insert(0, what);
        }
        failure
    })
}

/// Puts a promise with more receipts in the place of a file.
pub(crate) fn replace(path: &Path, promise: &Promise) -> Result<(), Failure> {
    let new = path.with_extension("new");
    // What an interrupted run left is worth nothing.
    if new.exists() {
        fs::remove_file(&new).map_err(|error| Failure::file("remove", &new, &error))?;
    }
    folder::write_new(&new, &promise.encode(), true)?;
    fs::rename(&new, path).map_err(|error| Failure::file("replace", path, &error))
}

/// All promises of the data folder, by file name.
pub(crate) fn all(settings: &Settings) -> Result<Vec<(PathBuf, Promise)>, Failure> {
    let receipts = settings.data_dir()?.join(FOLDER);
    if !receipts.exists() {
        return Ok(Vec::new());
    }
    let failed = |error| Failure::file("list", &receipts, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(&receipts).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| read(&path).map(|promise| (path, promise));
    paths.into_iter().map(read).collect()
}
