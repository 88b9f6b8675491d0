//! Settings of the process: defaults, file, environment, flags, in this order. What a reload
//! changes is in the catalogue, not here.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything that is fixed for the life of the process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub web: Web,
    pub engine: Engine,
    pub store: StoreSettings,
    pub log: Log,
    pub catalogue: Catalogue,
}

/// Serving.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
}

/// Running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Engine {
    /// Legs that run at once, by class, over all, and against one target.
    pub network: usize,
    pub blocking: usize,
    pub command: usize,
    pub load: usize,
    pub mutating: usize,
    pub global: usize,
    pub per_target: usize,
    /// How long in-flight runs may take after SIGTERM.
    #[serde(with = "humantime_serde")]
    pub drain_grace: std::time::Duration,
    /// Environments in which checks that mutate or load may run; also needs the item's switch.
    pub mutation_environments: Vec<String>,
    /// The global switch for checks that mutate or load.
    pub allow_mutation: bool,
    /// The environment this daemon watches, such as `staging`.
    pub environment: String,
}

/// Keeping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSettings {
    /// `sqlite` or `memory`.
    pub kind: StoreKind,
    /// Directory of the SQLite file.
    pub path: PathBuf,
    /// How long transitions are kept.
    #[serde(with = "humantime_serde")]
    pub keep_transitions: std::time::Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreKind {
    #[default]
    Sqlite,
    Memory,
}

/// Logging, to standard error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    pub level: String,
    /// `logfmt` or `json`.
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Logfmt,
    Json,
}

/// What is evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Catalogue {
    /// The root file; everything else is included from it.
    pub file: PathBuf,
    /// Reload when a file of the catalogue changes.
    pub watch: bool,
    /// The longest a waiver may run.
    #[serde(with = "humantime_serde")]
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
            drain_grace: std::time::Duration::from_secs(10),
            mutation_environments: Vec::new(),
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
