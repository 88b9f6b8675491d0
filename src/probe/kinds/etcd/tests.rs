//! Without a real server: parameters, judgement, and peers that are no etcd.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Etcd;
use super::facts::{Endpoint, Facts};
use crate::model::{Access, Outcome, Reason, Target, Timestamp, TlsFiles};
use crate::probe::net::peers::{self, Authority};
use crate::probe::{Observation, Probe, fixture, kinds};

fn findings(parameters: Value) -> Vec<String> {
    let parsed = kinds::find("etcd").unwrap().parse(parameters).unwrap();
    parsed.findings.0.iter().map(|finding| finding.field.clone()).collect()
}

#[test]
fn parameters_that_make_no_sense_are_found() {
    assert!(findings(json!({ "target": "etcd", "rpc": ["status"] })).is_empty());
    assert!(findings(json!({ "target": "etcd", "prefix": "/a/", "expect_error": ["no_user"] })).is_empty());
    let cases = [
        (json!({ "rpc": ["status"] }), "target"),
        (json!({ "target": "etcd" }), ""),
        (json!({ "target": "etcd", "key": "a", "prefix": "b" }), "prefix"),
        (json!({ "target": "etcd", "prefix": "" }), "prefix"),
        (json!({ "target": "etcd", "rpc": ["status"], "expect_error": ["no_user"] }), "expect_error"),
        (json!({ "target": "etcd", "rpc": ["status"], "endpoints": ["127.0.0.1:1"] }), "endpoints[0]"),
        (json!({ "target": "etcd", "rpc": ["status"], "endpoints": ["http://u@h:1"] }), "endpoints[0]"),
        (json!({ "target": "etcd", "prefix": "a", "anonymous": true, "user": "u" }), "anonymous"),
        (json!({ "target": "etcd", "prefix": "a", "anonymous": true, "expect_error": ["login"] }), "expect_error"),
        (json!({ "target": "etcd", "prefix": "a", "limit": 0 }), "limit"),
        (json!({ "target": "etcd", "prefix": "a", "max_bytes": 0 }), "max_bytes"),
        (json!({ "target": "etcd", "prefix": "a", "keys_only": true, "distinct": ["id"] }), "keys_only"),
    ];
    for (parameters, path) in cases {
        assert_eq!(findings(parameters.clone()), [path], "{parameters}");
    }
}

#[tokio::test]
async fn a_login_that_nobody_tries_is_not_accepted() {
    let parameters = json!({ "target": "peer", "prefix": "a", "expect_error": ["login"] });
    let seen = fixture::run("etcd", parameters, &fixture::cx_for(1000, "http://127.0.0.1:1")).await.verdict;
    assert_eq!((seen.outcome(), seen.reason()), (Outcome::Indeterminate, Some(Reason::Unconfigured)));
}

#[test]
fn a_list_that_was_cut_is_not_the_whole() {
    let leg: Etcd = serde_json::from_value(json!({ "rpc": ["members"] })).unwrap();
    let hidden = |count| {
        let facts = Facts { asked: "e:1".to_owned(), member_count: count, ..Facts::default() };
        leg.gaps(&facts).iter().any(|gap| gap.field == "members")
    };
    assert!(hidden(65) && !hidden(0));
}

#[test]
fn an_attempt_to_get_in_counts_as_one() {
    let access = |parameters: Value| serde_json::from_value::<Etcd>(parameters).unwrap().access();
    assert_eq!(access(json!({ "prefix": "a", "expect_error": ["login"], "credential": "x" })), Access::Authenticates);
    assert_eq!(access(json!({ "prefix": "a", "expect_error": ["no_user"], "anonymous": true })), Access::Read);
    assert_eq!(access(json!({ "prefix": "a", "credential": "x" })), Access::Read);
}

fn judged(parameters: Value, facts: &Facts) -> (Outcome, Option<Reason>, String) {
    let leg: Etcd = serde_json::from_value(parameters).unwrap();
    let verdict = leg.judge(facts, Timestamp::from_secs(0));
    (verdict.outcome(), verdict.reason(), verdict.sentence().to_owned())
}

fn endpoint(reachable: bool, to_blame: bool, refused: Option<super::Refusal>) -> Endpoint {
    let reason = (!reachable).then(|| "refused".to_owned());
    let error = (!reachable).then(|| "e:1 refused the connection".to_owned());
    Endpoint { endpoint: "e:1".to_owned(), reachable, to_blame, reason, error, refused, ..Endpoint::default() }
}

#[test]
fn a_refusal_passes_only_if_every_endpoint_says_it() {
    let leg = || json!({ "prefix": "a", "anonymous": true, "expect_error": ["no_user"] });
    let of = |endpoints: Vec<Endpoint>| judged(leg(), &Facts { endpoints, ..Facts::default() });
    let refused = || endpoint(true, false, Some(super::Refusal::NoUser));
    assert_eq!(of(vec![refused(), refused()]).0, Outcome::Pass);
    assert_eq!(of(Vec::new()).0, Outcome::Indeterminate);
    assert_eq!(of(vec![refused(), endpoint(false, true, None)]).0, Outcome::Indeterminate);
    let other = endpoint(true, false, Some(super::Refusal::Login));
    assert_eq!(of(vec![refused(), other]).0, Outcome::Indeterminate);
    // One that answers decides, whatever the others do.
    let open = endpoint(true, false, None);
    let seen = of(vec![endpoint(false, true, None), refused(), open]);
    assert_eq!((seen.0, seen.1), (Outcome::Fail, Some(Reason::AuthAccepted)));
}

#[test]
fn a_missing_endpoint_or_leader_fails() {
    let status = || json!({ "rpc": ["status"] });
    let good = Facts {
        endpoints: vec![endpoint(true, false, None)],
        leader: "a1".to_owned(),
        leaders_agree: true,
        ..Facts::default()
    };
    assert_eq!(judged(status(), &good).0, Outcome::Pass);
    let headless = Facts { leader: String::new(), ..good.clone() };
    let seen = judged(status(), &headless);
    assert_eq!((seen.0, seen.1), (Outcome::Fail, Some(Reason::Assertion)));
    assert!(seen.2.contains("no quorum"), "{}", seen.2);
    let torn = Facts { leader: String::new(), leaders_agree: false, ..good.clone() };
    assert!(judged(status(), &torn).2.contains("not know the same leader"));
    let mut missing = good;
    missing.endpoints.push(endpoint(false, true, None));
    let seen = judged(status(), &missing);
    assert_eq!((seen.0, seen.1), (Outcome::Fail, Some(Reason::Refused)));
    // Nobody knows whether one that could not be looked at answers.
    missing.endpoints.pop();
    missing.endpoints.push(endpoint(false, false, None));
    assert_eq!(judged(status(), &missing).0, Outcome::Indeterminate);
}

#[test]
fn nothing_that_was_not_asked_can_be_read_by_conditions() {
    let leg: Etcd = serde_json::from_value(json!({ "rpc": ["status"] })).unwrap();
    let gaps = leg.gaps(&Facts { asked: "e:1".to_owned(), ..Facts::default() });
    let hidden: Vec<&str> = gaps.iter().filter(|gap| gap.hides).map(|gap| gap.field).collect();
    for field in ["members", "alarms", "keys", "key_count", "leases", "auth_enabled", "repeated"] {
        assert!(hidden.contains(&field), "{field}");
    }
    assert!(!hidden.contains(&"leader") && !hidden.contains(&"db_size_bytes"));
}

async fn look(address: String, tls: TlsFiles, milliseconds: u64, negative: bool) -> Observation {
    let target = Target { name: "etcd".into(), address: address.into(), credential: None, tls };
    let cx = fixture::cx_with(milliseconds, Some(target), crate::probe::Credentials::default(), Default::default());
    let mut parameters = json!({ "target": "etcd", "prefix": "/a/" });
    if negative {
        parameters["expect_error"] = json!(["no_user", "permission_denied", "login", "certificate"]);
    }
    let begun = Instant::now();
    let seen = fixture::run("etcd", parameters, &cx).await;
    assert!(begun.elapsed() < Duration::from_millis(milliseconds + 200), "{:?}", begun.elapsed());
    seen
}

#[tokio::test]
async fn peers_that_are_no_etcd_are_told_apart_and_refuse_nothing() {
    let bad = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    // A frame that announces 16 MiB.
    let huge = b"\xff\xff\xff\x04\x00\x00\x00\x00\x00";
    let settings = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    let cases = [
        (peers::closed_port().await, Reason::Refused),
        (peers::silent().await.port(), Reason::Timeout),
        (peers::resets().await.port(), Reason::Reset),
        (peers::answers(bad.to_vec()).await.port(), Reason::Protocol),
        (peers::greets(b"SSH-2.0-OpenSSH_9.2\r\n").await.port(), Reason::Protocol),
        (peers::greets(huge).await.port(), Reason::Protocol),
        (peers::greets(settings).await.port(), Reason::Timeout),
        (peers::goes_on(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", Duration::ZERO).await.port(), Reason::Protocol),
    ];
    for (port, reason) in cases {
        let address = format!("http://127.0.0.1:{port}");
        let seen = look(address.clone(), TlsFiles::default(), 700, false).await.verdict;
        assert_eq!((seen.outcome(), seen.reason()), (Outcome::Fail, Some(reason)), "{}", seen.sentence());
        let seen = look(address, TlsFiles::default(), 700, true).await.verdict;
        assert_eq!((seen.outcome(), seen.reason()), (Outcome::Indeterminate, Some(reason)), "{}", seen.sentence());
    }
}

#[tokio::test]
async fn tls_is_verified_and_another_service_behind_it_is_no_etcd() {
    let authority = Authority::new();
    let tls = || TlsFiles { ca: Some(authority.ca_file()), ..TlsFiles::default() };
    let web = peers::http2(&authority.good_leaf(), "hello").await;
    let at = |port: u16| format!("https://127.0.0.1:{port}");
    let seen = look(at(web.port()), tls(), 2000, true).await.verdict;
    assert_eq!(
        (seen.outcome(), seen.reason()),
        (Outcome::Indeterminate, Some(Reason::Protocol)),
        "{}",
        seen.sentence()
    );
    let seen = look(at(web.port()), TlsFiles::default(), 2000, true).await.verdict;
    assert_eq!(
        (seen.outcome(), seen.reason()),
        (Outcome::Indeterminate, Some(Reason::TlsUntrusted)),
        "{}",
        seen.sentence()
    );
    // It demands a certificate: that is a refusal, whatever would have come after it.
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let strict = peers::tls_idle(authority.mutual(&authority.good_leaf(), &[version])).await;
        let seen = look(at(strict.port()), tls(), 2000, true).await.verdict;
        assert_eq!(seen.outcome(), Outcome::Pass, "{}", seen.sentence());
        let seen = look(at(strict.port()), tls(), 2000, false).await.verdict;
        assert_eq!((seen.outcome(), seen.reason()), (Outcome::Fail, Some(Reason::TlsHandshake)), "{}", seen.sentence());
    }
}

#[tokio::test]
async fn an_address_without_a_scheme_is_no_guess() {
    let seen = look("127.0.0.1:2379".to_owned(), TlsFiles::default(), 500, false).await.verdict;
    assert_eq!((seen.outcome(), seen.reason()), (Outcome::Indeterminate, Some(Reason::Unconfigured)));
    assert!(seen.sentence().contains("https://host:port"), "{}", seen.sentence());
}
