//! One port and many, open, refused and silent.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::model::Outcome as Look;
use crate::probe::net::peers;
use crate::probe::{Descriptor, fixture};

fn probe(expect: Expect) -> Tcp {
    Tcp { target: Some("peer".to_owned()), expect, ..Tcp::default() }
}

fn facts(outcome: Outcome) -> TcpFacts {
    let seen = "h:1 did something".to_owned();
    TcpFacts { outcome: Some(outcome), address: "h:1".to_owned(), seen, ..TcpFacts::default() }
}

#[test]
fn judges_every_pair() {
    let cases = [
        (Expect::Open, Outcome::Open, Look::Pass, None),
        (Expect::Open, Outcome::Refused, Look::Fail, Some(Reason::Refused)),
        (Expect::Open, Outcome::Timeout, Look::Fail, Some(Reason::Timeout)),
        (Expect::Refused, Outcome::Refused, Look::Pass, None),
        (Expect::Refused, Outcome::Open, Look::Fail, Some(Reason::Assertion)),
        (Expect::Refused, Outcome::Timeout, Look::Indeterminate, Some(Reason::Timeout)),
        (Expect::Closed, Outcome::Refused, Look::Pass, None),
        (Expect::Closed, Outcome::Timeout, Look::Pass, None),
        (Expect::Closed, Outcome::Open, Look::Fail, Some(Reason::Assertion)),
    ];
    for (expect, outcome, look, reason) in cases {
        let verdict = probe(expect).judge(&facts(outcome), Timestamp(0));
        assert_eq!((verdict.outcome(), verdict.reason()), (look, reason), "{expect:?} {outcome:?}");
        assert!(verdict.sentence().starts_with("expected h:1 to"));
    }
}

#[test]
fn an_error_proves_no_refusal() {
    let error = ProbeError::target(Reason::Dns, "the name h does not exist");
    assert_eq!(probe(Expect::Open).judge_error(&error).outcome(), Look::Fail);
    assert_eq!(probe(Expect::Refused).judge_error(&error).outcome(), Look::Indeterminate);
}

#[tokio::test]
async fn sees_open_refused_and_silent_ports() {
    let open = peers::silent().await;
    let closed = format!("127.0.0.1:{}", peers::closed_port().await);
    let full = peers::full_backlog().await;
    for (address, outcome) in
        [(open.to_string(), Outcome::Open), (closed, Outcome::Refused), (full.to_string(), Outcome::Timeout)]
    {
        let begun = Instant::now();
        let cx = fixture::cx_for(300, &address);
        let facts = probe(Expect::Open).observe(&cx).await.unwrap();
        assert_eq!(facts.outcome, Some(outcome), "{}", facts.seen);
        assert!(begun.elapsed() < Duration::from_millis(900));
    }
}

#[tokio::test]
async fn an_accepted_connection_passes_whatever_comes_after() {
    for peer in [peers::resets().await, peers::greets(b"SSH-2.0-x\r\n").await] {
        let cx = fixture::cx_for(300, &peer.to_string());
        assert_eq!(probe(Expect::Open).observe(&cx).await.unwrap().outcome, Some(Outcome::Open));
    }
}

#[tokio::test]
async fn no_target_is_unconfigured() {
    let error = probe(Expect::Open).observe(&fixture::cx(300)).await.unwrap_err();
    assert_eq!(error.reason, Reason::Unconfigured);
}

async fn many(address: &str, allow: &[u16], deny: &[u16], milliseconds: u64) -> (Look, Option<Reason>, String) {
    let parameters = serde_json::json!({ "target": "peer", "allow": allow, "deny": deny });
    let seen = fixture::run("tcp", parameters, &fixture::cx_for(milliseconds, address)).await;
    (seen.verdict.outcome(), seen.verdict.reason(), seen.verdict.sentence().to_owned())
}

#[tokio::test]
async fn of_many_ports_only_the_intended_ones_are_open() {
    let (open, other) = (peers::silent().await.port(), peers::silent().await.port());
    let closed = peers::closed_port().await;
    let silent = peers::full_backlog().await.port();
    let run = |allow: &[u16], deny: &[u16]| {
        let (allow, deny) = (allow.to_vec(), deny.to_vec());
        async move { many("127.0.0.1:1", &allow, &deny, 6000).await }
    };
    assert_eq!(run(&[open], &[closed]).await.0, Look::Pass);
    let (look, reason, said) = run(&[open], &[closed, other]).await;
    assert_eq!((look, reason), (Look::Fail, Some(Reason::Assertion)), "{said}");
    assert!(said.contains(&other.to_string()) && !said.contains(&closed.to_string()), "{said}");
    let (look, reason, said) = run(&[open, closed], &[]).await;
    assert_eq!((look, reason), (Look::Fail, Some(Reason::Refused)), "{said}");
    // Behind a firewall that drops, silence is right; but only if the host is there at all.
    assert_eq!(run(&[open], &[silent]).await.0, Look::Pass);
    assert_eq!(run(&[], &[silent, closed]).await.0, Look::Pass);
    let (look, reason, said) = run(&[], &[silent]).await;
    assert_eq!((look, reason), (Look::Indeterminate, Some(Reason::Timeout)), "{said}");
    let (look, reason, said) = run(&[open, silent], &[]).await;
    assert_eq!((look, reason), (Look::Fail, Some(Reason::Timeout)), "{said}");
}

#[tokio::test]
async fn a_port_that_was_not_tried_is_not_closed() {
    let open = peers::silent().await.port();
    let silent = peers::full_backlog().await.port();
    let (look, reason, said) = many("127.0.0.1:1", &[open], &[silent], 300).await;
    assert_eq!((look, reason), (Look::Indeterminate, Some(Reason::Timeout)), "{said}");
    let (look, ..) = many("no-such-host.invalid:1", &[], &[1], 2000).await;
    assert_eq!(look, Look::Indeterminate);
}

#[tokio::test]
async fn every_address_of_a_host_is_a_way_in() {
    let Ok(other) = std::net::TcpListener::bind("[::1]:0") else { return };
    let (open, closed) = (other.local_addr().unwrap().port(), peers::closed_port().await);
    let (look, reason, said) = many("localhost:1", &[], &[open, closed], 6000).await;
    assert_eq!((look, reason), (Look::Fail, Some(Reason::Assertion)), "{said}");
    assert_eq!(many("localhost:1", &[open], &[closed], 6000).await.0, Look::Pass);
}

#[tokio::test]
async fn of_one_port_nothing_is_said_of_many() {
    let cx = fixture::cx_for(1000, &peers::silent().await.to_string());
    let seen = fixture::run_with("tcp", serde_json::json!({ "target": "peer" }), &["open.size() == 0"], &cx).await;
    assert_eq!(seen.verdict.reason(), Some(Reason::ExpressionError), "{}", seen.verdict.sentence());
}

#[test]
fn many_ports_need_a_host_that_was_named() {
    let findings = |parameters| Descriptor::of::<Tcp>().parse(parameters).unwrap().findings.0;
    assert!(findings(serde_json::json!({ "target": "t", "deny": [1, 2] })).is_empty());
    for wrong in [
        serde_json::json!({ "address": "h:1", "deny": [1] }),
        serde_json::json!({ "target": "t", "deny": [1], "expect": "refused" }),
        serde_json::json!({ "target": "t", "deny": [0] }),
        serde_json::json!({ "target": "t", "allow": [1], "deny": [1] }),
        serde_json::json!({ "target": "t", "deny": (1..200).collect::<Vec<u16>>() }),
    ] {
        assert!(!findings(wrong.clone()).is_empty(), "{wrong}");
    }
}

/// What a peer does with a connection: it says this, waits, and closes or resets.
async fn closing(first: &'static [u8], after_ms: u64, reset: bool) -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    peers::serve(move |mut stream| async move {
        let mut request = [0; 512];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(first).await;
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        if reset {
            stream.set_zero_linger().unwrap();
        }
    })
    .await
}

async fn closes(after: &str, peer: std::net::SocketAddr) -> (Look, Option<Reason>, String) {
    let parameters =
        serde_json::json!({ "target": "peer", "closes": { "after": after, "within_s": 2, "kept_ms": 300 } });
    let seen = fixture::run("tcp", parameters, &fixture::cx_for(4000, &peer.to_string())).await;
    (seen.verdict.outcome(), seen.verdict.reason(), seen.verdict.sentence().to_owned())
}

const KEPT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_connection_is_kept_for_a_while_and_then_closed() {
    for (after, first) in [("half_header", &b""[..]), ("answer", KEPT)] {
        let (look, reason, said) = closes(after, closing(first, 700, false).await).await;
        assert_eq!((look, reason), (Look::Pass, None), "{said}");
        // Some servers reset what has timed out, so as to hold nothing.
        let (look, reason, said) = closes(after, closing(first, 700, true).await).await;
        assert_eq!((look, reason), (Look::Pass, None), "{said}");
        let (look, reason, said) = closes(after, closing(first, 60_000, false).await).await;
        assert_eq!((look, reason), (Look::Fail, Some(Reason::Timeout)), "{said}");
    }
    // It tells why, and closes.
    let slow = peers::serve(|mut stream| async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 408 Request Timeout\r\n\r\n").await;
    });
    assert_eq!(closes("half_header", slow.await).await.0, Look::Pass);
}

#[tokio::test]
async fn an_end_at_once_is_no_time_out() {
    for (after, first) in [("half_header", &b""[..]), ("answer", KEPT)] {
        let (look, reason, said) = closes(after, closing(first, 0, false).await).await;
        assert_eq!((look, reason), (Look::Fail, Some(Reason::Assertion)), "{said}");
        assert!(said.contains("which is no time-out"), "{said}");
    }
    let (look, reason, said) = closes("half_header", closing(b"", 0, true).await).await;
    assert_eq!((look, reason), (Look::Fail, Some(Reason::Reset)), "{said}");
    // A port of TLS says this to whatever comes, and closes when it likes.
    let bad = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n";
    let (look, reason, said) = closes("half_header", closing(bad, 700, false).await).await;
    assert_eq!((look, reason), (Look::Fail, Some(Reason::Assertion)), "{said}");
    assert!(said.contains("it answered after"), "{said}");
}

#[tokio::test]
async fn a_server_that_keeps_nothing_shows_no_idle_time() {
    let ends = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
    for after_ms in [0, 700] {
        let (look, reason, said) = closes("answer", closing(ends, after_ms, false).await).await;
        assert_eq!((look, reason), (Look::Indeterminate, Some(Reason::NoData)), "{said}");
    }
    for (first, what) in
        [(&b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok"[..], "broke off"), (b"no", "answer of HTTP")]
    {
        let (look, reason, said) = closes("answer", closing(first, 700, false).await).await;
        assert_eq!((look, reason), (Look::Fail, Some(Reason::Protocol)), "{said}");
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn what_must_be_kept_is_less_than_what_may_be() {
    let parse = |closes| Descriptor::of::<Tcp>().parse(serde_json::json!({ "target": "t", "closes": closes })).unwrap();
    assert!(parse(serde_json::json!({ "after": "answer", "within_s": 1 })).findings.0.is_empty());
    let wrong = parse(serde_json::json!({ "after": "answer", "within_s": 1, "kept_ms": 1000 })).findings.0;
    assert_eq!(wrong[0].field, "closes.kept_ms");
}
