//! The unit of systemd, by systemd's own tools. Nothing here is run by systemd: `daemon::service` has
//! what the process tells it.

use std::process::Command;

use super::said;
use crate::source::root;

/// Tenths; systemd calls up to 2.0 safe.
const EXPOSURE: &str = "20";

#[test]
fn systemd_takes_the_unit_and_finds_it_hardened() {
    let dir = tempfile::tempdir().expect("directory");
    let unit = dir.path().join("readiness-exporter.service");
    let text = std::fs::read_to_string(root().join("deploy/systemd/readiness-exporter.service")).expect("unit");
    let here = text.replace("/usr/local/bin/readiness-exporter", env!("CARGO_BIN_EXE_readiness-exporter"));
    assert_ne!(here, text);
    std::fs::write(&unit, &here).expect("unit");
    let (content, text) = said(Command::new("systemd-analyze").arg("verify").arg(&unit));
    assert!(content && text.trim().is_empty(), "{text}");

    let judge = || {
        let arguments = ["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE];
        said(Command::new("systemd-analyze").args(arguments).arg(&unit))
    };
    let (content, text) = judge();
    assert!(content, "{text}");
    std::fs::write(&unit, here.replace("CapabilityBoundingSet=\n", "").replace("NoNewPrivileges=yes\n", ""))
        .expect("unit");
    assert!(!judge().0, "a unit with all capabilities is not hardened");
}
