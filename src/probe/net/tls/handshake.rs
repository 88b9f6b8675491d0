//! One TLS handshake over a connected socket.

use std::sync::Arc;
use std::time::Duration;

use rustls::ProtocolVersion;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::seen::{ClientCertificate, Recorder};
use super::{Seen, TlsProfile};
use crate::model::Reason;
use crate::probe::net::{Clients, Took, from_io, spoken};
use crate::probe::{ProbeCx, ProbeError};

/// Whether a certificate that does not verify ends the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    Enforced,
    /// For looking at certificates, or where the caller judges what was recorded before it sends
    /// anything.
    Recorded,
}

/// What came of it. `seen` is filled as far as the handshake got.
pub(crate) struct Handshake<S> {
    pub(crate) stream: Result<TlsStream<S>, ProbeError>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) took: Duration,
}

impl Clients {
    /// Shakes hands within the deadline. `name` is sent and verified; `what` is the peer in
    /// sentences. Fails outright only if the observer lacks something (files, roots).
    pub(crate) async fn handshake<S>(
        &self,
        cx: &ProbeCx,
        io: S,
        profile: &TlsProfile,
        trust: Trust,
        name: &str,
        what: &str,
    ) -> Result<Handshake<S>, ProbeError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let server_name = ServerName::try_from(name.to_owned())
            .map_err(|_| ProbeError::unconfigured(format!("`{name}` cannot be a TLS server name")))?;
        let prepared = self.tls.prepare(cx, profile).await?;
        let seen = Arc::new(Seen::default());
        let mut config = (*prepared.config).clone();
        let enforced = trust == Trust::Enforced;
        let recorder = Recorder { seen: Arc::clone(&seen), verifier: prepared.verifier, enforced };
        config.dangerous().set_certificate_verifier(Arc::new(recorder));
        config.client_auth_cert_resolver = Arc::new(ClientCertificate { seen: Arc::clone(&seen), own: prepared.own });

        let budget = cx.remaining();
        let begun = Instant::now();
        let connecting = TlsConnector::from(Arc::new(config)).connect(server_name, io);
        let stream = match timeout_at(cx.deadline(), connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(from_handshake(&error, what)),
            Err(_) => Err(ProbeError::target(
                Reason::Timeout,
                format!("{what} accepted the connection but the TLS handshake did not end within {}", spoken(budget)),
            )),
        };
        let took = begun.elapsed();
        cx.note("tls", format!("{} in {}", if stream.is_ok() { "agreed" } else { "failed" }, Took(took)));
        Ok(Handshake { stream, seen, took })
    }
}

/// A close during the handshake is told as such.
fn from_handshake(error: &std::io::Error, what: &str) -> ProbeError {
    let mut probe_error = from_io(error, what);
    if probe_error.reason == Reason::Reset {
        probe_error.detail.push_str(" during the TLS handshake");
    }
    probe_error
}

/// As people say it: `1.3`.
pub(crate) fn version_text(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::TLSv1_2) => "1.2",
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        _ => "unknown",
    }
}
