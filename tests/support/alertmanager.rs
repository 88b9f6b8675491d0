//! A real Alertmanager with a private directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::client;
use super::process::Process;

pub(crate) struct Alertmanager {
    pub(crate) process: Process,
    pub(crate) port: u16,
    directory: PathBuf,
}

impl Alertmanager {
    /// Not started yet. `directory` must exist; the configuration is its `alertmanager.yml`.
    pub(crate) fn new(directory: &Path) -> Self {
        let port = super::free_port();
        let own = directory.to_owned();
        let process = Process::new(&directory.join("alertmanager.log"), move || {
            let mut command = Command::new("prometheus-alertmanager");
            command
                .arg(format!("--config.file={}", own.join("alertmanager.yml").display()))
                .arg(format!("--storage.path={}", own.join("alertmanager").display()))
                .arg(format!("--web.listen-address=127.0.0.1:{port}"))
                // Without an address it does not look for peers.
                .arg("--cluster.listen-address=");
            command
        });
        Self { process, port, directory: directory.to_owned() }
    }

    pub(crate) fn configure(&self, yaml: &str) {
        std::fs::write(self.directory.join("alertmanager.yml"), yaml).expect("alertmanager.yml");
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(&mut self) {
        let address = self.address();
        self.process.start_until(Duration::from_secs(30), || {
            client::get(&address, "/-/ready").is_ok_and(|answer| answer.status == 200)
        });
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The JSON of an API path, such as `/api/v2/alerts`.
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = client::get(&self.address(), path).expect("an answer");
        serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.body))
    }
}
