//! One session: connect, log in, ask, go.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout, timeout_at};

use crate::model::{Reason, Secret, TlsFiles};
use crate::probe::line::line;
use crate::probe::net::{Stream, from_io};
use crate::probe::{ProbeCx, ProbeError};

use super::address::Address;
use super::fault::{self, Phase};
use super::relay::{Relay, Relayed};
use super::{Facts, Login, PROTOCOL, Postgres, query, wire};

/// How long a server may take to end a session.
const FAREWELL: Duration = Duration::from_millis(250);

/// Where to log in, and with what.
pub(super) struct Entry<'a> {
    pub(super) address: &'a Address,
    pub(super) tls: &'a TlsFiles,
    pub(super) password: Option<&'a Secret>,
}

/// What is known of a session while it lasts.
struct Progress {
    started: Instant,
    /// The server took the credentials.
    authenticated: AtomicBool,
    /// The login is complete.
    accepted: AtomicBool,
}

/// Connects and runs the leg's query, all within the deadline.
pub(super) async fn run(leg: &Postgres, cx: &ProbeCx, entry: Entry<'_>) -> Result<Facts, ProbeError> {
    // sqlx panics over some messages that are malformed. Nothing of a session that panicked is
    // used again. Once somebody was logged in, it may as well be our own mistake.
    let progress =
        Progress { started: Instant::now(), authenticated: AtomicBool::new(false), accepted: AtomicBool::new(false) };
    let address = entry.address;
    let guarded = AssertUnwindSafe(connect(leg, cx, &entry, &progress)).catch_unwind().await;
    let ended = guarded.unwrap_or_else(|_| {
        if progress.accepted.load(Ordering::Relaxed) {
            return Err(ProbeError::internal(format!("the answer of {address} could not be read; this is a bug")));
        }
        Err(ProbeError::target(Reason::Protocol, format!("{address} sent a message that is malformed")))
    });
    ended.map(|facts| Facts { authenticated: progress.authenticated.load(Ordering::Relaxed), ..facts })
}

async fn connect(leg: &Postgres, cx: &ProbeCx, entry: &Entry<'_>, progress: &Progress) -> Result<Facts, ProbeError> {
    let address = entry.address;
    let peer = address.to_string();
    let Some(host) = address.network() else {
        if address.insists() {
            return Err(ProbeError::unconfigured(format!("{peer} is a Unix socket, which has no TLS")));
        }
        let server = wire::open_local(cx, address).await?;
        return through(leg, cx, entry, server, false, progress).await;
    };
    let socket = cx.clients().dial(cx, host, address.port).await?.stream;
    let Some(server) = wire::open(cx, address, host, entry.tls, socket).await? else {
        return without_tls(leg, address, &peer, progress);
    };
    let encrypted = matches!(server, Stream::Tls(_));
    through(leg, cx, entry, server, encrypted, progress).await
}

/// A session over this connection, with the relay between.
async fn through<S: AsyncRead + AsyncWrite>(
    leg: &Postgres,
    cx: &ProbeCx,
    entry: &Entry<'_>,
    server: S,
    encrypted: bool,
    progress: &Progress,
) -> Result<Facts, ProbeError> {
    let address = entry.address;
    let peer = address.to_string();
    let relay = Relay::open(address.port)
        .map_err(|error| ProbeError::internal(format!("no socket inside the exporter: {}", error.kind())))?;
    let options = address.options(entry.password)?.socket(relay.directory());
    // Rows have an overhead of their own.
    let limit = leg.max_bytes.saturating_mul(4).saturating_add(1 << 20);
    let relayed = relay.run(server, limit, &progress.authenticated);
    let session = session(leg, cx, address, &options, encrypted, progress);
    tokio::pin!(session, relayed);
    tokio::select! {
        facts = &mut session => {
            // Until the server has closed it too, the session counts against the limit of the role.
            let _ = timeout(FAREWELL.min(cx.remaining()), relayed).await;
            facts
        }
        relayed = &mut relayed => match relayed {
            Ok(Relayed::TooMuch) => Err(query::too_large(format!("the answer of {peer} has more than {limit} bytes"))),
            Ok(Relayed::Malformed(length)) => Err(ProbeError::target(
                Reason::Protocol,
                format!("{peer} does not speak PostgreSQL: a message claims a length of {length} bytes"),
            )),
            // The session finds out by itself what the server said last.
            Ok(Relayed::Closed) => session.await,
            Err(error) => match session.await {
                // It only saw the relay close; the relay knows why.
                Err(seen) if seen.reason == Reason::Reset => Err(from_io(&error, &peer)),
                ended => ended,
            },
        },
    }
}

fn without_tls(leg: &Postgres, address: &Address, peer: &str, progress: &Progress) -> Result<Facts, ProbeError> {
    if !leg.is_negative() {
        let sentence = format!("expected {peer} to encrypt the connection, and it refuses TLS");
        return Err(ProbeError::target(Reason::TlsHandshake, sentence));
    }
    Ok(Facts {
        login: Login::Refused,
        sqlstate: PROTOCOL.to_owned(),
        message: "the server refuses TLS".to_owned(),
        connect_s: progress.started.elapsed().as_secs_f64(),
        sslmode: address.sslmode,
        ..Facts::default()
    })
}

async fn session(
    leg: &Postgres,
    cx: &ProbeCx,
    address: &Address,
    options: &PgConnectOptions,
    encrypted: bool,
    progress: &Progress,
) -> Result<Facts, ProbeError> {
    let started = progress.started;
    let peer = address.to_string();
    let login = timeout_at(cx.deadline(), PgConnection::connect_with(options)).await;
    let connect_s = started.elapsed().as_secs_f64();
    let mut facts = Facts { connect_s, tls: encrypted, sslmode: address.sslmode, ..Facts::default() };
    let mut connection = match login {
        Err(_) => {
            return Err(ProbeError::target(
                Reason::Timeout,
                format!("{peer} did not complete a login within {connect_s:.1} s"),
            ));
        }
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => {
            let Some((code, message)) = refused(&error).filter(|_| leg.is_negative()) else {
                return Err(fault::explain(&error, Phase::Login, &peer));
            };
            cx.note("login", format!("{peer} refused {} with {code} in {connect_s:.3} s", address.user));
            return Ok(Facts { login: Login::Refused, sqlstate: code, message, ..facts });
        }
    };
    cx.note("login", format!("{peer} accepted {} in {connect_s:.3} s", address.user));
    progress.accepted.store(true, Ordering::Relaxed);
    facts.server_version_num = connection.server_version_num().unwrap_or(0);
    let answer = query::ask(leg, cx, &mut connection, &mut facts, &peer);
    match timeout_at(cx.deadline(), answer).await {
        Ok(answer) => answer?,
        Err(_) => {
            let total = started.elapsed().as_secs_f64();
            let sentence = format!("{peer} did not answer the query within {total:.1} s");
            return Err(ProbeError::target(Reason::Timeout, sentence));
        }
    }
    // A farewell; without it the server logs a broken connection. What it answers is no evidence.
    let _ = timeout_at(cx.deadline(), connection.close()).await;
    Ok(facts)
}

/// The server's explicit refusal. That it closes the connection is none: a crash looks the same.
fn refused(error: &sqlx::Error) -> Option<(String, String)> {
    match error {
        sqlx::Error::Protocol(message) if message.contains("authentication method") => {
            Some((PROTOCOL.to_owned(), line(message, 120)))
        }
        error => fault::refusal(error),
    }
}
