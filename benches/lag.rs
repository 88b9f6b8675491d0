//! How late evaluations begin at 10,000 of them a second, and what that costs.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints what it has measured in real time")]

mod support;

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use support::catalogue;
use support::daemon::Daemon;
use support::report::{self, Table};
use support::samples::quantile;

const LAG: &str = "readiness_scheduler_lag_seconds";
const WINDOW: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    report::show("machine", &report::machine()?)?;
    let mut table = Table::new(["items", "interval", "evaluations", "lag p50", "lag p99", "skipped", "processor"]);
    for items in [1_000, 5_000, 10_000] {
        row(&mut table, items)?;
    }
    report::show("lag", &table)
}

fn row(table: &mut Table, items: usize) -> Result<()> {
    let directory = support::directory()?;
    let attestations = (0..items).map(attestation).collect();
    let check = |_| json!({ "attestation": {} });
    let config = catalogue::write(directory.path(), items, "1s", attestations, check)?;
    let daemon = Daemon::start(directory.path(), &config, &["--store.kind=memory"])?;
    sleep(Duration::from_secs(5));
    let (before, cpu) = (daemon.samples()?, daemon.process.cpu()?);
    sleep(WINDOW);
    let (after, cpu) = (daemon.samples()?, daemon.process.cpu()? - cpu);
    let grown = |name| after.sum(name) - before.sum(name);
    let (old, new) = (before.buckets(LAG), after.buckets(LAG));
    let lag = |q| format!("{:.1} ms", quantile(&old, &new, q) * 1e3);
    table.row([
        support::figures::thousands(items),
        "1s".to_owned(),
        format!("{:.0}/s", grown("readiness_probe_runs_total") / WINDOW.as_secs_f64()),
        lag(0.5),
        lag(0.99),
        format!("{:.0}", grown("readiness_scheduler_overruns_total")),
        format!("{:.0} % of a core", cpu.as_secs_f64() / WINDOW.as_secs_f64() * 100.0),
    ]);
    Ok(())
}

fn attestation(n: usize) -> Value {
    json!({
        "id": format!("a{n}"),
        "item": catalogue::id(n),
        "statement": "It is as it should be",
        "attester": "Ann Example",
        "role": "owner",
        "evidence": "https://example.org/evidence",
        "attested_at": "2026-01-01T00:00:00Z",
        "expires": "2099-01-01T00:00:00Z",
    })
}
