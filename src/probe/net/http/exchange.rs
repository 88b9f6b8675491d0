//! Connect, ask, read: the phases of one exchange and how each can fail.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};
use url::{Position, Url};

use super::body::{Collected, collect};
use super::channel::Channel;
use super::kept::{Key, Line, TlsSeen};
use super::{once, request};
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

/// A connection over which nothing was asked yet.
struct Opened {
    stream: Stream,
    /// Agreed on HTTP/2.
    two: bool,
    tls: Option<Arc<TlsSeen>>,
}

impl Opened {
    /// For any number of exchanges.
    async fn line(self, cx: &ProbeCx, what: &str) -> Result<Line, ProbeError> {
        let channel = if self.two {
            match timeout_at(cx.deadline(), Channel::two(self.stream)).await {
                Ok(begun) => begun,
                Err(_) => {
                    let text = format!("{what} agreed on HTTP/2 but did not begin it in time");
                    return Err(ProbeError::target(Reason::Timeout, text));
                }
            }
        } else {
            Channel::one(self.stream).await
        };
        let channel = channel.map_err(|error| from_hyper(&error, what))?;
        Ok(Line { opened: Instant::now(), channel, tls: self.tls })
    }
}

/// A request that failed before its response headers, and whether it may be sent again.
struct Failed {
    error: ProbeError,
    never_sent: bool,
}

impl Clients {
    /// Makes one exchange within the deadline.
    pub(crate) async fn call(&self, cx: &ProbeCx, call: &Call<'_>) -> Result<Answer, ProbeError> {
        let key = key(call)?;
        if call.reuse
            && let Some(line) = self.kept.take(&key)
        {
            match self.over(cx, call, &key, line, Phases::default(), true).await {
                Ok(answer) => return answer,
                Err(failed) if !(failed.never_sent || call.method.is_safe()) => return Err(failed.error),
                Err(_) => cx.note("reuse", "the kept connection was dead"),
            }
        }
        let mut phases = Phases::default();
        let opened = self.open(cx, call, &key, &mut phases).await?;
        if !call.reuse && !opened.two {
            let request = request::text(call);
            if once::fits(&request) {
                return self.once(cx, call, opened, &request, phases).await;
            }
        }
        let line = opened.line(cx, authority(call.url)).await?;
        match self.over(cx, call, &key, line, phases, false).await {
            Ok(answer) => answer,
            Err(failed) => Err(failed.error),
        }
    }

    async fn open(&self, cx: &ProbeCx, call: &Call<'_>, key: &Key, phases: &mut Phases) -> Result<Opened, ProbeError> {
        let dialed = self.dial(cx, &key.host, key.port).await?;
        (phases.dns, phases.connect) = (dialed.dns, dialed.connect);
        let what = authority(call.url);
        let Some((profile, name)) = &key.tls else {
            return Ok(Opened { stream: Stream::Plain(dialed.stream), two: false, tls: None });
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
        Ok(Opened { stream: Stream::Tls(Box::new(stream)), two, tls: Some(Arc::new(seen)) })
    }

    /// Over a connection that is closed after it.
    async fn once(
        &self,
        cx: &ProbeCx,
        call: &Call<'_>,
        opened: Opened,
        request: &[u8],
        mut phases: Phases,
    ) -> Result<Answer, ProbeError> {
        let Opened { mut stream, tls, .. } = opened;
        let what = authority(call.url);
        let (asked, patience) = (Instant::now(), cx.remaining());
        let answering = timeout_at(cx.deadline(), once::ask(&mut stream, request, &call.method, what)).await;
        let mut answering = answering.map_err(|_| no_headers(what, patience))??;
        let answered = Instant::now();
        phases.first_byte = answered - asked;
        cx.note("headers", format_args!("{} in {}", answering.status, Took(phases.first_byte)));
        let body = timeout_at(cx.deadline(), answering.body(&mut stream, call.max_body, what)).await;
        let body = whole(body, what, call.max_body, cx.deadline().saturating_duration_since(answered))?;
        phases.body = answered.elapsed();
        let once::Answering { status, version, headers, .. } = answering;
        Ok(Answer { status, version, headers, body, phases, reused: false, tls })
    }

    /// The outer error is one that came before any answer.
    async fn over(
        &self,
        cx: &ProbeCx,
        call: &Call<'_>,
        key: &Key,
        mut line: Line,
        mut phases: Phases,
        reused: bool,
    ) -> Result<Result<Answer, ProbeError>, Failed> {
        let what = authority(call.url);
        let request =
            request::general(call, line.channel.is_two()).map_err(|error| Failed { error, never_sent: false })?;
        let asked = Instant::now();
        // A kept connection may have been dropped in silence on the way; half the time is left to
        // find out over a fresh one.
        let patience = if reused && call.method.is_safe() { cx.remaining() / 2 } else { cx.remaining() };
        let response = match timeout_at(asked + patience, line.channel.send(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                return Err(Failed { never_sent: error.is_canceled(), error: from_hyper(&error, what) });
            }
            Err(_) => return Err(Failed { never_sent: false, error: no_headers(what, patience) }),
        };
        let answered = Instant::now();
        phases.first_byte = answered - asked;
        let (head, body) = response.into_parts();
        cx.note("headers", format_args!("{} in {}", head.status, Took(phases.first_byte)));

        let budget = cx.remaining();
        let body = timeout_at(cx.deadline(), collect(&mut line.channel, body, call.max_body, what)).await;
        let body = match whole(body, what, call.max_body, budget) {
            Ok(body) => body,
            Err(error) => return Ok(Err(error)),
        };
        phases.body = answered.elapsed();
        let tls = line.tls.clone();
        if call.reuse && timeout_at(cx.deadline(), line.channel.settle()).await == Ok(true) {
            self.kept.put(key.clone(), line);
        }
        let (status, version, headers) = (head.status, head.version, head.headers);
        Ok(Ok(Answer { status, version, headers, body, phases, reused, tls }))
    }
}

fn key(call: &Call<'_>) -> Result<Key, ProbeError> {
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

fn no_headers(what: &str, patience: Duration) -> ProbeError {
    let text = format!("{what} accepted the connection but sent no complete headers within {}", spoken(patience));
    ProbeError::target(Reason::Timeout, text)
}

/// The body, or what is wrong with it; `budget` is how long it had.
fn whole(
    collected: Result<Collected, Elapsed>,
    what: &str,
    limit: usize,
    budget: Duration,
) -> Result<Bytes, ProbeError> {
    match collected {
        Ok(Collected::Whole(body)) => Ok(body),
        Ok(Collected::TooLarge) => {
            let text = format!("expected at most {limit} bytes of body from {what}, saw more");
            Err(ProbeError::target(Reason::TooLarge, text))
        }
        Ok(Collected::Broken(mut error)) => {
            error.detail.push_str(" (headers were complete, the body was not)");
            Err(error)
        }
        Err(_) => {
            let text = format!("{what} sent headers but the body did not end within {}", spoken(budget));
            Err(ProbeError::target(Reason::Timeout, text))
        }
    }
}
