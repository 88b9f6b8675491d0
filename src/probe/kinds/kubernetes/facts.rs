//! What one look yields.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Kubernetes;
use super::collectors::Mounted;
use crate::expect::Gap;

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// Whether the server says that it is ready; null if it was not asked.
    pub(super) ready: Option<bool>,
    /// What it says of that.
    pub(super) ready_says: String,
    pub(super) version: Option<Version>,
    /// Who the server takes the exporter for.
    pub(super) identity: Option<String>,
    /// Seconds until the exporter's token ends; null if it does not say.
    pub(super) token_left_s: Option<f64>,
    /// The objects that `objects` asks for, with the fields named there.
    pub(super) objects: Vec<Arc<Value>>,
    /// How many there are.
    pub(super) count: u32,
    /// How many in each of the namespaces.
    pub(super) by_namespace: BTreeMap<String, u32>,
    /// Elements of the lists that `each` names.
    pub(super) elements: Vec<Element>,
    /// Different values of the field that `distinct` names.
    pub(super) distinct: Vec<String>,
    /// The times that `times` names, of the objects that have them.
    pub(super) times: Vec<Moment>,
    /// Whether the cluster has this sort of object at all; null if none is asked for.
    pub(super) installed: Option<bool>,
    /// There are more of them than were read.
    pub(super) cut: bool,
    pub(super) access: Vec<Reviewed>,
    pub(super) dry_run: Option<DryRun>,
    /// Lists that the named checks look at, by what is in them.
    pub(super) lists: BTreeMap<String, List>,
    /// With `collectors`.
    pub(super) collectors: Option<Mounted>,
    /// What another leg saw, for `compare`; null if that failed.
    pub(super) other: Option<Other>,
    /// Seconds since the oldest of the lists was fetched.
    pub(super) age_s: f64,
}

/// One element of a list within an object.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Element {
    pub(super) namespace: String,
    /// Name of the object.
    pub(super) object: String,
    /// The path of the list.
    pub(super) path: String,
    pub(super) item: Value,
}

/// A time in an object.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Moment {
    pub(super) namespace: String,
    /// Name of the object.
    pub(super) object: String,
    pub(super) path: String,
    /// Seconds since the epoch.
    pub(super) at_s: i64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Version {
    pub(super) text: String,
    pub(super) major: u32,
    pub(super) minor: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Reviewed {
    /// Such as `system:serviceaccount:a:b may list pods in c`.
    pub(super) what: String,
    pub(super) expected: bool,
    pub(super) allowed: bool,
    /// What could not be evaluated; empty if all could.
    pub(super) error: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct DryRun {
    pub(super) status: u16,
    pub(super) accepted: bool,
    /// The exporter may not even ask.
    pub(super) forbidden: bool,
    pub(super) message: String,
    pub(super) warnings: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct List {
    pub(super) installed: bool,
    pub(super) cut: bool,
    pub(super) items: Vec<Arc<Value>>,
}

/// Listing of a list, which belong to all who look at them.
#[derive(Clone, Copy, Default)]
pub(super) struct Listing<'a>(&'a [Arc<Value>]);

impl List {
    pub(super) fn objects(&self) -> Listing<'_> {
        Listing(&self.items)
    }
}

impl<'a> Listing<'a> {
    pub(super) fn iter(self) -> Each<'a> {
        self.0.iter().map(|object| object)
    }

    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

type Each<'a> = std::iter::Map<std::slice::Iter<'a, Arc<Value>>, fn(&'a Arc<Value>) -> &'a Value>;

impl<'a> IntoIterator for Listing<'a> {
    type Item = &'a Value;
    type IntoIter = Each<'a>;

    fn into_iter(self) -> Each<'a> {
        self.iter()
    }
}

/// The part of another leg's facts that is compared.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Other {
    pub(super) version: Option<Version>,
    #[serde(default)]
    pub(super) lists: BTreeMap<String, List>,
}

pub(super) fn gaps(leg: &Kubernetes, facts: &Facts) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut hide = |field: &'static str, why: &str| gaps.push(Gap { field, why: why.to_owned(), hides: true });
    const OBJECTS: [&str; 6] = ["objects", "count", "by_namespace", "elements", "distinct", "times"];
    if facts.cut {
        for field in OBJECTS {
            hide(field, "there are more objects than are read");
        }
    } else if leg.objects.is_none() {
        for field in OBJECTS {
            hide(field, "the check does not ask for them");
        }
    }
    if facts.lists.values().any(|list| list.cut) {
        hide("lists", "there are more objects than are read");
    }
    for (field, asked) in [("access", !leg.access.is_empty()), ("dry_run", leg.dry_run.is_some())] {
        if !asked {
            hide(field, "the check does not ask for it");
        }
    }
    gaps
}
