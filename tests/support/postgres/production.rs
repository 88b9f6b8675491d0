//! The database of the control plane as the checklist wants it: TLS only, checksums, a log
//! archive, a streaming standby, and an application that is connected. Every part can be broken.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Server;

/// Of all roles.
pub(crate) const PASSWORD: &str = "Production-Password-4711";

pub(crate) const MIGRATIONS: [&str; 6] = [
    "20250719005406_initial_schema",
    "20260125050659_add_enterprise_tables",
    "20260305000000_add_execution_resilience",
    "20260312000100_add_thread_persistence",
    "20260312000200_add_shared_decisions",
    "20260312000300_add_episodic_experiences",
];

/// With which the database of the application is made again.
pub(super) const TEMPLATE: &str = "pristine";

pub(super) const ENCRYPTED_ONLY: &str = "local all all trust\nlocal replication all trust\n\
                              hostssl all all 127.0.0.1/32 scram-sha-256\n";

pub(crate) struct Production {
    pub(crate) server: Server,
    pub(crate) standby_port: u16,
    /// What was touched since the start.
    pub(super) touched: std::cell::Cell<super::faults::Touched>,
}

/// A session of the application, open until it is dropped.
pub(crate) struct Session(Child);

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Production {
    /// The primary with its schema and one archived segment, and the standby.
    pub(crate) fn start() -> Self {
        let server = Server::prepared();
        let data = server.path("data");
        let arguments = ["-U", "postgres", "--auth-local=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N", "-k"];
        server.run("initdb", &[&["-D", data.as_str()][..], &arguments[..]].concat());
        let here = server.dir.path().display();
        let settings = format!(
            "listen_addresses='127.0.0.1'\nport={}\nunix_socket_directories='{here}'\nssl=on\n\
             ssl_cert_file='{here}/server.crt'\nssl_key_file='{here}/server.key'\nmax_connections=200\n\
             log_connections=on\nshared_buffers='256MB'\neffective_cache_size='1GB'\n\
             wal_keep_size='512MB'\nwal_retrieve_retry_interval='200ms'\narchive_mode=on\narchive_command='true'\n",
            server.port
        );
        let made = std::fs::read_to_string(server.path("data/postgresql.conf")).unwrap();
        server.write("data/postgresql.conf", &format!("{made}\n{settings}"), 0o600);
        server.write("data/pg_hba.conf", ENCRYPTED_ONLY, 0o600);
        server.run("pg_ctl", &["-D", &data, "-l", &server.path("log"), "-w", "-t", "30", "start"]);
        let this = Self { server, standby_port: crate::support::free_port(), touched: std::cell::Cell::default() };
        this.schema();
        this.start_standby();
        this
    }

    fn schema(&self) {
        for role in ["parallax", "readiness"] {
            self.server.sql("postgres", &format!("CREATE ROLE {role} LOGIN"));
        }
        self.passwords();
        self.server.sql("postgres", "CREATE DATABASE parallax OWNER parallax");
        self.parallax(include_str!("schema.sql"));
        let names = MIGRATIONS.map(|name| format!("('{name}', repeat('a', 64), now(), NULL)")).join(", ");
        self.parallax(&format!("INSERT INTO _prisma_migrations VALUES {names}"));
        self.grant();
        self.parallax("VACUUM ANALYZE");
        self.server.sql("postgres", &format!("CREATE DATABASE {TEMPLATE} TEMPLATE parallax"));
        self.parallax("SELECT pg_switch_wal()");
        self.wait_until("EXISTS (SELECT FROM pg_stat_archiver WHERE archived_count > 0)");
    }

    /// Both roles have the password for a month, and the superuser has none.
    pub(super) fn passwords(&self) {
        let end = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
        for role in ["parallax", "readiness"] {
            let change = format!("ALTER ROLE {role} PASSWORD '{PASSWORD}' VALID UNTIL '{end}' CONNECTION LIMIT -1");
            self.server.sql("postgres", &change);
        }
        self.server.sql("postgres", "ALTER ROLE postgres PASSWORD NULL");
    }

    /// The profile of the monitoring role, as documented.
    pub(super) fn grant(&self) {
        self.parallax(include_str!("../../../docs/grants/postgres.sql"));
    }

    pub(super) fn start_standby(&self) {
        let (server, directory) = (&self.server, self.server.path("standby"));
        let (socket, port) = (server.dir.path().display().to_string(), server.port.to_string());
        server.run(
            "pg_basebackup",
            &["-h", &socket, "-p", &port, "-U", "postgres", "-D", &directory, "-c", "fast", "-R", "-X", "stream"],
        );
        let settings = std::fs::read_to_string(server.path("standby/postgresql.auto.conf")).unwrap();
        let settings = format!("{settings}port={}\n", self.standby_port);
        server.write("standby/postgresql.auto.conf", &settings, 0o600);
        server.run("pg_ctl", &["-D", &directory, "-l", &server.path("standby.log"), "-w", "-t", "30", "start"]);
        self.wait_until(
            "EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn IS NOT NULL)",
        );
        // Until it has replayed a transaction, an idle standby cannot say how old its data is.
        self.server.sql("postgres", "SELECT txid_current()");
        self.caught_up();
    }

    /// Waits until the standby has replayed everything.
    pub(crate) fn caught_up(&self) {
        self.wait_until("EXISTS (SELECT FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn())");
    }

    /// Runs SQL as superuser in the application's database.
    pub(crate) fn parallax(&self, sql: &str) {
        self.server.sql("parallax", sql);
    }

    /// Runs SQL as superuser on the standby.
    pub(crate) fn on_standby(&self, sql: &str) {
        let (socket, port) = (self.server.dir.path().display().to_string(), self.standby_port.to_string());
        self.server.run("psql", &["-h", &socket, "-p", &port, "-U", "postgres", "-qXc", sql]);
    }

    /// Waits until a condition holds on the primary.
    pub(crate) fn wait_until(&self, condition: &str) {
        let sql = format!(
            "DO $do$ BEGIN FOR n IN 1..1200 LOOP IF {condition} THEN RETURN; END IF; \
             PERFORM pg_sleep(0.05); PERFORM pg_stat_clear_snapshot(); END LOOP; RAISE 'it never held'; END $do$"
        );
        self.server.sql("postgres", &sql);
    }

    /// A setting that a reload makes active.
    pub(crate) fn set(&self, setting: &str) {
        self.server.sql("postgres", &format!("ALTER SYSTEM SET {setting}"));
        self.server.sql("postgres", "SELECT pg_reload_conf()");
        // The postmaster hands it on a moment later.
        std::thread::sleep(Duration::from_millis(150));
    }

    /// Whether passwords may come over connections in the clear.
    pub(crate) fn accept_plain(&self, accept: bool) {
        let plain = if accept { "host all all 127.0.0.1/32 scram-sha-256\n" } else { "" };
        self.server.write("data/pg_hba.conf", &format!("{ENCRYPTED_ONLY}{plain}"), 0o600);
        self.server.sql("postgres", "SELECT pg_reload_conf()");
        std::thread::sleep(Duration::from_millis(150));
    }

    pub(crate) fn restart(&self) {
        let (data, log) = (self.server.path("data"), self.server.path("log"));
        self.server.run("pg_ctl", &["-D", &data, "-l", &log, "-m", "fast", "-w", "-t", "30", "restart"]);
    }

    pub(crate) fn stop_standby(&self) {
        self.server.run("pg_ctl", &["-D", &self.server.path("standby"), "-m", "immediate", "-w", "stop"]);
        self.wait_until("NOT EXISTS (SELECT FROM pg_stat_replication)");
    }

    /// A session of the application over TCP.
    pub(crate) fn session(&self, sslmode: &str) -> Session {
        self.open("127.0.0.1", sslmode)
    }

    /// A session of the application over the Unix socket.
    pub(crate) fn local_session(&self) -> Session {
        self.open(&self.server.dir.path().display().to_string(), "disable")
    }

    fn open(&self, host: &str, sslmode: &str) -> Session {
        let to = format!(
            "host={host} port={} user=parallax dbname=parallax sslmode={sslmode} password={PASSWORD}",
            self.server.port
        );
        let mut command = Command::new(self.server.bin.join("psql"));
        let mut child = command.args(["-qAtX", &to]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.as_mut().unwrap().write_all(b"SELECT 'connected';\n").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "connected");
        Session(child)
    }

    /// The number that names the cluster.
    pub(crate) fn identifier(&self) -> String {
        let done = Command::new(self.server.bin.join("psql"))
            .args(["-h", &self.server.dir.path().display().to_string(), "-p", &self.server.port.to_string()])
            .args(["-U", "postgres", "-qAtXc", "SELECT system_identifier FROM pg_control_system()"])
            .output()
            .unwrap();
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Waits until closed sessions have left the list of activity.
    pub(crate) fn wait_for_sessions(&self, count: usize) {
        self.wait_until(&format!("(SELECT count(*) FROM pg_stat_activity WHERE usename = 'parallax') = {count}"));
    }
}

impl Drop for Production {
    fn drop(&mut self) {
        // The primary is stopped by its own drop.
        if self.server.postmaster("standby").is_some() {
            self.server.run("pg_ctl", &["-D", &self.server.path("standby"), "-m", "immediate", "-w", "stop"]);
        }
    }
}
