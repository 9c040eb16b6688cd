//! One park on one machine: the data it lives by, the rules its batteries and tenants follow, and
//! the report of what came of it.
//!
//! # Layout
//! * [`profile`]: a park's days in memory: points, meters, energies.
//! * [`datasets`]: the bundled park: an extract of SimBench's profiles, and who lives by them at
//!   what ratings and prices.
//! * [`import`]: a park from a CSV file instead.
//! * [`dispatch`]: the written rule that the bundled batteries follow.
//! * [`strategy`]: how tenants trade forward, knowing yesterday only.
//! * [`replay`]: the days settled in this process with the market's rules alone.
//! * [`keyring`], [`script`]: who signs what, and when.
//! * [`crowd`]: more tenants and days than there are, for measuring.
//! * [`record`]: the days as a signed export of one node, made in this process.
//! * [`solo`]: a park in this process that does what it is told, and its export.
//! * [`scenario`]: what happens in such a park and what must come of it, in a small language.
//! * [`nightly`]: random days by the thousand, and what must hold of each.
//! * [`park`], [`drive`]: real node processes, and the people and meters that use them.
//! * [`load`]: events a second.
//! * [`audit`]: an export verified and summed up.
//! * [`doctor`]: forged exports that the verifier must find.
//! * [`verify_speed`]: how fast an export is verified; [`node_start`]: what a node's start costs.
//! * [`export`]: the leaves of an export, unverified.
//! * [`mod@bench`]: matching, auctions and settlement measured beside something else.
//! * [`report`]: the sums of settled intervals, and their checks.
//! * [`table`]: plain text tables and numbers.
//!
//! # Example
//! ```
//! use wattle_testnet::{datasets, replay};
//!
//! let profile = datasets::bundled(datasets::DEFAULT_FIRST_DAY, 1)?;
//! let report = replay::replay(&profile, &replay::ParkPrices::bundled())?;
//! assert_eq!(report.intervals, 96);
//! assert!(report.total(|tenant| tenant.received).0 > 0, "neighbors used each other's sun");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **What this crate does not do.** It has no rules of its own: settlement is `wattle-market`'s,
//! and no figure in a report was estimated here. It measures nothing: the bundled values are other
//! people's, under labels chosen by us.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod audit;
pub mod bench;
pub mod crowd;
pub mod datasets;
pub mod dispatch;
pub mod doctor;
pub mod drive;
pub mod export;
pub mod import;
pub mod keyring;
pub mod load;
pub mod nightly;
pub mod node_start;
pub mod park;
pub mod profile;
pub mod record;
pub mod replay;
pub mod report;
pub mod scenario;
pub mod script;
pub mod solo;
pub mod strategy;
pub mod table;
pub mod verify_speed;
