//! Where every part of a load leaves what it finds.

use std::cell::{Cell, RefCell};

use crate::diag::{Code, Diagnostic, Severity};
use crate::expect::nearest;

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
        nearest::nearest(name, self.affordable(candidates))
    }

    /// "did you mean", or the list of what would be right if it is short.
    pub(crate) fn hint<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
        nearest::hint(name, self.affordable(candidates))
    }

    /// As many candidates as this load may still compare.
    fn affordable<'a>(&self, candidates: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
        candidates.into_iter().take_while(|_| {
            let left = self.compared.get() < COMPARISONS;
            self.compared.set(self.compared.get() + usize::from(left));
            left
        })
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
    fn hints_stop_when_they_have_cost_enough() {
        let sink = Sink::default();
        let names = vec!["timeout"; COMPARISONS - 1];
        assert_eq!(sink.nearest("timeuot", names), Some("timeout"));
        assert_eq!(sink.nearest("tilte", ["title"]), Some("title"));
        assert_eq!(sink.nearest("tilte", ["title"]), None);
        assert_eq!(sink.hint("tilte", ["title"]), None);
    }
}
