//! A compiled leg: a probe with its kind erased, its target and its conditions.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::unread::{self, Unread};
use super::{Changes, Grant, MoreTargets, Probe, ProbeCx, ProbeError};
use crate::expect::{Conditions, Gap};
use crate::model::{Access, Class, Digest, Outcome, Reason, Remembered, Target, Verdict};

/// What one run of a leg came to.
#[derive(Debug)]
pub struct Observation {
    pub verdict: Verdict,
    /// Absent if the observation failed, or if nobody reads them but the evidence.
    pub facts: Option<serde_json::Value>,
    /// Instead of them, then.
    pub unread: Option<Unread>,
    /// What of the facts must not be taken for the whole.
    pub gaps: Vec<Gap>,
    /// All that it has seen by now, if it keeps that; not yet said of what it is.
    pub remembered: Option<Remembered>,
}

impl Observation {
    /// Without facts.
    pub fn failed(verdict: Verdict) -> Self {
        Self { verdict, facts: None, unread: None, gaps: Vec::new(), remembered: None }
    }

    /// The facts for another leg: what is not whole is left out, as it is for conditions.
    pub fn whole(&self) -> Option<serde_json::Value> {
        let mut facts = self.facts.clone()?;
        if let Some(fields) = facts.as_object_mut() {
            fields.retain(|name, _| !self.gaps.iter().any(|gap| gap.hides && gap.field == name));
        }
        Some(facts)
    }
}

/// A probe with its facts type erased. Implemented for every `Probe`, and for nothing else: that
/// way `observe` and `judge` are always called in turn.
pub trait DynProbe: Send + Sync {
    fn kind(&self) -> &'static str;
    fn class(&self) -> Class;
    fn access(&self) -> Access;
    fn watches(&self) -> Vec<String>;
    fn grants(&self) -> Vec<Grant>;
    fn listen<'a>(&'a self, what: &'a str, cx: &'a ProbeCx, changes: &'a Changes) -> BoxFuture<'a, ProbeError>;
    fn run<'a>(&'a self, cx: &'a ProbeCx, conditions: &'a Conditions) -> BoxFuture<'a, Observation>;
}

impl<P: Probe> DynProbe for P {
    fn kind(&self) -> &'static str {
        P::NAME
    }

    fn class(&self) -> Class {
        P::CLASS
    }

    fn access(&self) -> Access {
        Probe::access(self)
    }

    fn watches(&self) -> Vec<String> {
        Probe::watches(self)
    }

    fn grants(&self) -> Vec<Grant> {
        Probe::grants(self)
    }

    fn listen<'a>(&'a self, what: &'a str, cx: &'a ProbeCx, changes: &'a Changes) -> BoxFuture<'a, ProbeError> {
        Box::pin(Probe::listen(self, what, cx, changes))
    }

    fn run<'a>(&'a self, cx: &'a ProbeCx, conditions: &'a Conditions) -> BoxFuture<'a, Observation> {
        Box::pin(async move {
            match self.observe(cx).await {
                Ok(facts) => judge(self, facts, cx, conditions),
                Err(error) => {
                    let verdict = self.judge_error(&error);
                    Observation::failed(verdict.map_text(|seen| expecting(self.expects(), seen)))
                }
            }
        })
    }
}

/// A connection error alone says what was seen; a sentence says what was expected as well. `None` if
/// it does already.
fn expecting(expected: Option<&str>, seen: &str) -> Option<String> {
    let expected = expected.filter(|_| !seen.starts_with("expected "))?;
    Some(format!("expected {expected}, but {seen}"))
}

fn judge<P: Probe>(probe: &P, facts: P::Facts, cx: &ProbeCx, conditions: &Conditions) -> Observation {
    let built_in = probe.judge(&facts, cx.now());
    let remembered = probe.remembered(&facts);
    if !conditions.read_facts()
        && let Some(limit) = cx.text_only()
        && let Some(text) = unread::text(&facts, limit)
    {
        let unread = Unread { text, facts: Box::new(facts) };
        return Observation { verdict: built_in, facts: None, unread: Some(unread), gaps: Vec::new(), remembered };
    }
    let gaps = probe.gaps(&facts);
    let facts = match serde_json::to_value(&facts) {
        Ok(facts) => facts,
        Err(error) => {
            let error = ProbeError::internal(format!("facts of {} are not JSON: {error}", P::NAME));
            return Observation::failed(error.verdict());
        }
    };
    let verdict = conditions.judge(built_in, &facts, &gaps, cx.now());
    Observation { verdict, facts: Some(facts), unread: None, gaps, remembered }
}

/// What the engine runs for one `LegIndex`.
#[derive(Clone)]
pub struct LegProbe {
    pub probe: Arc<dyn DynProbe>,
    pub target: Option<Arc<Target>>,
    /// Targets of single steps. They take no permit of their own: an item has one run at a time.
    pub more_targets: Option<Arc<MoreTargets>>,
    pub conditions: Arc<Conditions>,
    /// The item's own switch for legs that mutate or load.
    pub enabled: bool,
    /// Names of legs of the item that run before it, and whose facts it is lent.
    pub after: Vec<Arc<str>>,
    /// Of what it remembers what it has seen, if it does.
    pub remembers: Option<Digest>,
}

impl LegProbe {
    pub async fn run(&self, cx: &ProbeCx) -> Observation {
        let observation = self.probe.run(cx, &self.conditions).await;
        debug_assert!(
            observation.verdict.outcome() == Outcome::Pass || observation.verdict.reason().is_some(),
            "a verdict that is not a pass has a reason"
        );
        observation
    }

    /// The verdict of a leg that must not run because it is not enabled.
    pub fn not_enabled(&self) -> Verdict {
        let what = self.probe.access().as_str();
        let sentence =
            format!("a check that {what} needs the global switch, the item's switch and the environment allow-list");
        Verdict::indeterminate(Reason::NotEnabled, sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::expecting;

    #[test]
    fn a_failed_look_says_what_was_expected_and_what_was_seen() {
        let said = expecting(Some("a login"), "127.0.0.1:5432 refused the connection");
        assert_eq!(said.as_deref(), Some("expected a login, but 127.0.0.1:5432 refused the connection"));
        let own = "expected the body to end within 2s, saw 3 bytes";
        assert_eq!(expecting(Some("an HTTP answer"), own), None, "not twice");
        assert_eq!(expecting(None, "awk is not there"), None);
    }
}
