//! One SQLite file in WAL mode: the default store.
//!
//! One connection writes, two read. A batch is one transaction, so a kill at any instant leaves
//! all of it or nothing. `synchronous = NORMAL`: after a power cut the last batches may be gone,
//! the file is still whole.
//!
//! Do not use it under a paused tokio clock: SQLite works on threads of its own, so the clock
//! would jump to the deadline while it works.

mod open;
mod read;
mod write;

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::SqlitePool;

use super::{Batch, Evidence, Restored, Retention, Store, StoreError};
use crate::model::{ItemId, Timestamp, Transition};

/// How long SQLite waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(2);
/// Within this time each call but `restore` answers.
const DEADLINE: Duration = Duration::from_secs(10);
/// `restore` reads everything: 100,000 items take a few seconds.
const RESTORE_DEADLINE: Duration = Duration::from_secs(60);

/// Dropping it closes the file and lets another process have it.
#[derive(Debug)]
pub struct Sqlite {
    writer: SqlitePool,
    readers: SqlitePool,
    /// Locked while this lives: two daemons on one file would mix their histories.
    _lock: std::fs::File,
}

/// Gives the error of SQLite, or one that says that `limit` passed.
async fn bounded<T>(
    attempt: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>> + Send,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(failed(attempt, &error)),
        Err(_) => {
            Err(StoreError { attempt, detail: format!("no answer from the database within {} s", limit.as_secs()) })
        }
    }
}

/// Says what SQLite said, without the words of the library around it.
fn failed(attempt: &'static str, error: &sqlx::Error) -> StoreError {
    let detail = match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::PoolTimedOut => "the database is busy: no connection became free in time".to_owned(),
        other => other.to_string(),
    };
    StoreError { attempt, detail }
}

impl Store for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn restore(&self) -> BoxFuture<'_, Result<Restored, StoreError>> {
        bounded("restore memories", RESTORE_DEADLINE, read::memories(&self.readers)).boxed()
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        bounded("commit a batch", DEADLINE, write::batch(&self.writer, batch)).boxed()
    }

    fn history<'a>(
        &'a self,
        item: &'a ItemId,
        limit: u32,
        before: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<Vec<Transition>, StoreError>> {
        bounded("read history", DEADLINE, read::history(&self.readers, item, limit, before)).boxed()
    }

    fn evidence<'a>(&'a self, item: &'a ItemId) -> BoxFuture<'a, Result<Vec<Evidence>, StoreError>> {
        bounded("read evidence", DEADLINE, read::evidence(&self.readers, item)).boxed()
    }

    fn prune(&self, retention: Retention, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        bounded("prune", DEADLINE, write::prune(&self.writer, retention, now)).boxed()
    }

    fn health(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        bounded("check that the database can be written to", DEADLINE, write::probe(&self.writer)).boxed()
    }
}

#[cfg(test)]
mod tests;
