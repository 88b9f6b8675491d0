//! A private redis-server: TLS by default, its plain port closed until it is opened, users from
//! `docs/grants/redis.acl`, an append-only file, a limit of memory. Stopped when dropped.

mod busy;
mod tool;

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::free_port;
use super::process::Process;
use busy::Busy;
use tool::Tool;

/// Of the user `readiness`.
pub(crate) const PASSWORD: &str = "redis-monitor-0815";
/// Of the user `tests`, who may do everything, and of the default user.
const ADMIN: &str = "redis-admin-4711";
const STARTS: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    dir: PathBuf,
    process: Process,
    /// Closed, until `open_plain`.
    pub(crate) plain_port: u16,
    pub(crate) tls_port: u16,
    tool: Tool,
    /// Connections that only take up room.
    held: Vec<TcpStream>,
    busy: Option<Busy>,
}

impl Server {
    /// In its own directory, which must exist.
    pub(crate) fn start(dir: &Path) -> Self {
        certificates(dir);
        fs::write(dir.join("users.acl"), users()).unwrap();
        let mut server = Self::launch(
            dir,
            "aclfile {dir}/users.acl\nappendonly yes\nmaxmemory 256mb\nmaxmemory-policy volatile-lru\n",
        );
        server.grant();
        server
    }

    /// A replica of `master`, over TLS. It takes seconds to link.
    pub(crate) fn replica_of(master: &Self, dir: &Path) -> Self {
        for name in ["ca.crt", "server.crt", "server.key"] {
            fs::copy(master.dir.join(name), dir.join(name)).unwrap();
        }
        fs::write(dir.join("users.acl"), users()).unwrap();
        let of = master.tls_port;
        let more = format!(
            "aclfile {{dir}}/users.acl\nreplicaof 127.0.0.1 {of}\nmasteruser tests\nmasterauth {ADMIN}\ntls-replication yes\n"
        );
        let mut server = Self::launch(dir, &more);
        server.grant();
        server
    }

    /// A sentinel that watches `master` under the name `main`, alone.
    pub(crate) fn sentinel_of(master: &Self, dir: &Path) -> Self {
        for name in ["ca.crt", "server.crt", "server.key"] {
            fs::copy(master.dir.join(name), dir.join(name)).unwrap();
        }
        let of = master.tls_port;
        let more = format!(
            "tls-replication yes\nsentinel monitor main 127.0.0.1 {of} 1\nsentinel auth-user main tests\nsentinel auth-pass main {ADMIN}\n\
             sentinel down-after-milliseconds main 60000\n{}",
            users()
        );
        let mut sentinel = Self::launch_as(dir, &more, true);
        sentinel.grant();
        sentinel.cli(&["ACL", "SETUSER", "readiness", "+sentinel|masters", "+sentinel|replicas", "+sentinel|ckquorum"]);
        sentinel
    }

    fn launch(dir: &Path, more: &str) -> Self {
        let common = "save \"\"\nenable-debug-command yes\nenable-protected-configs yes\nrepl-diskless-sync-delay 0\n\
                      repl-ping-replica-period 1\nloading-process-events-interval-bytes 1024\n";
        Self::launch_as(dir, &format!("{common}{more}"), false)
    }

    fn launch_as(dir: &Path, more: &str, sentinel: bool) -> Self {
        let (plain_port, tls_port) = (free_port(), free_port());
        let here = dir.display();
        let text = format!(
            "bind 127.0.0.1\nport 0\ntls-port {tls_port}\nunixsocket {here}/s.sock\ndaemonize no\ndir {here}\n\
             tls-cert-file {here}/server.crt\ntls-key-file {here}/server.key\ntls-ca-cert-file {here}/ca.crt\n\
             tls-auth-clients no\n{}",
            more.replace("{dir}", &here.to_string())
        );
        fs::write(dir.join("redis.conf"), text).unwrap();
        let config = dir.join("redis.conf");
        // A write beyond a limit of file size is an error, as on a full disk, and no signal.
        let process = Process::new(&dir.join("redis.log"), move || {
            let mut command = Command::new("sh");
            let mode = if sentinel { "--sentinel" } else { "" };
            command.args(["-c", "trap '' XFSZ; exec redis-server \"$0\" $1"]).arg(&config).arg(mode);
            command
        });
        let tool = Tool::new(dir.join("s.sock"), ADMIN);
        let mut server =
            Self { dir: dir.to_owned(), process, plain_port, tls_port, tool, held: Vec::new(), busy: None };
        server.start_again();
        server
    }

    /// The profiles of `docs/grants/redis.acl` and `docs/grants/phoenix-redis.acl`, exactly, and their password.
    pub(crate) fn grant(&mut self) {
        for (user, file) in [("readiness", "redis.acl"), ("readiness-phoenix", "phoenix-redis.acl")] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grants").join(file);
            let text = fs::read_to_string(file).unwrap();
            let _ = self.try_cli(&["ACL", "DELUSER", user]);
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let made = self.try_cli(&line.split(' ').collect::<Vec<_>>());
                // A sentinel has no keys, and no commands about them.
                assert!(made.is_ok() || user != "readiness", "{made:?}");
            }
            self.cli(&["ACL", "SETUSER", user, &format!(">{PASSWORD}")]);
        }
        // A sentinel has no such file; it keeps its users in its own.
        let _ = self.tool.run(&["ACL", "SAVE"]);
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Whether it answers and has loaded its data.
    pub(crate) fn is_ready(&self) -> bool {
        self.tool.run(&["PING"]).is_ok_and(|answer| answer == "PONG")
    }

    /// A question that outlives the server.
    pub(crate) fn readiness(&self) -> impl Fn() -> bool + use<> {
        let tool = self.tool.clone();
        move || tool.run(&["PING"]).is_ok_and(|answer| answer == "PONG")
    }

    pub(crate) fn start_again(&mut self) {
        let ready = self.readiness();
        self.process.start_until(STARTS, ready);
    }

    /// As the user `tests`, over the Unix socket. Fails if the server answers with an error.
    pub(crate) fn try_cli(&self, words: &[&str]) -> Result<String, String> {
        self.tool.run(words)
    }

    pub(crate) fn cli(&self, words: &[&str]) -> String {
        self.try_cli(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Of INFO.
    pub(crate) fn field(&self, section: &str, name: &str) -> Option<String> {
        let text = self.try_cli(&["INFO", section]).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.trim().to_owned())
    }

    pub(crate) fn wait_for(&self, section: &str, name: &str, value: &str) -> Result<(), String> {
        let until = Instant::now() + STARTS;
        while self.field(section, name).as_deref() != Some(value) {
            if Instant::now() > until {
                return Err(format!("{name} is {:?}, not {value}", self.field(section, name)));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Listens without TLS too.
    pub(crate) fn open_plain(&self) {
        self.cli(&["CONFIG", "SET", "port", &self.plain_port.to_string()]);
    }

    /// Takes up connections until nobody else gets in.
    pub(crate) fn fill_connections(&mut self) {
        // Once it is full it does not answer the tests either.
        self.cli(&["CONFIG", "SET", "maxclients", "10"]);
        for _ in 0..20 {
            self.held.extend(TcpStream::connect(("127.0.0.1", self.tls_port)));
        }
        std::thread::sleep(Duration::from_millis(100));
    }

    /// No file may grow: the disk is full.
    pub(crate) fn fill_disk(&self) {
        self.limit_files("0:unlimited");
    }

    pub(crate) fn free_disk(&self) {
        self.limit_files("unlimited");
    }

    fn limit_files(&self, limit: &str) {
        if let Some(pid) = self.process.pid() {
            let done = Command::new("prlimit").args(["--pid", &pid.to_string(), &format!("--fsize={limit}")]).status();
            assert!(done.expect("prlimit").success());
        }
    }

    /// So many keys to find, so many looked up in vain.
    pub(crate) fn look_up(&self, hits: usize, misses: usize) -> Result<(), String> {
        self.try_cli(&["SET", "present", "1"])?;
        self.tool.pipe(&lookups(hits, misses))
    }

    /// The same again and again.
    pub(crate) fn keep_looking_up(&mut self, hits: usize, misses: usize) -> Result<(), String> {
        self.try_cli(&["SET", "present", "1"])?;
        self.busy = Some(Busy::start(self.tool.clone(), lookups(hits, misses)));
        Ok(())
    }

    /// Writes keys whose values have so many bytes together, each with a time to live.
    pub(crate) fn write(&self, keys: usize, bytes: usize) -> Result<(), String> {
        self.tool.pipe(&writes(keys, bytes))
    }

    /// The same again and again.
    pub(crate) fn keep_writing(&mut self, keys: usize, bytes: usize) {
        self.busy = Some(Busy::start(self.tool.clone(), writes(keys, bytes)));
    }

    /// Loads its own data again, slowly, so that it answers LOADING until `loads_at_once`.
    pub(crate) fn load_slowly(&self) -> Result<(), String> {
        self.try_cli(&["DEBUG", "POPULATE", "20000", "loaded", "100"])?;
        self.try_cli(&["CONFIG", "SET", "key-load-delay", "2000"])?;
        self.tool.start(&["DEBUG", "RELOAD"]);
        self.wait_for("persistence", "loading", "1")
    }

    pub(crate) fn loads_at_once(&self) -> Result<(), String> {
        self.try_cli(&["CONFIG", "SET", "key-load-delay", "0"])?;
        self.wait_for("persistence", "loading", "0")
    }

    /// Starts a background save that takes a while.
    pub(crate) fn save_slowly(&self) -> Result<(), String> {
        self.try_cli(&["DEBUG", "POPULATE", "20000", "saved", "100"])?;
        self.try_cli(&["CONFIG", "SET", "rdb-key-save-delay", "500"])?;
        self.try_cli(&["BGSAVE"])?;
        self.wait_for("persistence", "rdb_bgsave_in_progress", "1")
    }

    /// Everything as after the start, whatever was done to it.
    pub(crate) fn restore(&mut self) -> Result<(), String> {
        self.held.clear();
        self.process.resume();
        self.busy = None;
        if self.process.is_running() {
            self.free_disk();
            self.loads_at_once()?;
        }
        self.start_again();
        let memory = ["maxmemory", "256mb", "maxmemory-policy", "volatile-lru", "maxclients", "10000", "port", "0"];
        let files = ["rdb-key-save-delay", "0", "save", "", "appendonly", "yes", "stop-writes-on-bgsave-error", "yes"];
        let config: Vec<&str> = ["CONFIG", "SET"].into_iter().chain(memory).chain(files).collect();
        self.try_cli(&config)?;
        self.try_cli(&["REPLICAOF", "NO", "ONE"])?;
        self.try_cli(&["ACL", "SETUSER", "default", "on", "resetpass", &format!(">{ADMIN}"), "~*", "&*", "+@all"])?;
        self.grant();
        for (field, value) in [("rdb_bgsave_in_progress", "0"), ("aof_rewrite_in_progress", "0")] {
            // A save that is delayed on purpose need not be waited for.
            if self.field("persistence", field).as_deref() == Some("1") && field.starts_with("rdb") {
                let _ = self.try_cli(&["BGSAVE", "SCHEDULE"]);
                let _ = self.try_cli(&["FLUSHALL"]);
            }
            self.wait_for("persistence", field, value)?;
        }
        self.try_cli(&["FLUSHALL"])?;
        self.wait_for("persistence", "aof_last_write_status", "ok")?;
        if self.field("persistence", "aof_last_bgrewrite_status").as_deref() != Some("ok") {
            self.try_cli(&["BGREWRITEAOF"])?;
            self.wait_for("persistence", "aof_last_bgrewrite_status", "ok")?;
        }
        if self.field("persistence", "rdb_last_bgsave_status").as_deref() != Some("ok") {
            self.try_cli(&["SAVE"])?;
        }
        self.try_cli(&["CONFIG", "RESETSTAT"]).map(drop)
    }

    /// The root that signed the server's certificate, which is for `localhost` and 127.0.0.1.
    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.join("ca.crt")
    }

    /// A root that signed nothing here.
    pub(crate) fn other_ca(&self) -> PathBuf {
        self.dir.join("other.crt")
    }
}

fn users() -> String {
    ["default", "tests"].map(|user| format!("user {user} on >{ADMIN} ~* &* +@all\n")).concat()
}

fn lookups(hits: usize, misses: usize) -> String {
    "GET present\n".repeat(hits) + &"GET absent\n".repeat(misses)
}

fn writes(keys: usize, bytes: usize) -> String {
    let value = "x".repeat(bytes / keys.max(1));
    (0..keys).map(|key| format!("SET filler:{key} {value} EX 3600\n")).collect()
}

fn certificates(dir: &Path) {
    let authority = |name: &str| {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let ca = authority("test root");
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let leaf = CertificateParams::new(names).unwrap().signed_by(&key, &ca).unwrap();
    for (name, text) in [
        ("ca.crt", ca.pem()),
        ("other.crt", authority("another root").pem()),
        ("server.crt", leaf.pem()),
        ("server.key", key.serialize_pem()),
    ] {
        fs::write(dir.join(name), text).unwrap();
    }
}
