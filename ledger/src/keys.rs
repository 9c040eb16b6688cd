//! Ed25519 keys and the one rule by which a signature is accepted.
//!
//! Implementations of Ed25519 differ in which odd keys and signatures they take. A ledger cannot
//! afford that: the node and the regulator must never disagree. So there are two gates, and no
//! other way in: [`PublicKey::check`] when a key is registered or pinned, and
//! [`PublicKey::verify`] for every signature. What passes both is accepted by every
//! implementation of RFC 8032 that we know of, cofactored or not.

pub mod together;

use std::fmt;

use bincode::{Decode, Encode};
use ed25519_dalek::Signer as _;

use crate::hash::ordered_bytes;
use crate::hex::hex_text;

/// An Ed25519 public key in its 32-byte encoding (RFC 8032, section 5.1.2). A value of this type
/// is only bytes: [`check`](Self::check) tells whether they are an acceptable key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Encode, Decode)]
pub struct PublicKey(pub [u8; 32]);

ordered_bytes!(PublicKey);

hex_text!(PublicKey);

/// An Ed25519 signature (RFC 8032, section 5.1.6): the point R, then the scalar S.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Signature(pub [u8; 64]);

hex_text!(Signature);

/// Why 32 bytes are not an acceptable public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes decode to no point of the curve.
    #[error("these 32 bytes are no Ed25519 public key; copy the key again from its owner")]
    NotOnCurve,
    /// The bytes are a second spelling of a point, which some verifiers refuse.
    #[error("the public key is not in its canonical encoding; generate a new key")]
    NotCanonical,
    /// The point has small order: one signature would fit many messages.
    #[error("the public key has small order, so anyone could sign for it; generate a new key")]
    Weak,
    /// The point is outside the prime-order group, where verifiers disagree.
    #[error("the public key has a torsion part, so verifiers may disagree; generate a new key")]
    Torsion,
}

/// A signature does not hold for this key and message under [`PublicKey::verify`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify; the message was changed, or another key or park signed it")]
pub struct SignatureError;

impl PublicKey {
    /// The key's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether this key may be registered or trusted: a canonical encoding of a point that is of
    /// prime order. An honest key generator never yields anything else.
    ///
    /// # Errors
    /// The first [`KeyError`] that applies, in the order of its variants.
    pub fn check(&self) -> Result<(), KeyError> {
        let key = self.decode().ok_or(KeyError::NotOnCurve)?;
        let point = key.to_edwards();
        if point.compress().to_bytes() != self.0 {
            return Err(KeyError::NotCanonical);
        }
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        if !point.is_torsion_free() {
            return Err(KeyError::Torsion);
        }
        Ok(())
    }

    /// The one rule of acceptance, at the node and at the regulator: `verify_strict` of
    /// ed25519-dalek. That is RFC 8032, section 5.1.7, without the cofactor, with S < L, R
    /// canonical, and neither R nor the key of small order.
    ///
    /// # Errors
    /// [`SignatureError`] where the rule does not hold, also for bytes that are no key at all.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let key = self.decode().ok_or(SignatureError)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(message, &signature)
            .map_err(|_| SignatureError)
    }

    /// The key with its point decoded once, for many signatures: see [`together`].
    pub fn decoded(&self) -> DecodedKey {
        DecodedKey(self.decode().map(|key| KeyPoint {
            bytes: self.0,
            negated: -key.to_edwards(),
            is_weak: key.is_weak(),
        }))
    }

    fn decode(&self) -> Option<ed25519_dalek::VerifyingKey> {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).ok()
    }
}

/// A [`PublicKey`] whose point is decoded already: a tenth of what one signature costs.
///
/// It accepts exactly what the key itself accepts, since the point follows from the bytes alone.
#[derive(Clone, Debug)]
pub struct DecodedKey(Option<KeyPoint>);

/// A key's point as the equation needs it.
#[derive(Clone, Debug)]
struct KeyPoint {
    bytes: [u8; 32],
    negated: curve25519_dalek::EdwardsPoint,
    is_weak: bool,
}

/// An Ed25519 private key. It is wiped from memory when dropped, is never printed, and has no
/// serde or bincode form, so that it cannot end up in a message by accident.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Takes the 32-byte seed, which RFC 8032 (section 5.1.5) calls the private key.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// Signs `message`. Deterministic: the same key and message yield the same signature.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }
}

impl From<ed25519_dalek::SigningKey> for SigningKey {
    /// For keys that are read from a PKCS#8 file.
    fn from(key: ed25519_dalek::SigningKey) -> Self {
        Self(key)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEED: [u8; 32] = [7; 32];

    /// A point of order 8 (RFC 7748's curve, Edwards form), as listed in the literature on
    /// Ed25519 edge cases.
    const ORDER_8: &str = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";

    #[test]
    fn signature_equals_the_rfc_8032_vector() {
        // RFC 8032, section 7.1, TEST 2.
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let key = SigningKey::from_seed(&crate::hex::decode_array(seed).unwrap());
        assert_eq!(
            key.public().to_string(),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        let signature = key.sign(&[0x72]);
        assert_eq!(
            signature.to_string(),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert_eq!(key.public().check(), Ok(()));
        assert_eq!(key.public().verify(&[0x72], &signature), Ok(()));
        assert_eq!(
            key.public().verify(&[0x73], &signature),
            Err(SignatureError)
        );
    }

    #[test]
    fn points_off_the_curve_are_refused() {
        let mut off = [0; 32];
        off[0] = 2;
        assert_eq!(PublicKey(off).check(), Err(KeyError::NotOnCurve));
        let signature = SigningKey::from_seed(&SEED).sign(b"x");
        assert_eq!(PublicKey(off).verify(b"x", &signature), Err(SignatureError));
    }

    #[test]
    fn second_spellings_of_a_point_are_refused() {
        // y = p + 1 spells the identity a second time.
        let mut second = [0xff; 32];
        second[0] = 0xee;
        second[31] = 0x7f;
        assert_eq!(PublicKey(second).check(), Err(KeyError::NotCanonical));
    }

    #[test]
    fn keys_of_small_order_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let order_8 = ORDER_8.parse::<PublicKey>().unwrap();
        assert_eq!(PublicKey(identity).check(), Err(KeyError::Weak));
        assert_eq!(order_8.check(), Err(KeyError::Weak));

        // With the identity as key, R = identity and S = 0 satisfy the bare equation for every
        // message; the strict rule refuses.
        let mut forged = [0; 64];
        forged[0] = 1;
        assert_eq!(
            PublicKey(identity).verify(b"any", &Signature(forged)),
            Err(SignatureError)
        );
    }

    #[test]
    fn keys_with_a_torsion_part_are_refused() {
        let good = SigningKey::from_seed(&SEED).public();
        let torsion = ORDER_8.parse::<PublicKey>().unwrap();
        let sum = good.decode().unwrap().to_edwards() + torsion.decode().unwrap().to_edwards();
        assert_eq!(
            PublicKey(sum.compress().to_bytes()).check(),
            Err(KeyError::Torsion)
        );
    }

    #[test]
    fn scalar_beyond_the_group_order_is_refused() {
        let key = SigningKey::from_seed(&SEED);
        let signature = key.sign(b"message");
        // S + L, little-endian, is the classic second signature for the same message.
        let order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
        let order = crate::hex::decode_array::<32>(order).unwrap();
        let mut second = signature.0;
        let mut carry = 0;
        for (digit, add) in second[32..].iter_mut().zip(order) {
            let sum = u16::from(*digit) + u16::from(add) + carry;
            *digit = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert_eq!(key.public().verify(b"message", &signature), Ok(()));
        assert_eq!(
            key.public().verify(b"message", &Signature(second)),
            Err(SignatureError)
        );
    }

    #[test]
    fn private_key_is_never_printed() {
        let key = SigningKey::from_seed(&SEED);
        assert_eq!(
            format!("{key:?}"),
            format!("SigningKey(of {})", key.public())
        );
        assert!(!format!("{key:?}").contains("0707"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_without_panic(key: [u8; 32], low: [u8; 32], high: [u8; 32]) {
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&low);
            signature[32..].copy_from_slice(&high);
            let _ = PublicKey(key).check();
            prop_assert!(PublicKey(key).verify(b"message", &Signature(signature)).is_err());
        }

        #[test]
        fn generated_keys_pass_and_flipped_bits_fail(seed: [u8; 32], bit in 0usize..512) {
            let key = SigningKey::from_seed(&seed);
            prop_assert_eq!(key.public().check(), Ok(()));
            let mut signature = key.sign(b"message");
            prop_assert_eq!(key.public().verify(b"message", &signature), Ok(()));
            signature.0[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key.public().verify(b"message", &signature), Err(SignatureError));
        }
    }
}
