//! The shipped rules and Alertmanager configuration with every duration divided by one factor, so that
//! what takes hours in production takes minutes. Nothing else is changed but where pages are sent.

use std::path::Path;
use std::time::Duration;

use regex::{Captures, Regex};

use crate::source::root;

/// Every duration is divided by it: of rules, of Alertmanager, and of Prometheus itself.
pub(super) const FACTOR: u32 = 20;
const RULES: [&str; 2] = ["readiness.rules.yaml", "readiness-scores.rules.yaml"];
const TEMPLATE: &str = "readiness.tmpl";
/// Where the shipped configuration sends what it has to say.
const RECEIVER: &str = "http://127.0.0.1:9095";

/// A duration of production, as it is here.
pub(super) fn short(duration: Duration) -> Duration {
    duration / FACTOR
}

/// The same, as Prometheus reads it.
pub(super) fn text(duration: Duration) -> String {
    format!("{}ms", short(duration).as_millis())
}

/// Puts the rules into `directory` and gives their names.
pub(super) fn rules(directory: &Path) -> [&'static str; 2] {
    let after = Regex::new(r"(?m)(^ +for: )(\w+)($)").expect("expression");
    let window = Regex::new(r"(\[)(\d+[smhd])(\])").expect("expression");
    for name in RULES {
        let text = window.replace_all(&after.replace_all(&shipped(name), shorter), shorter).into_owned();
        std::fs::write(directory.join(name), text).expect("rules");
    }
    RULES
}

/// Alertmanager's configuration, with a receiver on `port`. Its template goes into `directory`.
pub(super) fn alertmanager(directory: &Path, port: u16) -> String {
    std::fs::write(directory.join(TEMPLATE), shipped(TEMPLATE)).expect("template");
    let waits = Regex::new(r"((?:group_wait|group_interval|repeat_interval): )(\w+)()").expect("expression");
    let text = shipped("alertmanager.yaml");
    assert!(text.contains(RECEIVER), "the shipped receivers are elsewhere");
    waits.replace_all(&text, shorter).replace(RECEIVER, &format!("http://127.0.0.1:{port}"))
}

fn shipped(name: &str) -> String {
    std::fs::read_to_string(root().join("alerts").join(name)).expect(name)
}

fn shorter(found: &Captures<'_>) -> String {
    let duration = humantime::parse_duration(&found[2]).expect("a duration");
    format!("{}{}{}", &found[1], text(duration), &found[3])
}

#[test]
fn every_duration_is_shorter_and_nothing_else_is_changed() {
    let directory = tempfile::tempdir().expect("directory");
    let long = Regex::new(r"\[\d+[mhd]\]|for: \d+[mhd]$").expect("expression");
    for name in rules(directory.path()) {
        let made = std::fs::read_to_string(directory.path().join(name)).expect(name);
        let shipped = shipped(name);
        assert_eq!(made.lines().count(), shipped.lines().count());
        for (made, shipped) in made.lines().zip(shipped.lines()).filter(|(made, shipped)| made != shipped) {
            assert!(shipped.contains("for: ") || shipped.contains('['), "{shipped} became {made}");
        }
        assert!(!long.is_match(&made), "{name}");
    }
    let text = alertmanager(directory.path(), 1);
    assert!(text.contains("group_wait: 3000ms") && text.contains("group_interval: 15000ms"), "{text}");
    assert!(text.contains("http://127.0.0.1:1/page"), "{text}");
}
