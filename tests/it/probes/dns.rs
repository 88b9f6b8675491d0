//! The kind `dns` against a real name server.

use std::sync::Arc;
use std::time::Duration;

use readiness::expect::{Conditions, Params};
use readiness::model::{Outcome, Reason, Target, Timestamp, TlsFiles};
use readiness::probe::net::Clients;
use readiness::probe::{Credentials, Observation, ProbeCx, kinds};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::dns::NameServer;

async fn run(parameters: Value, expect: &[&str], address: &str, timeout_ms: u64) -> Observation {
    let kind = kinds::find("dns").unwrap();
    let parsed = kind.parse(parameters).unwrap();
    assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
    let target = Target { name: Arc::from("ns"), address: address.into(), credential: None, tls: TlsFiles::default() };
    let cx = ProbeCx::new(
        Timestamp::from_secs(1_795_305_600),
        Instant::now() + Duration::from_millis(timeout_ms),
        Some(Arc::new(target)),
        Arc::new(Credentials::default()),
        Arc::new(Clients::default()),
    );
    let expect: Vec<String> = expect.iter().map(|&text| text.to_owned()).collect();
    let conditions = Conditions::compile(&expect, &[], (kind.facts)().as_value(), &Params::default()).unwrap();
    parsed.probe.run(&cx, &conditions).await
}

/// Asks for a name and a type, and compares the values.
async fn values(server: &NameServer, name: &str, record: &str, expected: &[&str]) -> Value {
    for protocol in ["udp", "tcp"] {
        let parameters = json!({ "target": "ns", "name": name, "type": record, "protocol": protocol });
        let seen = run(parameters, &[], &server.address(), 5000).await;
        assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
        let facts = seen.facts.unwrap();
        assert_eq!(facts["values"], json!(expected), "{name} {record}");
        if protocol == "tcp" {
            return facts;
        }
    }
    unreachable!("both were asked");
}

async fn judged(server: &NameServer, mut parameters: Value, expect: &[&str]) -> (Outcome, Option<Reason>, String) {
    parameters["target"] = json!("ns");
    let seen = run(parameters, expect, &server.address(), 600).await;
    (seen.verdict.outcome(), seen.verdict.reason(), seen.verdict.sentence().to_owned())
}

#[tokio::test]
async fn everything_a_real_server_can_say() {
    let mut server = NameServer::start();
    types(&server).await;
    verdicts(&server).await;
    agreement(&server).await;
    server.pause();
    let (outcome, reason, said) = judged(&server, json!({ "name": "svc.x.test" }), &[]).await;
    assert_eq!((outcome, reason), (Outcome::Fail, Some(Reason::Timeout)), "{said}");
    let (outcome, ..) = judged(&server, json!({ "name": "no.x.test", "expect_rcode": "nxdomain" }), &[]).await;
    assert_eq!(outcome, Outcome::Indeterminate, "silence is no proof of absence");
    server.resume();
    assert_eq!(judged(&server, json!({ "name": "svc.x.test" }), &[]).await.0, Outcome::Pass);
    server.stop();
    for protocol in ["udp", "tcp"] {
        let asked = json!({ "name": "svc.x.test", "protocol": protocol });
        let (outcome, reason, said) = judged(&server, asked, &[]).await;
        assert_eq!((outcome, reason), (Outcome::Fail, Some(Reason::Refused)), "{said}");
    }
}

async fn types(server: &NameServer) {
    let facts = values(server, "svc.x.test", "A", &["127.0.0.1"]).await;
    assert_eq!((&facts["authoritative"], &facts["min_ttl_s"]), (&json!(true), &json!(120)));
    values(server, "SVC.X.Test.", "AAAA", &["::1"]).await;
    let facts = values(server, "alias.x.test", "A", &["127.0.0.1"]).await;
    assert_eq!((&facts["aliases"], &facts["min_ttl_s"]), (&json!(["svc.x.test"]), &json!(60)));
    values(server, "alias.x.test", "CNAME", &["svc.x.test"]).await;
    values(server, "_http._tcp.x.test", "SRV", &["0 5 8080 svc.x.test"]).await;
    values(server, "x.test", "MX", &["10 mail.x.test"]).await;
    values(server, "x.test", "TXT", &["v=spf1 -all"]).await;
    values(server, "x.test", "CAA", &["0 issue \"ca.test\""]).await;
    values(server, "192.0.2.9", "PTR", &["svc.x.test"]).await;
    let big = json!({ "target": "ns", "name": "big.x.test", "type": "TXT" });
    let facts = run(big, &[], &server.address(), 5000).await.facts.unwrap();
    assert_eq!((&facts["truncated"], &facts["protocol"]), (&json!(true), &json!("tcp")));
    assert_eq!(facts["values"][0].as_str().unwrap().len(), 2000);
}

async fn verdicts(server: &NameServer) {
    let svc = async |more: &str| judged(server, json!({ "name": "svc.x.test" }), &[more]).await;
    assert_eq!(svc("values == ['127.0.0.1'] && min_ttl_s >= 60").await.0, Outcome::Pass);
    let (outcome, reason, said) = svc("values == ['192.0.2.1']").await;
    assert_eq!((outcome, reason), (Outcome::Fail, Some(Reason::Assertion)), "{said}");
    let (outcome, reason, _) = svc("min_ttl_s >= 3600").await;
    assert_eq!((outcome, reason), (Outcome::Fail, Some(Reason::Assertion)));

    let cases = [
        (json!({ "name": "no.x.test" }), Outcome::Fail, Some(Reason::Dns), "nxdomain"),
        (json!({ "name": "svc.x.test", "type": "MX" }), Outcome::Fail, Some(Reason::Missing), "no record of this type"),
        (json!({ "name": "example.org" }), Outcome::Fail, Some(Reason::Query), "refused"),
        (json!({ "name": "no.x.test", "expect_rcode": "nxdomain" }), Outcome::Pass, None, "nxdomain"),
        (json!({ "name": "example.org", "expect_rcode": "refused" }), Outcome::Pass, None, "refused"),
        (
            json!({ "name": "svc.x.test", "expect_rcode": "nxdomain" }),
            Outcome::Fail,
            Some(Reason::Assertion),
            "saw 127.0.0.1",
        ),
        (
            json!({ "name": "example.org", "expect_rcode": "nxdomain" }),
            Outcome::Indeterminate,
            Some(Reason::Query),
            "refused",
        ),
    ];
    for (parameters, outcome, reason, part) in cases {
        let seen = judged(server, parameters, &[]).await;
        assert_eq!((seen.0, seen.1), (outcome, reason), "{}", seen.2);
        assert!(seen.2.contains(part), "{}", seen.2);
    }
}

async fn agreement(server: &NameServer) {
    let mut same = NameServer::start();
    let more = NameServer::with(&["--host-record=svc.x.test,127.0.0.2"]);
    let compare = async |other: &NameServer| {
        let servers = json!([server.address(), other.address()]);
        run(json!({ "servers": servers, "name": "svc.x.test" }), &[], "", 2000).await.verdict
    };
    let verdict = compare(&same).await;
    assert_eq!(verdict.outcome(), Outcome::Pass, "{}", verdict.sentence());
    let verdict = compare(&more).await;
    assert_eq!(verdict.reason(), Some(Reason::Assertion));
    assert!(verdict.sentence().contains("127.0.0.2") && verdict.sentence().contains(&more.address()));
    same.pause();
    let verdict = compare(&same).await;
    assert_eq!((verdict.outcome(), verdict.reason()), (Outcome::Fail, Some(Reason::Timeout)));
    same.resume();
}
