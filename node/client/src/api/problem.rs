//! Why a node did not do what it was asked (RFC 9457, `application/problem+json`).

use serde::{Deserialize, Serialize};
use wattle_ledger::rejection::Rejection;

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:wattle:problem:` and the name.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name as words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened here and what to do next.
    pub detail: String,
    /// The stable number, where a rule of the ledger refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// The stable name of the refusal, or of what is wrong with the request.
    pub name: String,
}

impl Problem {
    /// A problem that is not a rule's refusal.
    pub fn new(status: u16, name: &str, detail: impl Into<String>) -> Problem {
        Problem {
            kind: format!("urn:wattle:problem:{name}"),
            title: name.replace('_', " "),
            status,
            detail: detail.into(),
            code: None,
            name: name.to_owned(),
        }
    }

    /// A rule's refusal of an event that leaves no leaf.
    pub fn refusal(rejection: Rejection) -> Problem {
        let status = match rejection {
            Rejection::MalformedEvent => 400,
            Rejection::EventTooLarge => 413,
            Rejection::WrongSequence | Rejection::SequenceUsed => 409,
            Rejection::OutcomeForgotten => 410,
            Rejection::QuotaExceeded => 429,
            _ => 422,
        };
        let code = Some(rejection.code());
        Problem {
            code,
            ..Problem::new(status, rejection.name(), rejection.sentence())
        }
    }
}
