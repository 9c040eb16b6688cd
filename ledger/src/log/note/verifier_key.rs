//! Verifier keys: what a verifier pins, and how one of them judges a signature line.

use std::fmt;
use std::str::FromStr;

use super::{NameError, NoteSignature, check_name};
use crate::hash::sha256;
use crate::keys::{KeyError, PublicKey, Signature, SignatureError, SigningKey};
use crate::log::cosignature::{Cosignature, CosignatureError};
use crate::log::text::{decode_base64, encode_base64};

/// What a key's signatures are over and what form they have. Only the two Ed25519 types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignatureType {
    /// 0x01: Ed25519 over the note's text, as a log signs its checkpoints.
    Ed25519,
    /// 0x04: Ed25519 over a time and the note's text, as cosigners sign (cosignature/v1).
    Cosignature,
}

impl SignatureType {
    /// The type's identifier byte in key ids and verifier keys.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::Cosignature => 0x04,
        }
    }
}

/// A public key with its name and type: what a verifier pins. Its text form is the `vkey` of
/// signed-note, `<name>+<id in hex>+<base64 of type and key>`. The key has passed
/// [`PublicKey::check`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerifierKey {
    name: String,
    kind: SignatureType,
    key: PublicKey,
    id: u32,
}

/// Why a text is not a verifier key that can be used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierKeyError {
    /// The name is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It has not three parts.
    #[error("a verifier key is <name>+<8 hex digits>+<base64>; copy the whole line")]
    Parts,
    /// The id is not eight lower-case hexadecimal digits.
    #[error("the key id must be 8 lower-case hexadecimal digits; copy the whole line")]
    Id,
    /// The last part is not base64 of at least a type and a key.
    #[error("the last part is not base64 in its one standard spelling; copy the whole line")]
    Base64,
    /// A type that is not read here.
    #[error("signature type {0:#04x} is not read here; use an Ed25519 key (type 0x01 or 0x04)")]
    UnknownType(u8),
    /// The key has not 32 bytes.
    #[error("an Ed25519 key has 32 bytes, this one {found}; copy the whole line")]
    Length {
        /// Bytes after the type.
        found: usize,
    },
    /// The id does not belong to the name and key.
    #[error("the key id should be {expected:08x}; the name or the key was changed")]
    WrongId {
        /// The id that the name, type and key have.
        expected: u32,
    },
    /// The key is not acceptable.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Why a signature line does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteVerifyError {
    /// The line names another key; by itself that is no fault of the note.
    #[error("the line is of another key")]
    OtherKey,
    /// The signature has not the length that its type has.
    #[error("the signature has {found} bytes instead of 64; fetch the original note")]
    Length {
        /// Bytes after the key id.
        found: usize,
    },
    /// The Ed25519 signature does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The cosignature does not hold.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
}

impl VerifierKey {
    /// A verifier key from its parts.
    ///
    /// # Errors
    /// [`VerifierKeyError::Name`] and [`VerifierKeyError::Key`].
    pub fn new(
        name: impl Into<String>,
        kind: SignatureType,
        key: PublicKey,
    ) -> Result<Self, VerifierKeyError> {
        let name = name.into();
        check_name(&name)?;
        key.check()?;
        let id = key_id(&name, kind, &key);
        Ok(Self {
            name,
            kind,
            key,
            id,
        })
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of the key's signatures.
    pub const fn kind(&self) -> SignatureType {
        self.kind
    }

    /// The Ed25519 key.
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The id that stands in signature lines.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Whether a signature line claims to be by this key.
    pub fn is_named_by(&self, signature: &NoteSignature) -> bool {
        self.name == signature.name && self.id == signature.key_id
    }

    /// Verifies a signature line over `text`. A cosignature's time is returned, in seconds since
    /// 1970; signatures of type 0x01 have none.
    ///
    /// # Errors
    /// Any [`NoteVerifyError`].
    pub fn verify(
        &self,
        text: &str,
        signature: &NoteSignature,
    ) -> Result<Option<u64>, NoteVerifyError> {
        if !self.is_named_by(signature) {
            return Err(NoteVerifyError::OtherKey);
        }
        match self.kind {
            SignatureType::Ed25519 => {
                let blob = <[u8; 64]>::try_from(signature.blob()).map_err(|_| {
                    NoteVerifyError::Length {
                        found: signature.blob().len(),
                    }
                })?;
                self.key.verify(text.as_bytes(), &Signature(blob))?;
                Ok(None)
            }
            SignatureType::Cosignature => {
                let cosignature = Cosignature::from_blob(signature.blob())?;
                cosignature.verify(text, &self.key)?;
                Ok(Some(cosignature.time))
            }
        }
    }
}

/// The id of a key: the first four bytes of SHA-256 over name, line feed, type and key.
pub fn key_id(name: &str, kind: SignatureType, key: &PublicKey) -> u32 {
    let digest = sha256(&[name.as_bytes(), b"\n", &[kind.byte()], &key.0]);
    let [a, b, c, d, ..] = digest.0;
    u32::from_be_bytes([a, b, c, d])
}

/// Signs `text` with a key of type 0x01 under `name`.
///
/// # Errors
/// Where `name` cannot name a key.
pub fn sign(text: &str, name: &str, key: &SigningKey) -> Result<NoteSignature, NameError> {
    check_name(name)?;
    Ok(NoteSignature {
        name: name.to_owned(),
        key_id: key_id(name, SignatureType::Ed25519, &key.public()),
        blob: key.sign(text.as_bytes()).0.to_vec(),
    })
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut payload = vec![self.kind.byte()];
        payload.extend_from_slice(&self.key.0);
        write!(
            f,
            "{}+{:08x}+{}",
            self.name,
            self.id,
            encode_base64(&payload)
        )
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

impl FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, VerifierKeyError> {
        let (name, rest) = text.split_once('+').ok_or(VerifierKeyError::Parts)?;
        // Base64 may contain a plus, so only the first two separate.
        let (id, payload) = rest.split_once('+').ok_or(VerifierKeyError::Parts)?;
        check_name(name)?;
        let id = crate::hex::decode_array::<4>(id).map_err(|_| VerifierKeyError::Id)?;
        let payload = decode_base64(payload).ok_or(VerifierKeyError::Base64)?;
        let (kind, key) = payload.split_first().ok_or(VerifierKeyError::Base64)?;
        let kind = match kind {
            0x01 => SignatureType::Ed25519,
            0x04 => SignatureType::Cosignature,
            other => return Err(VerifierKeyError::UnknownType(*other)),
        };
        let key =
            <[u8; 32]>::try_from(key).map_err(|_| VerifierKeyError::Length { found: key.len() })?;
        let parsed = Self::new(name, kind, PublicKey(key))?;
        if parsed.id != u32::from_be_bytes(id) {
            return Err(VerifierKeyError::WrongId {
                expected: parsed.id,
            });
        }
        Ok(parsed)
    }
}
