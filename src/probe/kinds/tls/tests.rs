use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ALL_VERSIONS;
use rustls::version::{TLS12, TLS13};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::model::{Outcome, Reason};
use crate::probe::Descriptor;
use crate::probe::fixture;
use crate::probe::net::peers::{self, Authority};

const DAY: i64 = 86_400;

fn probe(parameters: Value) -> Tls {
    serde_json::from_value(parameters).unwrap()
}

fn at(peer: std::net::SocketAddr, ca: &Path, more: Value) -> Tls {
    let mut parameters = json!({ "address": peer.to_string(), "ca": ca });
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    probe(parameters)
}

/// Observes and judges within a bound.
async fn run(tls: &Tls, milliseconds: u64) -> (Verdict, Option<TlsFacts>) {
    let cx = fixture::cx(milliseconds);
    let begun = Instant::now();
    let result = tls.observe(&cx).await;
    assert!(begun.elapsed() < Duration::from_millis(milliseconds + 700), "took {:?}", begun.elapsed());
    match result {
        Ok(facts) => (tls.judge(&facts, cx.now()), Some(facts)),
        Err(error) => (tls.judge_error(&error), None),
    }
}

fn facts() -> TlsFacts {
    TlsFacts {
        address: "h:443".to_owned(),
        version: Some("1.3".to_owned()),
        verified: true,
        not_after_s: Some(100 * DAY),
        chain_length: 1,
        accepted_versions: vec!["1.3".to_owned()],
        ..TlsFacts::default()
    }
}

#[test]
fn judges_table() {
    let good = facts();
    let unverified = TlsFacts {
        verified: false,
        verify_error: Some("the certificate of h:443 is for another name".to_owned()),
        verify_reason: Some("tls_name".to_owned()),
        ..facts()
    };
    let old = TlsFacts { version: Some("1.2".to_owned()), ..facts() };
    let accepts = TlsFacts { accepted_versions: vec!["1.0".to_owned()], ..facts() };
    let undecided = TlsFacts { undecided_versions: vec!["1.1".to_owned()], ..facts() };
    let refuses = TlsFacts { without_client_cert: Some("refused".to_owned()), ..facts() };
    let welcomes = TlsFacts { without_client_cert: Some("accepted".to_owned()), ..facts() };
    let unreadable = TlsFacts { not_after_s: None, ..facts() };
    let reject = json!({ "address": "h:443", "reject_versions": ["1.0", "1.1"] });
    let require = json!({ "address": "h:443", "require_client_cert": true });
    let plain = json!({ "address": "h:443" });
    let cases = [
        (&plain, &good, 0, Outcome::Pass, None),
        (&plain, &good, 79, Outcome::Pass, None),
        (&plain, &good, 80, Outcome::Fail, Some(Reason::TlsExpiring)),
        (&plain, &good, 100, Outcome::Fail, Some(Reason::TlsExpired)),
        (&plain, &unverified, 0, Outcome::Fail, Some(Reason::TlsName)),
        (&plain, &unreadable, 0, Outcome::Indeterminate, Some(Reason::Invalid)),
        (&plain, &old, 0, Outcome::Pass, None),
        (&json!({ "address": "h:443", "min_version": "1.3" }), &old, 0, Outcome::Fail, Some(Reason::TlsVersion)),
        (&reject, &good, 0, Outcome::Pass, None),
        (&reject, &accepts, 0, Outcome::Fail, Some(Reason::TlsVersion)),
        (&reject, &undecided, 0, Outcome::Indeterminate, Some(Reason::TlsVersion)),
        (&require, &refuses, 0, Outcome::Pass, None),
        (&require, &welcomes, 0, Outcome::Fail, Some(Reason::AuthAccepted)),
        (&require, &good, 0, Outcome::Indeterminate, Some(Reason::NoData)),
    ];
    for (parameters, facts, day, outcome, reason) in cases {
        // One second into the day, so that the last day is not whole.
        let verdict = probe(parameters.clone()).judge(facts, Timestamp::from_secs(day * DAY + i64::from(day != 79)));
        assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "day {day}: {}", verdict.sentence());
    }
}

#[test]
fn a_pass_holds_until_the_certificate_ends() {
    let verdict = probe(json!({ "address": "h:443" })).judge(&facts(), Timestamp(0));
    assert_eq!(verdict.valid_until, Some(Timestamp::from_secs(100 * DAY)));
    let measured = &verdict.measurements[0];
    assert_eq!(&*measured.name, "certificate_expiry_timestamp_seconds");
    assert_eq!((measured.value, measured.threshold), ((100 * DAY) as f64, None));
}

#[test]
fn static_errors_name_the_field() {
    for (parameters, field) in [
        (json!({}), ""),
        (json!({ "address": "h" }), "address"),
        (json!({ "target": "t", "client_key": "/x" }), "client_cert"),
    ] {
        let findings = Descriptor::of::<Tls>().parse(parameters).unwrap().findings;
        assert_eq!(findings.0[0].field, field);
    }
    assert!(Descriptor::of::<Tls>().parse(json!({ "target": "t", "min_version": "1.1" })).is_err());
}

#[tokio::test]
async fn a_good_server_passes_with_its_facts() {
    let authority = Authority::new();
    let peer = peers::tls_idle(authority.good_leaf().server(ALL_VERSIONS)).await;
    let (verdict, facts) = run(&at(peer, &authority.ca_file(), json!({})), 2000).await;
    assert_eq!(verdict.outcome(), Outcome::Pass, "{}", verdict.sentence());
    let facts = facts.unwrap();
    assert_eq!(facts.version.as_deref(), Some("1.3"));
    assert!(facts.verified && !facts.client_cert_requested && facts.cipher.is_some());
    assert_eq!((facts.chain_length, facts.names.len()), (1, 2));
}

#[tokio::test]
async fn a_certificate_that_does_not_verify_is_still_seen() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let cases = [
        (authority.leaf(&["127.0.0.1"], peers::LONG_AGO), Reason::TlsExpired),
        (authority.leaf(&["other.test"], peers::FAR), Reason::TlsName),
        (stranger.good_leaf(), Reason::TlsUntrusted),
    ];
    for (leaf, reason) in cases {
        for versions in [[&TLS12], [&TLS13]] {
            let peer = peers::tls_idle(leaf.server(&versions)).await;
            let (verdict, facts) = run(&at(peer, &authority.ca_file(), json!({})), 2000).await;
            assert_eq!((verdict.outcome(), verdict.reason()), (Outcome::Fail, Some(reason)), "{}", verdict.sentence());
            let facts = facts.unwrap();
            assert!(!facts.verified && facts.verify_error.is_some() && facts.not_after_s.is_some());
            assert!(!facts.names.is_empty());
        }
    }
}

#[tokio::test]
async fn few_days_left_and_low_versions_fail() {
    let authority = Authority::new();
    let soon = jiff::Timestamp::now().as_second() + 10 * DAY;
    let peer = peers::tls_idle(authority.leaf(&["127.0.0.1"], soon).server(&[&TLS12])).await;
    let (verdict, _) = run(&at(peer, &authority.ca_file(), json!({})), 2000).await;
    assert_eq!(verdict.reason(), Some(Reason::TlsExpiring));
    let (verdict, _) = run(&at(peer, &authority.ca_file(), json!({ "min_days": 5 })), 2000).await;
    assert_eq!(verdict.outcome(), Outcome::Pass);
    let (verdict, _) = run(&at(peer, &authority.ca_file(), json!({ "min_version": "1.3" })), 2000).await;
    assert_eq!(verdict.reason(), Some(Reason::TlsVersion));
}

#[tokio::test]
async fn requiring_client_certificates_is_seen_in_both_versions() {
    let authority = Authority::new();
    let leaf = authority.good_leaf();
    for versions in [[&TLS12], [&TLS13]] {
        let mutual = peers::tls_idle(authority.mutual(&leaf, &versions)).await;
        let own =
            json!({ "require_client_cert": true, "client_cert": leaf.cert_file(), "client_key": leaf.key_file() });
        for more in [json!({ "require_client_cert": true }), own] {
            let (verdict, facts) = run(&at(mutual, &authority.ca_file(), more), 3000).await;
            assert_eq!(verdict.outcome(), Outcome::Pass, "{versions:?} {}", verdict.sentence());
            assert!(facts.unwrap().client_cert_requested);
        }
        let open = peers::tls_idle(leaf.server(&versions)).await;
        let (verdict, _) = run(&at(open, &authority.ca_file(), json!({ "require_client_cert": true })), 3000).await;
        assert_eq!(verdict.reason(), Some(Reason::AuthAccepted), "{versions:?} {}", verdict.sentence());
    }
}

/// A TLS 1.3 server for new clients that answers old ones with `old`.
async fn two_faced(authority: &Authority, old: &'static [u8]) -> std::net::SocketAddr {
    let acceptor = TlsAcceptor::from(Arc::new(authority.good_leaf().server(ALL_VERSIONS)));
    peers::serve(move |mut stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut head = [0; 11];
            while stream.peek(&mut head).await.unwrap_or(0) < 11 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if head[10] == 3 {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read_u8().await;
                }
            } else {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(old).await;
                if !old.is_empty() {
                    let _ = stream.read_u8().await;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn old_versions_are_told_apart() {
    let authority = Authority::new();
    let reject = json!({ "reject_versions": ["1.0"] });
    let cases: [(&'static [u8], Outcome); 6] = [
        (b"\x16\x03\x01\x00\x40\x02\x00\x00\x3c\x03\x01", Outcome::Fail),
        (b"\x15\x03\x01\x00\x02\x02\x46", Outcome::Pass),
        (b"", Outcome::Pass),
        (b"\x16\x03\x01\x00\x40\x02\x00\x00\x3c\x03\x03", Outcome::Pass),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Outcome::Indeterminate),
        (b"\x16", Outcome::Indeterminate),
    ];
    for (answer, outcome) in cases {
        let peer = two_faced(&authority, answer).await;
        let (verdict, _) = run(&at(peer, &authority.ca_file(), reject.clone()), 500).await;
        assert_eq!(verdict.outcome(), outcome, "{answer:?} {}", verdict.sentence());
        assert!(outcome == Outcome::Pass || verdict.reason() == Some(Reason::TlsVersion));
    }
}

#[tokio::test]
async fn a_modern_server_refuses_old_versions() {
    let authority = Authority::new();
    let peer = peers::tls_idle(authority.good_leaf().server(ALL_VERSIONS)).await;
    let tls = at(peer, &authority.ca_file(), json!({ "reject_versions": ["1.0", "1.1"] }));
    let (verdict, facts) = run(&tls, 2000).await;
    assert_eq!(verdict.outcome(), Outcome::Pass, "{}", verdict.sentence());
    assert_eq!(facts.unwrap().accepted_versions, ["1.3"]);
}

#[tokio::test]
async fn a_server_of_old_versions_only_fails() {
    let alert = peers::greets(b"\x15\x03\x01\x00\x02\x02\x46").await;
    let mut hello = vec![0x16, 3, 1, 0, 42, 2, 0, 0, 38, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0xC0, 0x13, 0]);
    let answers = peers::greets(Box::leak(hello.into_boxed_slice())).await;
    let authority = Authority::new();
    for peer in [alert, answers] {
        let (verdict, _) = run(&at(peer, &authority.ca_file(), json!({})), 300).await;
        assert_eq!(verdict.reason(), Some(Reason::TlsVersion), "{}", verdict.sentence());
    }
}

#[tokio::test]
async fn postgres_is_asked_for_tls_first() {
    let authority = Authority::new();
    let acceptor = TlsAcceptor::from(Arc::new(authority.good_leaf().server(ALL_VERSIONS)));
    let with = peers::serve(move |mut stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(request, [0, 0, 0, 8, 4, 210, 22, 47]);
            stream.write_all(b"S").await.unwrap();
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read_u8().await;
            }
        }
    })
    .await;
    let postgres = json!({ "starttls": "postgres", "reject_versions": ["1.0"] });
    let (verdict, _) = run(&at(with, &authority.ca_file(), postgres.clone()), 2000).await;
    assert_eq!(verdict.outcome(), Outcome::Pass, "{}", verdict.sentence());

    let cases = [
        (peers::greets(b"N").await, Reason::TlsHandshake),
        (peers::greets(b"HTTP/1.1 400\r\n").await, Reason::Protocol),
        (peers::silent().await, Reason::Timeout),
    ];
    for (peer, reason) in cases {
        let (verdict, _) = run(&at(peer, &authority.ca_file(), postgres.clone()), 300).await;
        assert_eq!((verdict.outcome(), verdict.reason()), (Outcome::Fail, Some(reason)), "{}", verdict.sentence());
    }
}

#[tokio::test]
async fn hostile_peers() {
    let authority = Authority::new();
    let closed = format!("127.0.0.1:{}", peers::closed_port().await).parse().unwrap();
    let cases = [
        (closed, Reason::Refused),
        (peers::silent().await, Reason::Timeout),
        (peers::resets().await, Reason::Reset),
        (peers::greets(b"SSH-2.0-OpenSSH_9.2\r\n").await, Reason::Protocol),
        (peers::answers("HTTP/1.1 400 Bad Request\r\n\r\n").await, Reason::Timeout),
        (peers::greets(b"\x16\x03\x03\x40\x00").await, Reason::Timeout),
        (peers::greets(&[0xff; 32]).await, Reason::Protocol),
        (peers::full_backlog().await, Reason::Timeout),
    ];
    for (peer, reason) in cases {
        let (verdict, _) = run(&at(peer, &authority.ca_file(), json!({})), 300).await;
        assert_eq!((verdict.outcome(), verdict.reason()), (Outcome::Fail, Some(reason)), "{}", verdict.sentence());
    }
}

#[tokio::test]
async fn a_missing_root_file_is_our_fault() {
    let tls = probe(json!({ "address": "127.0.0.1:1", "ca": "/nowhere/ca.pem" }));
    let peer = peers::silent().await;
    let tls = Tls { address: Some(peer.to_string()), ..tls };
    let (verdict, _) = run(&tls, 300).await;
    assert_eq!((verdict.outcome(), verdict.reason()), (Outcome::Indeterminate, Some(Reason::Unconfigured)));
}

#[tokio::test]
async fn a_root_shown_as_a_server_certificate_is_untrusted() {
    let authority = Authority::new();
    let peer = peers::tls_idle(authority.as_leaf().server(ALL_VERSIONS)).await;
    let (verdict, _) = run(&at(peer, &authority.ca_file(), json!({})), 2000).await;
    assert_eq!(verdict.reason(), Some(Reason::TlsUntrusted));
    assert!(verdict.sentence().contains("is a CA certificate"), "{}", verdict.sentence());
}
