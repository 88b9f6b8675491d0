//! Prometheus' blackbox exporter, and the client that makes it probe at a steady rate.

use std::path::Path;
use std::process::Command;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use anyhow::Result;

use super::client::Client;
use super::process::Process;

const MODULES: &str = "modules:\n  http: { prober: http, timeout: 5s, http: { preferred_ip_protocol: ip4 } }\n  tcp: { prober: tcp, timeout: 5s, tcp: { preferred_ip_protocol: ip4 } }\n";
/// Connections that share the rate, as several scrapes run at once.
const CLIENTS: u32 = 4;

pub(crate) struct Blackbox {
    pub(crate) process: Process,
    address: String,
}

impl Blackbox {
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let address = format!("127.0.0.1:{}", super::free_port()?);
        let config = directory.join("blackbox.yml");
        std::fs::write(&config, MODULES)?;
        let mut command = Command::new("prometheus-blackbox-exporter");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error");
        let process = Process::start(&mut command, &directory.join("blackbox.log"))?;
        let answers = || Client::connect(&address).and_then(|mut client| client.time("/-/healthy", false)).is_ok();
        super::wait_until("blackbox_exporter to answer", Duration::from_secs(10), answers)?;
        Ok(Self { process, address })
    }

    /// Makes it probe `target` with a module, so many times a second, for so long. Gives the number
    /// of probes, all of which succeeded.
    pub(crate) fn probe(&self, module: &str, target: &str, per_second: u32, length: Duration) -> Result<u32> {
        let path = format!("/probe?module={module}&target={target}");
        let begun = Instant::now();
        thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|place| {
                    let path = &path;
                    scope.spawn(move || -> Result<u32> {
                        let mut client = Client::connect(&self.address)?;
                        let mut done = 0;
                        loop {
                            let due = begun + Duration::from_secs(1) * (done * CLIENTS + place) / per_second;
                            if due >= begun + length {
                                return Ok(done);
                            }
                            sleep(due.saturating_duration_since(Instant::now()));
                            let body = client.body(path)?;
                            let success = body.windows(16).any(|part| part == b"\nprobe_success 1");
                            anyhow::ensure!(success, "a probe failed");
                            done += 1;
                        }
                    })
                })
                .collect();
            clients.into_iter().map(|client| client.join().unwrap_or_else(|_| anyhow::bail!("a client panicked"))).sum()
        })
    }
}
