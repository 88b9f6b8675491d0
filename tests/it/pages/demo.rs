//! `scripts/demo` starts everything, shows where it is, and leaves nothing behind.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use crate::source::root;
use crate::support::client;

#[test]
fn the_demonstration_starts_and_ends() {
    let place = tempfile::tempdir().expect("directory");
    // The user of PostgreSQL must come through.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(place.path(), open).expect("mode");
    let mut demo = Command::new(root().join("scripts/demo"))
        .env("READINESS_BIN", env!("CARGO_BIN_EXE_readiness-exporter"))
        .env("TMPDIR", place.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("demo");
    let mut said = Vec::new();
    // Open until the end: it goes on to say things.
    let mut output = BufReader::new(demo.stdout.take().expect("output"));
    for line in output.by_ref().lines().map_while(Result::ok) {
        if line.contains("Ctrl-C stops everything") {
            break;
        }
        said.push(line);
    }
    let address = |name: &str| {
        let line = said.iter().find_map(|line| line.trim().strip_prefix(name)?.trim().strip_prefix("http://"));
        let line = line.unwrap_or_else(|| panic!("no address of {name}: {said:#?}"));
        line.split('/').next().unwrap_or_default().to_owned()
    };
    let addresses = ["board", "Prometheus", "Alertmanager"].map(address);
    for address in &addresses {
        assert_eq!(client::get(address, "/-/ready").expect("an answer").status, 200, "{address}");
    }
    crate::support::daemon::signal(demo.id(), "TERM");
    assert_eq!(demo.wait().expect("demo").code(), Some(143));
    for address in &addresses {
        assert!(client::get(address, "/-/ready").is_err(), "{address} still answers");
    }
    assert_eq!(std::fs::read_dir(place.path()).expect("directory").count(), 0, "it leaves files behind");
}
