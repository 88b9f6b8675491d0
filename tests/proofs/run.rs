//! Runs one case: arrange, evaluate with the engine of the daemon, compare, put back.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cases::{Case, Expected, File, With};
use crate::deployment::Deployment;
use crate::support::client;
use crate::support::daemon::{Daemon, Launch};
use crate::world::{World, caught};

/// A look that came too late on a busy machine is taken again, as the daemon would.
const LOOKS: usize = 3;

/// What a case came to.
#[derive(Default)]
pub(crate) struct Outcome {
    /// One line for each item: item, state, reason, sentence.
    pub(crate) table: Vec<[String; 4]>,
    /// What was not as expected; empty if all was.
    pub(crate) wrong: Vec<String>,
    /// Looks that were taken again because one came too late.
    pub(crate) repeated: usize,
}

impl Outcome {
    pub(crate) fn wrong(why: String) -> Self {
        Self { wrong: vec![why], ..Self::default() }
    }
}

/// Never fails itself: what cannot be arranged is wrong.
pub(crate) fn run(world: &mut World, good: &With, file: &File, case: &Case) -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(error) = arranged(world, good, file, case, &mut outcome) {
        outcome.wrong.push(error);
    }
    for step in &case.undo {
        outcome.wrong.extend(world.act(step).err().map(|error| format!("undo: {error}")));
    }
    outcome.wrong.extend(world.restore(case.earlier.iter().chain(&case.steps).chain(&case.undo)).err());
    outcome
}

fn arranged(world: &mut World, good: &With, file: &File, case: &Case, outcome: &mut Outcome) -> Result<(), String> {
    let store = tempfile::tempdir().map_err(|error| error.to_string())?;
    let is_remembered = !case.earlier.is_empty();
    if is_remembered {
        for step in &case.earlier {
            world.act(step)?;
        }
        let deployment = Deployment::make(world, &file.checklist, &shipped(file), &[good, &file.with, &case.with])?;
        watch(store.path(), &deployment.root, &file.checklist, case)?;
        world.restore(case.earlier.iter())?;
    }
    for step in &case.steps {
        world.act(step)?;
    }
    let deployment = Deployment::make(world, &file.checklist, &shipped(file), &[good, &file.with, &case.with])?;
    let look = |world: &World| {
        if is_remembered {
            watch(store.path(), &deployment.root, &file.checklist, case)
        } else {
            check(world, &deployment.root, &file.checklist, case)
        }
    };
    let mut seen = look(world)?;
    while outcome.repeated + 1 < LOOKS && is_late(&seen, &case.expect) {
        outcome.repeated += 1;
        seen = look(world)?;
    }
    for (item, expected) in &case.expect {
        let found = seen.get(item).ok_or_else(|| format!("{item} is not in the catalogue"))?;
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        let (state, reason, sentence) = (text("state"), text("reason"), text("sentence"));
        let right = state == expected.state && reason == expected.reason && sentence.contains(&expected.says);
        if !right {
            let cause = found["root_cause"].as_str().and_then(|id| seen.get(id.split_once('/')?.1));
            let cause = cause.map(|row| format!(" (cause: {})", row["sentence"])).unwrap_or_default();
            let Expected { state: wanted, reason: why, says } = expected;
            outcome
                .wrong
                .push(format!("{item}: expected `{wanted} {why}: {says}`, saw `{state} {reason}: {sentence}`{cause}"));
        }
        outcome.table.push([item.clone(), state, reason, sentence]);
    }
    Ok(())
}

/// The file of the checklist.
fn shipped(file: &File) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/checklists/{}.yaml", file.checklist))
}

/// As a daemon sees it that keeps its store below `directory`, by item. It is stopped in order.
fn watch(directory: &Path, root: &Path, checklist: &str, case: &Case) -> Result<BTreeMap<String, Value>, String> {
    /// So many looks confirm whatever they see.
    const LOOKS: usize = 3;
    caught(|| {
        let mut launch = Launch::new(directory, root);
        launch.arguments.extend(case.flags.iter().cloned());
        let daemon = launch.start();
        let path = |item: &str| format!("/api/v1/items/{checklist}/{item}");
        for item in (0..LOOKS).flat_map(|_| case.expect.keys()) {
            let ran = run_now(&daemon, &path(item));
            assert_eq!(ran, 200, "{item} does not run");
        }
        let rows = case.expect.keys().map(|item| (item.clone(), daemon.json(&path(item)))).collect();
        assert!(daemon.stop().success(), "the daemon does not end in order");
        rows
    })
}

fn run_now(daemon: &Daemon, path: &str) -> u16 {
    client::request(&daemon.address, "POST", &format!("{path}/run"), &[]).map_or(0, |answer| answer.status)
}

/// Whether something timed out that should not have.
fn is_late(seen: &BTreeMap<String, Value>, expected: &BTreeMap<String, Expected>) -> bool {
    let timed_out = |reason: &str| matches!(reason, "timeout" | "observer_timeout");
    let meant = expected.values().any(|expected| timed_out(&expected.reason) || expected.says.contains("timed out"));
    !meant && seen.values().any(|row| row["reason"].as_str().is_some_and(timed_out))
}

/// By item, without the checklist: those asked for, and those they hang on.
fn check(world: &World, root: &Path, checklist: &str, case: &Case) -> Result<BTreeMap<String, Value>, String> {
    const NOBODY: u32 = 65_534;
    let mut command = Command::new(env!("CARGO_BIN_EXE_readiness-exporter"));
    for flag in &case.flags {
        command.arg(world.fill_text(flag)?);
    }
    if case.unprivileged && rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
    command.args(["check", "--output", "json", "--config.file"]).arg(root);
    for item in case.expect.keys() {
        command.args(["--item", &format!("{checklist}/{item}")]);
    }
    let done = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&done.stderr);
    let result: Value = serde_json::from_slice(&done.stdout).map_err(|error| format!("check: {error}: {said}"))?;
    let items = result["items"].as_array().ok_or("check lists no items")?;
    let row = |row: &Value| Some((row["id"].as_str()?.split_once('/')?.1.to_owned(), row.clone()));
    Ok(items.iter().filter_map(row).collect())
}
