//! The container image, built from the Dockerfile by a real engine and run as it is meant to be.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::source::root;
use crate::support::docker::{Engine, Kind};

const BOARD: &str = "http://127.0.0.1:10099";
/// Everything that a container may be denied.
const LOCKED: [&str; 7] =
    ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "host"];

fn wait_for_page(engine: &Engine, path: &str, part: &str) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let page = engine.page(&format!("{BOARD}{path}"));
        if page.contains(part) {
            return page;
        }
        assert!(Instant::now() < until, "{path}: {page}\n{}", engine.cli(&["logs", "exporter"]));
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What `scripts/image` gathered before the tests, as `make image` does before it builds.
fn context() -> String {
    let context = root().join("target/image");
    let binary = context.join("readiness-exporter");
    assert!(binary.is_file(), "run `PROFILE=dev CONTEXT_ONLY=1 scripts/image` first, as scripts/test does");
    context.display().to_string()
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).expect("file").len()
}

#[test]
fn the_image_runs_without_root_and_without_a_place_to_write() {
    let dir = tempfile::tempdir().expect("directory");
    let engine = Engine::start(&dir.path().join("engine"), Kind::Docker);
    let (context, file) = (context(), root().join("Dockerfile").display().to_string());
    engine.cli(&["build", "--quiet", "--tag", "readiness-exporter", "--file", &file, &context]);
    let of_image = |template: &str| engine.cli(&["image", "inspect", "--format", template, "readiness-exporter"]);
    let bytes: u64 = of_image("{{.Size}}").parse().expect("a size");
    println!("image: {bytes} bytes, unoptimized");
    let binary = size(&Path::new(&context).join("readiness-exporter"));
    assert!(bytes < binary + (2 << 20), "{bytes} bytes: more than the binary and its catalogue");
    assert_eq!(of_image("{{.Config.User}}"), "65532:65532");

    engine.run("exporter", &LOCKED, "readiness-exporter", &[]);
    wait_for_page(&engine, "/-/ready", "ready");
    let page = wait_for_page(&engine, "/", "Parallax");
    assert!(page.contains("<html"), "the board");
    let metrics = wait_for_page(&engine, "/metrics", "readiness_item_info{");
    assert_eq!(metrics.lines().filter(|line| line.starts_with("readiness_item_info{")).count(), 470);
    let status = engine.cli(&["top", "exporter", "-o", "pid,uid"]);
    assert!(status.contains("65532") && !status.contains(" 0 "), "{status}");
    // Its state is there after a restart, and it stops in order.
    engine.cli(&["stop", "--time", "30", "exporter"]);
    assert_eq!(engine.cli(&["inspect", "--format", "{{.State.ExitCode}}", "exporter"]), "0");
    engine.cli(&["start", "exporter"]);
    wait_for_page(&engine, "/-/ready", "ready");
    let log = engine.cli(&["logs", "exporter"]);
    assert!(!log.contains("Read-only file system") && !log.contains("panicked"), "{log}");
}
