//! Steps of a scenario that are of other kinds than `http`, against real servers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use readiness::expect::Conditions;
use readiness::model::{Outcome, Reason, Target, Timestamp, TlsFiles};
use readiness::probe::net::Clients;
use readiness::probe::{CredentialSource, Credentials, Hazards, Leftovers, ProbeCx, kinds};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::forge::{Forge, READER, Sandbox};
use crate::support::protocols::Protocol;

struct At {
    address: String,
    password: &'static str,
    ca: Option<PathBuf>,
}

/// The verdict, the facts, and how many runs may have left something.
async fn run(at: &At, directory: &Path, parameters: Value) -> (Outcome, Option<Reason>, String, Value, usize) {
    let parsed = kinds::find("scenario").unwrap().parse(parameters).unwrap();
    assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
    let file = directory.join("password");
    std::fs::write(&file, at.password).unwrap();
    let target = Target {
        name: "peer".into(),
        address: at.address.as_str().into(),
        credential: Some("password".into()),
        tls: TlsFiles { ca: at.ca.clone(), ..TlsFiles::default() },
    };
    let left = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&left);
    let journal = Leftovers::new(directory.join("leftovers"), move |n| count.store(n, Ordering::SeqCst));
    let cx = ProbeCx::new(
        Timestamp(jiff::Timestamp::now().as_millisecond()),
        Instant::now() + Duration::from_secs(20),
        Some(Arc::new(target)),
        Arc::new(Credentials::new(BTreeMap::from([("password".to_owned(), CredentialSource::File(file))]))),
        Arc::new(Clients::with(Hazards { leftovers: Some(journal), ..Hazards::default() })),
    );
    let seen = parsed.probe.run(&cx, &Conditions::default()).await;
    let said = seen.verdict.sentence().to_owned();
    eprintln!("{:?} {:?} {said}", seen.verdict.outcome(), seen.verdict.reason());
    let facts = seen.facts.unwrap_or_default();
    (seen.verdict.outcome(), seen.verdict.reason(), said, facts, left.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_of_git_take_what_was_captured() {
    let directory = tempfile::tempdir().unwrap();
    let served = directory.path().join("served");
    std::fs::create_dir(&served).unwrap();
    let sandbox = Sandbox::make(&served);
    let forge = Forge::start(&directory.path().join("forge"), &served);
    let at = At { address: forge.address(), password: READER.1, ca: Some(forge.ca()) };
    let scenario = |second: Value, expect: &str| {
        json!({
            "target": "peer", "name": "git-steps",
            "steps": [
                { "name": "tip", "do": { "git": { "user": READER.0, "ref": "main" } }, "capture": { "commit": "commit" } },
                { "name": "fetched", "do": { "git": second }, "expect": [expect], "timeout_s": 10 },
            ],
            "cleanup": [{ "name": "still there", "do": { "git": { "user": READER.0, "ref": "main" } } }],
        })
    };
    let head = sandbox.git(&["rev-parse", "main"]);
    let second = |more: Value| {
        let mut second = json!({ "user": READER.0, "ref": "{commit}", "fetch": true });
        second.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        second
    };
    let good = scenario(second(json!({})), "fetched == \"{commit}\"");
    let (outcome, reason, said, facts, left) = run(&at, directory.path(), good).await;
    assert_eq!((outcome, reason, left), (Outcome::Pass, None, 0), "{said}");
    assert_eq!(facts["captured"]["commit"], head.trim());
    let missing = scenario(second(json!({ "files": [{ "path": "notes-{commit}.md" }] })), "true");
    let (outcome, reason, said, _, left) = run(&at, directory.path(), missing).await;
    assert_eq!((outcome, reason, left), (Outcome::Fail, Some(Reason::Missing), 0), "{said}");
    assert!(said.starts_with("fetched: ") && said.contains(&format!("notes-{}.md", head.trim())), "{said}");
    let other = scenario(second(json!({})), "fetched != \"{commit}\"");
    let (outcome, reason, said, ..) = run(&at, directory.path(), other).await;
    assert_eq!((outcome, reason), (Outcome::Fail, Some(Reason::Assertion)), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_of_grpc_take_what_was_captured() {
    let directory = tempfile::tempdir().unwrap();
    let good = json!({
        "health": { "": "SERVING", "phoenix.v1.ExperimentService": "SERVING" }, "reflection": true,
        "services": { "phoenix.v1.ExperimentService": ["List"] }, "codes": {},
    });
    let mut server = Protocol::start("grpc_server.py", directory.path(), good.clone());
    let at = At { address: format!("http://127.0.0.1:{}", server.port), password: "none", ca: None };
    let scenario = json!({
        "target": "peer", "name": "grpc-steps",
        "steps": [
            { "name": "listed", "do": { "grpc": { "reflection": true } },
              "capture": { "service": "services.filter(s, s.startsWith('phoenix'))[0]" } },
            { "name": "healthy", "do": { "grpc": { "health": ["{service}"] } } },
            { "name": "called", "do": { "grpc": { "call": { "method": "{service}/List", "request": { "limit": 1 } } } },
              "expect": ["call.json.total_count == 0"] },
        ],
        "cleanup": [{ "name": "still there", "do": { "grpc": { "health": [""] } } }],
    });
    let (outcome, reason, said, facts, left) = run(&at, directory.path(), scenario.clone()).await;
    assert_eq!((outcome, reason, left), (Outcome::Pass, None, 0), "{said}");
    assert_eq!(facts["captured"]["service"], "phoenix.v1.ExperimentService");
    let mut ill = good.clone();
    ill["health"]["phoenix.v1.ExperimentService"] = json!("NOT_SERVING");
    ill["port"] = json!(server.port);
    server.tell(ill, true);
    let (outcome, _, said, _, left) = run(&at, directory.path(), scenario.clone()).await;
    assert_eq!((outcome, left), (Outcome::Fail, 0), "{said}");
    assert!(said.starts_with("healthy: ") && said.contains("NOT_SERVING"), "{said}");
    // A method that may change something is refused for good; or nobody knows.
    for (code, kept) in [("INVALID_ARGUMENT", 0), ("UNAVAILABLE", 1)] {
        let mut refuses = good.clone();
        refuses["codes"] = json!({ "/phoenix.v1.ExperimentService/List": code });
        refuses["port"] = json!(server.port);
        server.tell(refuses, true);
        let (outcome, _, said, facts, left) = run(&at, directory.path(), scenario.clone()).await;
        assert_ne!(outcome, Outcome::Pass);
        assert_eq!(left, kept, "{said}");
        assert!(said.starts_with("called: ") && said.contains(code), "{said}");
        assert_eq!(facts["may_still_come"], kept == 1, "{facts}");
    }
}
