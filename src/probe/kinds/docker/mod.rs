//! `docker`: an engine with the API of Docker, and what it runs.
//!
//! A pass proves what the engine said at this moment of what was looked at: containers by its own
//! state of them and by their health checks, limits and mounts as they were set, images and networks
//! as they are there. It does not prove that a health check is a good one, that limits are adequate,
//! or that a service answers. Podman answers the same questions; it leaves some fields empty.
//!
//! Nothing is changed, and no request but GET is made, so a proxy of the socket that lets only those
//! through is enough.

mod conditions;
mod container;
mod containers;
mod disk;
mod facts;
mod fault;
mod images;
mod judge;
mod listen;
pub(super) mod logs;
mod look;
mod networks;
mod parameters;
mod place;
mod projects;
mod session;
#[cfg(test)]
mod tests;
mod volumes;

use schemars::JsonSchema;
use serde::Deserialize;

use facts::Facts;
use parameters::{Containers, Images, Networks, Projects, Volumes};

use crate::expect::Gap;
use crate::model::{Reason, Timestamp, Verdict};
use crate::probe::{Changes, Findings, Probe, ProbeCx, ProbeError};

/// Looks at a Docker engine, or at Podman: containers, images, networks, volumes, disk use.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Docker {
    /// Name of the target. Its address is `unix:///path` of the socket, or `https://host:port` or
    /// `http://host:port`; with `https://` the target's client certificate is shown. Without any of
    /// what follows, an answer of the engine is enough.
    target: Option<String>,
    /// The least version of the API that the engine must have, such as `"1.41"`.
    min_api: Option<String>,
    /// Also asks for the state of the engine itself: storage, warnings, swarm.
    daemon: bool,
    /// Containers, and what is expected of them.
    containers: Option<Containers>,
    /// Images that must be there.
    images: Option<Images>,
    /// Networks that must be there.
    networks: Option<Networks>,
    /// Volumes.
    volumes: Option<Volumes>,
    /// Compose projects, by the labels that Compose sets.
    projects: Option<Projects>,
    /// Also asks what takes how much space. That takes the engine long where there is much: an answer
    /// that comes too late proves nothing.
    disk: bool,
}

impl Probe for Docker {
    const NAME: &'static str = "docker";
    const SUMMARY: &'static str =
        "Looks at a Docker engine, or at Podman: containers, images, networks, volumes, disk use";
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        if self.target.is_none() {
            findings.error_with_hint("target", "no target", "name one of the checklist's targets");
        }
        if self.min_api.as_deref().is_some_and(|text| judge::version(text).is_none()) {
            findings.error("min_api", "expected two numbers, such as \"1.41\"");
        }
        parameters::check(self, findings);
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("an answer of the engine")
    }

    fn watches(&self) -> Vec<String> {
        let sorts = listen::sorts(self);
        (!sorts.is_empty()).then(|| sorts.join(" ")).into_iter().collect()
    }

    async fn listen(&self, _what: &str, cx: &ProbeCx, changes: &Changes) -> ProbeError {
        let ended = || ProbeError::target(Reason::Reset, "the engine ended its stream of events");
        listen::listen(self, cx, changes).await.err().unwrap_or_else(ended)
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        facts::gaps(self, facts)
    }
}
