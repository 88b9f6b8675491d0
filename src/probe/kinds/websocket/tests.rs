//! Parameters, judgement, and servers good and bad, without a library on the other side for the bad
//! ones.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, accept_async};

use super::WebSocket;
use crate::model::{Access, Outcome, Reason};
use crate::probe::net::peers::{self, Authority};
use crate::probe::{Observation, Probe, fixture, kinds};

fn findings(parameters: Value) -> Vec<String> {
    let parsed = kinds::find("websocket").unwrap().parse(parameters).unwrap();
    parsed.findings.0.iter().map(|finding| finding.field.clone()).collect()
}

#[test]
fn parameters_that_make_no_sense_are_found() {
    assert!(findings(json!({ "target": "t", "path": "/x", "ping": true })).is_empty());
    assert!(findings(json!({ "url": "wss://h/x", "refused_with": [401], "or_unreachable": true })).is_empty());
    let cases = [
        (json!({}), ""),
        (json!({ "url": "ftp://h/x" }), "url"),
        (json!({ "url": "ws://u:p@h/x" }), "url"),
        (json!({ "target": "t", "headers": { "Sec-WebSocket-Key": "x" } }), "headers.Sec-WebSocket-Key"),
        (json!({ "target": "t", "headers": { "Upgrade": "h2c" } }), "headers.Upgrade"),
        (json!({ "target": "t", "secret_headers": { "x": {} } }), "secret_headers.x"),
        (json!({ "target": "t", "subprotocols": ["a b"] }), "subprotocols"),
        (json!({ "target": "t", "steps": [{}] }), "steps[0].send"),
        (json!({ "target": "t", "steps": [{ "text": "(" }] }), "steps[0].text"),
        (json!({ "target": "t", "steps": [{ "any": true, "json": {} }] }), "steps[0].json"),
        (json!({ "target": "t", "steps": [{ "any": true, "skip": 1 }] }), "steps[0].skip"),
        (json!({ "target": "t", "connections": 0 }), "connections"),
        (json!({ "target": "t", "max_message": 0 }), "max_message"),
        (json!({ "target": "t", "within_s": 0 }), "within_s"),
        (json!({ "target": "t", "refused_with": [101] }), "refused_with"),
        (json!({ "target": "t", "refused_with": [401], "ping": true }), "refused_with"),
        (json!({ "target": "t", "or_unreachable": true }), "or_unreachable"),
    ];
    for (parameters, path) in cases {
        assert_eq!(findings(parameters.clone()), [path], "{parameters}");
    }
}

#[test]
fn a_check_that_sends_is_one_that_changes_unless_declared_otherwise() {
    let access = |parameters: Value| serde_json::from_value::<WebSocket>(parameters).unwrap().access();
    assert_eq!(access(json!({ "ping": true, "steps": [{ "any": true }] })), Access::Read);
    assert_eq!(access(json!({ "steps": [{ "send": "x" }] })), Access::Mutates);
    assert_eq!(access(json!({ "steps": [{ "send_json": {} }], "read_only": true })), Access::Read);
    assert_eq!(access(json!({ "refused_with": [401], "bearer": "wrong" })), Access::Authenticates);
    assert_eq!(access(json!({ "refused_with": [401] })), Access::Read);
}

type Socket = WebSocketStream<tokio::net::TcpStream>;

/// A good server, and what it does once upgraded.
async fn server<F, R>(talk: F) -> SocketAddr
where
    F: Fn(Socket) -> R + Clone + Send + 'static,
    R: Future<Output = ()> + Send,
{
    peers::serve(move |stream| {
        let talk = talk.clone();
        async move {
            if let Ok(socket) = accept_async(stream).await {
                talk(socket).await;
            }
        }
    })
    .await
}

/// Upgrades, says these bytes, and goes on as told.
async fn raw(bytes: &'static [u8], then: Then) -> SocketAddr {
    peers::serve(move |mut stream| async move {
        let head = peers::read_head(&mut stream).await;
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap_or_default();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            derive_accept_key(key.as_bytes())
        );
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.write_all(bytes).await;
        match then {
            Then::Stays => {}
            Then::HalfCloses => drop(stream.shutdown().await),
            Then::Repeats => while stream.write_all(bytes).await.is_ok() {},
        }
        let _ = copy(&mut stream, &mut sink()).await;
    })
    .await
}

#[derive(Clone, Copy)]
enum Then {
    Stays,
    HalfCloses,
    Repeats,
}

async fn look(address: SocketAddr, mut parameters: Value) -> Observation {
    parameters["url"] = json!(format!("ws://{address}/api/stream"));
    let begun = Instant::now();
    let seen = fixture::run("websocket", parameters, &fixture::cx(700)).await;
    assert!(begun.elapsed() < Duration::from_millis(1000), "{:?}", begun.elapsed());
    seen
}

fn told(seen: &Observation) -> (Outcome, Option<Reason>) {
    (seen.verdict.outcome(), seen.verdict.reason())
}

/// Greets, then echoes until the other side closes.
async fn echo(mut socket: Socket) {
    let _ = socket.send(Frame::text(r#"{"type":"connected","id":"x"}"#)).await;
    while let Some(Ok(message)) = socket.next().await {
        if (message.is_text() || message.is_binary()) && socket.send(message).await.is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn messages_ping_and_close_are_as_expected() {
    let peer = server(echo).await;
    let parameters = json!({
        "steps": [{ "json": { "type": "connected" } }, { "send": "hello 1", "text": "^hello [0-9]$" }],
        "ping": true, "close_code": 1000, "connections": 3,
    });
    let seen = look(peer, parameters).await;
    assert_eq!(told(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
    let facts = seen.facts.unwrap();
    assert_eq!(facts["messages"][0]["json"]["id"], "x");
    assert_eq!((&facts["messages"][1]["text"], &facts["close_code"]), (&json!("hello 1"), &json!(1000)));
    assert_eq!(facts["connections"].as_array().unwrap().len(), 3);
    assert!(facts["ping_s"].as_f64().unwrap() > 0.0);
    let cases = [
        (json!({ "steps": [{ "json": { "type": "closed" } }] }), Reason::Assertion, "\"type\":\"connected\""),
        (json!({ "steps": [{ "any": true }, { "any": true }] }), Reason::Timeout, "expected a message"),
        (json!({ "steps": [{ "text": "never", "skip": 5 }], "within_s": 0.1 }), Reason::Timeout, "never"),
        (json!({ "close_code": 1001 }), Reason::Assertion, "saw 1000"),
        (json!({ "subprotocols": ["graphql-ws"] }), Reason::Assertion, "none chosen"),
    ];
    for (parameters, reason, says) in cases {
        let seen = look(peer, parameters.clone()).await;
        assert_eq!(told(&seen), (Outcome::Fail, Some(reason)), "{parameters}: {}", seen.verdict.sentence());
        assert!(seen.verdict.sentence().contains(says), "{}", seen.verdict.sentence());
    }
    let skipped = json!({ "steps": [{ "send": "b", "text": "^b$", "skip": 1 }] });
    let seen = look(peer, skipped).await;
    assert_eq!((told(&seen).0, &seen.facts.unwrap()["steps"][0]["skipped"]), (Outcome::Pass, &json!(1)));
}

#[tokio::test]
async fn bad_servers_are_told_apart_and_bounded() {
    let early = server(|mut socket: Socket| async move {
        let frame = CloseFrame { code: CloseCode::Error, reason: "no room".into() };
        let _ = socket.close(Some(frame)).await;
    });
    let never = server(|socket: Socket| async move {
        sleep(Duration::from_secs(60)).await;
        drop(socket);
    });
    let cases = [
        // A text frame that announces 1 GB.
        (raw(b"\x81\x7f\0\0\0\0\x40\0\0\0", Then::Stays).await, Reason::TooLarge, "1073741824"),
        (raw(b"\x81\x01a", Then::Repeats).await, Reason::TooLarge, "more than 10 messages"),
        // Pings, then frames of a message that does not end.
        (raw(b"\x89\x00", Then::Repeats).await, Reason::TooLarge, "more than"),
        (raw(b"\x01\x01a\x00\x01a", Then::Stays).await, Reason::Timeout, "within"),
        (raw(b"\x00\x00", Then::Repeats).await, Reason::Protocol, "protocol"),
        (raw(b"", Then::HalfCloses).await, Reason::Reset, "without a close"),
        (raw(b"\x81\x05he", Then::HalfCloses).await, Reason::Reset, "without a close"),
        (raw(b"\x81\x02\xff\xff", Then::Stays).await, Reason::Protocol, "protocol"),
        (raw(b"\x81\x81\0\0\0\0a", Then::Stays).await, Reason::Protocol, "protocol"),
        (raw(b"\xf1\x01a", Then::Stays).await, Reason::Protocol, "protocol"),
        (early.await, Reason::Reset, "closed with 1011: no room"),
        (never.await, Reason::Timeout, "within"),
    ];
    let parameters = json!({ "steps": [{ "text": "^wanted$", "skip": 100 }], "max_message": 1000, "max_messages": 10 });
    for (peer, reason, says) in cases {
        let seen = look(peer, parameters.clone()).await;
        assert_eq!(told(&seen), (Outcome::Fail, Some(reason)), "{}", seen.verdict.sentence());
        assert!(seen.verdict.sentence().contains(says), "{}", seen.verdict.sentence());
    }
    // A pong that nobody asked for is no answer to our ping.
    let unasked = look(raw(b"\x8a\x00", Then::Stays).await, json!({ "ping": true, "within_s": 0.2 })).await;
    assert_eq!(told(&unasked), (Outcome::Fail, Some(Reason::Timeout)), "{}", unasked.verdict.sentence());
}

#[tokio::test]
async fn what_is_no_upgrade_is_told() {
    let forever = peers::goes_on(b"HTTP/1.1 101 Switching Protocols\r\n", b"x: y\r\n", Duration::ZERO);
    let slowly = peers::goes_on(b"HTTP/1.1 101 Switching Protocols\r\n", b"x", Duration::from_millis(20));
    let bad_key = "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
    let large = format!("HTTP/1.1 403 X\r\ncontent-length: 99999\r\n\r\n{}", "x".repeat(99_999));
    let cases = [
        (peers::answers(peers::response("200 OK", "", "<html>hello")).await, Reason::Status, "200: <html>hello"),
        (peers::answers(peers::response("403 Forbidden", "", "not you")).await, Reason::Status, "403: not you"),
        (peers::answers(large).await, Reason::Status, "saw 403"),
        (peers::answers("HTTP/1.1 101 X\r\n\r\n").await, Reason::Protocol, "its Upgrade is not websocket"),
        (peers::answers(bad_key).await, Reason::Protocol, "does not answer the key"),
        (peers::greets(b"SSH-2.0-OpenSSH_9.2\r\n").await, Reason::Protocol, "HTTP"),
        (peers::silent().await, Reason::Timeout, "no complete headers"),
        (peers::resets().await, Reason::Reset, "reset"),
        (peers::answers("").await, Reason::Reset, "closed"),
        (forever.await, Reason::TooLarge, "exceed the limit"),
        (slowly.await, Reason::Timeout, "no complete headers"),
    ];
    for (peer, reason, says) in cases {
        let seen = look(peer, json!({ "ping": true })).await;
        assert_eq!(told(&seen), (Outcome::Fail, Some(reason)), "{}", seen.verdict.sentence());
        assert!(seen.verdict.sentence().contains(says), "{}", seen.verdict.sentence());
        assert!(seen.verdict.sentence().len() < 400);
    }
    // The body of a refusal that never ends holds nobody up.
    let goes_on = peers::goes_on(b"HTTP/1.1 200 OK\r\n\r\n", b"x", Duration::from_millis(10)).await;
    assert_eq!(told(&look(goes_on, json!({})).await), (Outcome::Fail, Some(Reason::Status)));
}

#[tokio::test]
async fn a_refusal_is_one_of_the_named_statuses() {
    let leg = || json!({ "refused_with": [401, 403] });
    let answer = |status: &str| peers::answers(peers::response(status, "", "no"));
    let cases = [
        (answer("401 Unauthorized").await, (Outcome::Pass, None)),
        (answer("403 Forbidden").await, (Outcome::Pass, None)),
        // Neither a refusal nor an upgrade: nothing is proved.
        (answer("404 Not Found").await, (Outcome::Indeterminate, Some(Reason::Status))),
        (answer("200 OK").await, (Outcome::Indeterminate, Some(Reason::Status))),
        (answer("503 Unavailable").await, (Outcome::Indeterminate, Some(Reason::Status))),
        (peers::answers("").await, (Outcome::Indeterminate, Some(Reason::Reset))),
        (peers::silent().await, (Outcome::Indeterminate, Some(Reason::Timeout))),
        (server(echo).await, (Outcome::Fail, Some(Reason::AuthAccepted))),
        (peers::answers("HTTP/1.1 101 X\r\n\r\n").await, (Outcome::Fail, Some(Reason::AuthAccepted))),
    ];
    for (peer, expected) in cases {
        let seen = look(peer, leg()).await;
        assert_eq!(told(&seen), expected, "{}", seen.verdict.sentence());
    }
    let closed = SocketAddr::from(([127, 0, 0, 1], peers::closed_port().await));
    assert_eq!(told(&look(closed, leg()).await), (Outcome::Indeterminate, Some(Reason::Refused)));
    let or_down = json!({ "refused_with": [401], "or_unreachable": true });
    assert_eq!(told(&look(closed, or_down.clone()).await), (Outcome::Pass, None));
    assert_eq!(told(&look(peers::silent().await, or_down).await), (Outcome::Indeterminate, Some(Reason::Timeout)));
}

#[tokio::test]
async fn our_own_bad_credential_is_not_the_servers_fault() {
    let peer = peers::http(|head| {
        if head.contains("authorization: Bearer right") {
            peers::response("403 Forbidden", "", "no right")
        } else {
            peers::response("401 Unauthorized", "", "who?")
        }
    })
    .await;
    for (value, reason) in [("wrong", Reason::AuthRejected), ("right", Reason::PermissionDenied)] {
        let cx = fixture::cx_with(1000, None, fixture::credential("token", value), Default::default());
        let seen = fixture::run("websocket", json!({ "url": format!("ws://{peer}/x"), "bearer": "token" }), &cx).await;
        assert_eq!(told(&seen), (Outcome::Indeterminate, Some(reason)), "{}", seen.verdict.sentence());
    }
    assert_eq!(told(&look(peer, json!({})).await), (Outcome::Fail, Some(Reason::Status)));
}

#[tokio::test]
async fn cookies_are_kept_between_connections_and_shown_to_nobody() {
    let peer = peers::serve(|mut stream| async move {
        let head = peers::read_head(&mut stream).await;
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap_or_default();
        let who = if head.contains("cookie: route=hunter2") { "kept" } else { "new" };
        let answer = format!(
            "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: {}\r\n\
             set-cookie: route=hunter2; Path=/\r\nx-served-by: {who}\r\n\r\n",
            derive_accept_key(key.as_bytes())
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let seen = look(peer, json!({ "connections": 2, "keep_cookies": true })).await;
    assert_eq!(told(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
    let facts = seen.facts.unwrap();
    let served = |index: usize| facts["connections"][index]["headers"]["x-served-by"].clone();
    assert_eq!((served(0), served(1)), (json!("new"), json!("kept")));
    assert!(!facts.to_string().contains("hunter2"), "{facts}");
}

#[tokio::test]
async fn over_tls() {
    let authority = Authority::new();
    let peer = peers::tls(authority.good_leaf().server(rustls::ALL_VERSIONS), |stream| async move {
        if let Ok(mut socket) = accept_async(stream).await {
            let _ = socket.send(Frame::text("hello")).await;
            while let Some(Ok(_)) = socket.next().await {}
        }
    })
    .await;
    let leg = |tls: Value| json!({ "url": format!("wss://{peer}/"), "steps": [{ "text": "hello" }], "ping": true, "tls": tls });
    let seen = fixture::run("websocket", leg(json!({ "ca": authority.ca_file() })), &fixture::cx(2000)).await;
    assert_eq!(told(&seen), (Outcome::Pass, None), "{}", seen.verdict.sentence());
    assert_eq!(seen.facts.unwrap()["tls"]["version"], "1.3");
    let seen = fixture::run("websocket", leg(json!({})), &fixture::cx(2000)).await;
    assert_eq!(told(&seen), (Outcome::Fail, Some(Reason::TlsUntrusted)), "{}", seen.verdict.sentence());
}
