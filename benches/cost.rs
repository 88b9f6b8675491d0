//! Processor time of one HTTP and one TCP evaluation, against blackbox_exporter.
//!
//! Both look at the same nginx at the same rate. What counts is user and system time of the process
//! over a window, divided by what it did in it: evaluations here, probes there. Scrapes of
//! blackbox_exporter are part of its probes.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints what it has measured in real time")]

mod support;

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use support::blackbox::Blackbox;
use support::catalogue;
use support::daemon::Daemon;
use support::figures::median;
use support::nginx::Nginx;
use support::report::{self, Table};

const PER_SECOND: u32 = 500;
const WINDOW: Duration = Duration::from_secs(6);
const ROUNDS: usize = 3;

fn main() -> Result<()> {
    report::show("machine", &report::machine()?)?;
    let directory = support::directory()?;
    let path = directory.path();
    let nginx = Nginx::start(path)?;
    let target = nginx.address.clone();
    let url = format!("http://{target}/ok");
    let blackbox = Blackbox::start(path)?;
    let cases = [
        ("HTTP, fresh connection", "memory", json!({ "http": { "url": url } }), Some(("http", url.as_str()))),
        ("HTTP, fresh connection", "sqlite", json!({ "http": { "url": url } }), None),
        ("HTTP, kept connection", "memory", json!({ "http": { "url": url, "connection": "reuse" } }), None),
        ("TCP", "memory", json!({ "tcp": { "address": target } }), Some(("tcp", target.as_str()))),
    ];
    let mut table = Table::new(["evaluation", "store", "rate", "exporter", "blackbox_exporter", "share"]);
    let mut peer = f64::NAN;
    for (name, store, check, module) in cases {
        let folder = path.join(format!("{name} {store}"));
        std::fs::create_dir(&folder)?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let (cost, rate) = exporter(&folder.join(round.to_string()), store, &check)?;
            ours.push(cost);
            if let Some((module, target)) = module {
                theirs.push(probes(&blackbox, module, target, rate)?);
            }
        }
        if !theirs.is_empty() {
            peer = median(theirs);
        }
        let ours = median(ours);
        table.row([
            name.to_owned(),
            store.to_owned(),
            format!("{PER_SECOND}/s"),
            format!("{ours:.0} µs"),
            format!("{peer:.0} µs"),
            format!("{:.2}", ours / peer),
        ]);
    }
    report::show("cost", &table)
}

/// Microseconds of an evaluation, and how many there were a second.
fn exporter(folder: &Path, store: &str, check: &Value) -> Result<(f64, f64)> {
    std::fs::create_dir(folder)?;
    let config = catalogue::write(folder, PER_SECOND as usize, "1s", Vec::new(), |_| check.clone())?;
    let daemon = Daemon::start(folder, &config, &[&format!("--store.kind={store}")])?;
    sleep(Duration::from_secs(3));
    let before = (daemon.samples()?, daemon.process.cpu()?);
    sleep(WINDOW);
    let after = (daemon.samples()?, daemon.process.cpu()?);
    let count = |outcome: &str| {
        let all = |samples: &support::samples::Samples| samples.sum(outcome);
        all(&after.0) - all(&before.0)
    };
    let failed = count("readiness_item_failures_total");
    anyhow::ensure!(failed == 0.0, "{failed} evaluations failed");
    let runs = count("readiness_probe_runs_total");
    Ok(((after.1 - before.1).as_secs_f64() * 1e6 / runs, runs / WINDOW.as_secs_f64()))
}

/// Microseconds of a probe.
fn probes(blackbox: &Blackbox, module: &str, target: &str, rate: f64) -> Result<f64> {
    let rate = rate.round() as u32;
    blackbox.probe(module, target, rate, Duration::from_secs(1))?;
    let before = blackbox.process.cpu()?;
    let probes = blackbox.probe(module, target, rate, WINDOW)?;
    Ok((blackbox.process.cpu()? - before).as_secs_f64() * 1e6 / f64::from(probes))
}
