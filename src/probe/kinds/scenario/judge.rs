//! From what the steps saw to one verdict: the first that did not pass decides.

use super::facts::Facts;
use crate::model::{Proof, Reason, Verdict};

pub(super) fn verdict(facts: &Facts) -> Verdict {
    let dirty = facts.cleanup.iter().find(|step| !step.passed());
    if facts.leftovers_kept > 0 {
        let why = dirty.map(|step| format!(": {}: {}", step.name, step.sentence)).unwrap_or_default();
        let sentence = format!(
            "expected nothing to be left over by earlier runs, saw {} that could not be cleaned up{why}",
            facts.leftovers_kept
        );
        return Verdict::indeterminate(Reason::Other, sentence);
    }
    if let Some(step) = facts.steps.iter().find(|step| !step.passed()) {
        return step.verdict(match (facts.cleaned, facts.may_still_come) {
            (false, _) => "; the clean-up did not succeed either",
            (true, true) => "; what it asked for may still be done, so the next run cleans up once more",
            (true, false) => "",
        });
    }
    if let Some(step) = dirty {
        return step.verdict("; what the steps made may be left behind");
    }
    if !facts.cleaned {
        return Verdict::indeterminate(Reason::Other, "expected everything to be cleaned up, and it was not");
    }
    let mut proof: Option<Proof> = None;
    for step in &facts.steps {
        proof = Some(match proof {
            Some(proof) => proof.and(&step.name, "pass", &step.sentence),
            None => Proof::of(&step.name, "pass", &step.sentence),
        });
    }
    let seconds: f64 = facts.steps.iter().map(|step| step.seconds).sum();
    let count = facts.steps.len();
    match proof {
        Some(proof) => {
            let sentence = format!("expected {count} steps to pass and to be cleaned up, saw it in {seconds:.3} s");
            Verdict::pass(proof, sentence).measured("duration_seconds", seconds, None)
        }
        None => Verdict::indeterminate(Reason::NoData, "expected steps to run, saw none"),
    }
}
