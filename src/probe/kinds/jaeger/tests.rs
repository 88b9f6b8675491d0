//! Answers written from the documentation of both APIs; neither server was at hand.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::model::{Outcome, Reason};
use crate::probe::LegFacts;
use crate::probe::fixture::{cx_for, run};
use crate::probe::net::peers::{self, response};

fn says(verdict: &Verdict, outcome: Outcome, reason: Option<Reason>, part: &str) {
    assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{}", verdict.sentence());
    assert!(verdict.sentence().contains(part), "{}", verdict.sentence());
    assert!(verdict.sentence().starts_with("expected "), "{}", verdict.sentence());
}

fn ok(body: &Value) -> String {
    response("200 OK", "content-type: application/json\r\n", &body.to_string())
}

fn data(body: &Value) -> String {
    ok(&json!({"data": body, "total": 0, "limit": 0, "offset": 0, "errors": null}))
}

const PASS: (Outcome, Option<Reason>) = (Outcome::Pass, None);
const FAIL: (Outcome, Option<Reason>) = (Outcome::Fail, Some(Reason::Assertion));

fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

/// One trace of Jaeger: a root, and a child of the given parent.
fn trace(parent: &str, error: &Value) -> Value {
    let start = now_us() - 60_000_000;
    let tag = |key: &str, value: Value| json!({"key": key, "type": "string", "value": value});
    json!({"traceID": "t1", "processes": {"p1": {"serviceName": "cp", "tags": []}, "p2": {"serviceName": "agent"}}, "spans": [
        {"traceID": "t1", "spanID": "r", "operationName": "pattern.execute.X", "references": [], "startTime": start,
         "duration": 2_000_000, "tags": [tag("parallax.pattern.name", json!("X")), tag("span.kind", json!("server"))],
         "logs": [{"timestamp": start, "fields": [tag("event", json!("pattern.start"))]}], "processID": "p1"},
        {"traceID": "t1", "spanID": "c", "operationName": "agent.call.a", "startTime": start + 1, "duration": 5,
         "references": [{"refType": "CHILD_OF", "traceID": "t1", "spanID": parent}], "tags": [tag("error", error.clone())],
         "logs": null, "processID": "p2"}]})
}

async fn jaeger(trace: Value) -> String {
    let traces = if trace.is_null() { json!([]) } else { json!([trace]) };
    let peer = peers::http(move |head| match head.split([' ', '?']).nth(1).unwrap() {
        "/api/services" => data(&json!(["cp", "agent"])),
        "/api/services/cp/operations" => data(&json!(["pattern.execute.X", "other"])),
        "/api/traces" => data(&traces),
        _ => response(
            "404 X",
            "content-type: application/json\r\n",
            r#"{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}"#,
        ),
    })
    .await;
    format!("http://{peer}")
}

async fn seen(address: &str, parameters: Value) -> Verdict {
    let mut parameters = parameters;
    parameters["target"] = json!("peer");
    run("jaeger", parameters, &cx_for(3000, address)).await.verdict
}

#[tokio::test]
async fn services_and_operations_must_be_known() {
    let at = jaeger(trace("r", &json!(false))).await;
    says(&seen(&at, json!({"services": ["cp"]})).await, PASS.0, PASS.1, "2 services");
    let missing = (Outcome::Fail, Some(Reason::Missing));
    says(&seen(&at, json!({"services": ["x"]})).await, missing.0, missing.1, "service x, saw cp, agent");
    says(&seen(&at, json!({"service": "cp", "operations": ["other"]})).await, PASS.0, PASS.1, "operation other");
    says(&seen(&at, json!({"service": "cp", "operations": ["y"]})).await, missing.0, missing.1, "operation y");
    says(&seen(&at, json!({"services": ["cp"], "max_age_s": 900})).await, PASS.0, PASS.1, "ago");
    let none = jaeger(Value::Null).await;
    let old = seen(&none, json!({"services": ["cp"], "max_age_s": 900})).await;
    says(&old, Outcome::Fail, Some(Reason::TooOld), "saw none");
}

/// As of a store that pays no heed to the times it is asked for.
#[tokio::test]
async fn traces_of_another_time_are_none() {
    let aged = |start: Value| {
        let mut aged = trace("r", &json!(false));
        for place in 0..2 {
            aged["spans"][place]["startTime"] = start.clone();
        }
        aged
    };
    let at = jaeger(aged(json!(now_us() - 7_200_000_000))).await;
    let old = seen(&at, json!({"services": ["cp"], "max_age_s": 900})).await;
    says(&old, Outcome::Fail, Some(Reason::TooOld), "saw one 7200 s old");
    says(&seen(&at, structure()).await, Outcome::Indeterminate, Some(Reason::NoData), "saw 0");
    for start in [json!(0), Value::Null] {
        let at = jaeger(aged(start)).await;
        for leg in [json!({"services": ["cp"], "max_age_s": 900}), structure()] {
            says(&seen(&at, leg).await, Outcome::Indeterminate, Some(Reason::Protocol), "trace t1 without");
        }
    }
}

#[tokio::test]
async fn traces_are_counted_if_all_were_seen() {
    let at = jaeger(trace("r", &json!(false))).await;
    for (limit, count) in [(2, json!(1)), (1, Value::Null)] {
        let leg = json!({"target": "peer", "service": "cp", "operation_prefix": "pattern.execute.", "limit": limit});
        let facts = run("jaeger", leg, &cx_for(3000, &at)).await.facts;
        assert_eq!(facts.unwrap()["trace_count"], count);
    }
}

fn structure() -> Value {
    json!({"service": "cp", "operation_prefix": "pattern.execute.", "structure": {
        "root": "pattern.execute.*", "tags": ["parallax.pattern.name"], "logs": ["pattern.start"],
        "below": ["agent.call.*"], "server_span": true, "no_orphans": true, "max_error_ratio": 0.1}})
}

#[tokio::test]
async fn traces_are_held_against_a_structure() {
    let good = jaeger(trace("r", &json!(false))).await;
    says(&seen(&good, structure()).await, PASS.0, PASS.1, "1 of 1 complete");
    let orphan = jaeger(trace("gone", &json!(false))).await;
    says(&seen(&orphan, structure()).await, FAIL.0, FAIL.1, "t1 lacks a span agent.call.* below the root");
    let errors = jaeger(trace("r", &json!(true))).await;
    says(&seen(&errors, structure()).await, FAIL.0, FAIL.1, "1 of 2 spans with an error");
    let none = jaeger(Value::Null).await;
    says(&seen(&none, structure()).await, Outcome::Indeterminate, Some(Reason::NoData), "saw 0");
}

#[tokio::test]
async fn an_execution_must_have_left_a_trace() {
    let at = jaeger(trace("r", &json!(false))).await;
    let now = now_us() as f64 / 1e6;
    let leg = json!({"target": "peer", "service": "cp", "execution": "executions"});
    let look = |rows: Value, address: String| {
        let leg = leg.clone();
        async move {
            let legs = LegFacts::from([("executions".into(), json!({ "rows": rows }))]);
            let cx = cx_for(3000, &address).with_legs(Some(Arc::new(legs)));
            run("jaeger", leg, &cx).await.verdict
        }
    };
    let row = |ago: f64| json!([{"operation": "pattern.execute.X", "start_s": now - ago, "end_s": now - ago + 1.0}]);
    says(&look(row(60.0), at.clone()).await, PASS.0, PASS.1, "trace t1");
    let missing = (Outcome::Fail, Some(Reason::Missing));
    says(&look(row(600.0), at.clone()).await, missing.0, missing.1, "none among 1 traces");
    let unknown = (Outcome::Indeterminate, Some(Reason::NoData));
    says(&look(json!([]), at.clone()).await, unknown.0, unknown.1, "no row");
    let empty = json!([{"operation": null, "start_s": null, "end_s": null}]);
    says(&look(empty, at.clone()).await, unknown.0, unknown.1, "saw none");
    let alone = run("jaeger", leg.clone(), &cx_for(3000, &at)).await.verdict;
    says(&alone, unknown.0, unknown.1, "saw nothing");
}

#[tokio::test]
async fn tempo_is_asked_in_its_own_way() {
    let start = now_us() * 1000 - 60_000_000_000;
    let span = |id: &str, parent: Value, name: &str, code: &str| {
        json!({"traceId": "q==", "spanId": id, "parentSpanId": parent, "name": name, "kind": "SPAN_KIND_SERVER",
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 1000).to_string(),
            "attributes": [{"key": "parallax.pattern.name", "value": {"stringValue": "X"}}],
            "events": [{"name": "pattern.start", "timeUnixNano": "1"}], "status": {"code": code}})
    };
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "cp"}}]});
    let whole = json!({"batches": [{"resource": resource, "scopeSpans": [{"spans": [
        span("cg==", Value::Null, "pattern.execute.X", "STATUS_CODE_UNSET"),
        span("Yw==", json!("cg=="), "agent.call.a", "STATUS_CODE_OK")]}]}]});
    let peer = peers::http(move |head| match head.split([' ', '?']).nth(1).unwrap() {
        "/api/search/tag/service.name/values" => ok(&json!({"tagValues": ["cp"], "metrics": {}})),
        "/api/search" if head.contains("service%2Ename%3D%22cp%22") => ok(
            &json!({"traces": [{"traceID": "2f3e", "rootServiceName": "cp", "startTimeUnixNano": "1"}], "metrics": {}}),
        ),
        "/api/traces/2f3e" => ok(&whole),
        other => panic!("{other}"),
    })
    .await;
    let mut leg = structure();
    leg["flavor"] = json!("tempo");
    says(&seen(&format!("http://{peer}"), leg).await, PASS.0, PASS.1, "1 of 1 complete");
}

#[tokio::test]
async fn a_sampled_request_must_leave_its_trace() {
    let ids: Arc<std::sync::Mutex<String>> = Arc::default();
    let keep = Arc::clone(&ids);
    let app = peers::http(move |head| {
        let id = head.lines().find_map(|line| line.strip_prefix("traceparent: 00-")).unwrap();
        *keep.lock().unwrap() = id.to_owned();
        response("200 OK", "", "")
    })
    .await;
    for (services, outcome) in [(1, PASS), (2, FAIL)] {
        let ids = Arc::clone(&ids);
        let store = peers::http(move |head| {
            let parts = ids.lock().unwrap().clone();
            match (head.split(' ').nth(1).unwrap(), parts.split_once('-')) {
                ("/api/services", _) => data(&json!(["cp"])),
                (path, Some((id, span))) if path == format!("/api/traces/{id}") => {
                    let span = span.split('-').next().unwrap();
                    data(&json!([{"traceID": id, "processes": {"p1": {"serviceName": "cp"}}, "spans": [
                        {"traceID": id, "spanID": "a", "operationName": "GET", "startTime": 1, "duration": 1, "tags": [],
                         "references": [{"refType": "CHILD_OF", "traceID": id, "spanID": span}], "processID": "p1"}]}]))
                }
                _ => response("404 X", "", ""),
            }
        })
        .await;
        let leg = json!({"request": {"url": format!("http://{app}/"), "min_services": services}});
        says(&seen(&format!("http://{store}"), leg).await, outcome.0, outcome.1, "1 roots, 0 orphans");
    }
    let refusing = peers::http(|_| response("401 X", "", "")).await;
    let at = jaeger(Value::Null).await;
    let leg = json!({"request": {"url": format!("http://{refusing}/")}});
    says(&seen(&at, leg).await, Outcome::Indeterminate, Some(Reason::Status), "401");
    let leg = json!({"request": {"url": format!("http://{app}/")}});
    says(&seen(&at, leg).await, Outcome::Fail, Some(Reason::Missing), "saw none in");
}

#[tokio::test]
async fn answers_that_are_none_are_told() {
    let html = response("200 OK", "content-type: text/html\r\n", "<html>Jaeger UI</html>");
    let (fail, unknown) = (Outcome::Fail, Outcome::Indeterminate);
    for (answer, outcome, reason, part) in [
        (html, unknown, Reason::Protocol, "text/html"),
        (ok(&json!({"other": []})), fail, Reason::Protocol, "a list `data` of services"),
        (
            response("200 OK", "content-type: application/json\r\n", "{\"data\":["),
            fail,
            Reason::Protocol,
            "that are none",
        ),
        (response("401 X", "", ""), unknown, Reason::AuthRejected, "401"),
        (response("503 X", "", ""), fail, Reason::Status, "503"),
    ] {
        let peer = peers::http(move |_| answer.clone()).await;
        says(&seen(&format!("http://{peer}"), json!({})).await, outcome, Some(reason), part);
    }
}

#[test]
fn static_errors_are_found() {
    let fields = |parameters: Value| -> Vec<String> {
        let leg: Jaeger = serde_json::from_value(parameters).unwrap();
        let mut findings = Findings::default();
        leg.check(&mut findings);
        findings.0.into_iter().map(|finding| finding.field).collect()
    };
    assert!(fields(json!({"target": "j"})).is_empty());
    assert_eq!(fields(json!({})), ["target"]);
    assert_eq!(fields(json!({"target": "j", "structure": {}})), ["structure"]);
    assert_eq!(fields(json!({"target": "j", "max_age_s": 5})), ["max_age_s"]);
    assert_eq!(fields(json!({"target": "j", "limit": 0, "min_traces": 1})), ["limit", "min_traces"]);
    assert_eq!(fields(json!({"target": "j", "request": {"url": "x"}})), ["request.url"]);
    assert_eq!(fields(json!({"target": "j", "service": "s", "structure": {"min_ratio": 0}})), ["structure.min_ratio"]);
}
