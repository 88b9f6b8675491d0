//! Every id of the catalogue, before anything refers to one.

use std::collections::{BTreeMap, HashMap};

use super::params::hinted;
use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Entry, Place};
use crate::catalog::wire::{ChecklistDef, name};
use crate::diag::{Code, Diagnostic};
use crate::model::{ItemId, SectionPath, Slot};

/// One item, by slot.
pub(crate) struct NamedItem<'n> {
    pub(crate) id: ItemId,
    pub(crate) entry: &'n Entry,
    /// Place of its checklist.
    pub(crate) checklist: usize,
    pub(crate) section: SectionPath,
}

pub(crate) struct Names<'n> {
    pub(crate) items: Vec<NamedItem<'n>>,
    pub(crate) slots: HashMap<ItemId, Slot>,
    /// Ids inside each checklist, for hints.
    inside: BTreeMap<&'n str, Vec<&'n str>>,
}

impl<'n> Names<'n> {
    /// Slots follow checklist, then section, then the order of the file.
    pub(super) fn collect(checklists: &'n [ChecklistDef<'n>], sink: &Sink) -> Self {
        let mut names = Self { items: Vec::new(), slots: HashMap::new(), inside: BTreeMap::new() };
        for (index, checklist) in checklists.iter().enumerate() {
            let order: HashMap<&str, usize> =
                checklist.sections.iter().enumerate().map(|(place, section)| (section.path.as_str(), place)).collect();
            let paths: Vec<SectionPath> = checklist.sections.iter().map(|s| SectionPath::new(&s.path)).collect();
            let mut items: Vec<(usize, NamedItem<'n>)> = Vec::new();
            for entry in &checklist.items {
                if !name(&entry.key, true, entry.key_at, sink) {
                    continue;
                }
                let section = section_of(&entry.key, &order);
                if section.is_none() {
                    no_section(entry, checklist, sink);
                }
                let place = section.map_or(usize::MAX, |(place, _)| place);
                let id = ItemId::new(&checklist.id.value, &entry.key);
                let section = paths.get(place).cloned().unwrap_or_else(|| SectionPath::new(""));
                items.push((place, NamedItem { id, entry, checklist: index, section }));
            }
            items.sort_by_key(|(place, _)| *place);
            for (_, item) in items {
                names.inside.entry(&checklist.id.value).or_default().push(&item.entry.key);
                let slot = Slot(u32::try_from(names.items.len()).unwrap_or(u32::MAX));
                names.slots.entry(item.id.clone()).or_insert(slot);
                names.items.push(item);
            }
        }
        names
    }

    /// The item that `text` names, seen from a checklist; `None`, and an error, if there is none.
    pub(super) fn resolve(&self, text: &str, checklist: Option<&str>, at: Place, sink: &Sink) -> Option<Slot> {
        let id = match checklist {
            Some(checklist) if !text.contains('/') => ItemId::new(checklist, text),
            _ => match ItemId::parse(text) {
                Some(id) => id,
                None => {
                    let message = format!("`{text}` is not the id of an item");
                    let help = "write `checklist/item.id`";
                    sink.push(Diagnostic::error(Code::UNKNOWN_ITEM, at, message).help(help));
                    return None;
                }
            },
        };
        if let Some(slot) = self.slots.get(&id) {
            return Some(*slot);
        }
        let Some(inside) = self.inside.get(id.checklist()) else {
            let message = format!("there is no item `{id}`, and no checklist `{}` with items", id.checklist());
            let found = Diagnostic::error(Code::UNKNOWN_ITEM, at, message);
            sink.push(hinted(found, sink.hint(id.checklist(), self.inside.keys().copied())));
            return None;
        };
        let message = format!("the checklist `{}` has no item `{}`", id.checklist(), id.item());
        let hint = match sink.nearest(id.item(), inside.iter().copied()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "ids are the keys under `items`; an item of another checklist is `checklist/item.id`".to_owned(),
        };
        sink.push(Diagnostic::error(Code::UNKNOWN_ITEM, at, message).help(hint));
        None
    }
}

fn section_of<'a>(id: &'a str, order: &HashMap<&str, usize>) -> Option<(usize, &'a str)> {
    let mut prefix = id;
    loop {
        if let Some(place) = order.get(prefix) {
            return Some((*place, prefix));
        }
        prefix = prefix.rsplit_once('.')?.0;
    }
}

fn no_section(entry: &Entry, checklist: &ChecklistDef<'_>, sink: &Sink) {
    let message = format!("the item `{}` belongs to no section", entry.key);
    let prefix = entry.key.rsplit_once('.').map_or(&*entry.key, |(prefix, _)| prefix);
    let nearest = sink.nearest(prefix, checklist.sections.iter().map(|section| section.path.as_str()));
    sink.push(Diagnostic::error(Code::NO_SECTION, entry.key_at, message).help(match nearest {
        Some(nearest) => format!("no declared section is a prefix of its id; did you mean the section `{nearest}`?"),
        None => format!("declare a section whose path is a prefix of its id: `sections: {{ {prefix}: \"…\" }}`"),
    }));
}
