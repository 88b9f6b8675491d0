//! Steps at targets of their own.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::tests::{Daemon, Things, says};
use crate::model::{Outcome, Reason, Target, TlsFiles};
use crate::probe::net::Clients;
use crate::probe::net::peers::{self, response};
use crate::probe::{Credentials, Hazards, Observation, ProbeCx, fixture};

fn target(name: &str, address: &str, credential: Option<&str>) -> Target {
    let (address, credential) = (address.into(), credential.map(Into::into));
    Target { name: format!("c.{name}").into(), address, credential, tls: TlsFiles::default() }
}

/// Of a scenario at `here`, whose steps may name `there`.
fn cx(from: &ProbeCx, here: &str, there: &Target, credentials: Credentials) -> ProbeCx {
    let clients = Arc::clone(from.clients());
    let more = [("there".into(), Arc::new(there.clone()))].into();
    fixture::cx_with(4000, Some(target("here", here, None)), credentials, clients)
        .with_more_targets(Some(Arc::new(more)))
}

/// Makes a thing here, and looks for one there.
fn parameters(there: Value) -> Value {
    json!({
        "target": "here", "name": "two-sides", "cleanup_s": 1,
        "steps": [
            { "name": "make", "do": { "http": { "path": "/things", "method": "POST" } }, "capture": { "id": "json.id" } },
            there,
            { "name": "see", "do": { "http": { "path": "/things/{id}" } } },
        ],
        "cleanup": [
            { "name": "unmake", "do": { "http": { "path": "/things/{id}", "method": "DELETE", "status": [204, 404] } } },
            { "name": "unmake there", "target": "there",
              "do": { "http": { "path": "/things/{id}", "method": "DELETE", "status": [204, 404] } } },
        ],
    })
}

fn looks() -> Value {
    json!({ "name": "look", "target": "there", "do": { "http": { "path": "/things/{id}", "status": [404] } } })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_looks_where_it_should() {
    let (here, there, daemon) = (Things::start().await, Things::start().await, Daemon::new());
    let other = target("there", &there.address, None);
    let cx = || cx(&daemon.cx(4000, true), &here.address, &other, Credentials::default());
    says(&fixture::run("scenario", parameters(looks()), &cx()).await, Outcome::Pass, None, "3 steps");
    assert_eq!(here.log(), ["POST /things", "GET /things/7", "DELETE /things/7"]);
    assert_eq!(there.log(), ["GET /things/7", "DELETE /things/7"]);
    // A run that is dropped, too.
    there.answers("GET", "HTTP/1.1 200 OK\r\n");
    let context = cx();
    let run = fixture::run("scenario", parameters(looks()), &context);
    assert!(tokio::time::timeout(Duration::from_millis(500), run).await.is_err());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        (here.log().last(), there.log().last()),
        (Some(&"DELETE /things/7".into()), Some(&"DELETE /things/7".into()))
    );
    assert_eq!((here.left(), daemon.leftovers()), (0, 0));
}

/// What was made at a target of a step is not looked for where that name leads to now.
#[tokio::test]
async fn a_target_of_a_step_that_has_moved_is_told() {
    let (here, there, moved, daemon) =
        (Things::start().await, Things::start().await, Things::start().await, Daemon::new());
    there.answers("DELETE", response("500 X", "", ""));
    let run = |address: &str| {
        let cx = cx(&daemon.cx(4000, true), &here.address, &target("there", address, None), Credentials::default());
        async move { fixture::run("scenario", parameters(looks()), &cx).await }
    };
    says(&run(&there.address).await, Outcome::Fail, Some(Reason::Status), "unmake there:");
    says(&run(&moved.address).await, Outcome::Indeterminate, Some(Reason::Other), "made at");
    assert_eq!((moved.log().len(), daemon.leftovers()), (0, 1));
    *there.odd.lock().unwrap() = None;
    says(&run(&there.address).await, Outcome::Pass, None, "");
    assert_eq!(daemon.leftovers(), 0);
}

#[tokio::test]
async fn the_secret_of_a_target_of_a_step_is_not_written_down() {
    let (here, daemon) = (Things::start().await, Daemon::new());
    let store = peers::http(|_| {
        let body = r#"{"data":["s3cr3t-t0k3n"],"total":1,"limit":0,"offset":0,"errors":null}"#;
        response("200 OK", "content-type: application/json\r\n", body)
    })
    .await;
    let other = target("there", &format!("http://{store}"), Some("key"));
    let cx = cx(&daemon.cx(4000, true), &here.address, &other, fixture::credential("key", "s3cr3t-t0k3n"));
    let told = json!({ "name": "ask", "target": "there", "do": { "jaeger": {} }, "capture": { "who": "services[0]" } });
    let mut parameters = parameters(told);
    parameters["cleanup"].as_array_mut().unwrap().pop();
    let seen: Observation = fixture::run("scenario", parameters, &cx).await;
    says(&seen, Outcome::Fail, Some(Reason::Invalid), "saw a secret");
    assert!(!format!("{seen:?}").contains("s3cr3t"), "{seen:?}");
}

/// What is allowed at the target of the scenario is not thereby allowed at that of a step.
#[tokio::test]
async fn what_may_be_changed_is_asked_of_the_target_of_the_step() {
    let (here, daemon) = (Things::start().await, Daemon::new());
    let hazards = Hazards {
        sandbox_repositories: vec![here.address.clone()],
        leftovers: daemon.cx(4000, true).clients().hazards().leftovers.clone(),
        ..Hazards::default()
    };
    let clients = Arc::new(Clients::with(hazards));
    let lent = fixture::cx_with(4000, None, Credentials::default(), clients);
    let push = json!({ "git": { "push": { "name": "canary", "cleanup_s": 1 } } });
    let one =
        |step: Value| json!({ "target": "here", "name": "push", "cleanup_s": 1, "leaves": "nothing", "steps": [step] });
    let there = Things::start().await;
    let cx = cx(&lent, &here.address, &target("there", &there.address, None), Credentials::default());
    let at_own = one(json!({ "name": "push", "target": "there", "do": push }));
    let seen = fixture::run("scenario", at_own, &cx).await;
    says(&seen, Outcome::Indeterminate, Some(Reason::NotEnabled), "sandbox");
    assert!(there.log().is_empty(), "{:?}", there.log());
    let at_first = one(json!({ "name": "push", "do": push }));
    let seen = fixture::run("scenario", at_first, &cx).await;
    assert!(!seen.verdict.sentence().contains("sandbox"), "{}", seen.verdict.sentence());
    assert!(!here.log().is_empty());
}

#[test]
fn a_target_that_is_not_looked_at_is_said_at_load() {
    let parse = |parameters: Value| crate::probe::kinds::find("scenario").unwrap().parse(parameters).unwrap();
    let good = parse(parameters(looks()));
    assert_eq!((good.findings.0.len(), &good.more_targets[..]), (0, &["there".to_owned()][..]), "{:?}", good.findings);
    for (step, field) in [
        (json!({ "name": "s", "target": "there", "do": { "http": { "url": "http://h/" } } }), "steps[1].target"),
        (json!({ "name": "s", "target": "there", "do": { "files": { "paths": ["/x"] } } }), "steps[1].target"),
        (json!({ "name": "s", "target": "there", "do": { "http": { "target": "here" } } }), "steps[1].do"),
    ] {
        let parsed = parse(parameters(step.clone()));
        assert!(parsed.findings.0.iter().any(|one| one.field == field), "{step}: {:?}", parsed.findings);
    }
}
