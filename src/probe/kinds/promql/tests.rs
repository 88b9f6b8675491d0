use serde_json::{Value, json};

use super::recorded::{says, world};
use crate::model::{Outcome, Reason};
use crate::probe::{Observation, fixture, kinds};

/// One query of a server that answers with this.
async fn look(status: &str, body: &Value, more: &Value, expect: &[&str]) -> Observation {
    let address = says(status, "application/json", &body.to_string()).await;
    ask(&format!("http://{address}"), more, expect).await
}

async fn ask(url: &str, more: &Value, expect: &[&str]) -> Observation {
    let mut parameters = json!({ "url": url, "query": "up" });
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    if parameters["query"].is_null() {
        parameters.as_object_mut().unwrap().remove("query");
    }
    fixture::run_with("promql", parameters, expect, &fixture::cx(2000)).await
}

fn vector(values: &[&str]) -> Value {
    let series: Vec<Value> = values
        .iter()
        .enumerate()
        .map(|(n, value)| json!({ "metric": { "n": n.to_string() }, "value": [1_795_304_931.5, value] }))
        .collect();
    json!({ "status": "success", "data": { "resultType": "vector", "result": series } })
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
async fn what_a_real_server_said_is_judged() {
    let url = format!("http://{}", world("ready").await);
    let nan = "label_replace(vector(0)/0,\"a\",\"nan\",\"\",\"\") or label_replace(vector(1)/0,\"a\",\"pos\",\"\",\"\") or label_replace(vector(-1)/0,\"a\",\"neg\",\"\",\"\")";
    let duplicate = "up * on(job) group_left() {__name__=~\"up|scrape_duration_seconds\"}";
    let cases = [
        ("up", &["series_count > 0", "series.all(s, s.value == 1)"][..], PASS),
        ("up", &["max < 1"][..], fail(Reason::Assertion)),
        (nan, &[][..], unknown(Reason::NoData)),
        ("\"text\"", &[][..], unknown(Reason::Query)),
        ("sum(", &[][..], unknown(Reason::Query)),
        (duplicate, &[][..], unknown(Reason::Query)),
    ];
    for (query, expect, expected) in cases {
        let observation = ask(&url, &json!({ "query": query }), expect).await;
        assert_eq!(saw(&observation), expected, "{query}: {}", observation.verdict.sentence());
    }
}

#[tokio::test]
async fn no_data_never_passes_by_itself() {
    let none = vector(&[]);
    let cases = [
        (json!({}), unknown(Reason::NoData)),
        (json!({ "no_data": "fail" }), fail(Reason::Missing)),
        // The guard has no data either.
        (json!({ "guards": ["up"], "absent_value": 0 }), unknown(Reason::NoData)),
        (json!({ "query": null, "queries": { "a": "up" } }), unknown(Reason::NoData)),
    ];
    for (more, expected) in cases {
        let observation = look("200 OK", &none, &more, &[]).await;
        assert_eq!(saw(&observation), expected, "{more}");
        assert!(observation.verdict.sentence().starts_with("expected data of "), "{more}");
    }
}

#[tokio::test]
async fn numbers_are_judged_and_what_is_none_is_not() {
    let one = ["value == 0.5", "min == 0.5", "max == 0.5", "sum == 0.5"];
    assert_eq!(saw(&look("200 OK", &vector(&["0.5"]), &json!({}), &one).await), PASS);
    let two = vector(&["1", "3"]);
    assert_eq!(saw(&look("200 OK", &two, &json!({}), &["min == 1 && max == 3 && sum == 4"]).await), PASS);
    assert_eq!(saw(&look("200 OK", &two, &json!({}), &["value > 0"]).await), unknown(Reason::ExpressionError));
    for bad in ["NaN", "+Inf", "-Inf"] {
        let seen = look("200 OK", &vector(&["1", bad]), &json!({ "guards": ["up"], "absent_value": 0 }), &[]).await;
        assert_eq!(saw(&seen), unknown(Reason::NoData), "{bad}");
    }
    let scalar = json!({ "status": "success", "data": { "resultType": "scalar", "result": [1.0, "7"] } });
    assert_eq!(saw(&look("200 OK", &scalar, &json!({}), &["value == 7"]).await), PASS);
}

#[tokio::test]
async fn a_range_is_judged_by_its_points() {
    let values = json!([[0, "1"], [60, "1.5"], [120, "NaN"], [240, "0.5"]]);
    let matrix = json!({ "status": "success", "data": { "resultType": "matrix", "result": [
        { "metric": { "job": "x" }, "values": values }] } });
    let range = json!({ "range": { "last_s": 300, "step_s": 60 }, "min_points": 3 });
    let expect = [
        "series[0].first == 1 && value == 0.5 && max == 1.5 && series[0].avg == 1.0",
        "series[0].largest_rise == 0.5 && series[0].largest_fall == 1.0 && series[0].largest_gap_s == 180.0",
        "size(series[0].points) == 3 && series[0].labels['job'] == 'x'",
    ];
    let observation = look("200 OK", &matrix, &range, &expect).await;
    assert_eq!(saw(&observation), PASS, "{}", observation.verdict.sentence());
    let more = json!({ "range": { "last_s": 300, "step_s": 60 }, "min_points": 4 });
    assert_eq!(saw(&look("200 OK", &matrix, &more, &[]).await), unknown(Reason::NoData));
    let many: Vec<Value> = (0..30)
        .map(|n| {
            let points: Vec<Value> = (0..1000).map(|at| json!([at, "1"])).collect();
            json!({ "metric": { "n": n.to_string() }, "values": points })
        })
        .collect();
    let many = json!({ "status": "success", "data": { "resultType": "matrix", "result": many } });
    let cut =
        look("200 OK", &many, &json!({ "range": { "last_s": 1000, "step_s": 1 } }), &["series.all(s, s.value == 1)"])
            .await;
    assert_eq!(saw(&cut), unknown(Reason::ExpressionError));
}

#[tokio::test]
async fn a_series_of_a_range_without_a_number_is_not_left_out() {
    let range = |min_points: u32| json!({ "range": { "last_s": 300, "step_s": 60 }, "min_points": min_points });
    let one = json!({ "metric": { "job": "x" }, "values": [[0, "1"], [60, "1"]] });
    let nan = json!({ "metric": { "job": "y" }, "values": [[0, "NaN"], [60, "NaN"]] });
    for (series, min_points) in [(json!([one, nan]), 2), (json!([nan, one]), 0), (json!([nan]), 0)] {
        let matrix = json!({ "status": "success", "data": { "resultType": "matrix", "result": series } });
        let seen = look("200 OK", &matrix, &range(min_points), &["series.all(s, s.value == 1)"]).await;
        assert_eq!(saw(&seen), unknown(Reason::NoData), "{}", seen.verdict.sentence());
        assert!(seen.verdict.sentence().ends_with("saw only NaN for {job=\"y\"}"), "{}", seen.verdict.sentence());
    }
}

#[tokio::test]
async fn an_answer_that_says_it_is_partial_decides_nothing() {
    for (partial, expected) in [(true, unknown(Reason::Query)), (false, PASS)] {
        let mut part = vector(&["1"]);
        part["isPartial"] = json!(partial);
        let seen = look("200 OK", &part, &json!({}), &["value == 1"]).await;
        assert_eq!(saw(&seen), expected, "{}", seen.verdict.sentence());
    }
}

#[tokio::test]
async fn a_part_of_an_answer_decides_nothing() {
    let mut part = vector(&["1"]);
    part["warnings"] = json!(["store 2 did not answer"]);
    let observation = look("200 OK", &part, &json!({}), &["value == 2"]).await;
    assert_eq!(saw(&observation), unknown(Reason::Query));
    assert!(observation.verdict.sentence().contains("store 2 did not answer"));
    let mut noted = vector(&["1"]);
    noted["infos"] = json!(["metric might not be a counter"]);
    assert_eq!(saw(&look("200 OK", &noted, &json!({}), &[]).await), PASS);
}

#[tokio::test]
async fn whatever_the_server_lacks_is_unknown() {
    let error = |kind: &str| json!({ "status": "error", "errorType": kind, "error": "said so" });
    let cases = [
        ("503 Service Unavailable", error("timeout"), Reason::Timeout),
        ("500 Internal", error("internal"), Reason::Query),
        ("404 Not Found", error("not_found"), Reason::Protocol),
        ("401 Unauthorized", json!({}), Reason::AuthRejected),
        ("502 Bad Gateway", Value::Null, Reason::Status),
        ("200 OK", json!([]), Reason::Protocol),
        ("200 OK", json!({ "status": "success" }), Reason::Protocol),
        ("200 OK", json!({ "status": "success", "data": {} }), Reason::Query),
        ("200 OK", json!({ "status": "success", "data": { "resultType": "vector", "result": [{}] } }), Reason::Query),
        (
            "200 OK",
            json!({ "status": "success", "data": { "resultType": "vector", "result": [{ "metric": {}, "value": [1, 2] }] } }),
            Reason::Query,
        ),
        (
            "200 OK",
            json!({ "status": "success", "data": { "resultType": "vector", "result": [{ "metric": {}, "histogram": [] }] } }),
            Reason::Query,
        ),
        ("200 OK", json!({ "status": "success", "data": { "resultType": "streams", "result": [] } }), Reason::Query),
    ];
    for (status, body, reason) in cases {
        let observation = look(status, &body, &json!({ "no_data": "fail" }), &[]).await;
        assert_eq!(saw(&observation), unknown(reason), "{status} {body}: {}", observation.verdict.sentence());
    }
    let page = says("200 OK", "text/html", "<html>Sign in</html>").await;
    assert_eq!(saw(&ask(&format!("http://{page}"), &json!({}), &[]).await), unknown(Reason::Protocol));
    let closed = crate::probe::net::peers::closed_port().await;
    assert_eq!(saw(&ask(&format!("http://127.0.0.1:{closed}"), &json!({}), &[]).await), unknown(Reason::Refused));
    let large = vector(&["1"; 5000]);
    assert_eq!(saw(&look("200 OK", &large, &json!({ "max_bytes": 1000 }), &[]).await), unknown(Reason::TooLarge));
}

#[tokio::test]
async fn each_value_must_have_data() {
    let address = crate::probe::net::peers::http(|head| {
        let body = if head.contains("there") { vector(&["1"]) } else { vector(&[]) };
        crate::probe::net::peers::response("200 OK", "", &body.to_string())
    })
    .await;
    let url = format!("http://{address}");
    let each = |values: Value| json!({ "query": "count({__name__=\"{value}\"})", "each": values });
    let good = ask(&url, &each(json!(["there", "also_there"])), &["series.all(s, s.value == 1 && s.of != '')"]).await;
    assert_eq!(saw(&good), PASS, "{}", good.verdict.sentence());
    let bad = ask(&url, &each(json!(["there", "gone"])), &[]).await;
    assert_eq!(saw(&bad), unknown(Reason::NoData));
    assert!(bad.verdict.sentence().contains("gone"), "{}", bad.verdict.sentence());
}

#[tokio::test]
async fn the_credential_of_the_target_is_sent_and_never_shown() {
    let address = crate::probe::net::peers::http(|head| {
        let lower = head.to_ascii_lowercase();
        let good = lower.contains("authorization: bearer s3cret-4711")
            || lower.contains("authorization: basic dtpzm2nyzxqtndcxmq==");
        let status = if good { "200 OK" } else { "401 Unauthorized" };
        crate::probe::net::peers::response(status, "", &vector(&["1"]).to_string())
    })
    .await;
    for user in ["", "u"] {
        let cx = fixture::cx_with(2000, None, fixture::credential("prom", "s3cret-4711"), Default::default());
        let parameters =
            json!({ "url": format!("http://{address}"), "query": "up", "credential": "prom", "user": user });
        let observation = fixture::run("promql", parameters, &cx).await;
        assert_eq!(saw(&observation), PASS, "{user}: {}", observation.verdict.sentence());
        assert!(!format!("{observation:?}{:?}", cx.trace().take()).contains("s3cret"));
    }
}

#[test]
fn static_errors_name_the_field() {
    let cases = [
        (json!({ "query": "up" }), ""),
        (json!({ "target": "p" }), "query"),
        (json!({ "target": "p", "query": " " }), "query"),
        (json!({ "target": "p", "query": "up", "each": ["a"] }), "each"),
        (json!({ "target": "p", "query": "{value}" }), "each"),
        (json!({ "target": "p", "query": "up", "absent_value": 0 }), "absent_value"),
        (json!({ "target": "p", "query": "up", "min_points": 3 }), "min_points"),
        (json!({ "target": "p", "query": "up", "range": { "last_s": 60 } }), "range"),
        (json!({ "target": "p", "query": "up", "range": { "last_s": 86400, "step_s": 1 } }), "range"),
        (json!({ "target": "p", "query": "up", "max_bytes": 0 }), "max_bytes"),
        (json!({ "url": "ftp://h", "query": "up" }), "url"),
    ];
    for (parameters, field) in cases {
        let findings = kinds::find("promql").unwrap().parse(parameters.clone()).unwrap().findings;
        assert_eq!(findings.0.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), [field], "{parameters}");
    }
}
