//! The ledger through its front door: batches in, leaves out.
#![allow(clippy::unwrap_used)] // A failed unwrap in a test is its failure.

mod it {
    mod lifecycle;
    pub(crate) mod park;
    mod rejections;
    mod vectors;
    mod verification;
}
