//! The mode says where the truth comes from; a check that looks elsewhere contradicts it.

use super::Subject;
use crate::catalog::compile::ItemFacts;
use crate::catalog::sink::Sink;
use crate::diag::{Code, Diagnostic};
use crate::model::Mode;

pub(super) fn check(subject: &Subject<'_>, sink: &Sink) {
    for (_, facts) in subject.items() {
        if let Some((problem, help)) = contradiction(facts) {
            let mode = facts.mode.value.as_str();
            let message = format!("the mode is `{mode}`, but {problem}");
            sink.push(Diagnostic::warning(Code::MODE, facts.mode.at, message).help(help));
        }
    }
}

fn contradiction(facts: &ItemFacts) -> Option<(&'static str, &'static str)> {
    let attested = facts.kinds.contains(&"attestation");
    let only_attested = facts.kinds == ["attestation"];
    match facts.mode.value {
        Mode::Attested if !facts.kinds.is_empty() && !attested => {
            Some(("no check of kind `attestation` is part of it", "set `mode: auto`, or add an `attestation` check"))
        }
        Mode::Auto | Mode::Artifact if only_attested => {
            Some(("a person's statement is all that decides it", "set `mode: attested`"))
        }
        Mode::Auto if facts.kinds.is_empty() && facts.refers => {
            Some(("it is computed from other items only", "set `mode: derived`"))
        }
        _ => None,
    }
}
