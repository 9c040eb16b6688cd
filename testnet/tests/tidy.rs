//! The repository checks itself: its invariants, chiefly of absence, are held here and not by
//! memory. Everything is read from the sources and from `cargo tree`; where one of them is not
//! there (a test binary that was copied elsewhere), the test says so and passes.

mod source;

use source::{Source, group_members, has_word};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use wattle_ledger::rejection::Rejection;

/// Folders that hold packages.
const PACKAGE_FOLDERS: [&str; 5] = ["market", "ledger", "node", "cli", "testnet"];
/// Every package's own folder.
const PACKAGES: [&str; 10] = [
    "market",
    "ledger",
    "node/replica",
    "node/client",
    "node/witness",
    "node",
    "cli",
    "testnet",
    "testnet/fuzz",
    "testnet/sim",
];
const FILE_LINES_MAX: usize = 800;
const COLUMNS_MAX: usize = 100;

/// The checkout, if the test runs in one.
fn root() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    if PACKAGES
        .iter()
        .all(|package| root.join(package).join("Cargo.toml").is_file())
    {
        return Some(root.to_owned());
    }
    println!("skipped: the source tree is not at {}", root.display());
    None
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap();
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                files_below(&path, found);
            }
        // A further working tree of a repository has a file where the first has a folder.
        } else if name != ".git" {
            found.push(path);
        }
    }
}

/// All Rust sources with their paths relative to the checkout.
fn sources(root: &Path) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in PACKAGE_FOLDERS {
        files_below(&root.join(folder), &mut paths);
    }
    paths.sort();
    let rust = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let mut sources: Vec<Source> = rust.map(|path| Source::read(root, path)).collect();
    // A module that is declared for tests is a test, wherever it stands.
    let tests: BTreeSet<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        source.is_test |= tests.contains(&source.path);
    }
    assert!(sources.len() > 100, "the sources are found");
    sources
}

#[track_caller]
fn none(rule: &str, mut offenses: Vec<String>) {
    offenses.dedup();
    assert!(offenses.is_empty(), "{rule}:\n  {}", offenses.join("\n  "));
}

/// Program code that the tests of a package are no part of.
fn program<'a>(sources: &'a [Source], folders: &'a [&str]) -> impl Iterator<Item = &'a Source> {
    sources.iter().filter(move |source| {
        !source.is_test && folders.iter().any(|folder| source.path.starts_with(folder))
    })
}

#[test]
fn core_packages_have_no_clock_chance_float_thread_or_file() {
    let Some(root) = root() else { return };
    let core = ["market/src/", "ledger/src/", "node/replica/src/"];
    let words = [
        "HashMap",
        "HashSet",
        "f32",
        "f64",
        "SystemTime",
        "Instant",
        "thread_rng",
        "async",
        "await",
    ];
    let modules = ["thread", "fs", "net"];
    let may = |path: &str, module: &str| {
        (path == "ledger/src/verify/directory.rs" && module == "fs")
            || (path == "ledger/src/verify/parallel.rs" && module == "thread")
    };
    let mut offenses = Vec::new();
    for source in program(&sources(&root), &core) {
        for (number, line) in source.code.lines().enumerate() {
            for word in words.iter().filter(|word| has_word(line, word)) {
                offenses.push(format!("{}:{}: {word}", source.path, number + 1));
            }
        }
        for module in modules {
            let named = has_word(&source.code, &format!("std::{module}"))
                || group_members(&source.code, "std::{").contains(module);
            if named && !may(&source.path, module) {
                offenses.push(format!("{}: std::{module}", source.path));
            }
        }
    }
    none(
        "market, ledger and replica take time and bytes as arguments, and use ordered maps",
        offenses,
    );
}

#[test]
fn only_the_codec_calls_bincode() {
    let Some(root) = root() else { return };
    // What derives and hand-written decoders need; none of it chooses a layout.
    let allowed = ["Encode", "Decode", "BorrowDecode", "de", "enc", "error"];
    let mut offenses = Vec::new();
    for source in program(&sources(&root), &PACKAGE_FOLDERS) {
        if source.path == "ledger/src/codec.rs" {
            continue;
        }
        for (number, line) in source.code.lines().enumerate() {
            for after in line.split("bincode::").skip(1) {
                let is_identifier = |c: char| c.is_alphanumeric() || c == '_';
                let name: String = after.chars().take_while(|c| is_identifier(*c)).collect();
                let is_group = after.starts_with('{');
                if !is_group && !allowed.contains(&name.as_str()) {
                    offenses.push(format!("{}:{}: bincode::{name}", source.path, number + 1));
                }
            }
        }
        for name in group_members(&source.code, "bincode::{") {
            if !allowed.contains(&name.as_str()) {
                offenses.push(format!("{}: bincode::{name}", source.path));
            }
        }
    }
    none(
        "the one encoding is chosen in ledger/src/codec.rs",
        offenses,
    );
}

#[test]
fn sled_and_libp2p_stay_behind_one_module_each() {
    let Some(root) = root() else { return };
    let homes = [
        ("sled", "node/src/storage"),
        ("libp2p", "node/src/network"),
        ("raft", "node/replica/src/"),
    ];
    let mut offenses = Vec::new();
    for source in program(&sources(&root), &PACKAGE_FOLDERS) {
        for (package, home) in homes {
            let path_of_package = format!("{package}::");
            let named = source.code.lines().position(|line| {
                has_word(line, &path_of_package) || line.trim_start() == format!("use {package};")
            });
            if let Some(number) = named.filter(|_| !source.path.starts_with(home)) {
                offenses.push(format!("{}:{}: {package}", source.path, number + 1));
            }
        }
    }
    none("a package of the seven is known to one module", offenses);
}

#[test]
fn files_are_nouns_of_bearable_size() {
    let Some(root) = root() else { return };
    let mut offenses = Vec::new();
    for source in sources(&root) {
        let name = source.path.rsplit('/').next().unwrap();
        if ["utils.rs", "common.rs", "helpers.rs", "types.rs", "mod.rs"].contains(&name) {
            offenses.push(format!("{}: the name says nothing", source.path));
        }
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            offenses.push(format!("{}: {lines} lines", source.path));
        }
        for (number, line) in source.text.lines().enumerate() {
            // A sentence in quotes is not broken; the code around it has to fit.
            let without_strings = source.without_strings.lines().nth(number).unwrap_or("");
            let columns = line.chars().count().min(without_strings.chars().count());
            if columns > COLUMNS_MAX {
                offenses.push(format!("{}:{}: {columns} columns", source.path, number + 1));
            }
        }
    }
    none(
        "one noun a file, 800 lines and 100 columns at most",
        offenses,
    );
}

#[test]
fn nothing_is_left_over() {
    let Some(root) = root() else { return };
    let leftovers = ["todo!(", "unimplemented!(", "dbg!(", "#[ignore"];
    let mut offenses = Vec::new();
    for source in sources(&root) {
        for (number, line) in source.without_strings.lines().enumerate() {
            let code = source.all_code.lines().nth(number).unwrap_or(line);
            for leftover in leftovers
                .iter()
                .filter(|leftover| code.contains(**leftover))
            {
                offenses.push(format!("{}:{}: {leftover}", source.path, number + 1));
            }
        }
    }
    none("no stubs, no ignored tests", offenses);
}

#[test]
fn every_package_says_what_it_does_not_do() {
    let Some(root) = root() else { return };
    let mut offenses = Vec::new();
    for package in PACKAGES {
        let library = root.join(package).join("src/lib.rs");
        let page = match library.is_file() {
            true => library,
            false => root.join(package).join("src/main.rs"),
        };
        let text = fs::read_to_string(&page).unwrap();
        let says = text
            .lines()
            .any(|line| line.starts_with("//!") && line.contains("does not do"));
        if !says {
            offenses.push(format!("{package}: its first page lacks \"does not do\""));
        }
    }
    none("a reader learns where to look elsewhere", offenses);
}

#[test]
fn no_file_names_a_machine() {
    let Some(root) = root() else { return };
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let mut files = Vec::new();
    files_below(&root, &mut files);
    files.extend(
        [root.join(".ci/run")]
            .into_iter()
            .filter(|file| file.is_file()),
    );
    let mut offenses = Vec::new();
    for file in files {
        // Data and archives that are no text name nothing.
        let Ok(text) = fs::read_to_string(&file) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            if paths.iter().any(|path| line.contains(path)) {
                offenses.push(format!("{}:{}", file.display(), number + 1));
            }
        }
    }
    none("a checkout works wherever it lies", offenses);
}

#[test]
fn the_rules_page_lists_every_rejection() {
    let Some(root) = root() else { return };
    let rules = fs::read_to_string(root.join("docs/RULES.md")).unwrap();
    let missing = Rejection::ALL.iter().map(|rejection| {
        let (code, name) = (rejection.code(), rejection.name());
        format!("| {code} | `{name}` | {} |", rejection.sentence())
    });
    none(
        "docs/RULES.md, section 3, has these lines",
        missing.filter(|line| !rules.contains(line)).collect(),
    );
}

/// The packages that one of ours is built from, its own name included; none if cargo is not there.
fn tree(root: &Path, package: &str) -> Option<BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let words = ["tree", "--offline", "--edges", "normal", "--prefix", "none"];
    let output = Command::new(cargo)
        .args(words)
        .args(["--format", "{p}", "--package", package])
        .current_dir(root)
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: cargo cannot be run: {error}");
            return None;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let trouble = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo tree of {package}: {trouble}"
    );
    let names = text.lines().filter_map(|line| line.split(' ').next());
    let names: BTreeSet<String> = names.map(str::to_owned).collect();
    assert!(names.contains(package), "cargo tree names {package} itself");
    Some(names)
}

#[test]
fn pure_packages_cannot_even_link_the_rest() {
    let Some(root) = root() else { return };
    let world = ["libp2p", "tokio", "sled", "axum", "hyper", "wattle-node"];
    let cryptography = ["ed25519-dalek", "sha2", "raft", "wattle-ledger"];
    let rules: [(&str, Vec<&str>); 7] = [
        ("wattle-market", [&world[..], &cryptography[..]].concat()),
        ("wattle-ledger", [&world[..], &["raft", "slog"]].concat()),
        ("wattle-replica", world.to_vec()),
        ("wattle-sim", world.to_vec()),
        ("wattle-client", world.to_vec()),
        ("wattle-witness", world.to_vec()),
        (
            "wattle-cli",
            [&world[..], &["raft", "wattle-replica"]].concat(),
        ),
    ];
    let mut offenses = Vec::new();
    for (package, forbidden) in rules {
        let Some(names) = tree(&root, package) else {
            return;
        };
        for name in forbidden {
            let is_part = |other: &String| other.starts_with(&format!("{name}-"));
            // libp2p and tokio are families of packages.
            let is_family = ["libp2p", "tokio"].contains(&name);
            if names.contains(name) || is_family && names.iter().any(is_part) {
                offenses.push(format!("{package} links {name}"));
            }
        }
    }
    none("what must stay pure cannot link the rest", offenses);
}

#[test]
fn nobody_imports_the_programs() {
    let Some(root) = root() else { return };
    let mut offenses = Vec::new();
    for package in PACKAGES {
        let manifest = fs::read_to_string(root.join(package).join("Cargo.toml")).unwrap();
        for line in manifest.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if ["wattle-cli", "wattle-testnet"].contains(&name) {
                offenses.push(format!("{package}/Cargo.toml: {line}"));
            }
        }
    }
    none("dependencies point one way", offenses);
}
