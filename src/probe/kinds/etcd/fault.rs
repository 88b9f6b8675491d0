//! What an error of etcd means, and whose fault it is.

use etcd_client::Error;
use tonic::{Code, Status};

use super::Refusal;
use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::line::line;

/// Text from the server is cut here before it goes into a sentence.
const MESSAGE_LIMIT: usize = 200;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) said: Option<Said>,
    pub(super) error: ProbeError,
}

/// What etcd itself said, as far as it matters what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Refused(Refusal),
    /// There are no users: a login is out of place.
    AuthOff,
    /// An election is going on, or the users have just been changed: soon it may be otherwise.
    Unsettled,
}

impl From<ProbeError> for Fault {
    fn from(error: ProbeError) -> Self {
        Self { said: None, error }
    }
}

impl Fault {
    pub(super) fn refusal(&self) -> Option<Refusal> {
        match self.said {
            Some(Said::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }
}

/// Translates. `seen` is what the connection saw go wrong, `what` is `host:port`, `doing` such as
/// `the read`.
pub(super) fn explain(error: &Error, seen: Option<ProbeError>, what: &str, doing: &str) -> Fault {
    match error {
        Error::GRpcStatus(status) => said(status, seen, what, doing),
        Error::TransportError(_) => seen.unwrap_or_else(|| broken(what, "the connection failed")).into(),
        other => ProbeError::internal(format!("{doing} of {what}: {}", line(&other.to_string(), MESSAGE_LIMIT))).into(),
    }
}

fn said(status: &Status, seen: Option<ProbeError>, what: &str, doing: &str) -> Fault {
    let message = status.message();
    let answered = || format!("{what} answered {doing} with {:?}: {}", status.code(), line(message, MESSAGE_LIMIT));
    // Only what etcd words itself is its answer: a proxy on the way may refuse in other words.
    if let Some((said, reason, own)) = wording(message) {
        let error = if own { ProbeError::target(reason, answered()) } else { ProbeError::observer(reason, answered()) };
        return Fault { said, error };
    }
    if message.starts_with("etcdserver: ") {
        let error = match status.code() {
            Code::InvalidArgument | Code::FailedPrecondition | Code::Unimplemented | Code::OutOfRange => {
                ProbeError::observer(Reason::Query, answered())
            }
            _ => ProbeError::target(Reason::Query, answered()),
        };
        return error.into();
    }
    if let Some(seen) = seen {
        return seen.into();
    }
    if message.contains("message length too large") {
        let text = format!("the answer of {what} is larger than the limit; narrow the read or raise `max_bytes`");
        return ProbeError::observer(Reason::TooLarge, text).into();
    }
    match status.code() {
        Code::DeadlineExceeded => ProbeError::target(Reason::Timeout, answered()).into(),
        Code::Unavailable => ProbeError::target(Reason::Query, answered()).into(),
        _ => broken(what, message).into(),
    }
}

/// What etcd says in these words means, and whether it is to blame for it.
fn wording(message: &str) -> Option<(Option<Said>, Reason, bool)> {
    let refused = |refusal| Some(Said::Refused(refusal));
    let text = message.strip_prefix("etcdserver: ")?;
    Some(match text {
        "user name is empty" => (refused(Refusal::NoUser), Reason::PermissionDenied, false),
        "permission denied" => (refused(Refusal::PermissionDenied), Reason::PermissionDenied, false),
        "authentication failed, invalid user ID or password" => (refused(Refusal::Login), Reason::AuthRejected, false),
        "invalid auth token" | "revision of auth store is old" => (Some(Said::Unsettled), Reason::AuthRejected, false),
        "authentication is not enabled" => (Some(Said::AuthOff), Reason::Query, false),
        "leader changed" | "no leader" => (Some(Said::Unsettled), Reason::Query, true),
        text if text.starts_with("request timed out") => (Some(Said::Unsettled), Reason::Timeout, true),
        "server stopped" => (None, Reason::Refused, true),
        _ => return None,
    })
}

fn broken(what: &str, message: &str) -> ProbeError {
    ProbeError::target(
        Reason::Protocol,
        format!("{what} does not speak gRPC as etcd does: {}", line(message, MESSAGE_LIMIT)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Blame;

    #[test]
    fn each_answer_has_its_reason_and_blame() {
        let no_user = Some(Said::Refused(Refusal::NoUser));
        let cases = [
            (
                Code::InvalidArgument,
                "etcdserver: user name is empty",
                no_user,
                Reason::PermissionDenied,
                Blame::Observer,
            ),
            (
                Code::PermissionDenied,
                "etcdserver: permission denied",
                Some(Said::Refused(Refusal::PermissionDenied)),
                Reason::PermissionDenied,
                Blame::Observer,
            ),
            (
                Code::FailedPrecondition,
                "etcdserver: authentication is not enabled",
                Some(Said::AuthOff),
                Reason::Query,
                Blame::Observer,
            ),
            (Code::Unavailable, "etcdserver: leader changed", Some(Said::Unsettled), Reason::Query, Blame::Target),
            (Code::Unavailable, "etcdserver: request timed out", Some(Said::Unsettled), Reason::Timeout, Blame::Target),
            (Code::DataLoss, "etcdserver: corrupt cluster", None, Reason::Query, Blame::Target),
            (Code::Unimplemented, "etcdserver: whatever", None, Reason::Query, Blame::Observer),
            // Not the words of etcd: nothing was refused by the right peer.
            (Code::PermissionDenied, "RBAC: access denied", None, Reason::Protocol, Blame::Target),
            (Code::PermissionDenied, "permission denied", None, Reason::Protocol, Blame::Target),
            (Code::Unauthenticated, "no token", None, Reason::Protocol, Blame::Target),
            (Code::OutOfRange, "decoded message length too large: found 9", None, Reason::TooLarge, Blame::Observer),
        ];
        for (code, message, expected, reason, blame) in cases {
            let fault = said(&Status::new(code, message), None, "e:2379", "the read");
            assert_eq!((fault.said, fault.error.reason, fault.error.blame), (expected, reason, blame), "{message}");
        }
    }

    #[test]
    fn what_the_connection_saw_goes_before_what_grpc_makes_of_it() {
        let seen = ProbeError::target(Reason::Reset, "e:2379 reset the connection");
        let fault = said(&Status::unavailable("transport error"), Some(seen.clone()), "e:2379", "the read");
        assert_eq!(fault.error, seen);
    }
}
