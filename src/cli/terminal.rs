//! What the place that a command writes to can show.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::os::fd::AsFd;

use crate::diag::Palette;

/// Of standard output or standard error. The default is a file or a pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// In columns; absent where lines may be as long as they need to be.
    pub width: Option<u16>,
    pub colour: bool,
}

impl Terminal {
    pub(super) fn of_stdout() -> Self {
        Self::of(&stdout())
    }

    pub(super) fn of_stderr() -> Self {
        Self::of(&stderr())
    }

    /// Colour is refused by `NO_COLOR`, with any value but an empty one, and by a dumb terminal.
    fn of<S: IsTerminal + AsFd>(stream: &S) -> Self {
        if !stream.is_terminal() {
            return Self::default();
        }
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let width = rustix::termios::tcgetwinsize(stream).ok().map(|size| size.ws_col).filter(|columns| *columns > 0);
        Self { width, colour: !refused && !dumb }
    }

    pub(super) fn palette(self) -> Palette {
        if self.colour { Palette::Colour } else { Palette::Plain }
    }
}

/// Writes the result of a command. A reader that has seen enough, as `head` has, is no error.
pub(super) fn say(text: &str) -> std::io::Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// For the person at the terminal, whatever the log level.
pub(super) fn complain(text: &str) {
    // Nobody is left to be told that standard error is closed.
    let _ = writeln!(stderr(), "{}", text.trim_end());
}
