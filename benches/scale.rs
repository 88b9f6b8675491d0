//! A scrape, and the memory of the daemon, at 1,000, 10,000 and 100,000 items that are evaluated all
//! the while; memory also with the shipped catalogue.
//!
//! The peer of a scrape is nginx with a static file of the same bytes, asked by the same client in
//! turn with the daemon. For gzip it is the same file as compressed by `gzip -1` beforehand.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints what it has measured in real time")]

mod support;

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use support::catalogue;
use support::client::Client;
use support::daemon::Daemon;
use support::figures::{Quantiles, mib, ms, thousands};
use support::nginx::Nginx;
use support::report::{self, Table};

/// Items, how often each is evaluated, and scrapes of each sort.
const SIZES: [(usize, &str, usize); 3] = [(1_000, "10s", 300), (10_000, "10s", 200), (100_000, "30s", 100)];
/// Before memory is read, every item has been evaluated so often.
const EVALUATIONS: f64 = 3.0;
const WARM_UP: usize = 3;

fn main() -> Result<()> {
    report::show("machine", &report::machine()?)?;
    let wanted: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let mut scrapes = Table::new([
        "items",
        "coding",
        "bytes",
        "exporter p50",
        "p99",
        "MB/s",
        "nginx p50",
        "p99",
        "p99 against nginx",
    ]);
    let mut memory = Table::new(["catalogue", "items", "store", "resident", "at most"]);
    for kind in ["sqlite", "memory"] {
        if wanted.is_empty() {
            shipped(kind, &mut memory)?;
        }
    }
    for (items, interval, rounds) in SIZES {
        if wanted.is_empty() || wanted.contains(&items) {
            generated(items, interval, rounds, &mut scrapes, &mut memory)?;
        }
    }
    report::show("scrape", &scrapes)?;
    report::show("memory", &memory)
}

/// The catalogue as shipped, with nothing configured.
fn shipped(store: &str, memory: &mut Table) -> Result<()> {
    let directory = support::directory()?;
    let config = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/readiness.yaml");
    let daemon = Daemon::start(directory.path(), &config, &[&format!("--store.kind={store}")])?;
    let items = daemon.samples()?.sum("readiness_catalogue_items");
    // Most of it runs once a minute.
    std::thread::sleep(Duration::from_secs(15));
    let client = &mut Client::connect(&daemon.address)?;
    for gzip in [false, true].repeat(10) {
        client.time("/metrics", gzip)?;
    }
    remember(memory, "shipped", items as usize, store, &daemon)
}

fn generated(items: usize, interval: &str, rounds: usize, scrapes: &mut Table, memory: &mut Table) -> Result<()> {
    let directory = support::directory()?;
    let path = directory.path();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let open = listener.local_addr()?.to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let config = catalogue::write(path, items, interval, Vec::new(), |n| check(n, &open))?;
    let daemon = Daemon::start(path, &config, &["--store.kind=memory"])?;
    let legs = items as f64;
    daemon.wait_for_runs(legs * EVALUATIONS, Duration::from_secs(300))?;

    let file = daemon.samples()?;
    std::fs::write(path.join("metrics.txt"), file.bytes())?;
    compress(file.bytes(), &path.join("metrics.txt.gz"))?;
    drop(file);
    let nginx = Nginx::start(path)?;
    for gzip in [false, true] {
        let (mut ours, mut theirs) = (Client::connect(&daemon.address)?, Client::connect(&nginx.address)?);
        let (mut here, mut there, mut bytes) = (Vec::new(), Vec::new(), 0);
        for round in 0..WARM_UP + rounds {
            let (our, their) = (ours.time("/metrics", gzip)?, theirs.time("/metrics.txt", gzip)?);
            if round >= WARM_UP {
                bytes = our.bytes;
                here.push(our.took);
                there.push(their.took);
            }
        }
        let (here, there) = (Quantiles::of(here), Quantiles::of(there));
        let rate = bytes as f64 / 1e6 / here.at(0.5).as_secs_f64();
        scrapes.row([
            thousands(items),
            if gzip { "gzip" } else { "identity" }.to_owned(),
            thousands(bytes),
            ms(here.at(0.5)),
            ms(here.at(0.99)),
            format!("{rate:.0}"),
            ms(there.at(0.5)),
            ms(there.at(0.99)),
            format!("{:.2}", here.at(0.99).as_secs_f64() / there.at(0.99).as_secs_f64()),
        ]);
    }
    remember(memory, "generated", items, "memory", &daemon)
}

/// Seven in ten pass, one fails, one is a file, one is unknown.
fn check(n: usize, open: &str) -> Value {
    match n % 10 {
        0..7 => json!({ "tcp": { "address": open } }),
        7 => json!({ "tcp": { "address": "127.0.0.1:1" } }),
        8 => json!({ "file": { "path": "/etc/passwd" } }),
        _ => json!({ "tcp": { "address": "127.0.0.1:1", "expect": "refused" }, "expect": "connect_s < 1.0" }),
    }
}

fn compress(bytes: &[u8], to: &Path) -> Result<()> {
    let mut encoder = GzEncoder::new(std::fs::File::create(to)?, Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()?;
    Ok(())
}

fn remember(table: &mut Table, catalogue: &str, items: usize, store: &str, daemon: &Daemon) -> Result<()> {
    let (now, most) = daemon.process.memory()?;
    table.row([catalogue.to_owned(), thousands(items), store.to_owned(), mib(now), mib(most)]);
    Ok(())
}
