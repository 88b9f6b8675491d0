//! What can happen to a database in production, and how everything is put back afterwards.

use std::time::Duration;

use super::production::{ENCRYPTED_ONLY, Production, Session, TEMPLATE};
use crate::support::daemon::signal;

/// What has to be put back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Touched {
    data: bool,
    settings: bool,
    access: bool,
    standby: bool,
    /// The standby went its own way, or lost what it needs to follow.
    diverged: bool,
    process: bool,
}

impl Production {
    fn touch(&self, change: impl FnOnce(&mut Touched)) {
        let mut touched = self.touched.get();
        change(&mut touched);
        self.touched.set(touched);
    }

    /// SQL of a case, as superuser in the application's database.
    pub(crate) fn arrange(&self, sql: &str) {
        self.touch(|touched| touched.data = true);
        self.parallax(sql);
    }

    /// SQL of a case in another database.
    pub(crate) fn administer(&self, sql: &str) {
        self.touch(|touched| touched.data = true);
        self.server.sql("postgres", sql);
    }

    /// SQL of a case on the standby, such as a pause of the replay.
    pub(crate) fn arrange_standby(&self, sql: &str) {
        self.touch(|touched| touched.standby = true);
        self.on_standby(sql);
    }

    pub(crate) fn arrange_setting(&self, setting: &str) {
        self.touch(|touched| touched.settings = true);
        self.set(setting);
    }

    /// Rules before all others; the first that fits decides.
    pub(crate) fn access(&self, rules: &str) {
        self.touch(|touched| touched.access = true);
        self.server.write("data/pg_hba.conf", &format!("{rules}\n{ENCRYPTED_ONLY}"), 0o600);
        self.reload();
    }

    /// `server`, `expired` or `elsewhere`.
    pub(crate) fn certificate(&self, name: &str) {
        let here = self.server.directory().display().to_string();
        self.arrange_setting(&format!("ssl_cert_file = '{here}/{name}.crt'"));
        self.arrange_setting(&format!("ssl_key_file = '{here}/{name}.key'"));
    }

    /// The end of the primary: `fast`, or `immediate` as in a crash.
    pub(crate) fn halt(&self, mode: &str) {
        self.touch(|touched| touched.process = true);
        self.server.run("pg_ctl", &["-D", &self.server.path("data"), "-m", mode, "-w", "stop"]);
    }

    /// SIGKILL, SIGSTOP or SIGCONT to the postmaster.
    pub(crate) fn signal(&self, name: &str) {
        self.touch(|touched| touched.process = true);
        // One that was killed takes no more signals.
        if let Some(pid) = self.server.postmaster("data") {
            signal(pid, name);
        }
    }

    pub(crate) fn restarted(&self) {
        self.touch(|touched| touched.process = true);
        self.restart();
    }

    pub(crate) fn without_standby(&self) {
        self.touch(|touched| touched.diverged = true);
        self.stop_standby();
    }

    /// The standby becomes a primary of its own.
    pub(crate) fn promote(&self) {
        self.touch(|touched| touched.diverged = true);
        self.server.run("pg_ctl", &["-D", &self.server.path("standby"), "-w", "promote"]);
    }

    /// Sessions of the application over the Unix socket until the server takes no more.
    pub(crate) fn fill(&self, sessions: usize) -> Vec<Session> {
        (0..sessions).map(|_| self.local_session()).collect()
    }

    fn reload(&self) {
        self.server.sql("postgres", "SELECT pg_reload_conf()");
        std::thread::sleep(Duration::from_millis(150));
    }

    /// As after the start. Sessions of the application are the caller's.
    pub(crate) fn restore(&self) {
        let touched = self.touched.take();
        if touched.process {
            self.revive();
        }
        if touched.access {
            self.server.write("data/pg_hba.conf", ENCRYPTED_ONLY, 0o600);
            self.reload();
        }
        if touched.settings {
            self.server.sql("postgres", "ALTER SYSTEM RESET ALL");
            self.reload();
            // What needs a restart was perhaps made active by one.
            if touched.process {
                self.restart();
            }
        }
        if touched.diverged {
            self.rebuild_standby();
        } else if touched.standby {
            self.on_standby("SELECT pg_wal_replay_resume()");
        }
        if touched.data {
            self.server.sql("postgres", "DROP DATABASE IF EXISTS parallax WITH (FORCE)");
            self.server.sql("postgres", &format!("CREATE DATABASE parallax TEMPLATE {TEMPLATE} OWNER parallax"));
            self.server.sql("postgres", "DROP OWNED BY readiness");
            self.passwords();
            self.grant();
        }
        if touched.data || touched.process || touched.standby {
            self.caught_up();
        }
    }

    /// After `halt` or a signal.
    pub(crate) fn revive(&self) {
        let data = self.server.path("data");
        if let Some(pid) = self.server.postmaster("data") {
            signal(pid, "CONT");
        } else {
            // The children of a killed postmaster hold its shared memory for a while, and it cannot start.
            let start = ["-D", &data, "-l", &self.server.path("log"), "-w", "-t", "30", "start"];
            let started = (0..20).any(|attempt| {
                std::thread::sleep(Duration::from_millis(if attempt == 0 { 0 } else { 500 }));
                let _ = std::fs::remove_file(self.server.path("data/postmaster.pid"));
                self.server.attempt("pg_ctl", &start).status.success()
            });
            assert!(started, "it does not start again: {}", self.server.path("log"));
        }
    }

    fn rebuild_standby(&self) {
        if self.server.postmaster("standby").is_some() {
            self.server.run("pg_ctl", &["-D", &self.server.path("standby"), "-m", "immediate", "-w", "stop"]);
        }
        std::fs::remove_dir_all(self.server.path("standby")).unwrap();
        self.start_standby();
    }
}
