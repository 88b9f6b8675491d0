//! Kinds that look at nothing, with the parameters the tests need.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Access, Proof, Timestamp, Verdict};
use crate::probe::{Descriptor, Findings, Probe, ProbeCx, ProbeError};

pub(super) const KINDS: &[Descriptor] =
    &[Descriptor::of::<Attestation>(), Descriptor::of::<Http>(), Descriptor::of::<Postgres>()];

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Http {
    target: Option<String>,
    url: Option<String>,
    path: Option<String>,
    headers: BTreeMap<String, String>,
    bearer: Option<String>,
    status: Vec<u16>,
    tls: Tls,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
struct Tls {
    server_name: Option<String>,
    min_days: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Postgres {
    target: String,
    #[serde(default)]
    sql: Option<String>,
    #[serde(default)]
    bind: Vec<serde_json::Value>,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Attestation {
    role: Option<String>,
    records: Vec<serde_json::Value>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Facts {
    status: u16,
}

macro_rules! probe {
    ($name:ident, $key:literal, { $($body:tt)* }) => {
        impl Probe for $name {
            const NAME: &'static str = $key;
            const SUMMARY: &'static str = "A stand-in.";
            type Facts = Facts;

            $($body)*

            async fn observe(&self, _cx: &ProbeCx) -> Result<Facts, ProbeError> {
                Ok(Facts { status: 200 })
            }

            fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
                Verdict::pass(Proof::of("status", "200", facts.status.to_string()), "status is 200")
            }
        }
    };
}

probe!(Http, "http", {
    fn check(&self, findings: &mut Findings) {
        if self.target.is_some() == self.url.is_some() {
            let hint = "give one of them";
            findings.error_with_hint("", "`http` needs either `target` or `url`", hint);
        }
        for (index, status) in self.status.iter().enumerate() {
            if !(100..600).contains(status) {
                findings.error(&format!("status[{index}]"), format!("{status} is not an HTTP status"));
            }
        }
        let _ = (&self.path, &self.headers, &self.tls.server_name, &self.tls.min_days);
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.url.clone().unwrap_or_default()
    }

    fn credentials(&self) -> Vec<&str> {
        self.bearer.iter().map(String::as_str).collect()
    }
});

probe!(Postgres, "postgres", {
    fn access(&self) -> Access {
        if self.sql.as_deref() == Some("try to log in") { Access::Authenticates } else { Access::Read }
    }

    fn target(&self) -> Option<&str> {
        let _ = (&self.sql, &self.bind);
        Some(&self.target)
    }
});

probe!(Attestation, "attestation", {
    fn check(&self, _findings: &mut Findings) {
        let _ = (&self.role, &self.records);
    }
});
