//! Key files and their passphrases. A passphrase comes from a file or the terminal, never from a
//! flag or the environment, where other programs could see it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use wattle_client::keyfile::{self, KeyFileError};
use wattle_ledger::keys::SigningKey;
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};
use crate::settings::Settings;

/// Reads a private key, and asks for its passphrase only where it is encrypted.
pub(crate) fn read_key(settings: &Settings, path: &Path) -> Result<SigningKey, Failure> {
    if !keyfile::is_encrypted(path)? {
        return Ok(keyfile::read(path, None)?);
    }
    let passphrase = match &settings.passphrase_file {
        Some(file) => from_file(file)?,
        None => {
            let needed = || KeyFileError::PassphraseNeeded {
                path: path.to_owned(),
            };
            let question = format!("Passphrase of {}: ", path.display());
            ask(settings, &question).ok_or_else(needed)?
        }
    };
    Ok(keyfile::read(path, Some(&passphrase))?)
}

/// The passphrase of keys that are to be made; none where the person wants none.
pub(crate) fn new_passphrase(
    settings: &Settings,
    no_passphrase: bool,
) -> Result<Option<Zeroizing<String>>, Failure> {
    if no_passphrase {
        return Ok(None);
    }
    if let Some(file) = &settings.passphrase_file {
        return from_file(file).map(Some);
    }
    let missing = || {
        Failure::usage(
            "a new key needs a passphrase, and there is none",
            "give --passphrase-file FILE, run the command on a terminal, or say --no-passphrase",
        )
    };
    let first = ask(settings, "New passphrase: ").ok_or_else(missing)?;
    let second = ask(settings, "Once more: ").ok_or_else(missing)?;
    if *first != *second {
        return Err(Failure::new(
            Exit::Failure,
            "the two passphrases differ",
            "repeat the command; nothing was made",
        ));
    }
    Ok(Some(first))
}

fn ask(settings: &Settings, question: &str) -> Option<Zeroizing<String>> {
    if settings.no_input {
        return None;
    }
    rpassword::prompt_password(question)
        .ok()
        .map(Zeroizing::new)
}

/// The first line of a file that only its owner may read.
pub(crate) fn from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error| Failure::file("read the passphrase file", path, &error);
    let mode = fs::metadata(path).map_err(failed)?.mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.display();
        let what = format!("the passphrase file {path} has mode {mode:03o} and others may read it");
        return Err(Failure::new(
            Exit::Failure,
            what,
            format!("chmod 600 {path}"),
        ));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    Ok(Zeroizing::new(
        text.lines().next().unwrap_or_default().to_owned(),
    ))
}
