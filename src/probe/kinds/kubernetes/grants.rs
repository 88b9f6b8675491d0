//! The rights that a leg needs, as roles of Kubernetes name them.

use super::listen::is_worth_it;
use super::look::places;
use super::{Kubernetes, access, dry_run};
use crate::model::Access;
use crate::probe::Grant;

/// Asked where a sort of objects seems not to be there; everybody who is logged in may by default.
const DISCOVERY: [&str; 2] = ["/apis", "/apis/*"];

/// To read lines of pods.
pub(super) fn of_logs(namespace: &str) -> Vec<Grant> {
    let right = |resource: &str, verb| Grant {
        group: String::new(),
        resource: resource.to_owned(),
        verb,
        namespace: Some(namespace.to_owned()),
        access: Access::Read,
    };
    let paths = DISCOVERY.map(of_path).into_iter();
    paths.chain([right("pods", "list"), right("pods/log", "get")]).collect()
}

pub(super) fn grants(leg: &Kubernetes) -> Vec<Grant> {
    let mut all = Vec::new();
    let paths = [("/readyz", leg.ready), ("/version", leg.asks_version())];
    all.extend(paths.into_iter().filter(|(_, asked)| *asked).map(|(path, _)| of_path(path)));
    if leg.identity.is_some() {
        all.push(review("authentication.k8s.io", "selfsubjectreviews"));
    }
    all.extend(access::reviews(&leg.access).map(|sort| review(access::GROUP, sort)));
    if let Some(offered) = &leg.dry_run {
        let (api_version, resource, namespace) = dry_run::what(offered);
        let namespace = Some(namespace.to_owned());
        all.push(Grant { namespace, access: Access::Mutates, ..review(group(api_version), resource) });
    }
    if let Some(objects) = &leg.objects {
        let verb = if objects.name.is_some() { "get" } else { "list" };
        look(&mut all, &objects.api_version, &objects.resource, &leg.namespaces, verb);
    }
    if leg.collectors.is_some() {
        look(&mut all, "v1", "pods", &leg.namespaces, "list");
        look(&mut all, "v1", "configmaps", &leg.namespaces, "get");
    }
    for need in leg.checks().into_iter().flat_map(|check| check.needs(leg)) {
        look(&mut all, need.resource.api_version, need.resource.plural, need.namespaces(leg), "list");
    }
    all
}

/// To look, and to listen where that is worth it: then the list is asked for its version.
fn look(all: &mut Vec<Grant>, api_version: &str, resource: &str, spaces: &[String], verb: &'static str) {
    let listened: &[&'static str] = if is_worth_it(api_version, resource) { &["list", "watch"] } else { &[] };
    for verb in std::iter::once(verb).chain(listened.iter().copied()) {
        all.extend(places(spaces).into_iter().map(|namespace| Grant {
            group: group(api_version).to_owned(),
            resource: resource.to_owned(),
            verb,
            namespace: namespace.map(str::to_owned),
            access: Access::Read,
        }));
    }
    all.extend(DISCOVERY.map(of_path));
}

/// To post what is stored nowhere.
fn review(group: &str, resource: &str) -> Grant {
    let (group, resource) = (group.to_owned(), resource.to_owned());
    Grant { group, resource, verb: "create", namespace: None, access: Access::Read }
}

fn of_path(path: &str) -> Grant {
    let resource = path.to_owned();
    Grant { group: String::new(), resource, verb: "get", namespace: None, access: Access::Read }
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
