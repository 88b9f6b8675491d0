//! The only place where tasks are spawned.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Clean-ups that run at once.
const MAX_CLEANUPS: usize = 32;

/// Spawns named tasks that live as long as the process, and short ones that are only counted. A
/// named task that ends early for any reason shuts everything down.
#[derive(Clone, Default)]
pub struct Supervisor {
    lasting: TaskTracker,
    runs: TaskTracker,
    cleanups: TaskTracker,
    stop: CancellationToken,
    abandon: CancellationToken,
    ended_early: Arc<Mutex<Option<&'static str>>>,
}

impl Supervisor {
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the process is to stop.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Spawns a task that must not end before `stopping` is cancelled.
    #[expect(clippy::disallowed_methods, reason = "this is where tasks are spawned")]
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (stop, ended_early) = (self.stop.clone(), Arc::clone(&self.ended_early));
        tokio::spawn(self.lasting.track_future(async move {
            let panicked = std::panic::AssertUnwindSafe(task).catch_unwind().await.is_err();
            if !stop.is_cancelled() {
                tracing::error!(task = name, panicked, "a task that must run for ever has ended; shutting down");
                *ended_early.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
                stop.cancel();
            }
        }));
    }

    /// Spawns a bounded piece of work. It is dropped where it stands once `abandon_runs` is called.
    #[expect(clippy::disallowed_methods, reason = "this is where tasks are spawned")]
    pub fn spawn_run(&self, run: impl Future<Output = ()> + Send + 'static) {
        let abandon = self.abandon.clone();
        tokio::spawn(self.runs.track_future(async move {
            tokio::select! {
                () = abandon.cancelled() => {}
                () = run => {}
            }
        }));
    }

    /// Spawns the clean-up of a run that was dropped; it ends by itself within a bounded time. False if
    /// too many are running, or nothing runs any more.
    #[expect(clippy::disallowed_methods, reason = "this is where tasks are spawned")]
    pub fn spawn_cleanup(&self, cleanup: impl Future<Output = ()> + Send + 'static) -> bool {
        if self.cleanups.len() >= MAX_CLEANUPS || tokio::runtime::Handle::try_current().is_err() {
            return false;
        }
        tokio::spawn(self.cleanups.track_future(cleanup));
        true
    }

    /// Waits until no clean-up is left, for `grace` at most. Says whether all of them ended.
    pub async fn drain_cleanups(&self, grace: Duration) -> bool {
        self.cleanups.close();
        tokio::time::timeout(grace, self.cleanups.wait()).await.is_ok()
    }

    /// Waits until no run is left, for `grace` at most, and then drops those that are. Says
    /// whether all of them ended by themselves.
    pub async fn drain_runs(&self, grace: Duration) -> bool {
        self.runs.close();
        let drained = tokio::time::timeout(grace, self.runs.wait()).await.is_ok();
        if !drained {
            tracing::warn!(left = self.runs.len(), "runs did not end within the grace period; cancelling them");
            self.abandon.cancel();
            self.runs.wait().await;
        }
        drained
    }

    /// Waits for the lasting tasks, for `grace` at most. Says whether all of them ended.
    pub async fn join(&self, grace: Duration) -> bool {
        self.lasting.close();
        tokio::time::timeout(grace, self.lasting.wait()).await.is_ok()
    }

    /// The task that ended early, if that is why the process stops.
    pub fn ended_early(&self) -> Option<&'static str> {
        *self.ended_early.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
