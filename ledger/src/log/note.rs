//! Signed notes and verifier keys (C2SP signed-note).
//!
//! A note is a text, a blank line, and signature lines that begin with an em dash. A signature
//! names its key by a name and a 32-bit id; a verifier looks these up among the keys that he
//! already has, and ignores lines of keys that he does not know. So unknown lines are kept here,
//! while a line that is no signature line at all makes the note malformed.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use super::cosignature::{Cosignature, CosignatureError};
use super::text::{decode_base64, encode_base64};
use crate::hash::sha256;
use crate::keys::{KeyError, PublicKey, Signature, SignatureError, SigningKey};

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
