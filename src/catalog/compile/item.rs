//! An item: its check, its policy, its schedule and its digests.

use std::collections::HashMap;
use std::sync::Arc;

use super::digest::Digester;
use super::params::Parameters;
use super::substitute::substitute;
use super::{Shared, check, expressions};
use crate::catalog::syntax::Place;
use crate::catalog::wire::{ChecklistDef, ItemDef, Located};
use crate::diag::{Code, Diagnostic};
use crate::model::{
    Access, Applicability, CREDENTIAL_PERIOD, Check, Coverage, Digest, Digests, FlapPolicy, Hysteresis, Item, ItemId,
    Leg, Mode, Policy, Reason, Schedule, Slot, Source, Span,
};

const DEFAULT_INTERVAL: Span = Span::from_secs(60);
const DEFAULT_TIMEOUT: Span = Span::from_secs(10);

/// The checklist an item belongs to.
#[derive(Clone, Copy)]
pub(super) struct ChecklistCx<'a> {
    pub(super) def: &'a ChecklistDef<'a>,
    pub(super) parameters: &'a Parameters,
}

/// What compiling a check needs to know and what it leaves behind.
pub(super) struct ItemCx<'a, 's> {
    pub(super) shared: &'a Shared<'s>,
    pub(super) checklist: ChecklistCx<'a>,
    pub(super) id: ItemId,
    /// Of legs that have none of their own.
    pub(super) timeout: Span,
    pub(super) digest: Digester,
    pub(super) legs: Vec<Leg>,
    pub(super) leg_names: HashMap<String, Place>,
    pub(super) unnamed: HashMap<&'static str, u32>,
    /// By name of a leg, what is written under its kind.
    pub(super) definitions: HashMap<Arc<str>, Digest>,
    /// Legs that remember what they have seen.
    pub(super) remembering: usize,
    /// Of every leg, configured or not: its name, its timeout, and the place of that.
    pub(super) timeouts: Vec<(Arc<str>, (Span, Place))>,
    /// Of the references that apply.
    pub(super) references: Vec<Slot>,
    /// Whether the check names other items, whether they apply or not.
    pub(super) refers: bool,
    pub(super) unmapped: bool,
    pub(super) attested: bool,
    kinds: Vec<&'static str>,
}

/// What the rules need to know of an item beside the compiled one.
pub(crate) struct ItemFacts {
    pub(crate) at: Place,
    pub(crate) mode: Located<Mode>,
    pub(crate) kinds: Vec<&'static str>,
    pub(crate) refers: bool,
    pub(crate) interval_at: Place,
    /// Of every leg, configured or not: its name, its timeout, and the place of that.
    pub(crate) timeouts: Vec<(Arc<str>, (Span, Place))>,
    pub(crate) aliases: Vec<Located<String>>,
}

/// An item that compiled, and what it names.
pub(super) struct Compiled {
    pub(super) item: Item,
    pub(super) references: Vec<Slot>,
    pub(super) facts: ItemFacts,
}

impl ItemCx<'_, '_> {
    pub(super) fn add_kind(&mut self, kind: &'static str) {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }

    /// Reports parameters without a value where an item cannot be loaded without one.
    pub(super) fn needs(&self, unset: &[String], at: Place) {
        for name in unset {
            let message = format!("the parameter `{name}` has no value, and the item cannot be loaded without it");
            let help = format!(
                "set `parameters: {{ {}: {{ {name}: … }} }}`, or give it a default",
                self.checklist.def.id.value
            );
            self.shared.sink.push(Diagnostic::error(Code::PARAMETER_UNSET, at, message).help(help));
        }
    }
}

/// Compiles the item in `slot`; `None` if it is not even a mapping.
pub(super) fn compile(slot: Slot, shared: &Shared<'_>) -> Option<Compiled> {
    let named = shared.names.items.get(slot.index())?;
    let checklist = ChecklistCx {
        def: shared.checklists.get(named.checklist)?,
        parameters: shared.parameters.get(named.checklist)?,
    };
    let (sink, at) = (shared.sink, named.entry.key_at);
    let mut unset = Vec::new();
    let node = substitute(&named.entry.value, checklist.parameters, &["check", "when"], &mut unset, sink);
    let def = ItemDef::read(&node, at, sink)?;
    let defaults = &checklist.def.defaults;
    let interval = def.interval.as_ref().map(|i| i.value).or(defaults.interval).unwrap_or(DEFAULT_INTERVAL);
    // A short interval that says nothing about a timeout means a short timeout.
    let timeout = def.timeout.or(defaults.timeout).unwrap_or_else(|| DEFAULT_TIMEOUT.min(interval));
    let mut cx = ItemCx {
        shared,
        checklist,
        id: named.id.clone(),
        timeout,
        digest: Digester::default(),
        legs: Vec::new(),
        leg_names: HashMap::new(),
        unnamed: HashMap::new(),
        definitions: HashMap::new(),
        remembering: 0,
        timeouts: Vec::new(),
        references: Vec::new(),
        refers: false,
        unmapped: def.check.is_none(),
        attested: false,
        kinds: Vec::new(),
    };
    cx.needs(&unset, at);
    let applicability = match def.when {
        Some(node) if !expressions::applies(node, &cx) => {
            Applicability::NotApplicable(node.text().unwrap_or("false").into())
        }
        _ => Applicability::Applicable,
    };
    let check = match def.check {
        Some(node) => check::compile(node, &mut cx),
        None => Check::Undecided { reason: Reason::Unmapped, sentence: "no check is defined for this item".into() },
    };
    let resolve =
        |name: &Located<String>| shared.names.resolve(&name.value, Some(&checklist.def.id.value), name.at, sink);
    let depends_on: Box<[Slot]> = def.depends_on.iter().filter_map(resolve).collect();
    // An item that tries credentials runs once an hour at most, so its evidence must last as long.
    let tries = cx.legs.iter().any(|leg| leg.access == Access::Authenticates);
    let interval = if tries { interval.max(CREDENTIAL_PERIOD) } else { interval };
    let mut schedule = Schedule::every(interval);
    if let Some(retry) = def.retry {
        schedule.retry = retry.min(interval);
    }
    if tries {
        schedule.retry = schedule.retry.max(CREDENTIAL_PERIOD);
    }
    let policy = policy(&def, &cx, interval);
    let coverage = if cx.unmapped { Coverage::Unmapped } else { coverage(def.mode.value) };
    let source = def.line.zip(checklist.def.source_file.as_ref()).map(|(line, file)| {
        let url = checklist.def.source_url.as_deref().map(|url| shared.words.share(url));
        Box::new(Source { file: shared.words.share(file), line, url })
    });
    let alias = |alias: &Located<String>| {
        ItemId::parse(&alias.value).unwrap_or_else(|| ItemId::new(&checklist.def.id.value, &alias.value))
    };
    let mut item = Item {
        id: named.id.clone(),
        aliases: def.aliases.iter().map(alias).collect(),
        section: named.section.clone(),
        title: def.title.as_str().into(),
        priority: def.priority,
        mode: def.mode.value,
        coverage,
        claim: def.claim,
        probe: shared.words.share(&label(&cx)),
        team: shared.words.share(def.team.as_deref().unwrap_or(&defaults.team)),
        runbook_url: shared.words.share(def.runbook_url.as_deref().unwrap_or(&defaults.runbook_url)),
        source,
        check,
        legs: std::mem::take(&mut cx.legs).into(),
        policy,
        schedule,
        depends_on,
        applicability,
        digests: Digests::default(),
    };
    item.digests = digests(&item, &cx);
    cx.kinds.shrink_to_fit();
    cx.timeouts.shrink_to_fit();
    let facts = ItemFacts {
        at,
        interval_at: def.interval.map_or(at, |interval| interval.at),
        mode: def.mode,
        kinds: cx.kinds,
        refers: cx.refers,
        timeouts: cx.timeouts,
        aliases: def.aliases,
    };
    Some(Compiled { item, references: cx.references, facts })
}

fn coverage(mode: Mode) -> Coverage {
    match mode {
        Mode::Auto => Coverage::Auto,
        Mode::Derived => Coverage::Derived,
        Mode::Artifact => Coverage::Artifact,
        Mode::Attested => Coverage::Attested,
    }
}

/// The `probe` label: it names what was written, configured or not, so that series do not change
/// their identity when a target is configured.
fn label(cx: &ItemCx<'_, '_>) -> String {
    match (cx.kinds.as_slice(), cx.refers) {
        ([], false) => "unmapped".to_owned(),
        ([], _) => "composite".to_owned(),
        (kinds, _) => kinds.join("+"),
    }
}

fn policy(def: &ItemDef<'_>, cx: &ItemCx<'_, '_>, interval: Span) -> Policy {
    let immediate = matches!(def.mode.value, Mode::Artifact | Mode::Attested) || cx.kinds.is_empty();
    let defaults = if immediate { Hysteresis::IMMEDIATE } else { Hysteresis::default() };
    let [fail, recover, unknown] = def.hysteresis;
    let timeout = cx.timeouts.iter().map(|(_, (timeout, _))| *timeout).max().unwrap_or(cx.timeout);
    let tries = cx.legs.iter().any(|leg| leg.access == Access::Authenticates);
    let least = if tries { CREDENTIAL_PERIOD.times(2) + timeout } else { Span::ZERO };
    Policy {
        hysteresis: Hysteresis {
            fail_after: fail.unwrap_or(defaults.fail_after),
            recover_after: recover.unwrap_or(defaults.recover_after),
            unknown_after: unknown.unwrap_or(defaults.unknown_after),
        },
        flap: FlapPolicy::default(),
        fresh_for: def.fresh_for.map_or(interval.times(2) + timeout, |given| given.max(least)),
        ready_hold: def.ready_hold.unwrap_or(Span::ZERO),
    }
}

fn digests(item: &Item, cx: &ItemCx<'_, '_>) -> Digests {
    let mut policy = Digester::default();
    policy.text(&format!("{:?} {:?}", item.policy, item.applicability));
    for slot in &item.depends_on {
        // Slots change from load to load, ids do not.
        policy.text(cx.shared.names.items.get(slot.index()).map_or("", |item| item.id.as_str()));
    }
    let mut schedule = Digester::default();
    schedule.number(item.schedule.interval.0).number(item.schedule.retry.0);
    for leg in &item.legs {
        schedule.number(leg.timeout.0);
    }
    let mut meta = Digester::default();
    for text in [&*item.title, &*item.team, &*item.runbook_url, &*item.probe] {
        meta.text(text);
    }
    let rest = (&item.section, item.priority, item.mode, item.coverage, item.claim, &item.source, &item.aliases);
    meta.text(&format!("{rest:?}"));
    for leg in &item.legs {
        meta.text(&leg.name);
    }
    Digests { probe: cx.digest.finish(), policy: policy.finish(), schedule: schedule.finish(), meta: meta.finish() }
}
