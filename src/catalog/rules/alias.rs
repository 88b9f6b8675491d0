//! A former id must lead to one item only, or the memory of two would be mixed.

use std::collections::HashMap;

use super::Subject;
use crate::catalog::sink::Sink;
use crate::catalog::syntax::Place;
use crate::diag::{Code, Diagnostic};
use crate::model::ItemId;

pub(super) fn check(subject: &Subject<'_>, sink: &Sink) {
    let mut taken: HashMap<&ItemId, Place> = HashMap::new();
    for (item, facts) in subject.items() {
        for (alias, written) in item.aliases.iter().zip(&facts.aliases) {
            let current = subject.output.names.slots.get(alias);
            let other = current.and_then(|slot| subject.output.names.items.get(slot.index())).map(|i| i.entry.key_at);
            if let Some(other) = other {
                let message = format!("the alias `{alias}` is the id of an item");
                sink.push(
                    Diagnostic::error(Code::ALIAS, written.at, message)
                        .also(other, "this item")
                        .help("an alias is a former id that no item has now; remove it"),
                );
            } else if let Some(first) = taken.insert(alias, written.at) {
                let message = format!("the alias `{alias}` is claimed twice");
                sink.push(
                    Diagnostic::error(Code::ALIAS, written.at, message)
                        .here("again here")
                        .also(first, "first here")
                        .help("leave it to the item that carries on its history"),
                );
            }
        }
    }
}
