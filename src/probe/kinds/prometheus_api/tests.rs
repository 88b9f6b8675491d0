use serde_json::{Value, json};

use crate::model::{Outcome, Reason};
use crate::probe::kinds::promql::recorded::{says, world};
use crate::probe::net::peers::{closed_port, http, response};
use crate::probe::{Observation, fixture, kinds};

async fn ask(url: &str, parameters: &Value, expect: &[&str]) -> Observation {
    let mut parameters = parameters.clone();
    parameters["url"] = json!(url);
    fixture::run_with("prometheus_api", parameters, expect, &fixture::cx(2000)).await
}

async fn said(data: Value, parameters: &Value, expect: &[&str]) -> Observation {
    let body = json!({ "status": "success", "data": data }).to_string();
    let headers = "date: Sat, 21 Nov 2026 23:48:51 GMT\r\ncontent-type: application/json\r\n";
    let whole = response("200 OK", headers, &body);
    let address = http(move |_| whole.clone()).await;
    ask(&format!("http://{address}"), parameters, expect).await
}

fn saw(observation: &Observation) -> (Outcome, Option<Reason>) {
    (observation.verdict.outcome(), observation.verdict.reason())
}

const PASS: (Outcome, Option<Reason>) = (Outcome::Pass, None);

fn unknown(reason: Reason) -> (Outcome, Option<Reason>) {
    (Outcome::Indeterminate, Some(reason))
}

fn fail(reason: Reason) -> (Outcome, Option<Reason>) {
    (Outcome::Fail, Some(reason))
}

#[tokio::test]
async fn a_recorded_server_in_order_passes() {
    let url = format!("http://{}", world("ready").await);
    let cases = [
        (json!({ "targets": { "jobs": ["parallax-control-plane"] } }), &["up_count == target_count"][..]),
        (json!({ "rules": { "kind": "alert", "every": true } }), &["rules.all(r, r.health == 'ok')"][..]),
        (json!({ "status": true }), &["status.retention == '15d' && status.uptime_s > 0"][..]),
    ];
    for (parameters, expect) in cases {
        let observation = ask(&url, &parameters, expect).await;
        assert_eq!(saw(&observation), PASS, "{parameters}: {}", observation.verdict.sentence());
    }
}

#[tokio::test]
async fn a_recorded_server_that_is_not_in_order_fails() {
    let url = format!("http://{}", world("not-ready").await);
    let cases = [
        (json!({ "targets": {} }), fail(Reason::Assertion)),
        (json!({ "targets": { "only": ["prometheus"] } }), PASS),
        (json!({ "targets": { "only": ["etcd"] } }), fail(Reason::Missing)),
        (json!({ "rules": { "names": ["NoSuchRule"] } }), fail(Reason::Missing)),
        (json!({ "rules": { "every": true } }), fail(Reason::Assertion)),
        (json!({ "rules": { "mentions": ["up{job=\"parallax-control-plane\"}"] } }), PASS),
        (json!({ "alertmanagers": true }), PASS),
    ];
    for (parameters, expected) in cases {
        let observation = ask(&url, &parameters, &[]).await;
        assert_eq!(saw(&observation), expected, "{parameters}: {}", observation.verdict.sentence());
    }
}

fn target(health: &str, last: &str, interval: &str) -> Value {
    json!({ "activeTargets": [{ "labels": { "job": "j", "instance": "i" }, "health": health, "lastScrape": last,
        "lastError": "", "scrapeInterval": interval, "lastScrapeDuration": 0.1 }] })
}

#[tokio::test]
async fn a_target_is_up_and_fresh_or_it_is_not_known() {
    let part = json!({ "targets": {} });
    let cases = [
        (target("up", "2026-11-21T23:48:50Z", "15s"), PASS),
        (target("up", "2026-11-21T23:48:51.9Z", "15s"), PASS),
        (target("up", "2026-11-21T23:48:00Z", "15s"), fail(Reason::TooOld)),
        (target("down", "2026-11-21T23:48:50Z", "15s"), fail(Reason::Assertion)),
        (target("unknown", "0001-01-01T00:00:00Z", "15s"), unknown(Reason::NoData)),
        (target("up", "2026-11-22T23:48:50Z", "15s"), unknown(Reason::NoData)),
        (target("up", "2026-11-21T23:48:50Z", ""), unknown(Reason::NoData)),
        (json!({ "activeTargets": [] }), fail(Reason::Missing)),
        (json!({ "activeTargets": null }), fail(Reason::Missing)),
        (json!({}), unknown(Reason::Protocol)),
    ];
    for (data, expected) in cases {
        let observation = said(data.clone(), &part, &[]).await;
        assert_eq!(saw(&observation), expected, "{data}: {}", observation.verdict.sentence());
    }
}

fn group(rule: Value) -> Value {
    json!({ "groups": [{ "name": "g", "interval": 15, "rules": [rule] }] })
}

fn rule(health: &str, last: &str) -> Value {
    json!({ "type": "alerting", "name": "A", "query": "a{b=\"c\"} > 1", "health": health, "lastEvaluation": last,
        "labels": {}, "annotations": { "runbook_url": "https://h/r" }, "state": "inactive", "duration": 60 })
}

#[tokio::test]
async fn a_rule_is_evaluated_or_it_is_not_known() {
    let part = json!({ "rules": { "mentions": ["a"] } });
    let cases = [
        (group(rule("ok", "2026-11-21T23:48:50Z")), PASS),
        (group(rule("err", "2026-11-21T23:48:50Z")), fail(Reason::Assertion)),
        (group(rule("ok", "2026-11-21T23:40:50Z")), fail(Reason::TooOld)),
        (group(rule("unknown", "0001-01-01T00:00:00Z")), unknown(Reason::NoData)),
        (json!({ "groups": [] }), fail(Reason::Missing)),
        (json!({ "groups": [{ "rules": [] }] }), unknown(Reason::Protocol)),
    ];
    for (data, expected) in cases {
        let observation = said(data.clone(), &part, &[]).await;
        assert_eq!(saw(&observation), expected, "{data}: {}", observation.verdict.sentence());
    }
    let good = group(rule("ok", "2026-11-21T23:48:50Z"));
    let expect = ["rules.all(r, 'runbook_url' in r.annotations)", "rules[0].for_s == 60"];
    assert_eq!(saw(&said(good, &json!({ "rules": {} }), &expect).await), PASS);
}

#[tokio::test]
async fn every_rule_that_is_named_must_be_loaded() {
    let data = || group(rule("ok", "2026-11-21T23:48:50Z"));
    let cases = [
        (json!({ "names": ["A"], "every": true }), ""),
        (json!({ "names": ["A", "B"] }), ""),
        (json!({ "names": ["A", "B", "C"], "every": true }), "saw none named B or named C"),
        (json!({ "mentions": ["a", "b{c=\"d\"}"], "every": true }), "saw none that reads b{c=\"d\"}"),
        (json!({ "names": ["A"], "mentions": ["b"], "every": true }), "saw none that reads b"),
        (json!({ "names": ["A"], "mentions": ["a"], "every": true }), ""),
    ];
    for (rules, why) in cases {
        let observation = said(data(), &json!({ "rules": rules.clone() }), &[]).await;
        let sentence = observation.verdict.sentence();
        if why.is_empty() {
            assert_eq!(saw(&observation), PASS, "{rules}: {sentence}");
        } else {
            assert_eq!(saw(&observation), fail(Reason::Missing), "{rules}: {sentence}");
            assert!(sentence.ends_with(why), "{rules}: {sentence}");
        }
    }
}

fn record(name: &str, reads: &str, labels: &Value) -> Value {
    json!({ "type": "recording", "name": name, "query": reads, "health": "ok", "labels": labels,
        "lastEvaluation": "2026-11-21T23:48:50Z" })
}

#[tokio::test]
async fn a_recording_rule_is_followed_if_its_labels_fit() {
    let mentions = json!({ "rules": { "kind": "alert", "mentions": ["up{job=\"x\"}"] } });
    let cases = [
        ("r", PASS),
        ("r{of=\"x\"}", PASS),
        ("r{of=~\"x|z\", more=\"1\"}", PASS),
        ("deep", PASS),
        ("r{of=\"y\"}", fail(Reason::Missing)),
        ("r{of!=\"x\"}", fail(Reason::Missing)),
        ("r{of=~\"y.*\"}", fail(Reason::Missing)),
        ("loop", fail(Reason::Missing)),
    ];
    for (reads, expected) in cases {
        let mut alert = rule("ok", "2026-11-21T23:48:50Z");
        alert["query"] = json!(format!("{reads} > 1"));
        let rules = json!([
            record("r", "sum(up{job=\"x\"})", &json!({ "of": "x" })),
            record("r", "sum(up{job=\"y\"})", &json!({ "of": "y" })),
            record("loop", "loop + r{of=\"y\"}", &json!({})),
            record("d1", "r", &json!({})),
            record("d2", "d1", &json!({})),
            record("d3", "d2", &json!({})),
            record("d4", "d3", &json!({})),
            record("deep", "d4", &json!({})),
            alert,
        ]);
        let data = json!({ "groups": [{ "name": "g", "interval": 15, "rules": rules }] });
        let observation = said(data, &mentions, &[]).await;
        assert_eq!(saw(&observation), expected, "{reads}: {}", observation.verdict.sentence());
    }
}

#[tokio::test]
async fn many_recording_rules_are_followed_once() {
    let all = |level: u32| (0..64).map(|n| format!("l{level}_{n}")).collect::<Vec<_>>().join(" + ");
    let mut rules = Vec::new();
    for level in 0..4 {
        let reads = all(level + 1);
        rules.extend((0..64).map(|n| record(&format!("l{level}_{n}"), &reads, &json!({}))));
    }
    let data = json!({ "groups": [{ "name": "g", "interval": 15, "rules": rules }] });
    let begin = tokio::time::Instant::now();
    let observation = said(data, &json!({ "rules": { "mentions": ["up"] } }), &[]).await;
    assert_eq!(saw(&observation), fail(Reason::Missing), "{}", observation.verdict.sentence());
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}

/// A server with one rule; `there` says which queries have a series with a label.
async fn with_rule(expression: &str, state: &str, there: fn(&str) -> Vec<Value>) -> String {
    let mut rule = rule("ok", "2026-11-21T23:48:50Z");
    (rule["query"], rule["state"]) = (json!(expression), json!(state));
    let rules = json!({ "status": "success", "data": group(rule) }).to_string();
    let address = http(move |head| {
        let headers = "date: Sat, 21 Nov 2026 23:48:51 GMT\r\n";
        let target = head.split(' ').nth(1).unwrap().replace('+', " ");
        let target = percent_encoding::percent_decode_str(&target).decode_utf8_lossy().into_owned();
        if target.starts_with("/api/v1/rules") {
            return response("200 OK", headers, &rules);
        }
        let result: Vec<Value> =
            there(&target).into_iter().map(|labels| json!({ "metric": labels, "value": [1, "1"] })).collect();
        let data = json!({ "resultType": "vector", "result": result });
        response("200 OK", headers, &json!({ "status": "success", "data": data }).to_string())
    })
    .await;
    format!("http://{address}")
}

#[tokio::test]
async fn a_rule_that_selects_what_never_comes_is_dead() {
    fn statuses(query: &str) -> Vec<Value> {
        let query = query.split('&').next().unwrap();
        match query.split_once("query=").unwrap().1 {
            "group(a_total)" | "group(a_total{status=\"success\"})" => vec![json!({})],
            "group by (status) (a_total)" => vec![json!({ "status": "success" })],
            _ => Vec::new(),
        }
    }
    let known = json!({ "a_total.status": ["success", "failure"] });
    let alive = |known: Value| json!({ "rules": { "mentions": ["a_total"], "alive": true, "known_values": known } });
    let cases = [
        ("rate(a_total[5m]) > 1", alive(json!({})), PASS),
        ("rate(a_total{status=\"failure\"}[5m]) > 1", alive(known.clone()), PASS),
        ("rate(a_total{status=~\"fail.*\"}[5m]) > 1", alive(known.clone()), PASS),
        ("rate(a_total{status=\"failed\"}[5m]) > 1", alive(known.clone()), fail(Reason::Assertion)),
        ("rate(a_total{status=\"failure\"}[5m]) > 1", alive(json!({})), fail(Reason::Assertion)),
        ("a_total{status=\"failure\"} / b_total", alive(known), fail(Reason::Assertion)),
    ];
    for (expression, parameters, expected) in cases {
        let url = with_rule(expression, "inactive", statuses).await;
        let observation = ask(&url, &parameters, &[]).await;
        assert_eq!(saw(&observation), expected, "{expression}: {}", observation.verdict.sentence());
    }
    let url = with_rule("rate(a_total{status=\"failed\"}[5m]) > 1", "inactive", statuses).await;
    let seen = ask(&url, &alive(json!({ "a_total.status": ["success", "failure"] })), &[]).await;
    assert_eq!(
        seen.verdict.sentence(),
        "expected a rule loaded, evaluated and able to fire, saw that A can never fire: `a_total` never has \
         status=\"failed\", only \"success\", \"failure\""
    );
}

#[tokio::test]
async fn every_group_that_is_named_must_be_there() {
    let url = with_rule("a_total > 1", "inactive", |_| Vec::new()).await;
    let groups = |groups: &[&str]| json!({ "rules": { "groups": groups, "every": true } });
    assert_eq!(saw(&ask(&url, &groups(&["g"]), &[]).await), PASS);
    let lacks = ask(&url, &groups(&["g", "others"]), &[]).await;
    assert_eq!(saw(&lacks), fail(Reason::Missing));
    assert!(lacks.verdict.sentence().contains("no rule of the group others"), "{}", lacks.verdict.sentence());
}

#[tokio::test]
async fn a_rule_that_fires_is_alive_and_one_on_nothing_may_be() {
    let alive = json!({ "rules": { "alive": true } });
    let cases = [
        ("gone > 1", "inactive", fail(Reason::Assertion)),
        ("gone > 1", "pending", PASS),
        ("gone > 1", "firing", PASS),
        ("vector(1)", "firing", PASS),
        ("absent(gone)", "firing", PASS),
        ("absent(gone{job=\"x\"})", "inactive", unknown(Reason::NoData)),
        ("absent_over_time(gone[5m])", "inactive", unknown(Reason::NoData)),
        ("gone > 1 OR other > 1", "inactive", unknown(Reason::NoData)),
        ("other unless gone", "inactive", unknown(Reason::NoData)),
        ("gone{a=\"x or y\"} > 1 # or absent\n", "inactive", fail(Reason::Assertion)),
    ];
    for (expression, state, expected) in cases {
        let url = with_rule(expression, state, |_| Vec::new()).await;
        let observation = ask(&url, &alive, &[]).await;
        assert_eq!(saw(&observation), expected, "{expression} {state}: {}", observation.verdict.sentence());
    }
}

#[tokio::test]
async fn an_answer_without_a_result_is_not_one_without_series() {
    let rules = json!({ "status": "success", "data": group(rule("ok", "2026-11-21T23:48:50Z")) }).to_string();
    let address = http(move |head| match head.contains("/api/v1/rules") {
        true => response("200 OK", "date: Sat, 21 Nov 2026 23:48:51 GMT\r\n", &rules),
        false => response("200 OK", "", &json!({ "status": "success", "data": {} }).to_string()),
    })
    .await;
    let observation = ask(&format!("http://{address}"), &json!({ "rules": { "alive": true } }), &[]).await;
    assert_eq!(saw(&observation), unknown(Reason::Protocol), "{}", observation.verdict.sentence());
}

#[tokio::test]
async fn what_could_not_be_read_or_was_given_up_for_us_is_unknown() {
    let data = target("up", "2026-11-21T23:48:50Z", "15s");
    let observation = said(data, &json!({ "targets": {}, "max_bytes": 20 }), &[]).await;
    assert_eq!(saw(&observation), unknown(Reason::TooLarge), "{}", observation.verdict.sentence());
    for kind in ["timeout", "canceled"] {
        let rules = json!({ "status": "success", "data": group(rule("ok", "2026-11-21T23:48:50Z")) }).to_string();
        let address = http(move |head| match head.contains("/api/v1/rules") {
            true => response("200 OK", "date: Sat, 21 Nov 2026 23:48:51 GMT\r\n", &rules),
            false => {
                let body = json!({ "status": "error", "errorType": kind, "error": "query timed out" });
                response("503 Service Unavailable", "", &body.to_string())
            }
        })
        .await;
        let observation = ask(&format!("http://{address}"), &json!({ "rules": { "alive": true } }), &[]).await;
        assert_eq!(saw(&observation), unknown(Reason::Timeout), "{}", observation.verdict.sentence());
    }
}

#[tokio::test]
async fn what_is_not_prometheus_is_told_from_one_that_is_down() {
    let part = json!({ "targets": {} });
    let page = says("200 OK", "text/html", "<html>").await;
    assert_eq!(saw(&ask(&format!("http://{page}"), &part, &[]).await), unknown(Reason::Protocol));
    let gateway = says("502 Bad Gateway", "text/html", "<html>").await;
    assert_eq!(saw(&ask(&format!("http://{gateway}"), &part, &[]).await), fail(Reason::Status));
    let ready = says("503 Service Unavailable", "text/plain", "Service Unavailable").await;
    assert_eq!(saw(&ask(&format!("http://{ready}"), &json!({ "ready": true }), &[]).await), fail(Reason::Status));
    let closed = closed_port().await;
    assert_eq!(saw(&ask(&format!("http://127.0.0.1:{closed}"), &part, &[]).await), fail(Reason::Refused));
}

#[tokio::test]
async fn what_was_not_asked_cannot_be_read() {
    let data = target("up", "2026-11-21T23:48:50Z", "15s");
    for condition in ["rule_count == 0", "size(alertmanagers) == 0", "tsdb.series > 0"] {
        let observation = said(data.clone(), &json!({ "targets": {} }), &[condition]).await;
        assert_eq!(saw(&observation), unknown(Reason::ExpressionError), "{condition}");
    }
}

#[test]
fn static_errors_name_the_field() {
    let cases = [
        (json!({ "ready": true }), ""),
        (json!({ "target": "p" }), ""),
        (json!({ "target": "p", "targets": { "max_intervals": 0 } }), "targets.max_intervals"),
        (json!({ "target": "p", "rules": { "matching": "(" } }), "rules.matching"),
        (json!({ "target": "p", "rules": { "mentions": ["1 + 1"] } }), "rules.mentions[0]"),
        (json!({ "target": "p", "rules": { "known_values": { "a": [] } } }), "rules.known_values.a"),
        (json!({ "target": "p", "label_values": {} }), "label_values.label"),
    ];
    for (parameters, field) in cases {
        let findings = kinds::find("prometheus_api").unwrap().parse(parameters.clone()).unwrap().findings;
        assert_eq!(findings.0.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), [field], "{parameters}");
    }
}

#[tokio::test]
async fn personal_data_in_labels_is_found_and_not_shown() {
    async fn scanned(values: Value, parameters: Value) -> Observation {
        let address = http(move |head| {
            let data = if head.starts_with("GET /api/v1/labels") { json!(["owner", "x"]) } else { values.clone() };
            response("200 OK", "", &json!({ "status": "success", "data": data }).to_string())
        })
        .await;
        ask(&format!("http://{address}"), &json!({ "personal": parameters }), &[]).await
    }
    let email = json!({ "detectors": ["email"] });
    let hit = scanned(json!(["a", "ann@example.org"]), email.clone()).await;
    assert_eq!(saw(&hit), fail(Reason::Assertion), "{}", hit.verdict.sentence());
    assert!(hit.verdict.sentence().contains("1 of the label owner that look like email"), "{hit:?}");
    assert!(!format!("{hit:?}").contains("ann@"), "{hit:?}");
    // What is found is certain although there is more.
    let part = json!({ "detectors": ["email"], "max_values": 1 });
    assert_eq!(saw(&scanned(json!(["ann@example.org", "b"]), part.clone()).await), fail(Reason::Assertion));
    assert_eq!(saw(&scanned(json!(["a", "b"]), part).await), unknown(Reason::TooLarge));
    assert_eq!(saw(&scanned(json!(["a", "b"]), email.clone()).await), PASS);
    assert_eq!(saw(&scanned(json!([]), email.clone()).await), unknown(Reason::NoData));
    assert_eq!(saw(&scanned(json!({}), email).await), unknown(Reason::Protocol));
    assert_eq!(saw(&scanned(json!(["a"]), json!({ "names": ["owner"] })).await), fail(Reason::Assertion));
}
