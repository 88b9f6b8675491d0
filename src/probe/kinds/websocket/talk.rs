//! Frames over an upgraded connection: steps, ping, close. Nothing here judges.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message as Frame};

use super::WebSocket;
use super::facts::{Ended, Facts, Message, Stepped};
use super::step::Wanted;
use crate::model::Reason;
use crate::probe::line::line;
use crate::probe::net::{Stream, from_io, spoken};
use crate::probe::{Blame, ProbeCx, ProbeError};

/// Pings and pongs of the server that are borne for each message it may send.
const CONTROL: u32 = 10;
const TEXT: usize = 120;

pub(super) struct Talk<'a> {
    leg: &'a WebSocket,
    cx: &'a ProbeCx,
    socket: WebSocketStream<Stream>,
    what: &'a str,
    /// Frames that may still come.
    data_left: u32,
    control_left: u32,
}

/// Something that came.
enum Came {
    Message(Message),
    Pong(Bytes),
    Closed,
}

impl<'a> Talk<'a> {
    /// `ahead` is what was read behind the answer. `what` is `host:port`.
    pub(super) async fn over(
        leg: &'a WebSocket,
        cx: &'a ProbeCx,
        (stream, ahead): (Stream, Bytes),
        what: &'a str,
    ) -> Self {
        let limit = usize::try_from(leg.max_message).unwrap_or(usize::MAX);
        let config = WebSocketConfig::default()
            .read_buffer_size(16 << 10)
            .write_buffer_size(0)
            .max_message_size(Some(limit))
            .max_frame_size(Some(limit));
        let socket = WebSocketStream::from_partially_read(stream, ahead.to_vec(), Role::Client, Some(config)).await;
        let control_left = leg.max_messages.saturating_mul(CONTROL);
        Self { leg, cx, socket, what, data_left: leg.max_messages, control_left }
    }

    /// Does all that is written, and writes down how far it got.
    pub(super) async fn run(mut self, facts: &mut Facts) {
        if let Err(ended) = self.exchange(facts).await {
            facts.ended = Some(ended);
        }
        if facts.close_code.is_none() {
            self.close(facts).await;
        }
    }

    async fn exchange(&mut self, facts: &mut Facts) -> Result<(), Ended> {
        let leg = self.leg;
        for step in &leg.steps {
            let expected = step.expected();
            let ready = step.ready().map_err(|why| ended(&expected, ProbeError::unconfigured(why)))?;
            let begun = Instant::now();
            if let Some(text) = ready.send {
                self.send(Frame::text(text), &expected).await?;
            }
            let mut stepped = Stepped::default();
            if let Wanted::Nothing = ready.wanted {
                stepped.done = true;
            }
            let until = self.until();
            while !stepped.done {
                match self.next(facts, until, &expected).await? {
                    Came::Message(message) if ready.wanted.accepts(&message) => stepped.done = true,
                    Came::Message(_) if stepped.skipped < ready.skip => stepped.skipped += 1,
                    Came::Message(_) => break,
                    Came::Pong(_) => {}
                    Came::Closed => return Err(self.closed_early(facts, &expected)),
                }
            }
            stepped.took_s = begun.elapsed().as_secs_f64();
            let done = stepped.done;
            facts.steps.push(stepped);
            if !done {
                return Ok(());
            }
        }
        if leg.ping { self.ping(facts).await } else { Ok(()) }
    }

    async fn ping(&mut self, facts: &mut Facts) -> Result<(), Ended> {
        const EXPECTED: &str = "a pong";
        let payload = Bytes::from(format!("readiness {}", self.cx.now().0));
        let begun = Instant::now();
        self.send(Frame::Ping(payload.clone()), EXPECTED).await?;
        let until = self.until();
        loop {
            match self.next(facts, until, EXPECTED).await? {
                Came::Pong(answer) if answer == payload => {
                    facts.ping_s = Some(begun.elapsed().as_secs_f64());
                    return Ok(());
                }
                // A pong may come unasked, and means nothing then.
                Came::Pong(_) | Came::Message(_) => {}
                Came::Closed => return Err(self.closed_early(facts, EXPECTED)),
            }
        }
    }

    /// Closes, and waits for the answer. That none comes is no error of the talk.
    async fn close(&mut self, facts: &mut Facts) {
        const EXPECTED: &str = "the answer to a close";
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let until = self.until();
        let mut outcome = self.send(Frame::Close(Some(frame)), EXPECTED).await;
        while outcome.is_ok() && facts.close_code.is_none() {
            outcome = self.next(facts, until, EXPECTED).await.map(drop);
        }
        if let (Err(why), true) = (outcome, self.leg.close_code.is_some()) {
            facts.ended.get_or_insert(why);
        }
    }

    fn until(&self) -> Instant {
        let within = Duration::try_from_secs_f64(self.leg.within_s).unwrap_or(Duration::from_secs(5));
        (Instant::now() + within).min(self.cx.deadline())
    }

    async fn send(&mut self, frame: Frame, expected: &str) -> Result<(), Ended> {
        let until = self.until();
        match timeout_at(until, self.socket.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ended(expected, self.fault(error))),
            Err(_) => {
                let text = format!("{} did not take it", self.what);
                Err(ended(expected, ProbeError::target(Reason::Timeout, text)))
            }
        }
    }

    /// The next thing that is no ping.
    async fn next(&mut self, facts: &mut Facts, until: Instant, expected: &str) -> Result<Came, Ended> {
        let begun = Instant::now();
        loop {
            let frame = match timeout_at(until, self.socket.next()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Err(ended(expected, self.fault(error))),
                Ok(None) => return Err(ended(expected, self.fault(Error::ConnectionClosed))),
                Err(_) => {
                    let text = format!("{} sent nothing of the kind within {}", self.what, spoken(begun.elapsed()));
                    return Err(ended(expected, ProbeError::target(Reason::Timeout, text)));
                }
            };
            let message = match frame {
                Frame::Text(text) => {
                    let (bytes, text) = (text.len() as u64, text.as_str().to_owned());
                    Message { json: serde_json::from_str(&text).ok(), text: Some(text), bytes }
                }
                Frame::Binary(bytes) => Message { bytes: bytes.len() as u64, ..Message::default() },
                Frame::Close(frame) => {
                    facts.close_code = Some(frame.as_ref().map_or(1005, |frame| u16::from(frame.code)));
                    facts.close_reason = frame.map(|frame| line(frame.reason.as_str(), TEXT)).unwrap_or_default();
                    return Ok(Came::Closed);
                }
                Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_) => {
                    self.control_left = self.control_left.checked_sub(1).ok_or_else(|| self.too_many(expected))?;
                    match frame {
                        Frame::Pong(payload) => return Ok(Came::Pong(payload)),
                        _ => continue,
                    }
                }
            };
            self.data_left = self.data_left.checked_sub(1).ok_or_else(|| self.too_many(expected))?;
            facts.messages.push(message.clone());
            return Ok(Came::Message(message));
        }
    }

    fn too_many(&self, expected: &str) -> Ended {
        let text = format!("{} sent more than {} messages", self.what, self.leg.max_messages);
        ended(expected, ProbeError::target(Reason::TooLarge, text))
    }

    fn closed_early(&self, facts: &Facts, expected: &str) -> Ended {
        let code = facts.close_code.unwrap_or_default();
        let text = match facts.close_reason.as_str() {
            "" => format!("{} closed with {code}", self.what),
            reason => format!("{} closed with {code}: {reason}", self.what),
        };
        ended(expected, ProbeError::target(Reason::Reset, text))
    }

    fn fault(&self, error: Error) -> ProbeError {
        let what = self.what;
        match error {
            Error::Io(error) => from_io(&error, what),
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                let text = format!("{what} sent a message of {size} bytes, and {max_size} are allowed");
                ProbeError::target(Reason::TooLarge, text)
            }
            Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
                ProbeError::target(Reason::Reset, format!("{what} ended the connection without a close"))
            }
            Error::Protocol(_) | Error::Utf8(_) => {
                let text = format!("{what} broke the WebSocket protocol: {}", line(&error.to_string(), TEXT));
                ProbeError::target(Reason::Protocol, text)
            }
            other => ProbeError::internal(format!("{what}: {}", line(&other.to_string(), TEXT))),
        }
    }
}

fn ended(during: &str, error: ProbeError) -> Ended {
    Ended {
        during: during.to_owned(),
        reason: error.reason.as_str().to_owned(),
        to_blame: error.blame == Blame::Target,
        seen: error.detail,
    }
}
