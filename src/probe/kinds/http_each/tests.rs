use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::model::{Outcome, Reason};
use crate::probe::net::peers::{self, response};
use crate::probe::{Observation, fixture};

async fn run(addresses: Value, parameters: Value) -> Observation {
    let legs = BTreeMap::from([(Arc::from("list"), json!({ "items": [{ "at": addresses }] }))]);
    let cx = fixture::cx(5000).with_legs(Some(Arc::new(legs)));
    fixture::run("http_each", parameters, &cx).await
}

#[tokio::test]
async fn each_is_asked_and_none_is_judged() {
    let peer = peers::http(|head| {
        let ready = head.starts_with("GET /ready ");
        response(if ready { "200 OK" } else { "503 X" }, "", "")
    })
    .await;
    let port = peer.port();
    let each = json!({ "leg": "list", "path": "items.at" });
    let asked = |path: &str| json!({ "each": each, "port": port, "path": path });
    let seen = run(json!(["127.0.0.1", "127.0.0.9"]), asked("/ready")).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    let facts = seen.facts.unwrap();
    assert_eq!(facts["answered"], json!(["127.0.0.1"]));
    assert_eq!((&facts["silent"][0]["address"], &facts["silent"][0]["status"]), (&json!("127.0.0.9"), &Value::Null));
    let seen = run(json!(["127.0.0.1"]), asked("/other")).await;
    assert_eq!(seen.facts.unwrap()["silent"][0]["status"], 503);
    for (addresses, reason) in [
        (json!(["h.example.org"]), Reason::NoData),
        (json!([]), Reason::NoData),
        (json!(["127.0.0.1/x"]), Reason::NoData),
    ] {
        let seen = run(addresses, asked("/ready")).await;
        assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (Outcome::Indeterminate, Some(reason)));
    }
}
