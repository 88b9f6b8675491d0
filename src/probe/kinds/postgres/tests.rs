//! `judge` on tables, and what a hostile peer can do before a login. The real server is in
//! `tests/it/probes/postgres.rs`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::model::{Outcome, Target, TlsFiles};
use crate::probe::fixture::{NOW, cx_for, run};
use crate::probe::net::Clients;
use crate::probe::net::peers::{self, Authority, Leaf};
use crate::probe::{Credentials, fixture};

fn leg(parameters: Value) -> Postgres {
    serde_json::from_value(parameters).unwrap()
}

fn refused(code: &str, sslmode: SslMode) -> Facts {
    Facts { login: Login::Refused, sqlstate: code.into(), message: "no".into(), sslmode, ..Facts::default() }
}

#[test]
fn an_answer_is_a_pass_and_says_how_it_came() {
    let facts = Facts { row_count: 2, query_s: 0.25, tls: true, ..Facts::default() };
    let verdict = leg(json!({"target": "pg", "sql": "SELECT 1"})).judge(&facts, NOW);
    assert_eq!((verdict.outcome(), verdict.proof().iter().count()), (Outcome::Pass, 2));
    assert_eq!(verdict.sentence(), "expected an answer to the query, saw 2 rows in 0.250 s");
    assert_eq!(verdict.measurements.len(), 2);
}

#[test]
fn refusals_are_judged_by_what_was_expected() {
    let plain = json!({"target": "pg", "sslmode": "disable", "refused_with": ["28000", "protocol"]});
    let login = json!({"target": "pg", "user": "app", "refused_with": ["28P01"]});
    let accepted = |sslmode| Facts { sslmode, ..Facts::default() };
    let cases = [
        (&plain, refused("28000", SslMode::Disable), Outcome::Pass, None),
        (&plain, refused("protocol", SslMode::Disable), Outcome::Pass, None),
        (&plain, refused("28P01", SslMode::Disable), Outcome::Fail, Some(Reason::PlaintextAccepted)),
        (&plain, accepted(SslMode::Disable), Outcome::Fail, Some(Reason::PlaintextAccepted)),
        (&plain, refused("53300", SslMode::Disable), Outcome::Indeterminate, Some(Reason::Query)),
        (&login, refused("28P01", SslMode::Prefer), Outcome::Pass, None),
        (&login, accepted(SslMode::Prefer), Outcome::Fail, Some(Reason::AuthAccepted)),
        (&login, refused("28000", SslMode::Prefer), Outcome::Indeterminate, Some(Reason::Query)),
    ];
    for (parameters, facts, outcome, reason) in cases {
        let verdict = leg(parameters.clone()).judge(&facts, NOW);
        assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{}", verdict.sentence());
    }
}

/// A password that must not be seen again.
const DEFAULT: &str = "hunter22-default";

fn attempts(tried: &[(&str, &str, bool)]) -> Facts {
    let attempts = tried.iter().map(|(user, code, authenticated)| Attempt {
        user: (*user).to_owned(),
        login: if code.is_empty() { Login::Accepted } else { Login::Refused },
        sqlstate: (*code).to_owned(),
        message: "words".to_owned(),
        authenticated: *authenticated,
    });
    Facts { login: Login::Refused, attempts: attempts.collect(), ..Facts::default() }
}

#[test]
fn every_default_login_must_be_refused_as_such() {
    let two = leg(json!({"target": "pg", "pairs": [format!("a:{DEFAULT}"), format!("b:{DEFAULT}")]}));
    let cases = [
        (attempts(&[("a", "28P01", false), ("b", "28000", false)]), Outcome::Pass, None, "a 28P01, b 28000"),
        // A role that may not log in, whatever its password.
        (attempts(&[("a", "28P01", false), ("b", "28000", true)]), Outcome::Pass, None, "b 28000"),
        (
            attempts(&[("a", "28P01", false), ("b", "", true)]),
            Outcome::Fail,
            Some(Reason::AuthAccepted),
            "accepted for b",
        ),
        // The password was right; what came afterwards is no refusal of it.
        (
            attempts(&[("a", "3D000", true), ("b", "28P01", false)]),
            Outcome::Fail,
            Some(Reason::AuthAccepted),
            "for a (then 3D000",
        ),
        (attempts(&[("a", "53300", true), ("b", "28P01", false)]), Outcome::Fail, Some(Reason::AuthAccepted), "53300"),
        // Too many clients, starting up: nobody was asked for a password.
        (
            attempts(&[("a", "28P01", false), ("b", "53300", false)]),
            Outcome::Indeterminate,
            Some(Reason::Query),
            "b answered with 53300",
        ),
        (
            attempts(&[("a", "57P03", false), ("b", "28P01", false)]),
            Outcome::Indeterminate,
            Some(Reason::Query),
            "57P03",
        ),
        (
            attempts(&[("a", "protocol", false), ("b", "28P01", false)]),
            Outcome::Indeterminate,
            Some(Reason::Query),
            "protocol",
        ),
        (attempts(&[("a", "28P01", false)]), Outcome::Indeterminate, Some(Reason::Other), "1 tried"),
        (attempts(&[]), Outcome::Indeterminate, Some(Reason::Other), "0 tried"),
    ];
    for (facts, outcome, reason, part) in cases {
        let verdict = two.judge(&facts, NOW);
        assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{}", verdict.sentence());
        assert!(verdict.sentence().contains(part), "`{part}` is not in: {}", verdict.sentence());
        assert!(!format!("{verdict:?} {two:?}").contains(DEFAULT));
    }
    for wrong in ["no-colon", ":x", ""] {
        assert!(serde_json::from_value::<Postgres>(json!({"pairs": [wrong]})).is_err());
    }
}

#[test]
fn facts_of_a_refusal_never_pass_an_ordinary_leg() {
    let verdict = leg(json!({"target": "pg"})).judge(&refused("28P01", SslMode::Prefer), NOW);
    assert_eq!(verdict.outcome(), Outcome::Indeterminate);
}

#[test]
fn a_failed_connection_proves_no_refusal() {
    let error = ProbeError::target(Reason::Refused, "db refused");
    let negative = leg(json!({"target": "pg", "refused_with": ["28000"]}));
    assert_eq!(negative.judge_error(&error).outcome(), Outcome::Indeterminate);
    assert_eq!(leg(json!({"target": "pg"})).judge_error(&error).outcome(), Outcome::Fail);
}

#[test]
fn access_is_an_attempt_only_with_a_pair_of_its_own() {
    assert_eq!(leg(json!({"refused_with": ["28000"], "sslmode": "disable"})).access(), Access::Read);
    assert_eq!(leg(json!({"refused_with": ["28P01"], "user": "x"})).access(), Access::Authenticates);
    assert_eq!(leg(json!({"refused_with": ["28P01"], "credential": "x"})).access(), Access::Authenticates);
    assert_eq!(leg(json!({"user": "x"})).access(), Access::Read);
    assert_eq!(leg(json!({"pairs": ["x:y"]})).access(), Access::Authenticates);
}

#[test]
fn static_errors_are_found() {
    let fields = |parameters: Value| -> Vec<String> {
        let mut findings = Findings::default();
        leg(parameters).check(&mut findings);
        findings.0.into_iter().map(|finding| finding.field).collect()
    };
    assert_eq!(fields(json!({})), ["target"]);
    assert_eq!(
        fields(json!({"target": "pg", "refused_with": ["28p01", "nonsense"]})),
        ["refused_with", "refused_with"]
    );
    assert_eq!(fields(json!({"target": "pg", "sql": "SELECT 1", "refused_with": ["28000"]})), ["sql"]);
    assert_eq!(fields(json!({"target": "pg", "bind": [1]})), ["bind"]);
    assert_eq!(fields(json!({"target": "pg", "pairs": ["a:1"], "sql": "SELECT 1"})), ["sql"]);
    assert_eq!(fields(json!({"target": "pg", "pairs": ["a:1"], "user": "x"})), ["pairs"]);
    let four = json!({"target": "pg", "pairs": ["a:1", "a:2", "b:1", "a:3", "a:4", "a:5"]});
    assert_eq!(fields(four), ["pairs[4]"], "once is enough");
    for command in ["SHOW POOLS", "show config"] {
        assert!(fields(json!({"target": "pg", "console": true, "sql": command})).is_empty());
    }
    for command in ["PAUSE", "SHOW POOLS; KILL parallax", "SHUTDOWN", ""] {
        assert_eq!(fields(json!({"target": "pg", "console": true, "sql": command})), ["sql"], "{command}");
    }
    assert_eq!(fields(json!({"target": "pg", "console": true})), ["sql"]);
    assert_eq!(fields(json!({"target": "pg", "sql": "x", "bind": [1, {}, [1], ["a"], null]})), ["bind[1]", "bind[2]"]);
}

/// A peer that reads what it is sent and answers with `answer`, once.
async fn peer(answer: &'static [u8], hang: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = listener.into_std().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer).await;
            if hang {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        });
    });
    format!("postgresql://u@127.0.0.1:{port}/d?sslmode=disable")
}

#[tokio::test]
async fn hostile_peers_end_in_a_reason() {
    let cases: [(&[u8], bool, Reason); 6] = [
        (b"", true, Reason::Timeout),
        (b"", false, Reason::Reset),
        // Read as the head of a long message.
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", false, Reason::Protocol),
        (b"\x15\x03\x03\0\x02\x02\x0a", false, Reason::Protocol),
        // A message that says it has 2 GiB to come.
        (b"R\x7f\xff\xff\xff\0\0\0\0", true, Reason::Protocol),
        // Too short to hold its own length.
        (b"R\0\0\0\x04", false, Reason::Protocol),
    ];
    for (answer, hang, reason) in cases {
        let address = peer(answer, hang).await;
        let seen = run("postgres", json!({"target": "t"}), &cx_for(400, &address)).await;
        assert_eq!(seen.verdict.reason(), Some(reason), "{answer:?}: {}", seen.verdict.sentence());
        assert_eq!(seen.verdict.outcome(), Outcome::Fail);
    }
}

#[tokio::test]
async fn a_closed_port_and_a_name_that_is_none() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let address = format!("postgresql://u@127.0.0.1:{port}/d");
    let seen = run("postgres", json!({"target": "t"}), &cx_for(2000, &address)).await;
    assert_eq!(seen.verdict.reason(), Some(Reason::Refused), "{}", seen.verdict.sentence());
    let seen = run("postgres", json!({"target": "t"}), &cx_for(2000, "postgresql://u@name.invalid/d")).await;
    assert!(matches!(seen.verdict.reason(), Some(Reason::Dns | Reason::Timeout)), "{}", seen.verdict.sentence());
}

/// A server's side of the request for TLS, and the handshake with this certificate.
async fn encrypted(leaf: Leaf, then: &'static [u8]) -> String {
    let acceptor = TlsAcceptor::from(Arc::new(leaf.server(rustls::ALL_VERSIONS)));
    let address = peers::serve(move |mut stream| {
        let acceptor = acceptor.clone();
        async move {
            let _ = stream.read_exact(&mut [0; 8]).await;
            let _ = stream.write_all(b"S").await;
            let Ok(mut stream) = acceptor.accept(stream).await else { return };
            let _ = stream.write_all(then).await;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        }
    })
    .await;
    format!("postgresql://u@127.0.0.1:{}/d", address.port())
}

fn cx_trusting(address: &str, authority: &Authority) -> ProbeCx {
    let tls = TlsFiles { ca: Some(authority.ca_file()), ..TlsFiles::default() };
    let target = Target { name: "t".into(), address: address.into(), credential: None, tls };
    fixture::cx_with(3000, Some(target), Credentials::default(), Arc::new(Clients::new()))
}

/// A refusal such as real servers send.
const NO_LOGIN: &[u8] = b"E\0\0\0\x1bSFATAL\0C28000\0Mgo away\0\0";

#[tokio::test]
async fn certificates_are_judged_as_the_mode_says() {
    let authority = Authority::new();
    let expired = || authority.leaf(&["127.0.0.1"], peers::LONG_AGO);
    let other_name = || authority.leaf(&["db.example"], peers::FAR);
    let foreign = || Authority::new().good_leaf();
    let cases = [
        ("verify-full", authority.good_leaf(), Reason::AuthRejected),
        ("verify-full", expired(), Reason::TlsExpired),
        ("verify-full", other_name(), Reason::TlsName),
        ("verify-full", foreign(), Reason::TlsUntrusted),
        ("verify-ca", other_name(), Reason::AuthRejected),
        ("verify-ca", expired(), Reason::TlsExpired),
        ("verify-ca", foreign(), Reason::TlsUntrusted),
        // With an authority of the target's own, as in libpq.
        ("require", expired(), Reason::TlsExpired),
        ("require", foreign(), Reason::TlsUntrusted),
        ("require", other_name(), Reason::AuthRejected),
        ("prefer", foreign(), Reason::AuthRejected),
    ];
    for (mode, leaf, reason) in cases {
        let address = encrypted(leaf, NO_LOGIN).await;
        let cx = cx_trusting(&address, &authority);
        let seen = run("postgres", json!({"target": "t", "sslmode": mode}), &cx).await;
        assert_eq!(seen.verdict.reason(), Some(reason), "{mode}: {}", seen.verdict.sentence());
    }
    let address = encrypted(expired(), NO_LOGIN).await;
    let seen = run("postgres", json!({"target": "t", "sslmode": "require"}), &cx_for(3000, &address)).await;
    assert_eq!(seen.verdict.reason(), Some(Reason::AuthRejected), "no authority is named: {}", seen.verdict.sentence());
}

#[tokio::test]
async fn a_server_without_tls_is_told_as_such() {
    let plain = |mode: &'static str, refused_with: &'static [&'static str]| async move {
        let address = peers::serve(|mut stream| async move {
            let _ = stream.read_exact(&mut [0; 8]).await;
            let _ = stream.write_all(b"N").await;
            let _ = stream.write_all(NO_LOGIN).await;
            let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
        });
        let address = format!("postgresql://u@127.0.0.1:{}/d", address.await.port());
        let parameters = json!({"target": "t", "sslmode": mode, "refused_with": refused_with});
        let verdict = run("postgres", parameters, &cx_for(3000, &address)).await.verdict;
        (verdict.outcome(), verdict.reason())
    };
    assert_eq!(plain("require", &[]).await, (Outcome::Fail, Some(Reason::TlsHandshake)));
    assert_eq!(plain("require", &["protocol"]).await, (Outcome::Pass, None));
    assert_eq!(plain("prefer", &[]).await, (Outcome::Indeterminate, Some(Reason::AuthRejected)));
}

/// The most this process has held, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// sqlx clears what it reserves for a message under TLS, so an announcement alone could use up
/// the memory of the host.
#[tokio::test]
async fn an_announced_length_costs_no_memory() {
    let before = peak();
    for head in [&b"R\xff\xff\xff\xf0"[..], b"D\x7f\xff\xff\xff", b"T\x7f\xff\xff\xff", b"E\x7f\xff\xff\xff"] {
        let address = encrypted(Authority::new().good_leaf(), head).await;
        let seen = run("postgres", json!({"target": "t"}), &cx_for(3000, &address)).await;
        let reason = if head[0] == b'D' { Reason::TooLarge } else { Reason::Protocol };
        assert_eq!(seen.verdict.reason(), Some(reason), "{}", seen.verdict.sentence());
    }
    assert!(peak() - before < 300_000, "{} KiB, then {} KiB", before, peak());
}

#[tokio::test]
async fn endless_peers_end_at_the_deadline() {
    let notice: &'static [u8] = b"N\0\0\0\x0cSNOTICE";
    for (first, again, pause) in [
        (&b"R"[..], &b"\0"[..], Duration::from_millis(50)),
        (b"", notice, Duration::from_millis(1)),
        (b"", b"S\0\0\0\x08a\0b\0", Duration::ZERO),
    ] {
        let address = peers::serve(move |mut stream| async move {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(first).await;
            while stream.write_all(again).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        });
        let address = format!("postgresql://u@127.0.0.1:{}/d?sslmode=disable", address.await.port());
        let begun = tokio::time::Instant::now();
        let seen = run("postgres", json!({"target": "t"}), &cx_for(600, &address)).await;
        assert!(begun.elapsed() < Duration::from_millis(2000), "{:?}", begun.elapsed());
        assert_ne!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    }
}

#[tokio::test]
async fn a_reset_is_told_as_such() {
    let address = format!("postgresql://u@127.0.0.1:{}/d", peers::resets().await.port());
    let seen = run("postgres", json!({"target": "t"}), &cx_for(2000, &address)).await;
    assert_eq!(seen.verdict.reason(), Some(Reason::Reset), "{}", seen.verdict.sentence());
}
