//! The task that listens, and what it hands to the event loop.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::wanted::{Ear, Wanted};
use crate::engine::{Clock, SelfMetrics};
use crate::probe::net::Clients;
use crate::probe::{Changes, Heard, ProbeCx, ProbeError};

/// How long a target has to answer until it is listened to.
const ARRIVE_WITHIN: Duration = Duration::from_secs(10);
/// After a first failure; doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What was heard and not yet taken: a set, so that no storm of changes makes it grow.
#[derive(Default)]
pub(in crate::engine) struct Ears {
    /// Generation of the catalogue, and place of the ear.
    changed: Mutex<BTreeSet<(u64, usize)>>,
    notify: Notify,
}

impl Ears {
    pub(super) async fn heard(&self) {
        self.notify.notified().await;
    }

    /// Places of the ears of this generation that heard something; all is forgotten.
    pub(super) fn take(&self, generation: u64) -> Vec<usize> {
        let all = std::mem::take(&mut *self.changed.lock().unwrap_or_else(PoisonError::into_inner));
        all.into_iter().filter(|(of, _)| *of == generation).map(|(_, ear)| ear).collect()
    }

    fn hear(&self, generation: u64, ear: usize) {
        if self.changed.lock().unwrap_or_else(PoisonError::into_inner).insert((generation, ear)) {
            self.notify.notify_one();
        }
    }
}

/// Keeps one connection for each ear of the catalogue in force.
pub(in crate::engine) struct Listener {
    pub(in crate::engine) clock: Clock,
    pub(in crate::engine) clients: Arc<Clients>,
    pub(in crate::engine) metrics: SelfMetrics,
    pub(in crate::engine) ears: Arc<Ears>,
    pub(in crate::engine) plans: watch::Receiver<Arc<Wanted>>,
}

impl Listener {
    pub(in crate::engine) async fn run(mut self, stop: CancellationToken) {
        loop {
            let wanted = Arc::clone(&self.plans.borrow_and_update());
            self.metrics.forget_watches();
            let all = wanted.ears.iter().enumerate().map(|(place, ear)| self.keep(&wanted, place, ear));
            let mut plans = self.plans.clone();
            tokio::select! {
                () = stop.cancelled() => return,
                changed = plans.changed() => if changed.is_err() { return stop.cancelled().await },
                () = async { join_all(all).await; std::future::pending().await } => {}
            }
        }
    }

    /// Listens for ever: again and again, with longer and longer pauses while it does not work.
    async fn keep(&self, wanted: &Wanted, place: usize, ear: &Ear) {
        let (mut failures, mut told) = (0u32, false);
        self.metrics.listens(ear.kind, &ear.target, 0);
        loop {
            // What happened while nobody listened is only seen by a look.
            let (heard_nothing, generation) = (failures > 0, wanted.generation);
            let open = Arc::new(Open { is: AtomicBool::new(false), close: self.counter(ear) });
            let changes = {
                let (ears, metrics, open, kind) =
                    (Arc::clone(&self.ears), self.metrics.clone(), Arc::clone(&open), ear.kind);
                Changes::new(move |heard| {
                    let news = match heard {
                        Heard::Listening => open.set() && heard_nothing,
                        Heard::Change => true,
                    };
                    if news {
                        metrics.changed(kind);
                        ears.hear(generation, place);
                    }
                })
            };
            let begun = Instant::now();
            let error = self.listen(wanted, ear, &changes).await;
            if open.is.load(Ordering::Relaxed) {
                // That it broke is news by itself.
                changes.change();
                // One that breaks as soon as it is open is opened less and less often.
                if begun.elapsed() >= LONGEST_PAUSE {
                    (failures, told) = (0, false);
                }
            }
            drop((changes, open));
            let sentence = wanted.credentials.redactor().redact(&error.detail);
            if told {
                tracing::debug!(kind = ear.kind, target_name = &*ear.target, why = sentence, "still not listening");
            } else {
                tracing::info!(
                    kind = ear.kind,
                    target_name = &*ear.target,
                    why = sentence,
                    "changes of the target are not heard of at the moment; it is looked at by the schedule"
                );
                told = true;
            }
            sleep(pause(failures, place)).await;
            failures = failures.saturating_add(1);
        }
    }

    async fn listen(&self, wanted: &Wanted, ear: &Ear, changes: &Changes) -> ProbeError {
        let (credentials, clients) = (Arc::clone(&wanted.credentials), Arc::clone(&self.clients));
        let deadline = Instant::now() + ARRIVE_WITHIN;
        let cx = ProbeCx::new(self.clock.now(), deadline, ear.probe.target.clone(), credentials, clients);
        let listening = AssertUnwindSafe(ear.probe.probe.listen(&ear.what, &cx, changes)).catch_unwind();
        listening.await.unwrap_or_else(|_| {
            self.metrics.panicked();
            tracing::error!(kind = ear.kind, "a probe panicked while it listened; this is a bug in the exporter");
            ProbeError::internal("the probe panicked".to_owned())
        })
    }

    fn counter(&self, ear: &Ear) -> Box<dyn Fn(i64) + Send + Sync> {
        let (metrics, kind, target) = (self.metrics.clone(), ear.kind, Arc::clone(&ear.target));
        Box::new(move |more| metrics.listens(kind, &target, more))
    }
}

/// Counts one ear as open until dropped, also when everything is dropped for a new catalogue.
struct Open {
    is: AtomicBool,
    close: Box<dyn Fn(i64) + Send + Sync>,
}

impl Open {
    /// Whether it was closed before.
    fn set(&self) -> bool {
        let new = !self.is.swap(true, Ordering::Relaxed);
        if new {
            (self.close)(1);
        }
        new
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if self.is.load(Ordering::Relaxed) {
            (self.close)(-1);
        }
    }
}

/// Ears of many targets behind one switch must not all come back in the same instant.
fn pause(failures: u32, place: usize) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1u32.checked_shl(failures).unwrap_or(u32::MAX)).min(LONGEST_PAUSE);
    let spread = u32::try_from(place % 16).unwrap_or(0);
    doubled + doubled / 64 * spread
}
