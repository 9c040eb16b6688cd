//! Whom a verifier trusts (C2SP tlog-policy): logs, cosigners, and how many of them it takes.
//!
//! A policy is the one file that a regulator must get from somewhere else than the export that he
//! checks. `witness` is that format's word for a cosigner; a park's own nodes are witnesses of
//! their park's log in this sense.

#[cfg(test)]
mod tests;
mod verdict;

pub use verdict::{BadLine, BadLineReason, PolicyVerdict};

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::note::{NameError, SignatureType, VerifierKey, VerifierKeyError, check_name};
use super::text::parse_decimal;
use crate::keys::PublicKey;

/// The most bytes that a policy may have.
pub const MAX_POLICY_BYTES: usize = 1_000_000;

/// The group that holds all nodes of a park, in [`Policy::for_park`].
pub const PARK_GROUP: &str = "park";

const NONE: &str = "none";

/// A trusted log key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLog {
    /// The key; its name is the log's origin.
    pub key: VerifierKey,
    /// Where the log can be reached, if the policy says so. Not used in verification.
    pub url: Option<String>,
}

/// A trusted cosigner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Name inside the policy, which need not be the key's name.
    pub name: String,
    /// The cosigner's key.
    pub key: VerifierKey,
    /// Where the cosigner can be reached, if the policy says so. Not used in verification.
    pub url: Option<String>,
}

/// Cosigners and groups, of which some must have cosigned for the group to have cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyGroup {
    /// Name inside the policy.
    pub name: String,
    /// How many members it takes.
    pub threshold: Threshold,
    /// Names of cosigners and earlier groups, each a member of one group at most.
    pub members: Vec<String>,
}

/// How many members of a group it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Every member.
    All,
    /// One member.
    Any,
    /// This many members, at least one and at most all.
    AtLeast(usize),
}

impl Threshold {
    /// The number for a group of `members`.
    pub const fn count(self, members: usize) -> usize {
        match self {
            Self::All => members,
            Self::Any => 1,
            Self::AtLeast(count) => count,
        }
    }
}

/// A whole policy. Its text has no comments, and one order: logs, witnesses, groups, quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<PolicyGroup>,
    quorum: Option<String>,
}

/// Why a text is not a policy. Lines are counted from one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text is larger than [`MAX_POLICY_BYTES`].
    #[error(
        "the policy has {bytes} bytes, at most {MAX_POLICY_BYTES} are read; is it another file?"
    )]
    TooLarge {
        /// The policy's size.
        bytes: usize,
    },
    /// The last line has no line feed.
    #[error("the last line is not ended by a line feed; check that the file is whole and add it")]
    NotEnded,
    /// A line breaks a rule.
    #[error("line {line}: {rule}")]
    Line {
        /// Line of the policy.
        line: usize,
        /// The rule.
        rule: PolicyRule,
    },
    /// There is no quorum line.
    #[error("there is no quorum line; add `quorum <name>`, naming a witness or group")]
    NoQuorum,
}

/// The rules that a line of a policy can break.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRule {
    /// A control character, often a carriage return that an editor added.
    #[error("control character {0:?}; save the file with plain line feeds")]
    ControlCharacter(char),
    /// The first word is none of the four.
    #[error("unknown keyword {0:?}; a line begins with log, witness, group, quorum or #")]
    Keyword(String),
    /// Too few or too many words.
    #[error("expected `{0}`")]
    Form(&'static str),
    /// The verifier key is not one.
    #[error("verifier key: {0}")]
    Key(#[from] VerifierKeyError),
    /// A cosigner's key in a log line.
    #[error("a log's key must be of type 0x01; this is a cosigner's (0x04)")]
    NotLogKey,
    /// A log's key in a witness line.
    #[error("a witness's key must be of type 0x04; this is a log's (0x01)")]
    NotCosignerKey,
    /// The name is not one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The name means that there is no quorum.
    #[error("the name `none` is reserved; choose another")]
    ReservedName,
    /// A name defined twice.
    #[error("the name {0:?} is already defined; choose another")]
    DuplicateName(String),
    /// A public key in two log lines or in two witness lines.
    #[error("the same public key is on an earlier line; remove one of them")]
    DuplicateKey,
    /// A name that no earlier line defines.
    #[error("the name {0:?} is not defined on an earlier line; define it above")]
    UndefinedName(String),
    /// A name that is a member already.
    #[error("{0:?} is already a member of a group; it may count only once")]
    DuplicateMember(String),
    /// The threshold is not `all`, `any` or a decimal number.
    #[error("the threshold must be all, any or a decimal number, not {0:?}")]
    Threshold(String),
    /// The threshold is zero or more than the members.
    #[error("a threshold of {threshold} does not fit {members} members; use 1 to {members}")]
    ThresholdRange {
        /// Members that it takes.
        threshold: u64,
        /// Members that there are.
        members: usize,
    },
    /// A second quorum line.
    #[error("a policy has one quorum line; remove this one")]
    SecondQuorum,
}

impl Policy {
    /// A park's own policy: a log line for each node's log key, all under the origin's name, a
    /// witness line for each node's cosigner key under its name, and a quorum of `quorum` of
    /// them in the group [`PARK_GROUP`].
    ///
    /// # Errors
    /// The [`PolicyRule`] that the names, keys or number break.
    pub fn for_park(
        origin: &str,
        log_keys: &[PublicKey],
        cosigners: &[(String, PublicKey)],
        quorum: u64,
    ) -> Result<Self, PolicyRule> {
        let mut draft = Draft::default();
        for key in log_keys {
            draft.log(
                VerifierKey::new(origin, SignatureType::Ed25519, *key)?,
                None,
            )?;
        }
        for (name, key) in cosigners {
            check_name(name)?;
            let key = VerifierKey::new(name, SignatureType::Cosignature, *key)?;
            draft.witness(name, key, None)?;
        }
        let members = cosigners
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>();
        draft.group(PARK_GROUP, GroupSize::Number(quorum), &members)?;
        draft.quorum(PARK_GROUP)?;
        Ok(draft.policy)
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// Any [`PolicyError`].
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > MAX_POLICY_BYTES {
            return Err(PolicyError::TooLarge { bytes: text.len() });
        }
        if text.is_empty() {
            return Err(PolicyError::NoQuorum);
        }
        let lines = text.strip_suffix('\n').ok_or(PolicyError::NotEnded)?;
        let mut draft = Draft::default();
        for (i, line) in lines.split('\n').enumerate() {
            draft
                .line(line)
                .map_err(|rule| PolicyError::Line { line: i + 1, rule })?;
        }
        if draft.has_quorum {
            Ok(draft.policy)
        } else {
            Err(PolicyError::NoQuorum)
        }
    }

    /// The trusted log keys; any one of them suffices.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The trusted cosigners.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// The groups, each after its members.
    pub fn groups(&self) -> &[PolicyGroup] {
        &self.groups
    }

    /// The witness or group that must have cosigned, or `None` where no cosignature is asked for.
    pub fn quorum(&self) -> Option<&str> {
        self.quorum.as_deref()
    }

    /// Whether these cosigners, by their names in the policy, are a quorum.
    pub fn is_quorum(&self, cosigned: impl Fn(&str) -> bool) -> bool {
        let Some(quorum) = &self.quorum else {
            return true;
        };
        let mut holds = BTreeMap::new();
        for witness in &self.witnesses {
            holds.insert(witness.name.as_str(), cosigned(&witness.name));
        }
        // Groups stand after their members, so one pass in order suffices.
        for group in &self.groups {
            let count = group
                .members
                .iter()
                .filter(|name| holds[name.as_str()])
                .count();
            holds.insert(
                &group.name,
                count >= group.threshold.count(group.members.len()),
            );
        }
        holds[quorum.as_str()]
    }
}

impl FromStr for Policy {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::parse(text)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url =
            |url: &Option<String>| url.as_ref().map_or(String::new(), |url| format!(" {url}"));
        for log in &self.logs {
            writeln!(f, "log {}{}", log.key, url(&log.url))?;
        }
        for witness in &self.witnesses {
            writeln!(
                f,
                "witness {} {}{}",
                witness.name,
                witness.key,
                url(&witness.url)
            )?;
        }
        for group in &self.groups {
            let members = group.members.join(" ");
            match group.threshold {
                Threshold::All => writeln!(f, "group {} all {members}", group.name)?,
                Threshold::Any => writeln!(f, "group {} any {members}", group.name)?,
                Threshold::AtLeast(count) => {
                    writeln!(f, "group {} {count} {members}", group.name)?;
                }
            }
        }
        writeln!(f, "quorum {}", self.quorum.as_deref().unwrap_or(NONE))
    }
}

/// A policy of which the lines so far are known. Each method adds one line or says which rule the
/// line breaks.
struct Draft {
    policy: Policy,
    names: BTreeSet<String>,
    members: BTreeSet<String>,
    has_quorum: bool,
}

enum GroupSize<'a> {
    Word(&'a str),
    Number(u64),
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            policy: Policy {
                logs: Vec::new(),
                witnesses: Vec::new(),
                groups: Vec::new(),
                quorum: None,
            },
            names: BTreeSet::new(),
            members: BTreeSet::new(),
            has_quorum: false,
        }
    }
}

impl Draft {
    fn line(&mut self, line: &str) -> Result<(), PolicyRule> {
        if let Some(control) = line
            .chars()
            .find(|&c| c < ' ' && c != '\t' || c == '\u{7f}')
        {
            return Err(PolicyRule::ControlCharacter(control));
        }
        // Only spaces and tabs separate; every other character may stand in a name.
        let words = line
            .split([' ', '\t'])
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>();
        match words[..] {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] => self.log(key.parse()?, None),
            ["log", key, url] => self.log(key.parse()?, Some(url)),
            ["log", ..] => Err(PolicyRule::Form("log <verifier key> [<url>]")),
            ["witness", name, key] => self.witness(name, key.parse()?, None),
            ["witness", name, key, url] => self.witness(name, key.parse()?, Some(url)),
            ["witness", ..] => Err(PolicyRule::Form("witness <name> <verifier key> [<url>]")),
            ["group", name, size, ref members @ ..] if !members.is_empty() => {
                self.group(name, GroupSize::Word(size), members)
            }
            ["group", ..] => Err(PolicyRule::Form(
                "group <name> all|any|<number> <member>...",
            )),
            ["quorum", name] => self.quorum(name),
            ["quorum", ..] => Err(PolicyRule::Form("quorum <name>|none")),
            [other, ..] => Err(PolicyRule::Keyword(other.to_owned())),
        }
    }

    fn log(&mut self, key: VerifierKey, url: Option<&str>) -> Result<(), PolicyRule> {
        if key.kind() != SignatureType::Ed25519 {
            return Err(PolicyRule::NotLogKey);
        }
        if self
            .policy
            .logs
            .iter()
            .any(|log| log.key.key() == key.key())
        {
            return Err(PolicyRule::DuplicateKey);
        }
        self.policy.logs.push(PolicyLog {
            key,
            url: url.map(str::to_owned),
        });
        Ok(())
    }

    fn witness(
        &mut self,
        name: &str,
        key: VerifierKey,
        url: Option<&str>,
    ) -> Result<(), PolicyRule> {
        if key.kind() != SignatureType::Cosignature {
            return Err(PolicyRule::NotCosignerKey);
        }
        if self
            .policy
            .witnesses
            .iter()
            .any(|witness| witness.key.key() == key.key())
        {
            return Err(PolicyRule::DuplicateKey);
        }
        self.check_new(name)?;
        self.names.insert(name.to_owned());
        let url = url.map(str::to_owned);
        self.policy.witnesses.push(PolicyWitness {
            name: name.to_owned(),
            key,
            url,
        });
        Ok(())
    }

    fn group(
        &mut self,
        name: &str,
        size: GroupSize<'_>,
        members: &[&str],
    ) -> Result<(), PolicyRule> {
        self.check_new(name)?;
        let threshold = threshold(size, members.len())?;
        let mut fresh = BTreeSet::new();
        for member in members {
            if !self.names.contains(*member) {
                return Err(PolicyRule::UndefinedName((*member).to_owned()));
            }
            if self.members.contains(*member) || !fresh.insert((*member).to_owned()) {
                return Err(PolicyRule::DuplicateMember((*member).to_owned()));
            }
        }
        self.names.insert(name.to_owned());
        self.members.append(&mut fresh);
        let members = members.iter().map(|&member| member.to_owned()).collect();
        self.policy.groups.push(PolicyGroup {
            name: name.to_owned(),
            threshold,
            members,
        });
        Ok(())
    }

    fn quorum(&mut self, name: &str) -> Result<(), PolicyRule> {
        if self.has_quorum {
            return Err(PolicyRule::SecondQuorum);
        }
        if name != NONE {
            if !self.names.contains(name) {
                return Err(PolicyRule::UndefinedName(name.to_owned()));
            }
            self.policy.quorum = Some(name.to_owned());
        }
        self.has_quorum = true;
        Ok(())
    }

    fn check_new(&self, name: &str) -> Result<(), PolicyRule> {
        if name == NONE {
            return Err(PolicyRule::ReservedName);
        }
        if self.names.contains(name) {
            return Err(PolicyRule::DuplicateName(name.to_owned()));
        }
        Ok(())
    }
}

fn threshold(size: GroupSize<'_>, members: usize) -> Result<Threshold, PolicyRule> {
    let number = match size {
        GroupSize::Word("all") => return Ok(Threshold::All),
        GroupSize::Word("any") => return Ok(Threshold::Any),
        GroupSize::Word(word) => {
            parse_decimal(word).ok_or_else(|| PolicyRule::Threshold(word.to_owned()))?
        }
        GroupSize::Number(number) => number,
    };
    match usize::try_from(number) {
        Ok(count) if (1..=members).contains(&count) => Ok(Threshold::AtLeast(count)),
        _ => Err(PolicyRule::ThresholdRange {
            threshold: number,
            members,
        }),
    }
}
