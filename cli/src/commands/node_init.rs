//! `wattle node init`: a node's keys, its public record and its configuration.

use std::fmt::Write as _;
use std::path::Path;

use wattle_client::api::RegisteredNode;
use wattle_client::keyfile;
use wattle_ledger::genesis::NodeRecord;
use wattle_ledger::keys::PublicKey;
use wattle_ledger::registration::NodeId;
use wattle_market::point::BuildingId;

use crate::args::NodeInitArgs;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::output::Output;
use crate::secret;
use crate::settings::Settings;

/// The public record, for the founder.
const RECORD_FILE: &str = "node.json";
/// What `wattled` is started with.
const CONFIG_FILE: &str = "node.toml";
/// The folder of the five keys.
const KEYS_FOLDER: &str = "keys";

pub(super) fn run(
    args: &NodeInitArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let data_dir = settings.data_dir()?;
    let passphrase = settings
        .passphrase_file
        .as_deref()
        .map(secret::from_file)
        .transpose()?;
    folder::create(data_dir)?;
    folder::must_be_new(data_dir, &[KEYS_FOLDER, RECORD_FILE, CONFIG_FILE])?;
    let config = config(args, settings.passphrase_file.as_deref())?;
    let keys = data_dir.join(KEYS_FOLDER);
    folder::create(&keys)?;
    let make = |name: &str| -> Result<PublicKey, Failure> {
        let passphrase = passphrase.as_ref().map(|text| text.as_str());
        Ok(keyfile::generate(&keys.join(format!("{name}.pem")), passphrase)?.public())
    };
    let record = RegisteredNode::of(&NodeRecord {
        id: NodeId(args.id),
        building: BuildingId(args.building),
        transport: make("transport")?,
        log: make("log")?,
        cosigner: make("cosigner")?,
        batch: make("batch")?,
        receipt: make("receipt")?,
    });
    let json = serde_json::to_string_pretty(&record).expect("a record is plain JSON");
    folder::write_new(&data_dir.join(CONFIG_FILE), config.as_bytes(), true)?;
    folder::write_new(
        &data_dir.join(RECORD_FILE),
        format!("{json}\n").as_bytes(),
        false,
    )?;
    output.print(&record, |writer| writeln!(writer, "{json}"))?;
    let folder = data_dir.display();
    if passphrase.is_none() {
        eprintln!("The node's keys are unencrypted (a node starts alone); guard {folder}/keys.");
    }
    if args.join {
        eprintln!(
            "Hand {folder}/{RECORD_FILE} to the registrar (wattle node register). Then put the \
             `registration` that he gives back, `genesis` and `network.key` into {folder}, check \
             {folder}/{CONFIG_FILE}, and start: wattled run --config {folder}/{CONFIG_FILE}"
        );
        return Ok(());
    }
    eprintln!(
        "Hand {folder}/{RECORD_FILE} to the founder (wattle park init). Then put `genesis` and \
         `network.key` into {folder}, check {folder}/{CONFIG_FILE}, and start: \
         wattled run --config {folder}/{CONFIG_FILE}"
    );
    Ok(())
}

/// The configuration of `wattled`; paths in it are relative to its folder.
fn config(args: &NodeInitArgs, passphrase_file: Option<&Path>) -> Result<String, Failure> {
    let mut document = toml::Table::new();
    let mut set = |key: &str, value: toml::Value| document.insert(key.to_owned(), value);
    let id = |id: u64| {
        i64::try_from(id).map(toml::Value::Integer).map_err(|_| {
            Failure::usage(
                format!("the node id {id} is too large"),
                "count nodes from 1",
            )
        })
    };
    set("node", id(args.id)?);
    set("data_dir", ".".into());
    set("genesis", "genesis".into());
    if args.join {
        set("registration", "registration".into());
    }
    set("network_key", "network.key".into());
    set("api_listen", args.api_listen.to_string().into());
    set("p2p_listen", args.p2p_listen.to_string().into());
    if let Some(path) = passphrase_file {
        let absolute = std::path::absolute(path)
            .map_err(|error| Failure::file("find the passphrase file", path, &error))?;
        let text = absolute.into_os_string().into_string().map_err(|path| {
            let what = format!("the path {} is not UTF-8", path.display());
            Failure::new(
                Exit::Failure,
                what,
                "choose another path for the passphrase file",
            )
        })?;
        set("passphrase_file", text.into());
    }
    let mut peers = Vec::new();
    for (peer, address) in &args.peers {
        let mut entry = toml::Table::new();
        entry.insert("node".to_owned(), id(*peer)?);
        entry.insert("address".to_owned(), address.to_string().into());
        peers.push(toml::Value::Table(entry));
    }
    if !peers.is_empty() {
        set("peers", peers.into());
    }
    let mut text =
        "# Configuration of wattled. Paths are relative to this file's folder.\n".to_owned();
    text.push_str(&document.to_string());
    if args.peers.is_empty() {
        let _ = write!(
            text,
            "\n# Each other node of the park needs its entry:\n# [[peers]]\n# node = {}\n\
             # address = \"10.0.0.2:9080\"\n",
            args.id + 1
        );
    }
    Ok(text)
}
