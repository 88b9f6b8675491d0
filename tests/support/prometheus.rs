//! A real Prometheus with a private directory, and the history it is given.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::client;
use super::process::Process;

/// The head block and the data of a run are small; fsync is not what is tested.
const FLAGS: [&str; 3] = ["--web.enable-lifecycle", "--scrape.discovery-reload-interval=100ms", "--log.level=warn"];
const RETENTION: &str = "--storage.tsdb.retention.time=60d";

pub(crate) struct Prometheus {
    pub(crate) process: Process,
    pub(crate) port: u16,
    directory: PathBuf,
}

impl Prometheus {
    /// Not started yet. `directory` must exist; the configuration is its `prometheus.yml`.
    pub(crate) fn new(directory: &Path) -> Self {
        Self::with_flags(directory, Vec::new())
    }

    pub(crate) fn with_flags(directory: &Path, flags: Vec<String>) -> Self {
        let port = super::free_port();
        let own = directory.to_owned();
        let process = Process::new(&directory.join("prometheus.log"), move || {
            let mut command = Command::new("prometheus");
            command
                .arg(format!("--config.file={}", own.join("prometheus.yml").display()))
                .arg(format!("--storage.tsdb.path={}", own.join("tsdb").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                .args(FLAGS)
                .args(&flags);
            let more = std::fs::read_to_string(own.join("flags")).unwrap_or_default();
            // It takes no flag twice.
            if !more.contains("retention.time") {
                command.arg(RETENTION);
            }
            command.args(more.lines());
            command
        });
        Self { process, port, directory: directory.to_owned() }
    }

    /// Writes the configuration. A running server takes it with [`Self::reload`].
    pub(crate) fn configure(&self, yaml: &str) {
        std::fs::write(self.directory.join("prometheus.yml"), yaml).expect("prometheus.yml");
    }

    /// Flags besides the usual ones, one a line, from the next start on.
    pub(crate) fn flags(&self, lines: &str) {
        std::fs::write(self.directory.join("flags"), lines).expect("flags");
    }

    /// A file beside the configuration, such as one of rules.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.join(name), text).expect("a file");
    }

    /// Nothing was ever measured. Only while it is stopped.
    pub(crate) fn forget(&self) {
        let data = self.directory.join("tsdb");
        if data.exists() {
            std::fs::remove_dir_all(data).expect("its data");
        }
    }

    /// Gives it a past: samples in OpenMetrics text with timestamps in seconds, `# EOF` at the end.
    /// Only while it is stopped. What is scraped afterwards must be newer.
    pub(crate) fn backfill(&self, openmetrics: &str) {
        let file = self.directory.join("history.om");
        std::fs::write(&file, openmetrics).expect("history");
        let made = Command::new("promtool")
            // One block for all of it: with the usual two hours a month takes minutes.
            .args(["tsdb", "create-blocks-from", "--max-block-duration=1488h", "openmetrics"])
            .arg(&file)
            .arg(self.directory.join("tsdb"))
            .output()
            .expect("promtool");
        assert!(made.status.success(), "promtool: {}", String::from_utf8_lossy(&made.stderr));
    }

    /// Starts it and waits until it answers queries.
    pub(crate) fn start(&mut self) {
        let address = self.address();
        self.process.start_until(Duration::from_secs(30), || {
            client::get(&address, "/-/ready").is_ok_and(|answer| answer.status == 200)
        });
    }

    pub(crate) fn reload(&self) {
        let answer = client::request(&self.address(), "POST", "/-/reload", &[]).expect("reload");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The JSON of an API path, such as `/api/v1/rules`.
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = client::get(&self.address(), path).expect("an answer");
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body))
    }

    /// The series an instant query yields now. An error of the query fails the test.
    pub(crate) fn query(&self, promql: &str) -> Vec<Value> {
        let json = self.json(&format!("/api/v1/query?query={}", escape(promql)));
        assert_eq!(json["status"], "success", "{promql}: {json}");
        json["data"]["result"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until every target of its configuration was scraped with success.
    pub(crate) fn wait_for_targets(&self, count: usize, within: Duration) {
        let until = std::time::Instant::now() + within;
        loop {
            let up = self.query("up == 1").len();
            if up >= count {
                return;
            }
            assert!(
                std::time::Instant::now() < until,
                "{up} of {count} targets are up: {}",
                self.json("/api/v1/targets")
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// For a query string.
pub(crate) fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
        escaped
    })
}
