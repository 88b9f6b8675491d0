//! What a checklist says of each kind of object.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Docker;
use crate::probe::Findings;

/// Which containers, by all that is given, and what each of them must be.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Containers {
    /// Their name; `*` stands for any text.
    pub(super) name: Option<String>,
    /// Their names: each of these must be there.
    pub(super) names: Vec<String>,
    /// Labels that they have, such as `app=web`, or `app` with whatever value.
    pub(super) labels: Vec<String>,
    /// Their Compose project.
    pub(super) project: Option<String>,
    /// Their service in it.
    pub(super) service: Option<String>,
    /// The image they were made of, as it was named then; `*` stands for any text.
    pub(super) image: Option<String>,
    /// Only those in one of these states; then none is expected to run.
    pub(super) states: Vec<State>,
    /// How many there must be.
    pub(super) min: u32,
    /// What it means if there is none.
    pub(super) none: Nothing,
    /// Each must run, and not be about to restart.
    pub(super) running: bool,
    /// What a health check must say.
    pub(super) health: Health,
    /// What else each must be.
    pub(super) must: Vec<Must>,
    /// Each must mount something of its own here.
    pub(super) mount: Option<OwnMount>,
    /// The only networks that each may be on.
    pub(super) only_networks: Option<Vec<String>>,
    /// The only ports that each may publish at other addresses than loopback.
    pub(super) only_ports: Option<Vec<u16>>,
    /// A label that each has, with a value that no other has.
    pub(super) one_per: Option<String>,
    /// Labels whose values are shown. Others are not: some hold secrets.
    pub(super) show_labels: Vec<String>,
    /// Also asks how much memory each uses; each that runs must say so.
    pub(super) usage: bool,
    /// Also asks for the digests under which their images are known to registries.
    pub(super) digests: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Nothing {
    #[default]
    Fail,
    /// There was nothing to judge.
    Unknown,
    Pass,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Health {
    /// Healthy if there is a health check. One that is starting is unknown.
    #[default]
    IfChecked,
    /// There must be one.
    Required,
    Ignored,
}

/// A closed list, so that a sentence can name what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Must {
    /// A limit of its memory.
    MemoryLimit,
    /// A limit of its processor time.
    CpuLimit,
    /// A limit of its processes.
    PidsLimit,
    /// Its root file system cannot be written.
    ReadOnlyRoot,
    /// It is not privileged.
    Unprivileged,
    /// No capability was added.
    NoAddedCapabilities,
    /// All capabilities were dropped.
    DropsAllCapabilities,
    /// Its processes, shared memory and users are not those of the host or of another container.
    OwnNamespaces,
    /// It does not use the network of the host or of another container.
    OwnNetwork,
    /// Its user is not root.
    NonRoot,
    /// It mounts neither `/`, nor `/etc` or what is below, nor the socket of an engine or a folder above it.
    NoHostMounts,
    /// It does not mount the socket of an engine, nor a folder above it.
    NoEngineSocket,
    /// Its restart policy is `always`, `unless-stopped` or `on-failure`.
    Restarts,
    /// Its ports are published on loopback only.
    LoopbackPorts,
    /// The engine keeps no more than so much of its log: `max-size` is set, or the driver sends it away.
    LogLimit,
    /// And that in several files: `max-file` is set as well, unless the driver has a limit of its own.
    LogRotation,
}

/// What it mounts at one place.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct OwnMount {
    /// Where in the container.
    pub(super) at: String,
    /// The source is below this folder of the host; any if absent.
    pub(super) below: Option<String>,
    /// Containers with the same value of this label may share one; without it none may.
    pub(super) one_per: Option<String>,
    /// It may be read-only.
    pub(super) read_only: bool,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Images {
    /// Each of these must be there, such as `redis:7`.
    pub(super) references: Vec<String>,
    /// Put before each, with a `/` between.
    pub(super) prefix: Option<String>,
    /// Their user must not be root.
    pub(super) non_root: bool,
    /// A registry must know them by a digest: one that was only built here has none.
    pub(super) digest: bool,
    /// They must be made for the platform of the engine.
    pub(super) platform: bool,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Networks {
    /// Each of these must be there.
    pub(super) names: Vec<String>,
    /// Labels that each must have, such as `app=web`, or `app` with whatever value.
    pub(super) labels: Vec<String>,
    /// What drives them, such as `bridge`.
    pub(super) driver: Option<String>,
    /// They must lead nowhere else.
    pub(super) internal: bool,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Volumes {
    /// Their name; `*` stands for any text.
    pub(super) name: Option<String>,
    /// Each of these must be there.
    pub(super) names: Vec<String>,
    /// Only those with these labels.
    pub(super) labels: Vec<String>,
    /// How many there must be.
    pub(super) min: u32,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Projects {
    /// Each of these must be there.
    pub(super) names: Vec<String>,
    /// Services that each must have.
    pub(super) services: Vec<String>,
    /// Services that end by themselves, with status 0.
    pub(super) completed: Vec<String>,
}

impl Default for Containers {
    fn default() -> Self {
        Self {
            name: None,
            names: Vec::new(),
            labels: Vec::new(),
            project: None,
            service: None,
            image: None,
            states: Vec::new(),
            min: 1,
            none: Nothing::default(),
            running: true,
            health: Health::default(),
            must: Vec::new(),
            mount: None,
            only_networks: None,
            only_ports: None,
            one_per: None,
            show_labels: Vec::new(),
            usage: false,
            digests: false,
        }
    }
}

impl Images {
    /// As the engine is asked for it.
    pub(super) fn full(&self, reference: &str) -> String {
        match self.prefix.as_deref().map(|prefix| prefix.trim_end_matches('/')) {
            None | Some("") => reference.to_owned(),
            Some(prefix) => format!("{prefix}/{reference}"),
        }
    }
}

/// Names that are looked up one by one.
const NAMES_CEILING: usize = 100;

pub(super) fn check(leg: &Docker, findings: &mut Findings) {
    if let Some(images) = &leg.images {
        each(findings, "images.references", &images.references, true);
    }
    if let Some(networks) = &leg.networks {
        each(findings, "networks.names", &networks.names, true);
    }
    if let Some(projects) = &leg.projects {
        each(findings, "projects.names", &projects.names, true);
    }
    if let Some(volumes) = &leg.volumes {
        each(findings, "volumes.names", &volumes.names, false);
    }
    if let Some(containers) = &leg.containers {
        each(findings, "containers.names", &containers.names, false);
        if containers.mount.as_ref().is_some_and(|mount| !mount.at.starts_with('/')) {
            findings.error("containers.mount.at", "expected an absolute path");
        }
        if containers.min == 0 && containers.none == Nothing::Unknown {
            findings.error("containers.min", "0 accepts that there is none: write `none: pass`");
        }
    }
}

fn each(findings: &mut Findings, field: &str, names: &[String], wanted: bool) {
    if wanted && names.is_empty() {
        findings.error(field, "expected at least one");
    }
    if names.len() > NAMES_CEILING {
        findings.error(field, format!("at most {NAMES_CEILING} can be looked at"));
    }
    // They become parts of a path.
    let is_odd = |name: &String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
        name.is_empty()
            || !name.chars().all(plain)
            || name.split('/').any(|part| part.is_empty() || part.starts_with('.'))
    };
    if let Some(place) = names.iter().position(is_odd) {
        findings.error(&format!("{field}[{place}]"), "expected a name without spaces and special characters");
    }
}

impl State {
    /// As the engine says it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            State::Created => "created",
            State::Running => "running",
            State::Paused => "paused",
            State::Restarting => "restarting",
            State::Removing => "removing",
            State::Exited => "exited",
            State::Dead => "dead",
        }
    }
}
