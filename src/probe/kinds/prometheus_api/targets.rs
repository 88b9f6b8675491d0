//! What it scrapes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Targets;
use super::facts::{Facts, Target};
use super::look::{age, list, text};
use crate::probe::line::line;

const KEPT: usize = 2000;
const ERROR_BYTES: usize = 200;
const LABEL_BYTES: usize = 256;

pub(super) fn read(part: &Targets, data: &Value, now: f64, facts: &mut Facts) -> Result<(), String> {
    let mut jobs = BTreeSet::new();
    for one in list(data, "activeTargets")? {
        let labels = labels(one, "labels");
        let job = labels.get("job").cloned().unwrap_or_default();
        jobs.insert(job.clone());
        if !part.only.is_empty() && !part.only.contains(&job) {
            continue;
        }
        let health = text(one, "health");
        facts.target_count = facts.target_count.saturating_add(1);
        facts.up_count = facts.up_count.saturating_add(u64::from(health == "up"));
        let target = Target {
            job,
            instance: labels.get("instance").cloned().unwrap_or_default(),
            health,
            error: line(&without_query(&text(one, "lastError")), ERROR_BYTES),
            age_s: age(one.get("lastScrape"), now),
            interval_s: seconds(&text(one, "scrapeInterval")),
            scrape_s: one.get("lastScrapeDuration").and_then(Value::as_f64).unwrap_or_default(),
            labels,
        };
        if facts.targets.len() < KEPT {
            facts.targets.push(target);
        } else if target.health != "up" {
            // One that is not in order must be seen.
            facts.targets.insert(0, target);
        }
    }
    if facts.target_count > facts.targets.len() as u64 || facts.targets.len() > KEPT {
        facts.cut.push("targets".to_owned());
    }
    facts.jobs = jobs.into_iter().collect();
    Ok(())
}

pub(super) fn labels(of: &Value, field: &str) -> BTreeMap<String, String> {
    let pairs = of.get(field).and_then(Value::as_object).into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.clone(), line(value.as_str()?, LABEL_BYTES)))).collect()
}

/// A duration as Prometheus writes it, such as `1m30s`.
pub(super) fn seconds(text: &str) -> Option<f64> {
    humantime::parse_duration(text).ok().map(|time| time.as_secs_f64()).filter(|seconds| *seconds > 0.0)
}

/// Errors of Go repeat the URL that was asked, and a query may hold a token.
fn without_query(error: &str) -> String {
    let Some((before, after)) = error.split_once('?') else { return error.to_owned() };
    let rest = after.find(['"', ' ']).and_then(|end| after.get(end..)).unwrap_or_default();
    format!("{before}?***{rest}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_query_of_a_url_is_not_repeated() {
        let error = "Get \"http://h:1/metrics?token=s3cret\": dial tcp: refused";
        assert_eq!(super::without_query(error), "Get \"http://h:1/metrics?***\": dial tcp: refused");
        assert_eq!(super::without_query("is not a valid start token"), "is not a valid start token");
    }
}
