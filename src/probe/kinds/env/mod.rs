//! The effective environment of a workload: what a variable's value is like, never the value.
//!
//! A pass proves that the value has the asked properties in the environment the workload was
//! started with. It does not prove that the program reads the variable. Strength is estimated.

mod derive;
mod holders;
pub(super) mod source;

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::{Class, Proof, Reason, Timestamp, Verdict};
use crate::probe::guard::lane::Lane;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

use super::process::pattern;
pub(crate) use derive::Facts;

/// Judges an environment variable of a running workload without disclosing it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Env {
    /// Name of the target. Its address is `self:`, `process:<regular expression on the command
    /// line>`, `pidfile:<path>` or `file:<path of KEY=VALUE lines>`.
    target: Option<String>,
    /// The first of these that is set and not empty counts.
    vars: Vec<String>,
    /// Whether one of them must be set.
    required: bool,
    /// The value must be one of these.
    allowed: Vec<String>,
    /// The value must match this regular expression.
    pattern: Option<String>,
    /// The value must be an integer of at least this.
    min: Option<i64>,
    /// The value must be an integer of at most this.
    max: Option<i64>,
    /// The value must have so many bytes once decoded from hexadecimal or base64.
    min_bytes: Option<usize>,
    /// The value must have this estimated strength.
    min_entropy_bits: Option<f64>,
    /// Values that must not be used, besides the well-known ones such as `changeme`; compared
    /// without regard to case, with the value and with the password of a URL.
    placeholders: Vec<String>,
    /// Only this is looked at then: processes of the workload with different values of the first of these
    /// variables that is set, such as `AGENT_ID`, have different values of `vars`, and each has one. The
    /// values of these name them in sentences.
    per: Vec<String>,
    #[serde(skip)]
    #[schemars(skip)]
    lane: Lane,
}

impl Default for Env {
    fn default() -> Self {
        Self {
            target: None,
            vars: Vec::new(),
            required: true,
            allowed: Vec::new(),
            pattern: None,
            min: None,
            max: None,
            min_bytes: None,
            min_entropy_bits: None,
            placeholders: Vec::new(),
            per: Vec::new(),
            lane: Lane::default(),
        }
    }
}

impl Probe for Env {
    const NAME: &'static str = "env";
    const SUMMARY: &'static str = "Judges an environment variable of a workload without disclosing it";
    const CLASS: Class = Class::Blocking;
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        if self.target.is_none() {
            findings.error_with_hint("target", "no target", "name the workload among the checklist's targets");
        }
        if self.vars.is_empty() {
            findings.error("vars", "no variable is named");
        }
        if let Some(Err(problem)) = self.pattern.as_deref().map(pattern) {
            findings.error("pattern", problem);
        }
        if !self.per.is_empty() && self.judges_one() {
            findings.error("per", "other rules about the value need a check of their own");
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && max < min
        {
            findings.error("max", "the maximum is below the minimum");
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let source = source::Source::parse(&cx.target()?.address)?;
        let (vars, allowed, placeholders) = (self.vars.clone(), self.allowed.clone(), self.placeholders.clone());
        if !self.per.is_empty() {
            let per = self.per.clone();
            let look =
                move || Ok(Facts { holders: Some(holders::of(source.holders(&vars, &per)?)), ..Facts::default() });
            return self.lane.run(cx, "the environment of the workload", look).await;
        }
        let shape: Option<Regex> =
            self.pattern.as_deref().map(pattern).transpose().map_err(ProbeError::unconfigured)?;
        self.lane
            .run(cx, "the environment of the workload", move || {
                let found = source.look_up(&vars)?;
                let Some((var, value)) = &found.value else {
                    return Ok(Facts { processes: found.processes, ..Facts::default() });
                };
                let mut facts = derive::facts(value.expose(), found.owner, &placeholders);
                facts.in_allowed = allowed.iter().any(|allowed| allowed == value.expose());
                facts.matches = shape.is_none_or(|shape| shape.is_match(value.expose()));
                if derive::names_a_secret(var) {
                    facts.integer = None;
                }
                facts.var.clone_from(var);
                facts.processes = found.processes;
                Ok(facts)
            })
            .await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        let names = self.vars.join(" or ");
        if let Some(holders) = &facts.holders {
            return holders.judge(&names);
        }
        if !facts.present {
            return if self.required {
                Verdict::fail(Reason::Missing, format!("expected {names} to be set, saw no value"))
            } else {
                let proof = Proof::of("variable", "set or not", "not set");
                Verdict::pass(proof, format!("{names} is not set, which is allowed"))
            };
        }
        let var = &facts.var;
        let mut proof = Proof::of("variable", "set", format!("{var} is set"));
        for (rule, expected, seen, holds) in self.rules(facts) {
            if !holds {
                return Verdict::fail(Reason::Assertion, format!("{var}: expected {expected}, saw {seen}"));
            }
            proof = proof.and(rule, expected, seen);
        }
        Verdict::pass(proof, format!("{var} is set and is as expected"))
    }
}

impl Env {
    fn judges_one(&self) -> bool {
        let numbers = self.min.is_some() || self.max.is_some() || self.min_bytes.is_some();
        let texts = self.pattern.is_some() || !self.allowed.is_empty() || !self.placeholders.is_empty();
        numbers || texts || self.min_entropy_bits.is_some() || !self.required
    }

    /// Name, expectation, what was seen and whether it holds, for each rule that is asked for.
    fn rules(&self, facts: &Facts) -> Vec<(&'static str, String, String, bool)> {
        let mut rules = Vec::new();
        // A list of what is allowed says more than a list of what is not: a namespace may be `default`.
        let placeholder = facts.placeholder && self.allowed.is_empty();
        let shown = placeholder || facts.url.as_ref().is_some_and(|url| url.password_placeholder);
        let seen = if shown { "a placeholder" } else { "none" };
        rules.push(("placeholder", "no placeholder".to_owned(), seen.to_owned(), !shown));
        if !self.allowed.is_empty() {
            let seen = if facts.in_allowed { "one of them" } else { "another value" };
            rules.push(("allowed", format!("one of {}", self.allowed.join(", ")), seen.to_owned(), facts.in_allowed));
        }
        if let Some(shape) = &self.pattern {
            let seen = if facts.matches { "a match" } else { "no match" };
            rules.push(("pattern", format!("a match of `{shape}`"), seen.to_owned(), facts.matches));
        }
        let number = facts.integer.map_or("no integer".to_owned(), |integer| integer.to_string());
        if let Some(min) = self.min {
            rules.push(("min", format!("an integer of at least {min}"), number.clone(), facts.integer >= Some(min)));
        }
        if let Some(max) = self.max {
            let holds = facts.integer.is_some_and(|integer| integer <= max);
            rules.push(("max", format!("an integer of at most {max}"), number, holds));
        }
        if let Some(min) = self.min_bytes {
            let bytes = facts.decoded_bytes;
            rules.push(("bytes", format!("at least {min} bytes"), format!("{bytes} bytes"), bytes >= min));
        }
        if let Some(min) = self.min_entropy_bits {
            let bits = facts.entropy_bits;
            rules.push(("entropy", format!("at least {min} bits"), format!("about {bits:.0} bits"), bits >= min));
        }
        rules
    }
}

#[cfg(test)]
mod tests;
