//! A real Prometheus with a past, pages that it scrapes, and rules. What is good stands in
//! `tests/proofs/prometheus.yaml`, for Phoenix in `tests/proofs/prometheus-phoenix.yaml`; cases say
//! what differs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Server, act_on_link, act_on_process};
use crate::support::history;
use crate::support::http_server::{Answer, HttpServer};
use crate::support::link::Link;
use crate::support::{client, prometheus};

/// Older than this and what was measured last is too old for a query at this moment.
const STALE: Duration = Duration::from_secs(90);
const WAIT: Duration = Duration::from_secs(40);

/// What it knows.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Good {
    /// What each job shows; null: nothing, `self`: itself, `federate <selector>`: itself, by way of
    /// its page for federation.
    jobs: BTreeMap<String, Option<String>>,
    /// How many targets a job has, 1 or 2, which show the same.
    instances: BTreeMap<String, usize>,
    /// By series, such as `up{job="x"}`; see `history`.
    history: Map<String, Value>,
    /// Groups of rules, YAML.
    rules: String,
    /// Whether it sends alerts anywhere: to an address that takes none.
    alerting: bool,
    /// Of all that it scrapes.
    labels: BTreeMap<String, String>,
}

pub(crate) struct Prometheus {
    targets: &'static [&'static str],
    server: prometheus::Prometheus,
    link: Link,
    directory: PathBuf,
    good: Good,
    now: Good,
    pages: Arc<Mutex<BTreeMap<String, Option<String>>>>,
    scraped: HttpServer,
    begun: Instant,
    /// Put back, but not started with it yet.
    due: bool,
    /// Something is not as it should be.
    changed: bool,
    /// The address of the Alertmanager that it sends to. Such a one is found only after seconds, so that
    /// this outlasts a case, until one arranges anything else.
    alertmanager: Option<String>,
}

impl Prometheus {
    pub(crate) fn start(directory: &Path) -> Self {
        Self::with("prometheus.yaml", &["parallax.prom"], directory)
    }

    /// What watches Phoenix; its staging and whatever it is federated to are the same server.
    pub(crate) fn start_phoenix(directory: &Path) -> Self {
        let targets = &["phoenix.prom", "phoenix.prom-global", "phoenix.prom-staging"];
        Self::with("prometheus-phoenix.yaml", targets, directory)
    }

    fn with(good: &str, targets: &'static [&'static str], directory: &Path) -> Self {
        let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proofs").join(good);
        let good: Good = crate::cases::read(&good).expect("what is good");
        let pages = Arc::new(Mutex::new(BTreeMap::<String, Option<String>>::new()));
        let shown = Arc::clone(&pages);
        let scraped = HttpServer::start(move |asked| {
            let job = asked.path().trim_start_matches("/metrics/").to_owned();
            match shown.lock().unwrap_or_else(PoisonError::into_inner).get(&job) {
                Some(Some(page)) => Answer::json(200, json!(page)).with("content-type", "text/plain; version=0.0.4"),
                _ => Answer::json(404, json!("there is nothing")),
            }
        });
        let server = prometheus::Prometheus::new(directory);
        let link = Link::to(server.port);
        let (begun, now, directory) = (Instant::now(), good.clone(), directory.to_owned());
        let mut made = Self {
            targets,
            server,
            link,
            directory,
            good,
            now,
            pages,
            scraped,
            begun,
            due: false,
            changed: false,
            alertmanager: None,
        };
        made.begin().expect("Prometheus");
        made
    }

    /// Starts with the past, as of this moment.
    fn begin(&mut self) -> Result<(), String> {
        self.server.process.stop();
        self.server.forget();
        let now = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
        let mut past = String::new();
        for (series, values) in self.now.history.iter().filter(|(_, values)| !values.is_null()) {
            past += &history::samples(series, values, now)?;
        }
        if !past.is_empty() {
            self.server.backfill(&format!("{past}# EOF\n"));
        }
        (self.begun, self.due) = (Instant::now(), false);
        self.configure();
        self.server.start();
        self.link.mend();
        self.settle()
    }

    fn configure(&self) {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.now.jobs);
        let scrape = self.now.jobs.iter().map(|(job, page)| {
            let federated = page.as_deref().and_then(|page| page.strip_prefix("federate "));
            let (port, path) = match (page.as_deref(), federated) {
                (Some("self"), _) => (self.server.port, "/metrics".to_owned()),
                (_, Some(_)) => (self.server.port, "/federate".to_owned()),
                _ => (self.scraped.port, format!("/metrics/{job}")),
            };
            let count = self.now.instances.get(job).copied().unwrap_or(1);
            let hosts = ["127.0.0.1", "localhost"].into_iter().take(count);
            let addresses: Vec<String> = hosts.map(|host| format!("{host}:{port}")).collect();
            json!({
                "job_name": job, "metrics_path": path, "honor_labels": federated.is_some(),
                "params": { "match[]": federated.into_iter().collect::<Vec<_>>() },
                "static_configs": [{ "targets": addresses, "labels": self.now.labels }],
            })
        });
        let nobody = self.now.alerting.then(|| "127.0.0.1:9".to_owned());
        let alertmanagers: Vec<Value> = (self.alertmanager.clone().or(nobody).into_iter())
            .map(|address| json!({ "static_configs": [{ "targets": [address] }] }))
            .collect();
        let config = json!({
            "global": { "scrape_interval": "3s", "scrape_timeout": "2s", "evaluation_interval": "2s" },
            "rule_files": ["rules.yml"],
            "alerting": { "alertmanagers": alertmanagers },
            "scrape_configs": scrape.collect::<Vec<_>>(),
        });
        self.server.write("rules.yml", &self.now.rules);
        self.server.configure(&config.to_string());
    }

    fn reload(&self) -> Result<(), String> {
        self.configure();
        self.server.reload();
        self.settle()
    }

    /// Waits until each job was scraped, and each rule was evaluated with what they showed.
    fn settle(&self) -> Result<(), String> {
        let until = Instant::now() + WAIT;
        loop {
            let targets = self.server.json("/api/v1/targets?state=active");
            let targets = targets["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
            let as_meant = |target: &Value| {
                let page = self.now.jobs.get(target["labels"]["job"].as_str().unwrap_or_default());
                let scraped = matches!(page, Some(Some(page)) if !page.starts_with('<'));
                target["health"] == if scraped { "up" } else { "down" }
            };
            let groups = self.server.json("/api/v1/rules");
            let groups = groups["data"]["groups"].as_array().cloned().unwrap_or_default();
            let evaluated = |rule: &Value| rule["health"] != "unknown";
            let count = |job: &String| self.now.instances.get(job).copied().unwrap_or(1);
            let alertmanagers = self.server.json("/api/v1/alertmanagers");
            let known = alertmanagers["data"]["activeAlertmanagers"].as_array().map_or(0, Vec::len);
            let done = known == usize::from(self.now.alerting || self.alertmanager.is_some())
                && targets.len() == self.now.jobs.keys().map(count).sum::<usize>()
                && targets.iter().all(as_meant)
                && groups
                    .iter()
                    .all(|group| group["rules"].as_array().is_some_and(|rules| rules.iter().all(evaluated)));
            if done {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(format!("it did not settle: {targets:?} {groups:?}"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Tells it of this Alertmanager, or of none.
    fn tell(&mut self, address: Option<&str>) -> Result<(), String> {
        if self.alertmanager.as_deref() != address {
            self.alertmanager = address.map(str::to_owned);
            self.reload()?;
        }
        let until = Instant::now() + WAIT;
        let known = || {
            let known = self.server.json("/api/v1/alertmanagers");
            known["data"]["activeAlertmanagers"].as_array().is_some_and(|known| !known.is_empty())
        };
        while known() != address.is_some() {
            if Instant::now() > until {
                return Err("it does not find the Alertmanager".to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn wait_for(&self, query: &str) -> Result<(), String> {
        let until = Instant::now() + WAIT;
        while self.server.query(query).is_empty() {
            if Instant::now() > until {
                return Err(format!("`{query}` has no data"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Server for Prometheus {
    fn targets(&self) -> Vec<(String, Value)> {
        let target = json!({ "address": format!("http://127.0.0.1:{}", self.link.port) });
        self.targets.iter().map(|name| ((*name).to_owned(), target.clone())).collect()
    }

    fn values(&self) -> Vec<(String, String)> {
        let pages = format!("http://127.0.0.1:{}/metrics", self.scraped.port);
        vec![("address".to_owned(), format!("http://127.0.0.1:{}", self.link.port)), ("pages".to_owned(), pages)]
    }

    /// `fresh`: the past ends now. `history: { series: past }`, `jobs: { job: page }` and `rules: YAML`
    /// replace what is good, null takes away; `instances: { job: count }`; `alerting: bool`; `wait: query` until it has data; `config: text` is tried
    /// by a running server; `alertmanager: address` (or null) is the one it sends to; `flags: [--…]`; and
    /// the verbs of a process and of the network.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if !matches!(verb, "fresh" | "wait" | "alertmanager") {
            self.alertmanager = None;
            self.changed = true;
        }
        if self.due && verb != "history" {
            self.begin()?;
        }
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let address = self.server.address();
        let ready = || client::get(&address, "/-/ready").is_ok_and(|answer| answer.status == 200);
        if let Some(done) = act_on_process(&mut self.server.process, &mut self.link, verb, ready) {
            return done;
        }
        match verb {
            "fresh" if self.begun.elapsed() < STALE => Ok(()),
            "fresh" => self.begin(),
            "history" => {
                let series = argument.as_object().ok_or("write `history: { series: { last, values } }`")?;
                self.now.history.extend(series.clone());
                self.begin()
            }
            "jobs" => {
                for (job, page) in argument.as_object().ok_or("write `jobs: { name: page }`")? {
                    match page {
                        Value::Bool(false) => drop(self.now.jobs.remove(job)),
                        page => drop(self.now.jobs.insert(job.clone(), page.as_str().map(str::to_owned))),
                    }
                }
                self.reload()
            }
            "instances" => {
                for (job, count) in argument.as_object().ok_or("write `instances: { job: count }`")? {
                    let count = count.as_u64().and_then(|count| usize::try_from(count).ok()).ok_or("no count")?;
                    self.now.instances.insert(job.clone(), count);
                }
                self.reload()
            }
            "alerting" => {
                self.now.alerting = argument.as_bool().ok_or("write `alerting: false`")?;
                self.reload()
            }
            "rules" => {
                self.now.rules = argument.as_str().unwrap_or_default().to_owned();
                self.reload()
            }
            "alertmanager" => self.tell(argument.as_str()),
            "wait" => self.wait_for(argument.as_str().ok_or("write `wait: query`")?),
            "config" => {
                self.server.configure(argument.as_str().ok_or("write `config: text`")?);
                // It may well be refused.
                client::request(&address, "POST", "/-/reload", &[]).map(drop).map_err(|error| error.to_string())
            }
            "flags" => {
                let flags = argument.as_array().ok_or("write `flags: [--name=value]`")?;
                let lines: Vec<&str> = flags.iter().filter_map(Value::as_str).collect();
                self.server.flags(&lines.join("\n"));
                self.begin()
            }
            _ => Err(format!("prometheus does not understand `{verb}`")),
        }
    }

    /// A start takes seconds, so that it waits for the next step: a case that needs what is good says
    /// `fresh`.
    fn restore(&mut self) -> Result<(), String> {
        if !self.changed {
            return Ok(());
        }
        let _ = std::fs::remove_file(self.directory.join("flags"));
        self.server.process.resume();
        (self.now, self.due, self.changed) = (self.good.clone(), true, false);
        Ok(())
    }
}
