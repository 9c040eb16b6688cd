//! The ledger through its front door: batches in, leaves out.
#![allow(clippy::unwrap_used)] // A failed unwrap in a test is its failure.

mod it {
    pub(crate) mod certificates;
    pub(crate) mod continuous;
    mod continuous_explained;
    mod continuous_properties;
    mod convictions;
    mod corrections;
    pub(crate) mod cut;
    pub(crate) mod delegation;
    pub(crate) mod evidence;
    mod fills;
    mod foreign;
    mod index;
    pub(crate) mod joint;
    mod joint_properties;
    mod lifecycle;
    mod membership;
    mod months;
    mod own;
    pub(crate) mod park;
    mod promise;
    mod registers;
    mod rejections;
    mod retention;
    pub(crate) mod runs;
    mod schedule;
    mod snapshot;
    mod storage;
    mod tenancy;
    pub(crate) mod trading;
    mod trading_properties;
    mod vectors;
    mod verification;
    mod witnessed;
}
