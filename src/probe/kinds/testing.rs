//! What tests of kinds share: a lent context, and the whole way from parameters to a verdict.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::expect::Conditions;
use crate::model::{Target, Timestamp, TlsFiles};
use crate::probe::net::Clients;
use crate::probe::{Credentials, Observation, ProbeCx};

/// 2026-11-22T00:00:00Z.
pub(in crate::probe) const NOW: Timestamp = Timestamp::from_secs(1_795_305_600);

pub(in crate::probe) fn cx(ms: u64) -> ProbeCx {
    cx_for(ms, None)
}

pub(in crate::probe) fn cx_for(ms: u64, address: Option<&str>) -> ProbeCx {
    let target = address.map(|address| {
        let name = Arc::from("t");
        Arc::new(Target { name, address: address.into(), credential: None, tls: TlsFiles::default() })
    });
    let deadline = Instant::now() + Duration::from_millis(ms);
    ProbeCx::new(NOW, deadline, target, Arc::new(Credentials::default()), Arc::new(Clients::default()))
}

/// Parses, observes and judges as the engine does, without conditions.
pub(in crate::probe) async fn run(kind: &str, parameters: Value, cx: &ProbeCx) -> Observation {
    let parsed = super::find(kind).unwrap().parse(parameters).unwrap();
    assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
    parsed.probe.run(cx, &Conditions::default()).await
}
