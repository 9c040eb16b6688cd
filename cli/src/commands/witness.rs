//! `wattle witness …`: a witness of other parks' logs, and its view of one's own.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;
use wattle_client::keyfile;
use wattle_client::witness::{WitnessClient, WitnessError};
use wattle_ledger::log::checkpoint::Checkpoint;
use wattle_ledger::log::note::{Note, SignatureType, VerifierKey, check_name};
use wattle_ledger::log::policy::Policy;
use wattle_ledger::log::proof::prove_consistency;
use wattle_ledger::log::tiles::TileHashes;
use wattle_ledger::log::witness::{AddCheckpoint, log_id, origin_of};
use wattle_witness::config::Config;
use wattle_witness::reload;
use wattle_witness::server::Server;

use crate::args::WitnessCommand;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::moment;
use crate::output::{Output, Table};
use crate::secret;
use crate::settings::Settings;

/// The key that cosigns.
const KEY_FILE: &str = "witness.pem";
/// What `wattle witness run` is started with.
const CONFIG_FILE: &str = "witness.toml";
/// The folder of policies.
const LOGS_FOLDER: &str = "logs";
/// The folder of what was accepted.
const STATE_FOLDER: &str = "state";

/// A new witness.
#[derive(Debug, Serialize)]
struct Made {
    name: String,
    vkey: String,
    config: PathBuf,
    logs: Vec<String>,
}

/// What was fetched.
#[derive(Debug, Serialize)]
struct Fetched {
    file: PathBuf,
    size: u64,
    from: Option<u64>,
}

pub(super) fn run(
    command: &WitnessCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    match command {
        WitnessCommand::Init {
            name,
            policies,
            listen,
        } => init(name, policies, *listen, settings, output),
        WitnessCommand::Run { config } => serve(config),
        WitnessCommand::Status { witness_url } => status(witness_url, settings, output),
        WitnessCommand::Fetch {
            witness_url,
            from,
            out,
        } => fetch(witness_url, *from, out, settings, output),
    }
}

fn init(
    name: &str,
    policies: &[PathBuf],
    listen: SocketAddr,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let data_dir = settings.data_dir()?;
    check_name(name)
        .map_err(|error| Failure::of(Exit::Usage, &error, "use one like witness.example/w1"))?;
    let read = policies.iter().map(|path| read_policy(path));
    let texts = read.collect::<Result<Vec<_>, Failure>>()?;
    let passphrase_file = settings.passphrase_file.as_deref();
    let passphrase = passphrase_file.map(secret::from_file).transpose()?;
    folder::create(data_dir)?;
    folder::must_be_new(data_dir, &[KEY_FILE, CONFIG_FILE, LOGS_FOLDER])?;
    let logs = data_dir.join(LOGS_FOLDER);
    folder::create(&logs)?;
    for (origin, text) in &texts {
        let path = logs.join(format!("{}.policy", log_id(origin)));
        folder::write_new(&path, text.as_bytes(), false)?;
    }
    let passphrase_text = passphrase.as_ref().map(|text| text.as_str());
    let key = keyfile::generate(&data_dir.join(KEY_FILE), passphrase_text)?;
    let vkey = VerifierKey::new(name, SignatureType::Cosignature, key.public());
    let vkey = vkey.map_err(|error| Failure::of(Exit::Failure, &error, "repeat the command"))?;
    let absolute = |path: &Path| {
        std::path::absolute(path)
            .map_err(|error| Failure::file("find the passphrase file", path, &error))
    };
    let config = Config {
        name: name.to_owned(),
        key: KEY_FILE.into(),
        passphrase_file: passphrase_file.map(absolute).transpose()?,
        listen,
        state: STATE_FOLDER.into(),
        logs: LOGS_FOLDER.into(),
    };
    let text = toml::to_string(&config)
        .map_err(|error| Failure::of(Exit::Failure, &error, "choose paths that are UTF-8"))?;
    let text = format!("# A witness. Paths are relative to this file's folder.\n{text}");
    let path = data_dir.join(CONFIG_FILE);
    folder::write_new(&path, text.as_bytes(), true)?;
    let made = Made {
        name: name.to_owned(),
        vkey: vkey.to_string(),
        config: path.clone(),
        logs: texts.into_iter().map(|(origin, _)| origin).collect(),
    };
    output.print(&made, |writer| writeln!(writer, "{}", made.vkey))?;
    if made.logs.is_empty() {
        eprintln!(
            "It knows no log yet: put policies as *.policy into {}.",
            logs.display()
        );
    }
    eprintln!(
        "Start it: wattle witness run --config {}\nEach park's nodes then ask it with this in \
         node.toml:\n\n[[witness]]\nurl = \"http://{listen}\"\nvkey = \"{}\"",
        path.display(),
        made.vkey
    );
    Ok(())
}

/// A policy's text, and the one log that it is of.
fn read_policy(path: &Path) -> Result<(String, String), Failure> {
    let policy = super::log_verify::read_policy(path)?;
    match origin_of(&policy) {
        Some(origin) => Ok((origin.to_owned(), Policy::to_string(&policy))),
        None => Err(Failure::usage(
            format!("{} has not one log's keys", path.display()),
            "give the policy that the log's founder has, one for each log",
        )),
    }
}

fn serve(path: &Path) -> Result<(), Failure> {
    let next = "correct the configuration or its files";
    let config = Config::load(path).map_err(|error| Failure::of(Exit::Failure, &error, next))?;
    let witness = config
        .witness()
        .map_err(|error| Failure::of(Exit::Failure, &error, next))?;
    let (name, status) = (witness.vkey().name().to_owned(), witness.status());
    let failed = |error: std::io::Error| {
        let what = format!("cannot listen on {}: {error}", config.listen);
        let next = "choose another `listen`, or stop what uses it";
        Failure::new(Exit::Failure, what, next)
    };
    let server = Server::bind(config.listen, witness).map_err(failed)?;
    let address = server.address().map_err(failed)?;
    // Whoever started it may have closed standard error; that is no reason to stop.
    let say = |line: String| {
        let _ = writeln!(io::stderr(), "{line}");
    };
    let count = status.logs.len();
    say(format!(
        "witness {name} of {count} logs listens on http://{address}"
    ));
    for log in &status.logs {
        let size = log.size.map(|size| size.to_string());
        let size = size.unwrap_or_else(|| "nothing yet".to_owned());
        say(format!("  {}: cosigned {size}", log.origin));
    }
    let watched = reload::watch(config, server.witness());
    watched.map_err(|error| {
        let what = format!("cannot watch the policies: {error}");
        Failure::new(Exit::Failure, what, "give the process more threads")
    })?;
    server.run()
}

fn status(url: &str, settings: &Settings, output: &mut Output<'_>) -> Result<(), Failure> {
    let status = client(url, settings)?.status().map_err(failure)?;
    let mut table = Table::new(&["log", ">size", "cosigned", ">contradictions"]);
    for log in &status.logs {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "never".to_owned());
        table.row(vec![
            log.origin.clone(),
            log.size
                .map_or_else(|| "-".to_owned(), |size| size.to_string()),
            or_none(log.cosigned_at.map(moment::seconds_text)),
            log.contradictions.to_string(),
        ]);
    }
    output.print(&status, |writer| {
        writeln!(writer, "{}", status.vkey)?;
        table.write(writer, "it knows no log")
    })
}

fn fetch(
    url: &str,
    from: Option<u64>,
    out: &Path,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let node = settings.client()?;
    let origin = node.status()?.origin;
    let text = client(url, settings)?
        .checkpoint(&origin)
        .map_err(failure)?;
    let text = text.ok_or_else(|| {
        Failure::new(
            Exit::Failure,
            format!("the witness has cosigned nothing of {origin}"),
            "check that its logs/ has this park's policy, and that a node asks it",
        )
    })?;
    let malformed = |error: &dyn std::error::Error| {
        Failure::of(
            Exit::Failure,
            error,
            "check --witness-url: this is no checkpoint",
        )
    };
    let note = Note::parse(text.as_bytes()).map_err(|error| malformed(&error))?;
    let size = Checkpoint::parse(note.text())
        .map_err(|error| malformed(&error))?
        .size();
    let old = from.filter(|from| *from < size);
    let bytes = match old {
        None => text,
        Some(old) => {
            let mut reader = TileHashes::new(size, |path| node.tile(path));
            let proof = prove_consistency(&mut reader, old, size).map_err(|error| {
                Failure::of(Exit::Failure, &error, "ask a node that has the log so far")
            })?;
            let request = AddCheckpoint::new(old, proof, note);
            request.map_err(|error| malformed(&error))?.to_string()
        }
    };
    folder::write_new(out, bytes.as_bytes(), false)?;
    let fetched = Fetched {
        file: out.to_owned(),
        size,
        from: old,
    };
    output.print(&fetched, |writer| {
        writeln!(
            writer,
            "the witness has cosigned {size} entries; written to {}",
            out.display()
        )
    })
}

fn client(url: &str, settings: &Settings) -> Result<WitnessClient, Failure> {
    Ok(WitnessClient::new(url, settings.timeout)?)
}

fn failure(error: WitnessError) -> Failure {
    let exit = match &error {
        WitnessError::Unreachable { .. } => Exit::Unreachable,
        _ => Exit::Failure,
    };
    Failure::of(exit, &error, "check --witness-url")
}
