//! Tasks, channels and time around the pure core.
//!
//! `Engine::start` is the one place where everything is put together. The event loop owns all
//! state; the persister writes it, the reloader replaces the catalogue, runs come and go.

mod bulkhead;
mod clock;
mod event_loop;
mod gate;
mod handle;
mod pending;
mod persister;
mod publisher;
mod reload;
mod run;
mod selfmetrics;
#[cfg(test)]
mod simulation;
mod supervise;
mod together;
mod waiters;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use clock::Clock;
pub use gate::Gate;
pub use handle::{Busy, Command, Handle, ReloadOutcome};
pub use selfmetrics::SelfMetrics;
pub use supervise::Supervisor;

use crate::catalog::{Builtins, Compiled};
use crate::core::{DueQueue, Event, World};
use crate::probe::net::Clients;
use crate::probe::{Afterwards, Hazards, Leftovers};
use crate::settings::Settings;
use crate::snapshot::{Current, Health, LoadStatus, Rows, Snapshot, StoreHealth};
use crate::store::{Retention, Store, StoreError};

/// Evaluations that wait for the loop; beyond that, runs wait before they end.
const RESULTS: usize = 1024;
/// Commands that wait for the loop; beyond that, the caller is told to come back.
const COMMANDS: usize = 64;
/// Of the phases. A second daemon beside this one would want another.
const SEED: u64 = 0;
/// How long tombstones of removed items are kept.
const TOMBSTONES: Duration = Duration::from_secs(30 * 86_400);
/// How long the loop and the last flush may take, each.
const STOP_GRACE: Duration = Duration::from_secs(15);
/// How long clean-ups of runs that were dropped may take; what is left then is cleaned after the next start.
const CLEANUP_GRACE: Duration = Duration::from_secs(10);
/// Reading all credentials, so that none can leak before a probe has used it.
const LEARN_TIMEOUT: Duration = Duration::from_secs(5);
/// Restoring state reads the whole store once.
const RESTORE_TIMEOUT: Duration = Duration::from_secs(60);

/// What an engine is made of.
pub struct Parts {
    pub settings: Settings,
    /// What the first catalogue was loaded with; reloads use the same.
    pub builtins: Builtins,
    pub catalogue: Compiled,
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub supervisor: Supervisor,
    pub pace: Pace,
}

/// How often the loop does what nobody asked for.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The loop turns at least this often.
    pub heartbeat: Duration,
    /// A snapshot is put together at most this often.
    pub publish: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { heartbeat: Duration::from_secs(1), publish: Duration::from_millis(250) }
    }
}

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("state could not be restored: {0}")]
    Restore(#[from] StoreError),
    #[error("state could not be restored within {RESTORE_TIMEOUT:?}")]
    RestoreTimeout,
    #[error("own metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// A running engine.
pub struct Engine {
    handle: Handle,
    metrics: SelfMetrics,
    supervisor: Supervisor,
    drain: CancellationToken,
    stop_loop: CancellationToken,
    loop_ended: CancellationToken,
    stop_persister: CancellationToken,
    persister_ended: CancellationToken,
    grace: Duration,
    /// Where the reloader hands in catalogues; a simulation does it in its place.
    #[cfg(test)]
    loads: mpsc::Sender<reload::Load>,
}

impl Engine {
    /// Restores state, and only then starts to evaluate. When it returns, what `/metrics` shows is
    /// what it showed before the restart.
    pub async fn start(parts: Parts) -> Result<Self, StartError> {
        let Parts { settings, builtins, catalogue, store, clock, supervisor, pace } = parts;
        let started_at = clock.now();
        let metrics = SelfMetrics::new(store.name())?;
        // A target may repeat a secret that was not sent to it; the redactor must know it first.
        catalogue.credentials.learn_all(Instant::now() + LEARN_TIMEOUT).await;
        let restored =
            tokio::time::timeout(RESTORE_TIMEOUT, store.restore()).await.map_err(|_| StartError::RestoreTimeout)??;
        if restored.unreadable > 0 {
            tracing::warn!(rows = restored.unreadable, "rows of the store could not be read; their items start anew");
        }

        let mut world = World::new(Arc::clone(&catalogue.plan), started_at);
        let effects = world.apply(Event::Restored(restored.memories), started_at);
        let load = LoadStatus { successful: true, loaded_at: Some(started_at), errors: None };
        metrics.reloaded(true, started_at);
        metrics.store_unreadable(restored.unreadable);
        metrics.items(catalogue.plan.items.len());

        let current = Current::new(first_snapshot(&world, &load, started_at, store.name()));
        let (commands, command_inbox) = mpsc::channel(COMMANDS);
        let (results, result_inbox) = mpsc::channel(RESULTS);
        let (reloads, reload_inbox) = mpsc::channel(COMMANDS);
        let (loads, load_inbox) = mpsc::channel(1);
        let outbox = persister::Outbox::new(store.name());
        let handle = Handle {
            current: current.clone(),
            registry: metrics.registry().clone(),
            store: Arc::clone(&store),
            clock: clock.clone(),
            commands,
        };

        let stop_persister = CancellationToken::new();
        let persister = persister::Persister {
            store,
            outbox: outbox.clone(),
            retention: Retention { transitions: settings.store.keep_transitions.into(), tombstones: TOMBSTONES.into() },
            clock: clock.clone(),
            metrics: metrics.clone(),
        };
        let persister_ended = CancellationToken::new();
        let (stop, ended) = (stop_persister.clone(), persister_ended.clone().drop_guard());
        supervisor.spawn("persister", async move {
            persister.run(stop).await;
            drop(ended);
        });

        let reloader = reload::Reloader {
            root: settings.catalogue.file.clone(),
            builtins,
            clock: clock.clone(),
            watch: settings.catalogue.watch,
            requests: reload_inbox,
            loads: loads.clone(),
            fingerprint: catalogue.fingerprint,
            files: catalogue.files.clone(),
        };
        supervisor.spawn("reloader", reloader.run(supervisor.stopping().clone()));

        let clients = Arc::new(Clients::with(hazards(&settings, &supervisor, &metrics)));
        let ears = Arc::new(watch::Ears::default());
        let (watching, plans) = watch::Watching::new(settings.engine.watch, &catalogue, Arc::clone(&ears));
        let listener = watch::Listener {
            clock: clock.clone(),
            clients: Arc::clone(&clients),
            metrics: metrics.clone(),
            ears,
            plans,
        };
        supervisor.spawn("listener", listener.run(supervisor.stopping().clone()));

        let runner = run::Runner {
            clock: clock.clone(),
            clients,
            bulkheads: bulkhead::Bulkheads::new(&settings.engine),
            metrics: metrics.clone(),
            gate: Gate::new(&settings.engine),
            results,
        };
        let last_finished = |slot| world.memory(slot).and_then(|memory| memory.last_finished);
        let queue = DueQueue::start(world.plan(), SEED, started_at, last_finished);
        let mut event_loop = event_loop::EventLoop {
            catalogue,
            queue,
            world,
            runner: Arc::new(runner),
            supervisor: supervisor.clone(),
            outbox,
            publisher: publisher::Publisher::new(current, pace.publish),
            clock,
            heartbeat: pace.heartbeat,
            load,
            started_at,
            wake_at: None,
            waiters: waiters::Waiters::default(),
            watching,
            reloads,
        };
        event_loop.perform(effects, started_at);
        event_loop.first_views();
        let (drain, stop_loop, loop_ended) =
            (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
        let inputs = event_loop::Inputs {
            results: result_inbox,
            commands: command_inbox,
            loads: load_inbox,
            drain: drain.clone(),
            stop: stop_loop.clone(),
        };
        let ended = loop_ended.clone().drop_guard();
        supervisor.spawn("event loop", async move {
            event_loop.run(inputs).await;
            drop(ended);
        });
        let grace = settings.engine.drain_grace;
        Ok(Self {
            handle,
            metrics,
            supervisor,
            drain,
            stop_loop,
            loop_ended,
            stop_persister,
            persister_ended,
            grace,
            #[cfg(test)]
            loads,
        })
    }

    /// For what only the starter of the engine knows.
    pub fn metrics(&self) -> &SelfMetrics {
        &self.metrics
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Stops planning, lets runs end within the grace period, absorbs and stores what they found.
    /// The web server stays up, for a last scrape; it is the caller's to close. True if nothing
    /// had to be cut off. Whether the store took the last state is in the log.
    pub async fn drain(self) -> bool {
        self.drain.cancel();
        let drained = self.supervisor.drain_runs(self.grace).await;
        let cleaned = self.supervisor.drain_cleanups(CLEANUP_GRACE).await;
        self.supervisor.stopping().cancel();
        self.stop_loop.cancel();
        let loop_ended = tokio::time::timeout(STOP_GRACE, self.loop_ended.cancelled()).await.is_ok();
        // Only now: what the loop absorbed last must be among what is written last.
        self.stop_persister.cancel();
        let stored = tokio::time::timeout(STOP_GRACE, self.persister_ended.cancelled()).await.is_ok();
        drained && cleaned && loop_ended && stored
    }
}

/// What runs that change or load their target are lent.
fn hazards(settings: &Settings, supervisor: &Supervisor, metrics: &SelfMetrics) -> Hazards {
    let (supervisor, metrics) = (supervisor.clone(), metrics.clone());
    Hazards {
        load_targets: settings.engine.load_targets.clone(),
        sandbox_repositories: settings.engine.sandbox_repositories.clone(),
        sandbox_databases: settings.engine.sandbox_databases.clone(),
        leftovers: Some(Leftovers::new(settings.store.path.join("leftovers"), move |n| metrics.leftovers(n))),
        afterwards: Afterwards::new(move |work| supervisor.spawn_cleanup(work)),
    }
}

fn first_snapshot(world: &World, load: &LoadStatus, now: crate::model::Timestamp, store: &'static str) -> Snapshot {
    Snapshot {
        generation: 0,
        taken_at: now,
        plan: Arc::clone(world.plan()),
        items: Vec::new(),
        rows: Rows::default(),
        rollups: world.rollups(),
        load: load.clone(),
        health: Health {
            store: StoreHealth { kind: store, ..StoreHealth::default() },
            started_at: Some(now),
            ..Health::default()
        },
    }
}
