//! One session: connect, log in, ask, roll back, go.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{FutureExt, TryStreamExt};
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Column, Connection, Executor, PgConnection, Row};
use tokio::time::{Instant, timeout_at};

use crate::model::{Reason, Secret, TlsFiles};
use crate::probe::net::{Stream, from_io};
use crate::probe::{ProbeCx, ProbeError};

use super::address::Address;
use super::fault::{self, Phase};
use super::relay::{Relay, Relayed};
use super::{Facts, Login, PROTOCOL, Postgres, value, wire};

/// Connects and runs the leg's query, all within the deadline.
pub(super) async fn run(
    leg: &Postgres,
    cx: &ProbeCx,
    address: &Address,
    tls: &TlsFiles,
    password: Option<&Secret>,
) -> Result<Facts, ProbeError> {
    // sqlx panics over some messages that are malformed. Nothing of a session that panicked is
    // used again. Once somebody was logged in, it may as well be our own mistake.
    let accepted = AtomicBool::new(false);
    let guarded = AssertUnwindSafe(connect(leg, cx, address, tls, password, &accepted)).catch_unwind().await;
    guarded.unwrap_or_else(|_| {
        if accepted.load(Ordering::Relaxed) {
            return Err(ProbeError::internal(format!("the answer of {address} could not be read; this is a bug")));
        }
        Err(ProbeError::target(Reason::Protocol, format!("{address} sent a message that is malformed")))
    })
}

async fn connect(
    leg: &Postgres,
    cx: &ProbeCx,
    address: &Address,
    tls: &TlsFiles,
    password: Option<&Secret>,
    accepted: &AtomicBool,
) -> Result<Facts, ProbeError> {
    let started = Instant::now();
    let options = address.options(password, cx.remaining())?;
    let peer = address.to_string();
    let Some((host, port)) = address.network() else {
        if address.insists() {
            return Err(ProbeError::unconfigured(format!("{peer} is a Unix socket, which has no TLS")));
        }
        return session(leg, cx, address, &options, Begun { started, encrypted: false, accepted }).await;
    };
    let socket = cx.clients().dial(cx, host, port).await?.stream;
    let Some(server) = wire::open(cx, address, host, tls, socket).await? else {
        return without_tls(leg, address, &peer, started);
    };
    let encrypted = matches!(server, Stream::Tls(_));
    let relay = Relay::open(port)
        .map_err(|error| ProbeError::internal(format!("no socket inside the exporter: {}", error.kind())))?;
    let options = options.socket(relay.directory());
    // Rows have an overhead of their own.
    let limit = leg.max_bytes.saturating_mul(4).saturating_add(1 << 20);
    let relayed = relay.run(server, limit);
    let session = session(leg, cx, address, &options, Begun { started, encrypted, accepted });
    tokio::pin!(session);
    tokio::select! {
        facts = &mut session => facts,
        relayed = relayed => match relayed {
            Ok(Relayed::TooMuch) => Err(too_large(format!("the answer of {peer} has more than {limit} bytes"))),
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

fn without_tls(leg: &Postgres, address: &Address, peer: &str, started: Instant) -> Result<Facts, ProbeError> {
    if leg.refused_with.is_empty() {
        let sentence = format!("expected {peer} to encrypt the connection, and it refuses TLS");
        return Err(ProbeError::target(Reason::TlsHandshake, sentence));
    }
    Ok(Facts {
        login: Login::Refused,
        sqlstate: PROTOCOL.to_owned(),
        message: "the server refuses TLS".to_owned(),
        connect_s: started.elapsed().as_secs_f64(),
        sslmode: address.sslmode,
        ..Facts::default()
    })
}

/// How a session came about.
struct Begun<'a> {
    started: Instant,
    encrypted: bool,
    /// Set once the login was accepted.
    accepted: &'a AtomicBool,
}

async fn session(
    leg: &Postgres,
    cx: &ProbeCx,
    address: &Address,
    options: &PgConnectOptions,
    begun: Begun<'_>,
) -> Result<Facts, ProbeError> {
    let Begun { started, encrypted, accepted } = begun;
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
            let Some((code, message)) = refused(&error).filter(|_| !leg.refused_with.is_empty()) else {
                return Err(fault::explain(&error, Phase::Login, &peer));
            };
            cx.note("login", format!("{peer} refused with {code} in {connect_s:.3} s"));
            return Ok(Facts { login: Login::Refused, sqlstate: code, message, ..facts });
        }
    };
    cx.note("login", format!("{peer} accepted in {connect_s:.3} s"));
    accepted.store(true, Ordering::Relaxed);
    facts.server_version_num = connection.server_version_num().unwrap_or(0);
    let answer = ask(leg, &mut connection, &mut facts, &peer);
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
            Some((PROTOCOL.to_owned(), fault::cut(message, 120)))
        }
        error => fault::refusal(error),
    }
}

async fn ask(leg: &Postgres, connection: &mut PgConnection, facts: &mut Facts, peer: &str) -> Result<(), ProbeError> {
    let explain = |error: sqlx::Error| fault::explain(&error, Phase::Query, peer);
    let Some(sql) = &leg.sql else { return Ok(()) };
    let started = Instant::now();
    connection.execute("BEGIN READ ONLY").await.map_err(explain)?;
    let mut rows = fetch(leg, sql, connection).await;
    if rows.as_ref().is_err_and(Stopped::by_lost_statement) {
        connection.execute("ROLLBACK; BEGIN READ ONLY").await.map_err(explain)?;
        rows = fetch(leg, sql, connection).await;
    }
    let rows = rows.map_err(|stopped| match stopped {
        Stopped::Server(error) => explain(error),
        Stopped::Here(error) => error,
    })?;
    (facts.columns, facts.rows) = rows;
    facts.row_count = facts.rows.len();
    facts.query_s = started.elapsed().as_secs_f64();
    connection.execute("ROLLBACK").await.map_err(explain)?;
    Ok(())
}

/// Why there are no rows.
enum Stopped {
    Server(sqlx::Error),
    Here(ProbeError),
}

impl Stopped {
    /// sqlx looks up a type it does not know between preparing and running a statement, and that
    /// replaces the unnamed statement. It then knows the type, so a second attempt works. A named
    /// statement would avoid this, but would stay behind in a server connection of a pooler.
    fn by_lost_statement(&self) -> bool {
        let Self::Server(error) = self else { return false };
        fault::refusal(error).is_some_and(|(code, _)| code == "26000")
    }
}

impl From<ProbeError> for Stopped {
    fn from(error: ProbeError) -> Self {
        Self::Here(error)
    }
}

type Rows = (Vec<String>, Vec<BTreeMap<String, Value>>);

async fn fetch(leg: &Postgres, sql: &str, connection: &mut PgConnection) -> Result<Rows, Stopped> {
    let mut query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    for value in &leg.bind {
        query = bind(query, value);
    }
    let (mut names, mut out, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut rows = query.fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(Stopped::Server)? {
        if out.len() >= leg.max_rows {
            return Err(too_large(format!("the answer has more than {} rows", leg.max_rows)).into());
        }
        if names.is_empty() {
            names = columns(&row)?;
        }
        out.push(decode(&row, &mut bytes, leg.max_bytes)?);
    }
    Ok((names, out))
}

/// It is the exporter that does not want more, so nothing is known about the target.
fn too_large(what: String) -> ProbeError {
    ProbeError::observer(Reason::TooLarge, format!("{what}; narrow the query or raise the limit"))
}

fn columns(row: &PgRow) -> Result<Vec<String>, ProbeError> {
    let mut names: Vec<String> = Vec::with_capacity(row.len());
    for column in row.columns() {
        if names.iter().any(|name| name == column.name()) {
            let sentence = format!("two columns are named `{}`; give one an alias", column.name());
            return Err(ProbeError::observer(Reason::Query, sentence));
        }
        names.push(column.name().to_owned());
    }
    Ok(names)
}

fn decode(row: &PgRow, bytes: &mut usize, limit: usize) -> Result<BTreeMap<String, Value>, ProbeError> {
    let mut out = BTreeMap::new();
    for (index, column) in row.columns().iter().enumerate() {
        let name = column.name();
        let raw =
            row.try_get_raw(index).map_err(|_| ProbeError::internal(format!("column `{name}` cannot be read")))?;
        let raw = raw.as_bytes().ok();
        *bytes = bytes.saturating_add(raw.map_or(0, <[u8]>::len));
        if *bytes > limit {
            return Err(too_large(format!("the answer has more than {limit} bytes")));
        }
        let value = match raw {
            None => Value::Null,
            Some(raw) => value::decode(column.type_info(), raw)
                .map_err(|problem| ProbeError::observer(Reason::Query, format!("column `{name}`: {problem}")))?,
        };
        out.insert(name.to_owned(), value);
    }
    Ok(out)
}

/// Whether a value of the catalogue can be a parameter of a query.
pub(super) fn can_bind(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().all(Value::is_string),
        Value::Object(_) => false,
        _ => true,
    }
}

type PgQuery<'q> = Query<'q, sqlx::Postgres, PgArguments>;

fn bind<'q>(query: PgQuery<'q>, value: &'q Value) -> PgQuery<'q> {
    match value {
        Value::Bool(value) => query.bind(*value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => query.bind(integer),
            None => query.bind(number.as_f64()),
        },
        Value::String(text) => query.bind(text.as_str()),
        Value::Array(items) => query.bind(items.iter().filter_map(Value::as_str).collect::<Vec<&str>>()),
        Value::Null | Value::Object(_) => query.bind(None::<String>),
    }
}
