//! A private etcd cluster: own directory, free ports, authentication on, stopped when dropped.
//! Clients reach each member through a link that can be broken.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, IsCa, KeyPair};

use super::free_port;
use super::link::Link;
use super::process::Process;

/// Of the monitoring user, which `docs/grants/etcd.sh` makes.
pub(crate) const PASSWORD: &str = "etcd-Readiness-4711";
const ROOT: &str = "etcd-Root-4711";
/// Of `app`, which owns the keys of the application.
const APP: &str = "etcd-App-4711";
/// Small, so that it is soon reached.
pub(crate) const QUOTA: u64 = 12 << 20;
const SOON: Duration = Duration::from_secs(30);

pub(crate) struct Cluster {
    dir: PathBuf,
    tls: bool,
    auth: bool,
    filled: bool,
    pub(crate) nodes: Vec<Node>,
}

pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) process: Process,
    pub(crate) link: Link,
    /// Of the member itself, behind the link.
    port: u16,
}

impl Cluster {
    /// So many members. With `tls` they ask for client certificates, else they speak in the clear.
    pub(crate) fn start(dir: &Path, members: usize, tls: bool) -> Self {
        let ports: Vec<(u16, u16)> = (0..members).map(|_| (free_port(), free_port())).collect();
        if tls {
            certificates(dir);
        }
        let peers = ports.iter().enumerate().map(|(n, (_, peer))| format!("n{}=http://127.0.0.1:{peer}", n + 1));
        let peers = peers.collect::<Vec<_>>().join(",");
        let node = |(n, (port, peer)): (usize, &(u16, u16))| {
            let name = format!("n{}", n + 1);
            let (dir, arguments) = (dir.to_owned(), arguments(dir, &name, *port, *peer, &peers, tls));
            let process = Process::new(&dir.join(format!("{name}.log")), move || {
                let mut command = Command::new("etcd");
                command.args(&arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
                command
            });
            Node { name, process, link: Link::to(*port), port: *port }
        };
        let nodes = ports.iter().enumerate().map(node).collect();
        let mut cluster = Self { dir: dir.to_owned(), tls, auth: false, filled: false, nodes };
        cluster.nodes.iter_mut().for_each(|node| node.process.start());
        cluster.settle();
        cluster.users();
        cluster
    }

    /// Of each member, as clients reach it.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("{}://127.0.0.1:{}", self.scheme(), node.link.port)).collect()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn node(&mut self, name: &str) -> &mut Node {
        self.nodes.iter_mut().find(|node| node.name == name).unwrap_or_else(|| panic!("there is no member {name}"))
    }

    /// etcdctl as root, past the links. Gives what it printed.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> String {
        self.try_ctl(arguments, "").unwrap_or_else(|said| panic!("etcdctl {arguments:?}: {said}"))
    }

    fn try_ctl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = self.with_environment(Command::new("etcdctl"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("etcdctl");
        let written = child.stdin.take().expect("stdin").write_all(input.as_bytes());
        let done = child.wait_with_output().expect("etcdctl");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if done.status.success() && written.is_ok() { Ok(said(&done.stdout)) } else { Err(said(&done.stderr)) }
    }

    fn with_environment(&self, mut command: Command) -> Command {
        let running = self.nodes.iter().filter(|node| node.process.pid().is_some());
        let endpoints: Vec<String> = running.map(|node| self.direct(node)).collect();
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("ETCDCTL_API", "3").env("ETCDCTL_ENDPOINTS", endpoints.join(","));
        if self.tls {
            command.env("ETCDCTL_CACERT", self.file("ca.crt"));
            command.env("ETCDCTL_CERT", self.file("client.crt")).env("ETCDCTL_KEY", self.file("client.key"));
        }
        if self.auth {
            command.env("ETCDCTL_USER", format!("root:{ROOT}"));
        }
        command
    }

    /// Saves one of the first member, which must run.
    pub(crate) fn snapshot(&self, path: &str) {
        std::fs::create_dir_all(Path::new(path).parent().expect("a folder")).expect("a folder");
        let mut command = self.with_environment(Command::new("etcdctl"));
        command.args(["snapshot", "save", path]).env("ETCDCTL_ENDPOINTS", self.direct(&self.nodes[0]));
        let done = command.output().expect("etcdctl");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    pub(crate) fn put(&self, key: &str, value: &str) {
        self.ctl(&["put", key, value]);
    }

    /// The key of an agent as the control plane writes it.
    pub(crate) fn register(&self, id: &str) {
        let value = format!(
            r#"{{"id":"{id}","name":"{id}","type":"agent","endpoint":"127.0.0.1:{}","metadata":{{}},"health":{{"status":"healthy"}},"registeredAt":"2026-11-22T00:00:00Z","ttl":60}}"#,
            50_100 + id.bytes().map(u16::from).sum::<u16>()
        );
        let granted = self.ctl(&["lease", "grant", "3600"]);
        let lease = granted.split_whitespace().nth(1).expect("lease").to_owned();
        self.ctl(&["put", "--lease", &lease, &format!("/parallax/services/agent/{id}"), &value]);
    }

    pub(crate) fn auth(&mut self, on: bool) {
        if on != self.auth {
            self.ctl(&["auth", if on { "enable" } else { "disable" }]);
            self.auth = on;
        }
    }

    /// Writes until the space is used up, which raises an alarm.
    pub(crate) fn fill(&mut self) {
        self.filled = true;
        let value = "x".repeat(1 << 20);
        for n in 0..64 {
            if self.try_ctl(&["put", &format!("/filler/{n}")], &value).is_err() {
                break;
            }
        }
        assert!(self.ctl(&["alarm", "list"]).contains("NOSPACE"), "no alarm was raised");
    }

    fn empty(&mut self) {
        if std::mem::take(&mut self.filled) {
            self.ctl(&["del", "--prefix", "/filler/"]);
            let status = self.ctl(&["endpoint", "status", "-w", "json"]);
            let revision = status.split("\"revision\":").nth(1).unwrap_or_default();
            let revision: String = revision.chars().take_while(char::is_ascii_digit).collect();
            self.ctl(&["compact", &revision]);
            self.ctl(&["defrag"]);
            self.ctl(&["alarm", "disarm"]);
        }
    }

    /// Name of the leader.
    pub(crate) fn leader(&self) -> String {
        let is_leader = |node: &&Node| self.status(node).is_some_and(|status| status.0);
        self.nodes.iter().find(is_leader).map(|node| node.name.clone()).expect("a leader")
    }

    /// Hands the lead to another member.
    pub(crate) fn move_leader(&self) {
        let leader = self.leader();
        let of = |node: &Node| self.status(node).map(|status| status.1).unwrap_or_default();
        let other = self.nodes.iter().find(|node| node.name != leader).map(of).expect("another member");
        self.ctl(&["move-leader", &other]);
    }

    /// Pauses the leader until another leads, and lets it come back.
    pub(crate) fn elect(&mut self) {
        let old = self.leader();
        self.node(&old).process.pause();
        let until = Instant::now() + SOON;
        let new = |cluster: &Self| {
            let leads = |node: &Node| node.name != old && cluster.status(node).is_some_and(|status| status.0);
            cluster.nodes.iter().any(leads)
        };
        while !new(self) {
            assert!(Instant::now() < until, "nobody was elected");
            std::thread::sleep(Duration::from_millis(50));
        }
        self.node(&old).process.resume();
    }

    /// (leads, id), if it answers and knows a leader.
    fn status(&self, node: &Node) -> Option<(bool, String)> {
        node.process.pid()?;
        let mut command = self.with_environment(Command::new("etcdctl"));
        command.env("ETCDCTL_ENDPOINTS", self.direct(node)).env_remove("ETCDCTL_USER");
        let done = command.args(["endpoint", "status", "--command-timeout=2s"]).stderr(Stdio::null()).output().ok()?;
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let fields: Vec<&str> = said.trim().split(", ").collect();
        if fields.len() < 8 || said.contains("no leader") {
            return None;
        }
        Some((fields[4] == "true", fields[1].to_owned()))
    }

    /// Waits until every member that runs knows the leader.
    pub(crate) fn settle(&mut self) {
        let until = Instant::now() + SOON;
        for n in 0..self.nodes.len() {
            while self.nodes[n].process.pid().is_some() && self.status(&self.nodes[n]).is_none() {
                let node = &mut self.nodes[n];
                assert!(node.process.is_running(), "{} ended: {}", node.name, node.process.log());
                assert!(Instant::now() < until, "{} knows no leader: {}", node.name, node.process.log());
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    fn users(&mut self) {
        for (user, password, role) in [("root", ROOT, "root"), ("app", APP, "app")] {
            self.ctl(&["user", "add", &format!("{user}:{password}")]);
            self.ctl(&["role", "add", role]);
            self.ctl(&["user", "grant-role", user, role]);
        }
        self.ctl(&["role", "grant-permission", "app", "readwrite", "--prefix=true", "/parallax/"]);
        fs::write(self.file("etcd-ro"), PASSWORD).expect("password file");
        self.grant();
        self.auth(true);
        self.register("a1");
        self.register("a2");
    }

    /// The shipped grants, exactly.
    pub(crate) fn grant(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/grants/etcd.sh");
        let mut command = self.with_environment(Command::new("sh"));
        let done = command.arg(script).env("READINESS_PASSWORD_FILE", self.file("etcd-ro")).output().expect("sh");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    pub(crate) fn revoke(&self) {
        self.ctl(&["role", "revoke-permission", "readiness", "/parallax/", "--prefix=true"]);
    }

    /// Everything as after the start.
    pub(crate) fn restore(&mut self) {
        for node in &mut self.nodes {
            node.process.resume();
            node.process.start();
            node.link.mend();
        }
        self.settle();
        self.empty();
        self.auth(true);
        self.grant();
        self.ctl(&["del", "--prefix", "/parallax/"]);
        // A key that goes leaves its lease behind.
        for lease in self.ctl(&["lease", "list"]).lines().skip(1) {
            self.ctl(&["lease", "revoke", lease.trim()]);
        }
        self.register("a1");
        self.register("a2");
    }

    fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    fn direct(&self, node: &Node) -> String {
        format!("{}://127.0.0.1:{}", self.scheme(), node.port)
    }
}

fn arguments(dir: &Path, name: &str, port: u16, peer: u16, peers: &str, tls: bool) -> Vec<String> {
    let here = |file: &str| dir.join(file).display().to_string();
    let scheme = if tls { "https" } else { "http" };
    let (client, peer) = (format!("{scheme}://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer}"));
    let mut all: Vec<String> = [
        ("name", name.to_owned()),
        ("data-dir", here(&format!("{name}.data"))),
        ("listen-client-urls", client.clone()),
        ("advertise-client-urls", client),
        ("listen-peer-urls", peer.clone()),
        ("initial-advertise-peer-urls", peer),
        ("initial-cluster", peers.to_owned()),
        ("quota-backend-bytes", QUOTA.to_string()),
        // Cheaper than one would want outside of tests.
        ("bcrypt-cost", "4".to_owned()),
    ]
    .into_iter()
    .map(|(flag, value)| format!("--{flag}={value}"))
    .collect();
    all.push("--unsafe-no-fsync".to_owned());
    if tls {
        all.push("--client-cert-auth".to_owned());
        for (flag, file) in [("cert-file", "server.crt"), ("key-file", "server.key"), ("trusted-ca-file", "ca.crt")] {
            all.push(format!("--{flag}={}", here(file)));
        }
    }
    all
}

/// `ca.crt`, `server.{crt,key}` for loopback, and `client.{crt,key}`, which names no user of etcd.
pub(crate) fn certificates(dir: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("root");
    let write = |name: &str, text: String| fs::write(dir.join(name), text).expect("certificate");
    write("ca.crt", ca.pem());
    for name in ["server", "client"] {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("parameters");
        params.distinguished_name = DistinguishedName::new();
        let key = KeyPair::generate().expect("key");
        write(&format!("{name}.crt"), params.signed_by(&key, &ca).expect("leaf").pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
}
