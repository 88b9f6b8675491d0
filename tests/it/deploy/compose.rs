//! The Compose file, by the program that reads it. The images of others cannot be had here.

use std::process::Command;

use super::said;
use crate::source::root;

#[test]
fn compose_takes_the_file_and_finds_what_it_mounts() {
    let file = root().join("deploy/compose/compose.yaml");
    let (content, text) = said(Command::new("docker-compose").arg("--file").arg(&file).arg("config"));
    assert!(content, "{text}");
    let here = format!("{}/", root().display());
    let mounted: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- ")?.strip_suffix(":ro")?.split(':').next())
        .collect();
    assert!(mounted.len() >= 7, "{text}");
    for path in mounted {
        assert!(path.starts_with(&here), "{path}");
        // Whoever starts it chooses this password.
        assert!(path.ends_with("/grafana-admin") || std::path::Path::new(path).exists(), "{path} is not there");
    }
}
