//! A Docker engine: its events, and its socket.

use serde_json::json;

use super::table::Row;
use super::{Watched, turn};
use crate::support::docker::{APP, Engine, Image, Kind};

const SICK: [&str; 6] = ["--health-cmd", "check", "--health-interval", "300ms", "--health-retries", "1"];

/// Again as it was, once it is healthy.
fn anew(engine: &Engine) {
    let _ = engine.try_cli(&["rm", "-f", "web"]);
    engine.run("web", &SICK, APP, &[]);
    engine.wait_for("web", "{{.State.Health.Status}}", "healthy");
}

pub(super) fn run() -> Vec<Row> {
    let mut here = Watched::new();
    let mut engine = Engine::start(&here.path().join("engine"), Kind::Docker);
    engine.load(&Image::new("rdy/other:1"));
    anew(&engine);
    engine.run("limited", &["-m", "64m"], APP, &[]);
    engine.cli(&["network", "create", "--internal", "back"]);
    here.target("engine", json!({ "address": engine.address() }));
    let one = |asked: serde_json::Value| {
        let mut asked = asked;
        asked["target"] = json!("engine");
        json!({ "docker": asked })
    };
    here.item("web", one(json!({ "containers": { "names": ["web"] } })));
    let mut limited = one(json!({ "containers": { "names": ["limited"] } }));
    limited["expect"] = json!("containers.all(c, c.memory_limit_bytes > 0)");
    here.item("limited", limited);
    here.item("network", one(json!({ "networks": { "names": ["back"] } })));
    here.item("image", one(json!({ "images": { "references": ["rdy/other:1"] } })));
    let daemon = here.start();
    let rows = vec![
        turn(
            &daemon,
            "a container is killed, and another takes its place",
            "web",
            &mut engine,
            |engine| drop(engine.cli(&["kill", "web"])),
            |engine| anew(engine),
        ),
        turn(
            &daemon,
            "a container becomes unhealthy, and healthy again",
            "web",
            &mut engine,
            |engine| {
                engine.cli(&["exec", "web", "/app", "sicken"]);
                engine.wait_for("web", "{{.State.Health.Status}}", "unhealthy");
            },
            |engine| {
                engine.cli(&["exec", "web", "/app", "heal"]);
                engine.wait_for("web", "{{.State.Health.Status}}", "healthy");
            },
        ),
        turn(
            &daemon,
            "a container uses up its memory and is killed for it",
            "limited",
            &mut engine,
            |engine| {
                engine.cli(&["rm", "-f", "limited"]);
                engine.run("limited", &["-m", "32m"], APP, &["eat", "64"]);
                engine.wait_for("limited", "{{.State.OOMKilled}}", "true");
            },
            |engine| {
                engine.cli(&["rm", "-f", "limited"]);
                engine.run("limited", &["-m", "64m"], APP, &[]);
            },
        ),
        turn(
            &daemon,
            "a container is made anew without its limit of memory",
            "limited",
            &mut engine,
            |engine| {
                engine.cli(&["rm", "-f", "limited"]);
                engine.run("limited", &[], APP, &[]);
            },
            |engine| {
                engine.cli(&["rm", "-f", "limited"]);
                engine.run("limited", &["-m", "64m"], APP, &[]);
            },
        ),
        turn(
            &daemon,
            "a network is removed, and made",
            "network",
            &mut engine,
            |engine| drop(engine.cli(&["network", "rm", "back"])),
            |engine| drop(engine.cli(&["network", "create", "--internal", "back"])),
        ),
        turn(
            &daemon,
            "an image is removed, and loaded",
            "image",
            &mut engine,
            |engine| drop(engine.cli(&["image", "rm", "rdy/other:1"])),
            |engine| engine.load(&Image::new("rdy/other:1")),
        ),
        turn(
            &daemon,
            "the engine is killed with all that it runs, and started",
            "image",
            &mut engine,
            Engine::kill,
            Engine::up,
        ),
    ];
    assert!(daemon.stop().success());
    rows
}
