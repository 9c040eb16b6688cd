//! Cosignatures (C2SP tlog-cosignature, `cosignature/v1`, signature type 0x04).
//!
//! A cosigner states that at a time, the checkpoint was the largest that it knew of this origin,
//! and consistent with all before. A park's nodes state more with theirs: that they applied every
//! entry, arrived at the sealed state root, and hold the entries on disk.

use bincode::{Decode, Encode};

use super::note::{NameError, NoteSignature, SignatureType, check_name, key_id};
use crate::keys::{PublicKey, Signature, SignatureError, SigningKey};

/// The latest time that a cosignature may carry, in seconds since 1970.
pub const MAX_TIME: u64 = i64::MAX as u64;

/// A signature over a time and a checkpoint's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Cosignature {
    /// When it was made, in seconds since 1970 (park time).
    pub time: u64,
    /// The signature over [`message`].
    pub signature: Signature,
}

/// Why a cosignature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// It has not 8 bytes of time and 64 of signature.
    #[error("a cosignature has 72 bytes, this one {found}; fetch the original note")]
    Length {
        /// Bytes after the key id.
        found: usize,
    },
    /// The time is beyond [`MAX_TIME`].
    #[error("the cosignature's time of {time} s does not exist; check the cosigner's clock")]
    Time {
        /// Seconds since 1970.
        time: u64,
    },
    /// The Ed25519 signature does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// The bytes that a cosigner signs. They do not name him, so each cosigner has a key of his own
/// that signs nothing else.
pub fn message(checkpoint_text: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{checkpoint_text}").into_bytes()
}

impl Cosignature {
    /// Cosigns a checkpoint's text (with its final line feed, without signature lines) at `time`,
    /// in seconds since 1970.
    ///
    /// # Errors
    /// [`CosignatureError::Time`].
    pub fn sign(
        checkpoint_text: &str,
        time: u64,
        key: &SigningKey,
    ) -> Result<Self, CosignatureError> {
        if time > MAX_TIME {
            return Err(CosignatureError::Time { time });
        }
        Ok(Self {
            time,
            signature: key.sign(&message(checkpoint_text, time)),
        })
    }

    /// Verifies the cosignature of `key` over a checkpoint's text.
    ///
    /// # Errors
    /// [`CosignatureError::Time`] and [`CosignatureError::Signature`].
    pub fn verify(&self, checkpoint_text: &str, key: &PublicKey) -> Result<(), CosignatureError> {
        if self.time > MAX_TIME {
            return Err(CosignatureError::Time { time: self.time });
        }
        key.verify(&message(checkpoint_text, self.time), &self.signature)?;
        Ok(())
    }

    /// The form in a signature line after the key id: the time, big-endian, then the signature.
    pub fn blob(&self) -> [u8; 72] {
        let mut blob = [0; 72];
        blob[..8].copy_from_slice(&self.time.to_be_bytes());
        blob[8..].copy_from_slice(&self.signature.0);
        blob
    }

    /// Reads what [`blob`](Self::blob) writes.
    ///
    /// # Errors
    /// [`CosignatureError::Length`] and [`CosignatureError::Time`].
    pub fn from_blob(blob: &[u8]) -> Result<Self, CosignatureError> {
        let length = CosignatureError::Length { found: blob.len() };
        let (time, signature) = blob.split_first_chunk::<8>().ok_or(length)?;
        let signature = Signature(signature.try_into().map_err(|_| length)?);
        let time = u64::from_be_bytes(*time);
        if time > MAX_TIME {
            return Err(CosignatureError::Time { time });
        }
        Ok(Self { time, signature })
    }

    /// The cosignature as a line of a note, under the cosigner's name and public key.
    ///
    /// # Errors
    /// Where `name` cannot name a key.
    pub fn to_note_signature(
        &self,
        name: &str,
        key: &PublicKey,
    ) -> Result<NoteSignature, NameError> {
        check_name(name)?;
        let id = key_id(name, SignatureType::Cosignature, key);
        Ok(NoteSignature::new(name, id, self.blob().to_vec())
            .expect("the name is checked and the blob is not empty"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::*;
    use proptest::prelude::*;

    fn cosign() -> Cosignature {
        Cosignature::sign(golden::CHECKPOINT, golden::TIME, &golden::cosigner_key()).unwrap()
    }

    #[test]
    fn message_equals_the_written_out_bytes() {
        assert_eq!(
            message("o\n1\nr\n", 7),
            b"cosignature/v1\ntime 7\no\n1\nr\n"
        );
    }

    #[test]
    fn signature_line_equals_the_golden_text() {
        let key = golden::cosigner_key().public();
        let line = cosign().to_note_signature(golden::COSIGNER, &key).unwrap();
        assert!(golden::NOTE.ends_with(&format!("\n{line}\n")));
        assert_eq!(Cosignature::from_blob(line.blob()), Ok(cosign()));
        assert_eq!(cosign().verify(golden::CHECKPOINT, &key), Ok(()));
        assert_eq!(
            cosign().to_note_signature("a b", &key),
            Err(NameError::Character)
        );
    }

    #[test]
    fn another_time_text_or_key_does_not_verify() {
        let key = golden::cosigner_key().public();
        let refused = Err(CosignatureError::Signature(SignatureError));
        let later = Cosignature {
            time: golden::TIME + 1,
            ..cosign()
        };
        assert_eq!(later.verify(golden::CHECKPOINT, &key), refused);
        let text = golden::CHECKPOINT.replace("\n3\n", "\n4\n");
        assert_eq!(cosign().verify(&text, &key), refused);
        let other = golden::log_key().public();
        assert_eq!(cosign().verify(golden::CHECKPOINT, &other), refused);
    }

    #[test]
    fn log_signature_is_no_cosignature_and_the_reverse() {
        let log = golden::log_key();
        let plain = Cosignature {
            time: golden::TIME,
            signature: log.sign(golden::CHECKPOINT.as_bytes()),
        };
        assert!(plain.verify(golden::CHECKPOINT, &log.public()).is_err());
        let cosigned = cosign().signature;
        let key = golden::cosigner_key().public();
        assert!(
            key.verify(golden::CHECKPOINT.as_bytes(), &cosigned)
                .is_err()
        );
    }

    #[test]
    fn times_beyond_63_bits_are_refused() {
        let (time, key) = (MAX_TIME + 1, golden::cosigner_key());
        let refused = CosignatureError::Time { time };
        assert_eq!(Cosignature::sign("", time, &key), Err(refused));
        let signature = key.sign(&message("", time));
        let forced = Cosignature { time, signature };
        assert_eq!(forced.verify("", &key.public()), Err(refused));
        assert_eq!(Cosignature::from_blob(&forced.blob()), Err(refused));
        assert!(Cosignature::sign("", MAX_TIME, &key).is_ok());
    }

    proptest! {
        #[test]
        fn blobs_have_72_bytes_and_survive(blob in prop::collection::vec(any::<u8>(), 0..160)) {
            match Cosignature::from_blob(&blob) {
                Ok(cosignature) => prop_assert_eq!(&cosignature.blob()[..], &blob[..]),
                Err(CosignatureError::Length { found }) => {
                    prop_assert!(found == blob.len() && found != 72);
                }
                Err(error) => {
                    let is_time = matches!(error, CosignatureError::Time { .. });
                    prop_assert!(is_time);
                }
            }
        }
    }
}
