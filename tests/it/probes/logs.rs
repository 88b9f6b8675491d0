//! The lines of containers, from a real engine of Docker and from Podman.

use readiness::model::{Outcome, Reason};
use serde_json::{Value, json};

use super::docker::look_with;
use crate::support::docker::{APP, Engine, Kind};

const LINE: &str = r#"{"level":30,"msg":"hunter22"}"#;

async fn says(engine: &Engine, containers: Value, more: Value, outcome: Outcome, reason: Option<Reason>, part: &str) {
    let mut parameters = json!({ "source": "docker", "containers": containers });
    for (key, value) in more.as_object().unwrap() {
        parameters[key] = value.clone();
    }
    let seen = look_with("logs", &engine.address(), parameters.clone()).await;
    let verdict = &seen.verdict;
    assert_eq!((verdict.outcome(), verdict.reason()), (outcome, reason), "{parameters}: {}", verdict.sentence());
    assert!(verdict.sentence().contains(part), "{parameters}: {}", verdict.sentence());
    assert!(!format!("{} {:?}", verdict.sentence(), seen.facts).contains("hunter22"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_read_as_containers_wrote_them() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(&dir.path().join("engine"), Kind::Docker);
    let structured = json!({ "required": ["level", "msg"], "min_ratio": 1.0, "max_age_s": 600 });
    engine.run("good", &["-l", "app=shop"], APP, &["print", LINE, LINE]);
    engine.run("two-streams", &["-l", "app=shop"], APP, &["print", LINE, "!panic: hunter22"]);
    engine.run("terminal", &["--tty"], APP, &["print", LINE, "!panic: hunter22"]);
    engine.run("ended", &[], APP, &["last", "FATAL: hunter22"]);
    engine.run("silent", &[], APP, &[]);
    // The engine cuts a line into parts of 16 KiB.
    engine.run("long", &[], APP, &["print", "~50000", LINE]);
    engine.run("unkept", &["--log-driver", "none"], APP, &["print", LINE]);
    engine.run("kept-otherwise", &["--log-driver", "local"], APP, &["print", LINE]);
    engine.wait_for("ended", "{{.State.Status}}", "exited");
    let named = |name: &str| json!({ "name": name });
    let (pass, fail) = ((Outcome::Pass, None), (Outcome::Fail, Some(Reason::Assertion)));
    let unknown = |reason| (Outcome::Indeterminate, Some(reason));
    let forbidden = json!({ "forbid": ["FATAL|panic"] });
    let cases = [
        ("good", structured.clone(), pass, "2 lines of 1 sources"),
        ("kept-otherwise", structured.clone(), pass, "1 lines"),
        ("two-streams", structured.clone(), fail, "saw 1 of 2"),
        ("two-streams", forbidden.clone(), fail, "forbidden pattern 1"),
        ("terminal", structured.clone(), fail, "saw 1 of 2"),
        ("terminal", forbidden.clone(), fail, "line 1 from the end"),
        ("ended", forbidden.clone(), fail, "forbidden pattern 1"),
        ("silent", forbidden.clone(), unknown(Reason::NoData), "lines of silent"),
        ("long", json!({ "max_line_bytes": 49_999 }), fail, "50000 bytes"),
        ("long", json!({ "max_line_bytes": 50_000 }), pass, "2 lines"),
        ("unkept", forbidden.clone(), unknown(Reason::Unconfigured), "log driver is none"),
        ("nobody", forbidden.clone(), unknown(Reason::Missing), "none that is meant"),
        ("good", json!({ "lines": 1, "since_s": 600 }), unknown(Reason::TooLarge), "more lines"),
        ("good", json!({ "lines": 1 }), pass, "1 lines"),
    ];
    for (name, more, (outcome, reason), part) in cases {
        says(&engine, named(name), more, outcome, reason, part).await;
    }
    // Several: each is a source of its own, or all of one label are one.
    let shop = json!({ "labels": ["app=shop"] });
    says(&engine, shop.clone(), json!({}), Outcome::Pass, None, "4 lines of 2 sources").await;
    says(&engine, shop.clone(), json!({ "by": "app" }), Outcome::Pass, None, "4 lines of 1 sources").await;
    says(&engine, shop.clone(), structured, Outcome::Fail, Some(Reason::Assertion), "two-streams").await;
    let each = json!({ "by": "app", "each": ["shop", "store"] });
    says(&engine, shop, each, Outcome::Indeterminate, Some(Reason::NoData), "lines of store").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn podman_keeps_lines_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::start(&dir.path().join("engine"), Kind::Podman);
    engine.run("good", &["--no-healthcheck", "--log-driver", "k8s-file"], APP, &["print", LINE, "!panic: hunter22"]);
    let good = json!({ "name": "good" });
    says(&engine, good.clone(), json!({}), Outcome::Pass, None, "2 lines of 1 sources").await;
    says(&engine, good, json!({ "min_ratio": 1.0 }), Outcome::Fail, Some(Reason::Assertion), "saw 1 of 2").await;
}
