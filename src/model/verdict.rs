//! What one look at a target says.

use std::sync::Arc;

use super::{Reason, Timestamp};

/// The three things one look can say. "Could not tell" is not "failed".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    Pass,
    Fail,
    Indeterminate,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Indeterminate => "indeterminate",
        }
    }

    pub fn parse(text: &str) -> Option<Outcome> {
        [Outcome::Pass, Outcome::Fail, Outcome::Indeterminate].into_iter().find(|o| o.as_str() == text)
    }
}

/// One thing that was checked: what was expected and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    pub name: String,
    pub expected: String,
    pub seen: String,
}

/// At least one checked assertion. Without one there is no pass: missing evidence never passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof(Vec<Assertion>);

/// A number behind a verdict, in a base unit that its name ends with (`latency_seconds`).
/// Names are constants of a kind or identifiers from the catalogue, never text from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// Shared by the verdict of a leg and the run.
    pub name: Arc<str>,
    pub value: f64,
    /// What the value is compared with, if anything.
    pub threshold: Option<f64>,
}

/// The judgement of one leg.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    outcome: Outcome,
    reason: Option<Reason>,
    /// Shared with what the run came to, which mostly says the same.
    sentence: Arc<str>,
    proof: Box<[Assertion]>,
    pub measurements: Vec<Measurement>,
    /// After this instant the evidence no longer holds (a certificate, an attestation, a report).
    pub valid_until: Option<Timestamp>,
}

/// A sentence is cut at this many bytes.
const SENTENCE_LIMIT: usize = 512;

impl Proof {
    pub fn new(first: Assertion) -> Self {
        Self(vec![first])
    }

    /// A proof of one assertion.
    pub fn of(name: &str, expected: impl Into<String>, seen: impl Into<String>) -> Self {
        Self::new(Assertion { name: name.to_owned(), expected: expected.into(), seen: seen.into() })
    }

    /// `None` if nothing was checked.
    pub fn from_assertions(assertions: Vec<Assertion>) -> Option<Self> {
        (!assertions.is_empty()).then_some(Self(assertions))
    }

    pub fn and(mut self, name: &str, expected: impl Into<String>, seen: impl Into<String>) -> Self {
        self.0.push(Assertion { name: name.to_owned(), expected: expected.into(), seen: seen.into() });
        self
    }

    pub fn extend(mut self, other: Proof) -> Self {
        self.0.extend(other.0);
        self
    }

    pub fn assertions(&self) -> &[Assertion] {
        &self.0
    }
}

impl Verdict {
    /// `sentence` says what was expected and what was seen.
    pub fn pass(proof: Proof, sentence: impl Into<String>) -> Self {
        Self { proof: proof.0.into(), ..Self::bare(Outcome::Pass, None, sentence.into()) }
    }

    pub fn fail(reason: Reason, sentence: impl Into<String>) -> Self {
        Self::bare(Outcome::Fail, Some(reason), sentence.into())
    }

    pub fn indeterminate(reason: Reason, sentence: impl Into<String>) -> Self {
        Self::bare(Outcome::Indeterminate, Some(reason), sentence.into())
    }

    fn bare(outcome: Outcome, reason: Option<Reason>, sentence: String) -> Self {
        Self {
            outcome,
            reason,
            sentence: cut(sentence).into(),
            proof: Box::default(),
            measurements: Vec::new(),
            valid_until: None,
        }
    }

    pub fn measured(mut self, name: &str, value: f64, threshold: Option<f64>) -> Self {
        // Kept for as long as the verdict is the last one, so without room for more.
        self.measurements.reserve_exact(1);
        self.measurements.push(Measurement { name: name.into(), value, threshold });
        self
    }

    pub fn valid_until(mut self, until: Timestamp) -> Self {
        self.valid_until = Some(until);
        self
    }

    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Always there unless the outcome is a pass.
    pub fn reason(&self) -> Option<Reason> {
        self.reason
    }

    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The same, to keep without copying it.
    pub(crate) fn shared_sentence(&self) -> Arc<str> {
        Arc::clone(&self.sentence)
    }

    /// What was checked; empty unless the outcome is a pass.
    pub fn proof(&self) -> &[Assertion] {
        &self.proof
    }

    /// The same verdict with every text that `change` gives anew, and the others as they are.
    pub fn map_text(mut self, change: impl Fn(&str) -> Option<String>) -> Self {
        if let Some(changed) = change(&self.sentence) {
            self.sentence = cut(changed).into();
        }
        for assertion in &mut self.proof {
            for text in [&mut assertion.expected, &mut assertion.seen] {
                if let Some(changed) = change(text) {
                    *text = changed;
                }
            }
        }
        self
    }
}

/// The sentence within its limit, cut at a character and marked with an ellipsis.
pub(crate) fn cut(mut sentence: String) -> String {
    if sentence.len() > SENTENCE_LIMIT {
        let mut end = SENTENCE_LIMIT - '…'.len_utf8();
        while !sentence.is_char_boundary(end) {
            end -= 1;
        }
        sentence.truncate(end);
        sentence.push('…');
    }
    sentence
}
