//! A private PostgreSQL server with TLS: own directory, free port, stopped when dropped.
//!
//! PostgreSQL refuses to run as root; then everything runs as the user `postgres`.

mod faults;
pub(crate) mod production;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// Where Debian puts it, newest last. `READINESS_TEST_PG_BIN` names another place.
const PLACES: &str = "/usr/lib/postgresql";

/// Roles, all with the password `app-password`: `app` with the databases `app` and `certified` (the
/// latter asks for a client certificate), `tlsonly` (may not log in without encryption), `bold` (a
/// superuser who lifts all limits), `limited` (no session is free), `nologin`; `trusted` needs no
/// password. The superuser `postgres` has none, and comes over the Unix socket.
pub(crate) struct Server {
    dir: tempfile::TempDir,
    bin: PathBuf,
    pub(crate) port: u16,
}

impl Server {
    pub(crate) fn start() -> Self {
        let server = Self::prepared();
        let (port, data) = (server.port, server.path("data"));
        server.run(
            "initdb",
            &["-D", &data, "-U", "postgres", "--auth-local=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"],
        );
        let here = server.dir.path().display();
        let settings = format!(
            "listen_addresses='127.0.0.1'\nport={port}\nunix_socket_directories='{here}'\nfsync=off\nssl=on\n\
             ssl_cert_file='{here}/server.crt'\nssl_key_file='{here}/server.key'\nssl_ca_file='{here}/ca.crt'\n\
             max_connections=30\n"
        );
        let access = "local all all trust\nhostssl all tlsonly 127.0.0.1/32 scram-sha-256\n\
                      hostssl certified app 127.0.0.1/32 cert\nhost all trusted 127.0.0.1/32 trust\n\
                      host all app,bold,limited,nologin,postgres 127.0.0.1/32 scram-sha-256\n";
        server.write("data/postgresql.auto.conf", &settings, 0o600);
        server.write("data/pg_hba.conf", access, 0o600);
        server.run("pg_ctl", &["-D", &data, "-l", &server.path("log"), "-w", "-t", "30", "start"]);
        server.sql("postgres", "CREATE ROLE app LOGIN PASSWORD 'app-password'");
        server.sql("postgres", "CREATE ROLE tlsonly LOGIN PASSWORD 'app-password'");
        // Whatever these say of themselves, the exporter is bound by what it says.
        server.sql("postgres", "CREATE ROLE bold SUPERUSER LOGIN PASSWORD 'app-password'");
        server.sql("postgres", "ALTER ROLE bold SET default_transaction_read_only = off");
        server.sql("postgres", "ALTER ROLE bold SET statement_timeout = 0");
        server.sql("postgres", "CREATE ROLE limited LOGIN PASSWORD 'app-password' CONNECTION LIMIT 0");
        server.sql("postgres", "CREATE ROLE nologin NOLOGIN PASSWORD 'app-password'; CREATE ROLE trusted LOGIN");
        server.sql("postgres", "CREATE DATABASE app OWNER app");
        server.sql("postgres", "CREATE DATABASE certified OWNER app");
        server.sql("app", "CREATE TABLE secrets (x int); CREATE TABLE open (x int); GRANT ALL ON open TO app");
        server
    }

    /// Certificates and a place for the data, nothing more.
    fn prepared() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { dir, bin: binaries(), port };
        server.certificates();
        server.own(server.dir.path());
        server
    }

    /// The address of a role at its database, with options such as `sslmode=require`.
    pub(crate) fn address(&self, user: &str, host: &str, options: &str) -> String {
        format!("postgresql://{user}@{host}:{}/app?{options}", self.port)
    }

    /// The root that signed the server's certificate, which is for `localhost` only.
    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.crt")
    }

    /// A root that signed nothing here.
    pub(crate) fn other_ca(&self) -> PathBuf {
        self.dir.path().join("other.crt")
    }

    /// The certificate of a client whose name is `app`, and its key.
    pub(crate) fn client_certificate(&self) -> (PathBuf, PathBuf) {
        (self.dir.path().join("client.crt"), self.dir.path().join("client.key"))
    }

    /// Where its files are, and its Unix socket.
    pub(crate) fn directory(&self) -> &Path {
        self.dir.path()
    }

    /// What it wrote to its log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn sql(&self, database: &str, sql: &str) {
        let (socket, port) = (self.dir.path().display().to_string(), self.port.to_string());
        self.run("psql", &["-h", &socket, "-p", &port, "-U", "postgres", "-d", database, "-qXc", sql]);
    }

    /// The postmaster of this data directory, if it runs. One that was killed may be a zombie for long.
    pub(super) fn postmaster(&self, data: &str) -> Option<u32> {
        let text = fs::read_to_string(self.dir.path().join(data).join("postmaster.pid")).ok()?;
        let pid: u32 = text.lines().next()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        (!stat.rsplit(") ").next()?.starts_with('Z')).then_some(pid)
    }

    /// Stops at once, as a crash would.
    pub(crate) fn stop(&self) {
        self.run("pg_ctl", &["-D", &self.path("data"), "-m", "immediate", "-w", "stop"]);
    }

    /// After `stop`, with the data as it was.
    pub(crate) fn start_again(&self) {
        self.run("pg_ctl", &["-D", &self.path("data"), "-l", &self.path("log"), "-w", "-t", "30", "start"]);
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.dir.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        self.own(&path);
    }

    pub(crate) fn own(&self, path: &Path) {
        if is_root() {
            let done = Command::new("chown").args(["-R", "postgres"]).arg(path).status().unwrap();
            assert!(done.success());
        }
    }

    fn certificates(&self) {
        let authority = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
        };
        let ca = authority("test root");
        self.write("ca.crt", &ca.pem(), 0o644);
        self.write("other.crt", &authority("another root").pem(), 0o644);
        for (file, name, year) in
            [("server", "localhost", 4000), ("expired", "localhost", 2025), ("elsewhere", "elsewhere.test", 4000)]
        {
            let key = KeyPair::generate().unwrap();
            let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (leaf.not_before, leaf.not_after) = (rcgen::date_time_ymd(2024, 1, 1), rcgen::date_time_ymd(year, 1, 1));
            self.write(&format!("{file}.crt"), &leaf.signed_by(&key, &ca).unwrap().pem(), 0o644);
            self.write(&format!("{file}.key"), &key.serialize_pem(), 0o600);
        }
        // Of a client, for the role of its common name.
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(Vec::new()).unwrap();
        leaf.distinguished_name.push(rcgen::DnType::CommonName, "app");
        self.write("client.crt", &leaf.signed_by(&key, &ca).unwrap().pem(), 0o644);
        fs::write(self.dir.path().join("client.key"), key.serialize_pem()).unwrap();
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let done = self.attempt(program, arguments);
        let said = fs::read_to_string(self.dir.path().join("out")).unwrap_or_default();
        assert!(done.status.success(), "{program} {arguments:?}: {}: {said}", done.status);
        done
    }

    /// The same for what may fail.
    fn attempt(&self, program: &str, arguments: &[&str]) -> Output {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(&program);
            command
        } else {
            Command::new(&program)
        };
        // The server inherits what is given here and keeps it, so pipes would never end.
        let log = fs::File::create(self.dir.path().join("out")).unwrap();
        let errors = log.try_clone().unwrap();
        command.args(arguments).current_dir(self.dir.path()).stdout(log).stderr(errors).output().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = self.postmaster("data") {
            // It may have been paused.
            super::daemon::signal(pid, "CONT");
            self.stop();
        }
    }
}

/// Makes a command run as `postgres` if this is root, in the same process.
pub(crate) fn as_postgres(command: &mut Command) {
    if is_root() {
        let accounts = fs::read_to_string("/etc/passwd").unwrap();
        let account = accounts.lines().find(|line| line.starts_with("postgres:")).expect("the user postgres");
        let ids: Vec<u32> = account.split(':').filter_map(|field| field.parse().ok()).collect();
        command.uid(ids[0]).gid(ids[1]);
    }
}

pub(crate) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

fn binaries() -> PathBuf {
    if let Some(place) = std::env::var_os("READINESS_TEST_PG_BIN") {
        return place.into();
    }
    let mut versions: Vec<PathBuf> = fs::read_dir(PLACES)
        .expect("PostgreSQL is needed for this test; set READINESS_TEST_PG_BIN to the directory of initdb")
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().expect("initdb is not installed")
}
