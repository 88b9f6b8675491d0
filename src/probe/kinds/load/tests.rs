use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::model::{Outcome, Reason};
use crate::probe::net::Clients;
use crate::probe::net::peers::{self, response};
use crate::probe::{Credentials, Hazards, Observation, ProbeCx, fixture};

/// A peer that answers by the number of the request, and how many it has seen.
async fn peer(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let peer = peers::http(move |_| answer(seen.fetch_add(1, Ordering::SeqCst))).await;
    (peer.to_string(), count)
}

fn cx(milliseconds: u64, listed: &str) -> ProbeCx {
    let hazards = Hazards { load_targets: vec![listed.to_owned()], ..Hazards::default() };
    fixture::cx_with(milliseconds, None, Credentials::default(), Arc::new(Clients::with(hazards)))
}

async fn run(peer: &str, more: Value, expect: &[&str]) -> Observation {
    let mut parameters =
        json!({ "url": format!("http://{peer}/"), "rate": 50.0, "duration_s": 1, "request_timeout_s": 1 });
    for (key, value) in more.as_object().unwrap() {
        parameters[key] = value.clone();
    }
    fixture::run_with("load", parameters, expect, &cx(8000, peer)).await
}

fn ok() -> String {
    response("200 OK", "", "x")
}

fn says(seen: &Observation, outcome: Outcome, reason: Option<Reason>, part: &str) {
    let verdict = &seen.verdict;
    assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{} {:?}", verdict.sentence(), seen.facts);
    assert!(verdict.sentence().contains(part), "{}", verdict.sentence());
}

#[tokio::test]
async fn every_request_is_sent_at_its_time_and_no_more() {
    let (peer, count) = peer(|_| ok()).await;
    let begun = Instant::now();
    let seen = run(&peer, json!({}), &["latency.p99_s < 1.0", "throughput > 30.0"]).await;
    says(&seen, Outcome::Pass, None, "50 requests");
    assert_eq!(count.load(Ordering::SeqCst), 50, "as the target counted them");
    assert!(begun.elapsed() > Duration::from_millis(900), "at the rate, not at once");
}

#[tokio::test]
async fn a_target_that_is_not_listed_gets_nothing() {
    let (peer, count) = peer(|_| ok()).await;
    let parameters = json!({ "url": format!("http://{peer}/"), "duration_s": 1, "request_timeout_s": 1 });
    for listed in ["", "127.0.0.1:1", "localhost:80"] {
        let seen = fixture::run("load", parameters.clone(), &cx(5000, listed)).await;
        says(&seen, Outcome::Indeterminate, Some(Reason::NotEnabled), "engine.load_targets");
    }
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn bad_answers_fail_and_many_of_them_end_the_run() {
    let (peer, count) = peer(|n| if n == 20 { response("503 X", "", "") } else { ok() }).await;
    let seen = run(&peer, json!({}), &[]).await;
    says(&seen, Outcome::Fail, Some(Reason::Status), "1 of 50 answered otherwise (49 with 200, 1 with 503)");
    assert_eq!(count.load(Ordering::SeqCst), 50);
    says(&run(&peer, json!({ "max_error_share": 0.05 }), &[]).await, Outcome::Pass, None, "");

    let (broken, count) = self::peer(|_| response("500 X", "", "")).await;
    let seen = run(&broken, json!({}), &[]).await;
    says(&seen, Outcome::Fail, Some(Reason::Status), "ended early");
    assert!(count.load(Ordering::SeqCst) <= 20, "{count:?}");

    let nobody = format!("127.0.0.1:{}", peers::closed_port().await);
    says(&run(&nobody, json!({}), &[]).await, Outcome::Fail, Some(Reason::Refused), "refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalling_server_is_charged_for_those_that_wait() {
    // One connection, and one answer of 50 takes 400 ms: each alone looks fast, those behind it wait.
    let stall = |n: usize| {
        if n == 10 {
            std::thread::sleep(Duration::from_millis(400));
        }
        ok()
    };
    let (peer, _) = peer(stall).await;
    let seen = run(&peer, json!({ "connections": 1, "max": { "p90_s": 0.1 } }), &[]).await;
    says(&seen, Outcome::Fail, Some(Reason::Latency), "a 90th percentile of at most 0.100 s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_could_not_be_sent_proves_nothing() {
    let slow = |_| {
        std::thread::sleep(Duration::from_millis(100));
        ok()
    };
    let (peer, count) = peer(slow).await;
    let seen = run(&peer, json!({ "connections": 1 }), &["latency.p50_s < 100.0"]).await;
    says(&seen, Outcome::Indeterminate, Some(Reason::Other), "the latency proves nothing");
    assert!(count.load(Ordering::SeqCst) < 20);
    assert!(seen.gaps.iter().any(|gap| gap.field == "latency" && gap.hides));
}

#[tokio::test]
async fn without_a_rate_all_connections_are_busy() {
    let (peer, count) = peer(|_| ok()).await;
    let more = json!({ "rate": 0.0, "connections": 20, "max_requests": 100, "min_in_flight": 20 });
    says(&run(&peer, more, &["in_flight == 20"]).await, Outcome::Pass, None, "100 requests");
    assert_eq!(count.load(Ordering::SeqCst), 100);
}

#[tokio::test]
async fn a_limiter_must_limit_and_recover() {
    let limited = |n: usize| if (5..50).contains(&n) { response("429 X", "", "") } else { ok() };
    let (peer, _) = peer(limited).await;
    let more = json!({ "status": [200, 429], "then_after_s": 1 });
    let expect = ["statuses.exists(s, s.status == 429)"];
    says(&run(&peer, more.clone(), &expect).await, Outcome::Pass, None, "");
    let (free, _) = self::peer(|_| ok()).await;
    says(&run(&free, more.clone(), &expect).await, Outcome::Fail, Some(Reason::Assertion), "");
    let (never, _) = self::peer(|n| if n > 5 { response("429 X", "", "") } else { ok() }).await;
    says(&run(&never, more, &expect).await, Outcome::Fail, Some(Reason::Status), "1 s after the run, saw 429");
}

#[tokio::test]
async fn a_dropped_run_stops_at_once() {
    let (peer, count) = peer(|_| ok()).await;
    let run = run(&peer, json!({ "duration_s": 5, "max_requests": 250 }), &[]);
    assert!(tokio::time::timeout(Duration::from_millis(300), run).await.is_err());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let then = count.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(count.load(Ordering::SeqCst), then);
    assert!(then <= 16, "{then}");
}

#[tokio::test]
async fn a_run_that_does_not_fit_is_not_begun() {
    let (peer, count) = peer(|_| ok()).await;
    let seen = run(&peer, json!({ "duration_s": 30, "max_requests": 2000 }), &[]).await;
    says(&seen, Outcome::Indeterminate, Some(Reason::Unconfigured), "more than its timeout");
    assert_eq!(count.load(Ordering::SeqCst), 0);
}

#[test]
fn what_is_out_of_bounds_is_said_at_load() {
    for (parameters, field) in [
        (json!({ "url": "http://h/", "method": "POST" }), "method"),
        (json!({ "url": "http://h/", "rate": 5000.0 }), "rate"),
        (json!({ "url": "http://h/", "rate": 100.0, "duration_s": 60 }), "max_requests"),
        (json!({ "url": "http://h/", "connections": 0 }), "connections"),
        (json!({ "url": "http://h/", "connections": 5, "min_in_flight": 6 }), "min_in_flight"),
        (json!({ "url": "http://h/", "abort_above": 1.5 }), "abort_above"),
        (json!({}), ""),
    ] {
        let parsed = crate::probe::kinds::find("load").unwrap().parse(parameters.clone()).unwrap();
        assert!(parsed.findings.0.iter().any(|one| one.field == field), "{parameters}: {:?}", parsed.findings);
        assert_eq!(parsed.access, crate::model::Access::Loads);
    }
}
