//! Seeds, corpora and changed ones, on any toolchain.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use wattle_fuzz::mutate::Mutator;
use wattle_fuzz::park::steps;
use wattle_fuzz::seeds::{lived, seeds};
use wattle_fuzz::state::{change, encode, go_on};
use wattle_fuzz::targets::{TARGETS, Target};

/// How often each honest input is changed.
const CHANGES: u64 = 200;

/// Files of a target's corpus; a fresh target may have none.
fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a corpus can be listed").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a corpus can be read");
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn honest_bytes_keep_what_is_promised() {
    for target in TARGETS {
        let seeds = seeds(target.name);
        assert!(!seeds.is_empty(), "{} has seeds", target.name);
        seeds.iter().for_each(|seed| (target.run)(seed));
    }
}

/// The seeds get past the door: otherwise nothing behind it would be tried.
#[test]
fn most_actions_of_the_seeds_are_performed() {
    let outcomes = seeds("actions")
        .iter()
        .map(|seed| steps(seed))
        .collect::<Vec<_>>();
    let alone: Vec<&Vec<u16>> = outcomes
        .iter()
        .filter_map(|codes| match &codes[..] {
            [codes] => Some(codes),
            _ => None,
        })
        .collect();
    assert!(alone.len() > 50, "{} actions", alone.len());
    let performed = alone.iter().filter(|codes| codes.contains(&0)).count();
    assert!(
        performed * 2 > alone.len(),
        "{performed} of {}",
        alone.len()
    );
}

#[test]
fn every_corpus_keeps_what_is_promised() {
    let mut files = 0;
    for target in TARGETS {
        for (path, bytes) in corpus(target) {
            println!("{}", path.display());
            (target.run)(&bytes);
            files += 1;
        }
    }
    assert!(
        files > 100,
        "the corpora are in the checkout: {files} files"
    );
}

#[test]
fn changed_bytes_keep_what_is_promised() {
    for target in TARGETS {
        let mut inputs = seeds(target.name);
        inputs.extend(corpus(target).into_iter().map(|(_, bytes)| bytes));
        inputs.push(Vec::new());
        for (place, input) in inputs.iter().enumerate() {
            for change in 0..CHANGES / (1 + inputs.len() as u64 / 20) {
                let mut mutator = Mutator::new(place as u64 * 1_000_003 + change);
                (target.run)(&mutator.change(input));
            }
        }
    }
}

/// Every target of the list has a program for the fuzzer, and a corpus.
#[test]
fn every_target_can_be_fuzzed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(folder.join("libfuzzer/Cargo.toml")).expect("it is there");
    for target in TARGETS {
        let program = format!("name = \"{}\"", target.name);
        assert!(manifest.contains(&program), "libfuzzer has {program}");
        assert!(!corpus(target).is_empty(), "{} has a corpus", target.name);
    }
}

/// Rows that an honest park has are read back; most that were changed are not.
#[test]
fn states_that_nobody_derived_are_refused_or_followed() {
    let lived = lived();
    let steps = seeds("actions");
    let honest = lived.iter().all(|rows| go_on(&encode(rows, &[])));
    assert!(honest, "an honest state is read back");
    let tables: BTreeSet<u8> = lived.iter().flatten().map(|row| row.0[0]).collect();
    assert!(tables.len() > 40, "rows of tables {tables:?}");
    let cases = std::env::var("WATTLE_STATE_CASES").ok();
    let cases = cases.map_or(100, |cases| cases.parse().expect("a number of cases"));
    let (mut followed, mut refused, mut stopped) = (0, 0, Vec::new());
    for seed in 0..cases {
        let mut mutator = Mutator::new(0x57a7e ^ (seed << 16));
        let mut rows = lived[mutator.below(lived.len())].clone();
        let other = &lived[mutator.below(lived.len())];
        change(&mut mutator, &mut rows, other);
        let bytes = encode(&rows, &steps[mutator.below(steps.len())]);
        let outcome = std::panic::catch_unwind(|| go_on(&bytes));
        match outcome {
            Ok(true) => followed += 1,
            Ok(false) => refused += 1,
            Err(_) => stopped.push(seed),
        }
    }
    println!("{followed} followed, {refused} refused");
    assert!(
        stopped.is_empty(),
        "the states of seeds {stopped:?} stop whoever goes on"
    );
    assert!(
        followed > cases / 10 && refused > cases / 10,
        "{followed} {refused}"
    );
}
