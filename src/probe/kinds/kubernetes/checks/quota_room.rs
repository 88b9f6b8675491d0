//! `quota_room`: a quota bounds a namespace, is not used up, and who names no numbers gets some.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, places};
use crate::expect::quantity;
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::object::{at, full, namespace};
use crate::probe::kinds::kubernetes::resource::{LIMIT_RANGES, QUOTAS};

/// Each namespace has a quota for all of the keys and a LimitRange, and no quota is used beyond a share.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct QuotaRoom {
    /// What one quota must bound, such as `limits.cpu`.
    keys: Vec<String>,
    /// Share of each bound that may be used.
    max_ratio: f64,
}

impl Default for QuotaRoom {
    fn default() -> Self {
        Self { keys: ["limits.cpu", "limits.memory", "pods"].map(str::to_owned).to_vec(), max_ratio: 0.9 }
    }
}

impl Check for QuotaRoom {
    fn expects(&self, leg: &Kubernetes) -> String {
        format!("a quota for {} with room in {}", self.keys.join(", "), places(leg))
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        vec![Need::of(QUOTAS), Need::of(LIMIT_RANGES)]
    }

    fn check(&self, leg: &Kubernetes, findings: &mut Findings) {
        if leg.namespaces.is_empty() {
            findings.error("namespaces", "`quota_room` looks at namespaces that are named");
        }
        if self.keys.is_empty() {
            findings.error("quota_room.keys", "expected what is bounded, such as `pods`");
        }
        if !(0.0..=1.0).contains(&self.max_ratio) {
            findings.error("quota_room.max_ratio", "expected a share from 0 to 1");
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        for space in &seen.leg.namespaces {
            let before = report.count_wrong();
            let own = || seen.of(&QUOTAS).iter().filter(|quota| namespace(quota) == space);
            let bounds = |quota: &&Value| self.keys.iter().all(|key| !at(quota, &["spec", "hard", key]).is_null());
            if !own().any(|quota| bounds(&quota)) {
                let others = own().count();
                report.wrong(Reason::Missing, format!("none of {others} quotas in {space} for all of these"));
            }
            own().for_each(|quota| self.room(quota, report));
            if !seen.of(&LIMIT_RANGES).iter().any(|range| namespace(range) == space) {
                report.wrong(Reason::Missing, format!("no LimitRange in {space}"));
            }
            if before == report.count_wrong() {
                report.right(space, "a quota with room", &format!("{} quotas", own().count()));
            }
        }
    }
}

impl QuotaRoom {
    fn room(&self, quota: &Value, report: &mut Report) {
        let hard = at(quota, &["status", "hard"]);
        if hard.as_object().is_none_or(serde_json::Map::is_empty) {
            report.unclear(Reason::NoData, format!("the quota {}, whose use is not known", full(quota)));
        }
        for (key, bound) in hard.as_object().into_iter().flatten() {
            let used = at(quota, &["status", "used"]).at(key);
            let numbers = bound.as_str().and_then(quantity).zip(used.as_str().and_then(quantity));
            match numbers {
                Some((bound, used)) if used <= self.max_ratio * bound => {}
                Some(_) => {
                    let (used, bound) = (used.as_str().unwrap_or_default(), bound.as_str().unwrap_or_default());
                    report.wrong(Reason::Assertion, format!("{used} of {bound} {key} used of {}", full(quota)));
                }
                None => report.unclear(Reason::NoData, format!("the quota {}, whose {key} is not known", full(quota))),
            }
        }
    }
}
