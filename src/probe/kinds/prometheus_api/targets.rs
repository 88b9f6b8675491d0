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
    // Those not in order must be seen: of too many they are kept first.
    let (mut down, mut other, mut up) = (Vec::new(), Vec::new(), Vec::new());
    for (place, one) in list(data, "activeTargets")?.iter().enumerate() {
        let job = one.get("labels").map(|labels| line(&text(labels, "job"), LABEL_BYTES)).unwrap_or_default();
        if !jobs.contains(&job) {
            jobs.insert(job.clone());
        }
        if !part.only.is_empty() && !part.only.contains(&job) {
            continue;
        }
        let health = text(one, "health");
        facts.target_count = facts.target_count.saturating_add(1);
        facts.up_count = facts.up_count.saturating_add(u64::from(health == "up"));
        let kept = match health.as_str() {
            "down" => &mut down,
            "up" => &mut up,
            _ => &mut other,
        };
        if kept.len() < KEPT {
            kept.push((place, target(one, job, health, now)));
        }
    }
    if facts.target_count > KEPT as u64 {
        facts.cut.push("targets".to_owned());
    }
    let mut kept: Vec<(usize, Target)> = down.into_iter().chain(other).chain(up).take(KEPT).collect();
    kept.sort_by_key(|(place, _)| *place);
    facts.targets = kept.into_iter().map(|(_, target)| target).collect();
    facts.jobs = jobs.into_iter().collect();
    Ok(())
}

fn target(one: &Value, job: String, health: String, now: f64) -> Target {
    let labels = labels(one, "labels");
    Target {
        job,
        instance: labels.get("instance").cloned().unwrap_or_default(),
        health,
        error: line(&without_query(&text(one, "lastError")), ERROR_BYTES),
        age_s: age(one.get("lastScrape"), now),
        interval_s: seconds(&text(one, "scrapeInterval")),
        scrape_s: one.get("lastScrapeDuration").and_then(Value::as_f64).unwrap_or_default(),
        labels,
    }
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
    use serde_json::{Value, json};

    use super::{Facts, KEPT, Targets, read};

    #[test]
    fn of_too_many_targets_those_not_up_are_kept() {
        let mut all: Vec<Value> = vec![json!({ "health": "up" }); KEPT];
        all.extend(vec![json!({}); KEPT * 2]);
        all.extend((0..3).map(|n| json!({ "health": "down", "labels": { "job": "j", "instance": n.to_string() } })));
        let mut facts = Facts::default();
        read(&Targets::default(), &json!({ "activeTargets": all }), 0.0, &mut facts).unwrap();
        assert_eq!((facts.targets.len(), facts.target_count), (KEPT, 3 * KEPT as u64 + 3));
        let down = facts.targets.iter().filter(|target| target.health == "down");
        assert_eq!(down.map(|target| target.instance.as_str()).collect::<Vec<_>>(), ["0", "1", "2"]);
        assert_eq!((facts.up_count, facts.cut), (KEPT as u64, vec!["targets".to_owned()]));
        assert_eq!(facts.jobs, ["", "j"]);
    }

    #[test]
    fn the_query_of_a_url_is_not_repeated() {
        let error = "Get \"http://h:1/metrics?token=s3cret\": dial tcp: refused";
        assert_eq!(super::without_query(error), "Get \"http://h:1/metrics?***\": dial tcp: refused");
        assert_eq!(super::without_query("is not a valid start token"), "is not a valid start token");
    }
}
