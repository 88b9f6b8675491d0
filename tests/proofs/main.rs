//! Proofs: the shipped rows against real components, in order and broken for real.
//!
//! `cargo test --test proofs` runs all cases; `-- PART` only those whose file or name has PART in
//! it; `-- --list` names them; `-- --write` writes docs/proofs.md, `-- faults --record`
//! docs/faults.md. One run starts each server once.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "this program is a test runner")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

mod cases;
mod deployment;
mod faults;
mod lanes;
mod page;
mod rows;
mod run;
mod servers;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use cases::{File, With};
use page::{Counts, Page};
use world::World;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run_all(&arguments) {
        Ok(failed) if failed.is_empty() => ExitCode::SUCCESS,
        Ok(failed) => {
            println!("\nfailures:\n{}", failed.join("\n"));
            ExitCode::FAILURE
        }
        Err(error) => {
            println!("test result: FAILED. 0 passed; 1 failed; 0 ignored\n{error}");
            ExitCode::FAILURE
        }
    }
}

fn run_all(arguments: &[String]) -> Result<Vec<String>, String> {
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let filters: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = cases::load(&here.join("tests/proofs"))?;
    let page = page(&files)?;
    if has("--write") {
        return write(&page).map(|()| Vec::new());
    }
    for file in &mut files {
        let name = format!("{}/{}", file.checklist, file.section);
        file.cases.retain(|case| {
            let title = format!("{name}: {}", case.case);
            filters.is_empty() || filters.iter().any(|part| title.contains(part.as_str()))
        });
    }
    files.retain(|file| !file.cases.is_empty());
    if has("--list") {
        for file in &files {
            file.cases.iter().for_each(|case| println!("{}/{}: {}", file.checklist, file.section, case.case));
        }
        return Ok(Vec::new());
    }
    let with_good = files.into_iter().map(|file| good_world(&file.checklist).map(|good| (file, good)));
    let (mut passed, mut failed) = lanes::run(&with_good.collect::<Result<Vec<_>, _>>()?)?;
    let tables = run_faults(&faults::load(&here.join("tests/faults"), &filters)?)?;
    if has("--record") {
        std::fs::write(here.join("docs/faults.md"), faults::page(&tables)).map_err(|error| error.to_string())?;
    }
    for outcome in &tables {
        passed += outcome.passed;
        failed.extend(outcome.wrong.iter().cloned());
    }
    if filters.is_empty() {
        let wrong = whole(&page);
        passed += usize::from(wrong.is_empty());
        failed.extend(wrong);
        println!("proofs: {}", page.counts.line());
    }
    let result = if failed.is_empty() { "ok" } else { "FAILED" };
    println!("test result: {result}. {passed} passed; {} failed; 0 ignored", failed.len());
    Ok(failed)
}

/// Files at once. Each has a daemon that looks at the whole checklist each five seconds: more of them than
/// two cores can bear would be late, and turn rows by that alone.
const FAULTS_AT_ONCE: usize = 4;

/// Each file with servers and a daemon of its own. What cannot even start is a failure like any other.
fn run_faults(files: &[(String, faults::File)]) -> Result<Vec<faults::Outcome>, String> {
    let good: Vec<With> = files.iter().map(|(_, file)| good_world(&file.checklist)).collect::<Result<_, _>>()?;
    let run = |place: usize| {
        let (name, file) = &files[place];
        let ran = world::caught(|| faults::run(&mut World::new(), name, file, &good[place]));
        ran.flatten().unwrap_or_else(|error| faults::Outcome::broken(name, &error))
    };
    // The longest first.
    let mut places: Vec<usize> = (0..files.len()).collect();
    places.sort_by_key(|place| files[*place].1.count());
    let places = Mutex::new(places);
    let next = || places.lock().expect("places").pop();
    let work = || std::iter::from_fn(next).map(|place| (place, run(place))).collect::<Vec<_>>();
    let mut outcomes = std::thread::scope(|scope| {
        let started: Vec<_> = (0..FAULTS_AT_ONCE).map(|_| scope.spawn(work)).collect();
        started.into_iter().flat_map(|thread| thread.join().expect("a thread of faults")).collect::<Vec<_>>()
    });
    outcomes.sort_by_key(|(place, _)| *place);
    Ok(outcomes.into_iter().map(|(_, outcome)| outcome).collect())
}

/// The deployment in which everything is as it should be.
fn good_world(checklist: &str) -> Result<With, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/proofs/{checklist}.yaml"));
    if path.exists() { cases::read(&path) } else { Ok(With::default()) }
}

fn page(files: &[File]) -> Result<Page, String> {
    let mut shipped = BTreeMap::new();
    for file in files {
        if !shipped.contains_key(&file.checklist) {
            shipped.insert(file.checklist.clone(), rows::Shipped::load(&file.checklist)?);
        }
        let items = &shipped[&file.checklist];
        let unknown = |item: &&String| !items.has(item);
        if let Some(item) = file.cases.iter().flat_map(|case| case.expect.keys()).find(unknown) {
            return Err(format!("{}/{}: there is no item {item}", file.checklist, file.section));
        }
    }
    let waiting = cases::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proofs/waiting.yaml"))?;
    Ok(page::make(files, &rows::all(), &shipped, &waiting))
}

/// What only a run of everything can say: the page is current, and no row was forgotten.
fn whole(page: &Page) -> Vec<String> {
    let mut wrong = Vec::new();
    if committed() != page.text {
        wrong.push(format!("{} is not current: run `cargo test --test proofs -- --write`", page::PATH));
    }
    if !page.missing.is_empty() {
        wrong.push(format!("rows without a passing and a failing case:\n  {}", page.missing.join("\n  ")));
    }
    if !page.idle.is_empty() {
        wrong.push(format!("rows that wait for nothing, or are none:\n  {}", page.idle.join("\n  ")));
    }
    wrong
}

/// Writes the page, unless there is less in it than in the one that stands.
fn write(page: &Page) -> Result<(), String> {
    let before = Counts::of(&committed());
    if page.counts.is_less_than(before) {
        return Err(format!("fewer than before.\nbefore: {}\nnow:    {}", before.line(), page.counts.line()));
    }
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(page::PATH), &page.text)
        .map_err(|error| error.to_string())?;
    println!("{}\n{} rows are missing", page.counts.line(), page.missing.len());
    page.missing.iter().for_each(|row| println!("  {row}"));
    Ok(())
}

fn committed() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page::PATH)).unwrap_or_default()
}
