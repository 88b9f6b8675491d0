//! Which items a gate is made of.

use super::Shared;
use crate::catalog::wire::{ChecklistDef, GateDef, Located};
use crate::diag::{Code, Diagnostic};
use crate::model::{Gate, Item, Priority, Slot};

/// The gates of the checklist at `index`. `items` is by slot; an item that did not compile is
/// absent and in no gate.
pub(super) fn compile(index: usize, def: &ChecklistDef<'_>, items: &[Option<&Item>], shared: &Shared<'_>) -> Vec<Gate> {
    let mine: Vec<(Slot, &Item)> = (0u32..)
        .map(Slot)
        .zip(items)
        .filter(|(slot, _)| shared.names.items.get(slot.index()).is_some_and(|named| named.checklist == index))
        .filter_map(|(slot, item)| item.map(|item| (slot, item)))
        .collect();
    def.gates.iter().map(|gate| one(gate, def, &mine, shared)).collect()
}

fn one(gate: &GateDef, def: &ChecklistDef<'_>, mine: &[(Slot, &Item)], shared: &Shared<'_>) -> Gate {
    let sink = shared.sink;
    let errors = sink.errors();
    let listed = |names: &Option<Vec<Located<String>>>| names.clone().unwrap_or_default();
    let priorities: Vec<Priority> = listed(&gate.priorities).iter().filter_map(|name| priority(name, shared)).collect();
    let sections: Vec<String> =
        listed(&gate.sections).into_iter().filter_map(|name| section(name, def, shared)).collect();
    let named: std::collections::HashSet<Slot> = listed(&gate.items)
        .iter()
        .filter_map(|name| shared.names.resolve(&name.value, Some(&def.id.value), name.at, sink))
        .collect();
    let everything = gate.priorities.is_none() && gate.sections.is_none() && gate.items.is_none();
    let within = |path: &str| {
        let below =
            |section: &str| path.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        sections.iter().any(|section| below(section))
    };
    let mut items: Vec<Slot> = mine
        .iter()
        .filter(|(slot, item)| {
            everything || priorities.contains(&item.priority) || within(item.section.as_str()) || named.contains(slot)
        })
        .map(|(slot, _)| *slot)
        .collect();
    // An item of another checklist may be named too.
    items.extend(&named);
    items.sort_unstable();
    items.dedup();
    if items.is_empty() && sink.errors() == errors {
        let message = format!("no item belongs to the gate `{}`", gate.name.value);
        let help = "a gate without items proves nothing; name items, sections or priorities that exist, or remove it";
        sink.push(Diagnostic::error(Code::EMPTY_GATE, gate.name.at, message).help(help));
    }
    Gate { name: gate.name.value.as_str().into(), title: gate.title.as_str().into(), items }
}

fn priority(name: &Located<String>, shared: &Shared<'_>) -> Option<Priority> {
    let found = Priority::ALL.into_iter().find(|priority| priority.as_str() == name.value);
    if found.is_none() {
        let known = Priority::ALL.into_iter().map(Priority::as_str);
        let message = format!("there is no priority `{}`", name.value);
        let diagnostic = Diagnostic::error(Code::VALUE, name.at, message);
        shared.sink.push(super::params::hinted(diagnostic, shared.sink.hint(&name.value, known)));
    }
    found
}

fn section(name: Located<String>, def: &ChecklistDef<'_>, shared: &Shared<'_>) -> Option<String> {
    let below = |path: &str| path.strip_prefix(&*name.value).is_some_and(|rest| rest.starts_with('.'));
    let exists = |section: &crate::catalog::wire::SectionDef| section.path == name.value || below(&section.path);
    if def.sections.iter().any(exists) {
        return Some(name.value);
    }
    let message = format!("the checklist `{}` has no section `{}`", def.id.value, name.value);
    let known = def.sections.iter().map(|section| section.path.as_str());
    let found = Diagnostic::error(Code::UNKNOWN_SECTION, name.at, message);
    shared.sink.push(super::params::hinted(found, shared.sink.hint(&name.value, known)));
    None
}
