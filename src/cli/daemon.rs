//! The daemon: load, restore, listen, evaluate, and stop in order.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{load, service};
use crate::engine::{Clock, Engine, Handle, Pace, Parts, ReloadOutcome, Supervisor};
use crate::settings::{Settings, StoreKind};
use crate::store::{Store, memory, sqlite};
use crate::web;

/// How long the last requests may take once the engine has stopped.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// Runs until SIGTERM or SIGINT. Exit code 0 if everything ended in order, 1 if something had to be
/// cut off or ended early. Errors are about the start: the process never gets up half-way.
pub(super) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new().context("signals")?;
    let clock = Clock::system();
    // Ports first: a second daemon on the same address must not touch the first one's store.
    let bound = web::bind(&settings.web).await?;
    let builtins = load::builtins(&settings, bound.local_url());
    let catalogue = load::catalogue(&settings, &builtins, clock.now())?;
    let store = open(&settings).await?;
    let supervisor = Supervisor::new();
    let parts = Parts {
        settings: settings.clone(),
        builtins,
        catalogue,
        store,
        clock,
        supervisor: supervisor.clone(),
        pace: Pace::default(),
    };
    // Restoring may take its time, and nothing is lost by not waiting for it.
    let engine = tokio::select! {
        engine = Engine::start(parts) => engine.context("start")?,
        name = stop(&mut signals.terminate, &mut signals.interrupt) => {
            tracing::info!(signal = name, "stopped before the start was complete");
            return Ok(ExitCode::SUCCESS);
        }
    };
    let handle = engine.handle().clone();

    for address in bound.addresses() {
        tracing::info!(%address, "listening");
    }
    let board = board(&settings, &bound);
    engine.metrics().board_is_at(&board);
    announce(&board, &handle);
    let close_web = CancellationToken::new();
    supervisor.spawn("web", web::serve(bound, handle.clone(), close_web.clone()));
    supervisor.spawn("watchdog", service::watchdog(handle.clone(), supervisor.stopping().clone()));
    service::ready();

    // A reload that takes long, or never ends, must not keep the process from stopping.
    tokio::select! {
        () = supervisor.stopping().cancelled() => {}
        () = reload_when_asked(&mut signals.hangup, &handle) => {}
        name = stop(&mut signals.terminate, &mut signals.interrupt) => tracing::info!(signal = name, "stopping"),
    }
    service::stopping();
    let in_order = engine.drain().await;
    close_web.cancel();
    let closed = supervisor.join(CLOSE_GRACE).await;
    if let Some(task) = supervisor.ended_early() {
        tracing::error!(task, "stopped because this task ended early");
        return Ok(ExitCode::FAILURE);
    }
    tracing::info!(in_order, "stopped");
    Ok(if in_order && closed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn open(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    Ok(match settings.store.kind {
        StoreKind::Memory => Arc::new(memory::Memory::new()),
        StoreKind::Sqlite => {
            let path = &settings.store.path;
            sqlite::Sqlite::open(path).await.with_context(|| format!("store {}", path.display()))?
        }
    })
}

/// Where people reach the board: what was said, or else where it listens. No slash at the end.
fn board(settings: &Settings, bound: &web::Bound) -> String {
    let external = settings.web.external_url.trim_end_matches('/');
    if external.is_empty() { bound.local_url().unwrap_or_default() } else { external.to_owned() }
}

/// The one line a person who started it by hand looks for.
#[expect(clippy::print_stderr, reason = "for the person at the terminal, whatever the log level")]
fn announce(board: &str, handle: &Handle) {
    let items = handle.current.load().plan.items.len();
    eprintln!("\nreadiness-exporter: {items} items; the board is at {board}/\n");
}

/// Never ends. Signals that come during a load are one request for another.
async fn reload_when_asked(hangup: &mut Signal, handle: &Handle) {
    loop {
        hangup.recv().await;
        match handle.reload().await {
            Ok(ReloadOutcome::Unchanged) => tracing::info!("reload: nothing has changed"),
            // The event loop has logged the others.
            Ok(ReloadOutcome::Replaced { .. } | ReloadOutcome::Rejected(_)) => {}
            Err(_) => tracing::warn!("reload: too busy, or stopping; try again"),
        }
    }
}

/// The name of the signal that asks the process to stop.
async fn stop(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}
