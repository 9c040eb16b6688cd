//! One target of `wattle-fuzz` as a program for libFuzzer: which one is its own name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;
use wattle_fuzz::targets::{TARGETS, Target};

static TARGET: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(
    init: {
        let name = env!("CARGO_BIN_NAME");
        let target = TARGETS.iter().find(|target| target.name == name);
        TARGET.get_or_init(|| target.expect("each program is named after a target"));
    },
    |bytes: &[u8]| {
        let target = TARGET.get().expect("it was set at the start");
        (target.run)(bytes);
    }
);
