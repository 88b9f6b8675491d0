//! `judge` on tables, and what a hostile peer can say. The real server is in
//! `tests/it/probes/redis.rs`.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use super::*;
use crate::model::{Outcome, Reason, Target, TlsFiles};
use crate::probe::fixture::{self, NOW, cx, cx_for, run, run_with};
use crate::probe::net::Clients;
use crate::probe::net::peers::{self, Authority};

fn leg(parameters: Value) -> Redis {
    serde_json::from_value(parameters).unwrap()
}

fn refusal(code: &str) -> Facts {
    Facts { error_code: code.into(), error: "no".into(), ..Facts::default() }
}

#[test]
fn refusals_are_judged_by_what_was_expected() {
    let anonymous = json!({"target": "r", "anonymous": true, "refused_with": ["NOAUTH"]});
    let login = json!({"target": "r", "credential": "wrong", "refused_with": ["WRONGPASS"]});
    let accepted = Facts { login: Login::Accepted, ..Facts::default() };
    for (parameters, facts, outcome, reason) in [
        (&anonymous, refusal("NOAUTH"), Outcome::Pass, None),
        (&anonymous, refusal("NOPERM"), Outcome::Indeterminate, Some(Reason::Query)),
        (&anonymous, refusal("DENIED"), Outcome::Indeterminate, Some(Reason::Query)),
        (&anonymous, Facts::default(), Outcome::Fail, Some(Reason::AuthAccepted)),
        (&login, refusal("WRONGPASS"), Outcome::Pass, None),
        (&login, accepted, Outcome::Fail, Some(Reason::AuthAccepted)),
    ] {
        let verdict = leg(parameters.clone()).judge(&facts, NOW);
        assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{}", verdict.sentence());
    }
}

#[test]
fn answers_are_judged() {
    let ping = leg(json!({"target": "r"}));
    assert_eq!(ping.judge(&Facts::default(), NOW).outcome(), Outcome::Pass);
    assert_eq!(ping.judge(&refusal("NOAUTH"), NOW).outcome(), Outcome::Indeterminate, "a refusal never passes");
    let quorum = Facts { quorum: Some(false), error: "1 usable".into(), ..Facts::default() };
    assert_eq!(ping.judge(&quorum, NOW).reason(), Some(Reason::Assertion));
    let ratio = leg(json!({"target": "r", "commands": ["info"], "window_s": 60, "min_lookups": 100}));
    let few = Facts { lookups: Some(99.0), earlier_age_s: Some(61.0), ..Facts::default() };
    for (facts, part) in [(Facts::default(), "60 s old"), (few, "saw 99 in 61 s")] {
        let verdict = ratio.judge(&facts, NOW);
        assert_eq!(verdict.reason(), Some(Reason::NoData));
        assert!(verdict.sentence().contains(part), "{}", verdict.sentence());
    }
    let enough = Facts { lookups: Some(100.0), hit_ratio: Some(0.5), ..Facts::default() };
    assert_eq!(ratio.judge(&enough, NOW).outcome(), Outcome::Pass);
}

#[tokio::test]
async fn a_login_that_nobody_tries_is_neither_accepted_nor_refused() {
    let peer = scripted(&[b"+PONG\r\n"]).await;
    for code in ["WRONGPASS", "NOPERM"] {
        let parameters = json!({"target": "peer", "refused_with": [code]});
        let seen = run("redis", parameters, &cx_for(1000, &peer.to_string())).await.verdict;
        let expected = (Outcome::Indeterminate, Some(Reason::Unconfigured));
        assert_eq!((seen.outcome(), seen.reason()), expected, "{}", seen.sentence());
    }
}

#[tokio::test]
async fn what_was_not_asked_is_not_absent() {
    let peer = scripted(&[b"+PONG\r\n"]).await;
    for condition in ["masters.size() == 0", "info.size() == 0"] {
        let cx = cx_for(1000, &peer.to_string());
        let seen = run_with("redis", json!({"target": "peer"}), &[condition], &cx).await.verdict;
        assert_eq!(seen.reason(), Some(Reason::ExpressionError), "{}", seen.sentence());
    }
}

#[test]
fn a_failed_connection_proves_no_refusal() {
    let error = ProbeError::target(Reason::Refused, "refused");
    let negative = leg(json!({"target": "r", "anonymous": true, "refused_with": ["NOAUTH"]}));
    assert_eq!(negative.judge_error(&error).outcome(), Outcome::Indeterminate);
    assert_eq!(leg(json!({"target": "r"})).judge_error(&error).outcome(), Outcome::Fail);
}

#[test]
fn access_is_an_attempt_only_with_a_credential_of_its_own() {
    assert_eq!(leg(json!({"anonymous": true, "refused_with": ["NOAUTH"]})).access(), Access::Read);
    assert_eq!(leg(json!({"credential": "x", "refused_with": ["WRONGPASS"]})).access(), Access::Authenticates);
    assert_eq!(leg(json!({"credential": "x"})).access(), Access::Read);
}

#[test]
fn static_errors_are_found() {
    let fields = |parameters: Value| -> Vec<String> {
        let mut findings = Findings::default();
        leg(parameters).check(&mut findings);
        findings.0.into_iter().map(|finding| finding.field).collect()
    };
    assert!(fields(json!({"target": "r"})).is_empty());
    assert_eq!(fields(json!({})), [""]);
    assert_eq!(fields(json!({"address": "http://h"})), ["address"]);
    assert_eq!(fields(json!({"target": "r", "commands": []})), ["commands"]);
    assert_eq!(fields(json!({"target": "r", "sections": ["memory"]})), ["sections"]);
    assert_eq!(fields(json!({"target": "r", "commands": ["info"], "sections": ["a b"]})), ["sections[0]"]);
    assert_eq!(fields(json!({"target": "r", "window_s": 5})), ["window_s"]);
    assert_eq!(fields(json!({"target": "r", "commands": ["info"], "min_lookups": 5})), ["min_lookups"]);
    assert_eq!(fields(json!({"target": "r", "commands": ["sentinel_ckquorum"]})), ["master"]);
    assert_eq!(fields(json!({"target": "r", "anonymous": true, "user": "x"})), ["anonymous"]);
    assert_eq!(fields(json!({"target": "r", "refused_with": ["NOAUTH"]})), ["refused_with"]);
    assert_eq!(
        fields(json!({"target": "r", "credential": "x", "refused_with": ["WRONGPASS", "NOPERM"]})),
        ["refused_with"]
    );
}

/// Answers each read with the next of these, then goes on in silence.
async fn scripted(answers: &'static [&'static [u8]]) -> SocketAddr {
    peers::serve(move |mut stream| async move {
        let mut buffer = [0; 4096];
        for answer in answers {
            if !matches!(stream.read(&mut buffer).await, Ok(1..)) {
                return;
            }
            let _ = stream.write_all(answer).await;
        }
        sleep(Duration::from_secs(20)).await;
    })
    .await
}

async fn seen(peer: SocketAddr, parameters: Value, milliseconds: u64) -> (Outcome, Option<Reason>, String) {
    let mut parameters = parameters;
    parameters["target"] = json!("peer");
    let cx = cx_for(milliseconds, &format!("redis://{peer}"));
    let begun = Instant::now();
    let verdict = run("redis", parameters, &cx).await.verdict;
    assert!(begun.elapsed() < Duration::from_millis(milliseconds + 700), "took {:?}", begun.elapsed());
    (verdict.outcome(), verdict.reason(), verdict.sentence().to_owned())
}

#[tokio::test]
async fn errors_of_the_server_are_told_as_they_are() {
    let (fail, unknown) = (Outcome::Fail, Outcome::Indeterminate);
    let cases: [(&'static [&'static [u8]], Outcome, Reason, &str); 9] = [
        (&[b"-LOADING Redis is loading the dataset in memory\r\n"], fail, Reason::Query, "LOADING"),
        (&[b"-MASTERDOWN Link with MASTER is down\r\n"], fail, Reason::Query, "MASTERDOWN"),
        (&[b"-NOAUTH Authentication required.\r\n"], unknown, Reason::AuthRejected, "NOAUTH"),
        (&[b"-NOPERM no permissions\r\n"], unknown, Reason::PermissionDenied, "NOPERM"),
        (&[b"-ERR unknown command 'PING'\r\n"], unknown, Reason::Query, "unknown command"),
        (&[b"+HELLO\r\n"], fail, Reason::Protocol, "does not speak Redis"),
        (&[b":1\r\n"], fail, Reason::Protocol, "does not speak Redis"),
        (&[b"HTTP/1.1 400 Bad Request\r\n\r\n"], fail, Reason::Protocol, "does not speak Redis"),
        (&[b"SSH-2.0-OpenSSH_9.2\r\n"], fail, Reason::Protocol, "does not speak Redis"),
    ];
    for (script, outcome, reason, part) in cases {
        let (was, why, said) = seen(scripted(script).await, json!({}), 2000).await;
        assert_eq!((was, why), (outcome, Some(reason)), "{said}");
        assert!(said.contains(part) && said.starts_with("expected PONG, but "), "{said}");
    }
}

#[tokio::test]
async fn what_is_said_before_anything_was_asked_is_heard() {
    for (greeting, outcome, reason) in [
        (&b"-ERR max number of clients reached\r\n"[..], Outcome::Fail, Reason::Refused),
        (b"-DENIED Redis is running in protected mode\r\n", Outcome::Indeterminate, Reason::PermissionDenied),
    ] {
        let peer = peers::serve(move |mut stream| async move {
            let _ = stream.write_all(greeting).await;
            // Closed with the request unread: the other side is reset.
            sleep(Duration::from_millis(20)).await;
        })
        .await;
        for _ in 0..20 {
            let (was, why, said) = seen(peer, json!({}), 2000).await;
            assert_eq!((was, why), (outcome, Some(reason)), "{said}");
        }
    }
}

#[tokio::test]
async fn a_peer_that_goes_hangs_or_never_ends_is_told_in_time() {
    let gone = peers::resets().await;
    assert_eq!(seen(gone, json!({}), 2000).await.1, Some(Reason::Reset));
    let cut: [&'static [u8]; 1] = [b"$100\r\nabc"];
    let half = peers::serve(move |mut stream| async move {
        let mut buffer = [0; 100];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(cut[0]).await;
    })
    .await;
    let (outcome, reason, said) = seen(half, json!({"commands": ["info"]}), 2000).await;
    assert_eq!((outcome, reason), (Outcome::Fail, Some(Reason::Reset)), "{said}");
    let (_, reason, said) = seen(peers::silent().await, json!({}), 300).await;
    assert_eq!(reason, Some(Reason::Timeout), "{said}");
    assert!(said.contains("did not answer PING within"), "{said}");
    let waits = scripted(&[b"+PON"]).await;
    assert_eq!(seen(waits, json!({}), 300).await.1, Some(Reason::Timeout));
    let closed = SocketAddr::from(([127, 0, 0, 1], peers::closed_port().await));
    assert_eq!(seen(closed, json!({}), 2000).await.1, Some(Reason::Refused));
}

#[tokio::test]
async fn huge_answers_are_cut_off() {
    let endless = peers::serve(|mut stream| async move {
        let mut buffer = [0; 100];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(b"$900000000\r\n").await;
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    })
    .await;
    let (outcome, reason, said) = seen(endless, json!({"commands": ["info"]}), 5000).await;
    assert_eq!((outcome, reason), (Outcome::Indeterminate, Some(Reason::TooLarge)), "{said}");
}

/// The parser recurses: what it may use of the stack is tried in the build with the largest frames.
#[tokio::test]
async fn nested_and_announced_sizes_do_no_harm() {
    for again in ["*1\r\n", "*4096\r\n", "%1\r\n", "|1\r\n", "~9\r\n", ">3\r\n", "*2147483647\r\n"] {
        let peer = peers::serve(move |mut stream| async move {
            let mut buffer = [0; 100];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(again.repeat(2000).as_bytes()).await;
        })
        .await;
        let (outcome, _, said) = seen(peer, json!({"commands": ["role"]}), 5000).await;
        assert_eq!(outcome, Outcome::Fail, "{again:?}: {said}");
    }
    for odd in ["*-5\r\n", "$-7\r\n", "=-3\r\n", "!-1\r\n", "%-1\r\n", "|9223372036854775807\r\n", "(x\r\n", "$x\r\n"] {
        let peer = peers::serve(move |mut stream| async move {
            let mut buffer = [0; 100];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(odd.as_bytes()).await;
        })
        .await;
        let (outcome, _, said) = seen(peer, json!({}), 3000).await;
        assert_eq!(outcome, Outcome::Fail, "{odd:?}: {said}");
    }
}

#[tokio::test]
async fn info_is_compared_within_one_run_if_the_window_fits() {
    let text = |hits: u32, misses: u32| {
        format!("# Server\r\nrun_id:a\r\n# Stats\r\nkeyspace_hits:{hits}\r\nkeyspace_misses:{misses}\r\n")
    };
    let answers: Arc<[String]> =
        [text(10, 10), text(40, 20)].map(|text| format!("${}\r\n{text}\r\n", text.len())).into();
    let peer = peers::serve(move |mut stream| {
        let answers = Arc::clone(&answers);
        async move {
            let mut buffer = [0; 4096];
            for answer in &*answers {
                let _ = stream.read(&mut buffer).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    })
    .await;
    let parameters = json!({"target": "peer", "commands": ["info"], "window_s": 1, "min_lookups": 40});
    let cx = cx_for(4000, &format!("redis://{peer}"));
    let expect = ["hit_ratio == 0.75", "info.stats.keyspace_hits - earlier.stats.keyspace_hits == 30"];
    let seen = run_with("redis", parameters, &expect, &cx).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    let short = json!({"address": peer.to_string(), "commands": ["info"], "window_s": 60, "min_lookups": 40});
    let none = run("redis", short, &cx_for(1000, "redis://h")).await;
    assert_eq!(none.verdict.reason(), Some(Reason::NoData));
}

#[tokio::test]
async fn a_password_goes_only_where_it_belongs_and_is_never_repeated() {
    let heard: Arc<std::sync::Mutex<Vec<u8>>> = Arc::default();
    let keep = Arc::clone(&heard);
    let peer = peers::serve(move |mut stream| {
        let keep = Arc::clone(&keep);
        async move {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                keep.lock().unwrap().extend_from_slice(&buffer[..read]);
                let _ = stream.write_all(b"-WRONGPASS invalid hunter22\r\n").await;
            }
        }
    })
    .await;
    let target = Target {
        name: "peer".into(),
        address: format!("redis://re@{peer}").into(),
        credential: Some("monitor".into()),
        tls: TlsFiles::default(),
    };
    let clients = Arc::new(Clients::new());
    let cx = fixture::cx_with(2000, Some(target), fixture::credential("monitor", "hunter22"), clients);
    let login = run("redis", json!({"target": "peer"}), &cx).await;
    assert_eq!(login.verdict.reason(), Some(Reason::AuthRejected));
    let refused = json!({"target": "peer", "credential": "monitor", "refused_with": ["WRONGPASS"]});
    let refused = run("redis", refused, &cx).await;
    assert_eq!(refused.verdict.outcome(), Outcome::Pass);
    assert!(!format!("{login:?} {refused:?} {:?}", cx.trace().take()).contains("hunter22"));
    assert!(String::from_utf8_lossy(&heard.lock().unwrap()).contains("AUTH\r\n$2\r\nre\r\n$8\r\nhunter22"));
    heard.lock().unwrap().clear();
    let silent = json!({"target": "peer", "anonymous": true, "refused_with": ["NOAUTH"]});
    run("redis", silent, &cx).await;
    assert!(!String::from_utf8_lossy(&heard.lock().unwrap()).contains("hunter22"));
}

#[tokio::test]
async fn a_user_without_a_credential_is_unconfigured() {
    let seen = run("redis", json!({"target": "peer"}), &cx_for(2000, "redis://readiness@127.0.0.1:1")).await;
    assert_eq!(seen.verdict.reason(), Some(Reason::Unconfigured));
}

#[tokio::test]
async fn certificates_are_verified_before_anything_is_sent() {
    let authority = Authority::new();
    let leaf = authority.good_leaf();
    let peer = peers::tls(leaf.server(rustls::ALL_VERSIONS), |mut stream| async move {
        let mut buffer = [0; 100];
        let _ = stream.read(&mut buffer).await;
        let _ = stream.write_all(b"+PONG\r\n").await;
        let _ = stream.flush().await;
        let _ = stream.read(&mut buffer).await;
    })
    .await;
    for (ca, outcome) in [(authority.ca_file(), Outcome::Pass), (Authority::new().ca_file(), Outcome::Fail)] {
        let target = Target {
            name: "peer".into(),
            address: format!("rediss://{peer}").into(),
            credential: None,
            tls: TlsFiles { ca: Some(ca), ..TlsFiles::default() },
        };
        let cx = fixture::cx_with(3000, Some(target), crate::probe::Credentials::default(), Arc::new(Clients::new()));
        let seen = run_with("redis", json!({"target": "peer"}), &["tls"], &cx).await;
        assert_eq!(seen.verdict.outcome(), outcome, "{}", seen.verdict.sentence());
    }
    let plain = run("redis", json!({"address": peer.to_string()}), &cx(1000)).await;
    assert_eq!(plain.verdict.outcome(), Outcome::Fail, "{}", plain.verdict.sentence());
}
