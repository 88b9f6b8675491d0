//! Statements that change something. Each takes the write lock at its beginning, so that it
//! cannot fail halfway because another process came first.

use std::sync::Arc;

use serde::Serialize;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};

use crate::model::{ItemId, ItemMemory, Reason, State, Timestamp, Transition};
use crate::store::{Batch, Evidence, NOT_PASSING, PRUNE_LIMIT, RECENT, Retention, rows};

/// A transaction whose connection is thrown away unless `end` succeeded. SQLite rolls some errors
/// back by itself (a full disk is one), after which the library's own transactions refuse the
/// connection for ever.
struct Work {
    connection: PoolConnection<Sqlite>,
    ended: bool,
}

impl Work {
    async fn begin(pool: &SqlitePool) -> Result<Self, sqlx::Error> {
        let mut work = Self { connection: pool.acquire().await?, ended: false };
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *work.connection).await?;
        Ok(work)
    }

    async fn end(mut self, with: &'static str) -> Result<(), sqlx::Error> {
        sqlx::query(with).execute(&mut *self.connection).await?;
        self.ended = true;
        Ok(())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.ended {
            self.connection.close_on_drop();
        }
    }
}

/// Dropping the future rolls the transaction back.
pub(super) async fn batch(pool: &SqlitePool, batch: &Batch) -> Result<(), sqlx::Error> {
    let mut work = Work::begin(pool).await?;
    memories(&mut work.connection, &batch.memories).await?;
    for entry in &batch.transitions {
        transition(&mut work.connection, entry).await?;
    }
    evidence(&mut work.connection, &batch.evidence).await?;
    for (item, at) in &batch.removed {
        sqlx::query("UPDATE item_memory SET removed_at = ? WHERE item = ?")
            .bind(at.0)
            .bind(item.as_str())
            .execute(&mut *work.connection)
            .await?;
    }
    work.end("COMMIT").await
}

/// All of them in one statement: each statement costs two changes of thread.
async fn memories(connection: &mut SqliteConnection, all: &[(ItemId, Arc<ItemMemory>)]) -> Result<(), sqlx::Error> {
    if all.is_empty() {
        return Ok(());
    }
    let row = |(item, kept): &(ItemId, Arc<ItemMemory>)| Ok((item.as_str().to_owned(), rows::write_memory(kept)?));
    let rows: Result<Vec<(String, String)>, rows::Unreadable> = all.iter().map(row).collect();
    // `WHERE true` keeps the parser from taking `ON` for a join.
    let sql = "INSERT INTO item_memory (item, memory, removed_at) \
               SELECT value ->> 0, value ->> 1, NULL FROM json_each(?) WHERE true \
               ON CONFLICT (item) DO UPDATE SET memory = excluded.memory, removed_at = NULL";
    sqlx::query(sql).bind(json(&rows.map_err(encoding)?)?).execute(connection).await?;
    Ok(())
}

fn json(rows: &impl Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(rows).map_err(encoding)
}

fn encoding(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Encode(Box::new(error))
}

async fn transition(connection: &mut SqliteConnection, entry: &Transition) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO transition (item, at, from_state, to_state, reason, cause, root_cause, sentence) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    sqlx::query(sql)
        .bind(entry.item.as_str())
        .bind(entry.at.0)
        .bind(entry.from.map_or("", State::as_str))
        .bind(entry.to.as_str())
        .bind(entry.reason.map_or("", Reason::as_str))
        .bind(entry.cause.as_str())
        .bind(entry.root_cause.as_ref().map_or("", ItemId::as_str))
        .bind(entry.sentence.as_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// Likewise, and then one statement that drops what is old of the same legs.
async fn evidence(connection: &mut SqliteConnection, runs: &[Evidence]) -> Result<(), sqlx::Error> {
    if runs.is_empty() {
        return Ok(());
    }
    let row = |run: &Evidence| {
        Ok(serde_json::json!([
            run.item.as_str(),
            &*run.leg,
            run.at.0,
            i64::try_from(run.duration.0).unwrap_or(i64::MAX),
            run.outcome.as_str(),
            run.reason.map_or("", Reason::as_str),
            &*run.sentence,
            &*run.facts,
            serde_json::to_string(&*run.trace)?,
        ]))
    };
    let rows: serde_json::Result<Vec<serde_json::Value>> = runs.iter().map(row).collect();
    let rows = json(&rows.map_err(encoding)?)?;
    let sql = "INSERT INTO evidence (item, leg, at, duration, outcome, reason, sentence, facts, trace) \
               SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, \
                      value ->> 7, value ->> 8 FROM json_each(?) WHERE true \
               ON CONFLICT (item, leg, at) DO UPDATE SET duration = excluded.duration, outcome = excluded.outcome, \
               reason = excluded.reason, sentence = excluded.sentence, facts = excluded.facts, trace = excluded.trace";
    sqlx::query(sql).bind(&rows).execute(&mut *connection).await?;
    let legs: Vec<(&str, &str)> = runs.iter().map(|run| (run.item.as_str(), &*run.leg)).collect();
    let sql = "DELETE FROM evidence WHERE id IN (SELECT id FROM ( \
                   SELECT id, outcome, row_number() OVER newest_first AS place, \
                          sum(outcome != 'pass') OVER newest_first AS not_passing \
                   FROM (SELECT DISTINCT value ->> 0 AS i, value ->> 1 AS l FROM json_each(?)) \
                   JOIN evidence ON item = i AND leg = l \
                   WINDOW newest_first AS (PARTITION BY item, leg ORDER BY at DESC)) \
               WHERE place > ? AND (outcome = 'pass' OR not_passing > ?))";
    sqlx::query(sql)
        .bind(json(&legs)?)
        .bind(i64::try_from(RECENT).unwrap_or(i64::MAX))
        .bind(i64::try_from(NOT_PASSING).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn prune(pool: &SqlitePool, retention: Retention, now: Timestamp) -> Result<u64, sqlx::Error> {
    let mut work = Work::begin(pool).await?;
    let sql = "DELETE FROM transition WHERE id IN (SELECT id FROM transition WHERE at < ? ORDER BY at LIMIT ?)";
    let transitions = sqlx::query(sql)
        .bind((now - retention.transitions).0)
        .bind(PRUNE_LIMIT)
        .execute(&mut *work.connection)
        .await?
        .rows_affected();
    let buried = (now - retention.tombstones).0;
    let expired = "SELECT item FROM item_memory WHERE removed_at < ? ORDER BY removed_at, item LIMIT ?";
    let items: Vec<String> =
        sqlx::query_scalar(expired).bind(buried).bind(PRUNE_LIMIT / 10).fetch_all(&mut *work.connection).await?;
    let mut rows = 0;
    for item in &items {
        for sql in ["DELETE FROM evidence WHERE item = ?", "DELETE FROM item_memory WHERE item = ?"] {
            rows += sqlx::query(sql).bind(item).execute(&mut *work.connection).await?.rows_affected();
        }
    }
    work.end("COMMIT").await?;
    Ok(transitions + rows)
}

/// Takes the write lock and gives it back; nothing reaches the disk.
pub(super) async fn probe(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    let mut work = Work::begin(pool).await?;
    // `BEGIN IMMEDIATE` alone succeeds on a read-only file.
    sqlx::query("DELETE FROM item_memory WHERE item = ''").execute(&mut *work.connection).await?;
    work.end("ROLLBACK").await
}
