//! Statements that change something. Each takes the write lock at its beginning, so that it
//! cannot fail halfway because another process came first.

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
    for (item, kept) in &batch.memories {
        memory(&mut work.connection, item, kept).await?;
    }
    for entry in &batch.transitions {
        transition(&mut work.connection, entry).await?;
    }
    for run in &batch.evidence {
        evidence(&mut work.connection, run).await?;
    }
    for (item, at) in &batch.removed {
        sqlx::query("UPDATE item_memory SET removed_at = ? WHERE item = ?")
            .bind(at.0)
            .bind(item.as_str())
            .execute(&mut *work.connection)
            .await?;
    }
    work.end("COMMIT").await
}

async fn memory(connection: &mut SqliteConnection, item: &ItemId, kept: &ItemMemory) -> Result<(), sqlx::Error> {
    let json = rows::write_memory(kept).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let sql = "INSERT INTO item_memory (item, memory, removed_at) VALUES (?, ?, NULL) \
               ON CONFLICT (item) DO UPDATE SET memory = excluded.memory, removed_at = NULL";
    sqlx::query(sql).bind(item.as_str()).bind(json).execute(connection).await?;
    Ok(())
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

async fn evidence(connection: &mut SqliteConnection, run: &Evidence) -> Result<(), sqlx::Error> {
    let trace = serde_json::to_string(&run.trace).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let sql = "INSERT INTO evidence (item, leg, at, duration, outcome, reason, sentence, facts, trace) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) \
               ON CONFLICT (item, leg, at) DO UPDATE SET duration = excluded.duration, outcome = excluded.outcome, \
               reason = excluded.reason, sentence = excluded.sentence, facts = excluded.facts, trace = excluded.trace";
    sqlx::query(sql)
        .bind(run.item.as_str())
        .bind(run.leg.as_str())
        .bind(run.at.0)
        .bind(i64::try_from(run.duration.0).unwrap_or(i64::MAX))
        .bind(run.outcome.as_str())
        .bind(run.reason.map_or("", Reason::as_str))
        .bind(run.sentence.as_str())
        .bind(run.facts.as_str())
        .bind(trace)
        .execute(&mut *connection)
        .await?;
    let sql = "DELETE FROM evidence WHERE item = ?1 AND leg = ?2 \
               AND at NOT IN (SELECT at FROM evidence WHERE item = ?1 AND leg = ?2 ORDER BY at DESC LIMIT ?3) \
               AND at NOT IN (SELECT at FROM evidence WHERE item = ?1 AND leg = ?2 AND outcome != 'pass' \
                              ORDER BY at DESC LIMIT ?4)";
    sqlx::query(sql)
        .bind(run.item.as_str())
        .bind(run.leg.as_str())
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
