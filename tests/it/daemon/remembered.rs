//! What a check has seen is known to the daemon after it, and to another definition of the item.

use std::path::Path;

use crate::support::daemon::{Daemon, Launch};

const ITEM: &str = "builds/base.one-image";

/// The image that `subject` names must have been the only one.
fn write(directory: &Path, file: &str, most: usize) {
    let text = format!(
        "checklists:
  builds:
    title: Builds
    sections: {{ base: Base }}
    items:
      base.one-image:
        title: It was one image all the time
        priority: high
        interval: 1h
        hysteresis: {{ fail_after: 1, recover_after: 1, unknown_after: 1 }}
        check:
          all_of:
            - file: {{ path: {}, parse: json }}
              name: build
            - history: {{ of: {{ leg: build, path: content.image }} }}
              expect: size(remembered) <= {most}
",
        directory.join(file).display()
    );
    std::fs::write(directory.join("readiness.yaml"), text).expect("config");
}

fn subject(directory: &Path, file: &str, image: &str) {
    std::fs::write(directory.join(file), format!("{{\"image\": \"{image}\"}}")).expect("subject");
}

/// State and sentence after a run.
fn run(daemon: &Daemon) -> (String, String) {
    assert_eq!(daemon.post(&format!("/api/v1/items/{ITEM}/run")).status, 200);
    let item = daemon.json(&format!("/api/v1/items/{ITEM}"));
    let text = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("sentence"))
}

#[test]
fn what_was_seen_survives_restarts_and_definitions() {
    let directory = tempfile::tempdir().expect("directory");
    let directory = directory.path();
    write(directory, "a.json", 1);
    subject(directory, "a.json", "one");
    subject(directory, "b.json", "other");
    let launch = Launch::new(directory, &directory.join("readiness.yaml"));

    let daemon = launch.start();
    assert_eq!(run(&daemon).0, "pass");
    assert!(daemon.stop().success());

    // Whoever looks at what is there now sees one image.
    subject(directory, "a.json", "two");
    let daemon = launch.start();
    let (state, sentence) = run(&daemon);
    assert_eq!(state, "fail", "{sentence}");

    // What cannot be looked at takes nothing away, nor does another condition.
    subject(directory, "a.json", "\"");
    assert_ne!(run(&daemon).0, "pass");
    subject(directory, "a.json", "two");
    write(directory, "a.json", 2);
    assert_eq!(daemon.post("/-/reload").status, 200);
    let (state, sentence) = run(&daemon);
    assert!(state == "pass" && sentence.contains("the 2 values"), "{sentence}");

    // Another file is another memory, and the first is still there when it is asked for again.
    write(directory, "b.json", 2);
    assert_eq!(daemon.post("/-/reload").status, 200);
    assert!(run(&daemon).1.contains("the value that"));
    assert!(daemon.stop().success());
    write(directory, "a.json", 2);
    let daemon = launch.start();
    assert!(run(&daemon).1.contains("the 2 values"));
}
