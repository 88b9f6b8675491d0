use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::keys::tests::jwk;
use super::token::Token;
use super::*;
use crate::model::{Outcome, Reason, Target, TlsFiles};
use crate::probe::fixture::{self, NOW, cx_with};
use crate::probe::net::Clients;
use crate::probe::net::peers::{self, response};

const PASSWORD: &str = "a-long-password";

fn coded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// A token of this key, issued now.
fn issued(pair: &KeyPair) -> String {
    let now = jiff::Timestamp::now().as_second();
    let header = json!({ "alg": "RS256", "kid": "k1" });
    let claims = json!({ "iat": now, "exp": now + 600, "iss": "me", "aud": ["a", "b"], "amr": ["pwd"] });
    let message = format!("{}.{}", coded(&header), coded(&claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn leg(more: Value) -> Value {
    let mut leg = json!({
        "target": "peer",
        "request": { "path": "/login", "body": "{\"password\": \"{password}\"}", "credentials": { "password": "credential" } },
        "algorithm": "RS256", "jwks": "/keys", "issuer": "me", "audience": "b", "max_ttl_s": 600, "protected": "/me",
    });
    leg.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    leg
}

/// A server that gives this token and takes what `takes` says.
async fn server(token: &str, keys: Value, takes: impl Fn(&str) -> bool + Send + Sync + 'static) -> String {
    let token = token.to_owned();
    let answer = move |head: &str| {
        let shown = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap_or_default();
        let json =
            |status: &str, body: Value| response(status, "content-type: application/json\r\n", &body.to_string());
        match head.lines().next().unwrap_or_default().split(' ').nth(1).unwrap_or_default() {
            "/login" => json("200 OK", json!({ "token": token })),
            "/keys" => json("200 OK", keys.clone()),
            _ if takes(shown) => json("200 OK", json!({ "echo": shown })),
            _ => json("401 Unauthorized", json!({ "error": format!("bad token {shown}") })),
        }
    };
    format!("http://{}", peers::http(answer).await)
}

fn cx(address: &str) -> ProbeCx {
    let target = Target { name: "peer".into(), address: address.into(), credential: None, tls: TlsFiles::default() };
    let credentials = fixture::credential("credential", PASSWORD);
    cx_with(5000, Some(target), credentials, std::sync::Arc::new(Clients::new()))
}

#[tokio::test]
async fn no_part_of_a_token_or_password_leaves() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let token = issued(&pair);
    let genuine = token.clone();
    let address = server(&token, json!({ "keys": [jwk(&pair, "k1")] }), move |shown| shown == genuine).await;
    let cx = cx(&address);
    let seen = fixture::run("login", leg(json!({})), &cx).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Pass, "{}", seen.verdict.sentence());
    let facts = seen.facts.unwrap().to_string();
    assert!(facts.contains("\"verified\":true") && facts.contains("\"key_bits\":2048"), "{facts}");
    let trace = cx.trace().take().join("\n");
    let proof = format!("{:?}", seen.verdict);
    for text in [&facts, &trace, &proof] {
        for part in token.split('.').chain([PASSWORD]) {
            assert!(!text.contains(part.get(..12).unwrap_or(part)), "{text}");
        }
    }
}

#[tokio::test]
async fn a_server_that_takes_anything_or_nothing_does_not_pass() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let token = issued(&pair);
    let keys = || json!({ "keys": [jwk(&pair, "k1")] });
    let nobody = server(&token, keys(), |_| false).await;
    let verdict = fixture::run("login", leg(json!({})), &cx(&nobody)).await.verdict;
    assert_eq!((verdict.outcome(), verdict.reason()), (Outcome::Indeterminate, Some(Reason::AuthRejected)));
    let anybody = server(&token, keys(), |shown| !shown.is_empty()).await;
    let verdict = fixture::run("login", leg(json!({})), &cx(&anybody)).await.verdict;
    assert_eq!((verdict.outcome(), verdict.reason()), (Outcome::Fail, Some(Reason::AuthAccepted)));
    assert!(verdict.sentence().ends_with("and 5 more"), "{}", verdict.sentence());
    let opaque = server("an-opaque-token", keys(), |_| true).await;
    let verdict = fixture::run("login", leg(json!({})), &cx(&opaque)).await.verdict;
    assert_eq!((verdict.outcome(), verdict.reason()), (Outcome::Fail, Some(Reason::Invalid)));
}

#[tokio::test]
async fn a_token_of_an_earlier_run_is_shown_once_it_has_expired() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let token = issued(&pair);
    let address = server(&token, json!({ "keys": [jwk(&pair, "k1")] }), |_| true).await;
    let probe: Login = serde_json::from_value(leg(json!({}))).unwrap();
    *probe.earlier.lock().unwrap() = Some(Earlier { token: Secret::new("a.b.c".to_owned()), end: 1000 });
    let facts = probe.observe(&cx(&address)).await.unwrap();
    assert!(facts.tries.iter().any(|one| one.with == "an expired token" && one.status == Some(200)));
    assert!(facts.not_tried.is_empty(), "{:?}", facts.not_tried);
    // That of this run waits now.
    let facts = probe.observe(&cx(&address)).await.unwrap();
    assert_eq!(facts.not_tried.len(), 1);
}

#[test]
fn copies_differ_where_they_should() {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let text = issued(&pair);
    let token = Token::read(Secret::new(text.clone())).unwrap();
    let parts = |secret: &Secret| secret.expose().split('.').map(str::to_owned).collect::<Vec<_>>();
    let genuine = parts(token.secret());
    let tampered = parts(&token.tampered().unwrap());
    assert!(tampered[0] == genuine[0] && tampered[1] != genuine[1] && tampered[2] == genuine[2]);
    let ends = Token::read(token.tampered().unwrap()).unwrap().seconds("exp").unwrap() - token.seconds("exp").unwrap();
    assert_eq!(ends.abs(), 1);
    let unsigned = parts(&token.unsigned("none").unwrap());
    assert!(unsigned[1] == genuine[1] && unsigned[2].is_empty());
    assert_eq!(Token::read(token.unsigned("none").unwrap()).unwrap().header, json!({ "alg": "none", "kid": "k1" }));
    assert_eq!(Token::read(token.signed_with(b"key").unwrap()).unwrap().header("alg"), Some("HS256"));
    for other in ["", "a.b", "a.b.c", "e30.e30.x.y"] {
        assert!(Token::read(Secret::new(other.to_owned())).is_none(), "{other}");
    }
}

fn judged(leg_: Value, facts: Value) -> (Outcome, Option<Reason>, String) {
    let probe: Login = serde_json::from_value(leg_).unwrap();
    let mut whole = serde_json::to_value(Facts::default()).unwrap();
    whole.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
    let verdict = probe.judge(&serde_json::from_value(whole).unwrap(), NOW);
    (verdict.outcome(), verdict.reason(), verdict.sentence().to_owned())
}

#[test]
fn a_second_factor_must_be_asked_for_and_be_told() {
    let second = leg(json!({ "algorithm": null, "jwks": null, "issuer": null, "audience": null, "max_ttl_s": null,
        "protected": null, "amr": ["otp"],
        "second_factor": { "secret": "s", "challenge": "c", "request": { "path": "/mfa", "body": "{\"code\": \"{code}\"}" } } }));
    let facts = |first: Value, login: u16, amr: &str| {
        json!({ "password_only": first, "login": { "status": login, "token": login == 200, "challenge": false },
            "jwt": login == 200, "amr": [amr] })
    };
    let step =
        |status: u16, token: bool, challenge: bool| json!({ "status": status, "token": token, "challenge": challenge });
    let cases = [
        (facts(step(401, false, true), 200, "otp"), Outcome::Pass, None),
        (facts(step(200, false, true), 200, "otp"), Outcome::Pass, None),
        (facts(step(401, false, true), 200, "pwd"), Outcome::Fail, Some(Reason::Assertion)),
        (facts(step(200, true, false), 200, "otp"), Outcome::Fail, Some(Reason::AuthAccepted)),
        (facts(step(401, false, false), 0, "otp"), Outcome::Indeterminate, Some(Reason::AuthRejected)),
        (facts(step(429, false, false), 0, "otp"), Outcome::Indeterminate, Some(Reason::Status)),
        (facts(step(401, false, true), 401, "otp"), Outcome::Indeterminate, Some(Reason::AuthRejected)),
        (facts(step(401, false, true), 503, "otp"), Outcome::Fail, Some(Reason::Status)),
        (facts(Value::Null, 200, "otp"), Outcome::Indeterminate, Some(Reason::NoData)),
    ];
    for (facts, outcome, reason) in cases {
        let seen = judged(second.clone(), facts);
        assert_eq!((seen.0, seen.1), (outcome, reason), "{}", seen.2);
    }
}

#[test]
fn the_token_and_its_key_are_judged() {
    let good = || {
        json!({ "login": { "status": 200, "token": true, "challenge": false }, "jwt": true, "alg": "RS256", "kid": "k1",
            "jwks_status": 200, "jwks_keys": 1, "key_type": "RSA", "key_bits": 2048, "verified": true, "lifetime_s": 600,
            "issuer": "me", "audience": ["b"],
            "tries": [{ "with": "the genuine token", "status": 200 }, { "with": "no token", "status": 401 }] })
    };
    assert_eq!(judged(leg(json!({})), good()).0, Outcome::Pass);
    let cases = [
        ("alg", json!("HS256"), Outcome::Fail),
        ("kid", json!(null), Outcome::Fail),
        ("jwks_status", json!(404), Outcome::Fail),
        ("jwks_status", json!(429), Outcome::Indeterminate),
        ("jwks_keys", json!(null), Outcome::Fail),
        ("key_type", json!("oct"), Outcome::Fail),
        ("key_bits", json!(1024), Outcome::Fail),
        ("verified", json!(false), Outcome::Fail),
        ("lifetime_s", json!(601), Outcome::Fail),
        ("lifetime_s", json!(null), Outcome::Fail),
        ("issuer", json!("you"), Outcome::Fail),
        ("audience", json!([]), Outcome::Fail),
        ("tries", json!([]), Outcome::Indeterminate),
        (
            "tries",
            json!([{ "with": "the genuine token", "status": 200 }, { "with": "x", "status": 500 }]),
            Outcome::Indeterminate,
        ),
        (
            "tries",
            json!([{ "with": "the genuine token", "status": 200 }, { "with": "x", "status": null }]),
            Outcome::Indeterminate,
        ),
    ];
    for (field, value, outcome) in cases {
        let mut facts = good();
        facts[field] = value.clone();
        let seen = judged(leg(json!({})), facts);
        assert_eq!(seen.0, outcome, "{field} {value} {}", seen.2);
    }
}

#[test]
fn what_is_sent_is_checked() {
    let findings = |more: Value| crate::probe::kinds::find("login").unwrap().parse(leg(more)).unwrap().findings.0.len();
    assert_eq!(findings(json!({})), 0);
    assert_eq!(
        findings(
            json!({ "request": { "path": "/login", "body": "{\"password\": {password}", "credentials": { "password": "p" } } })
        ),
        1
    );
    assert_eq!(findings(json!({ "request": { "path": "", "body": "{}", "credentials": { "password": "p" } } })), 2);
    assert_eq!(findings(json!({ "refused_with": [200], "token": "a..b" })), 2);
    let second = json!({ "secret": "", "request": { "path": "/mfa", "body": "{\"code\": \"\"}" } });
    assert_eq!(findings(json!({ "second_factor": second })), 2);
}
