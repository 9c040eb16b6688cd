//! What can go wrong between a client and a park.

use crate::api::Problem;

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// Not the address of a node.
    #[error("{url:?} is not a node's address; give one like http://127.0.0.1:8080")]
    BadUrl {
        /// What was given.
        url: String,
    },
    /// No node answered.
    #[error(
        "no node answered ({}); check the address and that a node runs there",
        tried.iter().map(|(url, why)| format!("{url}: {why}")).collect::<Vec<_>>().join("; ")
    )]
    Unreachable {
        /// Each address with what happened.
        tried: Vec<(String, String)>,
    },
    /// Nodes answered, but none knows a leader: fewer than a quorum of the park is up.
    #[error("the park has no leader at the moment ({detail}); start more of its nodes or wait")]
    NoQuorum {
        /// What a node said.
        detail: String,
    },
    /// The node has too much to do.
    #[error("the node is busy ({detail}); try again shortly")]
    Busy {
        /// What the node said.
        detail: String,
    },
    /// The park takes no more events until an operator acts.
    #[error("the park takes no events ({detail})")]
    Full {
        /// What the node said.
        detail: String,
    },
    /// A rule of the ledger refused the event, which leaves no leaf.
    #[error(transparent)]
    Refused(Refusal),
    /// The node did not do what it was asked, for another reason.
    #[error("the node answered {} ({}): {}", .0.status, .0.name, .0.detail)]
    Problem(Box<Problem>),
    /// The answer is not what a node of this version sends.
    #[error("{url} did not answer like a node of this version: {reason}")]
    Malformed {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
}

/// A rule's refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused, {name} ({code}): {sentence}")]
pub struct Refusal {
    /// The stable number.
    pub code: u16,
    /// The stable name.
    pub name: String,
    /// What happened and what to do next.
    pub sentence: String,
}

impl Refusal {
    /// Whether resending the same bytes can never help. An hour's quota passes, and a key that is
    /// not known yet may be registered.
    pub fn is_final(&self) -> bool {
        !matches!(self.name.as_str(), "quota_exceeded" | "unknown_key")
    }
}

/// One node's failure: whether another node may do better.
pub(super) enum Failure {
    Elsewhere(ClientError),
    Final(ClientError),
}

impl Failure {
    pub(super) fn unreachable(url: &str, error: &ureq::Error) -> Failure {
        let tried = vec![(url.to_owned(), error.to_string())];
        Failure::Elsewhere(ClientError::Unreachable { tried })
    }

    pub(super) fn of(url: &str, problem: Problem) -> Failure {
        let detail = format!("{url}: {}", problem.detail);
        match (problem.code, problem.status) {
            (Some(code), _) => {
                let (name, sentence) = (problem.name, problem.detail);
                Failure::Final(ClientError::Refused(Refusal {
                    code,
                    name,
                    sentence,
                }))
            }
            (None, 429) => Failure::Elsewhere(ClientError::Busy { detail }),
            (None, 503) => Failure::Elsewhere(ClientError::NoQuorum { detail }),
            (None, 507) => Failure::Final(ClientError::Full {
                detail: problem.detail,
            }),
            (None, _) => Failure::Final(ClientError::Problem(Box::new(problem))),
        }
    }
}

impl ClientError {
    /// What to report where every node failed: a park without a leader tells more than a node
    /// that is down, and a busy node more than both.
    pub(super) fn of_all(failures: Vec<ClientError>) -> ClientError {
        let rank = |error: &ClientError| match error {
            ClientError::Unreachable { .. } => 0,
            ClientError::NoQuorum { .. } => 1,
            _ => 2,
        };
        let mut unreachable = Vec::new();
        let mut told: Option<ClientError> = None;
        for failure in failures {
            match failure {
                ClientError::Unreachable { tried } => unreachable.extend(tried),
                other if told.as_ref().is_none_or(|best| rank(best) < rank(&other)) => {
                    told = Some(other);
                }
                _ => {}
            }
        }
        told.unwrap_or(ClientError::Unreachable { tried: unreachable })
    }
}
