//! Where every part of a load leaves what it finds.

use std::cell::{Cell, RefCell};

use crate::diag::{Code, Diagnostic, Severity};

/// More diagnostics than anybody reads; the rest is counted.
const KEPT: usize = 500;

/// Comparisons of names that one load may spend on "did you mean": with thousands of misspelt
/// names and thousands of candidates the hints would take longer than the load.
const COMPARISONS: usize = 300_000;

#[derive(Default)]
pub(crate) struct Sink {
    kept: RefCell<Vec<Diagnostic>>,
    errors: Cell<usize>,
    dropped: Cell<usize>,
    compared: Cell<usize>,
}

impl Sink {
    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors.set(self.errors.get() + 1);
        }
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT {
            kept.push(diagnostic);
        } else {
            self.dropped.set(self.dropped.get() + 1);
        }
    }

    pub(crate) fn errors(&self) -> usize {
        self.errors.get()
    }

    /// The candidate that `name` was most likely meant to be.
    pub(crate) fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let allowed = (name.chars().count() / 3).clamp(1, 4);
        let mut best: Option<(usize, &str)> = None;
        for candidate in candidates {
            if self.compared.get() >= COMPARISONS {
                break;
            }
            self.compared.set(self.compared.get() + 1);
            if candidate.len().abs_diff(name.len()) > 2 * allowed || name.len() > 256 {
                continue;
            }
            let distance = strsim::damerau_levenshtein(name, candidate);
            if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
        best.map(|(_, candidate)| candidate)
    }

    /// "did you mean", or the list of what would be right if it is short.
    pub(crate) fn hint<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
        if let Some(nearest) = self.nearest(name, candidates.clone()) {
            return Some(format!("did you mean `{nearest}`?"));
        }
        let mut known: Vec<&str> = candidates.into_iter().take(25).collect();
        known.sort_unstable();
        (!known.is_empty() && known.len() < 25).then(|| format!("known here: {}", known.join(", ")))
    }

    /// Everything found, by place.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let mut all = self.kept.into_inner();
        all.sort_by_key(|found| found.labels.first().map(|label| (label.span.file, label.span.range.start)));
        if self.dropped.get() > 0 {
            let severity = if self.errors.get() > 0 { Severity::Error } else { Severity::Warning };
            let message = format!("{} more diagnostics are not shown", self.dropped.get());
            all.push(Diagnostic { code: Code::TOO_MANY, severity, message, labels: Vec::new(), help: None });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let sink = Sink::default();
        let names = ["timeout", "title", "interval"];
        assert_eq!(sink.nearest("timeuot", names), Some("timeout"));
        assert_eq!(sink.nearest("tilte", names), Some("title"));
        assert_eq!(sink.nearest("runbook", names), None);
        assert_eq!(sink.hint("x", []), None);
    }
}
