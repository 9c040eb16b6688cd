//! Bodies of requests and answers: JSON in snake case.
//!
//! Energy is in whole watt-hours, prices in micro-yuan per kWh, money in nano-yuan, times in
//! milliseconds of park time since 1970-01-01 UTC, intervals as the count of quarters of an hour
//! since then. Hashes and keys are lower-case hexadecimal.

mod bundle;
mod certificate;
mod event;
mod evidence;
mod extent;
mod market;
mod months;
mod problem;
mod registry;
mod statement;
mod status;
mod witness;

pub use bundle::{Bundles, ClosedBundle, OpenBundle};
pub use certificate::{
    CertificateRecord, Certificates, HeldCertificate, Link, RolledUpMonth, UncoveredUse,
};
pub use event::{EventOutcome, EventPending, EventReceipts, EventState, ItemOutcome, KeyStatus};
pub use evidence::{
    EvidenceCounts, EvidenceGiven, EvidenceHead, EvidenceItem, EvidenceList, EvidencePlace,
    EvidenceSubject, GivenOutcome,
};
pub use extent::{Extent, Sealing, Stage};
pub use market::{
    Balance, Book, ClearedInterval, Entries, EntryRecord, IndexedDay, JointPart, JointPrice, Level,
    OpenOrder, OpenOrders, PriceIndex, Prices, Trade, TradedSoFar, Trades,
};
pub use months::{
    Charge, ChargeKind, ClosedMonth, InDefault, Invoice, Invoices, Months, PointCharge,
};
pub use problem::Problem;
pub use registry::{
    RegisteredMonthTerms, RegisteredNode, RegisteredPoint, RegisteredTariff, Registry,
};
pub use statement::{Funds, Posting, RunLine, SettledLine, Standing, Statement};
pub use status::{Ready, Role, Sealed, SnapshotStatus, Status};
pub use witness::{
    AskedWitness, FollowedLog, FollowedLogs, RecordedCheckpoint, RecordedContradiction,
    WitnessStatus, WitnessedLog,
};
