//! Signatures checked on every core: the one place of this package that starts threads.

use crate::keys::{PublicKey, Signature};

/// One signature to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// The entry it stands in.
    pub(crate) entry: u64,
    /// Who signed.
    pub(crate) key: PublicKey,
    /// The signed message.
    pub(crate) message: Vec<u8>,
    /// The signature.
    pub(crate) signature: Signature,
}

impl Job {
    fn holds(&self) -> bool {
        self.key.verify(&self.message, &self.signature).is_ok()
    }
}

/// The first job whose signature does not verify.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn first_bad(jobs: &[Job]) -> Option<u64> {
    /// Starting a thread costs as much as one verification; fewer jobs are not worth one.
    const JOBS_PER_THREAD_MIN: usize = 8;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(jobs.len() / JOBS_PER_THREAD_MIN).max(1);
    if threads == 1 {
        return first_bad_of(jobs);
    }
    let chunks = jobs.chunks(jobs.len().div_ceil(threads));
    std::thread::scope(|scope| {
        let handles: Vec<_> = chunks
            .map(|chunk| scope.spawn(move || first_bad_of(chunk)))
            .collect();
        let results = handles.into_iter().map(|handle| handle.join());
        // Chunks are in order of entries, so the first finding is the earliest.
        results
            .filter_map(|result| result.expect("verification does not panic"))
            .next()
    })
}

/// The first job whose signature does not verify.
#[cfg(target_arch = "wasm32")]
pub(crate) fn first_bad(jobs: &[Job]) -> Option<u64> {
    first_bad_of(jobs)
}

fn first_bad_of(jobs: &[Job]) -> Option<u64> {
    jobs.iter().find(|job| !job.holds()).map(|job| job.entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    #[test]
    fn the_earliest_bad_signature_is_named() {
        let key = SigningKey::from_seed(&[1; 32]);
        let job = |entry: u64| {
            let message = entry.to_le_bytes().to_vec();
            let signature = key.sign(&message);
            Job {
                entry,
                key: key.public(),
                message,
                signature,
            }
        };
        let mut jobs: Vec<Job> = (0..100).map(job).collect();
        assert_eq!(first_bad(&jobs), None);
        assert_eq!(first_bad(&[]), None);
        jobs[93].message.push(0);
        jobs[41].signature.0[3] ^= 1;
        assert_eq!(first_bad(&jobs), Some(41));
    }
}
