//! The daemon, as built with the bench.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::client::Client;
use super::process::Process;
use super::samples::Samples;

const BINARY: &str = env!("CARGO_BIN_EXE_readiness-exporter");

pub(crate) struct Daemon {
    pub(crate) process: Process,
    /// `host:port`
    pub(crate) address: String,
}

impl Daemon {
    /// Starts it on a free port with `config` as its catalogue, and waits until it is ready.
    pub(crate) fn start(directory: &Path, config: &Path, arguments: &[&str]) -> Result<Self> {
        let address = format!("127.0.0.1:{}", super::free_port()?);
        let mut command = Command::new(BINARY);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--store.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .args(arguments);
        let log = directory.join("daemon.log");
        let mut process = Process::start(&mut command, &log)?;
        let ready = || {
            let answered = Client::connect(&address).and_then(|mut client| client.time("/-/ready", false)).is_ok();
            answered || process.has_ended()
        };
        super::wait_until("the daemon to be ready", Duration::from_secs(60), ready)?;
        if process.has_ended() {
            anyhow::bail!("the daemon ended: {}", super::read(&log)?);
        }
        Ok(Self { process, address })
    }

    pub(crate) fn samples(&self) -> Result<Samples> {
        let body = Client::connect(&self.address)?.body("/metrics").context("GET /metrics")?;
        Ok(Samples::new(body))
    }

    /// Waits until the legs that ran are at least so many.
    pub(crate) fn wait_for_runs(&self, runs: f64, within: Duration) -> Result<()> {
        let client = &mut Client::connect(&self.address)?;
        super::wait_until("so many runs", within, || {
            std::thread::sleep(Duration::from_millis(900));
            let body = client.body("/metrics").unwrap_or_default();
            Samples::new(body).sum("readiness_probe_runs_total") >= runs
        })
    }
}

/// The profile that the daemon was built with, which is the name of the folder it lies in.
pub(crate) fn profile() -> &'static str {
    let folder = Path::new(BINARY).parent().and_then(Path::file_name);
    folder.and_then(|name| name.to_str()).unwrap_or("unknown")
}
