//! Why a command did not do what it was asked, what to do next, and the exit code.

use std::error::Error;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use wattle_client::ClientError;
use wattle_client::client::Refusal;
use wattle_client::export::ExportError;
use wattle_client::keyfile::KeyFileError;
use wattle_client::outbox::OutboxError;

use crate::output::printable;

/// What a script can tell failures apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Anything else.
    Failure = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// A rule of the ledger said no.
    Refused = 4,
    /// An export does not verify.
    Verification = 5,
    /// No node answered.
    Unreachable = 6,
    /// Nodes answered, but the park cannot commit.
    NoQuorum = 7,
}

/// The end of a command that did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Standard output was closed: whoever reads it has seen enough.
    BrokenPipe,
    /// Something to be told.
    Told(Box<Told>),
}

/// An error with its causes.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) exit: Exit,
    /// What went wrong, then its causes.
    pub(crate) chain: Vec<String>,
    /// What the person can do now.
    pub(crate) next: String,
}

impl Failure {
    /// A failure without further causes.
    pub(crate) fn new(exit: Exit, what: impl Into<String>, next: impl Into<String>) -> Failure {
        let (chain, next) = (vec![what.into()], next.into());
        Failure::Told(Box::new(Told { exit, chain, next }))
    }

    /// Wrong usage that only showed after parsing.
    pub(crate) fn usage(what: impl Into<String>, next: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, what, next)
    }

    /// An error with its causes. The project's messages have the form "what happened; what to do
    /// next": the second half becomes the next step, and `next` stands in where there is none.
    pub(crate) fn of(exit: Exit, error: &dyn Error, next: &str) -> Failure {
        let text = error.to_string();
        let (what, next) = split_advice(&text).unwrap_or((&text, next));
        let mut chain = vec![what.to_owned()];
        let mut source = error.source();
        while let Some(cause) = source {
            chain.push(cause.to_string());
            source = cause.source();
        }
        let next = next.to_owned();
        Failure::Told(Box::new(Told { exit, chain, next }))
    }

    /// A file that could not be read or written.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Failure {
        let chain = vec![
            format!("cannot {doing} {}", path.display()),
            error.to_string(),
        ];
        let next = "check the path, its permissions and the free space".to_owned();
        let exit = Exit::Failure;
        Failure::Told(Box::new(Told { exit, chain, next }))
    }

    /// A refusal by a rule.
    pub(crate) fn refusal(code: u16, name: &str, sentence: &str) -> Failure {
        let (what, next) = split_advice(sentence).unwrap_or((sentence, "look at docs/RULES.md"));
        let what = format!("refused, {name} ({code}): {what}");
        Failure::new(Exit::Refused, what, next.trim_end_matches('.'))
    }

    /// The same failure with another next step.
    pub(crate) fn with_next(mut self, next: impl Into<String>) -> Failure {
        if let Failure::Told(told) = &mut self {
            told.next = next.into();
        }
        self
    }

    /// Prints the whole chain, once, and chooses the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let Failure::Told(told) = self else {
            return ExitCode::SUCCESS;
        };
        for (place, line) in told.chain.iter().enumerate() {
            let head = if place == 0 { "error" } else { "  caused by" };
            eprintln!("{head}: {}", printable(line));
        }
        eprintln!("  next: {}", printable(&told.next));
        ExitCode::from(told.exit as u8)
    }
}

fn split_advice(text: &str) -> Option<(&str, &str)> {
    text.rsplit_once("; ")
}

impl From<io::Error> for Failure {
    /// Of writing to standard output; other files name their path with [`Failure::file`].
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Failure::BrokenPipe;
        }
        let what = format!("cannot write to standard output: {error}");
        let next = "check where the output goes and repeat the command";
        Failure::new(Exit::Failure, what, next)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match &error {
            ClientError::BadUrl { .. } => Failure::of(Exit::Usage, &error, "give another --url"),
            ClientError::Unreachable { .. } => {
                Failure::of(Exit::Unreachable, &error, "check --url")
            }
            ClientError::NoQuorum { .. } => Failure::of(Exit::NoQuorum, &error, "wait"),
            ClientError::Busy { .. } => Failure::of(Exit::Failure, &error, "try again shortly"),
            ClientError::Full { .. } => {
                let next = "tell the park's operator, who must act before it takes more";
                Failure::of(Exit::Failure, &error, next)
            }
            ClientError::Refused(Refusal {
                code,
                name,
                sentence,
            }) => Failure::refusal(*code, name, sentence),
            ClientError::Problem(_) => {
                let next = "check what was asked for, and the key that signs the request";
                Failure::of(Exit::Failure, &error, next)
            }
            ClientError::Malformed { .. } => {
                let next = "check that --url leads to a Wattle node of this program's version";
                Failure::of(Exit::Failure, &error, next)
            }
        }
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Failure {
        let failure = Failure::of(Exit::Failure, &error, "choose another key file");
        match &error {
            KeyFileError::PassphraseNeeded { .. } => {
                failure.with_next("give --passphrase-file FILE, or run the command on a terminal")
            }
            KeyFileError::NotAKey { .. } => failure
                .with_next("give a file that `wattle key new` or `openssl genpkey` has written"),
            KeyFileError::Read { .. } => failure
                .with_next("check the path and its permissions, or make a key: wattle key new"),
            KeyFileError::TooOpen { path, .. } => {
                failure.with_next(format!("chmod 600 {}", path.display()))
            }
            _ => failure,
        }
    }
}

impl From<OutboxError> for Failure {
    fn from(error: OutboxError) -> Failure {
        match error {
            OutboxError::Client(error) => error.into(),
            other => Failure::of(Exit::Failure, &other, "look at it with: wattle outbox list"),
        }
    }
}

impl From<ExportError> for Failure {
    fn from(error: ExportError) -> Failure {
        let told = Failure::of(
            Exit::Failure,
            &error,
            "repeat the command, or ask another node",
        );
        let ExportError::Fetch { source, path } = error else {
            return told;
        };
        // The exit code is that of what the client met, and so is the advice.
        let mut failure = Failure::from(source);
        if let Failure::Told(told) = &mut failure {
            told.chain
                .insert(0, format!("cannot fetch {path} of the log"));
        }
        failure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(failure: Failure) -> Told {
        match failure {
            Failure::Told(told) => *told,
            Failure::BrokenPipe => panic!("a broken pipe tells nothing"),
        }
    }

    #[test]
    fn advice_of_a_message_becomes_the_next_step() {
        let url = "ftp://a".to_owned();
        let told = told(ClientError::BadUrl { url }.into());
        assert_eq!(told.exit, Exit::Usage);
        assert_eq!(told.chain, ["\"ftp://a\" is not a node's address"]);
        assert_eq!(told.next, "give one like http://127.0.0.1:8080");
    }

    #[test]
    fn every_refusal_has_a_next_step_or_is_sent_to_the_rules() {
        for rejection in wattle_ledger::rejection::Rejection::ALL {
            let failure =
                Failure::refusal(rejection.code(), rejection.name(), rejection.sentence());
            let told = told(failure);
            assert_eq!(told.exit, Exit::Refused);
            assert!(!told.next.is_empty(), "{}", rejection.name());
        }
    }

    #[test]
    fn closed_output_is_success() {
        let error = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(matches!(Failure::from(error), Failure::BrokenPipe));
    }
}
