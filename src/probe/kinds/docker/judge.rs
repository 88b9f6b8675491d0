//! What the facts mean. What is certainly wrong is told before what is unclear.

use super::container::Container;
use super::facts::Facts;
use super::parameters::{Containers, Health, Images, Networks, Nothing, Projects, Volumes};
use super::projects::{Project, Service};
use super::{Docker, conditions};
use crate::model::{Outcome, Proof, Reason, Verdict};

/// One that was restarted less than so long ago may end again, as in a loop of crashes.
const SETTLED_S: f64 = 10.0;
/// Names that a sentence lists.
const NAMED: usize = 4;

pub(super) fn judge(leg: &Docker, facts: &Facts) -> Verdict {
    let version = format!("{} with API {}", facts.engine.version, facts.engine.api_version);
    let mut proof = Proof::of("engine", "an answer", &version);
    let mut seen = Vec::new();
    let mut unclear = None;
    for found in all(leg, facts) {
        match found {
            Ok((name, expected, saw)) => {
                proof = proof.and(name, &expected, &saw);
                seen.push(format!("expected {expected}, saw {saw}"));
            }
            Err(verdict) if verdict.outcome() == Outcome::Fail => return verdict,
            Err(verdict) => {
                unclear.get_or_insert(verdict);
            }
        }
    }
    match unclear {
        Some(verdict) => verdict,
        None if seen.is_empty() => {
            Verdict::pass(proof, format!("expected an answer of the engine, saw version {version}"))
        }
        None => Verdict::pass(proof, seen.join("; ")),
    }
}

/// (name, expected, seen), or what is not as expected.
type Found = Result<(&'static str, String, String), Verdict>;

fn fail<T>(reason: Reason, sentence: String) -> Result<T, Verdict> {
    Err(Verdict::fail(reason, sentence))
}

fn unclear<T>(reason: Reason, sentence: String) -> Result<T, Verdict> {
    Err(Verdict::indeterminate(reason, sentence))
}

fn all(leg: &Docker, facts: &Facts) -> Vec<Found> {
    let mut all = Vec::new();
    if !facts.alive {
        let sentence = "expected the engine to answer OK, saw another answer".to_owned();
        all.push(fail(Reason::Protocol, sentence));
    }
    all.extend(leg.min_api.iter().map(|least| api(least, facts)));
    if let Some(daemon) = &facts.daemon {
        let warnings = match daemon.warnings.first() {
            Some(first) => format!("{} warnings, such as: {first}", daemon.warnings.len()),
            None => "no warnings".to_owned(),
        };
        let saw = format!("storage {}, swarm {}, {warnings}", daemon.storage_driver, daemon.swarm);
        all.push(Ok(("daemon", "the state of the engine".to_owned(), saw)));
    }
    all.extend(leg.containers.iter().map(|wanted| containers(wanted, facts)));
    all.extend(leg.images.iter().map(|wanted| images(wanted, facts)));
    all.extend(leg.networks.iter().map(|wanted| networks(wanted, facts)));
    all.extend(leg.volumes.iter().map(|wanted| volumes(wanted, facts)));
    all.extend(leg.projects.iter().flat_map(|wanted| facts.projects.iter().map(|project| compose(wanted, project))));
    if let Some(disk) = &facts.disk {
        let gigabytes = |bytes: f64| bytes / 1e9;
        let (total, free) = (gigabytes(disk.total_bytes), gigabytes(disk.reclaimable_bytes));
        let saw = format!("{total:.2} GB used, of which {free:.2} GB can be reclaimed");
        all.push(Ok(("disk", "the use of the disk".to_owned(), saw)));
    }
    all
}

/// Two numbers with a dot.
pub(super) fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn api(least: &str, facts: &Facts) -> Found {
    let (expected, saw) = (format!("an API of at least {least}"), facts.engine.api_version.clone());
    match (version(&saw), version(least)) {
        (Some(own), Some(least)) if own >= least => Ok(("api", expected, saw)),
        (Some(_), Some(_)) => fail(Reason::Assertion, format!("expected {expected}, saw {saw}")),
        _ => unclear(Reason::Protocol, format!("expected {expected}, saw a version that cannot be read: {saw}")),
    }
}

fn containers(leg: &Containers, facts: &Facts) -> Found {
    let meant = conditions::meant(leg);
    let whole = facts.container_count as usize;
    if let Some(name) = leg.names.iter().find(|name| facts.missing.contains(name)) {
        return fail(Reason::Missing, format!("expected a container {name}{meant}, saw none of that name"));
    }
    if whole == 0 && (leg.min > 0 || leg.none != Nothing::Fail) {
        let sentence = format!("expected containers{meant}, saw none");
        return match leg.none {
            Nothing::Fail => fail(Reason::Missing, sentence),
            Nothing::Unknown => unclear(Reason::NoData, sentence),
            Nothing::Pass => Ok(("containers", format!("whatever containers{meant} there are"), "none".to_owned())),
        };
    }
    if whole < leg.min as usize {
        return fail(Reason::Assertion, format!("expected at least {} containers{meant}, saw {whole}", leg.min));
    }
    let all = &facts.containers;
    let mut expected =
        vec![if whole == 1 { format!("a container{meant}") } else { format!("{whole} containers{meant}") }];
    let each = Each { leg, all };
    let mut doubt = each.lives(&mut expected)?;
    each.rules(&mut expected)?;
    if all.len() < whole {
        let sentence = format!("expected {whole} containers{meant}, saw {} of them only", all.len());
        doubt = doubt.and(unclear(Reason::TooLarge, sentence));
    }
    doubt?;
    Ok(("containers", expected.join(", with "), listed(all)))
}

struct Each<'a> {
    leg: &'a Containers,
    all: &'a [Container],
}

impl Each<'_> {
    /// Whether each runs and is healthy. The outer error is certain.
    fn lives(&self, expected: &mut [String]) -> Result<Result<(), Verdict>, Verdict> {
        let mut doubt = Ok(());
        if self.leg.running && self.leg.states.is_empty() {
            if let Some(container) = self.all.iter().find(|container| !container.is_running) {
                let (name, saw) = (&container.name, container.condition());
                return fail(Reason::Assertion, format!("expected the container {name} to run, saw it {saw}"));
            }
            if let Some(first) = expected.first_mut() {
                first.push_str(" to run");
            }
        }
        if self.leg.health == Health::Ignored {
            return Ok(doubt);
        }
        for container in self.all.iter().filter(|container| container.is_running) {
            let (name, streak) = (&container.name, container.failing_streak);
            match container.health.as_deref() {
                Some("healthy") => {}
                None if self.leg.health == Health::IfChecked => doubt = doubt.and(self.settled(container)),
                None => {
                    let sentence = format!("expected the container {name} to have a health check, saw none");
                    return fail(Reason::Missing, sentence);
                }
                Some("starting") => {
                    let since = container.started_age_s.unwrap_or_default();
                    let sentence = format!(
                        "expected the container {name} to be healthy, but its health check says starting, {since:.0} s after its start"
                    );
                    doubt = doubt.and(unclear(Reason::NoData, sentence));
                }
                Some(other) => {
                    let sentence = format!(
                        "expected the container {name} to be healthy, saw it {other} after {streak} failed checks in a row"
                    );
                    return fail(Reason::Assertion, sentence);
                }
            }
        }
        Ok(doubt)
    }

    /// One without a health check that was just restarted is no proof that it stays.
    fn settled(&self, container: &Container) -> Result<(), Verdict> {
        let since = container.started_age_s.unwrap_or_default();
        if !self.leg.running || container.restart_count == 0 || since >= SETTLED_S {
            return Ok(());
        }
        let (name, times) = (&container.name, container.restart_count);
        let sentence = format!(
            "expected the container {name} to run, but it was restarted for the {times}. time only {since:.0} s ago"
        );
        unclear(Reason::NoData, sentence)
    }

    /// Each is free of what `broken` tells of one that is not as wanted.
    fn none(&self, wanted: &str, broken: impl Fn(&Container) -> Option<String>) -> Result<(), Verdict> {
        let mut broken = self.all.iter().filter_map(|one| Some((&one.name, broken(one)?)));
        let Some((name, clause)) = broken.next() else { return Ok(()) };
        let more = match broken.count() {
            0 => String::new(),
            count => format!(" ({count} more too)"),
        };
        fail(Reason::Assertion, format!("expected containers with {wanted}, but {name} {clause}{more}"))
    }

    fn rules(&self, expected: &mut Vec<String>) -> Result<(), Verdict> {
        for must in &self.leg.must {
            let wanted = conditions::expected(*must);
            self.none(wanted, |one| conditions::broken(*must, one))?;
            expected.push(wanted.to_owned());
        }
        if let Some(only) = &self.leg.only_networks {
            let wanted = format!("no network but {}", only.join(", "));
            self.none(&wanted, |one| conditions::network(only, one))?;
            expected.push(wanted);
        }
        if let Some(only) = &self.leg.only_ports {
            let ports: Vec<String> = only.iter().map(u16::to_string).collect();
            let wanted = format!("no port open to others but {}", ports.join(", "));
            self.none(&wanted, |one| conditions::port(only, one))?;
            expected.push(wanted);
        }
        if let Some(mount) = &self.leg.mount {
            let wanted = format!("something of its own at {}", mount.at);
            if let Some(clause) = conditions::mounts(mount, self.all) {
                return fail(Reason::Assertion, format!("expected containers with {wanted}, but {clause}"));
            }
            expected.push(wanted);
        }
        if let Some(label) = &self.leg.one_per {
            let wanted = format!("a {label} of its own");
            if let Some(clause) = conditions::one_per(label, self.all) {
                return fail(Reason::Assertion, format!("expected containers with {wanted}, but {clause}"));
            }
            expected.push(wanted);
        }
        if self.leg.usage {
            let silent = self.all.iter().find(|one| one.is_running && one.memory_used_bytes.is_none());
            if let Some(Container { name, .. }) = silent {
                let sentence = format!("expected containers that say how much memory they use, but {name} does not");
                return unclear(Reason::NoData, sentence);
            }
            expected.push("their use of memory".to_owned());
        }
        Ok(())
    }
}

fn listed(all: &[Container]) -> String {
    let mut text: Vec<String> = all.iter().take(NAMED).map(|one| format!("{} {}", one.name, one.condition())).collect();
    if all.len() > NAMED {
        text.push(format!("{} more", all.len() - NAMED));
    }
    text.join(", ")
}

fn images(leg: &Images, facts: &Facts) -> Found {
    for image in &facts.images {
        let reference = &image.reference;
        if !image.is_present {
            return fail(Reason::Missing, format!("expected the image {reference}, saw none of that name"));
        }
        if leg.non_root && image.is_root {
            let user = if image.user.is_empty() { "no user at all" } else { &image.user };
            let sentence = format!("expected the image {reference} to run as a user that is not root, saw {user}");
            return fail(Reason::Assertion, sentence);
        }
        if leg.digest && image.digests.is_empty() {
            let sentence = format!("expected a digest of the image {reference}, saw none: no registry knows it");
            return fail(Reason::Missing, sentence);
        }
        let (own, engine) = ((&image.os, &image.arch), (&facts.engine.os, &facts.engine.arch));
        if leg.platform && own != engine {
            let sentence = format!(
                "expected the image {reference} to be made for {}/{}, saw {}/{}",
                engine.0, engine.1, own.0, own.1
            );
            return fail(Reason::Assertion, sentence);
        }
    }
    let mut named: Vec<String> = facts.images.iter().map(|image| image.reference.clone()).take(NAMED).collect();
    if facts.images.len() > NAMED {
        named.push(format!("{} more", facts.images.len() - NAMED));
    }
    Ok(("images", format!("the images {}", named.join(", ")), "all of them".to_owned()))
}

fn networks(leg: &Networks, facts: &Facts) -> Found {
    for network in &facts.networks {
        let name = &network.name;
        if !network.is_present {
            return fail(Reason::Missing, format!("expected the network {name}, saw none of that name"));
        }
        if let Some(label) = network.lacks_labels.first() {
            return fail(
                Reason::Assertion,
                format!("expected the network {name} to have the label {label}, saw it lack it"),
            );
        }
        if let Some(driver) = leg.driver.as_ref().filter(|driver| **driver != network.driver) {
            let sentence = format!("expected the network {name} to be of the driver {driver}, saw {}", network.driver);
            return fail(Reason::Assertion, sentence);
        }
        if leg.internal && !network.is_internal {
            return fail(Reason::Assertion, format!("expected the network {name} to be internal, saw that it is not"));
        }
    }
    let saw = facts
        .networks
        .iter()
        .take(NAMED)
        .map(|one| format!("{} ({}, {} containers)", one.name, one.driver, one.container_count));
    Ok(("networks", format!("the networks {}", leg.names.join(", ")), saw.collect::<Vec<_>>().join(", ")))
}

fn volumes(leg: &Volumes, facts: &Facts) -> Found {
    if let Some(name) = leg.names.iter().find(|name| facts.missing.contains(name)) {
        return fail(Reason::Missing, format!("expected a volume {name}, saw none of that name"));
    }
    let count = facts.volume_count;
    if count < leg.min {
        return fail(Reason::Missing, format!("expected at least {} volumes, saw {count}", leg.min));
    }
    Ok((
        "volumes",
        format!("at least {} volumes", leg.min.max(super::facts::count(leg.names.len()))),
        count.to_string(),
    ))
}

fn compose(leg: &Projects, project: &Project) -> Found {
    let name = &project.name;
    if project.services.is_empty() {
        return fail(Reason::Missing, format!("expected containers of the project {name}, saw none"));
    }
    let of = |service: &String| project.services.iter().find(|one| one.service == *service);
    if let Some(service) = leg.services.iter().chain(&leg.completed).find(|service| of(service).is_none()) {
        return fail(
            Reason::Missing,
            format!("expected the service {service} in the project {name}, saw none of that name"),
        );
    }
    let mut doubt = Ok(());
    for service in &project.services {
        let Service { service: own, expected, running, completed, starting, trouble, .. } = service;
        if leg.completed.contains(own) {
            if completed == expected {
                continue;
            }
            let sentence = format!("expected the service {own} of {name} to have ended well, saw {trouble}");
            return if *running > 0 { unclear(Reason::NoData, sentence) } else { fail(Reason::Assertion, sentence) };
        }
        if running < expected {
            let sentence = format!(
                "expected {expected} containers of the service {own} of {name} to run, saw {running}: {trouble}"
            );
            return fail(Reason::Assertion, sentence);
        }
        if service.unhealthy > 0 {
            return fail(
                Reason::Assertion,
                format!("expected the service {own} of {name} to be healthy, saw {trouble}"),
            );
        }
        if *starting > 0 {
            doubt = doubt.and(unclear(
                Reason::NoData,
                format!("expected the service {own} of {name} to be healthy, saw {trouble}"),
            ));
        }
    }
    if project.is_cut {
        doubt =
            doubt.and(unclear(Reason::TooLarge, format!("the project {name} has more containers than are looked at")));
    }
    doubt?;
    let sum = |of: fn(&Service) -> u32| project.services.iter().map(of).sum::<u32>();
    let (running, healthy) = (sum(|one| one.running), sum(|one| one.healthy));
    let (services, unchecked) = (project.services.len(), sum(|one| one.unchecked));
    let saw = format!(
        "{running} containers of {services} services run, {healthy} healthy, {unchecked} without a health check"
    );
    Ok(("project", format!("the project {name} to run"), saw))
}
