//! What the server's errors mean, and whose fault they are.

use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::line::line;

/// Text from the server is cut here before it goes into a sentence.
const MESSAGE_LIMIT: usize = 200;

/// An error answer: its first word, and the rest.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn of(error: &redis::ServerError) -> Self {
        Self { code: line(error.code(), 20), message: line(error.details().unwrap_or_default(), MESSAGE_LIMIT) }
    }

    fn is_full(&self) -> bool {
        self.code == "ERR" && self.message.contains("max number of clients")
    }

    /// The answer to a command such as PING. `peer` is `host:port`.
    pub(super) fn of_command(&self, command: &str, peer: &str) -> ProbeError {
        let Self { code, message } = self;
        let said = format!("{peer} answered {command} with {code} {message}");
        match code.as_str() {
            // Not the target's fault: it is the exporter's credential that it does not like.
            "NOAUTH" | "WRONGPASS" => ProbeError::observer(Reason::AuthRejected, said),
            "NOPERM" => ProbeError::observer(Reason::PermissionDenied, said),
            // Protected mode: those on the same machine do get in.
            "DENIED" => ProbeError::observer(Reason::PermissionDenied, said),
            // Nobody else gets in, or an answer, either.
            _ if self.is_full() => ProbeError::target(Reason::Refused, said),
            "LOADING" | "MASTERDOWN" | "MISCONF" | "BUSY" | "CLUSTERDOWN" => ProbeError::target(Reason::Query, said),
            "ERR" if message.starts_with("No such master") => ProbeError::target(Reason::Missing, said),
            // The command may be unknown as well as the server broken.
            _ => ProbeError::observer(Reason::Query, said),
        }
    }

    /// The answer to a login. A server could repeat the password, so its words are left out.
    pub(super) fn of_login(&self, peer: &str) -> ProbeError {
        if self.is_full() {
            return self.of_command("the connection", peer);
        }
        let code = &self.code;
        match code.as_str() {
            "DENIED" => self.of_command("the connection", peer),
            "ERR" if self.message.contains("without any password configured") => ProbeError::observer(
                Reason::AuthRejected,
                format!("{peer} asks for no password, and the exporter is configured to send one without a user"),
            ),
            "WRONGPASS" | "NOAUTH" | "NOPERM" | "ERR" => {
                ProbeError::observer(Reason::AuthRejected, format!("{peer} refused the login with {code}"))
            }
            "LOADING" | "MASTERDOWN" | "BUSY" => {
                ProbeError::target(Reason::Query, format!("{peer} answered the login with {code}"))
            }
            _ => ProbeError::observer(Reason::Query, format!("{peer} answered the login with {code}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Blame;

    #[test]
    fn each_error_has_its_reason_and_blame() {
        let refusal = |code: &str, message: &str| Refusal { code: code.into(), message: message.into() };
        let (observer, target) = (Blame::Observer, Blame::Target);
        for (code, message, reason, blame) in [
            ("NOAUTH", "Authentication required.", Reason::AuthRejected, observer),
            ("NOPERM", "this user has no permissions", Reason::PermissionDenied, observer),
            ("DENIED", "Redis is running in protected mode", Reason::PermissionDenied, observer),
            ("ERR", "max number of clients reached", Reason::Refused, target),
            ("LOADING", "Redis is loading", Reason::Query, target),
            ("MISCONF", "unable to persist", Reason::Query, target),
            ("MASTERDOWN", "Link with MASTER is down", Reason::Query, target),
            ("ERR", "unknown command", Reason::Query, observer),
            ("ERR", "No such master with that name", Reason::Missing, target),
        ] {
            let error = refusal(code, message).of_command("PING", "h:1");
            assert_eq!((error.reason, error.blame), (reason, blame), "{error}");
            assert!(error.detail.contains(message), "{error}");
        }
        let echo = refusal("ERR", "invalid password hunter22").of_login("h:1");
        assert!(!echo.detail.contains("hunter22") && echo.reason == Reason::AuthRejected, "{echo}");
        assert_eq!(refusal("ERR", "max number of clients reached").of_login("h:1").reason, Reason::Refused);
    }
}
