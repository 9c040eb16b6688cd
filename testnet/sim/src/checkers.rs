//! The rules that every run is held to, each in its own file.
//!
//! A checker knows nothing of how replicas work: it sees what they performed and what they say of
//! themselves.

pub mod acknowledgements;
pub mod checkpoints;
pub mod leaders;
pub mod log;
pub mod members;
pub mod money;
pub mod promises;
pub mod roots;
pub mod sequences;
