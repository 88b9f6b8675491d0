//! Errors of sockets, TLS and HTTP in the words of a verdict, so that the same fault has the same
//! reason in every kind.
//!
//! Only what the peer did is the target's fault. What this process or machine lacks (files,
//! memory, ports, permission) is the observer's.

use std::error::Error as _;
use std::io;

use rustix::io::Errno;
use rustls::{AlertDescription, CertificateError, Error as TlsError, PeerIncompatible};

use crate::model::{Reason, Timestamp};
use crate::probe::ProbeError;

/// `what` is the peer as a sentence names it, such as `127.0.0.1:5432`.
pub fn from_io(error: &io::Error, what: &str) -> ProbeError {
    use io::ErrorKind as Kind;
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        return from_tls(tls, what);
    }
    if let Some(shortage) = own_shortage(error) {
        return ProbeError::observer(Reason::Other, format!("could not reach {what}: this process has {shortage}"));
    }
    match error.kind() {
        Kind::ConnectionRefused => ProbeError::target(Reason::Refused, format!("{what} refused the connection")),
        Kind::TimedOut => ProbeError::target(Reason::Timeout, format!("{what} did not answer in time")),
        Kind::HostUnreachable | Kind::NetworkUnreachable => {
            ProbeError::target(Reason::Unreachable, format!("there is no route to {what}"))
        }
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
            ProbeError::target(Reason::Reset, format!("{what} reset the connection"))
        }
        Kind::UnexpectedEof => ProbeError::target(Reason::Reset, format!("{what} closed the connection")),
        Kind::InvalidData => {
            ProbeError::target(Reason::Protocol, format!("{what} answered something that is not the expected protocol"))
        }
        Kind::PermissionDenied => ProbeError::observer(
            Reason::PermissionDenied,
            format!("the exporter is not permitted to connect to {what}"),
        ),
        Kind::NetworkDown => ProbeError::observer(
            Reason::Unreachable,
            format!("could not reach {what}: the network of this machine is down"),
        ),
        kind => ProbeError::observer(Reason::Other, format!("could not talk to {what}: {kind}")),
    }
}

fn own_shortage(error: &io::Error) -> Option<&'static str> {
    let code = error.raw_os_error()?;
    let is = |errno: Errno| errno.raw_os_error() == code;
    if is(Errno::MFILE) || is(Errno::NFILE) {
        Some("no free file descriptor")
    } else if is(Errno::NOMEM) || is(Errno::NOBUFS) {
        Some("no memory left for a socket")
    } else if is(Errno::ADDRNOTAVAIL) || is(Errno::AGAIN) {
        Some("no free local port or address")
    } else {
        None
    }
}

/// Why a TLS handshake or stream failed.
pub fn from_tls(error: &TlsError, what: &str) -> ProbeError {
    let (reason, clause) = match error {
        TlsError::InvalidCertificate(certificate) => {
            let (reason, clause) = certificate_fault(certificate);
            return ProbeError::target(reason, format!("the certificate of {what} {clause}"));
        }
        TlsError::AlertReceived(AlertDescription::ProtocolVersion)
        | TlsError::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => (Reason::TlsVersion, "speaks no TLS version of 1.2 or 1.3".to_owned()),
        TlsError::AlertReceived(AlertDescription::CertificateRequired) => {
            (Reason::TlsHandshake, "requires a client certificate".to_owned())
        }
        TlsError::AlertReceived(alert) => (Reason::TlsHandshake, format!("refused the TLS handshake: alert {alert:?}")),
        TlsError::InvalidMessage(_) | TlsError::PeerSentOversizedRecord => {
            (Reason::Protocol, "did not answer in TLS".to_owned())
        }
        TlsError::FailedToGetRandomBytes | TlsError::FailedToGetCurrentTime => {
            return ProbeError::observer(Reason::Internal, format!("TLS to {what}: {error}"));
        }
        TlsError::InconsistentKeys(_) => {
            return ProbeError::observer(
                Reason::Unconfigured,
                format!("the client certificate and key for {what} do not belong together"),
            );
        }
        other => (Reason::TlsHandshake, format!("failed the TLS handshake: {other}")),
    };
    ProbeError::target(reason, format!("{what} {clause}"))
}

/// The reason and a clause that follows "the certificate of X".
pub(super) fn certificate_fault(error: &CertificateError) -> (Reason, String) {
    let at = |seconds: u64| Timestamp::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            (Reason::TlsExpired, format!("expired at {}", at(not_after.as_secs())))
        }
        CertificateError::Expired => (Reason::TlsExpired, "has expired".to_owned()),
        CertificateError::NotValidYetContext { not_before, .. } => {
            (Reason::TlsExpired, format!("is not valid before {}", at(not_before.as_secs())))
        }
        CertificateError::NotValidYet => (Reason::TlsExpired, "is not valid yet".to_owned()),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names = presented.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
            (Reason::TlsName, format!("is not for {}, it names {names}", expected.to_str()))
        }
        CertificateError::NotValidForName => (Reason::TlsName, "is for another name".to_owned()),
        CertificateError::UnknownIssuer => {
            (Reason::TlsUntrusted, "does not chain to a trusted root: unknown issuer".to_owned())
        }
        CertificateError::BadEncoding => (Reason::TlsHandshake, "is malformed".to_owned()),
        CertificateError::Other(inner) if inner.to_string().contains("CaUsedAsEndEntity") => {
            (Reason::TlsUntrusted, "is a CA certificate, which a server must not show as its own".to_owned())
        }
        other => (Reason::TlsUntrusted, format!("is not trusted: {other}")),
    }
}

/// Why an HTTP exchange failed.
pub fn from_hyper(error: &hyper::Error, what: &str) -> ProbeError {
    if error.is_parse_too_large() {
        return ProbeError::target(Reason::TooLarge, format!("the response headers of {what} exceed the limit"));
    }
    if error.is_parse() {
        return ProbeError::target(Reason::Protocol, format!("{what} did not answer in HTTP: {error}"));
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return from_body(io, what);
        }
        if let Some(io) = cause.downcast_ref::<h2::Error>().and_then(h2::Error::get_io) {
            return from_io(io, what);
        }
        source = cause.source();
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() || error.is_body_write_aborted() {
        return ProbeError::target(
            Reason::Reset,
            format!("{what} closed the connection before the answer was complete"),
        );
    }
    if error.is_user() {
        return ProbeError::internal(format!("the request to {what} could not be made: {error}"));
    }
    ProbeError::target(Reason::Protocol, format!("{what} broke the HTTP protocol: {error}"))
}

/// hyper reports malformed chunks as I/O errors that no system call made.
fn from_body(error: &io::Error, what: &str) -> ProbeError {
    if error.raw_os_error().is_none() && error.kind() == io::ErrorKind::InvalidInput {
        return ProbeError::target(Reason::Protocol, format!("{what} broke the HTTP protocol: {error}"));
    }
    from_io(error, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Blame;

    #[test]
    fn io_errors_blame_the_right_side() {
        let cases = [
            (Errno::CONNREFUSED, Reason::Refused, Blame::Target),
            (Errno::CONNRESET, Reason::Reset, Blame::Target),
            (Errno::TIMEDOUT, Reason::Timeout, Blame::Target),
            (Errno::HOSTUNREACH, Reason::Unreachable, Blame::Target),
            (Errno::MFILE, Reason::Other, Blame::Observer),
            (Errno::NOMEM, Reason::Other, Blame::Observer),
            (Errno::ADDRNOTAVAIL, Reason::Other, Blame::Observer),
            (Errno::ACCESS, Reason::PermissionDenied, Blame::Observer),
        ];
        for (errno, reason, blame) in cases {
            let error = from_io(&io::Error::from_raw_os_error(errno.raw_os_error()), "h:1");
            assert_eq!((error.reason, error.blame), (reason, blame), "{errno:?}");
            assert!(error.detail.contains("h:1"));
        }
    }

    #[test]
    fn a_tls_error_inside_an_io_error_keeps_its_reason() {
        let tls = TlsError::InvalidCertificate(CertificateError::Expired);
        let error = from_io(&io::Error::new(io::ErrorKind::InvalidData, tls), "h:1");
        assert_eq!(error.reason, Reason::TlsExpired);
    }

    #[test]
    fn certificate_errors_have_exact_reasons() {
        let cases = [
            (CertificateError::Expired, Reason::TlsExpired),
            (CertificateError::NotValidYet, Reason::TlsExpired),
            (CertificateError::NotValidForName, Reason::TlsName),
            (CertificateError::UnknownIssuer, Reason::TlsUntrusted),
            (CertificateError::Revoked, Reason::TlsUntrusted),
            (CertificateError::BadEncoding, Reason::TlsHandshake),
        ];
        for (error, reason) in cases {
            assert_eq!(certificate_fault(&error).0, reason, "{error:?}");
        }
    }
}
