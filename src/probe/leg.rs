//! A compiled leg: a probe with its kind erased, its target and its conditions.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Probe, ProbeCx, ProbeError};
use crate::expect::Conditions;
use crate::model::{Access, Class, Outcome, Reason, Target, Verdict};

/// What one run of a leg came to.
#[derive(Debug)]
pub struct Observation {
    pub verdict: Verdict,
    /// Absent if the observation failed.
    pub facts: Option<serde_json::Value>,
}

/// A probe with its facts type erased. Implemented for every `Probe`, and for nothing else: that
/// way `observe` and `judge` are always called in turn.
pub trait DynProbe: Send + Sync {
    fn kind(&self) -> &'static str;
    fn class(&self) -> Class;
    fn access(&self) -> Access;
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

    fn run<'a>(&'a self, cx: &'a ProbeCx, conditions: &'a Conditions) -> BoxFuture<'a, Observation> {
        Box::pin(async move {
            match self.observe(cx).await {
                Ok(facts) => judge(self, &facts, cx, conditions),
                Err(error) => {
                    let verdict = self.judge_error(&error);
                    Observation { verdict: verdict.map_text(|seen| expecting(self.expects(), seen)), facts: None }
                }
            }
        })
    }
}

/// A connection error alone says what was seen; a sentence says what was expected as well.
fn expecting(expected: Option<&str>, seen: &str) -> String {
    match expected {
        Some(expected) if !seen.starts_with("expected ") => format!("expected {expected}, but {seen}"),
        _ => seen.to_owned(),
    }
}

fn judge<P: Probe>(probe: &P, facts: &P::Facts, cx: &ProbeCx, conditions: &Conditions) -> Observation {
    let (built_in, gaps) = (probe.judge(facts, cx.now()), probe.gaps(facts));
    let facts = match serde_json::to_value(facts) {
        Ok(facts) => facts,
        Err(error) => {
            let error = ProbeError::internal(format!("facts of {} are not JSON: {error}", P::NAME));
            return Observation { verdict: error.verdict(), facts: None };
        }
    };
    let verdict = conditions.judge(built_in, &facts, &gaps, cx.now());
    Observation { verdict, facts: Some(facts) }
}

/// What the engine runs for one `LegIndex`.
#[derive(Clone)]
pub struct LegProbe {
    pub probe: Arc<dyn DynProbe>,
    pub target: Option<Arc<Target>>,
    pub conditions: Arc<Conditions>,
    /// The item's own switch for legs that mutate or load.
    pub enabled: bool,
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
        assert_eq!(said, "expected a login, but 127.0.0.1:5432 refused the connection");
        let own = "expected the body to end within 2s, saw 3 bytes";
        assert_eq!(expecting(Some("an HTTP answer"), own), own, "not twice");
        assert_eq!(expecting(None, "awk is not there"), "awk is not there");
    }
}
