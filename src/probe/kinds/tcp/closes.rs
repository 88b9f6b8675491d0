//! How long a server of HTTP keeps a connection on which nothing more comes.

use std::io::ErrorKind;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::{Tcp, TcpFacts};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::net::tls::{Alpn, TlsProfile, Trust};
use crate::probe::net::{Address, Stream, from_io};
use crate::probe::{Findings, ProbeCx, ProbeError};

/// Something is sent, and then nothing more; the server must wait for a while, and then close the connection.
/// One that it ends at once shows no time-out.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Closes {
    after: After,
    /// Seconds from the half header line, or from the last byte of the answer, until it is closed at the latest;
    /// the timeout of the check must be longer.
    within_s: u32,
    /// Milliseconds from then in which the server must neither close it nor say anything; less than `within_s`.
    #[serde(default = "Closes::kept_ms")]
    kept_ms: u32,
}

impl Closes {
    /// The shortest time-outs that servers can be set to are whole seconds.
    const fn kept_ms() -> u32 {
        500
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum After {
    /// A request of HTTP that ends in the middle of a header line.
    HalfHeader,
    /// A whole request and its answer; the client says that it would keep the connection.
    Answer,
}

/// What became of the connection.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Closing {
    /// Seconds from the half header line, or from the last byte of the answer, until the server closed; null if
    /// it did not.
    closed_after_s: Option<f64>,
    /// Seconds that were waited for it.
    waited_s: f64,
    /// The server answered something of HTTP.
    answered: bool,
    /// How the answer ended.
    #[serde(default)]
    answer: Answer,
    /// Seconds from then until the server did something: closed, or with half a header said something.
    #[serde(default)]
    quiet_s: f64,
    /// It did not close the connection, but reset it.
    #[serde(default)]
    reset: bool,
}

const WITHIN_CEILING_S: u32 = 600;
/// Bytes of an answer beyond which nothing is judged.
const MAX_ANSWER: usize = 1 << 20;

pub(super) fn check(tcp: &Tcp, findings: &mut Findings) {
    let Some(closes) = &tcp.closes else { return };
    if !(1..=WITHIN_CEILING_S).contains(&closes.within_s) {
        findings.error("closes.within_s", format!("expected 1 to {WITHIN_CEILING_S}"));
    }
    if u64::from(closes.kept_ms) >= u64::from(closes.within_s) * 1000 {
        findings.error("closes.kept_ms", "expected less than `within_s`");
    }
    if tcp.target.is_none() || tcp.of_many() || tcp.expect != super::Expect::Open {
        findings.error("closes", "it is about one open port of a `target`");
    }
}

pub(super) async fn observe(closes: &Closes, cx: &ProbeCx, place: &Address) -> Result<TcpFacts, ProbeError> {
    let within = Duration::from_secs(closes.within_s.into());
    if cx.remaining() <= within {
        let text = format!("waiting for {} s does not fit into the timeout", closes.within_s);
        return Err(ProbeError::unconfigured(text));
    }
    let address = place.to_string();
    let mut stream = connect(cx, place, &address).await?;
    let lost = |error: &std::io::Error| from_io(error, &address);
    let host = &place.host;
    let request = match closes.after {
        After::HalfHeader => format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-Re"),
        After::Answer => format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive\r\n\r\n"),
    };
    let sent = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await
    };
    timeout_at(cx.deadline(), sent)
        .await
        .map_err(|_| ProbeError::target(Reason::Timeout, format!("{address} took no request")))?
        .map_err(|error| lost(&error))?;
    let (mut last, mut spoke, mut answer) = (Instant::now(), None, Vec::<u8>::new());
    let mut buffer = vec![0; 8192];
    let (closed, reset) = loop {
        let until = (last + within).min(cx.deadline());
        match timeout_at(until, stream.read(&mut buffer)).await {
            Err(_) => break (None, false),
            Ok(Ok(0)) => break (Some(last.elapsed()), false),
            // Over TLS also an end without good manners.
            Ok(Err(error)) => break (Some(last.elapsed()), error.kind() == ErrorKind::ConnectionReset),
            Ok(Ok(count)) => {
                // What is said about half a header does not begin the wait anew.
                match closes.after {
                    After::HalfHeader => drop(spoke.get_or_insert_with(|| last.elapsed())),
                    After::Answer => last = Instant::now(),
                }
                answer.extend(buffer.iter().take(count));
                if answer.len() > MAX_ANSWER {
                    let text = format!("{address} answered with more than {MAX_ANSWER} bytes");
                    return Err(ProbeError::observer(Reason::TooLarge, text));
                }
            }
        }
    };
    let closing = Closing {
        closed_after_s: closed.map(|took| took.as_secs_f64()),
        waited_s: last.elapsed().as_secs_f64(),
        answered: answer.starts_with(b"HTTP/"),
        answer: Answer::read(&answer),
        quiet_s: spoke.or(closed).unwrap_or_else(|| last.elapsed()).as_secs_f64(),
        reset,
    };
    let how = if reset { "reset" } else { "closed" };
    let seen = match closing.closed_after_s {
        Some(after) => format!("it was {how} after {after:.1} s"),
        None => format!("it was still open after {:.0} s", closing.waited_s),
    };
    Ok(TcpFacts { outcome: Some(super::Outcome::Open), address, seen, closing: Some(closing), ..TcpFacts::default() })
}

async fn connect(cx: &ProbeCx, place: &Address, what: &str) -> Result<Stream, ProbeError> {
    let socket = cx.clients().dial(cx, &place.host, place.port).await?.stream;
    let target = cx.target()?;
    if !target.address.starts_with("https://") {
        return Ok(Stream::Plain(socket));
    }
    let profile = TlsProfile::of(&target.tls, Alpn::None);
    let name = target.tls.server_name.as_deref().unwrap_or(&place.host);
    let shaken = cx.clients().handshake(cx, socket, &profile, Trust::Enforced, name, what).await?;
    shaken.stream.map(|stream| Stream::Tls(Box::new(stream)))
}

pub(super) fn judge(closes: &Closes, facts: &TcpFacts, closing: &Closing) -> Verdict {
    let what = match closes.after {
        After::HalfHeader => "half a header line",
        After::Answer => "an answer",
    };
    let (address, within) = (&facts.address, closes.within_s);
    let sentence = format!("expected {address} to close a connection within {within} s after {what}; {}", facts.seen);
    if closes.after == After::Answer && !closing.answered {
        let sentence = format!("expected an answer of HTTP from {address} on a connection that is kept, saw none");
        return Verdict::fail(Reason::Protocol, sentence);
    }
    let hasty = closing.quiet_s < f64::from(closes.kept_ms) / 1000.0;
    match closing.closed_after_s {
        Some(_) if closes.after == After::Answer && closing.answer == Answer::Cut => {
            let sentence = format!("expected a whole answer from {address}, and it broke off; {}", facts.seen);
            Verdict::fail(Reason::Protocol, sentence)
        }
        Some(_) if closes.after == After::Answer && closing.answer == Answer::Ends => {
            let sentence = format!(
                "expected {address} to keep a connection after an answer, saw that it ends each: how long it would keep \
                 one cannot be told"
            );
            Verdict::indeterminate(Reason::NoData, sentence)
        }
        Some(_) if hasty => {
            let (kept, quiet) = (f64::from(closes.kept_ms) / 1000.0, closing.quiet_s);
            let did = match (closing.reset, closing.answered && closes.after == After::HalfHeader) {
                (_, true) => "it answered",
                (true, false) => "it was reset",
                (false, false) => "it was closed",
            };
            let sentence = format!(
                "expected {address} to wait on a connection for {kept:.1} s after {what}, and then to close it within \
                 {within} s; {did} after {quiet:.3} s, which is no time-out"
            );
            Verdict::fail(if closing.reset { Reason::Reset } else { Reason::Assertion }, sentence)
        }
        Some(after) => {
            let proof = Proof::of("closed", format!("within {within} s after {what}"), format!("after {after:.1} s"));
            Verdict::pass(proof, sentence).measured("closed_after_seconds", after, Some(within.into()))
        }
        None => Verdict::fail(Reason::Timeout, sentence),
    }
}
