//! What happened, as a table: printed, and `docs/watched.md` if READINESS_RECORD is set.

use std::fmt;
use std::time::Duration;

use crate::source::root;

pub(super) struct Row {
    pub(super) fault: String,
    pub(super) item: String,
    /// From the fault to the gauge.
    pub(super) seen: Duration,
    /// From its end to the gauge.
    pub(super) back: Duration,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, item, seen, back } = self;
        write!(f, "| {fault} | {item} | {:.1} s | {:.1} s |", seen.as_secs_f64(), back.as_secs_f64())
    }
}

const HEAD: &str = "# Watched, not only polled

Written by `READINESS_RECORD=1 cargo test --test it watched`, from one run; do not edit. Each item is scheduled once in ten
minutes, and needs three looks to be confirmed as failing and two as passing. Real servers are broken and mended, but for
Kubernetes: there it is the recording of a real API server, which is changed by hand and streams the changes itself, so those
rows show what the daemon does with a change and not how fast a cluster tells of one. The times are from the end of the
command that does it until the item is confirmed in the answer of the daemon.

What is gone without a word (a process that is stopped with SIGSTOP, a network that drops everything) tells nothing: it is
found by the schedule.

| what happens | item | to the gauge | back on the gauge |
|---|---|---|---|
";

pub(super) fn record(rows: &[Row]) {
    let text = rows.iter().fold(HEAD.to_owned(), |text, row| format!("{text}{row}\n"));
    println!("{text}");
    if std::env::var_os("READINESS_RECORD").is_some() {
        std::fs::write(root().join("docs/watched.md"), text).expect("docs/watched.md");
    }
}
