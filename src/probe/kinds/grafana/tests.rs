use serde_json::{Value, json};

use super::*;
use crate::model::{Outcome, Reason};
use crate::probe::fixture::{cx_for, run};
use crate::probe::net::peers::{self, response};

#[tokio::test]
async fn answers_that_are_none_are_told() {
    let html = response("200 OK", "content-type: text/html\r\n", "<html>login</html>");
    let json = |status: &str, body: &str| response(status, "content-type: application/json\r\n", body);
    let (fail, unknown) = (Outcome::Fail, Outcome::Indeterminate);
    for (answer, outcome, reason, part) in [
        (html, unknown, Reason::Protocol, "text/html"),
        (json("200 OK", "{\"database\""), fail, Reason::Protocol, "that are none"),
        (json("200 OK", "{\"other\":1}"), fail, Reason::Protocol, "without `database`"),
        (json("503 X", "{\"database\":\"failing\"}"), fail, Reason::Assertion, "saw it failing"),
        (response("401 X", "", ""), unknown, Reason::AuthRejected, "401"),
        (response("502 X", "content-type: text/html\r\n", "<html>"), fail, Reason::Status, "502"),
        (response("302 X", "location: /login\r\n", ""), unknown, Reason::AuthRejected, "302"),
    ] {
        let peer = peers::http(move |_| answer.clone()).await;
        let seen = run("grafana", json!({"target": "peer"}), &cx_for(3000, &format!("http://{peer}"))).await.verdict;
        assert_eq!((seen.outcome(), seen.reason()), (outcome, Some(reason)), "{}", seen.sentence());
        assert!(seen.sentence().contains(part) && seen.sentence().starts_with("expected "), "{}", seen.sentence());
    }
    // Who cannot be reached refuses nothing.
    let closed = format!("http://127.0.0.1:{}", peers::closed_port().await);
    let pairs = json!({"target": "peer", "pairs": ["admin:hunter22"]});
    let seen = run("grafana", pairs, &cx_for(1000, &closed)).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Indeterminate, "{}", seen.verdict.sentence());
    assert!(!format!("{seen:?}").contains("hunter22"));
}

/// Whoever stands between has not looked at the source.
#[tokio::test]
async fn a_health_check_without_a_status_is_unclear() {
    let json = |body: &str| response("200 OK", "content-type: application/json\r\n", body);
    for (health, outcome, reason) in [
        (json(r#"{"status":"OK"}"#), Outcome::Pass, None),
        (json(r#"{"status":"ERROR"}"#), Outcome::Fail, Some(Reason::Assertion)),
        (json("{}"), Outcome::Indeterminate, Some(Reason::NoData)),
        (
            response("200 OK", "content-type: text/html\r\n", "<html>login</html>"),
            Outcome::Indeterminate,
            Some(Reason::NoData),
        ),
        (response("302 X", "location: /login\r\n", ""), Outcome::Indeterminate, Some(Reason::AuthRejected)),
        (response("400 X", "", ""), Outcome::Indeterminate, Some(Reason::Protocol)),
        (response("502 X", "", ""), Outcome::Fail, Some(Reason::Status)),
    ] {
        let peer = peers::http(move |head| match head.split(' ').nth(1).unwrap() {
            "/api/health" => json(r#"{"database":"ok"}"#),
            "/api/frontend/settings" => {
                json(r#"{"datasources":{"P":{"id":1,"uid":"p","type":"prometheus","isDefault":true}}}"#)
            }
            _ => health.clone(),
        })
        .await;
        let leg = json!({"target": "peer", "datasources": ["P"]});
        let seen = run("grafana", leg, &cx_for(3000, &format!("http://{peer}"))).await.verdict;
        assert_eq!((seen.outcome(), seen.reason()), (outcome, reason), "{}", seen.sentence());
    }
}

#[test]
fn static_errors_are_found() {
    let fields = |parameters: Value| -> Vec<String> {
        let leg: Grafana = serde_json::from_value(parameters).unwrap();
        let mut findings = Findings::default();
        leg.check(&mut findings);
        findings.0.into_iter().map(|finding| finding.field).collect()
    };
    assert!(fields(json!({"target": "g"})).is_empty());
    assert_eq!(fields(json!({})), ["target"]);
    assert_eq!(fields(json!({"target": "g", "pairs": ["a:b"], "identity": true})), ["pairs"]);
    assert_eq!(fields(json!({"target": "g", "dashboards": [{"uid": "a/b"}]})), ["dashboards[0].uid"]);
    assert_eq!(fields(json!({"target": "g", "panels": {"min_ratio": 0}})), ["dashboards", "panels.min_ratio"]);
    let access = |parameters: Value| serde_json::from_value::<Grafana>(parameters).unwrap().access();
    assert_eq!(access(json!({"pairs": ["a:b"]})), Access::Authenticates);
    assert_eq!(access(json!({"identity": true})), Access::Read);
}
