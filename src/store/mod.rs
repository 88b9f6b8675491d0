//! What survives a restart. A narrow trait of domain verbs; implementations do not know each
//! other, and a failing store never stops probing or serving.

#[cfg(test)]
mod conformance;
pub mod memory;
mod rows;
pub mod sqlite;

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::model::{ItemId, ItemMemory, Outcome, Reason, Span, Timestamp, Transition};

/// What a start needs: one memory for each item known, tombstones included. Whoever takes it
/// ignores ids that are not in the catalogue.
#[derive(Debug, Default)]
pub struct Restored {
    pub memories: Vec<(ItemId, ItemMemory)>,
    /// Rows that could not be understood and were left out.
    pub unreadable: u32,
}

/// Written in one transaction. Empty parts are fine.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Upserts. The last one for an item wins.
    pub memories: Vec<(ItemId, Arc<ItemMemory>)>,
    /// Appended.
    pub transitions: Vec<Transition>,
    pub evidence: Vec<Evidence>,
    /// Items gone from the catalogue; kept as tombstones for 30 days, so that a mistake can be undone.
    pub removed: Vec<(ItemId, Timestamp)>,
}

/// What one run of one leg saw. The store keeps the last 5 runs of a leg and its last 3 that did
/// not pass. Cheap to clone: a batch that could not be written comes back, and a store may keep what
/// it was lent.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    pub item: ItemId,
    pub leg: Arc<str>,
    pub at: Timestamp,
    pub duration: Span,
    pub outcome: Outcome,
    pub reason: Option<Reason>,
    pub sentence: Arc<str>,
    /// JSON, redacted and bounded.
    pub facts: Arc<str>,
    pub trace: Arc<[String]>,
}

/// How long history is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    pub transitions: Span,
    pub tombstones: Span,
}

/// What was attempted and what the store said. Holds no path of a secret and no value.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}: {detail}")]
pub struct StoreError {
    pub attempt: &'static str,
    pub detail: String,
}

/// How many runs of a leg are kept.
const RECENT: usize = 5;
/// How many runs of a leg that did not pass are kept, however old.
const NOT_PASSING: usize = 3;
/// One call of `prune` deletes at most so many rows of each kind, so that it never holds up a
/// commit for long.
const PRUNE_LIMIT: u32 = 10_000;

/// Implementations answer within a bounded time whatever happens underneath.
pub trait Store: Send + Sync {
    /// `memory`, `sqlite`, …: a label value.
    fn name(&self) -> &'static str;
    fn restore(&self) -> BoxFuture<'_, Result<Restored, StoreError>>;
    /// All of the batch or nothing of it. Committing a batch twice is the same as once.
    fn commit<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>>;
    /// The newest transitions first, at most `limit`, older than `before` if given.
    fn history<'a>(
        &'a self,
        item: &'a ItemId,
        limit: u32,
        before: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<Vec<Transition>, StoreError>>;
    /// The newest first.
    fn evidence<'a>(&'a self, item: &'a ItemId) -> BoxFuture<'a, Result<Vec<Evidence>, StoreError>>;
    /// Deletes what is older than its retention, a bounded part of it: call again while it gives
    /// more than zero. Gives the number of rows deleted.
    fn prune(&self, retention: Retention, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>>;
    /// Cheap: can it be written to?
    fn health(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}
