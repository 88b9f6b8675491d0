//! A mapping with a fixed set of keys.

use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Data, Entry, Node, Place};
use crate::diag::{Code, Diagnostic};

/// Ask for each field once, then call `finish`, which reports what was not asked for.
pub(crate) struct Fields<'n, 's> {
    entries: &'n [Entry],
    at: Place,
    what: &'static str,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
    sink: &'s Sink,
}

impl<'n, 's> Fields<'n, 's> {
    /// `what` names the mapping in messages, such as "an item"; `at` is where its name stands.
    /// `None`, and an error, if the node is not a mapping.
    pub(crate) fn of(node: &'n Node, what: &'static str, at: Place, sink: &'s Sink) -> Option<Self> {
        let entries: &[Entry] = match &node.data {
            Data::Map(entries) => entries,
            Data::Null => &[],
            _ => {
                let message = format!("{what} is a mapping, found {}", node.describe());
                sink.push(
                    Diagnostic::error(Code::TYPE, node.at, message).help("write `key: value` lines, indented below it"),
                );
                return None;
            }
        };
        Some(Self { entries, at, what, known: Vec::new(), missing: Vec::new(), sink })
    }

    /// The field, unless it is absent or null.
    pub(crate) fn optional(&mut self, name: &'static str) -> Option<&'n Entry> {
        self.known.push(name);
        self.entries.iter().find(|entry| &*entry.key == name).filter(|entry| !entry.value.is_null())
    }

    pub(crate) fn required(&mut self, name: &'static str) -> Option<&'n Entry> {
        let found = self.optional(name);
        if found.is_none() {
            self.missing.push(name);
        }
        found
    }

    pub(crate) fn finish(self) {
        for name in &self.missing {
            let message = format!("{} needs `{name}`", self.what);
            self.sink.push(Diagnostic::error(Code::MISSING_KEY, self.at, message).help(format!("add `{name}: …`")));
        }
        for entry in self.entries.iter().filter(|entry| !self.known.contains(&&*entry.key)) {
            self.sink.push(unknown_key(entry, self.what, self.known.iter().copied(), self.sink));
        }
    }
}

/// The error for one key that is not part of the format.
fn unknown_key<'a>(entry: &Entry, what: &str, known: impl Iterator<Item = &'a str> + Clone, sink: &Sink) -> Diagnostic {
    let message = format!("{what} has no key `{}`", entry.key);
    let found = Diagnostic::error(Code::UNKNOWN_KEY, entry.key_at, message);
    match sink.hint(&entry.key, known) {
        Some(hint) => found.help(hint),
        None => found,
    }
}
