//! Faults under a running daemon: which rows turn, to what, how soon, and that no other does.
//!
//! The daemon watches the whole checklist in the good world, with shortened intervals and the
//! shipped hysteresis. One fault after the other is brought about and taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::cases::{self, Expected, Step, With};
use crate::deployment::Deployment;
use crate::rows::Shipped;
use crate::support::daemon::{Daemon, Launch};
use crate::support::faster::faster;
use crate::world::World;

/// Of every item; three looks that fail in a row, a fifth of it apart, are an outcome.
const INTERVAL: &str = "5s";
/// How long before the next look a fault begins that must be seen, unless it says how long it lasts.
const AHEAD: Duration = Duration::from_secs(1);
/// Until every item was looked at a few times.
const SETTLES: Duration = Duration::from_secs(120);
/// Until a fault, or its end, must show.
const SHOWS: Duration = Duration::from_secs(60);
/// Between two looks at all rows.
const LOOKS: Duration = Duration::from_millis(150);
/// How long after the last expected turn others are watched.
const AFTERMATH: Duration = Duration::from_secs(8);

const PAGE: &str = "\
# Faults

From one run of `cargo test --test proofs -- faults --record`; the cases are in `tests/faults/`. A daemon watches the
whole checklist while one server after the other is broken and mended. Every item runs each five seconds here, with the
shipped hysteresis: three failing looks, a second apart, make a failure, and two passing ones a recovery. With the
shipped intervals the same turns take longer in proportion. The daemon does not listen here (`engine.watch: false`): what is
told at once is in [watched.md](watched.md). A fault that must be seen and tolerated begins just before
a look. The run fails if any row turns that is not listed (a row that was unknown before is not watched), if one does
not come back, or if a fault that must be tolerated was not even seen.
";

/// The faults of one server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    pub(crate) checklist: String,
    /// What runs; the first is the one that is broken.
    servers: Vec<String>,
    #[serde(default)]
    with: With,
    faults: Vec<Fault>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    fault: String,
    #[serde(rename = "do")]
    steps: Vec<Step>,
    /// Wait so long, then `then`: for faults that end by themselves.
    #[serde(default)]
    lasts: Option<String>,
    #[serde(default)]
    then: Vec<Step>,
    #[serde(default)]
    undo: Vec<Step>,
    /// All rows that turn. What is blocked by one of them, or made of it, need not be listed.
    #[serde(default)]
    turns: BTreeMap<String, Expected>,
    /// Rows that must have seen the fault in a look, and yet keep their state.
    #[serde(default)]
    tolerate: Vec<String>,
}

impl File {
    pub(crate) fn count(&self) -> usize {
        self.faults.len()
    }
}

/// What happened.
pub(crate) struct Outcome {
    pub(crate) name: String,
    /// As Markdown.
    pub(crate) table: String,
    /// Faults that went as expected.
    pub(crate) passed: usize,
    pub(crate) wrong: Vec<String>,
}

/// `docs/faults.md`, from one run.
pub(crate) fn page(outcomes: &[Outcome]) -> String {
    let mut text = PAGE.to_owned();
    for Outcome { name, table, .. } in outcomes {
        text += &format!("\n## {name}\n\n| fault | rows that turned | back after |\n|---|---|---|\n{table}");
    }
    text
}

impl Outcome {
    fn of(name: &str) -> Self {
        Self { name: name.to_owned(), table: String::new(), passed: 0, wrong: Vec::new() }
    }

    /// Of faults that could not be tried.
    pub(crate) fn broken(name: &str, error: &str) -> Self {
        Self { wrong: vec![format!("faults/{name}: {error}")], ..Self::of(name) }
    }
}

pub(crate) fn load(directory: &Path, filters: &[&String]) -> Result<Vec<(String, File)>, String> {
    let mut files = Vec::new();
    for path in cases::entries(directory)? {
        let name = cases::name(&path);
        let mut file: File = cases::read(&path)?;
        file.faults.retain(|fault| {
            let title = format!("faults/{name}: {}", fault.fault);
            filters.is_empty() || filters.iter().any(|part| title.contains(part.as_str()))
        });
        if !file.faults.is_empty() {
            files.push((name, file));
        }
    }
    Ok(files)
}

pub(crate) fn run(world: &mut World, name: &str, file: &File, good: &With) -> Result<Outcome, String> {
    world.need(&file.servers)?;
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let shipped = faster(&file.checklist, &directory.path().join("config"), INTERVAL);
    let deployment = Deployment::make(world, &file.checklist, &shipped, &[good, &file.with])?;
    // What the schedule finds and tolerates; what targets tell of is in `it watched`.
    let mut launch = Launch::new(directory.path(), &deployment.root);
    launch.environment.push(("READINESS__ENGINE__WATCH".to_owned(), "false".to_owned()));
    let daemon = launch.start();
    let watch = Watch { daemon: &daemon, checklist: &file.checklist, shipped: Shipped::load(&file.checklist)? };
    watch.settle()?;
    let mut outcome = Outcome::of(name);
    for fault in &file.faults {
        let before = watch.rows();
        let done = one(world, &watch, fault, &before);
        for step in &fault.undo {
            outcome.wrong.extend(world.act(step).err());
        }
        world.restore(fault.steps.iter().chain(&fault.then).chain(&fault.undo))?;
        let back = watch.back(&before);
        match done {
            Ok(mut line) if back.is_ok() => {
                line.back = back.unwrap_or_default();
                outcome.table += &line.markdown();
                println!("ok     faults/{name}: {}\n{}", fault.fault, line.markdown().trim_end());
                outcome.passed += 1;
            }
            done => {
                let error = [done.err(), back.err()].into_iter().flatten().collect::<Vec<_>>().join("; ");
                println!("FAILED faults/{name}: {}: {error}", fault.fault);
                outcome.wrong.push(format!("faults/{name}: {}: {error}", fault.fault));
            }
        }
    }
    if !daemon.stop().success() {
        outcome.wrong.push(format!("faults/{name}: the daemon did not end well"));
    }
    Ok(outcome)
}

/// One line of the table.
struct Line {
    fault: String,
    turned: Vec<(String, Expected, f64)>,
    blocked: usize,
    tolerated: Vec<String>,
    back: f64,
}

impl Line {
    fn markdown(&self) -> String {
        let turned = |(item, state, after): &(String, Expected, f64)| {
            format!("`{item}` {} {} after {after:.1} s", state.state, state.reason).trim_end().to_owned()
        };
        let mut rows: Vec<String> = self.turned.iter().map(turned).collect();
        rows.extend(self.tolerated.iter().map(|item| format!("`{item}` saw it and stayed")));
        if self.blocked > 0 {
            rows.push(format!("{} rows blocked by or made of these", self.blocked));
        }
        let rows = if rows.is_empty() { "none".to_owned() } else { rows.join("<br>") };
        let back = if self.turned.is_empty() { "–".to_owned() } else { format!("{:.1} s", self.back) };
        format!("| {} | {rows} | {back} |\n", self.fault)
    }
}

/// State and more of every item, by its name without the checklist.
type Rows = BTreeMap<String, Value>;

fn one(world: &mut World, watch: &Watch<'_>, fault: &Fault, before: &Rows) -> Result<Line, String> {
    let already = fault.turns.iter().filter(|(item, expected)| before.get(*item).is_some_and(|row| is(row, expected)));
    if let Some((item, _)) = already.into_iter().next() {
        return Err(format!("{item} cannot turn: it is {}", told(&before[item.as_str()])));
    }
    let lasts = fault.lasts.as_ref().map(|text| humantime::parse_duration(text).map_err(|error| error.to_string()));
    let lasts = lasts.transpose()?;
    if let Some(item) = fault.tolerate.first() {
        watch.before_a_look(item, lasts.map_or(AHEAD, |lasts| lasts.mul_f64(0.7)))?;
    }
    let started = Instant::now();
    let mut seen = Changes::default();
    fault.steps.iter().try_for_each(|step| world.act(step))?;
    if let Some(lasts) = lasts {
        let until = Instant::now() + lasts;
        while Instant::now() + LOOKS < until {
            seen.add(before, watch.rows());
            std::thread::sleep(LOOKS);
        }
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        fault.then.iter().try_for_each(|step| world.act(step))?;
    }
    let mut open: BTreeMap<&String, &Expected> = fault.turns.iter().collect();
    let mut line =
        Line { fault: fault.fault.clone(), turned: Vec::new(), blocked: 0, tolerated: Vec::new(), back: 0.0 };
    while !open.is_empty() {
        let rows = watch.rows();
        open.retain(|item, expected| {
            let there = rows.get(*item).is_some_and(|row| is(row, expected));
            if there {
                line.turned.push(((*item).clone(), (*expected).clone(), started.elapsed().as_secs_f64()));
            }
            !there
        });
        if started.elapsed() > SHOWS {
            let late = open.iter().map(|(item, expected)| {
                let is = rows.get(*item).map(told).unwrap_or_default();
                format!("{item} should be {} {}, is {is}", expected.state, expected.reason)
            });
            seen.add(before, rows.clone());
            return Err(late.chain(seen.unexplained(&watch.shipped, fault, before).1).collect::<Vec<_>>().join("; "));
        }
        seen.add(before, rows);
        std::thread::sleep(LOOKS);
    }
    // What turns by mistake must not go unseen because it came and went.
    let until = Instant::now() + AFTERMATH;
    while Instant::now() < until {
        seen.add(before, watch.rows());
        std::thread::sleep(LOOKS);
    }
    let (blocked, others) = seen.unexplained(&watch.shipped, fault, before);
    if !others.is_empty() {
        return Err(others.join("; "));
    }
    line.blocked = blocked;
    let rows = watch.rows();
    for item in &fault.tolerate {
        let failures = |rows: &Rows| rows.get(item).and_then(|row| row["failures"].as_u64());
        if failures(&rows) <= failures(before) {
            return Err(format!("{item} did not even see it"));
        }
        line.tolerated.push(item.clone());
    }
    Ok(line)
}

fn told(row: &Value) -> String {
    format!("{} {} {}", row["state"], row["reason"], row["sentence"])
}

/// What rows were, in their latest state that is not the one before.
#[derive(Default)]
struct Changes(Rows);

impl Changes {
    fn add(&mut self, before: &Rows, rows: Rows) {
        let other = |(item, row): &(String, Value)| before.get(item).is_some_and(|was| was["state"] != row["state"]);
        self.0.extend(rows.into_iter().filter(other));
    }

    /// `causes`, and what is held by them or made of them.
    fn follow<'a>(&'a self, shipped: &Shipped, before: &Rows, mut causes: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
        let follows = |(item, row): &(&String, &Value), causes: &BTreeSet<&str>| {
            // Of several that hold it, one that did before may be named as the root.
            let root = row["root_cause"].as_str().and_then(|id| id.split_once('/')).map(|(_, item)| item);
            let mut holds = shipped.depends_on(item).chain(root);
            let held = row["state"] == "blocked" && holds.any(|cause| causes.contains(cause));
            // Another row, of which it is or was made, is named as the reason.
            let was = before.get(*item).unwrap_or(&Value::Null);
            held || causes.iter().any(|cause| names(row, cause) || names(was, cause))
        };
        // A row can be made of one that is blocked, and so on.
        while let Some((item, _)) =
            self.0.iter().find(|entry| !causes.contains(entry.0.as_str()) && follows(entry, &causes))
        {
            causes.insert(item);
        }
        causes
    }

    /// How many turned with those that were meant to, and all others.
    fn unexplained(&self, shipped: &Shipped, fault: &Fault, before: &Rows) -> (usize, Vec<String>) {
        let meant: BTreeSet<&str> = fault.turns.keys().map(String::as_str).collect();
        let rare = self.0.iter().filter(|(_, row)| is_rare(row)).map(|(item, _)| item.as_str());
        let explained = self.follow(shipped, before, meant.iter().copied().chain(rare).collect());
        let (mut count, mut others) = (0, Vec::new());
        for (item, row) in self.0.iter().filter(|(item, _)| !meant.contains(item.as_str())) {
            let was = &before[item.as_str()];
            if !is_turn(was, row) {
            } else if explained.contains(item.as_str()) {
                count += 1;
            } else {
                others.push(format!("{item} turned too: {} {} to {}", was["state"], was["reason"], told(row)));
            }
        }
        (count, others)
    }
}

fn names(row: &Value, item: &str) -> bool {
    row["sentence"].as_str().is_some_and(|says| says.contains(&format!("/{item}`")))
}

/// From a state that was known to another.
fn is_turn(was: &Value, row: &Value) -> bool {
    // Its first look may fall into any fault.
    if is_rare(row) {
        return false;
    }
    was["state"] != row["state"] && is_known(was)
}

fn is_known(row: &Value) -> bool {
    !matches!(row["state"].as_str(), Some("unknown" | "blocked" | "stale"))
}

/// A login is tried once an hour, whatever the interval: nothing can be confirmed here.
fn is_rare(row: &Value) -> bool {
    row["interval_seconds"].as_f64().is_some_and(|every| every > 60.0)
}

fn is(row: &Value, expected: &Expected) -> bool {
    let text = |key: &str| row[key].as_str().unwrap_or_default();
    text("state") == expected.state
        && (expected.reason.is_empty() || text("reason") == expected.reason)
        && text("sentence").contains(&expected.says)
}

struct Watch<'a> {
    daemon: &'a Daemon,
    checklist: &'a str,
    shipped: Shipped,
}

impl Watch<'_> {
    fn rows(&self) -> Rows {
        let all = self.daemon.json("/api/v1/items");
        let own = |row: &Value| {
            let item = row["item"].as_str()?.to_owned();
            (row["checklist"] == self.checklist).then(|| (item, row.clone()))
        };
        all.as_array().into_iter().flatten().filter_map(own).collect()
    }

    /// Until every item that runs was looked at as often as its first look needs to be taken back, and
    /// none is about to change.
    fn settle(&self) -> Result<(), String> {
        let until = Instant::now() + SETTLES;
        loop {
            let rows = self.rows();
            let runs = |row: &Value| !row["interval_seconds"].is_null() && !is_rare(row);
            let open = |row: &&Value| runs(row) && (row["evaluations"].as_u64() < Some(3) || row["changing"] == true);
            let left: Vec<&Value> = rows.values().filter(open).collect();
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > until {
                let names: Vec<String> = left.iter().map(|row| row["item"].to_string()).collect();
                return Err(format!("not settled: {}", names.join(", ")));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until the next look at an item that keeps to its interval is so far away.
    fn before_a_look(&self, item: &str, ahead: Duration) -> Result<(), String> {
        let interval = humantime::parse_duration(INTERVAL).map_err(|error| error.to_string())?;
        let until = Instant::now() + SHOWS;
        let mut last: Option<jiff::Timestamp> = None;
        while Instant::now() < until {
            let row = self.rows().remove(item).ok_or_else(|| format!("there is no item {item}"))?;
            let ended = row["last_evaluation"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
            let took = Duration::from_secs_f64(row["last_duration_seconds"].as_f64().unwrap_or_default());
            let began = ended.and_then(|ended| ended.checked_sub(took).ok());
            let since = |last: jiff::Timestamp| began.map(|began| began.duration_since(last).as_secs_f64());
            match (last, began) {
                (Some(last), Some(began)) if (since(last).unwrap_or_default() - interval.as_secs_f64()).abs() < 0.2 => {
                    let past = jiff::Timestamp::now().duration_since(began).unsigned_abs();
                    std::thread::sleep((interval - ahead).saturating_sub(past));
                    return Ok(());
                }
                (Some(last), _) if since(last).is_some_and(|since| since < 0.2) => {}
                _ => last = began,
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("{item} does not keep to its interval"))
    }

    /// Until every item has its old state again; how many seconds that took.
    fn back(&self, before: &Rows) -> Result<f64, String> {
        let started = Instant::now();
        loop {
            let rows = self.rows();
            let mut changes = Changes::default();
            changes.add(before, rows.clone());
            let rare = changes.0.iter().filter(|(_, row)| is_rare(row)).map(|(item, _)| item.as_str());
            let unwatched = changes.follow(&self.shipped, before, rare.collect());
            let known = |item: &str| before.get(item).is_some_and(is_known);
            // One that was unknown may well be blocked now, but not left behind with a verdict.
            let left =
                |(item, row): &(&String, &Value)| (known(item) || is_known(row)) && !unwatched.contains(item.as_str());
            let away = changes.0.iter().filter(left);
            let away = away.map(|(item, row)| format!("{item} is {}", told(row)));
            // The next fault must not be blamed for what was begun by this one.
            let changing = |(item, row): &(&String, &Value)| row["changing"] == true && known(item) && !is_rare(row);
            let begun = rows.iter().filter(changing);
            let begun = begun.map(|(item, row)| format!("{item} is changing from {}", told(row)));
            let open: Vec<String> = away.chain(begun).collect();
            if open.is_empty() {
                return Ok(started.elapsed().as_secs_f64());
            }
            if started.elapsed() > SHOWS {
                return Err(format!("did not come back: {}", open.join("; ")));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
