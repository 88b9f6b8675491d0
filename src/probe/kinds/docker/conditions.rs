//! What a container must be, each with what to say of one that is not.

use super::container::Container;
use super::parameters::{Containers, Must, OwnMount};

/// `None` if it is so; else a clause about the container, such as `has no limit of its memory`.
pub(super) fn broken(must: Must, container: &Container) -> Option<String> {
    let say = |is_so: bool, text: &str| (!is_so).then(|| text.to_owned());
    match must {
        Must::MemoryLimit => say(container.memory_limit_bytes > 0, "has no limit of its memory"),
        Must::CpuLimit => say(container.cpu_limit > 0.0, "has no limit of its processor time"),
        Must::PidsLimit => say(container.pids_limit > 0, "has no limit of its processes"),
        Must::ReadOnlyRoot => say(container.has_read_only_root, "can write its root file system"),
        Must::Unprivileged => say(!container.is_privileged, "is privileged"),
        Must::NoAddedCapabilities => {
            let added = container.capabilities_added.join(", ");
            (!added.is_empty()).then(|| format!("was given the capabilities {added}"))
        }
        Must::DropsAllCapabilities => {
            let is_all = |name: &String| name.eq_ignore_ascii_case("all");
            say(container.capabilities_dropped.iter().any(is_all), "keeps capabilities")
        }
        Must::OwnNamespaces => own_namespaces(container),
        Must::OwnNetwork => shared(&container.network_mode).map(|with| format!("uses the network of {with}")),
        Must::NonRoot => say(!container.is_root, "runs as root"),
        Must::NoHostMounts => {
            let found = container.mounts.iter().find(|mount| mount.is_of_the_host());
            found.map(|mount| format!("mounts {} of the host", mount.source))
        }
        Must::NoEngineSocket => {
            let found = container.mounts.iter().find(|mount| mount.reaches_an_engine());
            found.map(|mount| format!("mounts {}, by which it controls the engine", mount.source))
        }
        Must::Restarts => {
            let policy = container.restart_policy.as_str();
            let restarts = matches!(policy, "always" | "unless-stopped" | "on-failure");
            (!restarts).then(|| format!("has the restart policy {policy}"))
        }
        Must::LoopbackPorts => {
            let found = container.ports.iter().find(|port| !port.is_loopback);
            found.map(|port| format!("publishes {} at {}:{}", port.container_port, port.address, port.port))
        }
        Must::LogLimit => {
            let kept = matches!(container.log_driver.as_str(), "json-file" | "");
            say(!kept || container.log_options.contains_key("max-size"), "has a log without max-size")
        }
        Must::LogRotation => {
            let kept = matches!(container.log_driver.as_str(), "json-file" | "");
            let option = |name: &str| container.log_options.get(name).map(|value| value.trim());
            let bounded =
                option("max-size").is_some_and(|size| size.starts_with(|c: char| c.is_ascii_digit() && c != '0'));
            let several = option("max-file").and_then(|files| files.parse::<u32>().ok()).is_some_and(|files| files > 1);
            let lacks = [(bounded, "without max-size"), (several, "in one file, by max-file")];
            let lack = lacks.into_iter().find(|(there, _)| !there).filter(|_| kept);
            lack.map(|(_, what)| format!("has a log {what}"))
        }
    }
}

/// Whose something is, if it is not its own.
fn shared(mode: &str) -> Option<&str> {
    match mode {
        "host" => Some("the host"),
        mode if mode.starts_with("container:") => Some("another container"),
        _ => None,
    }
}

fn own_namespaces(container: &Container) -> Option<String> {
    let modes =
        [("processes", &container.pid_mode), ("shared memory", &container.ipc_mode), ("users", &container.userns_mode)];
    modes.into_iter().find_map(|(name, mode)| shared(mode).map(|with| format!("has the {name} of {with}")))
}

pub(super) fn expected(must: Must) -> &'static str {
    match must {
        Must::MemoryLimit => "a limit of memory",
        Must::CpuLimit => "a limit of processor time",
        Must::PidsLimit => "a limit of processes",
        Must::ReadOnlyRoot => "a read-only root file system",
        Must::Unprivileged => "no privileges",
        Must::NoAddedCapabilities => "no added capabilities",
        Must::DropsAllCapabilities => "all capabilities dropped",
        Must::OwnNamespaces => "namespaces of its own",
        Must::OwnNetwork => "a network of its own",
        Must::NonRoot => "a user that is not root",
        Must::NoHostMounts => "no mount of the host's own files",
        Must::NoEngineSocket => "no mount of the engine's socket",
        Must::Restarts => "a restart policy",
        Must::LoopbackPorts => "ports on loopback only",
        Must::LogLimit => "a bounded log",
        Must::LogRotation => "a bounded log of several files",
    }
}

/// A network that one is on and should not be. One that uses the network of the host or of another container
/// is on none by name.
pub(super) fn network(only: &[String], container: &Container) -> Option<String> {
    if let Some(with) = shared(&container.network_mode) {
        return Some(format!("uses the network of {with}"));
    }
    let found = container.networks.iter().find(|name| !only.contains(name));
    found.map(|name| format!("is on the network {name}"))
}

/// A port that one publishes to others and should not.
pub(super) fn port(only: &[u16], container: &Container) -> Option<String> {
    // Whatever it opens there is open, and is not listed as published.
    if let Some(with) = shared(&container.network_mode) {
        return Some(format!("uses the network of {with}"));
    }
    let mut open = container.ports.iter().filter(|port| !port.is_loopback);
    let found = open.find(|port| !only.iter().any(|known| u32::from(*known) == port.port));
    found.map(|port| format!("publishes {} at {}:{}", port.container_port, port.address, port.port))
}

/// What is wrong with the mounts at one place: of one container, or between two.
pub(super) fn mounts(wanted: &OwnMount, all: &[Container]) -> Option<String> {
    let at = wanted.at.as_str();
    let mut sources: Vec<(&str, &Container)> = Vec::new();
    for container in all {
        let name = &container.name;
        let Some(mount) =
            container.mounts.iter().find(|mount| mount.destination.trim_end_matches('/') == at.trim_end_matches('/'))
        else {
            return Some(format!("{name} mounts nothing at {at}"));
        };
        if !mount.is_writable && !wanted.read_only {
            return Some(format!("{name} cannot write {at}"));
        }
        if let Some(below) = &wanted.below {
            let inside = mount.source.strip_prefix(below.trim_end_matches('/'));
            let is_below = inside.is_some_and(|rest| rest.len() > 1 && rest.starts_with('/') && !rest.contains("/.."));
            if !is_below {
                return Some(format!("{name} mounts {} at {at}, which is not below {below}", mount.source));
            }
        }
        let same = |own: &Container, other: &Container| {
            let value = |container: &Container| container.labels.get(wanted.one_per.as_ref()?).cloned();
            value(own).is_some_and(|value_of_own| Some(value_of_own) == value(other))
        };
        // One inside of the other is shared as well.
        let meets = |a: &str, b: &str| a == b || is_inside(a, b) || is_inside(b, a);
        let other = sources.iter().find(|(source, other)| meets(source, &mount.source) && !same(container, other));
        if let Some((source, other)) = other {
            return Some(format!("{} and {name} share {source} at {at}", other.name));
        }
        sources.push((&mount.source, container));
    }
    None
}

fn is_inside(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

/// What is wrong with a label that each must have for itself.
pub(super) fn one_per(label: &str, all: &[Container]) -> Option<String> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for container in all {
        let name = container.name.as_str();
        let Some(value) = container.labels.get(label).filter(|value| !value.is_empty()) else {
            return Some(format!("{name} has no label {label}"));
        };
        if let Some((_, other)) = seen.iter().find(|(known, _)| known == value) {
            return Some(format!("{other} and {name} both have {label}={value}"));
        }
        seen.push((value, name));
    }
    None
}

/// What is meant, as a sentence names it.
pub(super) fn meant(leg: &Containers) -> String {
    let mut text = String::new();
    if !leg.states.is_empty() {
        let states: Vec<&str> = leg.states.iter().map(|state| state.as_str()).collect();
        text.push_str(&format!(" that are {}", states.join(" or ")));
    }
    if let Some(name) = &leg.name {
        text.push_str(&format!(" named {name}"));
    }
    if !leg.labels.is_empty() {
        text.push_str(&format!(" with {}", leg.labels.join(", ")));
    }
    let of = [("project", &leg.project), ("service", &leg.service), ("image", &leg.image)];
    for (what, value) in of.iter().filter_map(|(what, value)| Some((what, value.as_ref()?))) {
        text.push_str(&format!(" of the {what} {value}"));
    }
    text
}
