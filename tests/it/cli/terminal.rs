//! What is different where a person looks: the width, colour and progress.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::{ITEMS, Place};

/// Runs a command with both outputs on a terminal of 60 columns; what the terminal received.
fn on_a_terminal(place: &Place, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("terminal");
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).expect("terminal");
    let name = ptsname(&terminal, Vec::new()).expect("terminal").into_string().expect("UTF-8");
    let side = File::options().read(true).write(true).open(name).expect("terminal");
    tcsetwinsize(&side, Winsize { ws_row: 24, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0 }).expect("width");
    let mut command = place.command(arguments);
    command.env("TERM", "xterm").envs(environment.iter().copied());
    command.stdout(side.try_clone().expect("terminal")).stderr(Stdio::from(side));
    let mut child = command.spawn().expect("the binary runs");
    // The last copies of our own end: then reading ends when the child does.
    drop(command);
    let mut seen = Vec::new();
    // Linux reports the end of a terminal as an error.
    let _ = File::from(terminal).read_to_end(&mut seen);
    child.wait().expect("the binary ends");
    String::from_utf8(seen).expect("UTF-8")
}

fn without_colour(text: &str) -> String {
    regex::Regex::new("\x1b\\[[0-9;]*[mK]").expect("a pattern").replace_all(text, "").into_owned()
}

#[test]
fn a_table_is_coloured_and_no_wider_than_the_terminal() {
    let place = Place::new(ITEMS);
    let seen = on_a_terminal(&place, &["check", "--all"], &[]);
    assert!(seen.contains("\x1b[32mpass\x1b[0m") && seen.contains("\x1b[31mfail\x1b[0m"), "{seen:?}");
    assert!(seen.contains("\r1 of 3 evaluated"), "{seen:?}");
    let table = without_colour(seen.rsplit('\r').find(|part| part.contains("state")).unwrap_or(&seen));
    assert!(!table.is_empty());
    let text = without_colour(&seen);
    let wide = text.lines().filter(|line| !line.contains("evaluated") && line.trim_end().chars().count() > 60);
    assert_eq!(wide.collect::<Vec<_>>(), [""; 0], "{text}");
}

#[test]
fn colour_can_be_refused() {
    let place = Place::new(ITEMS);
    for variable in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let seen = on_a_terminal(&place, &["check"], &[variable]);
        assert!(seen.contains("pass") && !seen.contains("\x1b[3"), "{variable:?}: {seen:?}");
    }
    assert!(on_a_terminal(&place, &["check"], &[("NO_COLOR", "")]).contains("\x1b[32m"), "empty means not set");
}

#[test]
fn errors_are_coloured_too() {
    let place = Place::new("targts: {}\n");
    for arguments in [&["validate"][..], &["check"]] {
        assert!(on_a_terminal(&place, arguments, &[]).contains("\x1b["), "{arguments:?}");
        assert!(!on_a_terminal(&place, arguments, &[("NO_COLOR", "1")]).contains("\x1b["), "{arguments:?}");
    }
}
