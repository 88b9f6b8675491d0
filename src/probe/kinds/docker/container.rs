//! One container as facts. Values of its environment are never kept, nor those of labels that nobody
//! asked for.

use std::collections::BTreeMap;

use bollard::models::{ContainerConfig, ContainerInspectResponse, ContainerState, HostConfig, MountPoint, PortMap};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::{MAX_ITEMS, optional, text};
use super::parameters::Containers;
use crate::model::Timestamp;

pub(super) const PROJECT: &str = "com.docker.compose.project";
pub(super) const SERVICE: &str = "com.docker.compose.service";
pub(super) const ONE_OFF: &str = "com.docker.compose.oneoff";
/// Options of log drivers that hold no secret.
const PLAIN_OPTIONS: [&str; 6] = ["max-size", "max-file", "compress", "mode", "max-buffer-size", "tag"];
/// Folders and files in which the socket of an engine is, or which are it.
const SOCKETS: [&str; 2] = ["docker.sock", "podman.sock"];
const SOCKET_FOLDERS: [&str; 5] = ["/", "/run", "/var", "/var/run", "/run/podman"];

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Container {
    pub(super) name: String,
    /// The first twelve digits.
    pub(super) id: String,
    /// As it was named when the container was made.
    pub(super) image: String,
    /// The image itself, as `sha256:…`.
    pub(super) image_id: String,
    /// Under which registries know it, as `name@sha256:…`; with `digests`.
    pub(super) image_digests: Vec<String>,
    /// With `digests`: those of `image_digests` without a name; where no registry knows the image, `image_id`.
    pub(super) image_identities: Vec<String>,
    /// Such as `running` or `exited`.
    pub(super) state: String,
    pub(super) is_running: bool,
    pub(super) restart_count: i64,
    pub(super) oom_killed: bool,
    /// Of its last run; 0 while it runs.
    pub(super) exit_code: i64,
    pub(super) error: String,
    pub(super) created_age_s: f64,
    /// Since its last start; null if it never was.
    pub(super) started_age_s: Option<f64>,
    /// Since its last end; null if it never did.
    pub(super) finished_age_s: Option<f64>,
    /// `healthy`, `unhealthy` or `starting`; null if there is no health check.
    pub(super) health: Option<String>,
    /// Health checks in a row that failed.
    pub(super) failing_streak: i64,
    /// Such as `always` or `no`.
    pub(super) restart_policy: String,
    /// 0 if there is no limit.
    pub(super) memory_limit_bytes: i64,
    /// In processors; 0 if there is no limit.
    pub(super) cpu_limit: f64,
    /// 0 if there is no limit.
    pub(super) pids_limit: i64,
    /// What it uses now, without what can be given up; with `usage`, while it runs.
    pub(super) memory_used_bytes: Option<f64>,
    /// Empty stands for root.
    pub(super) user: String,
    pub(super) is_root: bool,
    pub(super) is_privileged: bool,
    pub(super) has_read_only_root: bool,
    pub(super) capabilities_added: Vec<String>,
    pub(super) capabilities_dropped: Vec<String>,
    pub(super) security_options: Vec<String>,
    /// Such as `host`, `container:…`, or empty for its own.
    pub(super) pid_mode: String,
    pub(super) ipc_mode: String,
    pub(super) userns_mode: String,
    pub(super) network_mode: String,
    /// Their names, sorted.
    pub(super) networks: Vec<String>,
    pub(super) mounts: Vec<Mounted>,
    pub(super) ports: Vec<Port>,
    pub(super) log_driver: String,
    /// Values only of those that hold no secret.
    pub(super) log_options: BTreeMap<String, String>,
    /// Names only.
    pub(super) environment: Vec<String>,
    /// Those that the check names.
    pub(super) labels: BTreeMap<String, String>,
    /// Of Compose; empty if it is not of it.
    pub(super) project: String,
    pub(super) service: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Mounted {
    /// Such as `bind`, `volume` or `tmpfs`.
    pub(super) kind: String,
    /// Name of a volume.
    pub(super) name: String,
    /// On the host.
    pub(super) source: String,
    pub(super) destination: String,
    pub(super) is_writable: bool,
}

/// A port that is published.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Port {
    /// Such as `80/tcp`.
    pub(super) container_port: String,
    /// It listens there; `0.0.0.0` and `::` are all addresses.
    pub(super) address: String,
    pub(super) port: u32,
    pub(super) is_loopback: bool,
}

impl Container {
    pub(super) fn of(leg: &Containers, answer: &ContainerInspectResponse, now: Timestamp) -> Self {
        let mut container = Self {
            name: answer.name.as_deref().map(|name| text(name.trim_start_matches('/'))).unwrap_or_default(),
            id: answer.id.as_deref().unwrap_or_default().chars().take(12).collect(),
            image_id: optional(answer.image.as_ref()),
            restart_count: answer.restart_count.unwrap_or_default(),
            created_age_s: age(answer.created.as_deref(), now).unwrap_or(f64::MAX),
            mounts: answer.mounts.iter().flatten().take(MAX_ITEMS).map(mounted).collect(),
            ..Self::default()
        };
        if let Some(state) = &answer.state {
            container.state(state, now);
        }
        if let Some(config) = &answer.config {
            container.config(leg, config);
        }
        if let Some(host) = &answer.host_config {
            container.host(host);
        }
        let settings = answer.network_settings.as_ref();
        container.networks =
            settings.and_then(|all| all.networks.as_ref()).into_iter().flat_map(|all| all.keys()).map(text).collect();
        container.networks.sort_unstable();
        container.networks.truncate(MAX_ITEMS);
        container.ports = settings.and_then(|all| all.ports.as_ref()).map(ports).unwrap_or_default();
        container
    }

    fn state(&mut self, state: &ContainerState, now: Timestamp) {
        self.state = state.status.map(text).unwrap_or_default();
        let is = |flag: Option<bool>| flag.unwrap_or(false);
        self.is_running = is(state.running) && !is(state.paused) && !is(state.restarting) && !is(state.dead);
        self.oom_killed = is(state.oom_killed);
        self.exit_code = state.exit_code.unwrap_or_default();
        self.error = optional(state.error.as_ref());
        self.started_age_s = age(state.started_at.as_deref(), now);
        self.finished_age_s = age(state.finished_at.as_deref(), now);
        let health = state.health.as_ref();
        // Podman says an empty word where there is none.
        self.health = health.and_then(|health| health.status).map(|status| status.to_string());
        self.health.take_if(|status| matches!(status.as_str(), "" | "none"));
        self.failing_streak = health.and_then(|health| health.failing_streak).unwrap_or_default();
    }

    fn config(&mut self, leg: &Containers, config: &ContainerConfig) {
        self.image = optional(config.image.as_ref());
        self.user = optional(config.user.as_ref());
        self.is_root = is_root(&self.user);
        let name = |pair: &String| text(pair.split('=').next().unwrap_or_default());
        self.environment = config.env.iter().flatten().take(MAX_ITEMS).map(name).collect();
        let labels = config.labels.as_ref();
        let label = |name: &str| labels.and_then(|all| all.get(name)).map(text);
        self.project = label(PROJECT).unwrap_or_default();
        self.service = label(SERVICE).unwrap_or_default();
        self.labels = leg.shown_labels().filter_map(|name| Some((name.to_owned(), label(name)?))).collect();
    }

    fn host(&mut self, host: &HostConfig) {
        let policy = host.restart_policy.as_ref().and_then(|policy| policy.name);
        self.restart_policy = policy.map(text).filter(|name| !name.is_empty()).unwrap_or("no".to_owned());
        self.memory_limit_bytes = host.memory.unwrap_or_default().max(0);
        self.cpu_limit = cpus(host);
        self.pids_limit = host.pids_limit.unwrap_or_default().max(0);
        self.is_privileged = host.privileged.unwrap_or(false);
        self.has_read_only_root = host.readonly_rootfs.unwrap_or(false);
        let list = |of: &Option<Vec<String>>| of.iter().flatten().take(MAX_ITEMS).map(text).collect::<Vec<_>>();
        self.capabilities_added = list(&host.cap_add);
        self.capabilities_dropped = list(&host.cap_drop);
        self.security_options = list(&host.security_opt);
        self.pid_mode = optional(host.pid_mode.as_ref());
        self.ipc_mode = optional(host.ipc_mode.as_ref());
        self.userns_mode = optional(host.userns_mode.as_ref());
        self.network_mode = optional(host.network_mode.as_ref());
        let log = host.log_config.as_ref();
        self.log_driver = log.and_then(|log| log.typ.as_ref()).map(text).unwrap_or_default();
        let shown = |(name, value): (&String, &String)| {
            let shown = PLAIN_OPTIONS.contains(&name.as_str());
            (text(name), if shown { text(value) } else { "(not shown)".to_owned() })
        };
        self.log_options =
            log.and_then(|log| log.config.as_ref()).into_iter().flatten().take(MAX_ITEMS).map(shown).collect();
    }

    /// In a few words, for sentences.
    pub(super) fn condition(&self) -> String {
        let ago = |age: Option<f64>| age.map(|age| format!(" {age:.0} s ago")).unwrap_or_default();
        match self.state.as_str() {
            "exited" | "dead" if self.oom_killed => {
                format!("{} with status {} for want of memory{}", self.state, self.exit_code, ago(self.finished_age_s))
            }
            "exited" | "dead" => format!("{} with status {}{}", self.state, self.exit_code, ago(self.finished_age_s)),
            "restarting" => format!("restarting for the {}. time", self.restart_count),
            "running" => match &self.health {
                Some(health) => health.clone(),
                None => "running without a health check".to_owned(),
            },
            state => state.to_owned(),
        }
    }
}

impl Containers {
    fn shown_labels(&self) -> impl Iterator<Item = &str> {
        let named = self.labels.iter().map(|label| label.split('=').next().unwrap_or_default());
        let own = self.one_per.iter().chain(self.mount.iter().filter_map(|mount| mount.one_per.as_ref()));
        named.chain(own.chain(&self.show_labels).map(String::as_str))
    }
}

impl Mounted {
    /// The socket of an engine, or a folder in which it is.
    pub(super) fn reaches_an_engine(&self) -> bool {
        let source = self.source.trim_end_matches('/');
        let source = if source.is_empty() && self.source.starts_with('/') { "/" } else { source };
        let file = source.rsplit('/').next().unwrap_or_default();
        SOCKETS.contains(&file) || (self.kind == "bind" && SOCKET_FOLDERS.contains(&source))
    }

    pub(super) fn is_of_the_host(&self) -> bool {
        self.reaches_an_engine() || self.source.trim_end_matches('/') == "/etc" || self.source.starts_with("/etc/")
    }
}

/// Of `user[:group]`, by name or number; nobody named is root.
pub(super) fn is_root(user: &str) -> bool {
    let user = user.split(':').next().unwrap_or_default();
    user.is_empty() || user == "root" || user.parse::<u64>() == Ok(0)
}

/// Since a time such as `2026-11-22T00:00:00Z`; the first year of all stands for never.
pub(super) fn age(at: Option<&str>, now: Timestamp) -> Option<f64> {
    let at: jiff::Timestamp = at?.parse().ok()?;
    let seconds = at.as_millisecond() as f64 / 1000.0;
    (seconds > 0.0).then(|| (now.as_secs_f64() - seconds).max(0.0))
}

fn cpus(host: &HostConfig) -> f64 {
    let nano = host.nano_cpus.unwrap_or_default();
    let quota = host.cpu_quota.unwrap_or_default();
    if nano > 0 {
        return nano as f64 / 1e9;
    }
    let period = host.cpu_period.filter(|period| *period > 0).unwrap_or(100_000);
    if quota > 0 { quota as f64 / period as f64 } else { 0.0 }
}

pub(super) fn mounted(mount: &MountPoint) -> Mounted {
    Mounted {
        kind: optional(mount.typ.as_ref()),
        name: optional(mount.name.as_ref()),
        source: optional(mount.source.as_ref()),
        destination: optional(mount.destination.as_ref()),
        is_writable: mount.rw.unwrap_or(false),
    }
}

fn ports(map: &PortMap) -> Vec<Port> {
    let mut all = Vec::new();
    for (container_port, bindings) in map {
        for binding in bindings.iter().flatten() {
            let address = optional(binding.host_ip.as_ref());
            let address = if address.is_empty() { "0.0.0.0".to_owned() } else { address };
            let is_loopback = address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
            let port = binding.host_port.as_deref().and_then(|port| port.parse().ok()).unwrap_or_default();
            all.push(Port { container_port: text(container_port), address, port, is_loopback });
        }
    }
    all.sort_by(|a, b| (a.port, &a.address).cmp(&(b.port, &b.address)));
    all.truncate(MAX_ITEMS);
    all
}
