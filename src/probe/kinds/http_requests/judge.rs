//! From answers to a verdict: what is certain to fail decides first, then what is unclear.

use serde_json::Value;

use super::HttpRequests;
use super::conditions::OfRequest;
use super::facts::{Facts, Response};
use super::request::Request;
use crate::expect::Gap;
use crate::model::{Outcome, Proof, Reason, Timestamp, Verdict};
use crate::probe::personal::told;

/// Answers that are about who asks, how often, or a server in between.
const BESIDE_THE_POINT: [u16; 7] = [401, 403, 407, 429, 502, 503, 504];
/// Assertions kept as proof.
const MAX_PROVED: usize = 32;

impl HttpRequests {
    pub(super) fn verdict(&self, facts: &Facts, now: Timestamp) -> Verdict {
        let mut unclear = None;
        let mut proof: Option<Proof> = None;
        for (n, response) in facts.responses.iter().enumerate() {
            let Some((request, own)) =
                self.requests.get(response.place).zip(self.compiled().requests.get(response.place))
            else {
                return Verdict::indeterminate(Reason::Internal, "an answer belongs to no request");
            };
            let verdict = self.one(request, own, response, now);
            match verdict.outcome() {
                Outcome::Fail => return verdict,
                Outcome::Indeterminate => {
                    unclear.get_or_insert(verdict);
                }
                Outcome::Pass if n < MAX_PROVED => {
                    let (name, expected) = (called(response), request.expected());
                    let seen = response.status.to_string();
                    proof = Some(match proof {
                        Some(proof) => proof.and(&name, expected, seen),
                        None => Proof::of(&name, expected, seen),
                    });
                }
                Outcome::Pass => {}
            }
        }
        if let Some(verdict) = self.differing(facts) {
            return verdict;
        }
        if let Some(why) = &facts.unsent {
            return unclear.unwrap_or_else(|| {
                Verdict::indeterminate(Reason::NoData, format!("expected an answer to every request, but {why}"))
            });
        }
        let slowest = facts.responses.iter().map(|response| response.seconds).fold(0.0, f64::max);
        let verdict = match (unclear, proof) {
            (Some(verdict), _) => verdict,
            (None, Some(proof)) => {
                let count = facts.responses.len();
                let plural = if count == 1 { "request" } else { "requests" };
                let sentence = format!(
                    "expected {count} {plural} to be answered as written, saw it of all, the slowest in {slowest:.3} s"
                );
                Verdict::pass(proof, sentence)
            }
            (None, None) => Verdict::indeterminate(Reason::NoData, "expected at least one request, saw none to send"),
        };
        verdict.measured("slowest_seconds", slowest, None)
    }

    fn one(&self, request: &Request, own: &OfRequest, response: &Response, now: Timestamp) -> Verdict {
        let (name, status, expected) = (called(response), response.status, request.expected());
        let negative = self.is_negative();
        if let Some(baseline) = &response.baseline
            && !request.is_expected(baseline.status)
        {
            let sentence = format!(
                "{name}: expected status {expected} for the innocuous request, saw {}, so that the others prove nothing",
                baseline.status
            );
            return Verdict::indeterminate(Reason::Status, sentence);
        }
        if !request.refused_with.is_empty() && (200..300).contains(&status) {
            let sentence = format!(
                "{name}: expected a refusal with {expected} from {}, saw it accepted with {status}",
                response.url
            );
            return Verdict::fail(Reason::AuthAccepted, sentence);
        }
        if let Some(found) = &response.forbidden {
            let pattern = self.forbid_body.as_deref().unwrap_or_default();
            let sentence = format!("{name}: expected no `{pattern}` in the body, saw `{found}` (status {status})");
            return Verdict::fail(Reason::Assertion, sentence);
        }
        let sentence = format!("{name}: expected status {expected} from {}, saw {status}", response.url);
        if !request.is_expected(status) {
            let beside = !request.refused_with.is_empty() || BESIDE_THE_POINT.contains(&status);
            return if negative && beside {
                Verdict::indeterminate(Reason::Status, format!("{sentence}, which proves nothing"))
            } else {
                Verdict::fail(Reason::Status, sentence)
            };
        }
        if let Some(verdict) = people(&name, response) {
            return verdict;
        }
        let built_in = Verdict::pass(Proof::of(&name, expected, status.to_string()), sentence);
        let Ok(facts) = serde_json::to_value(response) else {
            return Verdict::indeterminate(Reason::Internal, "the answer is not JSON");
        };
        let verdict = own.conditions.judge(built_in, &facts, &gaps(response), now);
        verdict.map_text(|text| (!text.starts_with(&name)).then(|| format!("{name}: {text}")))
    }

    /// Instances that do not agree, by the requests that have `same`.
    fn differing(&self, facts: &Facts) -> Option<Verdict> {
        for (place, request) in self.requests.iter().enumerate().filter(|(_, request)| request.same.is_some()) {
            let source = request.same.as_deref().unwrap_or_default();
            let mut answers = facts.responses.iter().filter(|response| response.place == place);
            let first = answers.next()?;
            if answers.clone().next().is_none() {
                let sentence = format!("{}: expected at least two instances to compare, saw one", request.label());
                return Some(Verdict::indeterminate(Reason::NoData, sentence));
            }
            for response in std::iter::once(first).chain(answers.clone()) {
                if let Some(why) = &response.same_problem {
                    let sentence = format!("{}: could not evaluate `{source}`: {why}", called(response));
                    return Some(Verdict::indeterminate(Reason::ExpressionError, sentence));
                }
            }
            if let Some(other) = answers.find(|response| response.same != first.same) {
                let sentence = format!(
                    "{}: expected the same `{source}` from all instances, saw {} at {} and {} at {}",
                    request.label(),
                    only(first, other),
                    first.url,
                    only(other, first),
                    other.url
                );
                return Some(Verdict::fail(Reason::Assertion, sentence));
            }
        }
        None
    }
}

/// What keeps a page of metrics from being free of personal data.
fn people(name: &str, response: &Response) -> Option<Verdict> {
    let samples = response.samples_looked_at?;
    let expected = format!("{name}: expected a page of metrics without personal data from {}", response.url);
    if let Some(told) = told(&response.personal) {
        return Some(Verdict::fail(Reason::Assertion, format!("{expected}, saw {told}")));
    }
    if let Some(problem) = &response.personal_problem {
        let sentence = format!("{expected}, but it cannot be read to its end: {problem}");
        return Some(Verdict::indeterminate(Reason::Invalid, sentence));
    }
    // A page of nothing says nothing.
    let nothing = || Verdict::indeterminate(Reason::NoData, format!("{expected}, saw one without a sample"));
    (samples == 0).then(nothing)
}

/// The request with its value, as sentences call it.
fn called(response: &Response) -> String {
    match &response.value {
        Some(value) => {
            let short: String = value.chars().take(60).collect();
            format!("{} with `{short}`", response.request)
        }
        None => response.request.clone(),
    }
}

/// What one answer has and the other lacks.
fn only(one: &Response, other: &Response) -> String {
    match (&one.same, &other.same) {
        (Some(Value::Array(own)), Some(Value::Array(others))) => {
            let missing: Vec<String> =
                own.iter().filter(|item| !others.contains(item)).take(3).map(Value::to_string).collect();
            if missing.is_empty() {
                format!("{} of them", own.len())
            } else {
                format!("only there {}", missing.join(", "))
            }
        }
        (Some(value), _) => value.to_string().chars().take(60).collect(),
        (None, _) => "nothing".to_owned(),
    }
}

fn gaps(response: &Response) -> Vec<Gap> {
    let gap = |field, why: &str| Gap { field, why: why.to_owned(), hides: false };
    let dropped = response.json.is_none() && response.body.is_none();
    if dropped {
        let why = match response.samples_looked_at {
            Some(_) => "what may be personal is not kept",
            None => "the answers are too long to be kept",
        };
        return vec![Gap { hides: true, ..gap("json", why) }, Gap { hides: true, ..gap("body", why) }];
    }
    if response.json.is_none() {
        let named = if response.content_type.is_empty() { "no content type" } else { &response.content_type };
        vec![gap("json", &format!("the body of {} bytes ({named}) is not JSON", response.body_bytes))]
    } else {
        vec![gap("body", "the body is JSON; read `json`")]
    }
}
