//! The table of kinds: one file a kind, one line here. Both lists are sorted; a test compares
//! them with the folder.

mod alertmanager;
mod attestation;
mod command;
mod compare;
mod dns;
mod docker;
mod env;
mod etcd;
mod file;
mod files;
mod git;
mod grafana;
mod grpc;
mod history;
mod http;
mod http_each;
mod http_requests;
mod jaeger;
mod kubernetes;
mod load;
mod login;
mod logs;
mod postgres;
mod process;
mod prometheus_api;
mod promql;
mod redis;
mod scenario;
mod tcp;
mod tls;
mod websocket;

use super::{Descriptor, Findings};

/// All kinds, by name.
pub const KINDS: &[Descriptor] = &[
    Descriptor::of::<alertmanager::Alertmanager>(),
    Descriptor::of::<attestation::Attestation>(),
    Descriptor::of::<command::Command>(),
    Descriptor::of::<compare::Compare>(),
    Descriptor::of::<dns::Dns>(),
    Descriptor::of::<docker::Docker>(),
    Descriptor::of::<env::Env>(),
    Descriptor::of::<etcd::Etcd>(),
    Descriptor::of::<file::File>(),
    Descriptor::of::<files::Files>(),
    Descriptor::of::<git::Git>(),
    Descriptor::of::<grafana::Grafana>(),
    Descriptor::of::<grpc::Grpc>(),
    Descriptor::of::<history::History>(),
    Descriptor::of::<http::Http>(),
    Descriptor::of::<http_each::HttpEach>(),
    Descriptor::of::<http_requests::HttpRequests>(),
    Descriptor::of::<jaeger::Jaeger>(),
    Descriptor::of::<kubernetes::Kubernetes>(),
    Descriptor::of::<load::Load>(),
    Descriptor::of::<login::Login>(),
    Descriptor::of::<logs::Logs>(),
    Descriptor::of::<postgres::Postgres>(),
    Descriptor::of::<process::Process>(),
    Descriptor::of::<prometheus_api::PrometheusApi>(),
    Descriptor::of::<promql::Promql>(),
    Descriptor::of::<redis::Redis>(),
    Descriptor::of::<scenario::Scenario>(),
    Descriptor::of::<tcp::Tcp>(),
    Descriptor::of::<tls::Tls>(),
    Descriptor::of::<websocket::WebSocket>(),
];

/// The kind with this name.
pub fn find(name: &str) -> Option<&'static Descriptor> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// A leg names a target, or an address of its own under `field`; not both, not neither.
fn one_place(target: &Option<String>, field: &str, own: &Option<String>, findings: &mut Findings) {
    match (target, own) {
        (Some(_), Some(_)) => findings.error(field, format!("write either `target` or `{field}`, not both")),
        (None, None) => findings.error("", format!("write `target` or `{field}`")),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_is_sorted_and_matches_the_folder() {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        assert!(names.is_sorted() && names.iter().collect::<BTreeSet<_>>().len() == names.len(), "{names:?}");
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/probe/kinds");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .filter(|name| name != "mod")
            .collect();
        assert_eq!(files, names.iter().map(|name| (*name).to_owned()).collect());
    }

    #[test]
    fn schemas_of_parameters_show_no_inner_fields() {
        for kind in KINDS {
            let schema = (kind.parameters)().to_value();
            assert!(schema["properties"].get("lane").is_none(), "{}", kind.name);
            assert!((kind.facts)().to_value()["properties"].is_object(), "{}", kind.name);
        }
    }
}
