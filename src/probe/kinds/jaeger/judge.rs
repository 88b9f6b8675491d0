//! What the facts mean. What is certainly wrong is told before what is unclear.

use super::facts::{Facts, Sampled, Trace};
use super::structure::Structure;
use super::{Jaeger, Request, sample};
use crate::model::{Outcome, Proof, Reason, Verdict};

/// Names a sentence lists.
const NAMED: usize = 5;

pub(super) fn judge(leg: &Jaeger, facts: &Facts) -> Verdict {
    let count = facts.services.len();
    let mut proof = Proof::of("services", "a list", format!("{count}"));
    let mut seen = vec![format!("{count} services")];
    let mut unclear = None;
    for found in all(leg, facts) {
        match found {
            Ok((name, expected, saw)) => {
                seen.push(saw.clone());
                proof = proof.and(name, expected, saw);
            }
            Err(verdict) if verdict.outcome() == Outcome::Fail => return verdict,
            Err(verdict) => {
                unclear.get_or_insert(verdict);
            }
        }
    }
    unclear.unwrap_or_else(|| Verdict::pass(proof, format!("expected traces as described, saw {}", seen.join("; "))))
}

/// (name, expected, seen), or what is not as expected.
type Found = Result<(&'static str, String, String), Verdict>;

fn all(leg: &Jaeger, facts: &Facts) -> Vec<Found> {
    let mut all = Vec::new();
    for service in leg.services.iter().chain(&leg.service) {
        all.push(known("service", service, &facts.services));
    }
    for operation in &leg.operations {
        all.push(known("operation", operation, &facts.operations));
    }
    if let Some(max_age_s) = leg.max_age_s {
        all.extend(facts.ages.iter().map(|age| {
            let expected = format!("a trace of {} not older than {max_age_s} s", age.service);
            match age.newest_age_s {
                Some(newest) if newest > f64::from(max_age_s) => {
                    Err(Verdict::fail(Reason::TooOld, format!("expected {expected}, saw one {newest:.0} s old")))
                }
                Some(newest) => Ok(("age", expected, format!("{} {newest:.0} s ago", age.service))),
                None => Err(Verdict::fail(Reason::TooOld, format!("expected {expected}, saw none"))),
            }
        }));
    }
    if let Some(execution) = &facts.execution {
        let expected = format!("a trace of {} from the time of its execution", execution.operation);
        all.push(match &execution.trace {
            Some(id) => Ok(("execution", expected, format!("trace {id}"))),
            None => {
                let sentence = format!("expected {expected}, saw none among {} traces", facts.traces.len());
                Err(Verdict::fail(Reason::Missing, sentence))
            }
        });
    } else if leg.searches() && leg.execution.is_none() {
        all.push(enough(leg, facts));
        all.extend(leg.structure.iter().filter(|_| !facts.traces.is_empty()).flat_map(|s| structured(s, facts)));
    }
    all.extend(leg.request.iter().zip(&facts.request).map(|(request, seen)| sampled(request, seen)));
    all
}

fn known(what: &'static str, name: &String, among: &[String]) -> Found {
    if among.contains(name) {
        return Ok((what, name.clone(), format!("{what} {name}")));
    }
    let shown = among.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    let others = match among.len() {
        0 => "none".to_owned(),
        count if count > NAMED => format!("{count} others, such as {shown}"),
        _ => shown,
    };
    Err(Verdict::fail(Reason::Missing, format!("expected the {what} {name}, saw {others}")))
}

fn enough(leg: &Jaeger, facts: &Facts) -> Found {
    let (count, least, window_s) = (facts.traces.len(), leg.min_traces, leg.window_s);
    let of = leg.service.as_deref().unwrap_or_default();
    let expected = format!("at least {least} traces of {of} within {window_s} s");
    if count >= usize::try_from(least).unwrap_or(usize::MAX) {
        return Ok(("traces", expected, format!("{count} traces of {of}")));
    }
    Err(Verdict::indeterminate(Reason::NoData, format!("expected {expected}, saw {count}")))
}

fn structured(wanted: &Structure, facts: &Facts) -> Vec<Found> {
    let (count, good) = (facts.traces.len(), facts.traces.iter().filter(|trace| trace.lacks.is_empty()).count());
    let percent = wanted.min_ratio * 100.0;
    let expected = format!("{percent:.0} % of {count} traces complete");
    let seen = format!("{good} of {count} complete");
    let mut all = vec![if good as f64 >= wanted.min_ratio * count as f64 {
        Ok(("structure", expected, seen))
    } else {
        let first = facts.traces.iter().find(|trace| !trace.lacks.is_empty());
        let lacks = first.map(|trace| format!("{} lacks {}", trace.id, trace.lacks.join(", "))).unwrap_or_default();
        Err(Verdict::fail(Reason::Assertion, format!("expected {expected}, saw {good}: {lacks}")))
    }];
    if let Some(most) = wanted.max_error_ratio {
        let (errors, spans) = (facts.error_count, facts.span_count);
        let ratio = f64::from(errors) / f64::from(spans.max(1));
        let expected = format!("at most {:.1} % of spans with an error", most * 100.0);
        let seen = format!("{errors} of {spans} spans with an error");
        all.push(if ratio <= most {
            Ok(("errors", expected, seen))
        } else {
            Err(Verdict::fail(Reason::Assertion, format!("expected {expected}, saw {seen}")))
        });
    }
    all
}

fn sampled(request: &Request, seen: &Sampled) -> Found {
    let least = request.min_services;
    let expected = format!("the trace of a request with one root, no orphans and {least} services");
    let waited_s = seen.waited_s;
    let Some(trace) = &seen.trace else {
        let sentence = format!("expected {expected}, saw none in {waited_s:.1} s");
        return Err(Verdict::fail(Reason::Missing, sentence));
    };
    let Trace { root_count, orphan_count, services, .. } = trace;
    let names = services.iter().cloned().collect::<Vec<_>>().join(", ");
    let saw = format!("{root_count} roots, {orphan_count} orphans and the services {names} after {waited_s:.1} s");
    if sample::is_complete(request, trace) {
        Ok(("request", expected, saw))
    } else {
        Err(Verdict::fail(Reason::Assertion, format!("expected {expected}, saw {saw}")))
    }
}
