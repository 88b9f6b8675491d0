//! A scrape at 1,000, 10,000 and 100,000 items that are evaluated all the while.
//!
//! The peer is nginx with a static file of the same bytes, asked by the same client in turn with the
//! daemon. For gzip there are two: nginx that compresses the file for each request, as the daemon
//! must, and nginx with a file that was compressed beforehand.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints what it has measured in real time")]

mod support;

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use support::catalogue;
use support::client::Client;
use support::daemon::Daemon;
use support::figures::{Quantiles, ms, thousands};
use support::nginx::Nginx;
use support::report::{self, Table};

/// Items, how often each is evaluated, and scrapes of each sort.
const SIZES: [(usize, &str, usize); 3] = [(1_000, "10s", 300), (10_000, "10s", 150), (100_000, "60s", 100)];
const WARM_UP: usize = 3;

fn main() -> Result<()> {
    report::show("machine", &report::machine()?)?;
    let wanted: Vec<usize> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    let heads = ["items", "coding", "bytes", "p50", "p99", "MB/s", "peer", "its p50", "its p99", "p99 against it"];
    let mut table = Table::new(heads);
    for (items, interval, rounds) in SIZES {
        if wanted.is_empty() || wanted.contains(&items) {
            scrapes(items, interval, rounds, &mut table)?;
        }
    }
    report::show("scrape", &table)
}

fn scrapes(items: usize, interval: &str, rounds: usize, table: &mut Table) -> Result<()> {
    let directory = support::directory()?;
    let path = directory.path();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let open = listener.local_addr()?.to_string();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let config = catalogue::write(path, items, interval, Vec::new(), |n| check(n, &open))?;
    let daemon = Daemon::start(path, &config, &["--store.kind=memory"])?;
    daemon.wait_for_runs(items as f64, Duration::from_secs(300))?;

    let file = daemon.samples()?;
    std::fs::write(path.join("metrics.txt"), file.bytes())?;
    compress(file.bytes(), &path.join("metrics.txt.gz"))?;
    drop(file);
    let nginx = Nginx::start(path)?;
    let peers = [
        (false, "static file", "/metrics.txt", rounds),
        (true, "compressed for each request", "/live/metrics.txt", rounds.min(2_000_000 / items)),
        (true, "compressed beforehand", "/metrics.txt", rounds),
    ];
    for (gzip, peer, file, rounds) in peers {
        let (mut ours, mut theirs) = (Client::connect(&daemon.address)?, Client::connect(&nginx.address)?);
        let (mut here, mut there, mut bytes) = (Vec::new(), Vec::new(), 0);
        for round in 0..WARM_UP + rounds {
            let (our, their) = (ours.time("/metrics", gzip)?, theirs.time(file, gzip)?);
            if round >= WARM_UP {
                bytes = our.bytes;
                here.push(our.took);
                there.push(their.took);
            }
        }
        let (here, there) = (Quantiles::of(here), Quantiles::of(there));
        let rate = bytes as f64 / 1e6 / here.at(0.5).as_secs_f64();
        table.row([
            thousands(items),
            if gzip { "gzip" } else { "identity" }.to_owned(),
            thousands(bytes),
            ms(here.at(0.5)),
            ms(here.at(0.99)),
            format!("{rate:.0}"),
            format!("nginx, {peer}"),
            ms(there.at(0.5)),
            ms(there.at(0.99)),
            format!("{:.2}", here.at(0.99).as_secs_f64() / there.at(0.99).as_secs_f64()),
        ]);
    }
    Ok(())
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
