//! One small signed log whose every text was made by another implementation (Python's hashlib and
//! OpenSSL's Ed25519), for the tests of this folder.
//!
//! The leaves are "", 00 and 10 (hexadecimal), the log key's seed is 32 times 01, the cosigner's
//! 32 times 02, and the time 1,700,000,000 s.

use crate::keys::SigningKey;

pub(super) const ORIGIN: &str = "park.example/lot-1";
pub(super) const COSIGNER: &str = "park.example/node-1";
pub(super) const TIME: u64 = 1_700_000_000;
pub(super) const LEAVES: [&[u8]; 3] = [&[], &[0x00], &[0x10]];

pub(super) const LOG_VKEY: &str =
    "park.example/lot-1+62b2a763+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
pub(super) const COSIGNER_VKEY: &str =
    "park.example/node-1+88b486b6+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";

pub(super) const CHECKPOINT: &str =
    "park.example/lot-1\n3\nrra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=\n";

pub(super) const NOTE: &str = "park.example/lot-1
3
rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=

— park.example/lot-1 YrKnYwHrQu1IHJ/YtUEWjqETz5HijSijB25ITPgYm163VANEtIvtxJJO5Bt3baYYH+7jxFPHTC/kFKUjECVkrogYbQU=
— park.example/node-1 iLSGtgAAAABlU/EAB5IBVCn6Enkdbt2U9tKEZVOEbBS/sYUBMeg2KeSfBVKUzdSqOEAPpN9tCMga7C4Xb04Cnm7cM4ARFQrAe5CtBw==
";

pub(super) const PROOF_OF_LEAF_2: &str = "c2sp.org/tlog-proof@v1
extra aGludA==
index 2
+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=

park.example/lot-1
3
rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=

— park.example/lot-1 YrKnYwHrQu1IHJ/YtUEWjqETz5HijSijB25ITPgYm163VANEtIvtxJJO5Bt3baYYH+7jxFPHTC/kFKUjECVkrogYbQU=
— park.example/node-1 iLSGtgAAAABlU/EAB5IBVCn6Enkdbt2U9tKEZVOEbBS/sYUBMeg2KeSfBVKUzdSqOEAPpN9tCMga7C4Xb04Cnm7cM4ARFQrAe5CtBw==
";

pub(super) fn log_key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

pub(super) fn cosigner_key() -> SigningKey {
    SigningKey::from_seed(&[2; 32])
}
