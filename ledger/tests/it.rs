//! The ledger through its front door: batches in, leaves out.

mod it {
    mod lifecycle;
    pub(crate) mod park;
    mod rejections;
    mod vectors;
    mod verification;
}
