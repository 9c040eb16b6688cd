//! Asks a witness for his cosignature (C2SP tlog-witness). Blocking, and without TLS: everything
//! that is said is signed and none of it secret; who stands in between can only keep silent.

use std::time::Duration;

use wattle_ledger::hash::Hash;
use wattle_ledger::log::note::{Note, NoteSignature, VerifierKey};
use wattle_ledger::log::witness::{AddCheckpoint, RequestError, log_id};

use crate::api::WitnessStatus;
use crate::client::{ClientError, base_url};

/// An answer is at most this long; a longer one is malformed.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;
/// How often a witness that says another size is asked again before it is left for later.
const ROUNDS_MAX: usize = 3;

/// Why a witness gave no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// He did not answer.
    #[error("{url} does not answer ({reason}); check the address and that a witness runs there")]
    Unreachable {
        /// The address.
        url: String,
        /// What happened.
        reason: String,
    },
    /// He has a larger checkpoint than this one.
    #[error("the witness has cosigned size {size} already, which is larger; ask with a later one")]
    Ahead {
        /// His size.
        size: u64,
    },
    /// He has another root at this size.
    #[error(
        "the witness has cosigned another root at size {size}: keep this checkpoint, and get his \
         from him; both are evidence against whoever signed both"
    )]
    Contradicted {
        /// The size.
        size: u64,
    },
    /// He refused.
    #[error("the witness answered {status}: {text}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What he said.
        text: String,
    },
    /// The answer is not a witness's.
    #[error("{url} does not answer like a witness: {reason}")]
    Malformed {
        /// The address.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The consistency proof cannot be made from this log.
    #[error("no proof can be made from the witness's size {old}: {reason}")]
    Proof {
        /// His size.
        old: u64,
        /// What is wrong.
        reason: String,
    },
    /// What is to be cosigned cannot be asked for.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// Reaches one witness.
#[derive(Debug)]
pub struct WitnessClient {
    url: String,
    agent: ureq::Agent,
}

struct Answer {
    status: u16,
    content_type: String,
    body: String,
}

impl WitnessClient {
    /// A client of the witness with this submission prefix, such as `http://10.0.0.9:7070`, who
    /// has so long to answer.
    ///
    /// # Errors
    /// [`ClientError::BadUrl`].
    pub fn new(url: &str, timeout: Duration) -> Result<WitnessClient, ClientError> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(timeout.min(Duration::from_secs(3))))
            .timeout_global(Some(timeout))
            .user_agent(concat!("wattle-client/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(WitnessClient {
            url: base_url(url)?,
            agent: config.new_agent(),
        })
    }

    /// The cosignature of the witness with this key over a note, of whose size he is thought to be
    /// at `known`. `prove` makes consistency proofs from an older to a newer size. Gives the line,
    /// which is checked.
    ///
    /// # Errors
    /// Any [`WitnessError`].
    pub fn cosign(
        &self,
        vkey: &VerifierKey,
        note: &Note,
        known: u64,
        prove: &mut dyn FnMut(u64, u64) -> Result<Vec<Hash>, String>,
    ) -> Result<NoteSignature, WitnessError> {
        let mut old = known;
        for _ in 0..ROUNDS_MAX {
            let mut request = AddCheckpoint::new(old, Vec::new(), note.clone())?;
            let size = request.checkpoint().size();
            if old > size {
                return Err(WitnessError::Ahead { size: old });
            }
            request.proof =
                prove(old, size).map_err(|reason| WitnessError::Proof { old, reason })?;
            let body = request.to_string();
            let answer = self.answer(self.agent.post(self.path("add-checkpoint")).send(&body))?;
            match answer.status {
                200 => return self.line_of(vkey, note, &answer.body),
                409 => {
                    let said = self.size(&answer)?;
                    if said == old {
                        return Err(WitnessError::Contradicted { size });
                    }
                    old = said;
                }
                status => {
                    let text = answer.body.trim().chars().take(300).collect();
                    return Err(WitnessError::Refused { status, text });
                }
            }
        }
        Err(WitnessError::Ahead { size: old })
    }

    /// The last note of a log that the witness cosigned, as monitors get it; none where there is
    /// none.
    ///
    /// # Errors
    /// [`WitnessError::Unreachable`], [`WitnessError::Refused`], [`WitnessError::Malformed`].
    pub fn checkpoint(&self, origin: &str) -> Result<Option<String>, WitnessError> {
        let answer = self.get(&format!("{}/checkpoint", log_id(origin)))?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            status => Err(WitnessError::Refused {
                status,
                text: answer.body,
            }),
        }
    }

    /// What the witness says of itself. Only Wattle's has this.
    ///
    /// # Errors
    /// As [`WitnessClient::checkpoint`].
    pub fn status(&self) -> Result<WitnessStatus, WitnessError> {
        let answer = self.get("v1/witness")?;
        if answer.status != 200 {
            return Err(self.malformed("there is no /v1/witness"));
        }
        serde_json::from_str(&answer.body).map_err(|error| self.malformed(&error.to_string()))
    }

    fn get(&self, path: &str) -> Result<Answer, WitnessError> {
        self.answer(self.agent.get(self.path(path)).call())
    }

    fn path(&self, path: &str) -> String {
        format!("{}/{path}", self.url)
    }

    fn answer(
        &self,
        result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, WitnessError> {
        let unreachable = |error: ureq::Error| WitnessError::Unreachable {
            url: self.url.clone(),
            reason: error.to_string(),
        };
        let mut response = result.map_err(unreachable)?;
        let content_type = response.headers().get("content-type");
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let body = body.read_to_vec().map_err(unreachable)?;
        Ok(Answer {
            status: response.status().as_u16(),
            content_type,
            body: String::from_utf8(body).map_err(|_| self.malformed("not UTF-8"))?,
        })
    }

    /// The size in a conflict's answer.
    fn size(&self, answer: &Answer) -> Result<u64, WitnessError> {
        let line = answer.body.strip_suffix('\n');
        let size = line.filter(|line| line.bytes().all(|byte| byte.is_ascii_digit()));
        let size = size.and_then(|line| line.parse().ok());
        match size {
            Some(size) if answer.content_type.starts_with("text/x.tlog.size") => Ok(size),
            _ => Err(self.malformed("a conflict without the size that the witness has")),
        }
    }

    /// The line of this key among those of the answer; lines of other keys are ignored.
    fn line_of(
        &self,
        vkey: &VerifierKey,
        note: &Note,
        body: &str,
    ) -> Result<NoteSignature, WitnessError> {
        let lines = body
            .lines()
            .filter_map(|line| NoteSignature::parse_line(line).ok());
        let mut own = lines.filter(|line| vkey.is_named_by(line));
        let line = own
            .next()
            .ok_or_else(|| self.malformed(&format!("no cosignature of {}", vkey.name())))?;
        match vkey.verify(note.text(), &line) {
            Ok(_) => Ok(line),
            Err(error) => Err(self.malformed(&format!("its cosignature: {error}"))),
        }
    }

    fn malformed(&self, reason: &str) -> WitnessError {
        WitnessError::Malformed {
            url: self.url.clone(),
            reason: reason.to_owned(),
        }
    }
}
