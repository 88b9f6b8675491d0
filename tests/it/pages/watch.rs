//! A real Prometheus and a real Alertmanager with what is shipped in `alerts/`, and a receiver.

use std::time::{Duration, Instant};

use super::receiver::{Group, Message, Receiver};
use super::shorter;
use crate::support::alertmanager::Alertmanager;
use crate::support::daemon::Daemon;
use crate::support::prometheus::Prometheus;

/// As people set it; Prometheus' own defaults for the rest.
const SCRAPE: Duration = Duration::from_secs(15);
const LOOKBACK: Duration = Duration::from_secs(5 * 60);
const RESEND: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10 * 60);
const OUTAGE: Duration = Duration::from_secs(60 * 60);
/// Much longer than a page or its end takes, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) struct Watch {
    pub(super) receiver: Receiver,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    _directory: tempfile::TempDir,
}

impl Watch {
    /// Watches these exporters, each under the name of a deployment.
    pub(super) fn start(exporters: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("directory");
        let receiver = Receiver::start();
        let mut alertmanager = Alertmanager::new(directory.path());
        alertmanager.configure(&shorter::alertmanager(directory.path(), receiver.port));
        alertmanager.start();
        let flags = [("query.lookback-delta", LOOKBACK), ("rules.alert.resend-delay", RESEND)].into_iter();
        let flags =
            flags.chain([("rules.alert.for-grace-period", GRACE), ("rules.alert.for-outage-tolerance", OUTAGE)]);
        let flags = flags.map(|(name, duration)| format!("--{name}={}", shorter::text(duration)));
        let mut prometheus = Prometheus::with_flags(directory.path(), flags.collect());
        let every = shorter::text(SCRAPE);
        let jobs: String = exporters
            .iter()
            .map(|(job, address)| format!("  - job_name: {job}\n    static_configs: [{{ targets: ['{address}'] }}]\n"))
            .collect();
        prometheus.configure(&format!(
            "global: {{ scrape_interval: {every}, scrape_timeout: {every}, evaluation_interval: {every} }}\n\
             rule_files: [{}]\nalerting:\n  alertmanagers: [{{ static_configs: [{{ targets: ['{}'] }}] }}]\n\
             scrape_configs:\n{jobs}",
            shorter::rules(directory.path()).join(", "),
            alertmanager.address(),
        ));
        prometheus.start();
        prometheus.wait_for_targets(exporters.len(), PATIENCE);
        Self { receiver, prometheus, alertmanager, _directory: directory }
    }

    /// Messages of a group since then.
    pub(super) fn since(&self, then: Instant, group: &Group) -> Vec<Message> {
        let own = |message: &Message| message.at >= then && message.is_of(group);
        self.receiver.messages().into_iter().filter(own).collect()
    }

    /// The first message of a group since then that says that it fires, or that it has ended.
    pub(super) fn wait(&self, then: Instant, group: &Group, firing: bool, daemon: Option<&Daemon>) -> Message {
        loop {
            let found = self.since(then, group).into_iter().find(|message| message.is_firing() == firing);
            if let Some(message) = found {
                return message;
            }
            let waited = then.elapsed();
            assert!(
                waited < PATIENCE,
                "after {waited:?} nothing came of {group:?}, firing: {firing}; alerts: {}; items: {}",
                self.alerts(),
                daemon.map(|daemon| daemon.get("/api/v1/items?state=fail").body).unwrap_or_default(),
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// How many pages there were in all.
    pub(super) fn pages(&self) -> usize {
        let is_page = |message: &&Message| message.path == "/page" && message.is_firing();
        self.receiver.messages().iter().filter(is_page).count()
    }

    /// All that was said, for people.
    pub(super) fn told(&self) -> Vec<String> {
        self.receiver.messages().iter().map(Message::told).collect()
    }

    /// What Prometheus and Alertmanager hold, for people.
    pub(super) fn alerts(&self) -> String {
        format!("{} {}", self.prometheus.json("/api/v1/alerts"), self.alertmanager.json("/api/v2/alerts"))
    }

    /// How long it took until Prometheus noticed that it gets nothing.
    pub(super) fn wait_until_down(&self, job: &str, within: Duration) -> Duration {
        let began = Instant::now();
        while self.prometheus.query(&format!("up{{job=\"{job}\"}} == 0")).is_empty() {
            assert!(began.elapsed() < within, "{job} is up");
            std::thread::sleep(Duration::from_millis(50));
        }
        began.elapsed()
    }

    /// Stops Prometheus and starts it, at the time that leaves it most: just after it has spoken. The
    /// restart itself is the one thing that no factor shortens.
    pub(super) fn restart_prometheus(&mut self) {
        let spoken = |alertmanager: &Alertmanager| alertmanager.json("/api/v2/alerts")[0]["updatedAt"].to_string();
        let before = spoken(&self.alertmanager);
        let until = Instant::now() + PATIENCE;
        while spoken(&self.alertmanager) == before {
            assert!(Instant::now() < until, "Prometheus says nothing to Alertmanager");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.prometheus.process.stop();
        self.prometheus.start();
    }
}
