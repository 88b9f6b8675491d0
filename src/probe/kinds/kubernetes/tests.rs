use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::model::{Outcome, Reason, Target, TlsFiles};
use crate::probe::Observation;
use crate::probe::fixture::{self, cx_for, cx_with, run, run_with};
use crate::probe::net::Clients;
use crate::probe::net::peers::{self, Authority, kept_directory, response};
use crate::probe::net::tls::TlsProfile;

const JSON: &str = "content-type: application/json\r\n";

fn ok(body: &Value) -> String {
    response("200 OK", JSON, &body.to_string())
}

/// Closes afterwards: the peer reads no bodies.
fn created(body: &Value) -> String {
    response("201 Created", &format!("connection: close\r\n{JSON}"), &body.to_string())
}

fn status(line: &str, message: &str) -> String {
    response(line, JSON, &json!({"kind": "Status", "message": message}).to_string())
}

fn page(from: usize, count: usize, next: &str) -> String {
    let item = |n: usize| json!({"metadata": {"name": format!("p{n}"), "namespace": "a", "uid": "u"}, "spec": {"nodeName": "n"}});
    ok(
        &json!({"kind": "PodList", "metadata": {"continue": next}, "items": (from..from + count).map(item).collect::<Vec<_>>()}),
    )
}

fn target(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

fn pods() -> Value {
    json!({"target": "peer", "namespaces": ["a"], "objects": {"resource": "pods", "fields": ["spec.nodeName"]}, "max_age_s": 0})
}

async fn ask(parameters: Value, address: impl std::fmt::Display, ms: u64) -> Observation {
    run("kubernetes", parameters, &cx_for(ms, &format!("http://{address}"))).await
}

fn is(seen: &Observation, outcome: Outcome, reason: Option<Reason>, part: &str) {
    let verdict = &seen.verdict;
    assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{}", verdict.sentence());
    assert!(verdict.sentence().contains(part), "{}", verdict.sentence());
}

#[tokio::test]
async fn a_list_is_read_to_its_end_and_only_what_is_needed_is_kept() {
    let peer = peers::http(|head| {
        let asked = target(head).to_owned();
        assert!(asked.starts_with("/api/v1/namespaces/a/pods?") && asked.contains("limit=500"), "{asked}");
        match asked.rsplit_once("continue=").map_or("", |(_, token)| token) {
            "" => page(0, 500, "two"),
            "two" => page(500, 500, "three"),
            _ => page(1000, 7, ""),
        }
    })
    .await;
    let seen = ask(pods(), peer, 5000).await;
    is(&seen, Outcome::Pass, None, "1007 pods");
    let facts = seen.facts.unwrap();
    assert_eq!(
        facts["objects"][1006],
        json!({"metadata": {"name": "p1006", "namespace": "a"}, "spec": {"nodeName": "n"}})
    );
    assert_eq!(facts["by_namespace"], json!({"a": 1007}));
}

#[tokio::test]
async fn more_objects_than_allowed_decide_nothing() {
    let peer = peers::http(|_| page(0, 500, "two")).await;
    let mut leg = pods();
    leg["max_objects"] = json!(500);
    let seen = ask(leg.clone(), peer, 5000).await;
    is(&seen, Outcome::Indeterminate, Some(Reason::TooLarge), "more than 500");
    let cx = cx_for(5000, &format!("http://{peer}"));
    let seen = run_with("kubernetes", leg, &["objects.exists(o, o.spec.nodeName == 'x')"], &cx).await;
    assert_eq!(seen.verdict.outcome(), Outcome::Indeterminate, "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn a_list_that_expires_is_read_again_once() {
    for (times, outcome) in [(1, Outcome::Pass), (9, Outcome::Indeterminate)] {
        let expired = AtomicU32::new(0);
        let peer = peers::http(move |head| match target(head).contains("continue=") {
            false => page(0, 500, "two"),
            true if expired.fetch_add(1, Ordering::SeqCst) < times => status("410 Gone", "too old"),
            true => page(500, 1, ""),
        })
        .await;
        let seen = ask(pods(), peer, 5000).await;
        assert_eq!(seen.verdict.outcome(), outcome, "{}", seen.verdict.sentence());
        match outcome {
            Outcome::Pass => assert_eq!(seen.facts.unwrap()["count"], 501),
            _ => is(&seen, outcome, Some(Reason::Status), "expired twice"),
        }
    }
}

#[tokio::test]
async fn who_is_asked_to_wait_waits_as_long_as_there_is_time() {
    let busy = |seconds: u32| response("429 X", &format!("retry-after: {seconds}\r\n"), "Too many requests");
    let asked = AtomicU32::new(0);
    let peer =
        peers::http(move |_| if asked.fetch_add(1, Ordering::SeqCst) == 0 { busy(1) } else { page(0, 1, "") }).await;
    let begun = Instant::now();
    is(&ask(pods(), peer, 5000).await, Outcome::Pass, None, "1 pods");
    assert!(begun.elapsed().as_secs_f64() >= 1.0);
    let peer = peers::http(move |_| busy(60)).await;
    let begun = Instant::now();
    is(&ask(pods(), peer, 5000).await, Outcome::Indeterminate, Some(Reason::Status), "429 (Too many requests)");
    assert!(begun.elapsed().as_secs_f64() < 1.0, "there is no time to wait for");
}

#[tokio::test]
async fn refusals_and_faults_are_told_apart() {
    let (fail, unknown) = (Outcome::Fail, Outcome::Indeterminate);
    for (answer, outcome, reason, part) in [
        (status("401 X", "Unauthorized"), unknown, Reason::AuthRejected, "Unauthorized"),
        (status("403 X", "User cannot list resource"), unknown, Reason::PermissionDenied, "cannot list"),
        (status("404 X", "no"), unknown, Reason::Protocol, "404"),
        (status("500 X", "etcd"), fail, Reason::Status, "etcd"),
        (response("302 X", "location: /login\r\n", ""), unknown, Reason::AuthRejected, "302"),
        (response("200 OK", "content-type: text/html\r\n", "<html>"), unknown, Reason::Protocol, "that are none"),
        (ok(&json!({"kind": "PodList"})), fail, Reason::Protocol, "without one"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 900\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{"
                .to_owned(),
            fail,
            Reason::Timeout,
            "",
        ),
    ] {
        let peer = peers::http(move |_| answer.clone()).await;
        is(&ask(pods(), peer, 1000).await, outcome, Some(reason), part);
    }
    is(&ask(pods(), peers::silent().await, 300).await, fail, Some(Reason::Timeout), "no complete headers");
    let closed = format!("127.0.0.1:{}", peers::closed_port().await);
    is(&ask(pods(), closed, 300).await, fail, Some(Reason::Refused), "refused");
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\ncontent-type: application/json\r\n\r\n{\"items\":[";
    let seen = ask(pods(), peers::answers(cut).await, 1000).await;
    assert_eq!(seen.verdict.outcome(), fail, "{}", seen.verdict.sentence());
}

#[tokio::test]
async fn not_installed_is_not_the_same_as_not_allowed() {
    let leg = json!({"target": "peer", "objects": {"api_version": "argoproj.io/v1alpha1", "resource": "applications"}, "max_age_s": 0});
    let groups = |version: &str| ok(&json!({"groups": [{"name": "argoproj.io", "versions": [{"version": version}]}]}));
    let resources = |name: &str| ok(&json!({"resources": [{"name": name}]}));
    for (line, groups, resources, outcome, reason) in [
        ("403 X", groups("v1alpha1"), resources("applications"), Outcome::Indeterminate, Reason::PermissionDenied),
        ("403 X", groups("v1alpha1"), resources("rollouts"), Outcome::Fail, Reason::Missing),
        ("403 X", groups("v1"), resources("applications"), Outcome::Fail, Reason::Missing),
        ("403 X", status("403 X", "no"), resources("applications"), Outcome::Indeterminate, Reason::PermissionDenied),
        ("404 X", ok(&json!({"groups": []})), resources(""), Outcome::Fail, Reason::Missing),
        ("404 X", response("404 X", "", ""), resources(""), Outcome::Indeterminate, Reason::Protocol),
    ] {
        let peer = peers::http(move |head| match target(head) {
            "/apis" => groups.clone(),
            "/apis/argoproj.io/v1alpha1" => resources.clone(),
            _ => status(line, "forbidden"),
        })
        .await;
        is(&ask(leg.clone(), peer, 2000).await, outcome, Some(reason), "");
    }
}

#[tokio::test]
async fn an_object_that_is_not_there_is_missing() {
    let peer = peers::http(|head| match target(head) {
        "/apis/apps/v1/namespaces/a/deployments/web" => {
            ok(&json!({"metadata": {"name": "web"}, "spec": {"replicas": 2}}))
        }
        _ => response("404 X", JSON, &json!({"reason": "NotFound", "details": {"name": "no"}}).to_string()),
    })
    .await;
    let leg = |name: &str| {
        json!({"target": "peer", "namespaces": ["a"], "max_age_s": 0,
        "objects": {"api_version": "apps/v1", "resource": "deployments", "name": name, "fields": ["spec.replicas"]}})
    };
    let cx = cx_for(2000, &format!("http://{peer}"));
    let seen = run_with("kubernetes", leg("web"), &["objects[0].spec.replicas == 2"], &cx).await;
    is(&seen, Outcome::Pass, None, "web");
    is(&ask(leg("no"), peer, 2000).await, Outcome::Fail, Some(Reason::Missing), "none in a");
}

#[tokio::test]
async fn of_secrets_only_the_metadata_is_asked_for_and_kept() {
    let peer = peers::http(|head| {
        let accept = head.lines().find(|line| line.to_ascii_lowercase().starts_with("accept:")).unwrap_or_default();
        assert!(accept.contains("as=PartialObjectMetadata") && !accept.contains(", "), "{accept}");
        // A server, or whoever stands before it, that sends more than was asked for.
        let secret = json!({"metadata": {"name": "s", "namespace": "a",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hunter22"}}, "data": {"k": "hunter22"}});
        if target(head).contains("/secrets/") { ok(&secret) } else { ok(&json!({"metadata": {}, "items": [secret]})) }
    })
    .await;
    for objects in [json!({"resource": "secrets"}), json!({"resource": "secrets", "name": "s", "fields": ["metadata"]})]
    {
        let seen = ask(json!({"target": "peer", "namespaces": ["a"], "objects": objects}), peer, 2000).await;
        is(&seen, Outcome::Pass, None, "secrets");
        assert!(!format!("{seen:?}").contains("hunter22"), "{seen:?}");
    }
    let findings = findings(json!({"target": "k", "objects": {"resource": "secrets", "fields": ["data"]}}));
    assert_eq!(findings, ["objects.fields"]);
}

#[tokio::test]
async fn one_list_serves_all_that_ask_for_it() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let peer = peers::http(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        page(0, 3, "")
    })
    .await;
    let clients = Arc::new(Clients::new());
    let target = Target {
        name: "peer".into(),
        address: format!("http://{peer}").into(),
        credential: None,
        tls: TlsFiles::default(),
    };
    let cx = || cx_with(2000, Some(target.clone()), crate::probe::Credentials::default(), Arc::clone(&clients));
    let mut leg = pods();
    leg["max_age_s"] = json!(10);
    let (one, two) = (cx(), cx());
    let (first, second) = tokio::join!(run("kubernetes", leg.clone(), &one), run("kubernetes", leg.clone(), &two));
    let third = run("kubernetes", leg, &cx()).await;
    for seen in [first, second, third] {
        is(&seen, Outcome::Pass, None, "3 pods");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn five_thousand_pods_are_one_list_of_ten_pages_for_twenty_checks() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let peer = peers::http(move |head| {
        count.fetch_add(1, Ordering::SeqCst);
        assert!(target(head).contains("limit=500"), "{head}");
        let from = target(head).rsplit_once("continue=").and_then(|(_, from)| from.parse().ok()).unwrap_or(0);
        page(from, 500, &if from + 500 < 5000 { (from + 500).to_string() } else { String::new() })
    })
    .await;
    let clients = Arc::new(Clients::new());
    let address = format!("http://{peer}").into();
    let target = Target { name: "peer".into(), address, credential: None, tls: TlsFiles::default() };
    let mut leg = pods();
    leg["max_age_s"] = json!(60);
    let runs = (0..20).map(|_| {
        let (leg, target, clients) = (leg.clone(), target.clone(), Arc::clone(&clients));
        async move {
            let cx = cx_with(30_000, Some(target), crate::probe::Credentials::default(), clients);
            run("kubernetes", leg, &cx).await
        }
    });
    for seen in futures_util::future::join_all(runs).await {
        is(&seen, Outcome::Pass, None, "5000 pods");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn the_server_says_whether_it_is_ready_and_who_asks() {
    let token = |exp: i64| format!("h.{}.s", URL_SAFE_NO_PAD.encode(json!({"exp": exp}).to_string()));
    for (ready, minor, user, left, outcome, part) in [
        ("ok", "36", "me", 3600, Outcome::Pass, "1.36"),
        ("ok", "25+", "me", 3600, Outcome::Fail, "1.26 or later"),
        (
            "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed",
            "36",
            "me",
            3600,
            Outcome::Fail,
            "[-]etcd failed",
        ),
        ("ok", "36", "other", 3600, Outcome::Fail, "as me, saw other"),
        ("ok", "36", "me", 60, Outcome::Fail, "lasts at least 600 s"),
    ] {
        let peer = peers::http(move |head| match target(head) {
            "/readyz" if ready == "ok" => response("200 OK", "", ready),
            "/readyz" => response("500 X", "", ready),
            "/version" => ok(&json!({"major": "1", "minor": minor, "gitVersion": format!("v1.{minor}.0")})),
            _ => created(&json!({"status": {"userInfo": {"username": user}}})),
        })
        .await;
        let credentials = fixture::credential("token", &token(jiff::Timestamp::now().as_second() + left));
        let address = format!("http://{peer}");
        let target = Target {
            name: "peer".into(),
            address: address.into(),
            credential: Some("token".into()),
            tls: TlsFiles::default(),
        };
        let cx = cx_with(3000, Some(target), credentials, Arc::new(Clients::new()));
        let leg = json!({"target": "peer", "ready": true, "min_minor": 26, "identity": "me", "min_token_s": 600});
        let seen = run("kubernetes", leg, &cx).await.verdict;
        assert!(seen.outcome() == outcome && seen.sentence().contains(part), "{}", seen.sentence());
    }
}

#[tokio::test]
async fn rights_are_as_said() {
    let right = |denied: bool| json!({"user": "system:serviceaccount:a:b", "verb": "list", "resource": "pods/log", "namespace": "a", "denied": denied});
    for (answer, denied, outcome, reason) in [
        (json!({"allowed": true}), false, Outcome::Pass, None),
        (json!({"allowed": false}), true, Outcome::Pass, None),
        (json!({"allowed": false}), false, Outcome::Fail, Some(Reason::Assertion)),
        (json!({"allowed": true}), true, Outcome::Fail, Some(Reason::Assertion)),
        (
            json!({"allowed": false, "evaluationError": "role not found"}),
            true,
            Outcome::Indeterminate,
            Some(Reason::Query),
        ),
        (json!({}), true, Outcome::Fail, Some(Reason::Protocol)),
    ] {
        let peer = peers::http(move |_| created(&json!({"status": answer}))).await;
        is(&ask(json!({"target": "peer", "access": [right(denied)]}), peer, 2000).await, outcome, reason, "");
    }
}

#[tokio::test]
async fn a_dry_run_is_opt_in_and_tells_admission_from_rights() {
    let leg = |refused: bool| {
        json!({"target": "peer", "dry_run": {"resource": "pods", "namespace": "a", "refused": refused,
        "says": if refused { "PodSecurity" } else { "" }, "manifest": {"apiVersion": "v1", "kind": "Pod", "spec": {}}}})
    };
    assert_eq!(serde_json::from_value::<Kubernetes>(leg(true)).unwrap().access(), Access::Mutates);
    let close = |line: &str, message: &str| {
        response(line, &format!("connection: close\r\n{JSON}"), &json!({"message": message}).to_string())
    };
    for (answer, refused, outcome, reason, part) in [
        (close("403 X", "violates PodSecurity \"restricted\""), true, Outcome::Pass, None, "refused"),
        (close("201 X", ""), false, Outcome::Pass, None, "accepted"),
        (close("201 X", ""), true, Outcome::Fail, Some(Reason::Assertion), "saw it accepted"),
        (close("403 X", "exceeded quota"), false, Outcome::Fail, Some(Reason::Assertion), "exceeded quota"),
        (close("403 X", "exceeded quota"), true, Outcome::Indeterminate, Some(Reason::Status), "refused otherwise"),
        (
            close("403 X", "User cannot create resource \"pods\""),
            true,
            Outcome::Indeterminate,
            Some(Reason::PermissionDenied),
            "may not",
        ),
        (close("422 X", "invalid"), true, Outcome::Indeterminate, Some(Reason::Protocol), "422"),
    ] {
        let peer = peers::http(move |head| {
            assert_eq!(target(head), "/api/v1/namespaces/a/pods?dryRun=All");
            answer.clone()
        })
        .await;
        is(&ask(leg(refused), peer, 2000).await, outcome, reason, part);
    }
}

/// A cluster over TLS that tells what login it saw, and asks for a client certificate if it may.
async fn cluster(authority: &Authority, mutual: bool, logins: Arc<Mutex<Vec<String>>>) -> std::net::SocketAddr {
    let leaf = authority.good_leaf();
    let config = if mutual { authority.mutual(&leaf, rustls::ALL_VERSIONS) } else { leaf.server(rustls::ALL_VERSIONS) };
    peers::tls(config, move |stream| {
        let logins = Arc::clone(&logins);
        let respond = Arc::new(move |head: &str| {
            let of = |name: &str| {
                head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
            };
            logins.lock().unwrap().push(of("authorization:") + &of("impersonate-user:"));
            response("200 OK", "", "ok")
        });
        peers::http_over(stream, respond)
    })
    .await
}

fn kubeconfig(server: std::net::SocketAddr, authority: &Authority, user: &Value) -> std::path::PathBuf {
    let ca = STANDARD.encode(authority.ca_pem());
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "other",
        "clusters": [{"name": "c", "cluster": {"server": format!("https://localhost:{}", server.port()), "certificate-authority-data": ca}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "me@c", "context": {"cluster": "c", "user": "u"}}],
    });
    let path = kept_directory().join("kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

#[tokio::test]
async fn a_kubeconfig_logs_in_by_token_file_certificate_or_program() {
    let authority = Authority::new();
    let client = authority.leaf(&["readiness"], peers::FAR);
    let pem = |path: std::path::PathBuf| STANDARD.encode(std::fs::read(path).unwrap());
    let token_file = kept_directory().join("token");
    std::fs::write(&token_file, "from-a-file\n").unwrap();
    let counter = kept_directory().join("runs");
    let program = |answer: Value| {
        let script = format!("echo run >> {}; test -n \"$KUBERNETES_EXEC_INFO\" && echo '{answer}'", counter.display());
        json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/bin/sh", "args": ["-c", script],
            "env": [{"name": "A", "value": "b"}], "interactiveMode": "IfAvailable"}})
    };
    let login = json!({"kind": "ExecCredential", "status": {"token": "from-a-program"}});
    let own = (pem(client.cert_file()), pem(client.key_file()));
    for (user, mutual, wanted) in [
        (json!({"token": "hunter22", "as": "somebody"}), false, "Bearer hunter22somebody"),
        (json!({"tokenFile": token_file}), false, "Bearer from-a-file"),
        (json!({"client-certificate": client.cert_file(), "client-key": client.key_file()}), true, ""),
        (json!({"client-certificate-data": own.0, "client-key-data": own.1}), true, ""),
        (program(login), false, "Bearer from-a-program"),
    ] {
        let logins = Arc::new(Mutex::new(Vec::new()));
        let server = cluster(&authority, mutual, Arc::clone(&logins)).await;
        let path = kubeconfig(server, &authority, &user);
        let cx = cx_for(5000, &format!("kubeconfig:{}#me@c", path.display()));
        let leg = json!({"target": "peer", "ready": true});
        let seen = run("kubernetes", leg.clone(), &cx).await;
        is(&seen, Outcome::Pass, None, "ready");
        is(&run("kubernetes", leg, &cx).await, Outcome::Pass, None, "ready");
        assert_eq!(*logins.lock().unwrap(), [wanted, wanted]);
        assert!(!format!("{seen:?}").contains("hunter22"));
    }
    assert_eq!(std::fs::read_to_string(counter).unwrap(), "run\n", "one login serves both");
}

#[tokio::test]
async fn what_a_kubeconfig_lacks_is_said() {
    let authority = Authority::new();
    let closed = format!("127.0.0.1:{}", peers::closed_port().await).parse().unwrap();
    let exec = |command: &str| json!({"exec": {"command": command, "args": ["-c", "echo hunter22; exit 3"]}});
    for (user, context, reason, part) in [
        (json!({}), "#no", Reason::Unconfigured, "no context `no`"),
        (json!({}), "", Reason::Unconfigured, "no context `other`"),
        (json!({"username": "u", "password": "hunter22"}), "#me@c", Reason::Unconfigured, "no logins"),
        (json!({"client-key-data": "aHVudGVyMjI="}), "#me@c", Reason::Unconfigured, "without a certificate"),
        (
            json!({"client-key-data": "???", "client-certificate-data": "x"}),
            "#me@c",
            Reason::Unconfigured,
            "no PEM in base64",
        ),
        (exec("/no/such/program"), "#me@c", Reason::Missing, "could not be started"),
        (exec("/bin/sh"), "#me@c", Reason::AuthRejected, "exit code 3"),
        (json!({"exec": {"command": "/bin/echo", "args": ["hunter22"]}}), "#me@c", Reason::Protocol, "ExecCredential"),
        (json!({"exec": {"command": "/bin/sleep", "args": ["9"]}}), "#me@c", Reason::Timeout, "was killed"),
    ] {
        let path = kubeconfig(closed, &authority, &user);
        let cx = cx_for(500, &format!("kubeconfig:{}{context}", path.display()));
        let seen = run("kubernetes", json!({"target": "peer", "ready": true}), &cx).await;
        is(&seen, Outcome::Indeterminate, Some(reason), part);
        assert!(!format!("{seen:?}").contains("hunter22"), "{seen:?}");
    }
    for text in ["", "apiVersion: [", "hunter22: {"] {
        let path = kept_directory().join("kubeconfig");
        std::fs::write(&path, text).unwrap();
        let cx = cx_for(500, &format!("kubeconfig:{}", path.display()));
        let seen = run("kubernetes", json!({"target": "peer", "ready": true}), &cx).await;
        assert_eq!(seen.verdict.reason(), Some(Reason::Unconfigured), "{}", seen.verdict.sentence());
        assert!(!seen.verdict.sentence().contains("hunter22"));
    }
}

#[tokio::test]
async fn a_pod_uses_what_it_was_given() {
    let authority = Authority::new();
    let directory = kept_directory();
    std::fs::write(directory.join("ca.crt"), authority.ca_pem()).unwrap();
    std::fs::write(directory.join("token"), "hunter22").unwrap();
    let cx = fixture::cx(1000);
    let base = url::Url::parse("https://10.96.0.1:443").unwrap();
    let place = place::Place::in_cluster(&cx, &directory, base).await.unwrap();
    assert_eq!(place.headers[0].1, "Bearer hunter22");
    assert_eq!(place.profile.ca, Some(directory.join("ca.crt")));
    assert_ne!(place.profile, TlsProfile::default());
    // Outside of a pod it is said.
    let seen = run("kubernetes", json!({"target": "peer", "ready": true}), &cx_for(500, "in-cluster")).await;
    is(&seen, Outcome::Indeterminate, Some(Reason::Unconfigured), "KUBERNETES_SERVICE_HOST");
}

fn findings(parameters: Value) -> Vec<String> {
    let leg: Kubernetes = serde_json::from_value(parameters).unwrap();
    let mut findings = Findings::default();
    leg.check(&mut findings);
    findings.0.into_iter().map(|finding| finding.field).collect()
}

#[test]
fn static_errors_are_found() {
    assert!(findings(json!({"target": "k", "ready": true})).is_empty());
    assert_eq!(findings(json!({"ready": true})), ["target"]);
    assert_eq!(findings(json!({"target": "k"})), [""]);
    for (part, field) in [
        (json!({"objects": {"resource": "a/b"}}), "objects.resource"),
        (json!({"objects": {"resource": "pods", "api_version": "a/b/c"}}), "objects.api_version"),
        (json!({"objects": {"resource": "pods", "name": "a", "labels": "b"}}), "objects.name"),
        (json!({"ready": true, "namespaces": ["a/.."]}), "namespaces"),
        (json!({"ready": true, "min_token_s": 3}), "min_token_s"),
        (json!({"ready": true, "max_age_s": 3000}), "max_age_s"),
        (json!({"access": [{"verb": "get"}]}), "access[0]"),
        (json!({"dry_run": {"resource": "pods", "namespace": "a"}}), "dry_run.manifest"),
        (json!({"default_deny": {}}), "namespaces"),
        (json!({"policy_effective": {"public_ports": ["x"]}}), "policy_effective.public_ports"),
        (json!({"hpa_healthy": {}}), "hpa_healthy.workloads"),
        (json!({"secret_age": {"class_by_name": {"a": "b"}}}), "secret_age.class_by_name"),
        (json!({"namespaces": ["a"], "rbac_least_privilege": {"deny": ["x"]}}), "rbac_least_privilege.deny"),
        (json!({"lb_ready": {"objects": ["x"]}}), "lb_ready.objects"),
        (json!({"compare": {"max_drift": 2.0}}), "compare.max_drift"),
    ] {
        let mut whole = json!({"target": "k"});
        whole.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        assert_eq!(findings(whole.clone()), [field], "{whole}");
    }
}

#[test]
fn a_dry_run_needs_one_right_that_changes_and_lists_need_none() {
    let leg: Kubernetes = serde_json::from_value(json!({
        "target": "k", "ready": true, "identity": "x", "access": [{"verb": "get", "resource": "pods"}],
        "namespaces": ["a"], "objects": {"resource": "pods"},
        "dry_run": {"resource": "pods", "namespace": "a", "manifest": {"apiVersion": "v1", "kind": "Pod"}},
    }))
    .unwrap();
    let grants = leg.grants();
    let changing: Vec<&Grant> = grants.iter().filter(|grant| grant.access != Access::Read).collect();
    assert_eq!(changing.len(), 1, "{changing:?}");
    assert_eq!((&*changing[0].resource, changing[0].verb, changing[0].access), ("pods", "create", Access::Mutates));
    assert!(grants.iter().any(|grant| grant.verb == "list" && grant.access == Access::Read), "{grants:?}");
    assert!(grants.iter().any(|grant| grant.resource.ends_with("reviews") && grant.access == Access::Read));
}

#[tokio::test]
async fn times_of_objects_are_seconds_and_the_newest_of_several_counts() {
    let peer = peers::http(|_| {
        let managed = json!([{"time": "2026-11-20T00:00:00Z"}, {"time": "2026-11-22T00:00:00Z"}, {"time": "x"}]);
        ok(&json!({"kind": "ConfigMapList", "metadata": {}, "items": [
            {"metadata": {"name": "a", "namespace": "n", "managedFields": managed}, "status": {"at": "2026-11-21T12:00:00+02:00"}},
            {"metadata": {"name": "b", "namespace": "n"}, "status": {"at": "never"}},
        ]}))
    })
    .await;
    let leg = json!({"target": "peer", "namespaces": ["n"], "max_age_s": 0, "objects": {
        "resource": "configmaps", "times": ["metadata.managedFields.time", "status.at"],
    }});
    let newest = crate::probe::fixture::NOW.0 / 1000;
    for (condition, outcome) in [
        (
            format!(
                "times.exists(t, t.object == 'a' && t.path == 'metadata.managedFields.time' && t.at_s == {newest})"
            ),
            Outcome::Pass,
        ),
        // What is no time is none, and an object without one has none.
        ("size(times) == 2".to_owned(), Outcome::Pass),
        (
            format!("times.exists(t, t.namespace == 'n' && t.path == 'status.at' && t.at_s == {})", newest - 14 * 3600),
            Outcome::Pass,
        ),
        (format!("times.all(t, t.at_s >= {newest})"), Outcome::Fail),
        ("times.exists(t, t.object == 'b')".to_owned(), Outcome::Fail),
    ] {
        let cx = cx_for(5000, &format!("http://{peer}"));
        let seen = run_with("kubernetes", leg.clone(), &[&condition], &cx).await;
        assert_eq!(seen.verdict.outcome(), outcome, "{condition}: {}", seen.verdict.sentence());
    }
}
