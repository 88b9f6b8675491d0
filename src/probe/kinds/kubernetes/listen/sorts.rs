//! What of a cluster a leg listens to.

use std::collections::BTreeSet;

use kube::api::{ListParams, WatchParams};
use kube::core::Request;

use crate::probe::ProbeError;
use crate::probe::kinds::kubernetes::Kubernetes;
use crate::probe::kinds::kubernetes::look::places;
use crate::probe::kinds::kubernetes::resource::path;

/// What is written all the time, whatever happens: leases every two seconds, events about everything, and
/// the endpoints that some elect their leaders with.
const RESTLESS: [(&str, &str); 4] =
    [("coordination.k8s.io", "leases"), ("", "events"), ("events.k8s.io", "events"), ("", "endpoints")];
/// Figures, which cannot be listened to.
const FIGURES: &str = "metrics.k8s.io";

/// Objects of one sort in one place: one stream, which all legs share that list them. Another selector is
/// another stream: it costs the server little, and a stream of everything would make all legs look whenever
/// anything changes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::probe::kinds::kubernetes) struct Sort {
    pub(super) api_version: String,
    pub(super) plural: String,
    /// `None`: in all namespaces, or in none.
    namespace: Option<String>,
    labels: Option<String>,
    fields: Option<String>,
}

/// One for each stream, without those that tell nothing.
pub(in crate::probe::kinds::kubernetes) fn sorts(leg: &Kubernetes) -> BTreeSet<Sort> {
    let mut all = BTreeSet::new();
    let mut add = |api_version: &str, plural: &str, spaces: &[String], labels: Option<&str>, fields: Option<&str>| {
        if is_worth_it(api_version, plural) {
            all.extend(places(spaces).into_iter().map(|namespace| Sort {
                api_version: api_version.to_owned(),
                plural: plural.to_owned(),
                namespace: namespace.map(str::to_owned),
                labels: labels.map(str::to_owned),
                fields: fields.map(str::to_owned),
            }));
        }
    };
    if let Some(objects) = &leg.objects {
        let named = objects.name.as_ref().map(|name| format!("metadata.name={name}"));
        let fields = named.as_deref().or(objects.field_selector.as_deref());
        add(&objects.api_version, &objects.resource, &leg.namespaces, objects.labels.as_deref(), fields);
    }
    if let Some(collectors) = &leg.collectors {
        add("v1", "pods", &leg.namespaces, Some(collectors.pods()), None);
        // Which of them are mounted is known by a look only.
        add("v1", "configmaps", &leg.namespaces, None, None);
    }
    for need in leg.checks().into_iter().flat_map(|check| check.needs(leg)) {
        add(need.resource.api_version, need.resource.plural, need.namespaces(leg), need.labels(leg), None);
    }
    all
}

/// Whether a change of such an object is worth a look.
pub(in crate::probe::kinds::kubernetes) fn is_worth_it(api_version: &str, plural: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    group != FIGURES && !RESTLESS.contains(&(group, plural))
}

impl Sort {
    /// All that its stream depends on.
    pub(in crate::probe::kinds::kubernetes) fn ear(&self) -> String {
        format!("{self:?}")
    }

    /// As in sentences: `deployments.apps in shop`.
    pub(super) fn shown(&self) -> String {
        let group = self.api_version.split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
        let place = self.namespace.as_ref().map(|name| format!(" in {name}")).unwrap_or_default();
        format!("{}{group}{place}", self.plural)
    }

    /// Path and query for the version of the list as it is now, and the media type: one object is enough.
    pub(super) fn newest(&self) -> Result<(String, String), ProbeError> {
        let parameters = ListParams {
            label_selector: self.labels.clone(),
            field_selector: self.fields.clone(),
            limit: Some(1),
            ..ListParams::default()
        };
        asked(self.request().list_metadata(&parameters))
    }

    /// The same for a stream of what changes after `version`, which the server ends after `lasts_s`.
    pub(super) fn changes(&self, version: &str, lasts_s: u32) -> Result<(String, String), ProbeError> {
        let parameters = WatchParams {
            label_selector: self.labels.clone(),
            field_selector: self.fields.clone(),
            timeout: Some(lasts_s),
            bookmarks: true,
            send_initial_events: false,
        };
        asked(self.request().watch_metadata(&parameters, version))
    }

    fn request(&self) -> Request {
        Request::new(path(&self.api_version, &self.plural, self.namespace.as_deref()))
    }
}

fn asked(made: Result<http::Request<Vec<u8>>, kube::core::request::Error>) -> Result<(String, String), ProbeError> {
    let made = made.map_err(|error| ProbeError::internal(format!("the question could not be made: {error}")))?;
    let accept = made.headers().get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
    Ok((made.uri().to_string(), accept.unwrap_or_default().to_owned()))
}
