//! What one look at a target says.

use std::sync::Arc;

use super::measurement::{Measurement, MeasurementName};
use super::proof::{Assertions, Proof};
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

/// The judgement of one leg.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    outcome: Outcome,
    reason: Option<Reason>,
    /// Shared with what the run came to, which mostly says the same.
    sentence: Arc<str>,
    proof: Assertions,
    /// Shared with what the run came to, likewise.
    pub measurements: Arc<[Measurement]>,
    /// After this instant the evidence no longer holds (a certificate, an attestation, a report).
    pub valid_until: Option<Timestamp>,
}

/// A sentence is cut at this many bytes.
const SENTENCE_LIMIT: usize = 512;

impl Verdict {
    /// `sentence` says what was expected and what was seen.
    pub fn pass(proof: Proof, sentence: impl Into<String>) -> Self {
        Self { proof: proof.into_assertions(), ..Self::bare(Outcome::Pass, None, sentence.into()) }
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
            proof: Assertions::default(),
            measurements: Arc::default(),
            valid_until: None,
        }
    }

    pub fn measured(self, name: &'static str, value: f64, threshold: Option<f64>) -> Self {
        self.measured_too([Measurement { name: MeasurementName::constant(name), value, threshold }])
    }

    /// Adds what else was measured.
    pub fn measured_too(mut self, more: impl IntoIterator<Item = Measurement>) -> Self {
        let mut more = more.into_iter().peekable();
        if more.peek().is_some() {
            self.measurements = self.measurements.iter().cloned().chain(more).collect();
        }
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
    pub fn proof(&self) -> &Assertions {
        &self.proof
    }

    /// The same verdict with every text that `change` gives anew, and the others as they are.
    pub fn map_text(mut self, change: impl Fn(&str) -> Option<String>) -> Self {
        if let Some(changed) = change(&self.sentence) {
            self.sentence = cut(changed).into();
        }
        if let Some(changed) = self.proof.map_text(change) {
            self.proof = changed;
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
