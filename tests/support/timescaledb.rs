//! TimescaleDB: its real code in a WASM build of PostgreSQL, served by Node. It takes any password,
//! knows no TLS, no background jobs and one database, and serves one connection at a time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::Process;

pub(crate) struct TimescaleDb {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

impl TimescaleDb {
    pub(crate) fn start(log: &Path) -> Self {
        let (port, place) = (super::free_port(), installed());
        let process = Process::new(log, move || {
            let mut command = Command::new("node");
            command.current_dir(&place).args(["serve.mjs", &port.to_string()]);
            command
        });
        let mut this = Self { process, port };
        this.process.start_until(Duration::from_secs(60), || super::listens(port));
        this
    }

    /// Runs SQL as its only user.
    pub(crate) fn sql(&self, sql: &str) -> Result<(), String> {
        let done = Command::new("psql")
            .env("PGPASSWORD", "any")
            .env("PGSSLMODE", "disable")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "-d", "postgres"])
            .args(["-qXv", "ON_ERROR_STOP=1", "-c", sql])
            .output()
            .map_err(|error| error.to_string())?;
        if done.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&done.stderr).into_owned()) }
    }
}

/// Where `scripts/setup test` puts it.
fn installed() -> PathBuf {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/timescaledb");
    assert!(place.join("node_modules").exists(), "run `scripts/setup test`: {} is missing", place.display());
    place
}
