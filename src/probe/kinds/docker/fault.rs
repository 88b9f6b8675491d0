//! What went wrong, in the words of a verdict.

use bollard::errors::Error;

use crate::model::Reason;
use crate::probe::line::line;
use crate::probe::net::{from_hyper, from_io};
use crate::probe::{Blame, ProbeError};

/// Text of the engine in a sentence.
const MESSAGE: usize = 200;

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The engine says that what was asked for does not exist.
    Absent,
    Error(ProbeError),
}

impl From<ProbeError> for Fault {
    fn from(error: ProbeError) -> Self {
        Self::Error(error)
    }
}

impl Fault {
    /// Where nothing was asked for by a name, nothing can be absent.
    pub(super) fn into_error(self, doing: &str) -> ProbeError {
        match self {
            Self::Error(error) => error,
            Self::Absent => ProbeError::observer(Reason::Protocol, format!("the engine knows no {doing}")),
        }
    }
}

/// Whether an answer says so, and not a proxy that knows no such page.
pub(super) fn is_absent(status: u16, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let says = message.contains("no such") || message.contains("not found");
    status == 404 && says && !message.contains("page not found") && !message.starts_with('<')
}

/// `asked` is such as `GET /info`.
pub(super) fn refusal(status: u16, message: &str, what: &str, asked: &str) -> ProbeError {
    let message = line(message.trim(), MESSAGE);
    let said = if message.is_empty() { String::new() } else { format!(" ({message})") };
    let text = format!("expected an answer of {what} to {asked}, saw status {status}{said}");
    match status {
        401 => ProbeError::observer(Reason::AuthRejected, text),
        // Such as of a proxy that lets only some questions through.
        403 | 405 => ProbeError::observer(Reason::PermissionDenied, text),
        429 => ProbeError::observer(Reason::Status, text),
        500.. => ProbeError::target(Reason::Status, text),
        _ => ProbeError::observer(Reason::Protocol, text),
    }
}

pub(super) fn explain(error: &Error, what: &str, asked: &str) -> Fault {
    let error = match error {
        Error::DockerResponseServerError { status_code, message } if is_absent(*status_code, message) => {
            return Fault::Absent;
        }
        Error::DockerResponseServerError { status_code, message } => refusal(*status_code, message, what, asked),
        Error::HyperResponseError { err } => from_hyper(err, what),
        Error::IOError { err } => match err.get_ref().and_then(|inner| inner.downcast_ref::<hyper::Error>()) {
            Some(inner) => from_hyper(inner, what),
            None => from_io(err, what),
        },
        // What the parser says may quote what it read.
        Error::JsonDataError { message, column, .. } => {
            not_json(message.contains("line 1 column 1"), *column, what, asked)
        }
        Error::JsonSerdeError { err } => not_json(err.is_eof() || err.is_syntax(), err.column(), what, asked),
        Error::APIVersionParseError {} => {
            let text = format!("expected {what} to say which version of the API it has, saw none");
            ProbeError::target(Reason::Protocol, text)
        }
        Error::DockerStreamError { error } => {
            let text = format!("expected an answer of {what} to {asked}, saw an error: {}", line(error, MESSAGE));
            ProbeError::target(Reason::Query, text)
        }
        other => {
            ProbeError::internal(format!("{asked} of {what} could not be made: {}", line(&other.to_string(), MESSAGE)))
        }
    };
    Fault::Error(error)
}

/// What is no JSON is no engine; JSON with other types in it may be of one that is newer than this.
fn not_json(is_none: bool, column: usize, what: &str, asked: &str) -> ProbeError {
    if is_none {
        ProbeError::target(Reason::Protocol, format!("expected JSON of {what} to {asked}, saw something that is none"))
    } else {
        let text = format!("the answer of {what} to {asked} is not understood: another type was expected at {column}");
        ProbeError::observer(Reason::Protocol, text)
    }
}

/// The engine asked for a client certificate and did not take what it was shown: that is ours.
pub(super) fn certificate(error: ProbeError) -> ProbeError {
    let is_theirs = !matches!(error.reason, Reason::TlsHandshake | Reason::Reset) || error.blame == Blame::Observer;
    if is_theirs {
        error
    } else {
        let text = format!("{} after it had asked for a client certificate", error.detail);
        ProbeError::observer(Reason::AuthRejected, text)
    }
}
