//! `judge` on tables, and what a hostile peer can do before a login. The real server is in
//! `tests/it/probes/postgres.rs`.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::model::Outcome;
use crate::probe::kinds::testing::{NOW, cx_for, run};

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
    assert_eq!((verdict.outcome(), verdict.proof().len()), (Outcome::Pass, 2));
    assert_eq!(verdict.sentence(), "the query answered with 2 rows in 0.250 s");
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
        // Read as the head of a long message, which then ends early.
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", false, Reason::Reset),
        (b"\x15\x03\x03\0\x02\x02\x0a", false, Reason::Protocol),
        // A message that says it has 2 GiB to come.
        (b"R\x7f\xff\xff\xff\0\0\0\0", true, Reason::Timeout),
        // Too short to hold its own length.
        (b"R\0\0\0\x04", false, Reason::Protocol),
    ];
    for (answer, hang, reason) in cases {
        let address = peer(answer, hang).await;
        let seen = run("postgres", json!({"target": "t"}), &cx_for(400, Some(&address))).await;
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
    let seen = run("postgres", json!({"target": "t"}), &cx_for(2000, Some(&address))).await;
    assert_eq!(seen.verdict.reason(), Some(Reason::Refused), "{}", seen.verdict.sentence());
    let seen = run("postgres", json!({"target": "t"}), &cx_for(2000, Some("postgresql://u@name.invalid/d"))).await;
    assert!(matches!(seen.verdict.reason(), Some(Reason::Dns | Reason::Timeout)), "{}", seen.verdict.sentence());
}
