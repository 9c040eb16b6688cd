//! The command line.

use std::ops::Range;

/// How the program is called.
pub const USAGE: &str = "\
usage: wattle-sim --seeds A..B [--nodes N] [--ticks T]
       wattle-sim --seed S [--nodes N] [--ticks T] [--trace]

Runs the seeds A to B-1, or one seed. Exit codes: 0 all well, 1 something wrong was done, 2 this
usage, 3 nothing wrong was done but too little happened after all faults had ended.";

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Args {
    /// The seeds to run.
    pub seeds: Range<u64>,
    /// Replicas, where not drawn: 1 to 7.
    pub nodes: Option<u64>,
    /// Ticks of the first phase, where not the usual number.
    pub ticks: Option<u64>,
    /// Whether everything that happens is printed.
    pub trace: bool,
}

impl Args {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Args, String> {
        let mut words = words.into_iter();
        let mut seeds = None;
        let (mut nodes, mut ticks, mut trace) = (None, None, false);
        while let Some(word) = words.next() {
            if word == "--trace" {
                trace = true;
                continue;
            }
            let value = words
                .next()
                .ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--seed" => {
                    let seed = number(&value)?;
                    let end = seed.checked_add(1).ok_or("the seed is too large")?;
                    seeds = Some(seed..end);
                }
                "--seeds" => {
                    let (first, end) = value.split_once("..").ok_or("seeds are given as A..B")?;
                    seeds = Some(number(first)?..number(end)?);
                }
                "--nodes" => nodes = Some(number(&value)?),
                "--ticks" => ticks = Some(number(&value)?),
                _ => return Err(format!("{word} is not known")),
            }
        }
        let seeds = seeds.ok_or("give --seed or --seeds")?;
        if seeds.is_empty() {
            return Err("there is no seed in this range".to_owned());
        }
        if nodes.is_some_and(|nodes| !(1..=7).contains(&nodes)) {
            return Err("a park has 1 to 7 nodes".to_owned());
        }
        if ticks.is_some_and(|ticks| !(1..=1_000_000).contains(&ticks)) {
            return Err("ticks are 1 to 1,000,000".to_owned());
        }
        Ok(Args {
            seeds,
            nodes,
            ticks,
            trace,
        })
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("{text:?} is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, String> {
        Args::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn one_seed_or_a_range_is_read() {
        let args = Args {
            seeds: 7..8,
            nodes: None,
            ticks: None,
            trace: true,
        };
        assert_eq!(parse("--seed 7 --trace"), Ok(args));
        let args = Args {
            seeds: 0..200,
            nodes: Some(3),
            ticks: Some(50),
            trace: false,
        };
        assert_eq!(parse("--seeds 0..200 --nodes 3 --ticks 50"), Ok(args));
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [
            "",
            "--seed",
            "--seed x",
            "--seeds 5",
            "--seeds 5..5",
            "--seed 1 --nodes 0",
            "--seed 1 --nodes 8",
            "--seed 1 --ticks 0",
            "--seed 1 --fast yes",
            "--trace",
            "--seed 18446744073709551615",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
