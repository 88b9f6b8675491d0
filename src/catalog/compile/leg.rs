//! One leg: a kind with its parameters, and the common keys beside it.

use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;

use super::check::COMMON;
use super::deployment::Lookup;
use super::digest::Digester;
use super::item::ItemCx;
use super::kinds::{Kind, RECORDS};
use super::params::hinted;
use super::substitute::substitute;
use super::{expressions, grants, parameters};
use crate::catalog::syntax::{Data, Entry, Node, Place};
use crate::catalog::wire::{boolean, duration, name, text};
use crate::diag::{Code, Diagnostic};
use crate::expect::Conditions;
use crate::model::{Check, Digest, Leg, LegIndex, Reason, Remembered, Span, Target};
use crate::probe::{LegProbe, MoreTargets, Parsed};

/// `node` is the whole leg, `entry` its kind.
pub(super) fn compile(node: &Node, entry: &Entry, cx: &mut ItemCx<'_, '_>) -> Check {
    let shared = cx.shared;
    let sink = shared.sink;
    let Some(kind) = shared.kinds.find(&entry.key) else { return Check::NotApplicable };
    let mut unset = Vec::new();
    let node = substitute(node, cx.checklist.parameters, &["when", "expect", "measure"], &mut unset, sink);
    let Some(entry) = node.get(&entry.key) else { return Check::NotApplicable };

    let leg_name = leg_name(&node, kind, entry.key_at, cx);
    let timeout = node.get("timeout").filter(|_| unset.is_empty()).and_then(|timeout| {
        Some((duration(&timeout.value, crate::catalog::wire::LEAST_TIMEOUT, sink)?, timeout.value.at))
    });
    cx.timeouts.push((leg_name.clone(), timeout.unwrap_or((cx.timeout, entry.key_at))));
    let timeout = timeout.map_or(cx.timeout, |(timeout, _)| timeout);
    let enabled =
        node.get("enabled").filter(|_| unset.is_empty()).and_then(|e| boolean(&e.value, sink)).unwrap_or(false);
    let applies = node.get("when").is_none_or(|when| expressions::applies(&when.value, cx));
    let conditions = expressions::conditions(&node, kind, cx);
    digest(&node, cx);
    let definition = Digester::default().text(&entry.key).node(&entry.value).finish();
    cx.definitions.insert(Arc::clone(&leg_name), definition);
    cx.add_kind(kind.descriptor.name);

    let records = (kind.descriptor.name == "attestation").then(|| cx.records(entry));
    let parsed = parameters::parse(kind, entry, &unset, records, shared);
    shared.grants.borrow_mut().extend(match &parsed {
        Some(parsed) => grants::of(parsed),
        None => grants::of_unset(kind, entry),
    });
    if !unset.is_empty() {
        unset.sort();
        unset.dedup();
        return cx.unconfigured(unset.iter().map(|name| cx.unset_parameter(name)).collect(), applies);
    }
    let (Some(parsed), Some(conditions)) = (parsed, conditions) else { return Check::NotApplicable };
    let mut problems = Vec::new();
    let target = parsed.target.as_ref().and_then(|name| resolve(name, entry, cx, &mut problems));
    let more_targets = more_targets(&parsed, entry, cx, &mut problems);
    for credential in &parsed.credentials {
        if !shared.deployment.credential(credential) {
            problems.push(format!(
                "credential `{credential}` is not configured: set `credentials: {{ {credential}: {{ file: … }} }}`"
            ));
        }
    }
    for leg in parsed.legs.iter().filter(|leg| !cx.leg_names.contains_key(*leg)) {
        let found = Diagnostic::error(Code::LEG_NAME, entry.key_at, format!("no check before it is named `{leg}`"));
        shared.sink.push(found.help("give the other check a `name`, and write this one after it"));
    }
    if applies {
        owned_once(&parsed, entry, cx);
    }
    let remembers = remembers(&parsed, entry, cx);
    if !problems.is_empty() {
        return cx.unconfigured(problems, applies);
    }
    if !applies {
        return Check::NotApplicable;
    }
    add(parsed, leg_name, kind, timeout, target, more_targets, conditions, enabled, remembers, cx)
}

/// Of what it remembers what it has seen: what it looks for, and where. Not the address of a target: a
/// system that has moved is the same one.
fn remembers(parsed: &Parsed, entry: &Entry, cx: &mut ItemCx<'_, '_>) -> Option<Digest> {
    let (leg, what) = parsed.remembers.as_ref()?;
    let definition = cx.definitions.get(leg.as_str()).copied().unwrap_or_default();
    let digest = Digester::default().number(definition.0).text(what).finish();
    cx.remembering += 1;
    // The rest is for what they were before.
    let most = Remembered::MOST / 2;
    if cx.remembering > most {
        let message = format!("more than {most} checks of the item remember what they have seen");
        let found = Diagnostic::error(Code::FINDING, entry.key_at, message);
        cx.shared.sink.push(found.help("make items of their own for some of them"));
    }
    Some(digest)
}

/// Two checks that keep what they leave behind under one name would clean up each other's work.
fn owned_once(parsed: &Parsed, entry: &Entry, cx: &ItemCx<'_, '_>) {
    let mut owners = cx.shared.owners.borrow_mut();
    for (field, owner) in &parsed.owns {
        let at = parameters::locate(entry, field).0;
        match owners.entry(owner.clone()) {
            Slot::Vacant(free) => {
                free.insert(at);
            }
            Slot::Occupied(taken) => {
                let name = owner.rsplit('.').next().unwrap_or_default();
                let message = format!("two checks keep what they leave behind under the name `{name}`");
                let found = Diagnostic::error(Code::OWNER, at, message).here("again here");
                let help = "each would clean up what the other has made: give each a name of its own";
                cx.shared.sink.push(found.also(*taken.get(), "first here").help(help));
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the last step only puts together what the others found")]
fn add(
    parsed: Parsed,
    name: Arc<str>,
    kind: &Kind,
    timeout: Span,
    target: Option<Arc<Target>>,
    more_targets: Option<Arc<MoreTargets>>,
    conditions: Arc<Conditions>,
    enabled: bool,
    remembers: Option<Digest>,
    cx: &mut ItemCx<'_, '_>,
) -> Check {
    let shared = cx.shared;
    let mut probes = shared.legs.borrow_mut();
    let index = LegIndex(u32::try_from(probes.len()).unwrap_or(u32::MAX));
    let bulkhead = target.as_ref().map_or_else(|| shared.words.share(&parsed.address), |target| target.name.clone());
    // Most items have one leg, and room for more of them would stay.
    cx.legs.reserve_exact(1);
    cx.legs.push(Leg {
        index,
        name,
        kind: kind.descriptor.name,
        class: kind.descriptor.class,
        access: parsed.access,
        timeout,
        expects: conditions.sources().map(Into::into).collect(),
        target: bulkhead,
    });
    let after = parsed.legs.iter().map(|leg| shared.words.share(leg)).collect();
    probes.push(LegProbe { probe: parsed.probe, target, more_targets, conditions, enabled, after, remembers });
    Check::Leg(cx.legs.len() - 1)
}

/// The target of this name. What is missing of it is added to `problems`.
fn resolve(name: &str, entry: &Entry, cx: &mut ItemCx<'_, '_>, problems: &mut Vec<String>) -> Option<Arc<Target>> {
    let (shared, checklist) = (cx.shared, cx.checklist.def);
    match shared.deployment.target(checklist, name) {
        Lookup::Found(target) => {
            cx.digest.text(&format!("{:?} {:?} {:?}", target.address, target.credential, target.tls));
            if let Some(credential) = &target.credential {
                shared.deployment.credential(credential);
            }
            return Some(target);
        }
        Lookup::Unconfigured => {
            problems.push(if shared.deployment.builtins().any(|builtin| builtin == name) {
                format!("target `{name}` has no address here: run the daemon, or set `targets: {{ {name}: … }}`")
            } else {
                format!("target `{name}` is not configured: set `targets: {{ {}.{name}: … }}`", checklist.id.value)
            });
        }
        Lookup::Undeclared => {
            let at = named_at(&entry.value, name).unwrap_or(entry.key_at);
            let message = format!("the checklist `{}` declares no target `{name}`", checklist.id.value);
            let known = || checklist.targets.iter().map(|t| t.value.as_str()).chain(shared.deployment.builtins());
            let found = Diagnostic::error(Code::UNKNOWN_TARGET, at, message);
            let declare = || format!("declare it: `targets: {{ {name}: \"what it is\" }}` in the checklist");
            let hint = shared.sink.hint(name, known()).unwrap_or_else(declare);
            shared.sink.push(hinted(found, Some(hint)));
            problems.push(String::new());
        }
    }
    None
}

/// Targets of steps.
fn more_targets(
    parsed: &Parsed,
    entry: &Entry,
    cx: &mut ItemCx<'_, '_>,
    problems: &mut Vec<String>,
) -> Option<Arc<MoreTargets>> {
    let mut found = MoreTargets::new();
    for name in &parsed.more_targets {
        cx.digest.text(name);
        found.extend(resolve(name, entry, cx, problems).map(|target| (name.as_str().into(), target)));
    }
    (!found.is_empty()).then(|| Arc::new(found))
}

/// Where `target: name` stands.
fn named_at(node: &Node, name: &str) -> Option<Place> {
    match &node.data {
        Data::List(nodes) => nodes.iter().find_map(|node| named_at(node, name)),
        Data::Map(entries) => entries.iter().find_map(|entry| match &entry.value.data {
            Data::Text(text) if &*entry.key == "target" && **text == *name => Some(entry.value.at),
            _ => named_at(&entry.value, name),
        }),
        _ => None,
    }
}

/// The `name` beside a check, unique within the item.
pub(super) fn given_name(node: &Node, cx: &mut ItemCx<'_, '_>) -> Option<String> {
    let sink = cx.shared.sink;
    let given = text(&node.get("name")?.value, sink)?;
    name(&given.value, true, given.at, sink);
    if let Some(first) = cx.leg_names.insert(given.value.clone(), given.at) {
        let message = format!("two checks of the item are named `{}`", given.value);
        let found = Diagnostic::error(Code::LEG_NAME, given.at, message);
        sink.push(found.here("again here").also(first, "first here").help("give each a name of its own"));
    }
    Some(given.value)
}

fn leg_name(node: &Node, kind: &Kind, at: Place, cx: &mut ItemCx<'_, '_>) -> Arc<str> {
    if let Some(given) = given_name(node, cx) {
        return cx.shared.words.share(&given);
    }
    let base = kind.descriptor.name;
    let count = cx.unnamed.entry(base).or_insert(0);
    loop {
        *count += 1;
        let candidate = if *count == 1 { base.to_owned() } else { format!("{base}-{count}") };
        if !cx.leg_names.contains_key(&candidate) {
            cx.leg_names.insert(candidate.clone(), at);
            return cx.shared.words.share(&candidate);
        }
    }
}

/// All of the leg but its name and its timeout, which do not change what a pass means.
fn digest(node: &Node, cx: &mut ItemCx<'_, '_>) {
    let mut entries: Vec<&Entry> = node.entries().unwrap_or_default().iter().collect();
    entries.retain(|entry| !matches!(&*entry.key, "name" | "timeout"));
    entries.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    for entry in entries {
        cx.digest.text(&entry.key).node(&entry.value);
        if COMMON.contains(&&*entry.key) {
            expressions::digest_parameters(&entry.value, cx);
        }
    }
}

impl ItemCx<'_, '_> {
    fn unset_parameter(&self, name: &str) -> String {
        format!(
            "parameter `{name}` is not set: set `parameters: {{ {}: {{ {name}: … }} }}`",
            self.checklist.def.id.value
        )
    }

    fn unconfigured(&mut self, problems: Vec<String>, applies: bool) -> Check {
        if !applies {
            return Check::NotApplicable;
        }
        let sentence = problems.join("; ");
        self.digest.text("unconfigured").text(&sentence);
        Check::Undecided { reason: Reason::Unconfigured, sentence: sentence.into() }
    }

    /// The attestations of this item, or of the one that `of` names, as the kind `attestation` reads them.
    fn records(&mut self, entry: &Entry) -> serde_json::Value {
        let (shared, checklist) = (self.shared, &self.checklist.def.id.value);
        let other = entry.value.get("of").and_then(|of| Some((of.value.text()?, of.value.at)));
        let other = other.and_then(|(name, at)| shared.names.resolve(name, Some(checklist), at, shared.sink));
        let other = other.and_then(|slot| shared.names.items.get(slot.index())).map(|item| &item.id);
        let records = shared.attestations.get(other.unwrap_or(&self.id)).cloned().unwrap_or_default();
        let records = serde_json::Value::Array(records);
        self.digest.text(RECORDS).text(&records.to_string());
        self.attested = true;
        records
    }
}
