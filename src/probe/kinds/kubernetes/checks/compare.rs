//! `compare`: a staging estate is like the production one.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Check, Kubernetes, Need, Report, Seen, environment, places};
use crate::expect::quantity;
use crate::model::Reason;
use crate::probe::Findings;
use crate::probe::kinds::http::api::Inside;
use crate::probe::kinds::kubernetes::facts::{List, Listing, Other, Version};
use crate::probe::kinds::kubernetes::object::{each, name, number, text};
use crate::probe::kinds::kubernetes::resource::{
    CONFIG_MAPS, CUSTOM_RESOURCES, DEPLOYMENTS, NETWORK_POLICIES, Resource,
};

/// Deployments, custom resources and network policies of this leg are those of another one, and the minor
/// version of the server is. What the other leg looks at it says by an empty `compare: {}` of its own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(in super::super) struct Compare {
    /// The leg whose estate this one must be like. Without it there only must be something.
    with: Option<String>,
    /// Share of the differences, of all that is compared, up to which it is like the other.
    max_drift: f64,
    /// Requests are at least this share of those of the other.
    min_requests_ratio: f64,
    /// Replicas are at least so many where the other has as many.
    min_replicas: u32,
    /// Names that either side may have alone.
    ignore: Vec<String>,
    /// The variables of containers are compared too: written ones and those of ConfigMaps by what they are,
    /// others by what they refer to. What secrets hold is not asked for.
    environment: bool,
    /// Variables that both sides have, with values that may differ.
    differs: Vec<String>,
}

impl Default for Compare {
    fn default() -> Self {
        Self {
            with: None,
            max_drift: 0.05,
            min_requests_ratio: 0.5,
            min_replicas: 2,
            ignore: Vec::new(),
            environment: false,
            differs: Vec::new(),
        }
    }
}

const SORTS: [Resource; 3] = [DEPLOYMENTS, NETWORK_POLICIES, CUSTOM_RESOURCES];

impl Compare {
    pub(in super::super) fn other(&self) -> Option<&str> {
        self.with.as_deref()
    }
}

impl Check for Compare {
    fn expects(&self, leg: &Kubernetes) -> String {
        match &self.with {
            Some(other) => format!("{} like {other}, but for {:.0} %", places(leg), self.max_drift * 100.0),
            None => format!("Deployments to compare in {}", places(leg)),
        }
    }

    fn needs(&self, _leg: &Kubernetes) -> Vec<Need> {
        let mut needs = vec![Need::of(DEPLOYMENTS), Need::of(NETWORK_POLICIES), Need::cluster(CUSTOM_RESOURCES)];
        if self.environment {
            needs.push(Need::of(CONFIG_MAPS));
        }
        needs
    }

    fn check(&self, _leg: &Kubernetes, findings: &mut Findings) {
        for (field, share) in [("max_drift", self.max_drift), ("min_requests_ratio", self.min_requests_ratio)] {
            if !(0.0..=1.0).contains(&share) {
                findings.error(&format!("compare.{field}"), "expected a share from 0 to 1");
            }
        }
    }

    fn judge(&self, seen: &Seen<'_>, report: &mut Report) {
        let own = seen.of(&DEPLOYMENTS);
        if own.is_empty() {
            report.wrong(Reason::Missing, "no Deployment");
            return;
        }
        let Some(with) = &self.with else {
            report.right("Deployments", "some", &own.len().to_string());
            return;
        };
        let whole = |other: &&Other| other.lists.values().all(|list| !list.cut);
        let other = seen.facts.other.as_ref().filter(whole);
        let Some(other) = other.filter(|other| !of(&other.lists, &DEPLOYMENTS).is_empty()) else {
            report.unclear(Reason::NoData, format!("nothing of {with} to compare with"));
            return;
        };
        let minor = |version: &Option<Version>| version.as_ref().map(|version| (version.major, version.minor));
        if minor(&other.version) != minor(&seen.facts.version) {
            let text = |version: &Option<Version>| version.as_ref().map_or("unknown", |v| v.text.as_str()).to_owned();
            let saw = format!("Kubernetes {}, not {}", text(&seen.facts.version), text(&other.version));
            report.wrong(Reason::Assertion, saw);
        }
        let other = &other.lists;
        if self.environment && !other.contains_key(CONFIG_MAPS.name()) {
            report.unclear(
                Reason::NoData,
                format!("nothing of the ConfigMaps of {with}: it needs `environment` as well"),
            );
            return;
        }
        let (mut compared, mut differences) = (0_u32, Vec::new());
        // Apart: there are so many variables that objects which are absent would be lost among them.
        let (mut variables, mut changed) = (0_u32, Vec::new());
        for sort in &SORTS {
            let (left, right) = (self.names(seen.of(sort)), self.names(of(other, sort)));
            compared += u32::try_from(left.union(&right).count()).unwrap_or(u32::MAX);
            let alone = |one: &BTreeSet<&str>, two: &BTreeSet<&str>, who: &str| -> Vec<String> {
                one.difference(two).map(|name| format!("{} {name} only in {who}", sort.name())).collect()
            };
            differences.extend(alone(&left, &right, "this one"));
            differences.extend(alone(&right, &left, with));
        }
        for deployment in own {
            let Some(twin) = of(other, &DEPLOYMENTS).iter().find(|twin| name(twin) == name(deployment)) else {
                continue;
            };
            compared += 3;
            self.twins(deployment, twin, &mut differences);
            if self.environment {
                let (left, right) = (
                    environment::of(deployment, seen.of(&CONFIG_MAPS)),
                    environment::of(twin, of(other, &CONFIG_MAPS)),
                );
                let all: BTreeSet<_> = left.keys().chain(right.keys()).collect();
                variables = variables.saturating_add(u32::try_from(all.len()).unwrap_or(u32::MAX));
                for key in all {
                    let what = format!("{} of {}", key.1, name(deployment));
                    match (left.get(key), right.get(key)) {
                        (Some(one), Some(two)) if one == two || self.differs.contains(&key.1) => {}
                        (Some(_), Some(_)) => changed.push(format!("the value of {what}")),
                        (Some(_), None) => changed.push(format!("{what} only in this one")),
                        _ => changed.push(format!("{what} only in {with}")),
                    }
                }
            }
        }
        let share = |some: usize, all: u32| f64::from(u32::try_from(some).unwrap_or(u32::MAX)) / f64::from(all.max(1));
        let drift = share(differences.len(), compared).max(share(changed.len(), variables));
        differences.extend(changed);
        if drift > self.max_drift {
            let shown: Vec<&str> = differences.iter().take(3).map(String::as_str).collect();
            let text = format!("{} differences in {compared} ({})", differences.len(), shown.join("; "));
            report.wrong(Reason::Assertion, text);
        } else {
            let saw = format!("{} differences in {compared}", differences.len());
            report.right("estate", &format!("at most {:.0} %", self.max_drift * 100.0), &saw);
        }
    }
}

impl Compare {
    fn names<'a>(&self, objects: Listing<'a>) -> BTreeSet<&'a str> {
        objects.iter().map(name).filter(|name| !self.ignore.iter().any(|known| known == name)).collect()
    }

    /// Images, replicas and requests of two Deployments of one name.
    fn twins(&self, own: &Value, twin: &Value, differences: &mut Vec<String>) {
        let images = |one: &Value| -> BTreeSet<String> {
            each(one, &["spec", "template", "spec", "containers"]).map(|c| text(c, &["image"]).to_owned()).collect()
        };
        if images(own) != images(twin) {
            differences.push(format!("images of {}", name(own)));
        }
        let replicas = |one: &Value| number(one, &["spec", "replicas"]).unwrap_or(1);
        let least = i64::from(self.min_replicas);
        if replicas(twin) >= least && replicas(own) < least {
            differences.push(format!("{} replicas of {}", replicas(own), name(own)));
        }
        let requests = |one: &Value, of: &str| -> f64 {
            let containers = each(one, &["spec", "template", "spec", "containers"]);
            let amounts =
                containers.filter_map(|c| c.at("resources").at("requests").at(of).as_str().and_then(quantity));
            amounts.sum()
        };
        if ["cpu", "memory"].iter().any(|of| requests(own, of) < self.min_requests_ratio * requests(twin, of)) {
            differences.push(format!("requests of {}", name(own)));
        }
    }
}

fn of<'a>(lists: &'a BTreeMap<String, List>, resource: &Resource) -> Listing<'a> {
    lists.get(resource.name()).map_or_else(Listing::default, List::objects)
}
