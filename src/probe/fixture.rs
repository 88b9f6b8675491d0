//! What tests of probes share: a lent context, and the whole way from parameters to a verdict.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::net::Clients;
use super::net::peers::kept_directory;
use super::{CredentialSource, Credentials, Observation, ProbeCx, kinds};
use crate::expect::{Conditions, Params};
use crate::model::{Target, Timestamp, TlsFiles};

/// 2026-11-22T00:00:00Z, for what needs no real clock.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

/// A context whose deadline is so many milliseconds away, with clients of its own.
pub(crate) fn cx(milliseconds: u64) -> ProbeCx {
    cx_with(milliseconds, None, Credentials::default(), Arc::new(Clients::new()))
}

/// The same for a target with this address and no credential.
pub(crate) fn cx_for(milliseconds: u64, address: &str) -> ProbeCx {
    let target = Target { name: "peer".into(), address: address.into(), credential: None, tls: TlsFiles::default() };
    cx_with(milliseconds, Some(target), Credentials::default(), Arc::new(Clients::new()))
}

pub(crate) fn cx_with(
    milliseconds: u64,
    target: Option<Target>,
    credentials: Credentials,
    clients: Arc<Clients>,
) -> ProbeCx {
    let now = jiff::Timestamp::now().as_millisecond();
    let deadline = Instant::now() + Duration::from_millis(milliseconds);
    ProbeCx::new(Timestamp(now), deadline, target.map(Arc::new), Arc::new(credentials), clients)
}

/// Credentials of one name, kept in a file that lives as long as the process.
pub(crate) fn credential(name: &str, value: &str) -> Credentials {
    let path = kept_directory().join("credential");
    std::fs::write(&path, value).unwrap();
    Credentials::new(BTreeMap::from([(name.to_owned(), CredentialSource::File(path))]))
}

/// Parses, observes and judges as the engine does, without conditions.
pub(crate) async fn run(kind: &str, parameters: Value, cx: &ProbeCx) -> Observation {
    run_with(kind, parameters, &[], cx).await
}

/// The same with conditions.
pub(crate) async fn run_with(kind: &str, parameters: Value, expect: &[&str], cx: &ProbeCx) -> Observation {
    let kind = kinds::find(kind).unwrap();
    let parsed = kind.parse(parameters).unwrap();
    assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
    let expect: Vec<String> = expect.iter().map(|&text| text.to_owned()).collect();
    let conditions = Conditions::compile(&expect, &[], (kind.facts)().as_value(), &Params::default()).unwrap();
    parsed.probe.run(cx, &conditions).await
}
