//! Dashboards that are committed, each held against the one that is served under its uid.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::meaning;
use crate::model::{Reason, Verdict};
use crate::probe::kinds::git::documents;
use crate::probe::kinds::http::api::{Api, Inside, Who};
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

/// A committed dashboard, and what is served.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Compared {
    /// Its path in the repository.
    pub(super) file: String,
    /// Empty if it has none, or one that Grafana cannot have given: then nothing is asked.
    pub(super) uid: String,
    pub(super) found: bool,
    /// Where the one that is served differs first, and how; null if it does not.
    pub(super) difference: Option<String>,
}

/// Bytes of a path and of a uid.
const PATH: usize = 200;
const UID: usize = 60;
/// Dashboards that a sentence names.
const NAMED: usize = 3;

/// Each that the leg has read, in the order of their paths.
pub(super) async fn ask(leg: &str, api: &Api<'_>, cx: &ProbeCx) -> Result<Vec<Compared>, ProbeError> {
    let mut all = Vec::new();
    for (path, document) in documents::of_leg(cx, leg)?.iter().filter(|(path, _)| path.ends_with(".json")) {
        // As it is sent to Grafana, or as it is served by it.
        let wrapped = document.at("dashboard");
        all.push(one(path, if wrapped.is_object() { wrapped } else { document }, api).await?);
    }
    if all.is_empty() {
        let text = format!("expected committed dashboards to compare with, {leg} saw none");
        return Err(ProbeError::observer(Reason::NoData, text));
    }
    Ok(all)
}

async fn one(path: &str, committed: &Value, api: &Api<'_>) -> Result<Compared, ProbeError> {
    let mut compared = Compared { file: line(path, PATH), ..Compared::default() };
    let plain = |uid: &&str| !uid.is_empty() && uid.len() <= UID && uid.chars().all(super::is_plain);
    let Some(uid) = committed.at("uid").as_str().filter(plain) else { return Ok(compared) };
    compared.uid = uid.to_owned();
    let reply = api.get(&format!("api/dashboards/uid/{uid}"), Who::Target).await?;
    if reply.status == 404 {
        return Ok(compared);
    }
    let answer = reply.into_json()?;
    let served = answer.at("dashboard");
    if !served.is_object() {
        let text = format!("expected the dashboard {uid}, saw JSON without `dashboard`");
        return Err(ProbeError::target(Reason::Protocol, text));
    }
    compared.found = true;
    compared.difference = meaning::difference(committed, served);
    Ok(compared)
}

/// All of them as one finding.
pub(super) fn judge(all: &[Compared]) -> super::judge::Found {
    let expected = format!("the {} committed dashboards served as they are committed", all.len());
    let told = |one: &Compared| match &one.difference {
        _ if !one.found => format!("none with the uid {} of {}", one.uid, one.file),
        Some(how) => format!("that of {} ({}) {how}", one.uid, one.file),
        None => String::new(),
    };
    let asked = || all.iter().filter(|one| !one.uid.is_empty());
    let wrong: Vec<&Compared> = asked().filter(|one| !one.found || one.difference.is_some()).collect();
    if let Some(first) = wrong.first() {
        let named = wrong.iter().take(NAMED).map(|one| told(one)).collect::<Vec<_>>().join(", ");
        let more = if wrong.len() > NAMED { " and others" } else { "" };
        let reason = if first.found { Reason::Assertion } else { Reason::Missing };
        return Err(Verdict::fail(reason, format!("expected {expected}, saw {named}{more}")));
    }
    if let Some(one) = all.iter().find(|one| one.uid.is_empty()) {
        let sentence = format!("expected {expected}, but {} has no uid by which it can be found", one.file);
        return Err(Verdict::indeterminate(Reason::NoData, sentence));
    }
    Ok(("committed dashboards", expected, format!("{0} of {0}", all.len())))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use crate::model::{Outcome, Reason};
    use crate::probe::net::peers::{http, response};
    use crate::probe::{LegFacts, fixture};

    async fn compared(documents: Value) -> (Outcome, Option<Reason>, String) {
        let peer = http(|head| {
            let json =
                |status: &str, body: Value| response(status, "content-type: application/json\r\n", &body.to_string());
            match head.split(' ').nth(1).unwrap() {
                "/api/health" => json("200 OK", json!({ "database": "ok" })),
                "/api/dashboards/uid/a" => {
                    json("200 OK", json!({ "meta": {}, "dashboard": { "uid": "a", "id": 7, "title": "A" } }))
                }
                _ => json("404 Not Found", json!({ "message": "Dashboard not found" })),
            }
        })
        .await;
        let legs = LegFacts::from([("files".into(), json!({ "documents": documents }))]);
        let cx = fixture::cx_for(3000, &format!("http://{peer}")).with_legs(Some(Arc::new(legs)));
        let leg = json!({ "target": "peer", "committed": "files" });
        let verdict = fixture::run("grafana", leg, &cx).await.verdict;
        (verdict.outcome(), verdict.reason(), verdict.sentence().to_owned())
    }

    #[tokio::test]
    async fn each_committed_dashboard_is_looked_for() {
        let (pass, fail, unknown) = (Outcome::Pass, Outcome::Fail, Outcome::Indeterminate);
        let cases = [
            (json!({ "d/a.json": { "uid": "a", "title": "A" } }), pass, None, "1 of 1"),
            (json!({ "d/a.json": { "dashboard": { "uid": "a" } }, "d/all.yml": {} }), pass, None, "1 of 1"),
            (
                json!({ "d/a.json": { "uid": "a", "title": "B" } }),
                fail,
                Some(Reason::Assertion),
                "that of a (d/a.json) `title`",
            ),
            (
                json!({ "d/a.json": { "uid": "a" }, "d/b.json": { "uid": "b" } }),
                fail,
                Some(Reason::Missing),
                "uid b of d/b.json",
            ),
            (
                json!({ "d/a.json": { "uid": "a" }, "d/b.json": { "uid": "../org" } }),
                unknown,
                Some(Reason::NoData),
                "no uid",
            ),
            (json!({ "d/all.yml": {} }), unknown, Some(Reason::NoData), "saw none"),
            (json!({}), unknown, Some(Reason::NoData), "saw none"),
        ];
        for (documents, outcome, reason, part) in cases {
            let seen = compared(documents).await;
            assert_eq!((seen.0, seen.1), (outcome, reason), "{}", seen.2);
            assert!(seen.2.contains(part), "{}", seen.2);
        }
    }
}
