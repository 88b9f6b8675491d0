//! gRPC over a connection of our own: dialled and encrypted here, spoken by tonic.
//!
//! What tonic would spawn is polled by whoever waits for an answer, so nothing runs on after a run
//! that was cut off. A connection is made once: when it breaks, the run has seen that it broke.

mod wire;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint, Uri};
use tower_service::Service;

use super::tasks::{Runner, Tasks};
use super::tls::{Certificate, TlsProfile, Trust, version_text};
use super::{Address, Clients, Stream};
use crate::model::Reason;
use crate::probe::{ProbeCx, ProbeError};

use wire::{Wire, Wired};

/// A server that refuses a client without a certificate says so after the client believes the
/// handshake done; it has this long.
const REFUSAL_WAIT: Duration = Duration::from_millis(500);
const MAX_HEAD: u32 = 64 << 10;

/// Where to connect, and with what.
pub(crate) struct Peer<'a> {
    pub(crate) address: &'a Address,
    /// Absent for a connection in the clear. The name is sent and verified.
    pub(crate) tls: Option<(&'a TlsProfile, &'a str)>,
    /// Bytes from the peer beyond which the connection is given up.
    pub(crate) max_bytes: u64,
    /// The check is about a refusal. Then that of a certificate which was shown is told as such too,
    /// and so is a connection that ends in, or right after, a handshake in which one was asked for:
    /// not every server says why.
    pub(crate) seeks_refusal: bool,
}

/// What the TLS handshake agreed on and showed.
#[derive(Clone, Debug)]
pub(crate) struct Encrypted {
    /// Such as `1.3`.
    pub(crate) version: &'static str,
    pub(crate) alpn: Option<String>,
    /// Verified; `None` only if it cannot be read.
    pub(crate) certificate: Option<Certificate>,
    pub(crate) client_cert_requested: bool,
}

/// One connection, which lives while somebody waits on it.
pub(crate) struct Line {
    channel: Channel,
    tasks: Runner,
    wire: Arc<Wire>,
    tls: Option<Encrypted>,
}

/// What came of opening a connection.
pub(crate) enum Opened {
    Line(Line),
    /// The peer asked for a client certificate, was shown none (or, if a refusal is sought, another
    /// than it wants), and refused. The error says how.
    CertificateRefused(ProbeError),
}

impl Clients {
    /// Dials and shakes hands, within the deadline of the run. Nothing is asked yet.
    pub(crate) async fn grpc(&self, cx: &ProbeCx, peer: &Peer<'_>) -> Result<Opened, ProbeError> {
        let what = peer.address.to_string();
        let socket = self.dial(cx, &peer.address.host, peer.address.port).await?.stream;
        let Some((profile, name)) = peer.tls else {
            let wired = Wired::new(Stream::Plain(socket), &what, peer.max_bytes);
            return Line::over(wired, peer, None).await.map(Opened::Line);
        };
        let shaken = self.handshake(cx, socket, profile, Trust::Enforced, name, &what).await?;
        let requested = shaken.seen.client_cert_requested();
        let unasked = !requested || (profile.client_cert.is_some() && !peer.seeks_refusal);
        let is_refusal = |error: &ProbeError| {
            error.reason == Reason::TlsHandshake || (peer.seeks_refusal && error.reason == Reason::Reset)
        };
        let stream = match shaken.stream {
            Ok(stream) => stream,
            Err(error) if !unasked && is_refusal(&error) => return Ok(Opened::CertificateRefused(error)),
            Err(error) => return Err(error),
        };
        if stream.get_ref().1.alpn_protocol().is_some_and(|agreed| agreed != b"h2") {
            let text = format!("{what} does not speak gRPC: it agreed on HTTP/1.1");
            return Err(ProbeError::target(Reason::Protocol, text));
        }
        let session = stream.get_ref().1;
        let tls = Encrypted {
            version: version_text(session.protocol_version()),
            alpn: session.alpn_protocol().map(|agreed| String::from_utf8_lossy(agreed).into_owned()),
            certificate: shaken.seen.chain().first().and_then(|leaf| Certificate::parse(leaf)),
            client_cert_requested: requested,
        };
        let mut wired = Wired::new(Stream::Tls(Box::new(stream)), &what, peer.max_bytes);
        // A server of HTTP/2 speaks first, so there is something to wait for either way.
        if !unasked && let Ok(Err(mut error)) = timeout(REFUSAL_WAIT.min(cx.remaining()), wired.listen()).await {
            if error.reason == Reason::Reset {
                error.detail.push_str(" after a handshake in which it asked for a client certificate");
            }
            return if is_refusal(&error) { Ok(Opened::CertificateRefused(error)) } else { Err(error) };
        }
        Line::over(wired, peer, Some(tls)).await.map(Opened::Line)
    }
}

impl Line {
    async fn over(wired: Wired, peer: &Peer<'_>, tls: Option<Encrypted>) -> Result<Self, ProbeError> {
        let broken = |error: &dyn std::fmt::Display| ProbeError::internal(format!("gRPC to {}: {error}", peer.address));
        let wire = wired.wire();
        let tasks = Tasks::default();
        let scheme = if peer.tls.is_some() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{}", peer.address))
            .map_err(|error| broken(&error))?
            .executor(tasks.clone())
            .http2_max_header_list_size(MAX_HEAD);
        let mut runner = Runner::new(tasks);
        let connecting = endpoint.connect_with_connector(Once(Some(wired)));
        let channel = drive(&mut runner, connecting).await.map_err(|error| wire.explain().unwrap_or(broken(&error)))?;
        Ok(Self { channel, tasks: runner, wire, tls })
    }

    /// `None` for a connection in the clear.
    pub(crate) fn tls(&self) -> Option<&Encrypted> {
        self.tls.as_ref()
    }

    /// Waits until the peer has begun HTTP/2 in its turn. Ends only then, or when the connection
    /// fails: put a deadline around it.
    pub(crate) async fn ready(&mut self) -> Result<(), ProbeError> {
        let wire = Arc::clone(&self.wire);
        drive(&mut self.tasks, std::future::poll_fn(move |_| wire.begun())).await
    }

    /// What a generated client speaks over.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Waits for `wanted` while the connection is driven. Ends only when `wanted` does: put a
    /// deadline around it.
    pub(crate) async fn drive<F: Future>(&mut self, wanted: F) -> F::Output {
        drive(&mut self.tasks, wanted).await
    }

    /// Waits until the connection breaks, and says why.
    pub(crate) async fn broken(&mut self) -> ProbeError {
        let Self { tasks, wire, .. } = self;
        // Whatever reads from the connection writes down how it ended, before it ends itself.
        drive(tasks, std::future::poll_fn(|_| wire.explain().map_or(Poll::Pending, Poll::Ready))).await
    }

    /// What the connection itself saw go wrong, in the words of a verdict.
    pub(crate) fn explain(&self) -> Option<ProbeError> {
        self.wire.explain()
    }
}

async fn drive<F: Future>(tasks: &mut Runner, wanted: F) -> F::Output {
    let mut wanted = pin!(wanted);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = wanted.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        tasks.poll(cx);
        // What was driven may have made it ready; its waker need not have been told.
        wanted.as_mut().poll(cx)
    })
    .await
}

/// Hands the one connection over, once: tonic would connect again behind the back of the run.
struct Once(Option<Wired>);

impl Service<Uri> for Once {
    type Response = TokioIo<Wired>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let stream = self.0.take().map(TokioIo::new);
        Box::pin(std::future::ready(stream.ok_or_else(|| std::io::ErrorKind::NotConnected.into())))
    }
}
