//! What an error of sqlx means, and whose fault it is.

use sqlx::Error;
use sqlx::postgres::PgDatabaseError;

use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::line::line;
use crate::probe::net::from_io;

/// Where in the session it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Login,
    Query,
}

/// Text from the server is cut here before it goes into a sentence.
const MESSAGE_LIMIT: usize = 200;

/// What the server said, if it was the server that said it.
pub(super) fn refusal(error: &Error) -> Option<(String, String)> {
    let error = error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()?;
    Some((line(error.code(), 5), line(error.message(), MESSAGE_LIMIT)))
}

/// Translates; `peer` is `host:port`.
pub(super) fn explain(error: &Error, phase: Phase, peer: &str) -> ProbeError {
    if let Some((code, message)) = refusal(error) {
        return sqlstate(&code, &message, phase, peer);
    }
    match error {
        Error::Io(error) => from_io(error, peer),
        Error::Protocol(message) => ProbeError::target(
            Reason::Protocol,
            format!("{peer} does not speak PostgreSQL: {}", line(message, MESSAGE_LIMIT)),
        ),
        Error::Configuration(_) => {
            ProbeError::unconfigured(format!("the connection to {peer} is not configured rightly"))
        }
        Error::Encode(error) | Error::Decode(error) => ProbeError::observer(
            Reason::Query,
            format!("a value cannot be exchanged: {}", line(&error.to_string(), MESSAGE_LIMIT)),
        ),
        other => ProbeError::internal(format!("{peer}: {}", line(&other.to_string(), MESSAGE_LIMIT))),
    }
}

fn sqlstate(code: &str, message: &str, phase: Phase, peer: &str) -> ProbeError {
    let said = format!("{peer} answered {code}: {message}");
    match code {
        // Not the target's fault: it is the exporter's credential that it does not like.
        "28P01" | "28000" => ProbeError::observer(Reason::AuthRejected, said),
        // PgBouncer about a wrong password.
        "08P01" if phase == Phase::Login && message.contains("authentication failed") => {
            ProbeError::observer(Reason::AuthRejected, said)
        }
        "42501" => ProbeError::observer(Reason::PermissionDenied, said),
        "3D000" => ProbeError::target(Reason::Missing, said),
        "57014" => ProbeError::target(Reason::Timeout, said),
        // The exporter's own role is at its limit; other roles do get in. A server that says it in
        // another language falls under the next arm.
        "53300" if message.contains("for role") => ProbeError::observer(Reason::PermissionDenied, said),
        // Out of connections, starting up or shutting down: nobody else gets in either.
        "53300" | "57P01" | "57P02" | "57P03" => ProbeError::target(Reason::Refused, said),
        // A pooler says this for nearly everything: an option it does not take, a server it cannot reach.
        // Others may well get in.
        "08P01" => ProbeError::observer(Reason::Query, said),
        _ if phase == Phase::Login => ProbeError::target(Reason::Query, said),
        // The query may be wrong as well as the database.
        _ => ProbeError::observer(Reason::Query, said),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::*;
    use crate::probe::Blame;

    #[test]
    fn each_sqlstate_has_its_reason_and_blame() {
        let cases = [
            ("28P01", Phase::Login, Reason::AuthRejected, Blame::Observer),
            ("28000", Phase::Login, Reason::AuthRejected, Blame::Observer),
            ("42501", Phase::Query, Reason::PermissionDenied, Blame::Observer),
            ("3D000", Phase::Login, Reason::Missing, Blame::Target),
            ("57014", Phase::Query, Reason::Timeout, Blame::Target),
            ("53300", Phase::Login, Reason::Refused, Blame::Target),
            ("57P03", Phase::Login, Reason::Refused, Blame::Target),
            ("42P01", Phase::Query, Reason::Query, Blame::Observer),
            ("08P01", Phase::Login, Reason::Query, Blame::Observer),
            ("XX000", Phase::Login, Reason::Query, Blame::Target),
        ];
        let pooler = sqlstate("08P01", "SASL authentication failed", Phase::Login, "db:6432");
        assert_eq!((pooler.reason, pooler.blame), (Reason::AuthRejected, Blame::Observer));
        let own_limit = sqlstate("53300", "too many connections for role \"readiness\"", Phase::Login, "db:5432");
        assert_eq!((own_limit.reason, own_limit.blame), (Reason::PermissionDenied, Blame::Observer));
        for (code, phase, reason, blame) in cases {
            let error = sqlstate(code, "some words", phase, "db:5432");
            assert_eq!((error.reason, error.blame), (reason, blame), "{code}");
            assert!(error.detail.contains(code) && error.detail.contains("some words"));
        }
    }

    #[test]
    fn each_transport_error_has_its_reason() {
        let kinds = [
            (ErrorKind::ConnectionRefused, Reason::Refused),
            (ErrorKind::ConnectionReset, Reason::Reset),
            (ErrorKind::UnexpectedEof, Reason::Reset),
            (ErrorKind::HostUnreachable, Reason::Unreachable),
            (ErrorKind::TimedOut, Reason::Timeout),
        ];
        for (kind, reason) in kinds {
            assert_eq!(explain(&Error::Io(kind.into()), Phase::Login, "db:1").reason, reason, "{kind}");
        }
        let shortage = io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        assert_eq!(explain(&Error::Io(shortage), Phase::Login, "db:1").blame, Blame::Observer);
    }

    #[test]
    fn text_from_the_server_is_one_short_line() {
        assert_eq!(line("a\nb\tc", 10), "a b c");
        assert_eq!(line("ääää", 5), "ää…");
    }
}
