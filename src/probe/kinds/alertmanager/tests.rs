use serde_json::{Value, json};

use super::*;
use crate::model::{Outcome, Reason};
use crate::probe::fixture::{NOW, cx_for, run};
use crate::probe::net::peers::{self, response};

fn leg(parameters: Value) -> Alertmanager {
    serde_json::from_value(parameters).unwrap()
}

fn says(verdict: &Verdict, outcome: Outcome, reason: Option<Reason>, part: &str) {
    assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{}", verdict.sentence());
    assert!(verdict.sentence().contains(part), "{}", verdict.sentence());
}

fn facts(json: Value) -> Facts {
    let mut whole = serde_json::to_value(Facts::default()).unwrap();
    whole.as_object_mut().unwrap().extend(json.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

fn alert(name: &str, state: &str, age_s: u32, annotations: &[&str]) -> Value {
    json!({"labels": {"alertname": name, "severity": "critical"}, "annotations": annotations, "state": state,
        "age_s": age_s, "receivers": ["on-call"], "silenced": state == "suppressed", "inhibited": false})
}

#[test]
fn routes_are_judged() {
    let wanted = |more: Value| {
        let mut route = json!({"labels": {"severity": "critical"}});
        route.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        leg(json!({"target": "am", "routes": [route]}))
    };
    let reached = |integrations: &[&str], intervals: &[&str]| {
        let reached = json!({"receiver": "on-call", "integrations": integrations, "intervals": intervals});
        facts(json!({"routes": [{"labels": {"severity": "critical"}, "reached": [reached]}]}))
    };
    let pager = wanted(json!({"integrations": ["pagerduty", "opsgenie"]}));
    says(&pager.judge(&reached(&["pagerduty"], &[]), NOW), Outcome::Pass, None, "on-call (pagerduty)");
    let failed = (Outcome::Fail, Some(Reason::Assertion));
    says(&pager.judge(&reached(&["email"], &[]), NOW), failed.0, failed.1, "on-call (email)");
    says(&wanted(json!({})).judge(&reached(&[], &[]), NOW), failed.0, failed.1, "no integration");
    says(&wanted(json!({"receivers": ["x"]})).judge(&reached(&["email"], &[]), NOW), failed.0, failed.1, "reach x");
    let at_times = pager.judge(&reached(&["pagerduty"], &["office"]), NOW);
    says(&at_times, Outcome::Indeterminate, Some(Reason::Assertion), "times of day");
    let unreadable = facts(json!({"unreadable": "it is not YAML"}));
    says(&pager.judge(&unreadable, NOW), Outcome::Indeterminate, Some(Reason::Invalid), "not YAML");
}

#[test]
fn alerts_and_silences_are_judged() {
    let firing = leg(json!({"firing": [{"alertname": "Watchdog"}]}));
    let with = |alert: Value| facts(json!({"alert_count": 1, "alerts": [alert]}));
    says(&firing.judge(&with(alert("Watchdog", "active", 5, &[])), NOW), Outcome::Pass, None, "5 s old");
    let failed = (Outcome::Fail, Some(Reason::Assertion));
    says(&firing.judge(&with(alert("Watchdog", "suppressed", 5, &[])), NOW), failed.0, failed.1, "by a silence");
    let missing = firing.judge(&with(alert("Other", "active", 5, &[])), NOW);
    says(&missing, Outcome::Fail, Some(Reason::Missing), "none among 1 alerts");
    let cut = facts(json!({"alert_count": 2000, "alerts": [alert("Other", "active", 5, &[])]}));
    says(&firing.judge(&cut, NOW), Outcome::Indeterminate, Some(Reason::TooLarge), "1 of 2000");

    let unmuted = leg(json!({"unmuted": [{"severity": "critical"}]}));
    let silence = |mutes: &[u32], unreadable: Value| {
        let silence = json!({"id": "s1", "matchers": ["a=\"b\""], "left_s": 60, "mutes": mutes, "may_mute": [], "unreadable": unreadable});
        facts(json!({"silences": [silence]}))
    };
    says(&unmuted.judge(&silence(&[], Value::Null), NOW), Outcome::Pass, None, "none among 1");
    says(&unmuted.judge(&silence(&[0], Value::Null), NOW), failed.0, failed.1, "silence s1 on {a=\"b\"}");
    let unclear = unmuted.judge(&silence(&[], json!("x")), NOW);
    says(&unclear, Outcome::Indeterminate, Some(Reason::Invalid), "cannot be read");
    // A silence by name alone shows by what it does.
    says(&unmuted.judge(&with(alert("X", "suppressed", 5, &[])), NOW), failed.0, failed.1, "alert X silenced");

    let taken_up = leg(json!({"acknowledged": {"labels": {"severity": "critical"}, "within_s": 900}}));
    says(&taken_up.judge(&with(alert("X", "active", 899, &[])), NOW), Outcome::Pass, None, "");
    says(&taken_up.judge(&with(alert("X", "active", 901, &["acknowledged"])), NOW), Outcome::Pass, None, "");
    says(&taken_up.judge(&with(alert("X", "active", 901, &[])), NOW), failed.0, failed.1, "1 that are not: X");
}

#[test]
fn a_synthetic_alert_is_judged_by_its_delivery() {
    let canary = leg(json!({"canary": {"integrations": ["webhook"]}}));
    let seen = |more: Value| {
        let mut seen = serde_json::to_value(facts::Canary::default()).unwrap();
        seen.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let receiver = json!({"name": "on-call", "integrations": ["webhook"], "used": true});
        facts(json!({ "canary": seen, "receivers": [receiver] }))
    };
    let verdict = |more: Value| canary.judge(&seen(more), NOW);
    let delivered = json!({"state": "active", "delivered": {"webhook": 1}, "resolved": true});
    says(&verdict(delivered), Outcome::Pass, None, "1 delivered by webhook");
    let left = json!({"state": "active", "delivered": {"webhook": 1}});
    says(&verdict(left), Outcome::Indeterminate, Some(Reason::Other), "ends by itself");
    let failed = (Outcome::Fail, Some(Reason::Assertion));
    says(
        &verdict(json!({"state": "active", "failed": 2, "resolved": true})),
        failed.0,
        failed.1,
        "2 notifications fail",
    );
    says(&verdict(json!({"state": "suppressed", "resolved": true})), failed.0, failed.1, "suppressed");
    let other = json!({"state": "active", "receivers": ["mail"], "delivered": {"webhook": 1}, "resolved": true});
    says(&verdict(other), failed.0, failed.1, "saw it go to mail");
    let waits = json!({"state": "active", "receivers": ["on-call"], "resolved": true});
    says(&verdict(waits), Outcome::Indeterminate, Some(Reason::Timeout), "active for on-call");
    assert_eq!(canary.access(), Access::Mutates);
    assert_eq!(leg(json!({"alerts": true})).access(), Access::Read);
}

#[tokio::test]
async fn silences_mute_what_they_speak_of() {
    let silence = |matchers: Value| json!([{"id": "s", "status": {"state": "active"}, "endsAt": "2100-01-01T00:00:00Z", "matchers": matchers}]);
    let is = |name: &str, value: &str| json!({"name": name, "value": value, "isRegex": false, "isEqual": true});
    let like = |name: &str, value: &str| json!({"name": name, "value": value, "isRegex": true, "isEqual": true});
    let not = |name: &str, value: &str| json!({"name": name, "value": value, "isRegex": false, "isEqual": false});
    for (matchers, outcome) in [
        (json!([is("severity", "critical")]), Outcome::Fail),
        (json!([is("severity", "critical"), is("alertname", "X")]), Outcome::Fail),
        (json!([like("severity", "crit.*|warning")]), Outcome::Fail),
        (json!([like("job", ".*")]), Outcome::Fail),
        (json!([not("severity", "none")]), Outcome::Fail),
        (json!([not("severity", "critical")]), Outcome::Pass),
        (json!([is("severity", "warning")]), Outcome::Pass),
        (json!([is("alertname", "X")]), Outcome::Pass),
        (json!([like("severity", "(")]), Outcome::Indeterminate),
        (json!([like("alertname", ".+")]), Outcome::Fail),
        (json!([like("alertname", ".+"), like("job", ".*")]), Outcome::Fail),
        (json!([not("alertname", "Watchdog")]), Outcome::Fail),
        (json!([is("cluster", "prod")]), Outcome::Indeterminate),
        (json!([like("alertname", "Node.*")]), Outcome::Indeterminate),
        (json!([is("cluster", "prod"), is("severity", "warning")]), Outcome::Pass),
        (json!([is("cluster", "prod"), is("alertname", "X")]), Outcome::Pass),
    ] {
        let silences = silence(matchers.clone()).to_string();
        let peer = peers::http(move |head| match head.split(' ').nth(1).unwrap() {
            "/api/v2/status" => ok(r#"{"versionInfo":{"version":"1"},"config":{"original":"route: {receiver: a}"}}"#),
            "/api/v2/alerts" => ok("[]"),
            _ => ok(&silences),
        })
        .await;
        let leg = json!({"target": "peer", "unmuted": [{"severity": "critical"}]});
        let seen = run("alertmanager", leg, &cx_for(3000, &format!("http://{peer}"))).await.verdict;
        assert_eq!(seen.outcome(), outcome, "{matchers}: {}", seen.sentence());
    }
}

fn ok(body: &str) -> String {
    response("200 OK", "content-type: application/json\r\n", body)
}

#[tokio::test]
async fn answers_that_are_none_are_told() {
    let html = response("200 OK", "content-type: text/html\r\n", "<html>login</html>");
    let (fail, unknown) = (Outcome::Fail, Outcome::Indeterminate);
    for (answer, outcome, reason, part) in [
        (html, unknown, Reason::Protocol, "text/html"),
        (ok("{\"versionInfo\":{\"version\""), fail, Reason::Protocol, "that are none"),
        (ok("[]"), fail, Reason::Protocol, "without a version"),
        (response("401 X", "", ""), unknown, Reason::AuthRejected, "401"),
        (response("403 X", "", "no"), unknown, Reason::PermissionDenied, "403"),
        (response("404 X", "", ""), unknown, Reason::Protocol, "404"),
        (response("405 X", "", ""), unknown, Reason::Protocol, "405"),
        (response("500 X", "content-type: application/json\r\n", "\"broken\""), fail, Reason::Status, "broken"),
        (response("302 X", "location: /login\r\n", ""), unknown, Reason::AuthRejected, "302"),
    ] {
        let peer = peers::http(move |_| answer.clone()).await;
        let cx = cx_for(3000, &format!("http://{peer}"));
        let seen = run("alertmanager", json!({"target": "peer"}), &cx).await.verdict;
        says(&seen, outcome, Some(reason), part);
        assert!(seen.sentence().starts_with("expected "), "{}", seen.sentence());
    }
    let silent = peers::silent().await;
    let seen = run("alertmanager", json!({"target": "peer"}), &cx_for(300, &format!("http://{silent}"))).await.verdict;
    says(&seen, Outcome::Fail, Some(Reason::Timeout), "no complete headers");
}

#[test]
fn static_errors_are_found() {
    let fields = |parameters: Value| -> Vec<String> {
        let mut findings = Findings::default();
        leg(parameters).check(&mut findings);
        findings.0.into_iter().map(|finding| finding.field).collect()
    };
    assert!(fields(json!({"target": "am"})).is_empty());
    assert_eq!(fields(json!({})), ["target"]);
    assert_eq!(fields(json!({"target": "am", "firing": [{}]})), ["firing"]);
    assert_eq!(fields(json!({"target": "am", "routes": [{}]})), ["routes"]);
    assert_eq!(fields(json!({"target": "am", "acknowledged": {}})), ["acknowledged"]);
    assert_eq!(fields(json!({"target": "am", "canary": {"lasts_s": 1}})), ["canary.integrations", "canary.lasts_s"]);
}
