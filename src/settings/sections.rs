//! The settings there are, what they mean and their defaults. The doc comments are the manual:
//! the commented default file is made from them.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that is fixed for the life of the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Serving.
    pub web: Web,
    /// Running.
    pub engine: Engine,
    /// Keeping.
    pub store: StoreSettings,
    /// Logging, to standard error.
    pub log: Log,
    /// What is evaluated.
    pub catalogue: Catalogue,
}

/// Serving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    /// Addresses to listen on. The board names every weakness of a system, so opening it to a
    /// network is a decision: combine it with `config_file`.
    pub listen_address: Vec<String>,
    /// TLS and users, in the format of Prometheus' exporter-toolkit.
    pub config_file: Option<PathBuf>,
    /// Path of the metrics.
    pub telemetry_path: String,
    /// The address under which people reach the daemon, for links; empty: the listen address.
    pub external_url: String,
    /// Allows `/-/reload` and run-now.
    pub enable_lifecycle: bool,
    /// Scrapes and page requests served at once; more get 503.
    pub max_requests: usize,
    /// How much the metrics say of each item. `full`: everything. `compact`: without the state
    /// set, measurements and counters. `summary`: only items that are applicable and not ready,
    /// with counts over all. Nothing steps down by itself, because alerts would go quiet.
    pub detail: MetricsDetail,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricsDetail {
    /// Everything about every item.
    #[default]
    Full,
    /// Without the state set, measurements and counters.
    Compact,
    /// Only items that are applicable and not ready, and counts over all.
    Summary,
}

impl From<MetricsDetail> for crate::families::Detail {
    fn from(detail: MetricsDetail) -> Self {
        match detail {
            MetricsDetail::Full => Self::Full,
            MetricsDetail::Compact => Self::Compact,
            MetricsDetail::Summary => Self::Summary,
        }
    }
}

/// Running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// Legs of network kinds that run at once.
    pub network: usize,
    /// Legs that read files and the like that run at once.
    pub blocking: usize,
    /// Commands that run at once.
    pub command: usize,
    /// Legs that put load on their target that run at once.
    pub load: usize,
    /// Legs that change their target that run at once.
    pub mutating: usize,
    /// Legs of all classes together that run at once.
    pub global: usize,
    /// Legs that run at once against one target; one of them is kept for items on which others depend.
    pub per_target: usize,
    /// Listens to targets that tell of changes (a connection that breaks, an event, a changed key), and
    /// looks again at once; the schedule stays as it is. Holds a connection to each such target.
    pub watch: bool,
    /// How long in-flight runs may take after SIGTERM.
    #[serde(with = "super::length")]
    #[schemars(with = "String")]
    pub drain_grace: std::time::Duration,
    /// Environments in which checks that mutate or load may run; also needs the item's switch.
    pub mutation_environments: Vec<String>,
    /// `host:port` of targets that may be put under load, besides the switches; none if empty.
    pub load_targets: Vec<String>,
    /// Addresses of repositories into which checks may push a branch, besides the switches; none if empty.
    pub sandbox_repositories: Vec<String>,
    /// `host:port` of servers of PostgreSQL on which checks may make a scratch database, besides the switches; none
    /// if empty.
    pub sandbox_databases: Vec<String>,
    /// The global switch for checks that mutate or load.
    pub allow_mutation: bool,
    /// The environment this daemon watches, such as `staging`.
    pub environment: String,
}

/// Keeping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSettings {
    /// `sqlite` or `memory`.
    pub kind: StoreKind,
    /// Directory of the SQLite file.
    pub path: PathBuf,
    /// How long transitions are kept.
    #[serde(with = "super::length")]
    #[schemars(with = "String")]
    pub keep_transitions: std::time::Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    /// A file in `store.path`: memory survives a restart.
    #[default]
    Sqlite,
    /// Nothing survives a restart.
    Memory,
}

/// Logging, to standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`, or a filter such as `info,readiness::engine=debug`.
    pub level: String,
    /// `logfmt` or `json`.
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// `key=value` pairs.
    #[default]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// What is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Catalogue {
    /// The root file; everything else is included from it.
    pub file: PathBuf,
    /// Reload when a file of the catalogue changes.
    pub watch: bool,
    /// The longest a waiver may run.
    #[serde(with = "super::length")]
    #[schemars(with = "String")]
    pub max_waiver: std::time::Duration,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            listen_address: vec!["127.0.0.1:10099".to_owned()],
            config_file: None,
            telemetry_path: "/metrics".to_owned(),
            external_url: String::new(),
            enable_lifecycle: false,
            max_requests: 40,
            detail: MetricsDetail::Full,
        }
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            network: 28,
            blocking: 4,
            command: 2,
            load: 1,
            mutating: 1,
            global: 32,
            per_target: 4,
            watch: true,
            drain_grace: std::time::Duration::from_secs(10),
            mutation_environments: Vec::new(),
            load_targets: Vec::new(),
            sandbox_repositories: Vec::new(),
            sandbox_databases: Vec::new(),
            allow_mutation: false,
            environment: String::new(),
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            kind: StoreKind::Sqlite,
            path: PathBuf::from("data"),
            keep_transitions: std::time::Duration::from_secs(400 * 86_400),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Logfmt }
    }
}

impl Default for Catalogue {
    fn default() -> Self {
        Self {
            file: PathBuf::from("config/readiness.yaml"),
            watch: false,
            max_waiver: std::time::Duration::from_secs(90 * 86_400),
        }
    }
}
