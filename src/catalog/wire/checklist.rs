//! A checklist without its items, which are read one by one after their parameters are known.

use super::{Fields, Located, duration, map, name, text, texts, word};
use crate::catalog::sink::Sink;
use crate::catalog::syntax::Entry;
use crate::model::Span;

pub(crate) struct ChecklistDef<'n> {
    pub(crate) id: Located<String>,
    pub(crate) title: String,
    pub(crate) source_file: Option<String>,
    pub(crate) source_url: Option<String>,
    /// Names of the systems its checks talk to.
    pub(crate) targets: Vec<Located<String>>,
    pub(crate) parameters: &'n [Entry],
    pub(crate) defaults: Defaults,
    pub(crate) sections: Vec<SectionDef>,
    pub(crate) gates: Vec<GateDef>,
    pub(crate) items: &'n [Entry],
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
        let title = fields.required("title").and_then(|field| text(&field.value, sink));
        let source = fields.optional("source").map(|field| source(field, sink)).unwrap_or_default();
        let targets = fields.optional("targets").map(|field| targets(field, sink)).unwrap_or_default();
        let parameters = fields.optional("parameters").map_or(&[][..], |field| map(&field.value, sink));
        let defaults = fields.optional("defaults").and_then(|field| Defaults::read(field, sink)).unwrap_or_default();
        let sections = fields.required("sections").map_or(&[][..], |field| map(&field.value, sink));
        let gates = fields.optional("gates").map_or(&[][..], |field| map(&field.value, sink));
        let items = fields.required("items").map_or(&[][..], |field| map(&field.value, sink));
        fields.finish();
        for parameter in parameters {
            name(&parameter.key, false, parameter.key_at, sink);
        }
        Some(Self {
            id: Located { value: entry.key.to_string(), at: entry.key_at },
            title: title.map(|title| title.value).unwrap_or_default(),
            source_file: source.0,
            source_url: source.1,
            targets,
            parameters,
            defaults,
            sections: sections.iter().filter_map(|section| SectionDef::read(section, sink)).collect(),
            gates: gates.iter().filter_map(|gate| GateDef::read(gate, sink)).collect(),
            items,
        })
    }
}

/// File and link of the document. The commit is for people who read the catalogue.
fn source(entry: &Entry, sink: &Sink) -> (Option<String>, Option<String>) {
    let Some(mut fields) = Fields::of(&entry.value, "a source", entry.key_at, sink) else { return (None, None) };
    let file = fields.optional("file").and_then(|field| text(&field.value, sink)).map(|file| file.value);
    let url = fields.optional("url").and_then(|field| text(&field.value, sink)).map(|url| url.value);
    let _commit = fields.optional("commit").and_then(|field| word(&field.value, sink));
    fields.finish();
    (file, url)
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
        name(&entry.key, true, entry.key_at, sink).then(|| Self { path: entry.key.to_string(), title })
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
