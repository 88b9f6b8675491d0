//! How far a long command has come, on a terminal.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicUsize, Ordering};

/// One line on standard error that is rewritten; nothing unless that is a terminal.
pub(super) struct Progress {
    done: AtomicUsize,
    all: usize,
    shown: bool,
}

impl Progress {
    pub(super) fn new(all: usize) -> Self {
        Self { done: AtomicUsize::new(0), all, shown: stderr().is_terminal() }
    }

    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if self.shown {
            // A terminal that is gone is no reason to fail.
            let _ = write!(stderr(), "\r{done} of {} evaluated", self.all);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
