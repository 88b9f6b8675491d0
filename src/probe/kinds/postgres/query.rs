//! What is asked in a session, and what of the answer becomes facts.
//!
//! The limits are set in the transaction, not in the session: a pooler hands every transaction to
//! another session, and what a role or a database sets by itself stands below them.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgRow, PgTypeInfo};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Column, Executor, PgConnection, Row};
use tokio::time::Instant;

use crate::model::Reason;
use crate::probe::{ProbeCx, ProbeError};

use super::fault::{self, Phase};
use super::{Facts, Postgres, plain, value};

/// What a value takes besides its own bytes, so that a million empty ones are many too.
const CELL: usize = 16;

/// Runs the leg's statement, if it has one, and adds what came of it.
pub(super) async fn ask(
    leg: &Postgres,
    cx: &ProbeCx,
    connection: &mut PgConnection,
    facts: &mut Facts,
    peer: &str,
) -> Result<(), ProbeError> {
    if let Some(sql) = &leg.administer {
        let done = connection.execute(AssertSqlSafe(sql.clone())).await;
        return done.map(|_| ()).map_err(|error| fault::explain(&error, Phase::Query, peer));
    }
    for script in &leg.scripts {
        if let Err(error) = connection.execute(AssertSqlSafe(script.in_transaction())).await {
            return Err(match fault::refusal(&error) {
                Some((code, message)) => script.failed(&code, &message),
                None => fault::explain(&error, Phase::Query, peer),
            });
        }
    }
    let Some(sql) = &leg.sql else { return Ok(()) };
    let started = Instant::now();
    let rows = if leg.console {
        fetch_plain(leg, sql, connection).await
    } else {
        fetch_limited(leg, sql, cx, connection).await
    };
    (facts.columns, facts.rows) = rows.map_err(|stopped| match stopped {
        Stopped::Server(error) => fault::explain(&error, Phase::Query, peer),
        Stopped::Here(error) => error,
    })?;
    facts.row_count = facts.rows.len();
    facts.query_s = started.elapsed().as_secs_f64();
    Ok(())
}

/// In a transaction that can neither write nor outlast the look.
async fn fetch_limited(
    leg: &Postgres,
    sql: &str,
    cx: &ProbeCx,
    connection: &mut PgConnection,
) -> Result<Rows, Stopped> {
    let limit = cx.remaining().as_millis().max(1);
    // The second limit frees the server of a session whose exporter has vanished.
    let begin = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {limit}; \
         SET LOCAL idle_in_transaction_session_timeout = {}",
        limit.saturating_add(1000)
    );
    connection.execute(AssertSqlSafe(begin.clone())).await?;
    let mut rows = fetch(leg, sql, connection).await;
    if rows.as_ref().is_err_and(Stopped::by_lost_statement) {
        connection.execute(AssertSqlSafe(format!("ROLLBACK; {begin}"))).await?;
        rows = fetch(leg, sql, connection).await;
    }
    match rows {
        Ok(rows) => {
            connection.execute("ROLLBACK").await?;
            Ok(rows)
        }
        Err(stopped) => {
            // A pooler would have to throw the server's session away. What is told is the first error.
            if stopped.by_server() {
                let _ = connection.execute("ROLLBACK").await;
            }
            Err(stopped)
        }
    }
}

/// Why there are no rows.
enum Stopped {
    Server(sqlx::Error),
    Here(ProbeError),
}

impl Stopped {
    /// The session goes on, without its transaction.
    fn by_server(&self) -> bool {
        matches!(self, Self::Server(error) if fault::refusal(error).is_some())
    }

    /// sqlx looks up a type it does not know between preparing and running a statement, and that
    /// replaces the unnamed statement. It then knows the type, so a second attempt works. A named
    /// statement would avoid this, but would stay behind in a server connection of a pooler.
    fn by_lost_statement(&self) -> bool {
        let Self::Server(error) = self else { return false };
        fault::refusal(error).is_some_and(|(code, _)| code == "26000")
    }
}

impl From<sqlx::Error> for Stopped {
    fn from(error: sqlx::Error) -> Self {
        Self::Server(error)
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
    let mut answer = Answer::new(leg);
    let mut rows = query.fetch(connection);
    while let Some(row) = rows.try_next().await? {
        answer.add(&row, value::decode)?;
    }
    Ok((answer.columns, answer.rows))
}

/// By the simple protocol, in which every value is text.
async fn fetch_plain(leg: &Postgres, sql: &str, connection: &mut PgConnection) -> Result<Rows, Stopped> {
    let mut answer = Answer::new(leg);
    let mut rows = connection.fetch(AssertSqlSafe(sql));
    while let Some(row) = rows.try_next().await? {
        answer.add(&row, plain::decode)?;
    }
    Ok((answer.columns, answer.rows))
}

/// What has come so far, never more than the leg allows.
struct Answer {
    columns: Vec<String>,
    rows: Vec<BTreeMap<String, Value>>,
    bytes: usize,
    max_rows: usize,
    max_bytes: usize,
}

type Decode = fn(&PgTypeInfo, &[u8]) -> Result<Value, String>;

impl Answer {
    fn new(leg: &Postgres) -> Self {
        Self { columns: Vec::new(), rows: Vec::new(), bytes: 0, max_rows: leg.max_rows, max_bytes: leg.max_bytes }
    }

    fn add(&mut self, row: &PgRow, decode: Decode) -> Result<(), ProbeError> {
        if self.rows.len() >= self.max_rows {
            return Err(too_large(format!("the answer has more than {} rows", self.max_rows)));
        }
        if self.columns.is_empty() {
            self.columns = columns(row)?;
        }
        let mut out = BTreeMap::new();
        for (index, column) in row.columns().iter().enumerate() {
            let name = column.name();
            let raw =
                row.try_get_raw(index).map_err(|_| ProbeError::internal(format!("column `{name}` cannot be read")))?;
            let raw = raw.as_bytes().ok();
            self.bytes = self.bytes.saturating_add(CELL + raw.map_or(0, <[u8]>::len));
            if self.bytes > self.max_bytes {
                return Err(too_large(format!("the answer has more than {} bytes", self.max_bytes)));
            }
            let value = match raw {
                None => Value::Null,
                Some(raw) => decode(column.type_info(), raw)
                    .map_err(|problem| ProbeError::observer(Reason::Query, format!("column `{name}`: {problem}")))?,
            };
            out.insert(name.to_owned(), value);
        }
        self.rows.push(out);
        Ok(())
    }
}

/// It is the exporter that does not want more, so nothing is known about the target.
pub(super) fn too_large(what: String) -> ProbeError {
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
