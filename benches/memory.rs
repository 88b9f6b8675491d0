//! Memory of the daemon with its default store: the shipped catalogue, and generated ones of 1,000,
//! 10,000 and 100,000 items, all of them evaluated more than once and scraped in between.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints what it has measured in real time")]

mod support;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use support::catalogue;
use support::client::Client;
use support::daemon::Daemon;
use support::figures::{mib, thousands};
use support::report::{self, Table};

/// Items, and how often each is evaluated.
const SIZES: [(usize, &str); 3] = [(1_000, "5s"), (10_000, "10s"), (100_000, "60s")];
/// Before memory is read, every item has been evaluated so often.
const EVALUATIONS: f64 = 2.0;
const SCRAPES: usize = 6;

fn main() -> Result<()> {
    report::show("machine", &report::machine()?)?;
    let wanted: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let mut table = Table::new(["catalogue", "items", "series", "at the start", "in the end", "at most"]);
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/readiness.yaml");
    if wanted.is_empty() {
        // What is not configured does not run; the machine's own rows do, once a minute.
        let pause = |_: &Daemon, _| {
            sleep(Duration::from_secs(15));
            Ok(())
        };
        row("as shipped", &shipped, pause, &mut table)?;
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let open = listener.local_addr()?.to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    for (items, interval) in SIZES.into_iter().filter(|(items, _)| wanted.is_empty() || wanted.contains(items)) {
        let directory = support::directory()?;
        let check = |_| json!({ "tcp": { "address": open } });
        let config = catalogue::write(directory.path(), items, interval, Vec::new(), check)?;
        let all = |daemon: &Daemon, part: f64| {
            daemon.wait_for_runs(items as f64 * EVALUATIONS * part, Duration::from_secs(400))
        };
        row("generated", &config, all, &mut table)?;
    }
    report::show("memory", &table)
}

/// `wait` comes back when the daemon has done a part of its work.
fn row(name: &str, config: &Path, wait: impl Fn(&Daemon, f64) -> Result<()>, table: &mut Table) -> Result<()> {
    let directory = support::directory()?;
    let daemon = Daemon::start(directory.path(), config, &[])?;
    let (start, _) = daemon.process.memory()?;
    for part in [0.5, 1.0] {
        wait(&daemon, part)?;
        let client = &mut Client::connect(&daemon.address)?;
        for scrape in 0..SCRAPES {
            client.time("/metrics", scrape % 2 == 1)?;
        }
    }
    let (end, most) = daemon.process.memory()?;
    let own = daemon.samples()?;
    table.row([
        name.to_owned(),
        thousands(own.sum("readiness_catalogue_items") as usize),
        thousands(own.sum("readiness_exposition_series") as usize),
        mib(start),
        mib(end),
        mib(most),
    ]);
    Ok(())
}
