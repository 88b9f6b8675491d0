//! Evaluates every item once, with the engine of the daemon and a store that forgets.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use futures_util::stream;

use super::output::{self, Selection};
use super::terminal::{Terminal, complain, say};
use super::{args, load, progress};
use crate::engine::{Busy, Clock, Engine, Handle, Pace, Parts, Supervisor};
use crate::model::{Item, ItemId, Timestamp};
use crate::settings::Settings;
use crate::store::memory::Memory;

/// Items asked for at once; the bulkheads bound what really runs.
const AT_ONCE: usize = 32;
/// How long the last result may take to show up in a snapshot.
const SETTLE: Duration = Duration::from_secs(5);

/// Exit code 0 if all that was chosen is accepted, 1 if not or not in time.
pub(super) async fn run(settings: Settings, args: &args::Check) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    let builtins = load::builtins(&settings, None);
    let catalogue = load::catalogue(&settings, &builtins, clock.now())?;
    // All items run, because those chosen may depend on others.
    let scheduled = |item: &&Arc<Item>| item.is_scheduled();
    let ids: Vec<ItemId> = catalogue.plan.items.iter().filter(scheduled).map(|item| item.id.clone()).collect();
    let supervisor = Supervisor::new();
    let parts = Parts {
        settings,
        builtins,
        catalogue,
        store: Arc::new(Memory::new()),
        clock,
        supervisor: supervisor.clone(),
        pace: Pace::default(),
    };
    let engine = Engine::start(parts).await.context("start")?;
    let evaluate = evaluate(engine.handle(), &ids);
    let complete = tokio::time::timeout(args.timeout, evaluate).await;
    let snapshot = engine.handle().current.load();
    let selection = Selection { gates: args.gate.clone(), checklist: args.checklist.clone(), items: args.item.clone() };
    let selected = output::select(&snapshot, &selection).map_err(|errors| anyhow::anyhow!(errors.join("\n")))?;
    // What was asked for by name has a line of its own.
    let form =
        output::Form { output: args.output, all: args.all || !args.item.is_empty(), terminal: Terminal::of_stdout() };
    let said = say(&output::check(form, &selected, snapshot.taken_at));
    engine.drain().await;
    said?;
    if complete.is_err() {
        complain(&format!("not all items were evaluated within {}", humantime::format_duration(args.timeout)));
        return Ok(ExitCode::FAILURE);
    }
    Ok(if selected.is_accepted() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the items and waits until a snapshot shows all of it.
async fn evaluate(handle: &Handle, ids: &[ItemId]) {
    let progress = progress::Progress::new(ids.len());
    let runs = stream::iter(ids.iter().cloned()).map(|id| async {
        let finished = run_one(handle, id).await;
        progress.step();
        finished
    });
    let finished: Vec<Option<Timestamp>> = runs.buffer_unordered(AT_ONCE).collect().await;
    let last = finished.into_iter().flatten().max();
    let shown = async {
        while last.is_some_and(|last| handle.current.load().taken_at < last) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // A loop that does not publish any more is a bug; what is there is printed all the same.
    let _ = tokio::time::timeout(SETTLE, shown).await;
}

async fn run_one(handle: &Handle, id: ItemId) -> Option<Timestamp> {
    loop {
        match handle.run_now(id.clone()).await {
            Ok(finished) => return finished,
            Err(Busy) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
