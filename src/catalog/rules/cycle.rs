//! Items that wait for each other could never be ranked.

use super::Subject;
use crate::catalog::sink::Sink;
use crate::diag::{Code, Diagnostic};

/// Items named one by one; a longer cycle is cut in the middle of the message, not in the labels.
const NAMED: usize = 12;

pub(super) fn check(subject: &Subject<'_>, sink: &Sink) {
    let names = &subject.output.names.items;
    for cycle in &subject.output.cycles {
        let items: Vec<_> = cycle.iter().filter_map(|slot| names.get(slot.index())).collect();
        let Some(first) = items.first() else { continue };
        let mut path: Vec<&str> = items.iter().take(NAMED).map(|item| item.id.as_str()).collect();
        if items.len() > NAMED {
            path.push("…");
        }
        path.push(first.id.as_str());
        let message = format!("items depend on each other in a circle: {}", path.join(" → "));
        let mut found = Diagnostic::error(Code::CYCLE, first.entry.key_at, message);
        for item in items.iter().skip(1).take(NAMED) {
            found = found.also(item.entry.key_at, "on the circle");
        }
        sink.push(found.help("remove one `depends_on` or `item:` on the way, so that something can be judged first"));
    }
}
