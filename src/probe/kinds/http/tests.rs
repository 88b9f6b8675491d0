use std::sync::Arc;
use std::time::Duration;

use rustls::ALL_VERSIONS;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use super::facts::PhaseFacts;
use super::headers::Headers;
use super::*;
use crate::model::{Outcome, TlsFiles};
use crate::probe::fixture;
use crate::probe::net::Clients;
use crate::probe::net::peers::{self, Authority, response};
use crate::probe::{Credentials, Descriptor};

const BOUND: Duration = Duration::from_millis(1000);

fn probe(parameters: serde_json::Value) -> Http {
    serde_json::from_value(parameters).unwrap()
}

async fn get(url: &str) -> Result<HttpFacts, ProbeError> {
    probe(json!({ "url": url })).observe(&fixture::cx(2000)).await
}

/// Observes with a short deadline; the fault must be the target's and told in time.
async fn hostile(parameters: serde_json::Value) -> ProbeError {
    let cx = fixture::cx(300);
    let begun = Instant::now();
    let probe = probe(parameters);
    let error = probe.observe(&cx).await.err().unwrap();
    assert!(begun.elapsed() < BOUND, "took {:?}", begun.elapsed());
    assert_eq!(probe.judge_error(&error).outcome(), Outcome::Fail, "{error}");
    error
}

fn facts(status: u16) -> HttpFacts {
    HttpFacts {
        status,
        version: "1.1".to_owned(),
        headers: Headers::default(),
        content_type: None,
        body: Some(String::new()),
        body_bytes: 0,
        json: None,
        families: None,
        malformed: None,
        url: "http://127.0.0.1:3000/health".to_owned(),
        redirects: Vec::new(),
        reused: false,
        phases: PhaseFacts { total_s: 0.012, ..PhaseFacts::default() },
        tls: None,
    }
}

#[test]
fn judges_the_status() {
    let cases = [
        (json!([]), 200, Outcome::Pass),
        (json!([]), 204, Outcome::Pass),
        (json!([]), 301, Outcome::Fail),
        (json!([]), 503, Outcome::Fail),
        (json!([401, 403]), 403, Outcome::Pass),
        (json!([401, 403]), 200, Outcome::Fail),
    ];
    for (status, seen, outcome) in cases {
        let verdict = probe(json!({ "url": "http://h/", "status": status })).judge(&facts(seen), Timestamp(0));
        assert_eq!(verdict.outcome(), outcome, "{status} {seen}");
        assert_eq!(&*verdict.measurements[0].name, "duration_seconds");
    }
}

#[test]
fn the_sentence_says_what_was_expected_and_seen() {
    let verdict = probe(json!({ "url": "http://h/", "status": [200] })).judge(&facts(503), Timestamp(0));
    assert_eq!(verdict.sentence(), "expected status 200 from http://127.0.0.1:3000/health, saw 503 in 12 ms");
    assert_eq!(verdict.reason(), Some(Reason::Status));
}

#[test]
fn facts_survive_json() {
    let text = serde_json::to_value(facts(200)).unwrap();
    assert_eq!(serde_json::from_value::<HttpFacts>(text).unwrap(), facts(200));
}

#[test]
fn static_errors_name_the_field() {
    let cases = [
        (json!({}), ""),
        (json!({ "url": "http://h/", "target": "t" }), "url"),
        (json!({ "url": "ftp://h/" }), "url"),
        (json!({ "url": "http://u:p@h/" }), "url"),
        (json!({ "target": "t", "method": "get" }), "method"),
        (json!({ "target": "t", "headers": { "a b": "" } }), "headers.a b"),
        (json!({ "target": "t", "headers": { "a": "x\ny" } }), "headers.a"),
        (json!({ "target": "t", "bearer": "a", "basic": { "user": "u", "password": "b" } }), "basic"),
        (json!({ "target": "t", "secret_headers": { "a b": { "credential": "c" } } }), "secret_headers.a b"),
        (json!({ "target": "t", "secret_headers": { "a": {} } }), "secret_headers.a"),
        (
            json!({ "target": "t", "secret_headers": { "a": { "credential": "c", "prefix": "\n" } } }),
            "secret_headers.a",
        ),
        (
            json!({ "target": "t", "headers": { "A": "x" }, "secret_headers": { "a": { "credential": "c" } } }),
            "secret_headers.a",
        ),
        (
            json!({ "target": "t", "bearer": "b", "secret_headers": { "Authorization": { "credential": "c" } } }),
            "secret_headers.Authorization",
        ),
        (json!({ "target": "t", "status": [42] }), "status"),
        (json!({ "target": "t", "max_body": 0 }), "max_body"),
        (json!({ "target": "t", "tls": { "client_cert": "/x" } }), "tls"),
    ];
    for (parameters, field) in cases {
        let findings = Descriptor::of::<Http>().parse(parameters.clone()).unwrap().findings;
        assert_eq!(findings.0.iter().map(|f| f.field.as_str()).collect::<Vec<_>>(), [field], "{parameters}");
    }
    assert!(Descriptor::of::<Http>().parse(json!({ "urll": "x" })).is_err());
    assert!(Descriptor::of::<Http>().parse(json!({ "target": "t" })).unwrap().findings.0.is_empty());
}

#[tokio::test]
async fn sees_status_headers_body_and_json() {
    let peer = peers::http(|head| {
        assert!(head.starts_with("GET /health?deep=1 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("user-agent: readiness-exporter/"), "{head}");
        response(
            "200 OK",
            "content-type: application/json; charset=utf-8\r\nset-cookie: a=secret; Secure\r\nwww-authenticate: Bearer\r\nlocation: /x?token=t\r\nX-Up: 1\r\n",
            r#"{"up":true}"#,
        )
    })
    .await;
    let facts = get(&format!("http://{peer}/health?deep=1")).await.unwrap();
    assert_eq!((facts.status, facts.version.as_str(), facts.body_bytes), (200, "1.1", 11));
    assert_eq!(facts.json, Some(json!({ "up": true })));
    assert_eq!(facts.body, None);
    assert_eq!(facts.content_type.as_deref(), Some("application/json"));
    assert_eq!(facts.headers["x-up"], "1");
    assert_eq!(facts.headers["set-cookie"], "a=***; Secure");
    assert_eq!(facts.headers["www-authenticate"], "Bearer");
    assert_eq!(facts.headers["location"], "/x?token=***");
    assert!(facts.phases.total_s > 0.0 && facts.phases.first_byte_s > 0.0);
}

#[tokio::test]
async fn target_address_and_path_are_joined_and_a_bad_status_fails() {
    let peer = peers::http(|head| {
        let status = if head.starts_with("GET /base/ready ") { "503 Service Unavailable" } else { "404 Not Found" };
        response(status, "", "down")
    })
    .await;
    let cx = fixture::cx_for(2000, &format!("http://{peer}/base/"));
    let probe = probe(json!({ "target": "peer", "path": "/ready" }));
    let facts = probe.observe(&cx).await.unwrap();
    assert_eq!((facts.status, facts.body.as_deref()), (503, Some("down")));
    assert_eq!(probe.judge(&facts, Timestamp(0)).outcome(), Outcome::Fail);
}

#[tokio::test]
async fn credentials_and_suspicious_query_values_are_sent_but_not_shown() {
    let peer = peers::http(|head| {
        let bearer = head.contains("authorization: Bearer hunter2\r\n") && head.contains("token=abc");
        response(if bearer { "200 OK" } else { "401 Unauthorized" }, "", "")
    })
    .await;
    let cx = fixture::cx_with(2000, None, fixture::credential("api", "hunter2\n"), Arc::new(Clients::new()));
    let probe = probe(json!({ "url": format!("http://{peer}/?token=abc"), "bearer": "api" }));
    let facts = probe.observe(&cx).await.unwrap();
    assert_eq!(facts.status, 200);
    let everything = format!("{facts:?} {:?} {:?}", cx.trace().take(), probe.judge(&facts, Timestamp(0)));
    assert!(!everything.contains("hunter2") && !everything.contains("abc"), "{everything}");
}

#[tokio::test]
async fn secret_headers_are_sent_to_their_origin_only_and_not_shown() {
    let last = peers::http(|head| {
        assert!(!head.contains("hunter2") && head.contains("x-plain: 1"), "{head}");
        response("200 OK", "", "")
    })
    .await;
    let first = peers::http(move |head| {
        let right = head.contains("authorization: ApiKey hunter2\r\n") && head.contains("x-tenant: hunter2\r\n");
        let location = format!("location: http://localhost:{}/\r\n", last.port());
        response(if right { "302 Found" } else { "401 Unauthorized" }, &location, "")
    })
    .await;
    let cx = fixture::cx_with(2000, None, fixture::credential("api", "hunter2"), Arc::new(Clients::new()));
    let probe = probe(json!({
        "url": format!("http://{first}/"), "headers": { "x-plain": "1" },
        "secret_headers": { "Authorization": { "credential": "api", "prefix": "ApiKey " }, "X-Tenant": { "credential": "api" } },
    }));
    assert_eq!(probe.credentials(), ["api", "api"]);
    let facts = probe.observe(&cx).await.unwrap();
    assert_eq!((facts.status, facts.redirects.len()), (200, 1));
    let everything = format!("{facts:?} {probe:?} {:?} {:?}", cx.trace().take(), probe.judge(&facts, Timestamp(0)));
    assert!(!everything.contains("hunter2"), "{everything}");
}

#[tokio::test]
async fn basic_authentication_is_sent() {
    let peer = peers::http(|head| {
        let right = head.contains("authorization: Basic dTpodW50ZXIy\r\n");
        response(if right { "200 OK" } else { "401 Unauthorized" }, "", "")
    })
    .await;
    let cx = fixture::cx_with(2000, None, fixture::credential("api", "hunter2"), Arc::new(Clients::new()));
    let basic = json!({ "url": format!("http://{peer}/"), "basic": { "user": "u", "password": "api" } });
    assert_eq!(probe(basic).observe(&cx).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_missing_credential_is_unconfigured_and_nothing_is_sent() {
    let error =
        probe(json!({ "url": "http://127.0.0.1:9/", "bearer": "x" })).observe(&fixture::cx(300)).await.unwrap_err();
    assert_eq!(error.reason, Reason::Unconfigured);
    assert_eq!(error.verdict().outcome(), Outcome::Indeterminate);
}

#[tokio::test]
async fn methods_bodies_and_headers_are_sent() {
    let peer = peers::http(|head| {
        let right =
            head.starts_with("POST / ") && head.contains("x-a: b\r\n") && head.contains("content-length: 2\r\n");
        // The body is read as the head of a request that never comes.
        response(if right { "201 Created" } else { "400 Bad Request" }, "connection: close\r\n", "")
    })
    .await;
    let parameters =
        json!({ "url": format!("http://{peer}/"), "method": "POST", "headers": { "x-a": "b" }, "body": "{}" });
    assert_eq!(probe(parameters).observe(&fixture::cx(2000)).await.unwrap().status, 201);
}

#[tokio::test]
async fn redirects_are_followed_and_told() {
    let last = peers::http(|head| {
        let leaked = head.contains("authorization") || head.contains("x-api-key");
        response(if leaked { "500 Leaked" } else { "200 OK" }, "", "")
    })
    .await;
    let first = peers::http(move |head| {
        assert!(head.contains("authorization: Bearer hunter2"));
        response("302 Found", &format!("location: http://localhost:{}/end?key=k\r\n", last.port()), "")
    })
    .await;
    let cx = fixture::cx_with(2000, None, fixture::credential("api", "hunter2"), Arc::new(Clients::new()));
    let parameters = json!({ "url": format!("http://{first}/"), "bearer": "api", "headers": { "x-api-key": "k" } });
    let facts = probe(parameters).observe(&cx).await.unwrap();
    assert_eq!(facts.status, 200);
    assert_eq!(facts.redirects.len(), 1);
    assert_eq!(facts.url, format!("http://localhost:{}/end?key=***", last.port()));
    assert!(!facts.redirects[0].downgrade);
}

#[tokio::test]
async fn credentials_stay_with_their_own_origin() {
    let peer = peers::http(|head| {
        assert!(head.contains("authorization: Bearer hunter2"));
        if head.starts_with("GET /end ") {
            response("200 OK", "", "")
        } else {
            response("307 Moved", "location: /end\r\n", "")
        }
    })
    .await;
    let cx = fixture::cx_with(2000, None, fixture::credential("api", "hunter2"), Arc::new(Clients::new()));
    let facts = probe(json!({ "url": format!("http://{peer}/"), "bearer": "api" })).observe(&cx).await.unwrap();
    assert_eq!((facts.status, facts.redirects[0].status), (200, 307));
}

#[tokio::test]
async fn unfollowed_redirects_are_judged_themselves() {
    let peer = peers::http(|_| response("301 Moved", "location: /x\r\n", "")).await;
    let parameters = json!({ "url": format!("http://{peer}/"), "follow_redirects": 0, "status": [301] });
    let facts = probe(parameters).observe(&fixture::cx(2000)).await.unwrap();
    assert_eq!((facts.status, facts.headers["location"].as_str()), (301, "/x"));
}

#[tokio::test]
async fn redirect_loops_and_endless_redirects_end() {
    let around = peers::http(|_| response("302 Found", "location: /\r\n", "")).await;
    let error = hostile(json!({ "url": format!("http://{around}/") })).await;
    assert!(error.reason == Reason::Redirect && error.detail.contains("loop"), "{error}");

    let onward = peers::http(|head| {
        let path = head.split(' ').nth(1).unwrap().to_owned();
        response("302 Found", &format!("location: {path}x\r\n"), "")
    })
    .await;
    let error = hostile(json!({ "url": format!("http://{onward}/"), "follow_redirects": 3 })).await;
    assert!(error.reason == Reason::Redirect && error.detail.contains("at most 3"), "{error}");

    let elsewhere = peers::http(|_| response("302 Found", "location: file:///etc/passwd\r\n", "")).await;
    assert_eq!(hostile(json!({ "url": format!("http://{elsewhere}/") })).await.reason, Reason::Redirect);
}

#[tokio::test]
async fn a_downgrade_is_recorded() {
    let plain = peers::http(|_| response("200 OK", "", "")).await;
    let authority = Authority::new();
    let respond = Arc::new(move |_: &str| response("302 Found", &format!("location: http://{plain}/\r\n"), ""));
    let config = authority.good_leaf().server(ALL_VERSIONS);
    let peer = peers::tls(config, move |stream| peers::http_over(stream, Arc::clone(&respond))).await;
    let parameters = json!({ "url": format!("https://{peer}/"), "tls": { "ca": authority.ca_file() } });
    let facts = probe(parameters).observe(&fixture::cx(2000)).await.unwrap();
    assert!(facts.redirects[0].downgrade);
    assert_eq!(facts.tls, None);
}

#[tokio::test]
async fn https_over_both_protocols() {
    let authority = Authority::new();
    let ok = Arc::new(|_: &str| response("200 OK", "", "over one"));
    let one =
        peers::tls(authority.good_leaf().server(ALL_VERSIONS), move |s| peers::http_over(s, Arc::clone(&ok))).await;
    let two = peers::http2(&authority.good_leaf(), "over two").await;
    for (peer, version, body) in [(one, "1.1", "over one"), (two, "2", "over two")] {
        let parameters = json!({ "url": format!("https://{peer}/x"), "tls": { "ca": authority.ca_file() } });
        let facts = probe(parameters).observe(&fixture::cx(2000)).await.unwrap();
        assert_eq!((facts.status, facts.version.as_str(), facts.body.as_deref()), (200, version, Some(body)));
        let tls = facts.tls.unwrap();
        assert_eq!((tls.version.as_str(), tls.not_after_s), ("1.3", peers::FAR));
        assert!(tls.days_left > 1000.0 && facts.phases.tls_s > 0.0);
    }
}

#[tokio::test]
async fn certificates_that_do_not_verify_fail_with_the_exact_reason() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let cases = [
        (authority.leaf(&["127.0.0.1"], peers::LONG_AGO), Reason::TlsExpired),
        (authority.leaf(&["other.test"], peers::FAR), Reason::TlsName),
        (stranger.good_leaf(), Reason::TlsUntrusted),
    ];
    for (leaf, reason) in cases {
        let peer = peers::tls_idle(leaf.server(ALL_VERSIONS)).await;
        let error = hostile(json!({ "url": format!("https://{peer}/"), "tls": { "ca": authority.ca_file() } })).await;
        assert_eq!(error.reason, reason, "{error}");
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_when_configured() {
    let authority = Authority::new();
    let leaf = authority.good_leaf();
    let ok = Arc::new(|_: &str| response("200 OK", "", ""));
    let config = authority.mutual(&leaf, ALL_VERSIONS);
    let peer = peers::tls(config, move |stream| peers::http_over(stream, Arc::clone(&ok))).await;
    let url = format!("https://{peer}/");
    let tls = TlsFiles {
        ca: Some(authority.ca_file()),
        client_cert: Some(leaf.cert_file()),
        client_key: Some(leaf.key_file()),
        server_name: Some("localhost".into()),
    };
    let target = crate::model::Target { name: "t".into(), address: url.as_str().into(), credential: None, tls };
    let cx = fixture::cx_with(2000, Some(target), Credentials::default(), Arc::new(Clients::new()));
    assert_eq!(probe(json!({ "target": "t" })).observe(&cx).await.unwrap().status, 200);

    let error = hostile(json!({ "url": url, "tls": { "ca": authority.ca_file() } })).await;
    assert_eq!(error.reason, Reason::TlsHandshake, "{error}");
    assert!(error.detail.contains("requires a client certificate"), "{error}");
}

#[tokio::test]
async fn a_kept_connection_is_used_again_and_replaced_when_dead() {
    let peer = peers::serve(|mut stream| async move {
        // Two answers, then the connection is gone.
        for _ in 0..2 {
            peers::read_head(&mut stream).await;
            let _ = stream.write_all(response("200 OK", "", "x").as_bytes()).await;
        }
    })
    .await;
    let clients = Arc::new(Clients::new());
    let probe = probe(json!({ "url": format!("http://{peer}/"), "connection": "reuse" }));
    let mut reused = Vec::new();
    for _ in 0..4 {
        let cx = fixture::cx_with(2000, None, Credentials::default(), Arc::clone(&clients));
        let facts = probe.observe(&cx).await.unwrap();
        assert_eq!(facts.status, 200);
        reused.push(facts.reused);
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(reused, [false, true, false, true]);
}

#[tokio::test]
async fn nobody_and_rude_peers() {
    let closed = peers::closed_port().await;
    assert_eq!(hostile(json!({ "url": format!("http://127.0.0.1:{closed}/") })).await.reason, Reason::Refused);
    let resets = peers::resets().await;
    assert_eq!(hostile(json!({ "url": format!("http://{resets}/") })).await.reason, Reason::Reset);
}

#[tokio::test]
async fn silence_and_slowness_are_timeouts_that_name_the_phase() {
    let full = peers::full_backlog().await;
    let silent = peers::silent().await;
    let slow_head = peers::goes_on(b"HTTP/1.1 200 OK\r\nx: ", b"a", Duration::from_millis(50)).await;
    let slow_body =
        peers::goes_on(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b"a", Duration::from_millis(50)).await;
    let cases = [
        (format!("http://{full}/"), "did not accept the connection"),
        (format!("http://{silent}/"), "sent no complete headers within"),
        (format!("http://{slow_head}/"), "sent no complete headers within"),
        (format!("http://{slow_body}/"), "sent headers but the body did not end within"),
        (format!("https://{silent}/"), "the TLS handshake did not end within"),
    ];
    let authority = Authority::new();
    for (url, phase) in cases {
        let error = hostile(json!({ "url": url, "tls": { "ca": authority.ca_file() } })).await;
        assert_eq!(error.reason, Reason::Timeout, "{error}");
        assert!(error.detail.contains(phase), "{error}");
    }
}

#[tokio::test]
async fn too_much_is_cut_off() {
    let none = Duration::ZERO;
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("400\r\n{}\r\n", ".".repeat(0x400)).leak();
    let body = peers::goes_on(head, chunk.as_bytes(), none).await;
    let headers =
        peers::goes_on(b"HTTP/1.1 200 OK\r\n", b"x-again: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", none)
            .await;
    let one_header = peers::goes_on(b"HTTP/1.1 200 OK\r\nx: ", &[b'a'; 4096], none).await;
    let announced = peers::answers("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\nx").await;
    for (peer, what) in [(body, "body"), (headers, "headers"), (one_header, "headers"), (announced, "body")] {
        // A long deadline: what is cut off must be so by its size.
        let probe = probe(json!({ "url": format!("http://{peer}/"), "max_body": 5000 }));
        let error = probe.observe(&fixture::cx(10_000)).await.err().unwrap();
        assert_eq!(error.reason, Reason::TooLarge, "{error}");
        assert!(error.detail.contains(what), "{error}");
    }
}

/// Proxies and frameworks add more than a hundred of them.
#[tokio::test]
async fn many_headers_are_no_fault() {
    let headers: String = (0..200).map(|n| format!("x-{n}: a\r\n")).collect();
    let peer = peers::answers(format!("HTTP/1.1 200 OK\r\n{headers}content-length: 2\r\n\r\nok")).await;
    let facts = get(&format!("http://{peer}/")).await.unwrap();
    assert_eq!(facts.status, 200);
}

#[tokio::test]
async fn whatever_is_not_http_is_a_protocol_error() {
    let authority = Authority::new();
    let tls_port = peers::tls_idle(authority.good_leaf().server(ALL_VERSIONS)).await;
    let plain_port = peers::greets(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let ssh = peers::greets(b"SSH-2.0-OpenSSH_9.2\r\n").await;
    let garbage = peers::answers(vec![0xff; 64]).await;
    let chunks = peers::answers("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzzz\r\n").await;
    for url in [
        format!("http://{tls_port}/"),
        format!("https://{plain_port}/"),
        format!("http://{ssh}/"),
        format!("https://{ssh}/"),
        format!("http://{garbage}/"),
        format!("http://{chunks}/"),
    ] {
        let error = hostile(json!({ "url": url, "tls": { "ca": authority.ca_file() } })).await;
        assert_eq!(error.reason, Reason::Protocol, "{url}: {error}");
    }
}

#[tokio::test]
async fn a_body_cut_short_is_a_reset() {
    let peer = peers::answers("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this").await;
    let error = hostile(json!({ "url": format!("http://{peer}/") })).await;
    assert_eq!(error.reason, Reason::Reset);
    assert!(error.detail.contains("the body was not"), "{error}");
}

#[tokio::test]
async fn deep_json_is_text() {
    let deep: &'static str = Box::leak("[".repeat(5000).into_boxed_str());
    let peer = peers::http(move |_| response("200 OK", "content-type: application/json\r\n", deep)).await;
    let facts = get(&format!("http://{peer}/")).await.unwrap();
    assert_eq!((facts.json, facts.body_bytes), (None, 5000));
    assert!(facts.body.is_some());
}

#[tokio::test]
async fn a_kept_connection_that_went_silent_is_not_held_against_the_target() {
    let peer = peers::serve(|mut stream| async move {
        peers::read_head(&mut stream).await;
        let _ = stream.write_all(response("200 OK", "", "").as_bytes()).await;
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    let clients = Arc::new(Clients::new());
    let probe = probe(json!({ "url": format!("http://{peer}/"), "connection": "reuse" }));
    for _ in 0..2 {
        let cx = fixture::cx_with(400, None, Credentials::default(), Arc::clone(&clients));
        let facts = probe.observe(&cx).await.unwrap();
        assert_eq!((facts.status, facts.reused), (200, false));
    }
}

#[tokio::test]
async fn a_post_is_not_sent_twice() {
    let peer = peers::serve(|mut stream| async move {
        peers::read_head(&mut stream).await;
        let _ = stream.write_all(response("200 OK", "", "").as_bytes()).await;
        // The second request is read and left without an answer.
        peers::read_head(&mut stream).await;
    })
    .await;
    let clients = Arc::new(Clients::new());
    let probe = probe(json!({ "url": format!("http://{peer}/"), "connection": "reuse", "method": "POST" }));
    let cx = fixture::cx_with(2000, None, Credentials::default(), Arc::clone(&clients));
    assert_eq!(probe.observe(&cx).await.unwrap().status, 200);
    let cx = fixture::cx_with(2000, None, Credentials::default(), clients);
    assert_eq!(probe.observe(&cx).await.unwrap_err().reason, Reason::Reset);
}

#[tokio::test]
async fn two_is_kept_too() {
    let authority = Authority::new();
    let peer = peers::http2(&authority.good_leaf(), "x").await;
    let clients = Arc::new(Clients::new());
    let url = format!("https://{peer}/");
    let probe = probe(json!({ "url": url, "connection": "reuse", "tls": { "ca": authority.ca_file() } }));
    let mut reused = Vec::new();
    for _ in 0..3 {
        let cx = fixture::cx_with(2000, None, Credentials::default(), Arc::clone(&clients));
        reused.push(probe.observe(&cx).await.unwrap().reused);
    }
    assert_eq!(reused, [false, true, true]);
}

#[tokio::test]
async fn hostile_peers_that_agree_on_two() {
    let authority = Authority::new();
    let config = || {
        let mut config = authority.good_leaf().server(ALL_VERSIONS);
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    };
    let silent = peers::tls_idle(config()).await;
    let garbage = peers::tls(config(), |mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
    })
    .await;
    let closes = peers::tls(config(), |mut stream| async move {
        let _ = stream.shutdown().await;
    })
    .await;
    let large = peers::http2(&authority.good_leaf(), "x".repeat(100_000).leak()).await;
    let cases =
        [(silent, Reason::Timeout), (garbage, Reason::Protocol), (closes, Reason::Reset), (large, Reason::TooLarge)];
    for (peer, reason) in cases {
        let parameters =
            json!({ "url": format!("https://{peer}/"), "max_body": 5000, "tls": { "ca": authority.ca_file() } });
        let error = hostile(parameters).await;
        assert_eq!(error.reason, reason, "{error}");
    }
}

#[tokio::test]
async fn a_redirect_that_is_expected_is_not_followed() {
    let peer = peers::http(|_| response("301 Moved", "location: https://127.0.0.1:1/\r\n", "")).await;
    let parameters = json!({"url": format!("http://{peer}/"), "status": [301, 308]});
    let seen = fixture::run("http", parameters, &fixture::cx(2000)).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    assert_eq!(seen.facts.unwrap()["redirects"], json!([]));
}

#[tokio::test]
async fn conditions_see_the_whole_answer_or_say_why_not() {
    let peer = peers::http(|_| {
        let long = "x".repeat(3000);
        let headers = format!("x-long: {long}END\r\nx-auth-token: abc\r\ncontent-type: text/html\r\n");
        response("200 OK", &headers, &format!("{}ERROR at the end", "y".repeat(40_000)))
    })
    .await;
    let url = format!("http://{peer}/");
    let ask = |condition: &'static str| {
        let url = url.clone();
        async move { fixture::run_with("http", json!({ "url": url }), &[condition], &fixture::cx(2000)).await.verdict }
    };
    for (condition, outcome, part) in [
        ("!body.contains('ERROR')", Outcome::Fail, "expected `!"),
        ("headers['x-long'].endsWith('END')", Outcome::Pass, "saw 200"),
        ("'x-auth-token' in headers", Outcome::Pass, ""),
        ("headers['x-auth-token'] == 'abc'", Outcome::Indeterminate, "masked"),
        ("headers['x-auth-token'] != 'abc'", Outcome::Indeterminate, "masked"),
        ("json.ready == true", Outcome::Indeterminate, "the body of 40016 bytes (text/html) is not JSON"),
    ] {
        let verdict = ask(condition).await;
        assert_eq!(verdict.outcome(), outcome, "{condition}: {}", verdict.sentence());
        assert!(verdict.sentence().contains(part), "{condition}: {}", verdict.sentence());
    }
}
