//! A request to go on in another protocol over the same connection, as WebSocket does.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

use super::channel::{MAX_HEAD, MAX_HEADERS};
use super::kept::TlsSeen;
use crate::model::Reason;
use crate::probe::net::tls::{Certificate, TlsProfile, Trust, version_text};
use crate::probe::net::{Clients, Stream, from_hyper, spoken};
use crate::probe::{ProbeCx, ProbeError};

/// The body of a refusal has this long to come, at most.
const REFUSAL_WAIT: Duration = Duration::from_millis(500);

/// One request; `http` and `https` only.
pub(crate) struct Upgrade<'a> {
    pub(crate) url: &'a Url,
    /// Sent as they are, besides `host`.
    pub(crate) headers: HeaderMap,
    /// Bytes of a refusal that are read; the rest is left.
    pub(crate) max_body: usize,
    pub(crate) tls: &'a TlsProfile,
    /// Instead of the host of the URL.
    pub(crate) server_name: Option<&'a str>,
}

/// The answer, whatever its status.
pub(crate) struct Upgraded {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The stream and what was read ahead of it, if the status is 101.
    pub(crate) stream: Option<(Stream, Bytes)>,
    /// What else was said: as much as came in time, and is no longer than asked for.
    pub(crate) body: Bytes,
    pub(crate) tls: Option<TlsSeen>,
    /// From the first packet to the end of the response headers.
    pub(crate) took: Duration,
}

/// A connection that is driven by whoever waits on it.
struct Driven {
    connection: http1::Connection<TokioIo<Stream>, Empty<Bytes>>,
    /// Whether it ended well, once it has: it must not be polled again.
    ended: Option<bool>,
}

impl Clients {
    /// Connects and asks, within the deadline of the run.
    pub(crate) async fn upgrade(&self, cx: &ProbeCx, upgrade: &Upgrade<'_>) -> Result<Upgraded, ProbeError> {
        let begun = Instant::now();
        let url = upgrade.url;
        let what = &url[Position::BeforeHost..Position::AfterPort];
        let (stream, tls) = self.stream(cx, upgrade, what).await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(2 * MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| from_hyper(&error, what))?;
        let mut driven = Driven { connection, ended: None };
        let request = request(upgrade, what)?;
        let patience = cx.remaining();
        let asking = driven.drive(sender.send_request(request));
        let answer = timeout_at(cx.deadline(), asking).await.map_err(|_| {
            let text =
                format!("{what} accepted the connection but sent no complete headers within {}", spoken(patience));
            ProbeError::target(Reason::Timeout, text)
        })?;
        let answer = answer.map_err(|error| from_hyper(&error, what))?;
        let took = begun.elapsed();
        let (status, headers) = (answer.status(), answer.headers().clone());
        cx.note("upgrade", format_args!("{status} in {}", spoken(took)));
        if status == StatusCode::SWITCHING_PROTOCOLS {
            // The connection ends where the other protocol begins, and gives the stream back.
            let ended = timeout_at(cx.deadline(), std::future::poll_fn(|task| driven.poll_end(task))).await;
            if ended != Ok(true) {
                let text = format!("{what} answered {status} and then ended the connection");
                return Err(ProbeError::target(Reason::Reset, text));
            }
            let parts = driven.connection.into_parts();
            let stream = Some((parts.io.into_inner(), parts.read_buf));
            return Ok(Upgraded { status, headers, stream, body: Bytes::new(), tls, took });
        }
        let until = (Instant::now() + REFUSAL_WAIT).min(cx.deadline());
        let body = said(&mut driven, answer.into_body(), upgrade.max_body, until).await;
        Ok(Upgraded { status, headers, stream: None, body, tls, took })
    }

    async fn stream(
        &self,
        cx: &ProbeCx,
        upgrade: &Upgrade<'_>,
        what: &str,
    ) -> Result<(Stream, Option<TlsSeen>), ProbeError> {
        let unusable = |why: &str| ProbeError::unconfigured(format!("the URL cannot be used: {why}"));
        let host = upgrade.url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| unusable("it has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = upgrade.url.port_or_known_default().ok_or_else(|| unusable("it has no port"))?;
        let socket = self.dial(cx, host, port).await?.stream;
        if upgrade.url.scheme() != "https" {
            return Ok((Stream::Plain(socket), None));
        }
        let name = upgrade.server_name.unwrap_or(host);
        let shaken = self.handshake(cx, socket, upgrade.tls, Trust::Enforced, name, what).await?;
        let stream = shaken.stream?;
        let seen = TlsSeen {
            version: version_text(stream.get_ref().1.protocol_version()),
            certificate: shaken.seen.chain().first().and_then(|leaf| Certificate::parse(leaf)),
        };
        Ok((Stream::Tls(Box::new(stream)), Some(seen)))
    }
}

fn request(upgrade: &Upgrade<'_>, what: &str) -> Result<Request<Empty<Bytes>>, ProbeError> {
    let broken =
        |error: &dyn std::fmt::Display| ProbeError::internal(format!("the request could not be made: {error}"));
    let path = &upgrade.url[Position::BeforePath..Position::AfterQuery];
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = path.parse().map_err(|error: http::uri::InvalidUri| broken(&error))?;
    *request.headers_mut() = upgrade.headers.clone();
    if !upgrade.headers.contains_key(header::HOST) {
        let host = what.parse().map_err(|error: header::InvalidHeaderValue| broken(&error))?;
        request.headers_mut().insert(header::HOST, host);
    }
    Ok(request)
}

/// What a refusal says; nothing if it is too long or late.
async fn said(driven: &mut Driven, body: Incoming, limit: usize, until: Instant) -> Bytes {
    let collecting = driven.drive(Limited::new(body, limit).collect());
    match timeout_at(until, collecting).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        _ => Bytes::new(),
    }
}

impl Driven {
    /// Polls it to its end; never shuts it down, for after an upgrade it is still needed.
    fn poll_end(&mut self, task: &mut Context<'_>) -> Poll<bool> {
        if let Some(ended) = self.ended {
            return Poll::Ready(ended);
        }
        let ended = ready!(self.connection.poll_without_shutdown(task)).is_ok();
        self.ended = Some(ended);
        Poll::Ready(ended)
    }

    /// Waits for `wanted` while the connection is driven. An error of the connection reaches it by its
    /// channel.
    async fn drive<F: Future>(&mut self, wanted: F) -> F::Output {
        let mut wanted = pin!(wanted);
        std::future::poll_fn(|task| {
            if let Poll::Ready(output) = wanted.as_mut().poll(task) {
                return Poll::Ready(output);
            }
            let _ = self.poll_end(task);
            wanted.as_mut().poll(task)
        })
        .await
    }
}
