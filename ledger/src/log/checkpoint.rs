//! Checkpoints (C2SP tlog-checkpoint): what a log's signature commits to.

use std::fmt;

use super::MAX_SIZE;
use super::note::{
    NameError, Note, NoteSignature, NoteVerifyError, SignatureType, VerifierKey, check_name,
    sign as sign_note,
};
use super::text::{decode_hash, encode_base64, parse_decimal};
use crate::hash::Hash;
use crate::keys::SigningKey;

/// A tree's size and root under the name of its log. The text has three lines and nothing else:
/// extension lines are neither written nor read, since not every cosignature covers them; the
/// state root is a leaf instead.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
}

/// Why something is not a checkpoint, or one that cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The origin cannot be a key's name, which it is.
    #[error("line 1: the origin is also the name of the log's key: {0}")]
    Origin(#[source] NameError),
    /// The text has not exactly three lines.
    #[error("a checkpoint has exactly the lines origin, size and root; extensions are not read")]
    Lines,
    /// The size is not a decimal without leading zeros.
    #[error("line 2: the size is not a decimal number in its one spelling; fetch the original")]
    Size,
    /// The size is beyond [`MAX_SIZE`].
    #[error("line 2: a size of {size} is beyond the 2^40 leaves that a log may have")]
    TooLarge {
        /// Leaves claimed.
        size: u64,
    },
    /// The root is not base64 of 32 bytes.
    #[error("line 3: the root is not base64 of 32 bytes; fetch the original")]
    Root,
}

/// Why a note is not a checkpoint signed by the expected log key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignedCheckpointError {
    /// The text is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The key is not a log key (type 0x01) under the checkpoint's origin.
    #[error("the key is no log key of this checkpoint's origin; it is another park's or role's")]
    OtherOrigin,
    /// No line is of this key.
    #[error("the checkpoint is not signed by this log key; pin the key of a node that signed")]
    NotSigned,
    /// A line is of this key and does not hold.
    #[error("the log key's signature line does not hold")]
    Signature(#[source] NoteVerifyError),
}

impl Checkpoint {
    /// A checkpoint from its parts.
    ///
    /// # Errors
    /// [`CheckpointError::Origin`] and [`CheckpointError::TooLarge`].
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Result<Self, CheckpointError> {
        let origin = origin.into();
        check_name(&origin).map_err(CheckpointError::Origin)?;
        if size > MAX_SIZE {
            return Err(CheckpointError::TooLarge { size });
        }
        Ok(Self { origin, size, root })
    }

    /// The log's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of leaves.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root of the tree of that size.
    pub const fn root(&self) -> &Hash {
        &self.root
    }

    /// The three lines that are signed.
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// The checkpoint as a note that is still to be signed.
    pub fn to_note(&self) -> Note {
        Note::unsigned(self.text()).expect("a checkpoint's lines are ended and have no controls")
    }

    /// Reads a checkpoint's text, which is a note without its blank line and signatures.
    ///
    /// # Errors
    /// Any [`CheckpointError`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let lines = text.strip_suffix('\n').ok_or(CheckpointError::Lines)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(CheckpointError::Lines);
        };
        let size = parse_decimal(size).ok_or(CheckpointError::Size)?;
        let root = decode_hash(root).ok_or(CheckpointError::Root)?;
        Self::new(origin, size, root)
    }

    /// Signs with a node's log key (type 0x01, named by the origin).
    pub fn sign(&self, key: &SigningKey) -> NoteSignature {
        sign_note(&self.text(), &self.origin, key).expect("an origin is a valid key name")
    }

    /// Reads the checkpoint of a note and verifies the signature of one log key. Lines of other
    /// keys are not looked at; for those there is [`Policy`](super::Policy).
    ///
    /// # Errors
    /// Any [`SignedCheckpointError`].
    pub fn verify(note: &Note, log_key: &VerifierKey) -> Result<Self, SignedCheckpointError> {
        let checkpoint = Self::parse(note.text())?;
        if log_key.name() != checkpoint.origin || log_key.kind() != SignatureType::Ed25519 {
            return Err(SignedCheckpointError::OtherOrigin);
        }
        let mut signed = false;
        for signature in note
            .signatures()
            .iter()
            .filter(|line| log_key.is_named_by(line))
        {
            log_key
                .verify(note.text(), signature)
                .map_err(SignedCheckpointError::Signature)?;
            signed = true;
        }
        if signed {
            Ok(checkpoint)
        } else {
            Err(SignedCheckpointError::NotSigned)
        }
    }
}

impl fmt::Display for Checkpoint {
    /// The text that is signed: three lines, each ended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}\n{}\n{}",
            self.origin,
            self.size,
            encode_base64(&self.root.0)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::super::{Tree, leaf_hash};
    use super::*;
    use proptest::prelude::*;

    fn checkpoint() -> Checkpoint {
        let mut tree = Tree::new();
        golden::LEAVES
            .iter()
            .for_each(|leaf| tree.push(leaf_hash(leaf)));
        Checkpoint::new(golden::ORIGIN, tree.size(), tree.root()).unwrap()
    }

    #[test]
    fn text_and_signature_equal_the_golden_text() {
        let checkpoint = checkpoint();
        assert_eq!(checkpoint.text(), golden::CHECKPOINT);
        assert_eq!(
            Checkpoint::parse(golden::CHECKPOINT),
            Ok(checkpoint.clone())
        );

        let mut note = checkpoint.to_note();
        note.add(checkpoint.sign(&golden::log_key())).unwrap();
        assert!(golden::NOTE.starts_with(&note.to_string()));
        let key = golden::LOG_VKEY.parse().unwrap();
        assert_eq!(Checkpoint::verify(&note, &key), Ok(checkpoint));
    }

    #[test]
    fn other_spellings_and_extensions_are_refused() {
        use CheckpointError as E;
        let text = golden::CHECKPOINT;
        for (text, error) in [
            ("".to_owned(), E::Lines),
            ("\n".to_owned(), E::Lines),
            ("a\n3\n".to_owned(), E::Lines),
            (text.trim_end().to_owned(), E::Lines),
            (format!("{text}extension\n"), E::Lines),
            (format!("{text}\n"), E::Lines),
            (text.replace("\n3\n", "\n03\n"), E::Size),
            (text.replace("\n3\n", "\n+3\n"), E::Size),
            (text.replace("\n3\n", "\n\n"), E::Size),
            (text.replace("\n3\n", "\n18446744073709551616\n"), E::Size),
            (
                text.replace("\n3\n", "\n1099511627777\n"),
                E::TooLarge { size: MAX_SIZE + 1 },
            ),
            (text.replace("bnc=", "bnd="), E::Root),
            (text.replace("bnc=", "bnc"), E::Root),
            (text.replace("bnc=", "bg=="), E::Root),
            (
                text.replace("lot-1", "lot 1"),
                E::Origin(NameError::Character),
            ),
            (
                text.replace("park.example/lot-1", ""),
                E::Origin(NameError::Empty),
            ),
        ] {
            assert_eq!(Checkpoint::parse(&text), Err(error), "{text:?}");
        }
        assert!(Checkpoint::parse(&text.replace("\n3\n", "\n1099511627776\n")).is_ok());
    }

    #[test]
    fn checkpoints_of_other_keys_logs_and_roles_are_refused() {
        use SignedCheckpointError as E;
        let note = golden::NOTE.parse::<Note>().unwrap();
        let key = golden::LOG_VKEY.parse::<VerifierKey>().unwrap();
        let public = *key.key();
        let named = |name: &str, kind, key| VerifierKey::new(name, kind, key).unwrap();

        let other_key = golden::cosigner_key().public();
        let other_key = named(golden::ORIGIN, SignatureType::Ed25519, other_key);
        assert_eq!(Checkpoint::verify(&note, &other_key), Err(E::NotSigned));
        let other_log = named("park.example/lot-2", SignatureType::Ed25519, public);
        assert_eq!(Checkpoint::verify(&note, &other_log), Err(E::OtherOrigin));
        let other_role = named(golden::ORIGIN, SignatureType::Cosignature, public);
        assert_eq!(Checkpoint::verify(&note, &other_role), Err(E::OtherOrigin));

        let larger = golden::NOTE
            .replace("\n3\n", "\n4\n")
            .parse::<Note>()
            .unwrap();
        assert!(matches!(
            Checkpoint::verify(&larger, &key),
            Err(E::Signature(_))
        ));
    }

    proptest! {
        #[test]
        fn what_parses_is_written_back_to_the_same_text(
            any in "(.|\n)*",
            near in "[a é]{0,3}\n[0-9]{0,14}\n[A-H]{42,43}=\n?(ext\n)?",
        ) {
            for text in [any, near] {
                if let Ok(checkpoint) = Checkpoint::parse(&text) {
                    prop_assert_eq!(checkpoint.text(), text);
                }
            }
        }

        #[test]
        fn every_checkpoint_survives_its_text(size in 0..=MAX_SIZE, root: [u8; 32]) {
            let checkpoint = Checkpoint::new("o", size, Hash(root)).unwrap();
            prop_assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint));
        }
    }
}
