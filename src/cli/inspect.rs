//! Commands that look at the catalogue or the code and run nothing.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use super::args::{DiagnosticOutput, Generated, List, Validate};
use super::load;
use super::output::{self, Selection};
use super::terminal::{Terminal, complain, say};
use crate::catalog;
use crate::core::World;
use crate::diag;
use crate::engine::Clock;
use crate::families;
use crate::generate;
use crate::model::{Slot, Timestamp};
use crate::probe::kinds::KINDS;
use crate::settings::Settings;
use crate::snapshot::{Health, ItemView, LoadStatus, Snapshot};

/// 0 if the catalogue loads, 1 if not, or if warnings are denied and there are some.
pub(super) fn validate(settings: &Settings, arguments: &Validate) -> anyhow::Result<ExitCode> {
    let builtins = load::builtins(settings, None);
    let loaded = catalog::load(&settings.catalogue.file, &builtins, Clock::system().now());
    say(&match arguments.output {
        DiagnosticOutput::Human => diag::human(&loaded.report, Terminal::of_stdout().palette()),
        DiagnosticOutput::Json => diag::json(&loaded.report),
        DiagnosticOutput::Github => diag::github(&loaded.report),
    })?;
    let warned = arguments.deny_warnings && !loaded.report.diagnostics.is_empty();
    let Some(compiled) = loaded.compiled else { return Ok(ExitCode::FAILURE) };
    if arguments.output == DiagnosticOutput::Human {
        let plan = &compiled.plan;
        say(&format!("{} items in {} checklists are valid\n", plan.items.len(), plan.checklists.len()))?;
        let series = families::series(&picture(&compiled.plan, Clock::system().now()), settings.web.detail.into());
        if series > families::SERIES_WARNING {
            complain(&format!("warning: the exposition has {series} series; consider fewer details"));
        }
    }
    Ok(if warned { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

pub(super) fn list(settings: &Settings, arguments: &List) -> anyhow::Result<ExitCode> {
    let snapshot = unevaluated(settings)?;
    let selection = Selection { checklist: arguments.checklist.clone(), ..Selection::default() };
    let selected = output::select(&snapshot, &selection).map_err(|errors| anyhow::anyhow!(errors.join("\n")))?;
    say(&output::list(arguments.output, &selected, Terminal::of_stdout()))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn explain(settings: &Settings, what: &str) -> anyhow::Result<ExitCode> {
    // Kinds, reasons and codes can be explained without a catalogue.
    let snapshot = unevaluated(settings).ok();
    let code = |text: &str| diag::explain(text).map(|code| code.meaning.to_owned());
    let sources = super::explain::Sources { kinds: KINDS, code: &code, snapshot: snapshot.as_ref() };
    match super::explain::explain(what, &sources) {
        Ok(text) => {
            say(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(text) => {
            complain(&text);
            Ok(ExitCode::FAILURE)
        }
    }
}

/// 0 if all files are, or were made, what the code generates.
pub(super) fn generate(check: bool, what: &[Generated]) -> anyhow::Result<ExitCode> {
    let root = Path::new(".");
    anyhow::ensure!(root.join("Cargo.toml").exists(), "run this at the root of the source tree");
    let wanted = |path: &str| {
        what.is_empty()
            || what.iter().any(|what| match what {
                Generated::Schema => path.ends_with(".schema.json"),
                Generated::Docs => path.starts_with("docs/"),
                Generated::Settings => path.ends_with("settings.yaml"),
                Generated::Alerts => path.starts_with("alerts/"),
                Generated::Dashboards => path.starts_with("dashboards/"),
            })
    };
    let stale: Vec<&str> = generate::stale(root).into_iter().filter(|path| wanted(path)).collect();
    if check {
        for path in &stale {
            complain(&format!("{path} is not what the code generates; run `readiness-exporter generate`"));
        }
        return Ok(if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    generate::write(root, &stale)?;
    for path in &stale {
        say(&format!("{path} written\n"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The catalogue as it is before anything was evaluated.
fn unevaluated(settings: &Settings) -> anyhow::Result<Snapshot> {
    let now = Clock::system().now();
    let compiled = load::catalogue(settings, &load::builtins(settings, None), now)?;
    Ok(picture(&compiled.plan, now))
}

fn picture(plan: &Arc<crate::model::Plan>, now: Timestamp) -> Snapshot {
    let world = World::new(Arc::clone(plan), now);
    let view = |(n, item): (usize, &Arc<crate::model::Item>)| {
        let slot = Slot(u32::try_from(n).ok()?);
        let (effective, memory) = (world.effective(slot)?, world.memory(slot)?);
        let (item, effective, memory) = (Arc::clone(item), effective.clone(), memory.clone());
        Some(Arc::new(ItemView { item, effective, memory }))
    };
    let items: Vec<Arc<ItemView>> = plan.items.iter().enumerate().filter_map(view).collect();
    Snapshot {
        generation: 0,
        taken_at: now,
        plan: Arc::clone(plan),
        rows: families::rows(&items),
        items,
        rollups: world.rollups(),
        load: LoadStatus::default(),
        health: Health::default(),
    }
}
