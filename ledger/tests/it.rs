//! The ledger through its front door: batches in, leaves out.
#![allow(clippy::unwrap_used)] // A failed unwrap in a test is its failure.

mod it {
    mod corrections;
    mod lifecycle;
    pub(crate) mod park;
    mod rejections;
    pub(crate) mod runs;
    mod vectors;
    mod verification;
}
