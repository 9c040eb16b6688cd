//! One leaf's proof in one file (C2SP tlog-proof): index, inclusion path and checkpoint.
//!
//! Together with the leaf and a policy it can be checked without anything else.

use std::fmt;
use std::str::FromStr;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::note::{Note, NoteError};
use super::policy::Policy;
use super::proof::{ProofError, verify_inclusion};
use super::text::{decode_base64, decode_hash, encode_base64, parse_decimal};
use crate::hash::Hash;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The most hashes that a path may have: a tree of 2^63 leaves has no more levels.
const MAX_PATH: usize = 63;

/// A proof that a leaf is in a log. What [`parse`](TlogProof::parse) takes, `to_string` gives
/// back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// Bytes that nobody signed and that nothing may be concluded from. Never empty.
    extra: Option<Vec<u8>>,
    index: u64,
    path: Vec<Hash>,
    checkpoint: Note,
}

/// Why a text is not a proof. Lines are counted from one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofError {
    /// The file is not UTF-8.
    #[error("the proof is not UTF-8 text; fetch the original bytes")]
    NotUtf8,
    /// The first line is not the format's name.
    #[error("line 1 is not {HEADER:?}; is it another file?")]
    Header,
    /// The extra data is empty or not base64.
    #[error("line 2: the extra data is not base64 in its one standard spelling, or is empty")]
    Extra,
    /// The index line is missing or not canonical.
    #[error("line {line} is not `index <decimal number>`; fetch the proof again")]
    Index {
        /// Line of the proof.
        line: usize,
    },
    /// A line of the path is not a hash.
    #[error("line {line} is not base64 of 32 bytes; fetch the proof again")]
    Hash {
        /// Line of the proof.
        line: usize,
    },
    /// The path is longer than that of any tree.
    #[error("the path has more than {MAX_PATH} hashes; fetch the proof again")]
    TooLong,
    /// No blank line ends the path.
    #[error("no blank line follows the path; the file was cut off")]
    NoCheckpoint,
    /// The checkpoint is no note. Its lines are counted from the checkpoint's first.
    #[error("the checkpoint after the path: {0}")]
    Note(#[source] NoteError),
}

/// Why a proof does not convince.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlogProofVerifyError {
    /// The checkpoint's signatures do not satisfy the policy.
    #[error("the checkpoint's signatures do not satisfy the policy; wait for a sealed checkpoint")]
    Policy,
    /// The note is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The path does not lead from the leaf to the checkpoint's root.
    #[error(transparent)]
    Inclusion(#[from] ProofError),
}

impl TlogProof {
    /// A proof from its parts: the leaf's index, its path as
    /// [`prove_inclusion`](super::proof::prove_inclusion) makes it, and the signed checkpoint.
    ///
    /// # Errors
    /// [`TlogProofError::TooLong`], and [`TlogProofError::Note`] for an unsigned checkpoint.
    pub fn new(index: u64, path: Vec<Hash>, checkpoint: Note) -> Result<Self, TlogProofError> {
        if path.len() > MAX_PATH {
            return Err(TlogProofError::TooLong);
        }
        if checkpoint.signatures().is_empty() {
            return Err(TlogProofError::Note(NoteError::NoSignatures));
        }
        Ok(Self {
            extra: None,
            index,
            path,
            checkpoint,
        })
    }

    /// The same proof with unauthenticated bytes; none where they are empty.
    #[must_use]
    pub fn with_extra(self, extra: Vec<u8>) -> Self {
        Self {
            extra: Some(extra).filter(|extra| !extra.is_empty()),
            ..self
        }
    }

    /// Index of the leaf.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Hashes from the leaf's sibling to a child of the root.
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// The signed checkpoint.
    pub const fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }

    /// Bytes that nobody signed.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// Checks that the leaf with this [hash](super::leaf_hash) is in a log that the policy
    /// accepts, and returns the checkpoint that shows it.
    ///
    /// # Errors
    /// Any [`TlogProofVerifyError`].
    pub fn verify(&self, leaf: &Hash, policy: &Policy) -> Result<Checkpoint, TlogProofVerifyError> {
        if !policy.evaluate(&self.checkpoint).satisfied {
            return Err(TlogProofVerifyError::Policy);
        }
        let checkpoint = Checkpoint::parse(self.checkpoint.text())?;
        verify_inclusion(
            self.index,
            checkpoint.size(),
            leaf,
            &self.path,
            checkpoint.root(),
        )?;
        Ok(checkpoint)
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// Any [`TlogProofError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TlogProofError> {
        let text = std::str::from_utf8(bytes).map_err(|_| TlogProofError::NotUtf8)?;
        let rest = text
            .strip_prefix(HEADER)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or(TlogProofError::Header)?;
        let (head, note) = rest
            .split_once("\n\n")
            .ok_or(TlogProofError::NoCheckpoint)?;
        let mut lines = head.split('\n').zip(2..).peekable();

        let mut extra = None;
        if let Some((data, _)) = lines
            .peek()
            .and_then(|(text, line)| Some((text.strip_prefix("extra ")?, line)))
        {
            let data = decode_base64(data).filter(|data| !data.is_empty());
            extra = Some(data.ok_or(TlogProofError::Extra)?);
            lines.next();
        }
        let (text, line) = lines.next().unwrap_or(("", 3));
        let index = text
            .strip_prefix("index ")
            .and_then(parse_decimal)
            .ok_or(TlogProofError::Index { line })?;
        let mut path = Vec::new();
        for (text, line) in lines {
            if path.len() == MAX_PATH {
                return Err(TlogProofError::TooLong);
            }
            path.push(decode_hash(text).ok_or(TlogProofError::Hash { line })?);
        }
        let checkpoint = Note::parse(note.as_bytes()).map_err(TlogProofError::Note)?;
        Ok(Self {
            extra,
            index,
            path,
            checkpoint,
        })
    }
}

impl FromStr for TlogProof {
    type Err = TlogProofError;

    fn from_str(text: &str) -> Result<Self, TlogProofError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", encode_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{}", encode_base64(&hash.0))?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::super::proof::{LeafHashes, prove_inclusion};
    use super::super::{golden, leaf_hash};
    use super::*;
    use proptest::prelude::*;

    fn policy() -> Policy {
        let cosigner = (golden::COSIGNER.to_owned(), golden::cosigner_key().public());
        Policy::for_park(
            golden::ORIGIN,
            &[golden::log_key().public()],
            &[cosigner],
            1,
        )
        .unwrap()
    }

    #[test]
    fn proof_equals_the_golden_text() {
        let leaves = golden::LEAVES.map(leaf_hash);
        let path = prove_inclusion(&mut LeafHashes(&leaves), 2, 3).unwrap();
        let proof = TlogProof::new(2, path, golden::NOTE.parse().unwrap()).unwrap();
        let proof = proof.with_extra(b"hint".to_vec());
        assert_eq!(proof.to_string(), golden::PROOF_OF_LEAF_2);
        assert_eq!(golden::PROOF_OF_LEAF_2.parse(), Ok(proof.clone()));

        let checkpoint = proof.verify(&leaves[2], &policy()).unwrap();
        assert_eq!(checkpoint.text(), golden::CHECKPOINT);
        let plain = proof.with_extra(Vec::new());
        assert_eq!(plain.extra(), None);
        assert_eq!(plain.to_string().parse(), Ok(plain));
    }

    #[test]
    fn proof_of_the_only_leaf_has_no_path() {
        let leaf = leaf_hash(b"only");
        let checkpoint = Checkpoint::new(golden::ORIGIN, 1, leaf).unwrap();
        let mut note = checkpoint.to_note();
        note.add(checkpoint.sign(&golden::log_key())).unwrap();
        let proof = TlogProof::new(0, Vec::new(), note).unwrap();
        assert_eq!(proof.to_string().parse(), Ok(proof.clone()));
        let alone = format!("log {}\nquorum none\n", golden::LOG_VKEY)
            .parse()
            .unwrap();
        assert_eq!(proof.verify(&leaf, &alone), Ok(checkpoint));
        assert_eq!(
            proof.verify(&leaf, &policy()),
            Err(TlogProofVerifyError::Policy)
        );
    }

    #[test]
    fn other_leaves_indices_and_checkpoints_do_not_verify() {
        let proof = golden::PROOF_OF_LEAF_2.parse::<TlogProof>().unwrap();
        let leaf = leaf_hash(golden::LEAVES[2]);
        let other = proof.verify(&leaf_hash(golden::LEAVES[1]), &policy());
        assert_eq!(
            other,
            Err(TlogProofVerifyError::Inclusion(ProofError::Root))
        );
        for (from, to) in [
            ("index 2", "index 1"),
            ("index 2", "index 3"),
            ("+sV", "+sW"),
        ] {
            let text = golden::PROOF_OF_LEAF_2.replace(from, to);
            let proof = text.parse::<TlogProof>().unwrap();
            let refused = proof.verify(&leaf, &policy());
            assert!(
                matches!(refused, Err(TlogProofVerifyError::Inclusion(_))),
                "{to}"
            );
        }
        let text = golden::PROOF_OF_LEAF_2.replace("\n3\n", "\n4\n");
        let proof = text.parse::<TlogProof>().unwrap();
        assert_eq!(
            proof.verify(&leaf, &policy()),
            Err(TlogProofVerifyError::Policy)
        );
    }

    #[test]
    fn malformed_proofs_are_named_by_their_line() {
        use TlogProofError as E;
        let text = golden::PROOF_OF_LEAF_2;
        let hash_line = "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=\n";
        for (text, error) in [
            (String::new(), E::Header),
            (text.replace("@v1", "@v2"), E::Header),
            (text.replace("@v1\n", "@v1\r\n"), E::Header),
            (text.replace("extra aGludA==", "extra "), E::Extra),
            (text.replace("extra aGludA==", "extra aGludA="), E::Extra),
            (
                text.replace("extra aGludA==", "extra"),
                E::Index { line: 2 },
            ),
            (text.replace("index 2", "index 02"), E::Index { line: 3 }),
            (text.replace("index 2\n", ""), E::Index { line: 3 }),
            (text.replace("wSU=", "wSV="), E::Hash { line: 4 }),
            (text.replace("wSU=", "wQ=="), E::Hash { line: 4 }),
            (text.replace(hash_line, &hash_line.repeat(64)), E::TooLong),
            (
                "c2sp.org/tlog-proof@v1\nindex 2\n".to_owned(),
                E::NoCheckpoint,
            ),
            (
                "c2sp.org/tlog-proof@v1\nindex 2\n\n".to_owned(),
                E::Note(NoteError::NoSignatures),
            ),
            (
                "c2sp.org/tlog-proof@v1\nindex 2\n\n\nx\n".to_owned(),
                E::Note(NoteError::NoSignatures),
            ),
        ] {
            assert_eq!(text.parse::<TlogProof>(), Err(error), "{text:?}");
        }
        assert!(
            text.replace(hash_line, &hash_line.repeat(63))
                .parse::<TlogProof>()
                .is_ok()
        );
    }

    proptest! {
        #[test]
        fn what_parses_is_written_back_to_the_same_text(
            bytes: Vec<u8>,
            head in "(extra [A-C]{0,8}\n)?(index [0-9]{1,3}\n)?([A-C]{42}A=\n){0,3}\n?",
            cut in 0..golden::PROOF_OF_LEAF_2.len(),
        ) {
            let _ = TlogProof::parse(&bytes);
            let _ = TlogProof::parse(&golden::PROOF_OF_LEAF_2.as_bytes()[..cut]);
            let text = format!("{HEADER}\n{head}\n{}", golden::NOTE);
            if let Ok(proof) = text.parse::<TlogProof>() {
                prop_assert_eq!(proof.to_string(), text);
            }
        }
    }
}
