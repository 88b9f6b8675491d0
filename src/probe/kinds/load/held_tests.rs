//! Connections that are held, at servers good and bad.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::model::{Outcome, Reason};
use crate::probe::net::Clients;
use crate::probe::net::peers;
use crate::probe::{Credentials, Hazards, Observation, fixture, kinds};

/// What a server does with what comes.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Echo,
    /// Reads, and so answers pings, but sends nothing of its own.
    Listen,
    Flood,
    /// Every second connection ends at once.
    Drop,
}

/// A server, and how many connections it has at this moment, and had.
async fn server(does: Does) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (open, all) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (Arc::clone(&open), Arc::clone(&all));
    let address = peers::serve(move |stream| {
        let (open, all) = (Arc::clone(&counts.0), Arc::clone(&counts.1));
        async move {
            let Ok(mut socket) = accept_async(stream).await else { return };
            open.fetch_add(1, Ordering::SeqCst);
            let number = all.fetch_add(1, Ordering::SeqCst);
            if does == Does::Flood {
                let _ = socket.send(Frame::text("x".repeat(100_000))).await;
            }
            while let Some(Ok(frame)) = socket.next().await {
                if does == Does::Drop && number % 2 == 1 {
                    break;
                }
                if does == Does::Echo && frame.is_text() && socket.send(frame).await.is_err() {
                    break;
                }
            }
            open.fetch_sub(1, Ordering::SeqCst);
        }
    })
    .await;
    (address, open, all)
}

async fn hold(address: SocketAddr, more: Value) -> Observation {
    let mut held = json!({ "connections": 20, "rate": 100.0, "hold_s": 2, "heartbeat_s": 1 });
    for (key, value) in more.as_object().unwrap() {
        held[key] = value.clone();
    }
    let parameters = json!({ "url": format!("ws://{address}/ws"), "request_timeout_s": 1, "websocket": held });
    let hazards = Hazards { load_targets: vec![address.to_string()], ..Hazards::default() };
    let cx = fixture::cx_with(6000, None, Credentials::default(), Arc::new(Clients::with(hazards)));
    fixture::run_with("load", parameters, &[], &cx).await
}

fn says(seen: &Observation, outcome: Outcome, reason: Option<Reason>, part: &str) {
    let verdict = &seen.verdict;
    assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{} {:?}", verdict.sentence(), seen.facts);
    assert!(verdict.sentence().contains(part), "{}", verdict.sentence());
}

#[tokio::test]
async fn all_are_held_at_the_same_time_and_closed() {
    let (address, open, all) = server(Does::Listen).await;
    let seen = hold(address, json!({ "max_connect_p95_s": 1.0, "max_round_trip_p95_s": 1.0 })).await;
    says(&seen, Outcome::Pass, None, "20 at the same time, 20 of them closed well");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((open.load(Ordering::SeqCst), all.load(Ordering::SeqCst)), (0, 20), "as the server counted them");
    let facts = &seen.facts.as_ref().unwrap()["websocket"];
    assert!(facts["frames"].as_u64() >= Some(40) && facts["round_trip"]["p95_s"].is_number(), "{facts}");
}

#[tokio::test]
async fn an_echo_must_come_back() {
    let (address, ..) = server(Does::Echo).await;
    says(&hold(address, json!({ "echo": "hello", "max_round_trip_p95_s": 1.0 })).await, Outcome::Pass, None, "");
    let (address, ..) = server(Does::Listen).await;
    let seen = hold(address, json!({ "echo": "hello" })).await;
    says(&seen, Outcome::Fail, Some(Reason::Timeout), "sent nothing for 1 s");
}

#[tokio::test]
async fn what_sends_nothing_of_its_own_is_silent_without_pings() {
    let (address, ..) = server(Does::Listen).await;
    let seen = hold(address, json!({ "ping": false, "hold_s": 2 })).await;
    says(&seen, Outcome::Fail, Some(Reason::Timeout), "sent nothing for 1 s");
}

#[tokio::test]
async fn those_that_are_lost_are_counted_by_reason() {
    let (address, ..) = server(Does::Drop).await;
    says(&hold(address, json!({})).await, Outcome::Fail, Some(Reason::Reset), "reset)");
    let (address, ..) = server(Does::Flood).await;
    says(&hold(address, json!({})).await, Outcome::Fail, Some(Reason::TooLarge), "more than 16384 bytes");
    let nobody = SocketAddr::from(([127, 0, 0, 1], peers::closed_port().await));
    says(&hold(nobody, json!({})).await, Outcome::Fail, Some(Reason::Refused), "ended early");
    let no_upgrade = peers::http(|_| peers::response("200 OK", "", "x")).await;
    says(&hold(no_upgrade, json!({})).await, Outcome::Fail, Some(Reason::Status), "answered the upgrade with 200");
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_no_connection() {
    let (address, open, _) = server(Does::Listen).await;
    assert!(tokio::time::timeout(Duration::from_millis(500), hold(address, json!({}))).await.is_err());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(open.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn neither_too_long_a_run_nor_one_at_others_is_begun() {
    let (address, _, all) = server(Does::Listen).await;
    says(&hold(address, json!({ "hold_s": 60 })).await, Outcome::Indeterminate, Some(Reason::Unconfigured), "timeout");
    let parameters = json!({ "url": format!("ws://{address}/"), "websocket": { "connections": 1 } });
    let seen = fixture::run("load", parameters, &fixture::cx(60_000)).await;
    says(&seen, Outcome::Indeterminate, Some(Reason::NotEnabled), "engine.load_targets");
    assert_eq!(all.load(Ordering::SeqCst), 0);
}

#[test]
fn what_is_out_of_bounds_is_said_at_load() {
    for (held, field) in [
        (json!({ "connections": 20_001 }), "websocket.connections"),
        (json!({ "rate": 0.0 }), "websocket.rate"),
        (json!({ "hold_s": 0 }), "websocket.hold_s"),
        (json!({ "max_dropped": 1.5 }), "websocket.max_dropped"),
        (json!({ "gauge": "x" }), "websocket.gauge"),
        (json!({ "echo": "" }), "websocket.echo"),
    ] {
        let parameters = json!({ "url": "wss://h/ws", "websocket": held });
        let parsed = kinds::find("load").unwrap().parse(parameters.clone()).unwrap();
        assert!(parsed.findings.0.iter().any(|one| one.field == field), "{parameters}: {:?}", parsed.findings);
    }
    let parse = |parameters| kinds::find("load").unwrap().parse(parameters).unwrap().findings.0.len();
    assert_eq!(parse(json!({ "url": "wss://h/ws" })), 1, "only with `websocket`");
    assert_eq!(parse(json!({ "url": "wss://h/ws", "websocket": {} })), 0);
}
