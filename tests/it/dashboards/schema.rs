//! The boards against the types that Grafana publishes, of versions 10, 11 and 12.

use std::process::Command;

use crate::source::root;

#[test]
fn grafana_10_11_and_12_know_the_format() {
    let place = root().join("target/grafana");
    assert!(place.join("node_modules").is_dir(), "run `scripts/setup test`: Grafana's types are not there");
    let checked =
        Command::new("node").arg(place.join("check.mjs")).arg(root().join("dashboards")).output().expect("node");
    let said = String::from_utf8_lossy(&checked.stdout).into_owned() + &String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
    assert_eq!(said.matches(": valid").count(), 18, "six boards in three versions: {said}");
}
