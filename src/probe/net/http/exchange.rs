//! Connect, ask, read: the phases of one exchange and how each can fail.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::InvalidUri;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version, header};
use http_body_util::Full;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

use super::body::{Collected, collect};
use super::channel::Channel;
use super::kept::{Key, Line, TlsSeen};
use super::seat::Seat;
use crate::model::Reason;
use crate::probe::net::tls::{Certificate, TlsProfile, Trust, version_text};
use crate::probe::net::{Clients, Stream, Took, from_hyper, spoken};
use crate::probe::{ProbeCx, ProbeError};

/// One request. `http` and `https` only.
pub(crate) struct Call<'a> {
    pub(crate) url: &'a Url,
    pub(crate) method: Method,
    /// Sent as they are, besides `host`.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Bytes of response body beyond which the exchange fails.
    pub(crate) max_body: usize,
    pub(crate) reuse: bool,
    pub(crate) tls: &'a TlsProfile,
    /// Instead of the host of the URL.
    pub(crate) server_name: Option<&'a str>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) phases: Phases,
    pub(crate) reused: bool,
    pub(crate) tls: Option<Arc<TlsSeen>>,
}

/// How long each phase took; zero for what a kept connection spared.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Phases {
    pub(crate) dns: Duration,
    pub(crate) connect: Duration,
    pub(crate) tls: Duration,
    /// From the request to the end of the response headers.
    pub(crate) first_byte: Duration,
    pub(crate) body: Duration,
}

/// A request that failed before its response headers, and whether it may be sent again.
pub(super) struct Failed {
    pub(super) error: ProbeError,
    pub(super) never_sent: bool,
}

impl Clients {
    /// Makes one exchange within the deadline.
    pub(crate) async fn call(&self, cx: &ProbeCx, call: &Call<'_>) -> Result<Answer, ProbeError> {
        let key = key(call)?;
        if call.reuse
            && let Some(line) = self.kept.take(&key)
        {
            match self.over(cx, call, &key, line, Phases::default(), true, None).await {
                Ok(answer) => return answer,
                Err(failed) if !(failed.never_sent || call.method.is_safe()) => return Err(failed.error),
                Err(_) => cx.note("reuse", "the kept connection was dead"),
            }
        }
        let mut phases = Phases::default();
        let line = self.open(cx, call, &key, &mut phases).await?;
        match self.over(cx, call, &key, line, phases, false, None).await {
            Ok(answer) => answer,
            Err(failed) => Err(failed.error),
        }
    }

    pub(super) async fn open(
        &self,
        cx: &ProbeCx,
        call: &Call<'_>,
        key: &Key,
        phases: &mut Phases,
    ) -> Result<Line, ProbeError> {
        let dialed = self.dial(cx, &key.host, key.port).await?;
        (phases.dns, phases.connect) = (dialed.dns, dialed.connect);
        let what = authority(call.url);
        let Some((profile, name)) = &key.tls else {
            let channel = Channel::one(Stream::Plain(dialed.stream)).await.map_err(|error| from_hyper(&error, what))?;
            return Ok(Line { opened: Instant::now(), channel, tls: None });
        };
        let shaken = self.handshake(cx, dialed.stream, profile, Trust::Enforced, name, what).await?;
        phases.tls = shaken.took;
        let stream = shaken.stream?;
        let (_, session) = stream.get_ref();
        let seen = TlsSeen {
            version: version_text(session.protocol_version()),
            certificate: shaken.seen.chain().first().and_then(|leaf| Certificate::parse(leaf)),
        };
        let two = session.alpn_protocol() == Some(b"h2");
        let stream = Stream::Tls(Box::new(stream));
        let channel = if two {
            match timeout_at(cx.deadline(), Channel::two(stream)).await {
                Ok(begun) => begun.map_err(|error| from_hyper(&error, what))?,
                Err(_) => {
                    let text = format!("{what} agreed on HTTP/2 but did not begin it in time");
                    return Err(ProbeError::target(Reason::Timeout, text));
                }
            }
        } else {
            Channel::one(stream).await.map_err(|error| from_hyper(&error, what))?
        };
        Ok(Line { opened: Instant::now(), channel, tls: Some(Arc::new(seen)) })
    }

    /// The outer error is one that came before any answer. What can be used again goes to the seat, or
    /// is kept where there is none.
    #[expect(clippy::too_many_arguments, reason = "the steps of one exchange, in one place")]
    pub(super) async fn over(
        &self,
        cx: &ProbeCx,
        call: &Call<'_>,
        key: &Key,
        mut line: Line,
        mut phases: Phases,
        reused: bool,
        seat: Option<&mut Seat>,
    ) -> Result<Result<Answer, ProbeError>, Failed> {
        let what = authority(call.url);
        let request = request(call, line.channel.is_two()).map_err(|error| Failed { error, never_sent: false })?;
        let asked = Instant::now();
        // A kept connection may have been dropped in silence on the way; half the time is left to
        // find out over a fresh one.
        let patience =
            if reused && seat.is_none() && call.method.is_safe() { cx.remaining() / 2 } else { cx.remaining() };
        let response = match timeout_at(asked + patience, line.channel.send(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                return Err(Failed { never_sent: error.is_canceled(), error: from_hyper(&error, what) });
            }
            Err(_) => {
                let text =
                    format!("{what} accepted the connection but sent no complete headers within {}", spoken(patience));
                return Err(Failed { never_sent: false, error: ProbeError::target(Reason::Timeout, text) });
            }
        };
        let answered = Instant::now();
        phases.first_byte = answered - asked;
        let (head, body) = response.into_parts();
        cx.note("headers", format_args!("{} in {}", head.status, Took(phases.first_byte)));

        let budget = cx.remaining();
        let body = match timeout_at(cx.deadline(), collect(&mut line.channel, body, call.max_body)).await {
            Ok(Collected::Whole(body)) => body,
            Ok(Collected::TooLarge) => {
                let text = format!("expected at most {} bytes of body from {what}, saw more", call.max_body);
                return Ok(Err(ProbeError::target(Reason::TooLarge, text)));
            }
            Ok(Collected::Broken(error)) => {
                let mut error = from_hyper(&error, what);
                error.detail.push_str(" (headers were complete, the body was not)");
                return Ok(Err(error));
            }
            Err(_) => {
                let text = format!("{what} sent headers but the body did not end within {}", spoken(budget));
                return Ok(Err(ProbeError::target(Reason::Timeout, text)));
            }
        };
        phases.body = answered.elapsed();
        let tls = line.tls.clone();
        if call.reuse && timeout_at(cx.deadline(), line.channel.settle()).await == Ok(true) {
            match seat {
                Some(seat) => seat.take_back(line),
                None => self.kept.put(key.clone(), line),
            }
        }
        let (status, version, headers) = (head.status, head.version, head.headers);
        Ok(Ok(Answer { status, version, headers, body, phases, reused, tls }))
    }
}

pub(super) fn key(call: &Call<'_>) -> Result<Key, ProbeError> {
    let unusable = |why: &str| ProbeError::unconfigured(format!("the URL cannot be used: {why}"));
    let host = call.url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| unusable("it has no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = call.url.port_or_known_default().ok_or_else(|| unusable("it has no port"))?;
    let tls = match call.url.scheme() {
        "http" => None,
        "https" => Some((call.tls.clone(), call.server_name.unwrap_or(host).to_owned())),
        _ => return Err(unusable("expected http or https")),
    };
    Ok(Key { host: host.to_owned(), port, tls })
}

/// `host:port` as in the URL.
pub(super) fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

pub(super) fn request(call: &Call<'_>, two: bool) -> Result<Request<Full<Bytes>>, ProbeError> {
    let broken = |error: http::Error| ProbeError::internal(format!("the request could not be made: {error}"));
    let path = &call.url[Position::BeforePath..Position::AfterQuery];
    let mut request = Request::new(Full::new(call.body.clone()));
    *request.method_mut() = call.method.clone();
    *request.headers_mut() = call.headers.clone();
    if two {
        let whole = format!("{}://{}{path}", call.url.scheme(), authority(call.url));
        *request.uri_mut() = whole.parse().map_err(|error: InvalidUri| broken(error.into()))?;
    } else {
        *request.uri_mut() = path.parse().map_err(|error: InvalidUri| broken(error.into()))?;
        if !call.headers.contains_key(header::HOST) {
            let host = HeaderValue::from_str(authority(call.url)).map_err(|error| broken(error.into()))?;
            request.headers_mut().insert(header::HOST, host);
        }
    }
    Ok(request)
}
