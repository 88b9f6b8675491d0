//! Writes what is pending, in batches, and never holds up anybody: while the store is dead,
//! memories coalesce and the daemon says that it is degraded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Clock;
use super::pending::Pending;
use super::selfmetrics::SelfMetrics;
use crate::snapshot::StoreHealth;
use crate::store::{Batch, Retention, Store};

/// What a `kill -9` may lose.
const FLUSH_EVERY: Duration = Duration::from_millis(250);
/// A commit that takes longer counts as failed.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed commit, doubled with each further one up to the limit.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(30);
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Also after the start: a daemon that is restarted often must prune too.
const PRUNE_AGAIN: Duration = Duration::from_secs(60);

/// The event loop's end: puts work in and reads how the store does.
#[derive(Clone)]
pub(super) struct Outbox {
    pending: Arc<Mutex<Pending>>,
    health: Arc<Mutex<StoreHealth>>,
    woken: Arc<Notify>,
}

pub(super) struct Persister {
    pub(super) store: Arc<dyn Store>,
    pub(super) outbox: Outbox,
    pub(super) retention: Retention,
    pub(super) clock: Clock,
    pub(super) metrics: SelfMetrics,
}

impl Outbox {
    pub(super) fn new(kind: &'static str) -> Self {
        let health = StoreHealth { kind, ..StoreHealth::default() };
        Self { pending: Arc::default(), health: Arc::new(Mutex::new(health)), woken: Arc::default() }
    }

    /// Adds work; the persister is woken once the guard is gone.
    pub(super) fn add(&self, fill: impl FnOnce(&mut Pending)) {
        fill(&mut self.pending());
        self.woken.notify_one();
    }

    pub(super) fn health(&self) -> StoreHealth {
        let waiting = u64::try_from(self.pending().len()).unwrap_or(u64::MAX);
        StoreHealth { waiting, ..lock(&self.health).clone() }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        lock(&self.pending)
    }
}

impl Persister {
    /// Runs until `stop`, and then writes what is left, once.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut prune_at = tokio::time::Instant::now() + PRUNE_AGAIN;
        let mut retry = RETRY_AFTER;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.outbox.woken.notified() => {}
                () = tokio::time::sleep_until(prune_at) => {
                    let more = self.prune().await;
                    prune_at = tokio::time::Instant::now() + if more { PRUNE_AGAIN } else { PRUNE_EVERY };
                    continue;
                }
            }
            let pause = if self.flush().await {
                retry = RETRY_AFTER;
                FLUSH_EVERY
            } else {
                let pause = retry;
                retry = (retry * 2).min(RETRY_AT_MOST);
                pause
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        if !self.flush().await {
            tracing::error!(
                waiting = self.outbox.health().waiting,
                "the store did not take the last state; it is lost"
            );
        }
    }

    /// Writes batches until nothing is pending. False if the store failed; nothing is lost then.
    async fn flush(&self) -> bool {
        loop {
            self.metrics.store_dropped(self.outbox.pending().take_dropped());
            let batch = self.outbox.pending().take_batch();
            if is_empty(&batch) {
                return true;
            }
            let started = tokio::time::Instant::now();
            let result = match timeout(COMMIT_TIMEOUT, self.store.commit(&batch)).await {
                Ok(result) => result.map_err(|error| error.to_string()),
                Err(_) => Err(format!("commit: no answer within {COMMIT_TIMEOUT:?}")),
            };
            self.metrics.store_batch(result.is_ok(), started.elapsed().into());
            match result {
                Ok(()) => self.recovered(),
                Err(error) => {
                    self.outbox.pending().put_back(batch);
                    self.degraded(error);
                    // So that the next round is not missed.
                    self.outbox.woken.notify_one();
                    return false;
                }
            }
        }
    }

    /// Whether there may be more to prune. One call deletes a bounded part, so that it never holds
    /// up a commit for long.
    async fn prune(&self) -> bool {
        let pruned = timeout(COMMIT_TIMEOUT, self.store.prune(self.retention, self.clock.now())).await;
        match pruned {
            Ok(Ok(rows)) => rows > 0,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the store could not be pruned");
                false
            }
            Err(_) => {
                tracing::warn!("the store could not be pruned within {COMMIT_TIMEOUT:?}");
                false
            }
        }
    }

    fn recovered(&self) {
        let mut health = lock(&self.outbox.health);
        if health.degraded {
            tracing::info!(store = health.kind, "the store takes writes again");
        }
        health.degraded = false;
        health.last_error = None;
        health.last_commit = Some(self.clock.now());
    }

    fn degraded(&self, error: String) {
        let mut health = lock(&self.outbox.health);
        if !health.degraded {
            tracing::warn!(store = health.kind, %error, "the store does not take writes; state is kept in memory");
        }
        health.degraded = true;
        health.last_error = Some(error.into());
    }
}

fn is_empty(batch: &Batch) -> bool {
    batch.memories.is_empty() && batch.transitions.is_empty() && batch.evidence.is_empty() && batch.removed.is_empty()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
