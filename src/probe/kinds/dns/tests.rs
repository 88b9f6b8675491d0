//! Answers that no honest server gives, and every verdict. A real server is asked in
//! `tests/it/probes/dns.rs`.

#![expect(clippy::disallowed_methods, reason = "peers are tasks of the test's own runtime")]

use std::net::SocketAddr;

use hickory_resolver::proto::op::{Message, MessageType};
use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::Record as Raw;
use hickory_resolver::proto::rr::rdata::{A, CNAME, TXT};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::facts::Other;
use super::*;
use crate::model::Outcome;
use crate::probe::{Descriptor, Observation, fixture};

type Script = fn(Message) -> Vec<Vec<u8>>;

/// A name server that answers each question with the messages of a script, over UDP.
async fn scripted(script: Script) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            for answer in script(Message::from_vec(&buffer[..length]).unwrap()) {
                let _ = socket.send_to(&answer, from).await;
            }
        }
    });
    address
}

/// The same over TCP too, on the same port; both scripts see the question.
async fn scripted_both(udp: Script, tcp: Script) -> SocketAddr {
    // A port that is free for one may be taken for the other.
    let (address, listener) = loop {
        let address = scripted(udp).await;
        if let Ok(listener) = TcpListener::bind(address).await {
            break (address, listener);
        }
    };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut bytes = vec![0; usize::from(length)];
            stream.read_exact(&mut bytes).await.unwrap();
            for answer in tcp(Message::from_vec(&bytes).unwrap()) {
                let _ = stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes()).await;
                let _ = stream.write_all(&answer).await;
            }
        }
    });
    address
}

fn reply(question: &Message) -> Message {
    let mut answer = question.clone();
    answer.metadata.message_type = MessageType::Response;
    answer
}

/// 192.0.2.7 for whatever was asked.
fn right(question: &Message) -> Message {
    let mut answer = reply(question);
    let name = question.queries[0].name().clone();
    answer.add_answer(Raw::from_rdata(name, 300, RData::A(A::new(192, 0, 2, 7))));
    answer
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

async fn ask(server: SocketAddr, more: Value) -> Observation {
    let mut parameters = json!({ "servers": [server.to_string()], "name": "h.test" });
    parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    fixture::run("dns", parameters, &fixture::cx(250)).await
}

fn seen(observation: &Observation) -> (Outcome, Option<Reason>) {
    (observation.verdict.outcome(), observation.verdict.reason())
}

#[tokio::test]
async fn messages_that_do_not_answer_the_question_are_ignored() {
    let scripts: [(Script, &str); 5] = [
        (
            |question| {
                let mut answer = right(&question);
                answer.metadata.id = answer.metadata.id.wrapping_add(1);
                vec![answer.to_vec().unwrap()]
            },
            "another id",
        ),
        (
            |question| {
                let mut answer = right(&question);
                answer.queries[0].set_name(name("other.test."));
                vec![answer.to_vec().unwrap()]
            },
            "another question",
        ),
        (
            |question| {
                let mut answer = right(&question);
                answer.queries.clear();
                vec![answer.to_vec().unwrap()]
            },
            "no question",
        ),
        (|question| vec![question.to_vec().unwrap()], "the question itself"),
        (|_| vec![b"\xff\xfeSSH-2.0".to_vec(), Vec::new(), vec![0; 4096]], "garbage"),
    ];
    for (script, what) in scripts {
        let observation = ask(scripted(script).await, json!({})).await;
        assert_eq!(seen(&observation), (Outcome::Fail, Some(Reason::Protocol)), "{what}");
        assert!(observation.verdict.sentence().contains("is an answer to the question"));
        let negative = ask(scripted(script).await, json!({ "expect_rcode": "nxdomain" })).await;
        assert_eq!(negative.verdict.outcome(), Outcome::Indeterminate, "{what}");
    }
    let after_strays = scripted(|question| {
        let mut stray = right(&question);
        stray.metadata.id = stray.metadata.id.wrapping_add(1);
        vec![stray.to_vec().unwrap(), b"x".to_vec(), right(&question).to_vec().unwrap()]
    })
    .await;
    assert_eq!(ask(after_strays, json!({})).await.verdict.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn a_flood_ends_and_silence_is_a_timeout() {
    let flood = scripted(|_| vec![b"x".to_vec(); 200]).await;
    assert_eq!(ask(flood, json!({})).await.verdict.reason(), Some(Reason::Protocol));
    let silent = scripted(|_| Vec::new()).await;
    let observation = ask(silent, json!({})).await;
    assert_eq!(seen(&observation), (Outcome::Fail, Some(Reason::Timeout)), "{}", observation.verdict.sentence());
    let negative = ask(silent, json!({ "expect_rcode": "refused" })).await;
    assert_eq!(seen(&negative), (Outcome::Indeterminate, Some(Reason::Timeout)));
}

#[tokio::test]
async fn a_lost_datagram_is_sent_again() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let forgetful = scripted(|question| match ASKED.fetch_add(1, Ordering::Relaxed) {
        0 => Vec::new(),
        _ => vec![right(&question).to_vec().unwrap()],
    })
    .await;
    assert_eq!(ask(forgetful, json!({})).await.verdict.outcome(), Outcome::Pass);
}

#[tokio::test]
async fn a_cut_off_answer_is_asked_for_over_tcp_and_never_judged() {
    let cut: Script = |question| {
        let mut answer = right(&question);
        answer.metadata.truncation = true;
        vec![answer.to_vec().unwrap()]
    };
    let whole = scripted_both(cut, |question| vec![right(&question).to_vec().unwrap()]).await;
    let observation = ask(whole, json!({})).await;
    let facts = observation.facts.unwrap();
    assert_eq!((&facts["truncated"], &facts["protocol"]), (&json!(true), &json!("tcp")));
    let without = ask(scripted(cut).await, json!({})).await;
    assert_eq!(seen(&without), (Outcome::Fail, Some(Reason::Refused)));
    assert!(without.verdict.sentence().contains("cut off"), "{}", without.verdict.sentence());
    let garbage = ask(scripted_both(cut, |_| vec![b"HTTP/1.1 400".to_vec()]).await, json!({})).await;
    assert_eq!(seen(&garbage), (Outcome::Fail, Some(Reason::Protocol)));
    let never = ask(scripted_both(cut, |_| Vec::new()).await, json!({ "protocol": "tcp" })).await;
    assert_eq!(seen(&never), (Outcome::Fail, Some(Reason::Reset)), "{}", never.verdict.sentence());
}

#[tokio::test]
async fn aliases_are_followed_and_other_names_are_not_believed() {
    let aliases = scripted(|question| {
        let mut answer = reply(&question);
        let alias = |from: &str, to: &str| Raw::from_rdata(name(from), 60, RData::CNAME(CNAME(name(to))));
        let address = |of: &str, last| Raw::from_rdata(name(of), 300, RData::A(A::new(192, 0, 2, last)));
        answer.add_answers([
            address("evil.test.", 66),
            alias("b.test.", "C.test."),
            alias("H.test.", "b.test."),
            address("c.test.", 7),
        ]);
        vec![answer.to_vec().unwrap()]
    })
    .await;
    let facts = ask(aliases, json!({})).await.facts.unwrap();
    assert_eq!(facts["values"], json!(["192.0.2.7"]));
    assert_eq!(facts["aliases"], json!(["b.test", "c.test"]));
    assert_eq!((&facts["min_ttl_s"], &facts["max_ttl_s"]), (&json!(60), &json!(300)));
    assert_eq!(facts["answers"].as_array().unwrap().len(), 4);

    let circle = scripted(|question| {
        let mut answer = reply(&question);
        answer.add_answer(Raw::from_rdata(name("h.test."), 60, RData::CNAME(CNAME(name("h.test.")))));
        vec![answer.to_vec().unwrap()]
    })
    .await;
    assert_eq!(seen(&ask(circle, json!({})).await), (Outcome::Fail, Some(Reason::Missing)));
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_judged() {
    let long = scripted_both(
        |_| Vec::new(),
        |question| {
            let mut answer = reply(&question);
            let text = "x".repeat(200);
            let record = Raw::from_rdata(name("h.test."), 60, RData::TXT(TXT::new(vec![text])));
            answer.add_answers(std::iter::repeat_n(record, 300));
            vec![answer.to_vec().unwrap()]
        },
    )
    .await;
    let parameters = json!({ "servers": [long.to_string()], "name": "h.test", "type": "TXT", "protocol": "tcp" });
    let observation = fixture::run_with("dns", parameters, &["values.size() > 0"], &fixture::cx(2000)).await;
    assert_eq!(seen(&observation), (Outcome::Indeterminate, Some(Reason::TooLarge)));
    assert_eq!(observation.facts.unwrap()["omitted"], 44);
}

fn probe(parameters: Value) -> Dns {
    serde_json::from_value(parameters).unwrap()
}

#[test]
fn every_code_is_judged_by_what_was_expected_and_who_was_asked() {
    use Outcome::{Fail, Indeterminate, Pass};
    let cases = [
        ("noerror", "noerror", (Pass, None), (Pass, None)),
        ("noerror", "nxdomain", (Fail, Some(Reason::Dns)), (Fail, Some(Reason::Dns))),
        ("noerror", "servfail", (Fail, Some(Reason::Query)), (Indeterminate, Some(Reason::Dns))),
        ("noerror", "refused", (Fail, Some(Reason::Query)), (Indeterminate, Some(Reason::Dns))),
        ("nxdomain", "nxdomain", (Pass, None), (Pass, None)),
        ("nxdomain", "noerror", (Fail, Some(Reason::Assertion)), (Fail, Some(Reason::Assertion))),
        ("nxdomain", "refused", (Indeterminate, Some(Reason::Query)), (Indeterminate, Some(Reason::Query))),
        ("refused", "refused", (Pass, None), (Pass, None)),
        ("refused", "nxdomain", (Fail, Some(Reason::Assertion)), (Fail, Some(Reason::Assertion))),
        ("refused", "servfail", (Indeterminate, Some(Reason::Query)), (Indeterminate, Some(Reason::Query))),
        ("servfail", "noerror", (Fail, Some(Reason::Assertion)), (Fail, Some(Reason::Assertion))),
    ];
    for (expected, rcode, named, by_the_system) in cases {
        let values = if rcode == "noerror" { vec!["192.0.2.7".to_owned()] } else { Vec::new() };
        let facts = DnsFacts { rcode: rcode.to_owned(), values, ..DnsFacts::default() };
        for (servers, wanted) in [(json!(["192.0.2.1"]), named), (json!([]), by_the_system)] {
            let dns = probe(json!({ "name": "h.test", "servers": servers, "expect_rcode": expected }));
            let verdict = dns.judge(&facts, Timestamp(0));
            assert_eq!((verdict.outcome(), verdict.reason()), wanted, "{expected} {rcode}: {}", verdict.sentence());
        }
    }
}

#[test]
fn servers_that_differ_fail() {
    let dns = probe(json!({ "name": "h.test", "servers": ["192.0.2.1", "192.0.2.2"] }));
    let values = vec!["192.0.2.7".to_owned()];
    let other = Other { server: "192.0.2.2:53".to_owned(), rcode: "noerror".to_owned(), values, authoritative: true };
    let facts = DnsFacts { rcode: other.rcode.clone(), values: other.values.clone(), ..DnsFacts::default() };
    let judge = |other: Other| {
        let verdict = dns.judge(&DnsFacts { others: vec![other], ..facts.clone() }, Timestamp(0));
        (verdict.outcome(), verdict.reason())
    };
    assert_eq!(judge(other.clone()).0, Outcome::Pass);
    assert_eq!(judge(Other { values: Vec::new(), ..other.clone() }), (Outcome::Fail, Some(Reason::Assertion)));
    assert_eq!(judge(Other { rcode: "servfail".into(), ..other }), (Outcome::Fail, Some(Reason::Assertion)));
}

#[tokio::test]
async fn the_machines_own_servers_are_asked_in_turn_and_never_blamed() {
    let good = scripted(|question| vec![right(&question).to_vec().unwrap()]).await;
    let silent = scripted(|_| Vec::new()).await;
    let failing = scripted(|question| {
        let mut answer = reply(&question);
        answer.metadata.response_code = ResponseCode::ServFail;
        vec![answer.to_vec().unwrap()]
    })
    .await;
    let dns = probe(json!({ "name": "h.test" }));
    let query = Query::query(dns.question().unwrap(), RecordType::A);
    let cx = fixture::cx(600);
    let facts = dns.in_turn(&cx, &[failing, silent, good], &query).await.unwrap();
    assert_eq!((facts.rcode.as_str(), facts.server), ("noerror", good.to_string()));
    let facts = dns.in_turn(&fixture::cx(300), &[failing, silent], &query).await.unwrap();
    assert_eq!(dns.judge(&facts, Timestamp(0)).outcome(), Outcome::Indeterminate);
    let error = dns.in_turn(&fixture::cx(200), &[silent], &query).await.unwrap_err();
    assert_eq!((dns.judge_error(&error).outcome(), error.reason), (Outcome::Indeterminate, Reason::Dns));
}

#[test]
fn static_errors_name_the_field() {
    let first = |parameters: Value| {
        let findings = Descriptor::of::<Dns>().parse(parameters).unwrap().findings;
        findings.0.first().map(|finding| finding.field.clone())
    };
    assert_eq!(first(json!({ "name": "h.test" })), None);
    assert_eq!(first(json!({ "name": "192.0.2.1", "type": "PTR", "servers": ["::1", "dns://ns.test"] })), None);
    assert_eq!(first(json!({})).as_deref(), Some("name"));
    assert_eq!(first(json!({ "name": "a..b" })).as_deref(), Some("name"));
    assert_eq!(first(json!({ "name": "h", "servers": ["ns.test"] })).as_deref(), Some("servers[0]"));
    assert_eq!(first(json!({ "name": "h", "servers": vec!["192.0.2.1"; 9] })).as_deref(), Some("servers"));
    assert_eq!(first(json!({ "name": "h", "target": "t", "servers": ["::1"] })).as_deref(), Some("servers"));
    assert!(Descriptor::of::<Dns>().parse(json!({ "name": "h", "type": "ANY" })).is_err());
}

#[test]
fn an_address_is_asked_for_by_its_reverse_name() {
    let question = |parameters| facts::text(&probe(parameters).question().unwrap());
    assert_eq!(question(json!({ "name": "127.0.0.1", "type": "PTR" })), "1.0.0.127.in-addr.arpa");
    assert_eq!(question(json!({ "name": "H.Test." })), "h.test");
    assert_eq!(question(json!({ "name": "_http._tcp.x.test", "type": "SRV" })), "_http._tcp.x.test");
}
