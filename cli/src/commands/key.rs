//! `wattle key …`: make, show and replace one's key.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wattle_client::keyfile;
use wattle_ledger::event::{Action, rotation_message};
use wattle_ledger::keys::{PublicKey, SigningKey};

use crate::args::KeyCommand;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::output::Output;
use crate::park::{Park, TENANT_KEY};
use crate::secret;
use crate::settings::Settings;

/// A key's public half and where its private half lies.
#[derive(Debug, Serialize)]
struct Shown {
    key: PublicKey,
    file: PathBuf,
}

pub(super) fn run(
    command: &KeyCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let path = settings.key_path(TENANT_KEY)?;
    match command {
        KeyCommand::New { no_passphrase } => {
            let key = make(settings, &path, *no_passphrase)?;
            show(&key, path, output)?;
            eprintln!(
                "Give the line above to the park's registrar, who adds it with: \
                 wattle registrar key add KEY --tenant NAME"
            );
            Ok(())
        }
        KeyCommand::Show => show(&secret::read_key(settings, &path)?, path, output),
        KeyCommand::Rotate { no_passphrase } => rotate(settings, &path, *no_passphrase, output),
    }
}

fn show(key: &SigningKey, file: PathBuf, output: &mut Output<'_>) -> Result<(), Failure> {
    let shown = Shown {
        key: key.public(),
        file,
    };
    output.print(&shown, |writer| writeln!(writer, "{}", shown.key))
}

fn make(settings: &Settings, path: &Path, no_passphrase: bool) -> Result<SigningKey, Failure> {
    if path.exists() {
        return Err(Failure::new(
            Exit::Failure,
            format!("{} exists already and is never overwritten", path.display()),
            "choose another file with --key, or replace this key: wattle key rotate",
        ));
    }
    let passphrase = secret::new_passphrase(settings, no_passphrase)?;
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        folder::create(parent)?;
    }
    let passphrase = passphrase.as_ref().map(|text| text.as_str());
    Ok(keyfile::generate(path, passphrase)?)
}

/// The new key lies in FILE.new before anything is sent, and takes FILE's place once the park has
/// recorded it; so whatever interrupts this, both keys are there and repeating finishes it.
fn rotate(
    settings: &Settings,
    path: &Path,
    no_passphrase: bool,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let park = Park::open(settings)?;
    let old = secret::read_key(settings, path)?;
    let new_path = with_suffix(path, "new");
    let new = if new_path.exists() {
        eprintln!("going on with the rotation to {}", new_path.display());
        secret::read_key(settings, &new_path)?
    } else {
        make(settings, &new_path, no_passphrase)?
    };
    if park.client.key(&new.public()).is_err() {
        let message = rotation_message(&park.genesis.park(), &old.public(), &new.public());
        let action = Action::RotateKey {
            new: new.public(),
            proof: new.sign(&message),
        };
        let recorded = park.submit(&old, action)?;
        recorded.check()?;
        eprintln!("rotation: {}", recorded.staged_text());
    }
    let kept = with_suffix(path, &format!("old-{}", &old.public().to_string()[..8]));
    fs::rename(path, &kept).map_err(|error| Failure::file("rename", path, &error))?;
    fs::rename(&new_path, path).map_err(|error| Failure::file("rename", &new_path, &error))?;
    eprintln!(
        "the old key has ended; its file is kept as {}",
        kept.display()
    );
    show(&new, path.to_owned(), output)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{suffix}"));
    path.with_file_name(name)
}
