//! Evaluates items once, with the engine of the daemon and a store that forgets.

use std::collections::{BTreeSet, HashMap};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use futures_util::stream;

use super::output::{self, Selection};
use super::terminal::{Terminal, complain, say};
use super::{args, load, progress};
use crate::core::{Graph, inputs};
use crate::engine::{Busy, Clock, Engine, Handle, Pace, Parts, Supervisor};
use crate::model::{ItemId, Plan, Slot, Timestamp};
use crate::settings::Settings;
use crate::store::memory::Memory;

/// Items asked for at once; the bulkheads bound what really runs.
const AT_ONCE: usize = 32;
/// How long the last result may take to show up in a snapshot.
const SETTLE: Duration = Duration::from_secs(5);

/// Exit code 0 if all that was chosen is accepted, 1 if not or not in time.
pub(super) async fn run(mut settings: Settings, args: &args::Check) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    let builtins = load::builtins(&settings, None);
    // One look has no use for what changes afterwards.
    settings.engine.watch = false;
    let catalogue = load::catalogue(&settings, &builtins, clock.now())?;
    let stages = needed(&catalogue.plan, args);
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
    let evaluate = evaluate(engine.handle(), &stages);
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

/// The items to run: all, or those asked for with everything they depend on or refer to.
///
/// One list after the other: an item is judged by what it refers to, and what that says later would
/// count as a change to be confirmed.
fn needed(plan: &Plan, args: &args::Check) -> Vec<Vec<ItemId>> {
    let all: Vec<Vec<Slot>> = plan.items.iter().map(|item| inputs(item)).collect();
    let ranked = Graph::of(&all).ranked;
    // A gate is judged by all of its items.
    let mut wanted: BTreeSet<Slot> = if args.item.is_empty() || !args.gate.is_empty() {
        ranked.iter().copied().collect()
    } else {
        // A name that does not exist is reported when the result is selected.
        args.item.iter().filter_map(|name| plan.slot(&ItemId::parse(name)?)).collect()
    };
    let mut open: Vec<Slot> = wanted.iter().copied().collect();
    while let Some(slot) = open.pop() {
        let next = plan.item(slot).map(|item| inputs(item)).unwrap_or_default();
        open.extend(next.into_iter().filter(|slot| wanted.insert(*slot)));
    }
    let mut depths: HashMap<Slot, usize> = HashMap::new();
    let mut stages: Vec<Vec<ItemId>> = Vec::new();
    for slot in ranked.iter().filter(|slot| wanted.contains(slot)) {
        let Some(item) = plan.item(*slot) else { continue };
        let depth = inputs(item).iter().filter_map(|input| depths.get(input)).max().map_or(0, |deepest| deepest + 1);
        depths.insert(*slot, depth);
        stages.resize_with(stages.len().max(depth + 1), Vec::new);
        if let Some(stage) = stages.get_mut(depth).filter(|_| item.is_scheduled()) {
            stage.push(item.id.clone());
        }
    }
    stages
}

/// Runs the items and waits until a snapshot shows all of it.
async fn evaluate(handle: &Handle, stages: &[Vec<ItemId>]) {
    let progress = progress::Progress::new(stages.iter().map(Vec::len).sum());
    let mut last = None;
    for stage in stages {
        let runs = stream::iter(stage.iter().cloned()).map(|id| async {
            let finished = run_one(handle, id).await;
            progress.step();
            finished
        });
        let finished: Vec<Option<Timestamp>> = runs.buffer_unordered(AT_ONCE).collect().await;
        last = finished.into_iter().flatten().max().max(last);
    }
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const CATALOGUE: &str = "checklists:
  c:
    title: C
    sections: { a: A }
    items:
      a.one: { title: T, priority: low, depends_on: [a.two], check: { tcp: { address: 'h:1' } } }
      a.two: { title: T, priority: low, check: { any_of: [ { tcp: { address: 'h:1' } }, { item: a.three } ] } }
      a.three: { title: T, priority: low, check: { tcp: { address: 'h:1' } } }
      a.four: { title: T, priority: low, check: { tcp: { address: 'h:1' } } }
      a.five: { title: T, priority: low }
";

    #[test]
    fn what_is_asked_for_runs_with_what_it_needs() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("root.yaml");
        std::fs::write(&file, CATALOGUE).unwrap();
        let mut settings = Settings::default();
        settings.catalogue.file = file;
        let compiled = load::catalogue(&settings, &load::builtins(&settings, None), Timestamp::from_secs(1)).unwrap();
        let of = |arguments: &[&str]| {
            let cli = args::Cli::parse_from(["x", "check"].iter().chain(arguments));
            let Some(args::Command::Check(args)) = cli.command else { panic!("check") };
            let stages = needed(&compiled.plan, &args);
            stages.concat().iter().map(|id| id.item().to_owned()).collect::<Vec<_>>()
        };
        let all = of(&[]);
        assert!(all.len() >= 4, "{all:?}");
        assert_eq!(of(&["--item", "c/a.one"]), ["a.three", "a.two", "a.one"]);
        assert_eq!(of(&["--item", "c/a.four", "--item", "c/a.six"]), ["a.four"]);
        assert_eq!(of(&["--item", "c/a.four", "--gate", "g"]), all);
    }
}
