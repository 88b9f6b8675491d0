//! How the spans of one trace hang together, and what of a described structure it has not.

use std::collections::{BTreeSet, HashMap, HashSet};

use schemars::JsonSchema;
use serde::Deserialize;

use super::facts::Trace;
use crate::model::Reason;
use crate::probe::pattern::fits;
use crate::probe::{Findings, ProbeError};

/// Spans of a trace beyond which nothing is judged.
const MAX_SPANS: usize = 20_000;

/// One span, whichever API it came by. Ids are compared, and mean nothing else.
#[derive(Clone, Debug, Default)]
pub(super) struct Span {
    pub(super) id: String,
    pub(super) parent: Option<String>,
    pub(super) service: String,
    pub(super) operation: String,
    pub(super) is_server: bool,
    pub(super) is_error: bool,
    pub(super) tags: BTreeSet<String>,
    pub(super) logs: BTreeSet<String>,
    pub(super) start_s: f64,
    pub(super) end_s: f64,
}

/// What a trace is like. In operations `*` stands for any text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Structure {
    /// Operation of the root; any if absent. A server span above it, of the request that began it, is
    /// let through.
    root: Option<String>,
    /// Names of tags (attributes) that the root has.
    tags: Vec<String>,
    /// Names of logs (events) that the root has.
    logs: Vec<String>,
    /// Below the root there is a span with one of these operations; none is needed if empty.
    below: Vec<String>,
    /// There is a span of the server side of a request.
    server_span: bool,
    /// Exactly one span has no parent.
    one_root: bool,
    /// Every parent is there.
    no_orphans: bool,
    /// Share of traces that are like this.
    pub(super) min_ratio: f64,
    /// Share of all spans that may say that they failed.
    pub(super) max_error_ratio: Option<f64>,
}

impl Default for Structure {
    fn default() -> Self {
        Self {
            root: None,
            tags: Vec::new(),
            logs: Vec::new(),
            below: Vec::new(),
            server_span: false,
            one_root: false,
            no_orphans: false,
            min_ratio: 1.0,
            max_error_ratio: None,
        }
    }
}

impl Structure {
    pub(super) fn check(&self, findings: &mut Findings) {
        if !(0.0..=1.0).contains(&self.min_ratio) || self.min_ratio == 0.0 {
            findings.error("structure.min_ratio", "expected a share above 0, up to 1");
        }
        if self.max_error_ratio.is_some_and(|ratio| !(0.0..=1.0).contains(&ratio)) {
            findings.error("structure.max_error_ratio", "expected a share from 0 to 1");
        }
    }

    fn lacks(&self, spans: &[Span], trace: &Trace) -> Vec<String> {
        let mut lacks = Vec::new();
        let named = |span: &&Span| self.root.as_ref().is_none_or(|pattern| fits(pattern, &span.operation));
        let by_id = ById::of(spans);
        match spans.iter().filter(|span| by_id.is_top(span)).find(named) {
            None => {
                lacks.push(format!("a root {}", self.root.as_deref().unwrap_or("at all")));
            }
            Some(root) => {
                lacks.extend(self.tags.iter().filter(|tag| !root.tags.contains(*tag)).map(|tag| format!("tag {tag}")));
                lacks.extend(self.logs.iter().filter(|log| !root.logs.contains(*log)).map(|log| format!("log {log}")));
                let below = |span: &&Span| span.id != root.id && self.below.iter().any(|op| fits(op, &span.operation));
                if !self.below.is_empty() && !by_id.is_any_below(spans.iter().filter(below), root) {
                    lacks.push(format!("a span {} below the root", self.below.join(" or ")));
                }
            }
        }
        if self.server_span && !spans.iter().any(|span| span.is_server) {
            lacks.push("a server span".to_owned());
        }
        if self.one_root && trace.root_count != 1 {
            lacks.push(format!("one root ({})", trace.root_count));
        }
        if self.no_orphans && trace.orphan_count > 0 {
            lacks.push(format!("the parent of {} spans", trace.orphan_count));
        }
        lacks
    }
}

/// The spans of one trace, summed up.
pub(super) fn sum_up(id: &str, spans: &[Span], structure: Option<&Structure>) -> Trace {
    let ids: HashSet<&str> = spans.iter().map(|span| span.id.as_str()).collect();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let roots: Vec<&Span> = spans.iter().filter(|span| span.parent.is_none()).collect();
    let orphans = spans.iter().filter(|span| span.parent.as_ref().is_some_and(|parent| !ids.contains(&**parent)));
    let mut trace = Trace {
        id: id.to_owned(),
        root: roots.first().map(|root| root.operation.clone()).unwrap_or_default(),
        root_count: count(roots.len()),
        span_count: count(spans.len()),
        error_count: count(spans.iter().filter(|span| span.is_error).count()),
        orphan_count: count(orphans.count()),
        services: spans.iter().map(|span| span.service.clone()).filter(|name| !name.is_empty()).collect(),
        start_s: spans.iter().map(|span| span.start_s).fold(f64::MAX, f64::min),
        end_s: spans.iter().map(|span| span.end_s).fold(0.0, f64::max),
        lacks: Vec::new(),
    };
    if let Some(structure) = structure {
        trace.lacks = structure.lacks(spans, &trace);
    }
    trace
}

/// Spans by their ids.
struct ById<'a>(HashMap<&'a str, &'a Span>);

impl<'a> ById<'a> {
    /// Of several with the same id, the first.
    fn of(spans: &'a [Span]) -> Self {
        Self(spans.iter().rev().map(|span| (span.id.as_str(), span)).collect())
    }

    fn parent(&self, span: &Span) -> Option<&'a Span> {
        self.0.get(span.parent.as_deref()?).copied()
    }

    /// Without a parent, or right below the server span that began it all.
    fn is_top(&self, span: &Span) -> bool {
        span.parent.is_none() || self.parent(span).is_some_and(|parent| parent.is_server && parent.parent.is_none())
    }

    /// Whether one of them is below the root. No way up is taken twice, nor in a circle.
    fn is_any_below(&self, spans: impl Iterator<Item = &'a Span>, root: &Span) -> bool {
        let mut seen = HashSet::new();
        for span in spans {
            let mut at = span;
            while let Some(parent) = self.parent(at) {
                if parent.id == root.id {
                    return true;
                }
                if !seen.insert(parent.id.as_str()) {
                    break;
                }
                at = parent;
            }
        }
        false
    }
}

/// So many spans of one trace are looked at.
pub(super) fn bounded(count: usize) -> Result<(), ProbeError> {
    if count <= MAX_SPANS {
        return Ok(());
    }
    let text = format!("expected a trace of at most {MAX_SPANS} spans, saw {count}");
    Err(ProbeError::observer(Reason::TooLarge, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: &str, parent: Option<&str>, operation: &str) -> Span {
        let (id, parent) = (id.to_owned(), parent.map(str::to_owned));
        Span { id, parent, operation: operation.to_owned(), service: "cp".into(), ..Span::default() }
    }

    fn structure(change: impl FnOnce(&mut Structure)) -> Structure {
        let mut structure = Structure::default();
        change(&mut structure);
        structure
    }

    #[test]
    fn what_a_trace_lacks_is_named() {
        let mut root = span("r", None, "pattern.execute.X");
        root.tags = BTreeSet::from(["name".to_owned()]);
        root.logs = BTreeSet::from(["pattern.start".to_owned()]);
        let spans = [root, span("c", Some("r"), "agent.call.a"), span("d", Some("gone"), "x")];
        let wanted = structure(|s| {
            s.root = Some("pattern.execute.*".into());
            s.tags = vec!["name".into(), "duration".into()];
            s.logs = vec!["pattern.start".into(), "pattern.complete".into()];
            s.below = vec!["agent.call.*".into()];
            s.server_span = true;
            s.no_orphans = true;
            s.one_root = true;
        });
        let trace = sum_up("t", &spans, Some(&wanted));
        assert_eq!(trace.lacks, ["tag duration", "log pattern.complete", "a server span", "the parent of 1 spans"]);
        assert_eq!((trace.root_count, trace.orphan_count, trace.span_count), (1, 1, 3));
        let elsewhere = structure(|s| s.below = vec!["x".into()]);
        assert_eq!(sum_up("t", &spans, Some(&elsewhere)).lacks, ["a span x below the root"]);
        let other = structure(|s| s.root = Some("other".into()));
        assert_eq!(sum_up("t", &spans, Some(&other)).lacks, ["a root other"]);
    }

    #[test]
    fn a_server_span_may_stand_above_and_circles_end() {
        let mut server = span("s", None, "POST /x");
        server.is_server = true;
        let spans = [server, span("r", Some("s"), "pattern.execute.X"), span("c", Some("r"), "agent.call.a")];
        let wanted = structure(|s| {
            s.root = Some("pattern.execute.*".into());
            s.below = vec!["agent.call.*".into()];
            s.server_span = true;
        });
        assert!(sum_up("t", &spans, Some(&wanted)).lacks.is_empty());
        let circle = [span("a", Some("b"), "x"), span("b", Some("a"), "x")];
        let wanted = structure(|s| s.below = vec!["x".into()]);
        assert_eq!(sum_up("t", &circle, Some(&wanted)).lacks, ["a root at all"]);
        assert!(sum_up("t", &[], Some(&structure(|_| ()))).lacks.len() == 1);
    }

    #[test]
    fn a_long_chain_is_walked_once() {
        // None is below the root, which stands at the end.
        let name = |place: usize| format!("s{place}");
        let mut spans: Vec<Span> =
            (0..MAX_SPANS).map(|place| span(&name(place), Some(&name(place + 1)), "x")).collect();
        spans.push(span("r", None, "root"));
        let wanted = structure(|s| s.below = vec!["x".into()]);
        let begun = tokio::time::Instant::now();
        assert_eq!(sum_up("t", &spans, Some(&wanted)).lacks, ["a span x below the root"]);
        assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
        spans.push(span(&name(MAX_SPANS), Some("r"), "y"));
        assert!(sum_up("t", &spans, Some(&wanted)).lacks.is_empty());
        assert!(bounded(MAX_SPANS).is_ok());
        let error = bounded(MAX_SPANS + 1).unwrap_err();
        assert_eq!((error.reason, error.blame), (Reason::TooLarge, crate::probe::Blame::Observer));
    }
}
