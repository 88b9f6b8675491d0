//! Whether the server would take an object. With `dryRun=All` it goes through all of admission and is
//! stored nowhere; admission webhooks may still do something of their own, so it is opt-in.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::client::Client;
use super::facts::DryRun as Seen;
use super::resource::{is_plain, path};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::{Findings, ProbeError};

/// An object that is offered to the server.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DryRun {
    /// Its sort, such as `pods`.
    resource: String,
    namespace: String,
    /// The object itself, with `apiVersion` and `kind`.
    manifest: Map<String, Value>,
    /// It must be refused,
    refused: bool,
    /// and the refusal must hold this text, such as `PodSecurity`.
    says: String,
}

/// How the server refuses who may not create such objects at all.
const NO_RIGHT: &str = "cannot create resource";

pub(super) fn check(dry_run: &DryRun, findings: &mut Findings) {
    let text = |key: &str| dry_run.manifest.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    if !text("apiVersion") || !text("kind") {
        findings.error("dry_run.manifest", "expected an object with `apiVersion` and `kind`");
    }
    for (field, value) in [("dry_run.resource", &dry_run.resource), ("dry_run.namespace", &dry_run.namespace)] {
        if !is_plain(value) {
            findings.error(field, "expected a name");
        }
    }
    if !dry_run.says.is_empty() && !dry_run.refused {
        findings.error("dry_run.says", "it is about a refusal; set `refused`");
    }
}

/// Version, sort and namespace of what is offered.
pub(super) fn what(dry_run: &DryRun) -> (&str, &str, &str) {
    let api_version = dry_run.manifest.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    (api_version, &dry_run.resource, &dry_run.namespace)
}

pub(super) async fn offer(dry_run: &DryRun, client: &Client<'_>) -> Result<Seen, ProbeError> {
    let (api_version, resource, namespace) = what(dry_run);
    let path = path(api_version, resource, Some(namespace));
    let reply = client.post(&format!("{path}?dryRun=All"), &Value::Object(dry_run.manifest.clone())).await?;
    let accepted = reply.is_ok();
    // Besides a refusal by admission: the object is no object, or one like it is there.
    if !accepted && reply.status != 403 {
        return Err(reply.refusal());
    }
    let message = if accepted { String::new() } else { reply.message() };
    let forbidden = !accepted && message.contains(NO_RIGHT);
    Ok(Seen { status: reply.status, accepted, forbidden, message, warnings: reply.warnings })
}

pub(super) fn judge(dry_run: &DryRun, seen: &Seen) -> Result<Proof, Verdict> {
    let named = dry_run.manifest.get("kind").and_then(Value::as_str).unwrap_or_default();
    let expected = if dry_run.refused { "refused" } else { "accepted" };
    let what = format!("expected the {named} to be {expected}");
    if seen.forbidden {
        let sentence = format!("{what}, saw that the exporter may not create one ({})", seen.message);
        return Err(Verdict::indeterminate(Reason::PermissionDenied, sentence));
    }
    match (dry_run.refused, seen.accepted) {
        (true, true) => {
            let warned = seen.warnings.first().map(|text| format!(" with a warning ({text})")).unwrap_or_default();
            Err(Verdict::fail(Reason::Assertion, format!("{what}, saw it accepted{warned}")))
        }
        (false, false) => Err(Verdict::fail(Reason::Assertion, format!("{what}, saw it refused ({})", seen.message))),
        (true, false) if !seen.message.contains(&dry_run.says) => {
            let sentence = format!("{what} by {}, saw it refused otherwise ({})", dry_run.says, seen.message);
            Err(Verdict::indeterminate(Reason::Status, sentence))
        }
        _ => Ok(Proof::of("dry run", expected, if seen.accepted { "accepted" } else { &seen.message })),
    }
}
