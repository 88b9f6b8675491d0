//! A private Docker engine, or Podman, with images of one small static program. Nothing is pulled.
//!
//! It runs in namespaces of its own: its processes, mounts and networks end with it. Clients reach it
//! by its Unix socket, and one with TLS also by a port of loopback.

mod image;
pub(crate) mod proxy;

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub(crate) use image::Image;

use super::etcd::certificates;

/// The image that everything is made of.
pub(crate) const APP: &str = "rdy/app:latest";
const READY: Duration = Duration::from_secs(30);
/// How long a state may take to be reached.
const SOON: Duration = Duration::from_secs(60);
/// Podman without systemd can neither set these, nor run health checks.
const OF_PODMAN: [&str; 6] = ["--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Docker,
    /// Also at a port, with certificates of both sides.
    DockerWithTls,
    Podman,
}

pub(crate) struct Engine {
    pub(crate) dir: PathBuf,
    kind: Kind,
    child: Option<Child>,
    cgroup: String,
    listener: Option<TcpListener>,
}

impl Engine {
    pub(crate) fn start(dir: &Path, kind: Kind) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        fs::create_dir_all(dir).expect("directory");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let cgroup = format!("rdy-{}-{number}", std::process::id());
        let listener = (kind == Kind::DockerWithTls).then(|| {
            certificates(dir);
            TcpListener::bind("127.0.0.1:0").expect("a port")
        });
        let mut engine = Self { dir: dir.to_owned(), kind, child: None, cgroup, listener };
        engine.up();
        engine.load(&Image::new(APP));
        engine
    }

    /// Starts it with what it left behind; does nothing if it runs.
    pub(crate) fn up(&mut self) {
        if self.child.is_some() {
            return;
        }
        // One that was killed leaves both behind.
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_file(self.dir.join("engine.pid"));
        // It would wait for the process of this number, which is another now.
        let _ = fs::remove_dir_all(self.dir.join("exec"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/docker/start.sh");
        let log = fs::File::options().create(true).append(true).open(self.dir.join("log")).expect("log");
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh"]).arg(script);
        command.arg(if self.kind == Kind::Podman { "podman" } else { "docker" });
        command.arg(&self.dir).arg(format!("/{}", self.cgroup)).env("REGISTRY", self.registry());
        let input = self.listener.as_ref().map(|listener| listener.try_clone().expect("a socket"));
        if input.is_some() {
            command.env("TLS", "1");
        }
        command.stdin(input.map_or(Stdio::null(), |listener| Stdio::from(OwnedFd::from(listener))));
        command.stdout(log.try_clone().expect("log")).stderr(log);
        self.child = Some(command.spawn().expect("unshare"));
        let until = Instant::now() + READY;
        while !self.try_cli(&["version", "--format", "{{.Server.Version}}"]).is_ok_and(|version| !version.is_empty()) {
            assert!(Instant::now() < until, "the engine does not answer: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        last.join("\n")
    }

    pub(crate) fn is_up(&self) -> bool {
        self.child.is_some()
    }

    /// At once, with all that it runs.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            // The kernel ends the rest of its namespace a little later.
            let until = Instant::now() + SOON;
            while UnixStream::connect(self.socket()).is_ok() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        self.sweep();
    }

    /// SIGSTOP: the kernel goes on accepting for it, and nothing answers.
    pub(crate) fn signal(&self, name: &str) {
        let pid = fs::read_to_string(self.dir.join("engine.pid")).unwrap_or_default();
        let Some(child) = &self.child else { return };
        // The number is that of its own namespace.
        let mut command = Command::new("nsenter");
        let pid_of_init = first_child(child.id());
        command.args(["--pid", "--mount", "--target", &pid_of_init, "kill", &format!("-{name}"), pid.trim()]);
        let done = command.output().expect("nsenter");
        assert!(done.status.success(), "kill: {}", String::from_utf8_lossy(&done.stderr));
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("engine.sock")
    }

    /// As a target names it.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Of the one with TLS.
    pub(crate) fn port(&self) -> u16 {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok()).expect("a port").port()
    }

    /// The file of a private registry that runs beside the engine.
    fn registry(&self) -> String {
        if self.kind != Kind::Docker {
            return String::new();
        }
        let (file, data) = (self.dir.join("registry.yml"), self.dir.join("registry"));
        let text = format!(
            "version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: {} }} }}\nhttp: {{ addr: 127.0.0.1:5000 }}\n",
            data.display()
        );
        fs::write(&file, text).expect("registry.yml");
        file.display().to_string()
    }

    /// The program of the engine, past everything. Gives what it printed.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        self.try_cli(arguments).unwrap_or_else(|said| panic!("docker {arguments:?}: {said}"))
    }

    pub(crate) fn try_cli(&self, arguments: &[&str]) -> Result<String, String> {
        // An engine that hangs must not hang the whole run.
        let mut command = Command::new("timeout");
        command.args(["120", "docker"]);
        command.env_remove("DOCKER_CONTEXT").env("DOCKER_HOST", self.address()).env("DOCKER_CONFIG", &self.dir);
        let done = command.args(arguments).stdin(Stdio::null()).output().expect("docker");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if done.status.success() { Ok(said(&done.stdout)) } else { Err(said(&done.stderr)) }
    }

    /// The body of a page, as seen from the network that the engine and containers with `--network host`
    /// are in; empty if nobody answers.
    pub(crate) fn page(&self, url: &str) -> String {
        let unshare = self.child.as_ref().expect("a running engine").id();
        let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).expect("processes");
        let first = children.split_whitespace().next().expect("the first process of the engine");
        let mut command = Command::new("nsenter");
        command.args(["--target", first, "--net", "--", "curl", "--silent", "--max-time", "5", url]);
        String::from_utf8_lossy(&command.output().expect("nsenter").stdout).into_owned()
    }

    /// A container, in the background.
    pub(crate) fn run(&self, name: &str, flags: &[&str], image: &str, command: &[&str]) {
        let parent = format!("/{}", self.cgroup);
        let mut all = vec!["run", "-d", "--name", name, "--stop-timeout", "1"];
        if self.kind == Kind::Podman {
            all.extend(OF_PODMAN);
            all.extend(["--cgroup-parent", &parent]);
        }
        all.extend(flags);
        all.push(image);
        all.extend(command);
        self.cli(&all);
    }

    /// Waits until the engine says of this container what a template makes of it.
    pub(crate) fn wait_for(&self, name: &str, template: &str, wanted: &str) {
        let until = Instant::now() + SOON;
        loop {
            let seen = self.try_cli(&["inspect", "--type", "container", "--format", template, name]);
            if seen.as_deref() == Ok(wanted) {
                return;
            }
            assert!(Instant::now() < until, "{name}: expected {wanted}, saw {seen:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Puts an image there, under its name.
    pub(crate) fn load(&self, image: &Image) {
        let tar = image.write(&self.dir.join("images"));
        self.cli(&["load", "--quiet", "--input", &tar.display().to_string()]);
        if image.pushed {
            // A registry is what gives it a digest, for as long as it has the name there.
            let remote = format!("127.0.0.1:5000/{}", image.name);
            self.cli(&["tag", &image.name, &remote]);
            self.cli(&["push", "--quiet", &remote]);
        }
    }

    /// Folders of groups stay when all that was in them has ended.
    fn sweep(&self) {
        let until = Instant::now() + Duration::from_secs(5);
        let all = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
        let mut left: Vec<PathBuf> = all.map(|path| path.join(&self.cgroup)).collect();
        left.push(Path::new("/sys/fs/cgroup").join(&self.cgroup));
        while !left.is_empty() && Instant::now() < until {
            left.retain(|path| path.is_dir() && !remove(path));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A folder of groups, from below; whether it is gone.
fn remove(path: &Path) -> bool {
    // A paused container does not even end when it is killed.
    let _ = fs::write(path.join("freezer.state"), "THAWED");
    let _ = fs::write(path.join("cgroup.freeze"), "0");
    let inner = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in inner.filter(|path| path.is_dir()) {
        remove(&path);
    }
    fs::remove_dir(path).is_ok()
}

fn first_child(pid: u32) -> String {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_whitespace().next().expect("a child").to_owned()
}
