//! Without a real server: parameters, judgement, and peers that answer as no good server does.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use serde_json::{Value, json};
use tokio::time::Instant;
use tonic_health::pb::HealthCheckResponse;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ListServiceResponse, ServerReflectionResponse, ServiceResponse};

use super::Grpc;
use crate::model::{Access, Outcome, Reason, Target, TlsFiles};
use crate::probe::net::peers::{self, Authority};
use crate::probe::{Credentials, Observation, Probe, fixture, kinds};

fn findings(parameters: Value) -> Vec<String> {
    let parsed = kinds::find("grpc").unwrap().parse(parameters).unwrap();
    parsed.findings.0.iter().map(|finding| finding.field.clone()).collect()
}

#[test]
fn parameters_that_make_no_sense_are_found() {
    assert!(findings(json!({ "target": "t" })).is_empty());
    assert!(findings(json!({ "target": "t", "expect_refused": ["certificate"], "anonymous": true })).is_empty());
    assert!(
        findings(json!({ "target": "t", "endpoints": ["https://h:1"], "expect_refused": ["plaintext"] })).is_empty()
    );
    let cases = [
        (json!({}), ""),
        (json!({ "address": "h" }), "address"),
        (json!({ "address": "redis://h:1" }), "address"),
        (json!({ "address": "h:1", "vars": ["A"] }), "vars"),
        (json!({ "target": "t", "endpoints": ["h:1"] }), "endpoints"),
        (json!({ "target": "t", "client_cert": "/a" }), "client_cert"),
        (json!({ "target": "t", "call": { "method": "Health" } }), "call.method"),
        (json!({ "target": "t", "call": { "method": "a.B/C", "request": 1 } }), "call.request"),
        (json!({ "target": "t", "call": { "method": "a.B/C", "codes": ["Ok"] } }), "call.codes"),
        (json!({ "target": "t", "call": { "method": "a.B/C", "types": [{ "nome": "x" }] } }), "call.types"),
        (json!({ "target": "t", "call": { "method": "a.B/C", "types": [{ "name": "x" }] } }), "call.types"),
        (json!({ "target": "t", "metadata": { "grpc-timeout": "1S" } }), "metadata.grpc-timeout"),
        (json!({ "target": "t", "secret_metadata": { "authorization": {} } }), "secret_metadata.authorization"),
        (json!({ "target": "t", "expect_refused": ["unauthenticated"] }), "expect_refused"),
        (json!({ "target": "t", "expect_refused": ["plaintext"], "health": [""] }), "expect_refused"),
        (json!({ "target": "t", "expect_refused": ["certificate"], "tls": "off" }), "expect_refused"),
        (json!({ "target": "t", "max_bytes": 0 }), "max_bytes"),
    ];
    for (parameters, path) in cases {
        assert_eq!(findings(parameters.clone()), [path], "{parameters}");
    }
}

#[test]
fn only_what_is_declared_to_change_nothing_counts_as_reading() {
    let access = |parameters: Value| serde_json::from_value::<Grpc>(parameters).unwrap().access();
    assert_eq!(access(json!({ "health": [""] })), Access::Read);
    assert_eq!(access(json!({ "call": { "method": "a.B/C" } })), Access::Mutates);
    assert_eq!(access(json!({ "call": { "method": "a.B/C", "read_only": true } })), Access::Read);
    let login = json!({ "authorization": { "credential": "x" } });
    let negative = json!({ "health": [""], "expect_refused": ["unauthenticated"], "secret_metadata": login });
    assert_eq!(access(negative), Access::Authenticates);
}

/// What a double answers.
#[derive(Clone)]
enum Reply {
    Answer(Vec<u8>),
    /// A code and a message.
    Code(u32, &'static str),
    /// Bytes where a message should be.
    Raw(&'static [u8]),
    /// No gRPC at all.
    Web(u16, &'static str),
    Never,
}

async fn respond(
    reply: Reply,
) -> http::Response<StreamBody<impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>>>> {
    let (mut response, mut frames) = (http::Response::builder().header("content-type", "application/grpc"), Vec::new());
    let ok = || http::HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    match reply {
        Reply::Answer(message) => {
            let mut bytes = vec![0];
            bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
            bytes.extend(message);
            frames.push(Ok(Frame::data(Bytes::from(bytes))));
            frames.push(Ok(Frame::trailers(ok())));
        }
        Reply::Raw(bytes) => frames.push(Ok(Frame::data(Bytes::from_static(bytes)))),
        Reply::Code(code, message) => {
            response = response.header("grpc-status", code.to_string()).header("grpc-message", message);
        }
        Reply::Web(status, body) => {
            response = http::Response::builder().status(status).header("content-type", "text/html");
            frames.push(Ok(Frame::data(Bytes::from_static(body.as_bytes()))));
        }
        Reply::Never => std::future::pending().await,
    }
    response.body(StreamBody::new(futures_util::stream::iter(frames))).unwrap()
}

/// A server of HTTP/2 in the clear that answers each path with this.
async fn double(of: impl Fn(&str) -> Reply + Clone + Send + 'static) -> SocketAddr {
    peers::serve(move |stream| {
        let of = of.clone();
        async move {
            let answer = service_fn(move |request: http::Request<Incoming>| {
                let reply = of(request.uri().path());
                async move {
                    let _ = request.into_body().collect().await;
                    Ok::<_, Infallible>(respond(reply).await)
                }
            });
            let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = server.serve_connection(TokioIo::new(stream), answer).await;
        }
    })
    .await
}

async fn look(address: impl std::fmt::Display, mut parameters: Value) -> Observation {
    parameters["address"] = json!(format!("http://{address}"));
    let begun = Instant::now();
    let seen = fixture::run("grpc", parameters, &fixture::cx(700)).await;
    assert!(begun.elapsed() < Duration::from_millis(1000), "{:?}", begun.elapsed());
    seen
}

fn told(seen: &Observation) -> (Outcome, Option<Reason>) {
    (seen.verdict.outcome(), seen.verdict.reason())
}

#[tokio::test]
async fn the_ways_to_be_unhealthy_are_told_apart() {
    let status = |status: i32| Reply::Answer(HealthCheckResponse { status }.encode_to_vec());
    let fail = |reason| (Outcome::Fail, Some(reason));
    let cases = [
        (status(1), (Outcome::Pass, None), "SERVING"),
        (status(2), fail(Reason::Assertion), "NOT_SERVING"),
        (status(0), fail(Reason::Assertion), "UNKNOWN"),
        (status(3), fail(Reason::Missing), "not known"),
        (Reply::Code(5, "unknown service"), fail(Reason::Missing), "not known: unknown service"),
        (Reply::Code(12, "Method not found"), fail(Reason::Missing), "no health service"),
        (Reply::Code(14, "draining"), fail(Reason::Query), "UNAVAILABLE: draining"),
        (Reply::Code(4, ""), fail(Reason::Timeout), "DEADLINE_EXCEEDED"),
        (Reply::Code(7, "no"), (Outcome::Indeterminate, Some(Reason::PermissionDenied)), "PERMISSION_DENIED"),
        (Reply::Code(16, "no"), (Outcome::Indeterminate, Some(Reason::AuthRejected)), "UNAUTHENTICATED"),
        (Reply::Raw(b"\0\0\0\0\x02\xff\xff"), fail(Reason::Protocol), "as gRPC does"),
        (Reply::Raw(b"<html>"), fail(Reason::Protocol), "as gRPC does"),
        // A web server that knows nothing of it: its 404 is no UNIMPLEMENTED, its 401 no refusal.
        (Reply::Web(404, "not found"), fail(Reason::Protocol), "404"),
        (Reply::Web(401, "log in"), fail(Reason::Protocol), "401"),
        (Reply::Web(200, "<html>"), fail(Reason::Protocol), "as gRPC does"),
        (Reply::Never, fail(Reason::Timeout), "the health check within"),
        // A message of which 1 GB are announced.
        (Reply::Raw(b"\0\x40\0\0\0"), (Outcome::Indeterminate, Some(Reason::TooLarge)), "max_bytes"),
    ];
    for (reply, expected, says) in cases {
        let peer = double(move |_| reply.clone()).await;
        let seen = look(peer, json!({ "health": ["a.B"] })).await;
        assert_eq!(told(&seen), expected, "{}", seen.verdict.sentence());
        assert!(seen.verdict.sentence().contains(says), "{}", seen.verdict.sentence());
    }
}

#[tokio::test]
async fn peers_that_are_no_grpc_are_told_apart_and_refuse_nothing() {
    let bad = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    // A frame that announces 16 MiB.
    let huge = b"\xff\xff\xff\x04\x00\x00\x00\x00\x00";
    let cases = [
        (peers::closed_port().await, Reason::Refused),
        (peers::silent().await.port(), Reason::Timeout),
        (peers::resets().await.port(), Reason::Reset),
        (peers::answers(bad.to_vec()).await.port(), Reason::Protocol),
        (peers::greets(b"SSH-2.0-OpenSSH_9.2\r\n").await.port(), Reason::Protocol),
        (peers::goes_on(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", Duration::ZERO).await.port(), Reason::Protocol),
        (peers::greets(huge).await.port(), Reason::Protocol),
    ];
    for (port, reason) in cases {
        let address = format!("127.0.0.1:{port}");
        let seen = look(&address, json!({ "health": [""] })).await;
        assert_eq!(told(&seen), (Outcome::Fail, Some(reason)), "{}", seen.verdict.sentence());
        let negative = json!({ "health": [""], "expect_refused": ["unauthenticated"] });
        let seen = look(&address, negative).await;
        assert_eq!(told(&seen), (Outcome::Indeterminate, Some(reason)), "{}", seen.verdict.sentence());
    }
    // One that begins HTTP/2 is ready, whatever it does then.
    let settings = peers::greets(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00").await;
    let seen = look(settings, json!({})).await;
    assert_eq!(told(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
    let seen = look(settings, json!({ "health": [""] })).await;
    assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::Timeout)), "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn plaintext_is_refused_only_by_what_refuses_it() {
    let at = |port: u16| format!("127.0.0.1:{port}");
    let plain = || json!({ "expect_refused": ["plaintext"] });
    let bad = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let authority = Authority::new();
    let leaf = authority.good_leaf();
    for port in [
        peers::resets().await.port(),
        peers::answers(bad.to_vec()).await.port(),
        peers::tls_idle(leaf.server(rustls::ALL_VERSIONS)).await.port(),
    ] {
        let seen = look(at(port), plain()).await;
        assert_eq!(told(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
    }
    let web = peers::answers(peers::response("200 OK", "", "hello")).await;
    for port in [double(|_| Reply::Never).await.port(), web.port()] {
        let seen = look(at(port), plain()).await;
        assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::PlaintextAccepted)), "{}", seen.verdict.sentence());
    }
    for (port, reason) in [
        (peers::closed_port().await, Reason::Refused),
        (peers::silent().await.port(), Reason::Timeout),
        (peers::greets(b"SSH-2.0-OpenSSH_9.2\r\n").await.port(), Reason::Protocol),
    ] {
        let seen = look(at(port), plain()).await;
        assert_eq!(told(&seen), (Outcome::Indeterminate, Some(reason)), "{}", seen.verdict.sentence());
    }
    // One of several that goes on decides.
    let open = double(|_| Reply::Never).await;
    let both =
        json!({ "expect_refused": ["plaintext"], "endpoints": [at(peers::resets().await.port()), at(open.port())] });
    assert_eq!(told(&look("127.0.0.1:1", both).await), (Outcome::Fail, Some(Reason::PlaintextAccepted)));
}

fn listing(names: &[&str]) -> Reply {
    let service = names.iter().map(|name| ServiceResponse { name: (*name).to_owned() }).collect();
    let response = MessageResponse::ListServicesResponse(ListServiceResponse { service });
    let response = ServerReflectionResponse { message_response: Some(response), ..Default::default() };
    Reply::Answer(response.encode_to_vec())
}

#[tokio::test]
async fn both_versions_of_reflection_are_asked_in_turn() {
    let offers = |version: &'static str| {
        move |path: &str| match path {
            path if path.contains(version) => listing(&["a.v1.B", "grpc.health.v1.Health"]),
            _ => Reply::Code(12, "no"),
        }
    };
    for version in ["v1", "v1alpha"] {
        let peer = double(offers(if version == "v1" { ".v1." } else { ".v1alpha." })).await;
        let seen = look(peer, json!({ "reflection": true })).await;
        assert_eq!(told(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
        let facts = seen.facts.unwrap();
        assert_eq!((&facts["reflection"], &facts["services"][0]), (&json!(version), &json!("a.v1.B")));
    }
    let without = double(|_| Reply::Code(12, "no")).await;
    let seen = look(without, json!({ "reflection": true })).await;
    assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::Missing)), "{}", seen.verdict.sentence());
    let denied = double(|_| Reply::Code(7, "no")).await;
    let seen = look(denied, json!({ "reflection": true })).await;
    assert_eq!(told(&seen), (Outcome::Indeterminate, Some(Reason::PermissionDenied)));
    let other =
        double(|path: &str| if path.contains(".v1.") { listing(&["a.v1.C"]) } else { Reply::Code(12, "") }).await;
    let seen = look(other, json!({ "services": ["a.v1.B"] })).await;
    assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::Missing)), "{}", seen.verdict.sentence());
    // An answer of the right form about nothing.
    let odd = double(|_| Reply::Answer(vec![])).await;
    let seen = look(odd, json!({ "reflection": true })).await;
    assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::Invalid)), "{}", seen.verdict.sentence());
}

fn call(more: Value) -> Value {
    let field = |name: &str, number: u32, kind: &str| json!({ "name": name, "number": number, "type": kind });
    let types = json!([{
        "name": "a.proto", "package": "a", "syntax": "proto3",
        "messageType": [
            { "name": "Q", "field": [field("limit", 1, "TYPE_INT32")] },
            { "name": "A", "field": [field("total_count", 3, "TYPE_INT32"), field("size", 4, "TYPE_INT64")] },
        ],
        "service": [{ "name": "B", "method": [
            { "name": "C", "inputType": ".a.Q", "outputType": ".a.A" },
            { "name": "S", "inputType": ".a.Q", "outputType": ".a.A", "serverStreaming": true },
        ] }],
    }]);
    let mut call = json!({ "method": "a.B/C", "read_only": true, "types": types });
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "call": call })
}

#[tokio::test]
async fn a_call_is_answered_with_an_expected_code() {
    let ok = || Reply::Answer(vec![0x18, 7]);
    let fail = |reason| (Outcome::Fail, Some(reason));
    let unclear = |reason| (Outcome::Indeterminate, Some(reason));
    let cases = [
        (ok(), json!({}), (Outcome::Pass, None)),
        (ok(), json!({ "request": { "limit": 3 } }), (Outcome::Pass, None)),
        (ok(), json!({ "codes": ["NOT_FOUND"] }), fail(Reason::Status)),
        (Reply::Code(5, "x"), json!({ "codes": ["NOT_FOUND"] }), (Outcome::Pass, None)),
        (Reply::Code(5, "x"), json!({}), fail(Reason::Status)),
        (Reply::Code(12, "x"), json!({}), fail(Reason::Missing)),
        (Reply::Code(3, "x"), json!({}), unclear(Reason::Query)),
        (Reply::Code(16, "x"), json!({}), unclear(Reason::AuthRejected)),
        (Reply::Code(4, "x"), json!({}), fail(Reason::Timeout)),
        (Reply::Never, json!({}), fail(Reason::Timeout)),
        (Reply::Answer(vec![0xff]), json!({}), fail(Reason::Invalid)),
        (ok(), json!({ "request": { "limit": "many" } }), unclear(Reason::Unconfigured)),
        (Reply::Web(200, "x"), json!({}), fail(Reason::Protocol)),
    ];
    for (reply, more, expected) in cases {
        let peer = double(move |_| reply.clone()).await;
        let seen = look(peer, call(more.clone())).await;
        assert_eq!(told(&seen), expected, "{more}: {}", seen.verdict.sentence());
    }
    let seen = look(double(move |_| ok()).await, call(json!({}))).await;
    // Fields that were not sent have their defaults, and long numbers stay numbers.
    assert_eq!(seen.facts.unwrap()["call"]["json"], json!({ "total_count": 7, "size": 0 }));
    assert_eq!(
        findings({
            let mut all = call(json!({ "method": "a.B/S" }));
            all["target"] = json!("t");
            all
        }),
        ["call.types"]
    );
    let large = double(|_| Reply::Answer(vec![0; 100])).await;
    let mut parameters = call(json!({}));
    parameters["max_bytes"] = json!(50);
    assert_eq!(told(&look(large, parameters).await), unclear(Reason::TooLarge));
}

#[tokio::test]
async fn a_refused_call_is_one_that_the_server_refuses() {
    let leg = || json!({ "health": [""], "expect_refused": ["unauthenticated"], "anonymous": true });
    let serving = || Reply::Answer(HealthCheckResponse { status: 1 }.encode_to_vec());
    let cases = [
        (Reply::Code(16, "no token"), (Outcome::Pass, None)),
        (Reply::Code(7, "no"), (Outcome::Indeterminate, Some(Reason::Query))),
        (Reply::Code(12, "no"), (Outcome::Indeterminate, Some(Reason::Missing))),
        (Reply::Web(401, "log in"), (Outcome::Indeterminate, Some(Reason::Protocol))),
        (serving(), (Outcome::Fail, Some(Reason::AuthAccepted))),
    ];
    for (reply, expected) in cases {
        let peer = double(move |_| reply.clone()).await;
        let seen = look(peer, leg()).await;
        assert_eq!(told(&seen), expected, "{}", seen.verdict.sentence());
    }
}

async fn over_tls(port: u16, tls: TlsFiles, mut parameters: Value) -> Observation {
    let address = format!("127.0.0.1:{port}").into();
    let target = Target { name: "peer".into(), address, credential: None, tls };
    parameters["target"] = json!("peer");
    let cx = fixture::cx_with(2000, Some(target), Credentials::default(), Default::default());
    fixture::run("grpc", parameters, &cx).await
}

#[tokio::test]
async fn tls_is_tried_first_and_verified() {
    let authority = Authority::new();
    let leaf = authority.good_leaf();
    let ca = || TlsFiles { ca: Some(authority.ca_file()), ..TlsFiles::default() };
    let web = peers::http2(&leaf, "hello").await.port();
    let seen = over_tls(web, ca(), json!({})).await;
    assert_eq!(told(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
    let tls = seen.facts.unwrap()["tls"].clone();
    assert_eq!((&tls["version"], &tls["alpn"]), (&json!("1.3"), &json!("h2")));
    assert_eq!((&tls["not_after_s"], &tls["names"][0]), (&json!(peers::FAR), &json!("127.0.0.1")));
    let seen = over_tls(web, ca(), json!({ "health": [""] })).await;
    assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::Protocol)), "{}", seen.verdict.sentence());
    // Nobody falls back to plain text for a certificate that does not verify.
    let seen = over_tls(web, TlsFiles::default(), json!({})).await;
    assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::TlsUntrusted)), "{}", seen.verdict.sentence());
    let expired = authority.leaf(&["127.0.0.1"], peers::LONG_AGO);
    let seen = over_tls(peers::http2(&expired, "hello").await.port(), ca(), json!({})).await;
    assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::TlsExpired)), "{}", seen.verdict.sentence());
    let old = peers::tls_idle(leaf.server(rustls::ALL_VERSIONS)).await;
    let seen = over_tls(old.port(), ca(), json!({})).await;
    assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::Timeout)), "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn without_a_scheme_plain_text_is_found_but_gets_no_secret() {
    let serving = |_: &str| Reply::Answer(HealthCheckResponse { status: 1 }.encode_to_vec());
    let port = double(serving).await.port();
    let seen = over_tls(port, TlsFiles::default(), json!({ "health": [""] })).await;
    assert_eq!(told(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
    assert!(seen.facts.unwrap()["tls"].is_null());
    let secret = json!({ "health": [""], "secret_metadata": { "authorization": { "credential": "token" } } });
    let seen = over_tls(port, TlsFiles::default(), secret.clone()).await;
    assert_eq!(told(&seen), (Outcome::Indeterminate, Some(Reason::Unconfigured)), "{}", seen.verdict.sentence());
    assert!(seen.verdict.sentence().contains("tls: off"), "{}", seen.verdict.sentence());
    let mut meant = secret;
    meant["tls"] = json!("off");
    meant["address"] = json!(format!("127.0.0.1:{port}"));
    let cx = fixture::cx_with(2000, None, fixture::credential("token", "hunter2"), Default::default());
    assert_eq!(fixture::run("grpc", meant.clone(), &cx).await.verdict.outcome(), Outcome::Pass);
    meant["tls"] = json!("on");
    let seen = fixture::run("grpc", meant, &cx).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Fail, "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused_or_not() {
    let authority = Authority::new();
    let ca = || TlsFiles { ca: Some(authority.ca_file()), ..TlsFiles::default() };
    let negative = || json!({ "tls": "on", "anonymous": true, "expect_refused": ["certificate"] });
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let strict = peers::tls_idle(authority.mutual(&authority.good_leaf(), &[version])).await.port();
        let seen = over_tls(strict, ca(), negative()).await;
        assert_eq!(told(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
        let seen = over_tls(strict, ca(), json!({ "tls": "on" })).await;
        assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::TlsHandshake)), "{}", seen.verdict.sentence());
        // A certificate that the server does not know is refused as well.
        let stranger = Authority::new().good_leaf();
        let shown = json!({ "tls": "on", "client_cert": stranger.cert_file(), "client_key": stranger.key_file(),
            "expect_refused": ["certificate"] });
        let seen = over_tls(strict, ca(), shown).await;
        assert_eq!(told(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
        let (client_cert, client_key) = (Some(stranger.cert_file()), Some(stranger.key_file()));
        let seen = over_tls(strict, TlsFiles { client_cert, client_key, ..ca() }, json!({ "tls": "on" })).await;
        // With 1.2 the handshake itself fails, and says so.
        let own = if version.version == rustls::ProtocolVersion::TLSv1_3 {
            (Outcome::Indeterminate, Some(Reason::AuthRejected))
        } else {
            (Outcome::Fail, Some(Reason::TlsHandshake))
        };
        assert_eq!(told(&seen), own, "{}", seen.verdict.sentence());
    }
    let open = peers::http2(&authority.good_leaf(), "hello").await.port();
    let seen = over_tls(open, ca(), negative()).await;
    assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::AuthAccepted)), "{}", seen.verdict.sentence());
    let down = over_tls(peers::closed_port().await, ca(), negative()).await;
    assert_eq!(told(&down), (Outcome::Indeterminate, Some(Reason::Refused)));
    let silent = over_tls(peers::silent().await.port(), ca(), negative()).await;
    assert_eq!(told(&silent), (Outcome::Indeterminate, Some(Reason::Timeout)));
}

#[test]
fn what_was_not_asked_cannot_be_read_by_conditions() {
    let leg: Grpc = serde_json::from_value(json!({ "health": [""] })).unwrap();
    let gaps = leg.gaps(&super::facts::Facts::default());
    let hidden: Vec<&str> = gaps.iter().filter(|gap| gap.hides).map(|gap| gap.field).collect();
    for field in ["services", "methods", "reflection", "refusals"] {
        assert!(hidden.contains(&field), "{field}");
    }
    assert!(!hidden.contains(&"health"));
}
