//! TimescaleDB: its real code in a WASM build of PostgreSQL, served by Node. It takes any password,
//! knows no TLS, no background jobs and one database, and serves one connection at a time.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::Process;

pub(crate) struct TimescaleDb {
    pub(crate) process: Process,
    /// Of the server itself.
    server: u16,
    /// Where it is served, one connection after the other.
    pub(crate) port: u16,
}

impl TimescaleDb {
    pub(crate) fn start(log: &Path) -> Self {
        let (server, place) = (super::free_port(), installed());
        let process = Process::new(log, move || {
            let mut command = Command::new("node");
            command.current_dir(&place).args(["serve.mjs", &server.to_string()]);
            command
        });
        let mut this = Self { process, server, port: one_at_a_time(server) };
        this.begin();
        this
    }

    /// Starts it, empty, and waits until it listens.
    pub(crate) fn begin(&mut self) {
        let server = self.server;
        self.process.start_until(Duration::from_secs(60), || super::listens(server));
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

/// All connections share one session, and so one transaction: the next one waits for the end of the
/// last.
fn one_at_a_time(server: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
            let (mut up, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            let upward = std::thread::spawn(move || {
                let _ = copy(&mut up, &mut to_server);
                let _ = to_server.shutdown(Shutdown::Both);
            });
            let _ = copy(&mut &server, &mut &client);
            let _ = client.shutdown(Shutdown::Both);
            let _ = upward.join();
        }
    });
    port
}

/// Where `scripts/setup test` puts it.
fn installed() -> PathBuf {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/timescaledb");
    assert!(place.join("node_modules").exists(), "run `scripts/setup test`: {} is missing", place.display());
    place
}
