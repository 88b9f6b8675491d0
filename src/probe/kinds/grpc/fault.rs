//! What a status of gRPC means, and whether the server said it or the library made it up.

use std::error::Error as _;

use tonic::{Code, Status};

use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::line::line;

/// Text from the server is cut here before it goes anywhere.
pub(super) const MESSAGE_LIMIT: usize = 200;

/// All codes, by their numbers.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// What a server said instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) code: Code,
    /// One bounded line.
    pub(super) message: String,
}

/// As the documents of gRPC write it.
pub(super) fn name(code: Code) -> &'static str {
    usize::try_from(code as i32).ok().and_then(|number| CODES.get(number)).copied().unwrap_or("UNKNOWN")
}

pub(super) fn is_code(text: &str) -> bool {
    CODES.contains(&text)
}

/// The server's own words, or else why there are none. `seen` is what the connection saw go wrong,
/// `what` is `host:port`, `doing` such as `the health check`.
pub(super) fn said(status: &Status, seen: Option<ProbeError>, what: &str, doing: &str) -> Result<Said, ProbeError> {
    let message = status.message();
    if status.code() == Code::OutOfRange && message.contains("message length too large") {
        let text = format!("the answer of {what} to {doing} is larger than `max_bytes`");
        return Err(ProbeError::observer(Reason::TooLarge, text));
    }
    // A status that has a cause was made here, of an error of the connection.
    if status.source().is_some() {
        return Err(seen.unwrap_or_else(|| broken(what, doing, message)));
    }
    let made_up =
        ["grpc-status header missing", "protocol error:", "Missing response message", "Unexpected EOF decoding"];
    if made_up.iter().any(|start| message.starts_with(start)) {
        return Err(broken(what, doing, message));
    }
    Ok(Said { code: status.code(), message: line(message, MESSAGE_LIMIT) })
}

pub(super) fn broken(what: &str, doing: &str, why: &str) -> ProbeError {
    let why = line(why, MESSAGE_LIMIT);
    ProbeError::target(Reason::Protocol, format!("{what} did not answer {doing} as gRPC does: {why}"))
}

/// What an answer that is no good means where nothing says what else to expect of it.
pub(super) fn error(said: &Said, what: &str, doing: &str) -> ProbeError {
    let text = match said.message.as_str() {
        "" => format!("{what} answered {doing} with {}", name(said.code)),
        message => format!("{what} answered {doing} with {}: {message}", name(said.code)),
    };
    match said.code {
        Code::Unauthenticated => ProbeError::observer(Reason::AuthRejected, text),
        Code::PermissionDenied => ProbeError::observer(Reason::PermissionDenied, text),
        Code::InvalidArgument => ProbeError::observer(Reason::Query, text),
        Code::DeadlineExceeded => ProbeError::target(Reason::Timeout, text),
        Code::Unimplemented | Code::NotFound => ProbeError::target(Reason::Missing, text),
        _ => ProbeError::target(Reason::Query, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Blame;

    #[test]
    fn codes_have_their_usual_names() {
        assert_eq!(name(Code::Ok), "OK");
        assert_eq!(name(Code::Unauthenticated), "UNAUTHENTICATED");
        assert_eq!(name(Code::Unimplemented), "UNIMPLEMENTED");
        assert!(is_code("DATA_LOSS") && !is_code("DataLoss"));
    }

    #[test]
    fn only_a_server_of_grpc_says_something() {
        let of = |status: Status| said(&status, None, "h:1", "the call");
        assert_eq!(of(Status::not_found("a\nb")).unwrap().message, "a b");
        let made_up = [
            Status::unauthenticated("grpc-status header missing, mapped from HTTP status code 401"),
            Status::unknown("protocol error: missing grpc-status trailer"),
            Status::internal("Missing response message."),
        ];
        for status in made_up {
            let error = of(status).unwrap_err();
            assert_eq!((error.reason, error.blame), (Reason::Protocol, Blame::Target), "{error}");
        }
        let large = of(Status::out_of_range("Error, decoded message length too large: found 9")).unwrap_err();
        assert_eq!((large.reason, large.blame), (Reason::TooLarge, Blame::Observer));
        let seen = ProbeError::target(Reason::Reset, "h:1 reset the connection");
        let transport = Status::from_error(Box::new(std::io::Error::other("x")));
        assert_eq!(said(&transport, Some(seen.clone()), "h:1", "the call").unwrap_err(), seen);
    }
}
