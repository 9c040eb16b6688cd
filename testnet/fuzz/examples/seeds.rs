//! Writes the seeds of every target into a folder, for a fuzzer to begin from:
//! `cargo run -p wattle-fuzz --example seeds -- FOLDER`.

use std::path::PathBuf;
use std::{env, fs, io};
use wattle_fuzz::seeds::seeds;
use wattle_fuzz::targets::TARGETS;

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).map_or("seeds".into(), PathBuf::from);
    for target in TARGETS {
        let folder = folder.join(target.name);
        fs::create_dir_all(&folder)?;
        for (place, seed) in seeds(target.name).iter().enumerate() {
            fs::write(folder.join(format!("seed-{place}")), seed)?;
        }
    }
    Ok(())
}
