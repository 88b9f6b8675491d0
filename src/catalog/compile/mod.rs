//! From what the files say to a plan and its probes.

mod check;
mod deployment;
mod digest;
mod expressions;
mod gates;
mod grants;
mod item;
mod kinds;
mod leg;
mod names;
mod parameters;
mod params;
mod records;
mod substitute;
mod words;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::Value;

pub(super) use deployment::Deployment;
pub(super) use item::ItemFacts;
pub(super) use kinds::Kinds;
pub(super) use names::Names;

use self::params::Parameters;
use self::words::Words;
use super::Builtins;
use super::sink::Sink;
use super::syntax::Place;
use super::wire::{ChecklistDef, Root};
use crate::core::Graph;
use crate::diag::SourceMap;
use crate::expect::Conditions;
use crate::model::{Checklist, ChecklistId, Item, ItemId, Plan, Section, SectionPath, Slot};
use crate::probe::{Credentials, Grant, LegProbe};

/// What every item needs to see.
pub(super) struct Shared<'a> {
    sink: &'a Sink,
    sources: &'a SourceMap,
    kinds: &'a Kinds,
    deployment: &'a Deployment,
    names: &'a Names<'a>,
    checklists: &'a [ChecklistDef<'a>],
    parameters: &'a [Parameters],
    attestations: HashMap<ItemId, Vec<Value>>,
    legs: RefCell<Vec<LegProbe>>,
    grants: RefCell<BTreeSet<Grant>>,
    words: Words,
    /// Names under which left-overs are kept, and where each is written.
    owners: RefCell<HashMap<String, Place>>,
    /// By checklist, kind and source: a compiled expression is many times its text.
    conditions: RefCell<HashMap<String, Arc<Conditions>>>,
}

/// What compiled, complete only if the sink has no error, and what the rules look at.
pub(super) struct Output<'a> {
    pub(super) plan: Plan,
    pub(super) legs: Vec<LegProbe>,
    /// Also of legs that are not configured here, by what they do to their target.
    pub(super) grants: BTreeSet<Grant>,
    pub(super) credentials: Credentials,
    pub(super) deployment: Deployment,
    pub(super) names: Names<'a>,
    /// By slot; absent if the item did not compile.
    pub(super) items: Vec<Option<ItemFacts>>,
    /// Items that depend on each other in a circle.
    pub(super) cycles: Vec<Vec<Slot>>,
}

pub(super) fn compile<'a>(
    root: &'a Root<'a>,
    sources: &SourceMap,
    kinds: &Kinds,
    builtins: &Builtins,
    sink: &Sink,
) -> Output<'a> {
    let names = Names::collect(&root.checklists, sink);
    let parameters = params::effective(&root.checklists, &root.overrides, sink);
    let deployment = Deployment::collect(root, builtins, sink);
    let waivers = records::waivers(&root.waivers, &names, sink);
    let attestations = records::attestations(&root.attestations, &names, sink);
    let shared = Shared {
        sink,
        sources,
        kinds,
        deployment: &deployment,
        names: &names,
        checklists: &root.checklists,
        parameters: &parameters,
        attestations: records::by_item(&attestations),
        legs: RefCell::default(),
        grants: RefCell::default(),
        words: Words::default(),
        owners: RefCell::default(),
        conditions: RefCell::default(),
    };
    let count = names.items.len();
    let (mut compiled, mut inputs, mut facts) =
        (Vec::with_capacity(count), Vec::with_capacity(count), Vec::with_capacity(count));
    for slot in (0u32..).map(Slot).take(count) {
        let (item, references, fact) = match item::compile(slot, &shared) {
            Some(done) => (Some(Arc::new(done.item)), done.references, Some(done.facts)),
            None => (None, Vec::new(), None),
        };
        let depends_on = item.as_ref().map_or(&[][..], |item| &item.depends_on);
        inputs.push([depends_on, &references].concat());
        compiled.push(item);
        facts.push(fact);
    }
    let views: Vec<Option<&Item>> = compiled.iter().map(Option::as_deref).collect();
    let checklists =
        root.checklists.iter().enumerate().map(|(index, def)| checklist(index, def, &views, &shared)).collect();
    let cycles = Graph::of(&inputs).cycles;
    let items = compiled.into_iter().flatten().collect();
    let mut legs = shared.legs.take();
    legs.shrink_to_fit();

    let grants = shared.grants.take();
    let plan = Plan { generation: 0, checklists, items, slots: names.slots.clone(), waivers, attestations };
    let credentials = Credentials::new(deployment.credentials.clone());
    Output { plan, legs, grants, credentials, deployment, names, items: facts, cycles }
}

fn checklist(index: usize, def: &ChecklistDef<'_>, items: &[Option<&Item>], shared: &Shared<'_>) -> Checklist {
    let section = |section: &super::wire::SectionDef| Section {
        path: SectionPath::new(&section.path),
        title: section.title.as_str().into(),
    };
    Checklist {
        id: ChecklistId::new(&def.id.value),
        title: def.title.as_ref().map_or("", |title| title.value.as_str()).into(),
        sections: def.sections.iter().map(section).collect(),
        gates: gates::compile(index, def, items, shared),
    }
}
