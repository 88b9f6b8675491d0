//! Kubernetes: what a list of five thousand pods costs that twenty items look at, in memory and time.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints what it has measured in real time")]

mod support;

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Map, Value, json};

use support::api_server::ApiServer;
use support::daemon::Daemon;
use support::figures::{mib, thousands};
use support::report::{self, Table};

const PODS: [usize; 2] = [1, 5_000];
const ITEMS: usize = 20;
/// Every item is evaluated so often.
const EVALUATIONS: usize = 3;
const INTERVAL: &str = "15s";
/// What is kept of each pod.
const FIELDS: [&str; 6] = [
    "metadata.ownerReferences.name",
    "metadata.deletionTimestamp",
    "spec.nodeName",
    "status.phase",
    "status.conditions.type",
    "status.conditions.status",
];

fn main() -> Result<()> {
    report::show("machine", &report::machine()?)?;
    let mut table = Table::new([
        "items",
        "conditions",
        "pods",
        "bytes of a list",
        "lists",
        "pages",
        "evaluations",
        "longest run",
        "in the end",
        "at most",
    ]);
    for (name, condition) in [
        ("none", None),
        ("the number of pods", Some("count >= 1")),
        ("of every pod", Some("objects.all(p, p.status.phase != 'Lost')")),
    ] {
        for pods in PODS {
            row(name, condition, pods, &mut table)?;
        }
    }
    report::show("cluster", &table)
}

fn row(name: &str, condition: Option<&str>, pods: usize, table: &mut Table) -> Result<()> {
    let directory = support::directory()?;
    let server = ApiServer::start(pods)?;
    let looks = json!({ "target": "cluster", "objects": { "resource": "pods", "fields": FIELDS } });
    let check = || match condition {
        Some(condition) => json!({ "kubernetes": looks, "expect": condition }),
        None => json!({ "kubernetes": looks }),
    };
    let items: Map<String, Value> = (0..ITEMS)
        .map(|n| {
            (format!("all.item-{n}"), json!({ "title": format!("Number {n}"), "priority": "high", "check": check() }))
        })
        .collect();
    let root = json!({
        "targets": { "bench.cluster": { "address": format!("http://127.0.0.1:{}", server.port) } },
        "checklists": { "bench": {
            "title": "Cluster", "targets": { "cluster": "the cluster" }, "sections": { "all": "All" }, "items": items,
            "defaults": { "interval": INTERVAL, "timeout": "10s" },
        } },
    });
    let config = directory.path().join("readiness.yaml");
    std::fs::write(&config, root.to_string())?;
    let daemon = Daemon::start(directory.path(), &config, &[])?;
    let begun = Instant::now();
    daemon.wait_for_runs((ITEMS * EVALUATIONS) as f64, Duration::from_secs(180))?;
    println!("{pods} pods, conditions: {name}: {:.0} s", begun.elapsed().as_secs_f64());
    let samples = daemon.samples()?;
    let failed = samples.sum("readiness_item_failures_total");
    anyhow::ensure!(failed == 0.0, "{failed} evaluations failed");
    let (end, most) = daemon.process.memory()?;
    let of = |count: &std::sync::atomic::AtomicUsize| count.load(Ordering::SeqCst);
    let (lists, pages, bytes) = (of(&server.seen.lists), of(&server.seen.pages), of(&server.seen.bytes));
    let buckets = samples.buckets("readiness_probe_duration_seconds");
    let all = buckets.last().map_or(0.0, |(_, count)| *count);
    let longest = buckets.iter().find(|(_, count)| *count >= all).map_or(f64::INFINITY, |(bound, _)| *bound);
    table.row([
        ITEMS.to_string(),
        name.to_owned(),
        thousands(pods),
        thousands(bytes / lists.max(1)),
        lists.to_string(),
        pages.to_string(),
        format!("{:.0}", samples.sum("readiness_probe_runs_total")),
        format!("under {longest} s"),
        mib(end),
        mib(most),
    ]);
    Ok(())
}
