use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::model::{Outcome, Reason};
use crate::probe::fixture;
use crate::probe::net::Clients;
use crate::probe::net::peers::{self, response};

const JSON: &str = "content-type: application/json\r\n";

/// A peer that answers by the request line, and the address of it.
async fn peer(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> String {
    let peer = peers::http(move |head| answer(head.lines().next().unwrap_or_default())).await;
    format!("http://{peer}/")
}

async fn run(parameters: Value) -> Verdict {
    fixture::run("http_requests", parameters, &fixture::cx(3000)).await.verdict
}

fn ok(body: &str) -> String {
    response("200 OK", JSON, body)
}

fn says(verdict: &Verdict, outcome: Outcome, reason: Option<Reason>, part: &str) {
    assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{}", verdict.sentence());
    assert!(verdict.sentence().contains(part), "{}", verdict.sentence());
}

#[tokio::test]
async fn the_first_request_that_is_not_as_expected_is_named() {
    let url = peer(|line| if line.contains("/b") { response("500 X", "", "") } else { ok("{}") }).await;
    let all = |requests: Value| run(json!({ "url": url, "requests": requests }));
    says(&all(json!([{ "path": "/a" }, { "path": "/c" }])).await, Outcome::Pass, None, "2 requests");
    let verdict = all(json!([{ "path": "/a" }, { "name": "the second", "path": "/b" }])).await;
    says(&verdict, Outcome::Fail, Some(Reason::Status), "the second: expected status 2xx");
    // What fails for certain comes before what is unclear.
    let unclear = json!({ "path": "/a", "expect": ["json.missing == 1"] });
    says(&all(json!([unclear, { "path": "/b" }])).await, Outcome::Fail, Some(Reason::Status), "/b");
    says(&all(json!([unclear])).await, Outcome::Indeterminate, Some(Reason::ExpressionError), "missing");
}

#[tokio::test]
async fn a_request_is_sent_for_each_text_and_for_each_of_an_answer() {
    let url = peer(|line| match line.split(' ').nth(1).unwrap() {
        "/agents" => ok(r#"{"agents":[{"id":"a"},{"id":"b c"},{"id":"a"}]}"#),
        "/agents/b%20c" => ok(r#"{"up":false}"#),
        _ => ok(r#"{"up":true}"#),
    })
    .await;
    let parameters = |more: u16| {
        json!({ "url": url, "max_requests": more, "requests": [
            { "path": "/agents" },
            { "name": "health", "path": "/agents/{value}", "each_of": "json.agents.map(a, a.id)", "expect": ["json.up"] },
        ]})
    };
    says(&run(parameters(3)).await, Outcome::Fail, Some(Reason::Assertion), "health with `b c`");
    says(&run(parameters(2)).await, Outcome::Indeterminate, Some(Reason::NoData), "at most 2 are sent");
    let none = json!({ "url": url, "requests": [{ "path": "/x" }, { "path": "/{value}", "each_of": "json.none" }] });
    says(&run(none).await, Outcome::Indeterminate, Some(Reason::NoData), "could not be sent");
    let literal =
        json!({ "url": url, "requests": [{ "path": "/agents/{value}", "each": ["a", "b c"], "expect": ["json.up"] }] });
    says(&run(literal).await, Outcome::Fail, Some(Reason::Assertion), "`b c`");
    let empty = json!({ "url": url, "requests": [{ "path": "/agents/{value}", "each": [] }] });
    says(&run(empty).await, Outcome::Indeterminate, Some(Reason::NoData), "at least one request");
}

#[tokio::test]
async fn a_negative_check_passes_only_on_an_explicit_refusal() {
    let ask = |status: &'static str| async move {
        let url = peer(move |_| response(status, "", "")).await;
        run(json!({ "url": url, "requests": [{ "refused_with": [401, 403] }] })).await
    };
    says(&ask("401 X").await, Outcome::Pass, None, "");
    says(&ask("200 OK").await, Outcome::Fail, Some(Reason::AuthAccepted), "accepted with 200");
    says(&ask("404 X").await, Outcome::Indeterminate, Some(Reason::Status), "proves nothing");
    let closed = peers::closed_port().await;
    let nobody = json!({ "url": format!("http://127.0.0.1:{closed}/"), "requests": [{ "refused_with": [401] }] });
    says(&run(nobody).await, Outcome::Indeterminate, Some(Reason::Refused), "refused");
    let positive = json!({ "url": format!("http://127.0.0.1:{closed}/"), "requests": [{ "name": "it" }] });
    says(&run(positive).await, Outcome::Fail, Some(Reason::Refused), "(it)");
}

#[tokio::test]
async fn answers_beside_the_point_prove_nothing_about_a_weakness() {
    for (status, outcome) in
        [("503 X", Outcome::Indeterminate), ("401 X", Outcome::Indeterminate), ("500 X", Outcome::Fail)]
    {
        let url = peer(move |_| response(status, "", "")).await;
        let request = json!({ "path": "/", "status": [404] });
        let verdict = run(json!({ "url": url, "negative": true, "requests": [request] })).await;
        says(&verdict, outcome, Some(Reason::Status), "expected status 404");
    }
}

#[tokio::test]
async fn payloads_are_held_against_an_innocuous_request() {
    let url = peer(|line| if line.contains("OR") { ok("{\"list\":[1,2]}") } else { ok("{\"list\":[1]}") }).await;
    let request = json!({ "name": "list", "path": "/?q={value}", "each": ["x", "' OR 1"], "baseline": "calm",
        "expect": ["items <= baseline.items", "seconds - baseline.seconds < 1.0"] });
    let verdict = run(json!({ "url": url, "negative": true, "requests": [request] })).await;
    says(&verdict, Outcome::Fail, Some(Reason::Assertion), "list with `' OR 1`");

    let broken = peer(|line| if line.contains("calm") { response("404 X", "", "") } else { ok("{}") }).await;
    let request = json!({ "path": "/{value}", "each": ["x"], "baseline": "calm" });
    let verdict = run(json!({ "url": broken, "negative": true, "requests": [request] })).await;
    says(&verdict, Outcome::Indeterminate, Some(Reason::Status), "the innocuous request");
}

#[tokio::test]
async fn a_forbidden_text_is_found_in_any_body() {
    let url = peer(|_| ok(r#"{"error":"syntax error at or near \"x\""}"#)).await;
    let parameters = json!({ "url": url, "forbid_body": "syntax error at or near", "requests": [{ "path": "/" }] });
    says(&run(parameters).await, Outcome::Fail, Some(Reason::Assertion), "saw `syntax error");
}

#[tokio::test]
async fn instances_must_agree() {
    let one = peer(|_| ok(r#"{"names":["a","b"]}"#)).await;
    let same = peer(|_| ok(r#"{"names":["b","a"]}"#)).await;
    let other = peer(|_| ok(r#"{"names":["a","c"]}"#)).await;
    let of = |instances: Vec<String>| {
        run(json!({ "instances": instances, "requests": [{ "path": "/", "same": "json.names" }] }))
    };
    says(&of(vec![one.clone(), same]).await, Outcome::Pass, None, "2 requests");
    says(&of(vec![one.clone(), other]).await, Outcome::Fail, Some(Reason::Assertion), "only there \"c\"");
    says(&of(vec![one]).await, Outcome::Indeterminate, Some(Reason::NoData), "two instances");
}

#[tokio::test]
async fn a_page_is_loaded_with_what_it_refers_to() {
    let url = peer(|line| match line.split(' ').nth(1).unwrap() {
        "/" => response(
            "200 OK",
            "content-type: text/html\r\n",
            "<script src=/a.js></script><script src=/gone.js></script>",
        ),
        "/a.js" => response("200 OK", "", ""),
        _ => response("404 X", "", ""),
    })
    .await;
    let requests = json!([{ "name": "page" }, { "name": "asset", "path": "{+value}", "each_of": "assets" }]);
    let verdict = run(json!({ "url": url, "requests": requests })).await;
    says(&verdict, Outcome::Fail, Some(Reason::Status), "gone.js");
}

#[tokio::test]
async fn what_hangs_is_cut_off() {
    let silent = peers::silent().await;
    let parameters = json!({ "url": format!("http://{silent}/"), "requests": [{ "path": "/" }] });
    let cx = fixture::cx_with(200, None, crate::probe::Credentials::default(), Arc::new(Clients::new()));
    let begun = tokio::time::Instant::now();
    let verdict = fixture::run("http_requests", parameters, &cx).await.verdict;
    says(&verdict, Outcome::Fail, Some(Reason::Timeout), "");
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[test]
fn what_cannot_be_meant_is_said_at_load() {
    for (parameters, field) in [
        (json!({ "url": "http://h/", "requests": [] }), "requests"),
        (json!({ "url": "http://h/", "instances": ["http://h/"], "requests": [{}] }), "instances"),
        (json!({ "url": "http://h/", "requests": [{ "each_of": "json" }] }), "requests[0].each_of"),
        (json!({ "url": "http://h/", "requests": [{ "expect": ["stats == 1"] }] }), "requests[0].expect[0]"),
        (json!({ "url": "http://h/", "requests": [{ "same": "json" }] }), "requests[0].same"),
        (json!({ "url": "http://h/", "requests": [{ "refused_with": [200] }] }), "requests[0].refused_with"),
        (json!({ "url": "http://h/", "requests": [{ "hmac": { "header": "x" } }] }), "requests[0].hmac"),
        (json!({ "url": "http://h/", "requests": [{ "jwt": { "secrets": [] } }] }), "requests[0].jwt"),
        (json!({ "url": "http://h/", "forbid_body": "(", "requests": [{}] }), "forbid_body"),
        (json!({ "url": "http://h/", "max_requests": 1, "requests": [{}, {}] }), "max_requests"),
    ] {
        let found = crate::probe::kinds::find("http_requests").unwrap().parse(parameters.clone()).unwrap().findings;
        assert!(found.0.iter().any(|finding| finding.field == field), "{parameters}: {found:?}");
    }
}

#[tokio::test]
async fn a_page_of_metrics_is_searched_and_not_kept() {
    let url = peer(|line| match line.split(' ').nth(1).unwrap() {
        "/good" => response("200 OK", "content-type: text/plain\r\n", "a{x=\"1\"} 1\nb 2\n"),
        "/bad" => response("200 OK", "content-type: text/plain\r\n", "a{x=\"ann@example.org\"} 1\n"),
        "/cut" => response("200 OK", "content-type: text/plain\r\n", "a{x=\"1\"} 1\na{x=\"1\n"),
        "/json" => ok("{}"),
        _ => response("200 OK", "content-type: text/plain\r\n", "# nothing\n"),
    })
    .await;
    let page = |path: &str| json!({ "url": url, "requests": [{ "name": "page", "path": path }], "personal": { "detectors": ["email"] } });
    says(&run(page("/good")).await, Outcome::Pass, None, "1 request");
    let seen = fixture::run("http_requests", page("/bad"), &fixture::cx(3000)).await;
    says(&seen.verdict, Outcome::Fail, Some(Reason::Assertion), "1 of the label x that look like email");
    assert!(!format!("{seen:?}").contains("ann@"), "{seen:?}");
    says(&run(page("/cut")).await, Outcome::Indeterminate, Some(Reason::Invalid), "line 2");
    says(&run(page("/json")).await, Outcome::Indeterminate, Some(Reason::Invalid), "JSON");
    says(&run(page("/none")).await, Outcome::Indeterminate, Some(Reason::NoData), "without a sample");
}
