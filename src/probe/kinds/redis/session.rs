//! One connection: dialled and encrypted by the exporter, then one answer for one request.
//!
//! The multiplexed connection of the crate drops what a server says before it is asked, and that is
//! how a full or protected server introduces itself; so only the crate's parser is used.

use std::time::Duration;

use redis::{Value, parse_redis_value_async};
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::model::{Reason, TlsFiles};
use crate::probe::net::tls::{Alpn, TlsProfile, Trust};
use crate::probe::net::{Stream, Took, spoken};
use crate::probe::{ProbeCx, ProbeError};

use super::address::Address;
use super::bounded::Bounded;
use super::fault::Refusal;

/// No answer may have more bytes. That of INFO has some thousands.
const LIMIT: usize = 1 << 20;

pub(super) struct Session {
    stream: Bounded<Stream>,
    /// `host:port`, for sentences.
    pub(super) peer: String,
    pub(super) tls: bool,
    /// How long it took to connect, with TLS.
    pub(super) connect_s: f64,
}

impl Session {
    pub(super) async fn open(cx: &ProbeCx, address: &Address, files: &TlsFiles) -> Result<Self, ProbeError> {
        let begun = Instant::now();
        let peer = address.peer.clone();
        let socket = cx.clients().dial(cx, &address.host, address.port).await?.stream;
        let stream = if address.tls {
            let profile = TlsProfile::of(files, Alpn::None);
            let name = files.server_name.as_deref().unwrap_or(&address.host);
            let shaken = cx.clients().handshake(cx, socket, &profile, Trust::Enforced, name, &peer).await?;
            Stream::Tls(Box::new(shaken.stream?))
        } else {
            Stream::Plain(socket)
        };
        let stream = Bounded::new(stream, peer.clone(), LIMIT);
        Ok(Self { stream, peer, tls: address.tls, connect_s: begun.elapsed().as_secs_f64() })
    }

    /// Waits while nothing happens, for so long at most. Fails if the connection has ended, or if
    /// something is said that nobody asked for.
    pub(super) async fn idle(&mut self, time: Duration) -> Result<(), ProbeError> {
        let peer = &self.peer;
        match timeout(time, self.stream.read_u8()).await {
            Err(_) => Ok(()),
            Ok(Ok(_)) => Err(ProbeError::target(Reason::Protocol, format!("{peer} spoke without being asked"))),
            Ok(Err(_)) => Err(self.stream.failed().unwrap_or_else(|| {
                ProbeError::target(Reason::Reset, format!("{peer} closed the connection that was held open"))
            })),
        }
    }

    /// Sends one request, of which sentences speak as `what`, and reads one answer.
    pub(super) async fn ask(
        &mut self,
        cx: &ProbeCx,
        request: &[u8],
        what: &str,
    ) -> Result<Result<Value, Refusal>, ProbeError> {
        let begun = Instant::now();
        let answer = self.ask_all(cx, request, 1, what).await?.pop().unwrap_or(Value::Nil);
        if let Value::ServerError(error) = answer {
            let refusal = Refusal::of(&error);
            cx.note("answer", format!("{what}: {} in {}", refusal.code, Took(begun.elapsed())));
            return Ok(Err(refusal));
        }
        cx.note("answer", format!("{what} in {}", Took(begun.elapsed())));
        Ok(Ok(answer))
    }

    /// Sends so many requests at once, and reads as many answers. All of them together may have no more
    /// bytes than one.
    pub(super) async fn ask_all(
        &mut self,
        cx: &ProbeCx,
        requests: &[u8],
        count: usize,
        what: &str,
    ) -> Result<Vec<Value>, ProbeError> {
        let budget = cx.remaining();
        let answers = async {
            self.stream.ask(requests).await;
            let (mut decoder, mut answers) = (Default::default(), Vec::with_capacity(count));
            for _ in 0..count {
                answers.push(parse_redis_value_async(&mut decoder, &mut self.stream).await?);
            }
            Ok(answers)
        };
        let answers = timeout_at(cx.deadline(), answers).await;
        let peer = &self.peer;
        let Ok(answers) = answers else {
            let sentence =
                format!("{peer} accepted the connection but did not answer {what} within {}", spoken(budget));
            return Err(ProbeError::target(Reason::Timeout, sentence));
        };
        answers.map_err(|error| self.stream.failed().unwrap_or_else(|| unheard(&error, peer, what)))
    }
}

fn unheard(error: &redis::RedisError, peer: &str, what: &str) -> ProbeError {
    if error.is_io_error() {
        return ProbeError::target(Reason::Reset, format!("{peer} closed the connection instead of answering {what}"));
    }
    not_redis(peer, what)
}

/// Something was answered, and Redis would not answer it.
pub(super) fn not_redis(peer: &str, what: &str) -> ProbeError {
    ProbeError::target(Reason::Protocol, format!("{peer} does not speak Redis: its answer to {what} is none"))
}
