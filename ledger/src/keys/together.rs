//! Many signatures under the one rule, cheaper than one by one and with the same verdicts.
//!
//! This is no batch verification: no equation is summed with another, so that no verdict rests on
//! chance or on a cofactor. Each signature has its own R' = \[S\]B − \[k\]A computed, by the same
//! call that ed25519-dalek makes. Two things are saved beside it.
//!
//! * **Encoding R' takes a field inversion.** Those of many points are done at once, by
//!   [`EdwardsPoint::compress_batch_alloc`]; the encodings are those of single points.
//! * **The signature's R is not decoded.** The strict rule decodes it for one question: has it
//!   small order? It accepts only where R equals the encoding of R' byte for byte; then R decodes,
//!   to R', and the question can be put to R', which is there.
//!
//! `docs/decisions/0026-signatures-checked-together.md` goes through the rule step by step.

use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};

use super::{DecodedKey, Signature};

/// One signature to be checked with others.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// Who is said to have signed.
    pub key: &'a DecodedKey,
    /// The signed message.
    pub message: &'a [u8],
    /// The signature.
    pub signature: &'a Signature,
}

/// For each of the checks what [`PublicKey::verify`](super::PublicKey::verify) says of it: whether
/// the signature holds.
pub fn hold<'a>(checks: impl IntoIterator<Item = Check<'a>>) -> Vec<bool> {
    let mut verdicts = Vec::new();
    let mut open = Vec::new();
    let mut computed = Vec::new();
    for (place, check) in checks.into_iter().enumerate() {
        verdicts.push(false);
        if let Some(point) = recompute(&check) {
            open.push((place, &check.signature.0[..32]));
            computed.push(point);
        }
    }
    let encoded = EdwardsPoint::compress_batch_alloc(&computed);
    for ((place, found), (point, encoded)) in open.into_iter().zip(computed.iter().zip(&encoded)) {
        verdicts[place] = found == encoded.as_bytes() && !point.is_small_order();
    }
    verdicts
}

/// R' of a signature; none where the key is no key or of small order, or S is not below L.
fn recompute(check: &Check) -> Option<EdwardsPoint> {
    let key = check.key.0.as_ref().filter(|key| !key.is_weak)?;
    let (r, s) = check.signature.0.split_first_chunk::<32>()?;
    let s = Scalar::from_canonical_bytes(s.try_into().ok()?).into_option()?;
    let mut hash = Sha512::new();
    hash.update(r);
    hash.update(key.bytes);
    hash.update(check.message);
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    let point = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &key.negated, &s);
    Some(point)
}

#[cfg(test)]
mod tests {
    use super::super::{PublicKey, SigningKey};
    use super::*;
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    use proptest::prelude::*;

    /// A key, a message and a signature, honest or made as an attacker would.
    #[derive(Debug, Clone)]
    struct Case {
        key: PublicKey,
        message: Vec<u8>,
        signature: Signature,
    }

    /// A signature whose key and R have torsion parts of the forger's choice. He knows the secret
    /// scalars of both, and S solves the equation as far as it can be solved.
    fn torsioned(secret: u64, nonce: u64, on_key: usize, on_r: usize, message: &[u8]) -> Case {
        let (secret, nonce) = (Scalar::from(secret), Scalar::from(nonce));
        let base = ED25519_BASEPOINT_POINT;
        let key = (base * secret + EIGHT_TORSION[on_key])
            .compress()
            .to_bytes();
        let r = (base * nonce + EIGHT_TORSION[on_r]).compress().to_bytes();
        let mut hash = Sha512::new();
        hash.update(r);
        hash.update(key);
        hash.update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let s = (nonce + k * secret).to_bytes();
        Case {
            key: PublicKey(key),
            message: message.to_vec(),
            signature: Signature([r, s].concat().try_into().unwrap()),
        }
    }

    fn honest(seed: [u8; 32], message: Vec<u8>) -> Case {
        let key = SigningKey::from_seed(&seed);
        Case {
            key: key.public(),
            signature: key.sign(&message),
            message,
        }
    }

    /// Encodings at the edges: points of small order, second spellings, what is no point.
    fn odd_encoding() -> impl Strategy<Value = [u8; 32]> {
        let low = (0usize..8).prop_map(|at| EIGHT_TORSION[at].compress().to_bytes());
        let near_p = (0u8..=40, any::<bool>()).prop_map(|(low, sign)| {
            let mut bytes = [0xff; 32];
            bytes[0] = 0xd9 + low % 39;
            bytes[31] = if sign { 0xff } else { 0x7f };
            bytes
        });
        prop_oneof![low, near_p, any::<[u8; 32]>()]
    }

    fn case() -> impl Strategy<Value = Case> {
        let message = || prop::collection::vec(any::<u8>(), 0..80);
        let signed = (any::<[u8; 32]>(), message()).prop_map(|(seed, text)| honest(seed, text));
        let flipped = (any::<[u8; 32]>(), message(), 0usize..512).prop_map(|(seed, text, bit)| {
            let mut case = honest(seed, text);
            case.signature.0[bit / 8] ^= 1 << (bit % 8);
            case
        });
        let secrets = (0u64..5, 0u64..5, 0usize..8, 0usize..8);
        let torsion = (secrets, message())
            .prop_map(|((secret, nonce, key, r), text)| torsioned(secret, nonce, key, r, &text));
        let parts = (odd_encoding(), odd_encoding(), odd_encoding(), message());
        let odd = (parts, any::<[bool; 3]>(), any::<[u8; 32]>()).prop_map(
            |((key, r, s, text), [odd_key, odd_r, odd_s], seed)| {
                let mut case = honest(seed, text);
                if odd_key {
                    case.key = PublicKey(key);
                }
                if odd_r {
                    case.signature.0[..32].copy_from_slice(&r);
                }
                if odd_s {
                    case.signature.0[32..].copy_from_slice(&s);
                }
                case
            },
        );
        prop_oneof![signed, flipped, torsion, odd]
    }

    /// The rule itself: ed25519-dalek's strict verification, one by one.
    fn strict(case: &Case) -> bool {
        let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&case.key.0) else {
            return false;
        };
        let signature = ed25519_dalek::Signature::from_bytes(&case.signature.0);
        key.verify_strict(&case.message, &signature).is_ok()
    }

    fn together(cases: &[Case]) -> Vec<bool> {
        let keys: Vec<DecodedKey> = cases.iter().map(|case| case.key.decoded()).collect();
        let checks = cases.iter().zip(&keys).map(|(case, key)| Check {
            key,
            message: &case.message,
            signature: &case.signature,
        });
        hold(checks)
    }

    #[test]
    fn every_torsion_in_key_and_r_is_judged_as_the_strict_rule_judges_it() {
        let mut cases = Vec::new();
        for (on_key, on_r) in (0..8).flat_map(|key| (0..8).map(move |r| (key, r))) {
            for (secret, nonce) in [(0, 0), (0, 3), (3, 0), (3, 4)] {
                for message in 0u8..12 {
                    cases.push(torsioned(secret, nonce, on_key, on_r, &[message]));
                }
            }
        }
        let strict: Vec<bool> = cases.iter().map(strict).collect();
        assert_eq!(together(&cases), strict);
        // A torsion part in the key passes where the hash hides it, which is why keys are checked
        // when they are registered; in R alone it never does.
        assert!(strict.contains(&true) && strict.contains(&false));
    }

    #[test]
    fn nothing_is_nothing() {
        assert!(hold([]).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn verdicts_together_are_those_one_by_one(cases in prop::collection::vec(case(), 1..20)) {
            let strict: Vec<bool> = cases.iter().map(strict).collect();
            prop_assert_eq!(together(&cases), strict.clone());
            let alone: Vec<bool> = cases
                .iter()
                .map(|case| case.key.verify(&case.message, &case.signature).is_ok())
                .collect();
            prop_assert_eq!(alone, strict);
        }
    }
}
