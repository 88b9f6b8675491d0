//! Opening connections at the instants they are due, and holding them. All of it is one future: whoever
//! drops it closes them all.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use url::{Position, Url};

use super::Load;
use super::drive::MIN_ENDED;
use super::facts::{Facts, Times};
use super::sockets::{Held, Sockets, gauge};
use crate::model::Reason;
use crate::probe::kinds::http::shown;
use crate::probe::kinds::websocket::handshake;
use crate::probe::net::http::{Call, Upgrade};
use crate::probe::net::tls::{Alpn, TlsProfile};
use crate::probe::net::{Clients, Stream, from_io};
use crate::probe::{Blame, ProbeCx, ProbeError};

/// Small, because there may be thousands of connections.
const BUFFER: usize = 1 << 10;
const REFUSAL: usize = 512;
/// Bytes of the page of metrics.
const PAGE: usize = 8 << 20;

/// What all connections of a run have in common.
struct Run<'a> {
    cx: &'a ProbeCx,
    leg: &'a Sockets,
    url: Url,
    headers: HeaderMap,
    tls: TlsProfile,
    server_name: Option<&'a str>,
    clients: Clients,
    /// How long an upgrade, and a close, may take.
    patience: Duration,
    end: Instant,
    seen: Mutex<Seen>,
}

struct Seen {
    frames: u64,
    round_trips: Times,
}

/// A connection that was tried.
struct Tried {
    due: Instant,
    outcome: Result<(Stream, Bytes), ProbeError>,
}

/// One that ended: well, or why.
type Ended = Result<bool, ProbeError>;

impl Load {
    pub(super) async fn hold(&self, cx: &ProbeCx, leg: &Sockets) -> Result<Facts, ProbeError> {
        let url = self.allowed_url(cx)?;
        let patience = self.request_timeout();
        let length = leg.ramp() + Duration::from_secs(leg.hold_s.into());
        // The gauge is read before, and every connection is closed after.
        let needed = length + patience * 2;
        if needed > cx.remaining() + Duration::from_millis(100) {
            let text = format!("the run takes up to {} s, which is more than its timeout", needed.as_secs());
            return Err(ProbeError::unconfigured(text));
        }
        leg.check_files()?;
        let http = self.as_http();
        let mut run = Run {
            cx,
            leg,
            headers: http.sending(cx).await?.headers,
            tls: self.tls.profile(cx, Alpn::None),
            server_name: self.tls.server_name(cx),
            clients: Clients::new(),
            patience,
            end: Instant::now() + length,
            seen: Mutex::new(Seen { frames: 0, round_trips: Times::new()? }),
            url,
        };
        let before = run.gauge().await?;
        // What was spent on the gauge is not taken from the time they are held.
        run.end = Instant::now() + length;
        let mut held = run.all(self.late_s, self.abort_above).await?;
        held.gauge_before = before;
        let url = shown(&run.url).replacen("http", "ws", 1);
        Ok(Facts { url, websocket: Some(held), ..Facts::default() })
    }
}

impl Run<'_> {
    async fn all(&self, late_s: f64, abort_above: f64) -> Result<Held, ProbeError> {
        let begun = Instant::now();
        let wanted = u64::from(self.leg.connections);
        let mut held = Held { wanted, ..Held::default() };
        let mut connects = Times::new()?;
        let (mut opening, mut open) = (FuturesUnordered::new(), FuturesUnordered::new());
        // In the middle of the time they are held.
        let middle = self.end - Duration::from_secs(self.leg.hold_s.into()) / 2;
        let mut gauge = std::pin::pin!(async {
            sleep_until(middle).await;
            self.gauge().await
        });
        let mut is_gauge_open = self.leg.gauge.is_some();
        loop {
            let more = held.tried < wanted && !held.aborted;
            if held.aborted || (!more && opening.is_empty() && open.is_empty()) {
                // Those that are open when a run is aborted are dropped, and closed by that.
                break;
            }
            let due = begun + self.leg.due(held.tried);
            tokio::select! {
                () = sleep_until(due), if more => {
                    held.late += u64::from(due.elapsed().as_secs_f64() > late_s);
                    held.tried += 1;
                    opening.push(self.connect(due));
                }
                Some(tried) = opening.next(), if !opening.is_empty() => {
                    let Tried { due, outcome } = tried;
                    match outcome {
                        Ok((stream, ahead)) => {
                            held.established += 1;
                            connects.record(due.elapsed());
                            open.push(self.keep(stream, ahead));
                            held.peak = held.peak.max(open.len() as u64);
                        }
                        Err(error) => count(&mut held.failed, &mut held.first_error, error)?,
                    }
                }
                Some(ended) = open.next(), if !open.is_empty() => {
                    let ended: Ended = ended;
                    match ended {
                        Ok(closed) => held.closed += u64::from(closed),
                        Err(error) => count(&mut held.dropped, &mut held.first_error, error)?,
                    }
                }
                value = &mut gauge, if is_gauge_open => {
                    is_gauge_open = false;
                    held.gauge = value?;
                }
            }
            let (failed, dropped) = held.bad();
            held.aborted = held.tried >= MIN_ENDED && (failed + dropped) as f64 > abort_above * held.tried as f64;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        held.frames = std::mem::take(&mut seen.frames);
        held.round_trip = seen.round_trips.latency();
        held.connect = connects.latency();
        held.seconds = begun.elapsed().as_secs_f64();
        Ok(held)
    }

    async fn connect(&self, due: Instant) -> Tried {
        let cx = self.cx.anew((Instant::now() + self.patience).min(self.cx.deadline()));
        Tried { due, outcome: self.upgraded(&cx).await }
    }

    async fn upgraded(&self, cx: &ProbeCx) -> Result<(Stream, Bytes), ProbeError> {
        let (headers, accept) = handshake::opening(&self.headers)?;
        let (tls, server_name) = (&self.tls, self.server_name);
        let upgrade = Upgrade { url: &self.url, headers, max_body: REFUSAL, tls, server_name };
        let answer = self.clients.upgrade(cx, &upgrade).await?;
        let what = self.what();
        if answer.status != StatusCode::SWITCHING_PROTOCOLS {
            let text = format!("{what} answered the upgrade with {}", answer.status.as_u16());
            return Err(ProbeError::target(Reason::Status, text));
        }
        if let Some(rule) = handshake::broken_rule(&answer.headers, &accept) {
            return Err(ProbeError::target(Reason::Protocol, format!("{what} broke the rules of an upgrade: {rule}")));
        }
        answer.stream.ok_or_else(|| ProbeError::target(Reason::Reset, format!("{what} ended an upgraded connection")))
    }

    /// Until the end: whether it was closed well then. In a box, for it is small, and what opened it was not.
    fn keep(&self, stream: Stream, ahead: Bytes) -> impl Future<Output = Ended> + '_ {
        Box::pin(async move {
            let limit = usize::try_from(self.leg.max_message).unwrap_or(usize::MAX);
            let config = WebSocketConfig::default()
                .read_buffer_size(BUFFER)
                .write_buffer_size(0)
                .max_message_size(Some(limit))
                .max_frame_size(Some(limit));
            let ahead = ahead.to_vec();
            let mut socket = WebSocketStream::from_partially_read(stream, ahead, Role::Client, Some(config)).await;
            self.talk(&mut socket).await?;
            Ok(self.close(&mut socket).await)
        })
    }

    async fn talk(&self, socket: &mut WebSocketStream<Stream>) -> Result<(), ProbeError> {
        let (heartbeat, sends) = (self.leg.heartbeat(), self.leg.ping || self.leg.echo.is_some());
        let mut silent_at = Instant::now() + heartbeat;
        let mut next_at = Instant::now();
        let mut asked_at = None;
        loop {
            let wake = if sends { silent_at.min(next_at) } else { silent_at };
            tokio::select! {
                biased;
                () = sleep_until(self.end) => return Ok(()),
                frame = socket.next() => {
                    let frame = frame.unwrap_or(Err(Error::ConnectionClosed)).map_err(|error| self.fault(error))?;
                    if let Frame::Close(frame) = &frame {
                        let code = frame.as_ref().map_or(1005, |frame| u16::from(frame.code));
                        let text = format!("{} closed a connection that was held, with {code}", self.what());
                        return Err(ProbeError::target(Reason::Reset, text));
                    }
                    let is_answer = match (&self.leg.echo, &frame) {
                        (Some(text), Frame::Text(came)) => came.as_str() == text,
                        (None, Frame::Pong(_)) => true,
                        _ => false,
                    };
                    // Where something is to come back as it is, nothing else is a sign of life.
                    if is_answer || self.leg.echo.is_none() {
                        silent_at = Instant::now() + heartbeat;
                    }
                    let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.frames += 1;
                    if let Some(at) = asked_at.take_if(|_| is_answer) {
                        let at: Instant = at;
                        seen.round_trips.record(at.elapsed());
                    }
                }
                () = sleep_until(wake) => {
                    let now = Instant::now();
                    if now >= silent_at {
                        let text = format!("{} sent nothing for {} s", self.what(), self.leg.heartbeat_s);
                        return Err(ProbeError::target(Reason::Timeout, text));
                    }
                    next_at = now + heartbeat / 2;
                    asked_at.get_or_insert(now);
                    let frame = match &self.leg.echo {
                        Some(text) => Frame::text(text.clone()),
                        None => Frame::Ping(Bytes::from_static(b"readiness")),
                    };
                    // What is not taken for so long is as dead as what is silent.
                    match timeout_at(silent_at, socket.send(frame)).await {
                        Ok(sent) => sent.map_err(|error| self.fault(error))?,
                        Err(_) => {
                            let text = format!("{} took nothing for {} s", self.what(), self.leg.heartbeat_s);
                            return Err(ProbeError::target(Reason::Timeout, text));
                        }
                    }
                }
            }
        }
    }

    /// Whether the server answered a close.
    async fn close(&self, socket: &mut WebSocketStream<Stream>) -> bool {
        let until = Instant::now() + self.patience;
        let frame = Frame::Close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }));
        let answered = timeout_at(until, async {
            socket.send(frame).await.ok()?;
            while let Some(came) = socket.next().await {
                if let Frame::Close(_) = came.ok()? {
                    return Some(());
                }
            }
            None
        });
        matches!(answered.await, Ok(Some(())))
    }

    async fn gauge(&self) -> Result<Option<f64>, ProbeError> {
        let (Some(name), Some(page)) = (&self.leg.gauge, &self.leg.gauge_url) else { return Ok(None) };
        let unusable = |why: String| ProbeError::unconfigured(format!("the page of the gauge cannot be used: {why}"));
        let url = crate::probe::kinds::http::request::parse_url(page).map_err(unusable)?;
        let cx = self.cx.anew((Instant::now() + self.patience).min(self.cx.deadline()));
        let call = Call {
            url: &url,
            method: Method::GET,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            max_body: PAGE,
            reuse: false,
            tls: &self.tls,
            server_name: None,
        };
        // That it is not there is for the verdict to say.
        let answer = self.clients.call(&cx, &call).await.ok().filter(|answer| answer.status.is_success());
        Ok(answer.and_then(|answer| gauge(&String::from_utf8_lossy(&answer.body), name)))
    }

    fn what(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    fn fault(&self, error: Error) -> ProbeError {
        let what = self.what();
        match error {
            Error::Io(error) => from_io(&error, what),
            Error::Capacity(_) => {
                let text = format!("{what} sent a message of more than {} bytes", self.leg.max_message);
                ProbeError::target(Reason::TooLarge, text)
            }
            Error::Utf8(_) => ProbeError::target(Reason::Protocol, format!("{what} sent text that is none")),
            _ => ProbeError::target(Reason::Reset, format!("{what} ended a connection that was held")),
        }
    }
}

/// What the exporter lacks says nothing about the target, and ends the run.
fn count(
    by_reason: &mut std::collections::BTreeMap<String, u64>,
    first: &mut Option<String>,
    error: ProbeError,
) -> Result<(), ProbeError> {
    if error.blame == Blame::Observer {
        return Err(error);
    }
    *by_reason.entry(error.reason.as_str().to_owned()).or_default() += 1;
    first.get_or_insert(error.detail);
    Ok(())
}
