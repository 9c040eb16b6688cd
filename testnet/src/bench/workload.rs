//! A workload for matching engines: a file of fixed records that any engine can be driven by.
//!
//! Two `u64` (how many operations come before those that are timed, how many there are in all),
//! then 16 bytes an operation: kind `u8`, side `u8` (0 buys), user `u16`, id `u32`, price `u32`,
//! quantity `u32`, all little-endian.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;
use wattle_market::order::Side;

/// Greatest number of operations of a file: 2²⁶, one gibibyte.
pub const OPERATIONS_MAX: usize = 1 << 26;

const HEADER: usize = 16;
const RECORD: usize = 16;

/// What an operation does. The numbers are those of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A limit order that rests.
    Add = 0,
    /// A limit order of which nothing rests.
    AddImmediateOrCancel = 1,
    /// Cancels the order; price and quantity mean nothing. Nothing if it is not open.
    Cancel = 2,
    /// Cancels the order and adds it again at this price, on its side and under its id. With a
    /// quantity of 0 it keeps what is open of it. Nothing if it is not open.
    Move = 3,
}

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// What it does.
    pub kind: Kind,
    /// The order's side.
    pub side: Side,
    /// Whose order it is.
    pub user: u16,
    /// The order.
    pub id: u32,
    /// Limit in ticks.
    pub price: u32,
    /// How much.
    pub quantity: u32,
}

/// Operations, some of which only fill the book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// How many operations come before those that are timed.
    pub prefill: usize,
    /// All operations, the prefill first.
    pub operations: Vec<Operation>,
}

/// Why a workload file cannot be used.
#[derive(Debug, Error)]
pub enum WorkloadError {
    /// It cannot be read.
    #[error("cannot read the workload {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the workload {path}; choose a place with room")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its length is not that of its operations.
    #[error(
        "a workload is 16 bytes and 16 for each operation, but this one has {bytes} bytes \
         for {operations} operations; make it with `wattle-testnet bench workload`"
    )]
    Length {
        /// Its length.
        bytes: usize,
        /// What its header says.
        operations: u64,
    },
    /// More operations than a run takes.
    #[error("{operations} operations are more than {OPERATIONS_MAX}; make a smaller file")]
    TooMany {
        /// What its header says.
        operations: u64,
    },
    /// Nothing is left to be timed.
    #[error("the prefill of {prefill} leaves none of {operations} operations; lower it")]
    Prefill {
        /// What its header says.
        prefill: u64,
        /// What its header says.
        operations: u64,
    },
    /// A record that means nothing.
    #[error("operation {number} has kind {kind} and side {side}; kinds are 0 to 3, sides 0 and 1")]
    Record {
        /// Which one, counted from 0.
        number: usize,
        /// Its first byte.
        kind: u8,
        /// Its second byte.
        side: u8,
    },
}

impl Workload {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read or is not of this format.
    pub fn read(path: &Path) -> Result<Workload, WorkloadError> {
        let bytes = fs::read(path).map_err(|source| WorkloadError::Read {
            path: path.to_owned(),
            source,
        })?;
        Workload::decode(&bytes)
    }

    /// The workload of a file's bytes.
    ///
    /// # Errors
    /// Where they are not of this format.
    pub fn decode(bytes: &[u8]) -> Result<Workload, WorkloadError> {
        let number = |at: usize| {
            bytes
                .get(at..at + 8)?
                .try_into()
                .ok()
                .map(u64::from_le_bytes)
        };
        let (Some(prefill), Some(operations)) = (number(0), number(8)) else {
            let bytes = bytes.len();
            return Err(WorkloadError::Length {
                bytes,
                operations: 0,
            });
        };
        if operations > OPERATIONS_MAX as u64 {
            return Err(WorkloadError::TooMany { operations });
        }
        if bytes.len() != HEADER + RECORD * operations as usize {
            let bytes = bytes.len();
            return Err(WorkloadError::Length { bytes, operations });
        }
        if prefill >= operations {
            return Err(WorkloadError::Prefill {
                prefill,
                operations,
            });
        }
        let records = bytes[HEADER..].chunks_exact(RECORD).enumerate();
        Ok(Workload {
            prefill: prefill as usize,
            operations: records
                .map(|(number, record)| Operation::decode(number, record))
                .collect::<Result<_, _>>()?,
        })
    }

    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + RECORD * self.operations.len());
        bytes.extend((self.prefill as u64).to_le_bytes());
        bytes.extend((self.operations.len() as u64).to_le_bytes());
        for operation in &self.operations {
            operation.encode(&mut bytes);
        }
        bytes
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), WorkloadError> {
        let write = || fs::File::create(path)?.write_all(&self.encode());
        write().map_err(|source| WorkloadError::Write {
            path: path.to_owned(),
            source,
        })
    }

    /// The operations that are timed.
    pub fn timed(&self) -> &[Operation] {
        &self.operations[self.prefill..]
    }

    /// The lowest and the highest price of an order.
    pub fn prices(&self) -> (u32, u32) {
        let orders = self.operations.iter();
        let prices = orders.filter(|operation| operation.kind != Kind::Cancel);
        prices.fold((u32::MAX, 0), |(low, high), operation| {
            (low.min(operation.price), high.max(operation.price))
        })
    }

    /// The highest id of an order.
    pub fn id_max(&self) -> u32 {
        let ids = self.operations.iter().map(|operation| operation.id);
        ids.max().unwrap_or_default()
    }
}

impl Operation {
    fn decode(number: usize, record: &[u8]) -> Result<Operation, WorkloadError> {
        let (kind, side) = (record[0], record[1]);
        let malformed = WorkloadError::Record { number, kind, side };
        let word = |at: usize| {
            u32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
        };
        Ok(Operation {
            kind: match kind {
                0 => Kind::Add,
                1 => Kind::AddImmediateOrCancel,
                2 => Kind::Cancel,
                3 => Kind::Move,
                _ => return Err(malformed),
            },
            side: match side {
                0 => Side::Buy,
                1 => Side::Sell,
                _ => return Err(malformed),
            },
            user: u16::from_le_bytes([record[2], record[3]]),
            id: word(4),
            price: word(8),
            quantity: word(12),
        })
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.kind as u8, u8::from(self.side == Side::Sell)]);
        bytes.extend(self.user.to_le_bytes());
        for word in [self.id, self.price, self.quantity] {
            bytes.extend(word.to_le_bytes());
        }
    }
}
