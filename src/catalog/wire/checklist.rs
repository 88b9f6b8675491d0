//! A checklist without its items, which are read one by one after their parameters are known.
//!
//! A long checklist may be split over files: each part adds sections, items, targets, parameters
//! and gates under the same id, and one of them has the title.

use std::collections::HashMap;

use super::{Fields, Located, duration, map, name, text, texts, word};
use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Entry, Place};
use crate::diag::{Code, Diagnostic};
use crate::model::Span;

pub(crate) struct ChecklistDef<'n> {
    pub(crate) id: Located<String>,
    pub(crate) title: Option<Located<String>>,
    pub(crate) source_file: Option<String>,
    pub(crate) source_url: Option<String>,
    /// Names of the systems its checks talk to.
    pub(crate) targets: Vec<Located<String>>,
    pub(crate) parameters: Vec<&'n Entry>,
    pub(crate) defaults: Defaults,
    pub(crate) sections: Vec<SectionDef>,
    pub(crate) gates: Vec<GateDef>,
    pub(crate) items: Vec<&'n Entry>,
}

#[derive(Default)]
pub(crate) struct Defaults {
    pub(crate) interval: Option<Span>,
    pub(crate) timeout: Option<Span>,
    pub(crate) team: String,
    pub(crate) runbook_url: String,
}

pub(crate) struct SectionDef {
    pub(crate) path: String,
    pub(crate) at: Place,
    pub(crate) title: String,
}

pub(crate) struct GateDef {
    pub(crate) name: Located<String>,
    pub(crate) title: String,
    pub(crate) priorities: Option<Vec<Located<String>>>,
    pub(crate) items: Option<Vec<Located<String>>>,
    pub(crate) sections: Option<Vec<Located<String>>>,
}

impl<'n> ChecklistDef<'n> {
    pub(crate) fn read(entry: &'n Entry, sink: &Sink) -> Option<Self> {
        name(&entry.key, false, entry.key_at, sink);
        let mut fields = Fields::of(&entry.value, "a checklist", entry.key_at, sink)?;
        let title = fields.optional("title").and_then(|field| text(&field.value, sink));
        let source = fields.optional("source").map(|field| source(field, sink)).unwrap_or_default();
        let targets = fields.optional("targets").map(|field| targets(field, sink)).unwrap_or_default();
        let parameters = fields.optional("parameters").map_or(&[][..], |field| map(&field.value, sink));
        let defaults = fields.optional("defaults").and_then(|field| Defaults::read(field, sink)).unwrap_or_default();
        let sections = fields.optional("sections").map_or(&[][..], |field| map(&field.value, sink));
        let gates = fields.optional("gates").map_or(&[][..], |field| map(&field.value, sink));
        let items = fields.optional("items").map_or(&[][..], |field| map(&field.value, sink));
        fields.finish();
        for parameter in parameters {
            name(&parameter.key, false, parameter.key_at, sink);
        }
        Some(Self {
            id: Located { value: entry.key.to_string(), at: entry.key_at },
            title,
            source_file: source.0,
            source_url: source.1,
            targets,
            parameters: parameters.iter().collect(),
            defaults,
            sections: sections.iter().filter_map(|section| SectionDef::read(section, sink)).collect(),
            gates: gates.iter().filter_map(|gate| GateDef::read(gate, sink)).collect(),
            items: items.iter().collect(),
        })
    }

    /// Joins the parts of each checklist. Names that stand in two parts are reported.
    pub(crate) fn join(parts: Vec<Self>, sink: &Sink) -> Vec<Self> {
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut whole: Vec<Self> = Vec::new();
        for part in parts {
            match places.get(&part.id.value).and_then(|place| whole.get_mut(*place)) {
                Some(first) => first.absorb(part, sink),
                None => {
                    places.insert(part.id.value.clone(), whole.len());
                    whole.push(part);
                }
            }
        }
        for checklist in &whole {
            checklist.complete(sink);
        }
        whole
    }

    fn absorb(&mut self, part: Self, sink: &Sink) {
        match (&self.title, part.title) {
            (Some(first), Some(again)) => {
                let message = format!("the checklist `{}` has two titles", self.id.value);
                let found = Diagnostic::error(Code::DUPLICATE, again.at, message);
                let help = "parts of one checklist share its id, and one of them has the title; give another checklist another id";
                sink.push(found.here("again here").also(first.at, "first here").help(help));
            }
            (None, Some(title)) => {
                self.title = Some(title);
                self.id.at = part.id.at;
                self.defaults = part.defaults;
                self.source_file = part.source_file;
                self.source_url = part.source_url;
            }
            _ => {}
        }
        self.targets.extend(part.targets);
        self.parameters.extend(part.parameters);
        self.sections.extend(part.sections);
        self.gates.extend(part.gates);
        self.items.extend(part.items);
    }

    fn complete(&self, sink: &Sink) {
        let missing =
            [("title", self.title.is_none()), ("sections", self.sections.is_empty()), ("items", self.items.is_empty())];
        for (name, _) in missing.iter().filter(|(_, missing)| *missing) {
            let message = format!("the checklist `{}` needs `{name}`", self.id.value);
            let found = Diagnostic::error(Code::MISSING_KEY, self.id.at, message);
            sink.push(found.help(format!("add `{name}: …`, here or in another file that adds to the checklist")));
        }
        let entries = |entries: &[&'n Entry]| entries.iter().map(|e| (&*e.key, e.key_at)).collect::<Vec<_>>();
        duplicates("parameter", entries(&self.parameters).into_iter(), sink);
        duplicates("item", entries(&self.items).into_iter(), sink);
        duplicates("target", self.targets.iter().map(|t| (t.value.as_str(), t.at)), sink);
        duplicates("section", self.sections.iter().map(|s| (s.path.as_str(), s.at)), sink);
        duplicates("gate", self.gates.iter().map(|g| (g.name.value.as_str(), g.name.at)), sink);
    }
}

/// Reports names that are defined more than once.
pub(crate) fn duplicates<'a>(what: &str, names: impl Iterator<Item = (&'a str, Place)>, sink: &Sink) {
    let mut seen: HashMap<&str, Place> = HashMap::new();
    for (name, at) in names {
        match seen.get(name) {
            Some(first) => {
                let message = format!("the {what} `{name}` is defined twice");
                let found = Diagnostic::error(Code::DUPLICATE, at, message);
                sink.push(found.here("again here").also(*first, "first here").help("remove or rename one of them"));
            }
            None => {
                seen.insert(name, at);
            }
        }
    }
}

/// File and link of the document.
fn source(entry: &Entry, sink: &Sink) -> (Option<String>, Option<String>) {
    let Some(mut fields) = Fields::of(&entry.value, "a source", entry.key_at, sink) else { return (None, None) };
    let file = fields.optional("file").and_then(|field| text(&field.value, sink)).map(|file| file.value);
    let url = fields.optional("url").and_then(|field| text(&field.value, sink)).map(|url| url.value);
    let commit = fields.optional("commit").and_then(|field| word(&field.value, sink));
    fields.finish();
    let url = url.map(|url| document(url, file.as_deref(), commit.as_deref()));
    (file, url)
}

/// `url` is the document, or the repository that holds it at a commit. Only that commit has the
/// lines that the items name.
fn document(url: String, file: Option<&str>, commit: Option<&str>) -> String {
    match (file, commit) {
        (Some(file), Some(commit)) if !url.contains(['#', '?']) && !url.ends_with(file) => {
            let repository = url.trim_end_matches('/').trim_end_matches(".git");
            format!("{repository}/blob/{commit}/{file}")
        }
        _ => url,
    }
}

fn targets(entry: &Entry, sink: &Sink) -> Vec<Located<String>> {
    let declare = |target: &Entry| {
        text(&target.value, sink);
        name(&target.key, false, target.key_at, sink);
        Located { value: target.key.to_string(), at: target.key_at }
    };
    map(&entry.value, sink).iter().map(declare).collect()
}

impl Defaults {
    fn read(entry: &Entry, sink: &Sink) -> Option<Self> {
        let mut fields = Fields::of(&entry.value, "the defaults of a checklist", entry.key_at, sink)?;
        let mut span =
            |name| fields.optional(name).and_then(|field| duration(&field.value, Span::from_millis(100), sink));
        let (interval, timeout) = (span("interval"), span("timeout"));
        let mut word = |name| fields.optional(name).and_then(|field| text(&field.value, sink)).map(|text| text.value);
        let (team, runbook_url) = (word("team").unwrap_or_default(), word("runbook_url").unwrap_or_default());
        fields.finish();
        Some(Self { interval, timeout, team, runbook_url })
    }
}

impl SectionDef {
    fn read(entry: &Entry, sink: &Sink) -> Option<Self> {
        let title = text(&entry.value, sink)?.value;
        name(&entry.key, true, entry.key_at, sink).then(|| Self {
            path: entry.key.to_string(),
            at: entry.key_at,
            title,
        })
    }
}

impl GateDef {
    fn read(entry: &Entry, sink: &Sink) -> Option<Self> {
        name(&entry.key, false, entry.key_at, sink);
        let mut fields = Fields::of(&entry.value, "a gate", entry.key_at, sink)?;
        let title = fields.required("title").and_then(|field| text(&field.value, sink));
        let mut names = |name| fields.optional(name).map(|field| texts(&field.value, sink));
        let (priorities, items, sections) = (names("priorities"), names("items"), names("sections"));
        fields.finish();
        let name = Located::<String> { value: entry.key.to_string(), at: entry.key_at };
        Some(Self { name, title: title.map(|t| t.value).unwrap_or_default(), priorities, items, sections })
    }
}
