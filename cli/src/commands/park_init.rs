//! `wattle park init`: a park's keys, its genesis and the regulator's policy.

mod settings_file;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use wattle_client::api::RegisteredNode;
use wattle_client::keyfile;
use wattle_ledger::genesis::{Genesis, GenesisBody, NodeRecord};
use wattle_ledger::hash::Hash;
use wattle_ledger::hex;
use wattle_ledger::keys::{PublicKey, SigningKey};
use wattle_ledger::registration::{CarbonFactor, TariffId};
use wattle_market::interval::{DeliveryInterval, Timestamp};
use wattle_market::settlement::ParkTerms;
use wattle_market::tariff::Tariff;
use wattle_market::units::Price;
use zeroize::Zeroizing;

use crate::args::ParkInitArgs;
use crate::failure::{Exit, Failure};
use crate::folder;
use crate::moment::interval_text;
use crate::output::Output;
use crate::park::{GENESIS_FILE, REGISTRAR_KEY, REGULATOR_KEY, TREASURER_KEY};
use crate::secret;
use crate::settings::Settings;
use settings_file::SettingsFile;

const POLICY_FILE: &str = "policy";
const NETWORK_KEY_FILE: &str = "network.key";
/// Time between the founding and the first gate, in which nodes start and tenants are registered.
const LEAD_MS: u64 = 15 * 60_000;

/// What was founded.
#[derive(Debug, Serialize)]
struct Founded {
    park: Hash,
    origin: String,
    folder: PathBuf,
    first_interval: DeliveryInterval,
    nodes: usize,
    seal_quorum: usize,
    registrar: PublicKey,
    treasurer: PublicKey,
    regulator: PublicKey,
}

pub(super) fn run(
    args: &ParkInitArgs,
    settings: &Settings,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let folder = settings.data_dir()?;
    let file = args
        .settings
        .as_deref()
        .map(SettingsFile::read)
        .transpose()?
        .unwrap_or_default();
    let nodes = args
        .nodes
        .iter()
        .map(|path| read_record(path))
        .collect::<Result<Vec<_>, _>>()?;
    // All but the keys is known now, so that a mistake shows before anything is made.
    let draft = draft(args, &file, nodes)?;
    check_draft(&draft)?;
    let passphrase = secret::new_passphrase(settings, args.no_passphrase)?;
    folder::create(folder)?;
    let private = [
        REGISTRAR_KEY,
        TREASURER_KEY,
        REGULATOR_KEY,
        NETWORK_KEY_FILE,
    ];
    folder::must_be_new(
        folder,
        &[&private[..], &[GENESIS_FILE, POLICY_FILE]].concat(),
    )?;
    let make = |name: &str| -> Result<SigningKey, Failure> {
        let passphrase = passphrase.as_ref().map(|text| text.as_str());
        Ok(keyfile::generate(&folder.join(name), passphrase)?)
    };
    let registrar = make(REGISTRAR_KEY)?;
    let body = GenesisBody {
        registrar: registrar.public(),
        treasurer: make(TREASURER_KEY)?.public(),
        regulator: make(REGULATOR_KEY)?.public(),
        ..draft
    };
    let genesis = sign(&body, &registrar)?;
    folder::write_new(
        &folder.join(NETWORK_KEY_FILE),
        network_key()?.as_bytes(),
        true,
    )?;
    let policy = genesis.policy().to_string();
    folder::write_new(&folder.join(POLICY_FILE), policy.as_bytes(), false)?;
    // Last: a folder with a genesis has everything else.
    folder::write_new(&folder.join(GENESIS_FILE), genesis.signed(), false)?;
    print(&genesis, folder, output)
}

fn print(genesis: &Genesis, folder: &Path, output: &mut Output<'_>) -> Result<(), Failure> {
    let body = genesis.body();
    let founded = Founded {
        park: genesis.park(),
        origin: genesis.origin(),
        folder: folder.to_owned(),
        first_interval: body.first_interval,
        nodes: body.nodes.len(),
        seal_quorum: genesis.seal_quorum(),
        registrar: body.registrar,
        treasurer: body.treasurer,
        regulator: body.regulator,
    };
    output.print(&founded, |writer| {
        let first = interval_text(body.first_interval, body.utc_offset_minutes);
        writeln!(writer, "park            {}", founded.park)?;
        writeln!(writer, "origin          {}", founded.origin)?;
        writeln!(writer, "first interval  {first}")?;
        writeln!(writer, "nodes           {}", founded.nodes)?;
        writeln!(writer, "seal quorum     {}", founded.seal_quorum)?;
        writeln!(writer, "feed-in         {}", body.terms.feed_in)?;
        writeln!(writer, "export          {}", body.terms.export)?;
        writeln!(writer, "wheeling        {}", body.terms.wheeling)?;
        let factor = &body.factor;
        let grams = factor.milligrams_per_kwh / 1_000;
        writeln!(
            writer,
            "factor          {} {}: {grams} g/kWh ({})",
            factor.name, factor.year, factor.source
        )
    })?;
    let folder = folder.display();
    eprintln!(
        "Prices and factor are assumptions until you have checked them.\n\
         Copy {folder}/{GENESIS_FILE} and, secretly, {folder}/{NETWORK_KEY_FILE} into each node's \
         data folder; give {folder}/{POLICY_FILE} to the regulator before the park starts. Keep \
         copies of the three key files: without the registrar's nobody can be registered."
    );
    Ok(())
}

pub(super) fn read_record(path: &Path) -> Result<NodeRecord, Failure> {
    let text = folder::read_text(path)?;
    let node: RegisteredNode = serde_json::from_str(&text).map_err(|error| {
        Failure::usage(
            format!("{} is not a node's record: {error}", path.display()),
            "give the node.json that `wattle node init` wrote",
        )
    })?;
    Ok(node.record())
}

/// The genesis but for the park's own keys, which are zero here.
fn draft(
    args: &ParkInitArgs,
    file: &SettingsFile,
    mut nodes: Vec<NodeRecord>,
) -> Result<GenesisBody, Failure> {
    nodes.sort_by_key(|node| node.id);
    let text = |flag: &Option<String>, filed: &Option<String>, default: &str| {
        flag.clone()
            .or_else(|| filed.clone())
            .unwrap_or_else(|| default.to_owned())
    };
    let price = |flag: Option<Price>, filed: Option<Price>, default: i64| {
        flag.or(filed).unwrap_or(Price(default))
    };
    let offset = args
        .utc_offset_minutes
        .or(file.utc_offset_minutes)
        .unwrap_or(480);
    let first_interval = match args.first_interval.or(file.first_interval) {
        Some(moment) => moment.interval(offset)?,
        None => first_interval()?,
    };
    let flat = price(args.retail_flat, file.retail_flat, 650_000);
    let tariff = Tariff::shanghai_two_part(flat)
        .map_err(|error| Failure::of(Exit::Usage, &error, "give another --retail-flat"))?;
    let unset = PublicKey([0; 32]);
    Ok(GenesisBody {
        version: 0,
        name: text(&args.name, &file.name, "park"),
        utc_offset_minutes: offset,
        first_interval,
        registrar: unset,
        treasurer: unset,
        regulator: unset,
        nodes,
        terms: ParkTerms {
            feed_in: price(args.feed_in, file.feed_in, 415_500),
            export: price(args.export, file.export, 300_000),
            wheeling: price(args.wheeling, file.wheeling, 50_000),
        },
        tariffs: vec![(TariffId(1), tariff)],
        factor: CarbonFactor {
            name: text(
                &args.factor_name,
                &file.factor_name,
                "Shanghai ETS electricity factor",
            ),
            year: args.factor_year.or(file.factor_year).unwrap_or(2022),
            milligrams_per_kwh: args
                .factor_kg_per_kwh
                .or(file.factor_kg_per_kwh)
                .unwrap_or(420_000),
            source: text(
                &args.factor_source,
                &file.factor_source,
                "沪环气〔2022〕34号",
            ),
        },
    })
}

/// The first interval whose gate closes when the park can be up.
fn first_interval() -> Result<DeliveryInterval, Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    let now = now
        .and_then(|now| u64::try_from(now.as_millis()).ok())
        .ok_or_else(|| {
            Failure::new(
                Exit::Failure,
                "this machine's clock is before 1970",
                "set the clock, or give --first-interval",
            )
        })?;
    let ready = now + LEAD_MS + DeliveryInterval::GATE_BEFORE_START_MS;
    Ok(DeliveryInterval::containing(Timestamp(ready)).next())
}

/// Signs the draft with keys that are thrown away, since that checks everything else in it.
fn check_draft(draft: &GenesisBody) -> Result<(), Failure> {
    let key = |seed: u8| SigningKey::from_seed(&[seed; 32]);
    let body = GenesisBody {
        registrar: key(1).public(),
        treasurer: key(2).public(),
        regulator: key(3).public(),
        ..draft.clone()
    };
    sign(&body, &key(1)).map(|_| ())
}

fn sign(body: &GenesisBody, registrar: &SigningKey) -> Result<Genesis, Failure> {
    Genesis::sign(body, registrar).map_err(|error| {
        let next = "correct the node records or the settings; nothing was founded";
        Failure::of(Exit::Usage, &error, next).with_next(next)
    })
}

/// 64 hexadecimal digits: the private network's key.
fn network_key() -> Result<Zeroizing<String>, Failure> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *key).map_err(|error| {
        let what = format!("the system gave no random bytes for the network's key: {error}");
        Failure::new(
            Exit::Failure,
            what,
            "repeat the command with another --data-dir",
        )
    })?;
    Ok(Zeroizing::new(format!("{}\n", hex::encode(&*key))))
}
