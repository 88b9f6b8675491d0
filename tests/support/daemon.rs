//! Runs the built binary on a free port with a directory of its own, and stops it by its pid.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::client::{self, Answer};

pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: String,
    log: PathBuf,
}

/// What to run. Keep it to start the same daemon again.
#[derive(Clone)]
pub(crate) struct Launch {
    pub(crate) directory: PathBuf,
    pub(crate) config: PathBuf,
    pub(crate) port: u16,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

impl Launch {
    pub(crate) fn new(directory: &Path, config: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            config: config.to_owned(),
            port: super::free_port(),
            arguments: vec!["--web.enable-lifecycle".to_owned()],
            environment: Vec::new(),
        }
    }

    /// Starts the daemon and waits until it is ready.
    pub(crate) fn start(&self) -> Daemon {
        let log = self.directory.join("daemon.log");
        let output = File::options().create(true).append(true).open(&log).expect("log file");
        let address = format!("127.0.0.1:{}", self.port);
        let mut child = Command::new(env!("CARGO_BIN_EXE_readiness-exporter"))
            .arg(format!("--config.file={}", self.config.display()))
            .arg(format!("--store.path={}", self.directory.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("log file"))
            .stderr(output)
            .spawn()
            .expect("daemon");
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            if client::get(&address, "/-/ready").is_ok_and(|answer| answer.status == 200) {
                return Daemon { child, address, log };
            }
            let ended = child.try_wait().expect("daemon");
            let log = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "the daemon ended: {ended:?}\n{}", log());
            assert!(Instant::now() < until, "the daemon is not ready\n{}", log());
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

impl Daemon {
    pub(crate) fn get(&self, path: &str) -> Answer {
        client::get(&self.address, path).unwrap_or_else(|error| panic!("GET {path}: {error}\n{}", self.log()))
    }

    pub(crate) fn post(&self, path: &str) -> Answer {
        client::request(&self.address, "POST", path, &[])
            .unwrap_or_else(|error| panic!("POST {path}: {error}\n{}", self.log()))
    }

    pub(crate) fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.body);
        serde_json::from_str(&answer.body).expect("JSON")
    }

    /// The value of a sample, by its exact name and labels as exposed.
    pub(crate) fn sample(&self, series: &str) -> Option<f64> {
        let body = self.get("/metrics").body;
        let line = body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    /// State and reason of an item, such as `("fail", "refused")`.
    pub(crate) fn state(&self, item: &str) -> (String, String) {
        let json = self.json(&format!("/api/v1/items/{item}"));
        let text = |key: &str| json.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        (text("state"), text("reason"))
    }

    /// Waits until an item has a state; fails with what it has after `within`.
    pub(crate) fn wait_for(&self, item: &str, state: &str, within: Duration) -> Duration {
        let started = Instant::now();
        loop {
            let seen = self.state(item);
            if seen.0 == state {
                return started.elapsed();
            }
            assert!(
                started.elapsed() < within,
                "{item} is {seen:?} after {within:?}, not {state}: {}",
                self.get(&format!("/api/v1/items/{item}")).body
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until an item was evaluated, whatever came of it.
    pub(crate) fn wait_for_evaluation(&self, item: &str, within: Duration) {
        let (checklist, id) = item.split_once('/').expect("checklist/item");
        let series = format!("readiness_item_evaluations_total{{checklist=\"{checklist}\",item=\"{id}\"}}");
        let started = Instant::now();
        while !self.sample(&series).is_some_and(|count| count >= 1.0) {
            assert!(started.elapsed() < within, "{item} is not evaluated\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Waits until an item exists.
    pub(crate) fn wait_for_item(&self, item: &str, within: Duration) {
        let started = Instant::now();
        while self.get(&format!("/api/v1/items/{item}")).status != 200 {
            assert!(started.elapsed() < within, "{item} does not appear\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGTERM, and the exit status.
    pub(crate) fn stop(mut self) -> ExitStatus {
        signal(self.child.id(), "TERM");
        self.child.wait().expect("daemon")
    }

    /// SIGKILL: nothing is flushed.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("daemon");
    }

    /// As by `kill -NAME`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    pub(crate) fn hangup(&self) {
        signal(self.child.id(), "HUP");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Ended already: nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().expect("kill");
    assert!(status.success(), "signal {name} to {pid}");
}
