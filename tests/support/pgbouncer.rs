//! A real PgBouncer in transaction mode, with a PostgreSQL of its own behind it. It refuses root, and
//! then runs as the user `postgres`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::postgres::{Server, as_postgres};
use super::process::Process;

/// Of `readiness`, who may read the console.
pub(crate) const PASSWORD: &str = "Pooler-Password-4711";

pub(crate) struct PgBouncer {
    /// Behind it; the application is `app` with the password `app-password`.
    pub(crate) server: Server,
    pub(crate) process: Process,
    pub(crate) port: u16,
}

impl PgBouncer {
    pub(crate) fn start() -> Self {
        let server = Server::start();
        let (port, here) = (super::free_port(), server.directory().to_owned());
        let place = |name: &str, text: &str| {
            std::fs::write(here.join(name), text).unwrap();
            server.own(&here.join(name));
        };
        place(
            "users.txt",
            &format!("\"app\" \"app-password\"\n\"bold\" \"app-password\"\n\"readiness\" \"{PASSWORD}\"\n"),
        );
        place("stats.ini", include_str!("../../docs/grants/pgbouncer.ini"));
        let (config, log) = (here.join("pgbouncer.ini"), here.join("pgbouncer.log"));
        let process = Process::new(&log, move || {
            let mut command = Command::new("pgbouncer");
            command.arg(&config);
            as_postgres(&mut command);
            command
        });
        let mut this = Self { server, process, port };
        this.configure("");
        this.process.start_until(Duration::from_secs(20), || super::listens(port));
        this
    }

    /// Lines on top of the good configuration; the last of a name wins.
    fn configure(&self, more: &str) {
        let here = self.server.directory().display();
        let text = format!(
            "[databases]\napp = host=127.0.0.1 port={} dbname=app\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {here}/users.txt\n\
             pool_mode = transaction\ndefault_pool_size = 2\nadmin_users = app\nclient_tls_sslmode = require\n\
             client_tls_cert_file = {here}/server.crt\nclient_tls_key_file = {here}/server.key\n\
             %include {here}/stats.ini\n{more}\n",
            self.server.port, self.port
        );
        std::fs::write(self.config(), text).unwrap();
        self.server.own(&self.config());
    }

    /// Other settings, after a restart of the pooler.
    pub(crate) fn configured(&mut self, more: &str) {
        self.configure(more);
        self.process.stop();
        let port = self.port;
        self.process.start_until(Duration::from_secs(20), || super::listens(port));
    }

    fn config(&self) -> PathBuf {
        self.server.directory().join("pgbouncer.ini")
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        self.process.stop();
    }
}
