//! Signed notes and verifier keys (C2SP signed-note).
//!
//! A note is a text, a blank line, and signature lines that begin with an em dash. A signature
//! names its key by a name and a 32-bit id; a verifier looks these up among the keys that he
//! already has, and ignores lines of keys that he does not know. So unknown lines are kept here,
//! while a line that is no signature line at all makes the note malformed.

#[cfg(test)]
mod tests;
mod verifier_key;

pub use verifier_key::{
    NoteVerifyError, SignatureType, VerifierKey, VerifierKeyError, key_id, sign,
};

use std::fmt;
use std::str::FromStr;

use super::text::{decode_base64, encode_base64};

/// The most signature lines that a note may have. C2SP asks verifiers to take at least 16.
pub const MAX_SIGNATURES: usize = 100;

/// The most bytes that a note may have.
pub const MAX_NOTE_BYTES: usize = 1_000_000;

const LINE_START: &str = "\u{2014} ";

/// A text with its signatures. What [`parse`](Note::parse) takes, `to_string` gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line: who signed, by name and key id, and the signature, whose form depends on
/// the type of the key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoteSignature {
    name: String,
    key_id: u32,
    blob: Vec<u8>,
}

/// Why something is not a signed note. Lines are counted from one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The note is larger than [`MAX_NOTE_BYTES`].
    #[error("the note has {bytes} bytes, at most {MAX_NOTE_BYTES} are read; is it another file?")]
    TooLarge {
        /// The note's size.
        bytes: usize,
    },
    /// The note is not UTF-8.
    #[error("the note is not UTF-8 text from byte {position} on; fetch the original bytes")]
    NotUtf8 {
        /// Bytes before the first wrong one.
        position: usize,
    },
    /// A control character other than a line feed, often a carriage return that an editor added.
    #[error("line {line} has the control character {character:?}; fetch the original bytes")]
    ControlCharacter {
        /// Line of the note.
        line: usize,
        /// What was found.
        character: char,
    },
    /// The text is empty or its last line is not ended.
    #[error("the text of a note must end with a line feed; add it before signing")]
    TextNotEnded,
    /// No blank line separates a text from signatures.
    #[error("there is no blank line followed by signature lines; the file was cut off or edited")]
    NoSignatures,
    /// The last signature line has no line feed.
    #[error("the last signature line is not ended by a line feed; the file was cut off")]
    NotEnded,
    /// A line after the last blank one is not a signature line.
    #[error("line {line} is not a signature line: {problem}")]
    Line {
        /// Line of the note.
        line: usize,
        /// What is wrong.
        problem: LineError,
    },
    /// More signature lines than [`MAX_SIGNATURES`].
    #[error("the note has more than {MAX_SIGNATURES} signature lines; remove those not needed")]
    TooManySignatures,
}

/// Why a line is not a signature line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It does not begin with an em dash and a space.
    #[error("it does not begin with an em dash and a space")]
    Start,
    /// It has no second space.
    #[error("there is no space between key name and signature")]
    Parts,
    /// The key name is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The signature is not standard base64.
    #[error("the signature is not base64 in its one standard spelling")]
    Base64,
    /// The decoded signature has not even one byte after the key id.
    #[error("the signature is too short")]
    TooShort,
}

/// Why a text cannot name a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There are no characters.
    #[error("a key name must not be empty")]
    Empty,
    /// A character that signed-note forbids in names.
    #[error("a key name must not contain spaces, control characters or '+'")]
    Character,
}

/// Checks the rules for key names: not empty, no Unicode space, no control character, no plus.
///
/// # Errors
/// The [`NameError`] that applies.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name
        .chars()
        .any(|c| c.is_whitespace() || c < ' ' || c == '+')
    {
        return Err(NameError::Character);
    }
    Ok(())
}

impl Note {
    /// A text that is still to be signed. Formatted without a signature it is not yet a note.
    ///
    /// # Errors
    /// [`NoteError::TextNotEnded`], [`NoteError::ControlCharacter`] and [`NoteError::TooLarge`].
    pub fn unsigned(text: impl Into<String>) -> Result<Self, NoteError> {
        let text = text.into();
        check_text(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::TextNotEnded);
        }
        Ok(Self {
            text,
            signatures: Vec::new(),
        })
    }

    /// Reads a note.
    ///
    /// # Errors
    /// Any [`NoteError`] but [`TextNotEnded`](NoteError::TextNotEnded).
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLarge { bytes: bytes.len() });
        }
        let note = std::str::from_utf8(bytes).map_err(|error| NoteError::NotUtf8 {
            position: error.valid_up_to(),
        })?;
        check_text(note)?;

        let blank = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
        let (text, signatures) = (&note[..blank + 1], &note[blank + 2..]);
        if signatures.is_empty() {
            return Err(NoteError::NoSignatures);
        }
        let lines = signatures.strip_suffix('\n').ok_or(NoteError::NotEnded)?;
        let first_line = text.matches('\n').count() + 2;
        let mut parsed = Vec::new();
        for (i, line) in lines.split('\n').enumerate() {
            if i == MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            let signature = NoteSignature::parse_line(line).map_err(|problem| NoteError::Line {
                line: first_line + i,
                problem,
            })?;
            parsed.push(signature);
        }
        Ok(Self {
            text: text.to_owned(),
            signatures: parsed,
        })
    }

    /// The text that is signed, with its final line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, in order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Appends a signature line, unless the very same one is there already.
    ///
    /// # Errors
    /// [`NoteError::TooManySignatures`].
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        if self.signatures.contains(&signature) {
            return Ok(());
        }
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            writeln!(f, "{signature}")?;
        }
        Ok(())
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        Self::parse(note.as_bytes())
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLarge { bytes: text.len() });
    }
    match text.char_indices().find(|&(_, c)| c < ' ' && c != '\n') {
        Some((at, character)) => {
            let line = text[..at].matches('\n').count() + 1;
            Err(NoteError::ControlCharacter { line, character })
        }
        None => Ok(()),
    }
}

impl NoteSignature {
    /// A signature line of the key with this name and id.
    ///
    /// # Errors
    /// [`LineError::Name`] and [`LineError::TooShort`].
    pub fn new(name: impl Into<String>, key_id: u32, blob: Vec<u8>) -> Result<Self, LineError> {
        let name = name.into();
        check_name(&name)?;
        if blob.is_empty() {
            return Err(LineError::TooShort);
        }
        Ok(Self { name, key_id, blob })
    }

    /// Reads one signature line, given without its line feed.
    ///
    /// # Errors
    /// Any [`LineError`].
    pub fn parse_line(line: &str) -> Result<Self, LineError> {
        let rest = line.strip_prefix(LINE_START).ok_or(LineError::Start)?;
        let (name, payload) = rest.split_once(' ').ok_or(LineError::Parts)?;
        check_name(name)?;
        let payload = decode_base64(payload).ok_or(LineError::Base64)?;
        let (id, blob) = payload
            .split_first_chunk::<4>()
            .ok_or(LineError::TooShort)?;
        Self::new(name, u32::from_be_bytes(*id), blob.to_vec())
    }

    /// Name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the key; with the name it tells which key and which kind of signature this is.
    pub const fn key_id(&self) -> u32 {
        self.key_id
    }

    /// The signature: 64 bytes of Ed25519 for type 0x01, 72 bytes for a cosignature.
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }
}

impl fmt::Display for NoteSignature {
    /// The line without its line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut payload = self.key_id.to_be_bytes().to_vec();
        payload.extend_from_slice(&self.blob);
        write!(f, "{LINE_START}{} {}", self.name, encode_base64(&payload))
    }
}
