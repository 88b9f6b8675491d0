//! As a systemd service of type `notify`: the socket is the test's own.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::support::daemon::Launch;

/// What the manager hears within this time, one word a message.
fn heard(socket: &UnixDatagram, within: Duration) -> Vec<String> {
    let until = Instant::now() + within;
    let mut words = Vec::new();
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        socket.set_read_timeout(Some(left)).expect("timeout");
        let mut buffer = [0; 256];
        if let Ok(read) = socket.recv(&mut buffer) {
            words.push(String::from_utf8_lossy(&buffer[..read]).trim().to_owned());
        }
    }
    words
}

#[test]
fn systemd_hears_of_the_start_of_each_turn_and_of_the_end() {
    let dir = tempfile::tempdir().expect("directory");
    let config = dir.path().join("readiness.yaml");
    std::fs::write(&config, "checklists: {}\n").expect("root file");
    let manager = dir.path().join("notify");
    let socket = UnixDatagram::bind(&manager).expect("socket");
    let mut launch = Launch::new(dir.path(), &config);
    launch.environment.push(("NOTIFY_SOCKET".to_owned(), manager.display().to_string()));
    launch.environment.push(("WATCHDOG_USEC".to_owned(), "1000000".to_owned()));
    let daemon = launch.start();

    let words = heard(&socket, Duration::from_secs(3));
    let count = |words: &[String], word: &str| words.iter().filter(|heard| *heard == word).count();
    assert_eq!(count(&words, "READY=1"), 1, "{words:?}");
    assert!((3..=9).contains(&count(&words, "WATCHDOG=1")), "twice a second: {words:?}");

    daemon.signal("STOP");
    heard(&socket, Duration::from_millis(500));
    assert_eq!(heard(&socket, Duration::from_secs(2)), Vec::<String>::new(), "a process that stands still is not fed");
    daemon.signal("CONT");
    assert!(count(&heard(&socket, Duration::from_secs(3)), "WATCHDOG=1") >= 2, "it goes on");

    assert!(daemon.stop().success());
    let words = heard(&socket, Duration::from_millis(500));
    assert_eq!(count(&words, "STOPPING=1"), 1, "{words:?}");
}
