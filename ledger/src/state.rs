//! The state of a park: a pure function of its log.
//!
//! Every row lies in a [`table::Table`], so that the state root commits to all of it. Each part
//! has its file, its rules as methods that validate everything before they change anything, and
//! its refusals as [`Rejection`](crate::rejection::Rejection)s.

pub mod accounts;
pub mod affiliates;
pub mod boundary;
pub mod bounds;
pub mod by_interval;
pub mod certificates;
mod changes;
pub mod clock;
pub mod convictions;
pub mod delegation;
pub mod delivery;
mod facts;
pub mod foreign;
pub mod groups;
pub mod halt;
pub mod index;
pub mod joint;
pub mod members;
pub mod modes;
pub mod months;
pub mod orders;
pub mod outcomes;
pub mod readings;
pub mod registers;
pub mod registry;
mod retention;
pub mod rows;
pub mod runs;
pub mod schedule;
pub mod settlement;
mod sound;
pub mod table;
pub mod tenancy;
pub mod trading;
pub mod trie;

use crate::genesis::Genesis;
use crate::hash::Hash;
use accounts::Accounts;
use certificates::Certificates;
use clock::Clock;
use convictions::Convictions;
pub(crate) use facts::Facts;
use foreign::ForeignLogs;
use joint::Joint;
use months::Months;
use orders::Orders;
use readings::Readings;
use registry::Registry;
use rows::{Part as _, RowError, Rows, parts};
use runs::Runs;
use settlement::Pins;
use std::collections::BTreeMap;
use table::Table;
use trading::Trading;
use trie::Trie;

/// Numbers of the tables: the first byte of a record's key in the trie. Never reused.
pub mod table_number {
    #![allow(missing_docs)]
    pub const CLOCK: u8 = 0;
    pub const PARTICIPANTS: u8 = 1;
    pub const POINTS: u8 = 2;
    pub const METERS: u8 = 3;
    pub const KEYS: u8 = 4;
    pub const TARIFFS: u8 = 5;
    pub const TERMS: u8 = 6;
    pub const FACTORS: u8 = 7;
    pub const INSTRUCTIONS: u8 = 8;
    pub const ACCOUNTS: u8 = 9;
    pub const ORDERS: u8 = 10;
    pub const POSITIONS: u8 = 11;
    pub const READINGS: u8 = 12;
    pub const PARK_PINS: u8 = 13;
    pub const POINT_PINS: u8 = 14;
    pub const CERTIFICATES: u8 = 15;
    pub const OUTCOMES: u8 = 16;
    pub const FINAL_RUN: u8 = 17;
    pub const SETTLED_INPUTS: u8 = 18;
    pub const CORRECTED: u8 = 19;
    pub const FROZEN_KEYS: u8 = 20;
    pub const ORDER_MINIMUMS: u8 = 21;
    pub const AFFILIATES: u8 = 22;
    pub const HALTS: u8 = 23;
    pub const PRICE_BOUNDS: u8 = 24;
    pub const REGISTER_BREAKS: u8 = 25;
    pub const POINT_ENDS: u8 = 26;
    pub const METER_POINTS: u8 = 27;
    pub const DELEGATIONS: u8 = 30;
    pub const DELEGATION_USES: u8 = 31;
    pub const PRICE_INDEX: u8 = 32;
    pub const DAY_TURNOVERS: u8 = 33;
    pub const SCHEDULES: u8 = 34;
    pub const MARKET_MODES: u8 = 35;
    pub const ARRIVALS: u8 = 36;
    pub const SESSIONS: u8 = 37;
    pub const JOINT_COURSE: u8 = 40;
    pub const BUNDLES: u8 = 41;
    pub const CERTIFICATE_COURSE: u8 = 45;
    pub const CERTIFICATE_LIVES: u8 = 46;
    pub const CERTIFICATE_HOLDINGS: u8 = 47;
    pub const UNCLAIMED_USE: u8 = 48;
    pub const CERTIFICATE_POLICIES: u8 = 49;
    pub const STORAGE_LOTS: u8 = 50;
    pub const OPEN_MONTHS: u8 = 51;
    pub const ROLLED_UP_MONTHS: u8 = 52;
    pub const EXTERNAL_CERTIFICATES: u8 = 53;
    pub const BOUNDARY_METERS: u8 = 55;
    pub const MONTH_TERMS: u8 = 56;
    pub const MONTH_CLOSE: u8 = 57;
    pub const DEMANDS: u8 = 58;
    pub const MONTH_ACCOUNTS: u8 = 59;
    pub const PARK_MONTHS: u8 = 60;
    pub const CLOSED_MONTHS: u8 = 61;
    pub const INVOICES: u8 = 62;
    pub const DEFAULTERS: u8 = 63;
    pub const DEFAULT_COVERS: u8 = 64;
    pub const REGISTERED_NODES: u8 = 65;
    pub const NODE_STANDINGS: u8 = 66;
    pub const MEMBERSHIP: u8 = 67;
    pub const FOLLOWED_LOGS: u8 = 68;
    pub const FOREIGN_CHECKPOINTS: u8 = 69;
    pub const CONTRADICTIONS: u8 = 70;
    pub const CONVICTED_KEYS: u8 = 71;
    pub const CONVICTED_NODES: u8 = 72;
    pub const KEYS_FROZEN_BY_EVIDENCE: u8 = 73;
}

/// Everything a park knows.
#[derive(Debug, Clone)]
pub struct State {
    /// Time, terms of office and what is due next.
    pub clock: Table<(), Clock>,
    /// Who and what is registered, and the prices in force.
    pub registry: Registry,
    /// Money.
    pub accounts: Accounts,
    /// Open orders and forward positions.
    pub orders: Orders,
    /// Bundles, and the course of the joint auctions.
    pub joint: Joint,
    /// The registrar's rules on trading.
    pub trading: Trading,
    /// Registers.
    pub readings: Readings,
    /// Terms pinned at gate closure.
    pub pins: Pins,
    /// Certificates of origin.
    pub certificates: Certificates,
    /// The course of the final run.
    pub runs: Runs,
    /// Months on their way to an invoice, and closed ones.
    pub months: Months,
    /// Logs that the park follows.
    pub foreign: ForeignLogs,
    /// Whom recorded evidence convicts.
    pub convictions: Convictions,
    /// What became of each key's latest events.
    pub outcomes: outcomes::Outcomes,
    trie: Trie,
}

parts!(State {
    clock, registry, accounts, orders, joint, trading, readings, pins, certificates, runs, months,
    foreign, convictions, outcomes
} beside { trie });

impl State {
    /// The state right after leaf 0.
    pub fn found(genesis: &Genesis) -> State {
        let mut clock = Table::new(table_number::CLOCK);
        clock.insert((), Clock::found(genesis));
        State {
            clock,
            registry: Registry::found(genesis),
            accounts: Accounts::found(),
            orders: Orders::default(),
            joint: Joint::default(),
            trading: Trading::default(),
            readings: Readings::default(),
            pins: Pins::default(),
            certificates: Certificates::default(),
            runs: Runs::default(),
            months: Months::default(),
            foreign: ForeignLogs::default(),
            convictions: Convictions::default(),
            outcomes: outcomes::Outcomes::default(),
            trie: Trie::default(),
        }
    }

    /// The clock's row.
    pub fn clock(&self) -> &Clock {
        self.clock
            .get(&())
            .expect("the clock has had its row since the genesis")
    }

    /// The clock's row, to be changed.
    pub(crate) fn clock_mut(&mut self) -> &mut Clock {
        self.clock
            .get_mut(&())
            .expect("the clock has had its row since the genesis")
    }

    /// The state root; costs what changed since it was last asked for.
    pub fn root(&mut self) -> Hash {
        let mut trie = std::mem::take(&mut self.trie);
        let mut tables = Vec::new();
        self.tables_mut(&mut tables);
        for table in tables {
            table.commit(&mut trie);
        }
        self.trie = trie;
        self.trie.root()
    }

    /// Leaves the trie aside until the root is next asked for, which makes it anew from all rows:
    /// cheaper where much happens before that.
    pub(crate) fn defer_root(&mut self) {
        self.trie = Trie::default();
        let mut tables = Vec::new();
        self.tables_mut(&mut tables);
        for table in tables {
            table.count_all_as_changed();
        }
    }

    /// The state root as the seal states it that is the log's last leaf: it counts no leaf but
    /// those before it.
    pub fn root_in_seal(&mut self) -> Hash {
        let leaves = self.clock().leaves;
        self.clock_mut().leaves = leaves.saturating_sub(1);
        let root = self.root();
        self.clock_mut().leaves = leaves;
        root
    }

    /// All tables by their numbers: the order in which a snapshot has them.
    pub fn by_number(&self) -> BTreeMap<u8, &dyn Rows> {
        rows::by_number(self)
    }

    /// A state without rows, to read some back into.
    pub(crate) fn without_rows(genesis: &Genesis) -> State {
        let mut state = State::found(genesis);
        let mut tables = Vec::new();
        state.tables_mut(&mut tables);
        for table in tables {
            table.clear();
        }
        state
    }

    /// Reads rows back, each as key bytes and value bytes.
    ///
    /// # Errors
    /// [`RowError`], of the first that cannot be one.
    pub(crate) fn load<'a>(
        &mut self,
        rows: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), RowError> {
        let mut trie = std::mem::take(&mut self.trie);
        let loaded = rows::load(self, &mut trie, rows);
        self.trie = trie;
        loaded
    }

    /// Builds what follows from rows, once all are read back, and checks what every rule relies
    /// on.
    ///
    /// # Errors
    /// [`RowError::Missing`] and [`RowError::Unsound`].
    pub(crate) fn complete(&mut self) -> Result<(), RowError> {
        if self.clock.get(&()).is_none() {
            return Err(RowError::Missing("a clock"));
        }
        self.check_sound()?;
        self.orders.index();
        self.trading.affiliates.index();
        Ok(())
    }
}
