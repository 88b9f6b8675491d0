//! From a connected socket to one on which a session may begin. The exporter encrypts by itself:
//! then faults of certificates read as in every other kind, files are read once, and the relay
//! sees the messages.

use std::io::ErrorKind;

use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout_at;

use crate::model::{Reason, TlsFiles};
use crate::probe::net::tls::{Alpn, TlsProfile, Trust, ask_postgres};
use crate::probe::net::{Stream, from_io, from_tls};
use crate::probe::{ProbeCx, ProbeError};

use super::address::{Address, SslMode};

/// `None` if the server refuses the encryption that the mode demands.
pub(super) async fn open(
    cx: &ProbeCx,
    address: &Address,
    host: &str,
    files: &TlsFiles,
    mut stream: TcpStream,
) -> Result<Option<Stream>, ProbeError> {
    let mode = address.sslmode;
    if mode == SslMode::Disable {
        return Ok(Some(Stream::Plain(stream)));
    }
    let what = address.to_string();
    if !ask_postgres(cx, &mut stream, &what).await? {
        return Ok((mode == SslMode::Prefer).then_some(Stream::Plain(stream)));
    }
    let mut profile = TlsProfile::of(files, Alpn::None);
    let verifies = mode.verifies(files.ca.is_some());
    if !verifies {
        profile.ca = None;
        profile.trusts_nobody = true;
    }
    let trust = if mode == SslMode::VerifyFull { Trust::Enforced } else { Trust::Recorded };
    let name = files.server_name.as_deref().unwrap_or(host);
    let shaken = cx.clients().handshake(cx, stream, &profile, trust, name, &what).await?;
    let stream = shaken.stream?;
    if verifies && let Some(error) = shaken.seen.verify_error().filter(|error| !is_about_the_name(error)) {
        return Err(from_tls(&error, &what));
    }
    Ok(Some(Stream::Tls(Box::new(stream))))
}

/// A Unix socket, which needs no encryption.
pub(super) async fn open_local(cx: &ProbeCx, address: &Address) -> Result<UnixStream, ProbeError> {
    let what = address.to_string();
    let connected = timeout_at(cx.deadline(), UnixStream::connect(address.socket())).await;
    let connected =
        connected.map_err(|_| ProbeError::target(Reason::Timeout, format!("{what} did not answer in time")))?;
    connected.map_err(|error| match error.kind() {
        // That it is missing means that nobody listens here.
        ErrorKind::NotFound => ProbeError::unconfigured(format!("there is no socket {what}")),
        ErrorKind::PermissionDenied => ProbeError::observer(
            Reason::PermissionDenied,
            format!("the exporter is not permitted to open the socket {what}"),
        ),
        _ => from_io(&error, &what),
    })
}

/// The name is looked at last, so the chain is in order.
fn is_about_the_name(error: &rustls::Error) -> bool {
    use rustls::CertificateError as Bad;
    let rustls::Error::InvalidCertificate(bad) = error else { return false };
    matches!(bad, Bad::NotValidForName | Bad::NotValidForNameContext { .. })
}
