//! What git says when it cannot: whose fault that is. Its messages are those of the C locale.

use crate::model::Reason;
use crate::probe::line::line;
use crate::probe::{Blame, ProbeError};

/// Text of git is cut here before it goes into a sentence.
const SAID: usize = 200;

/// Parts of messages, lower case. The first that is found counts: credentials before what is missing.
const MEANINGS: &[(&str, Reason, Blame)] = &[
    ("authentication failed", Reason::AuthRejected, Blame::Observer),
    ("could not read username", Reason::AuthRejected, Blame::Observer),
    ("could not read password", Reason::AuthRejected, Blame::Observer),
    ("terminal prompts disabled", Reason::AuthRejected, Blame::Observer),
    ("permission denied (", Reason::AuthRejected, Blame::Observer),
    ("returned error: 401", Reason::AuthRejected, Blame::Observer),
    ("http 401", Reason::AuthRejected, Blame::Observer),
    ("http 403", Reason::PermissionDenied, Blame::Observer),
    ("returned error: 403", Reason::PermissionDenied, Blame::Observer),
    // Another key than the known one: this may be another host. One that is not known is ours to add.
    ("remote host identification has changed", Reason::TlsUntrusted, Blame::Target),
    ("host key verification failed", Reason::TlsUntrusted, Blame::Observer),
    ("could not resolve host", Reason::Dns, Blame::Target),
    ("connection refused", Reason::Refused, Blame::Target),
    ("failed to connect", Reason::Refused, Blame::Target),
    ("couldn't connect to server", Reason::Refused, Blame::Target),
    ("could not connect to server", Reason::Refused, Blame::Target),
    ("no route to host", Reason::Unreachable, Blame::Target),
    ("network is unreachable", Reason::Unreachable, Blame::Target),
    ("certificate has expired", Reason::TlsExpired, Blame::Target),
    ("certificate", Reason::TlsUntrusted, Blame::Target),
    ("ssl", Reason::TlsHandshake, Blame::Target),
    ("returned error: 5", Reason::Status, Blame::Target),
    ("connection reset", Reason::Reset, Blame::Target),
    ("permission denied", Reason::PermissionDenied, Blame::Observer),
    // A forge says so too of what this login may not see, so nobody is blamed.
    ("not found", Reason::Missing, Blame::Observer),
    ("access denied or repository not exported", Reason::Missing, Blame::Observer),
    ("does not exist", Reason::Missing, Blame::Observer),
    ("does not appear to be a git repository", Reason::Missing, Blame::Observer),
    ("no such file or directory", Reason::Missing, Blame::Observer),
    ("not a git repository", Reason::Missing, Blame::Observer),
    ("unable to find remote helper", Reason::Missing, Blame::Observer),
    ("cannot run ssh", Reason::Missing, Blame::Observer),
];

/// `what` is what git was asked, such as `ls-remote`.
pub(super) fn of(what: &str, code: Option<i32>, stderr: &[u8]) -> ProbeError {
    let said = String::from_utf8_lossy(stderr);
    let lower = said.to_lowercase();
    let meaning = MEANINGS.iter().find(|(part, ..)| lower.contains(part));
    let (reason, blame) = meaning.map_or((Reason::ExitStatus, Blame::Observer), |(_, reason, blame)| (*reason, *blame));
    let meant = |line: &&str| meaning.is_some_and(|(part, ..)| line.to_lowercase().contains(part));
    let telling = said.lines().find(meant);
    let telling =
        telling.or_else(|| said.lines().rfind(|line| line.starts_with("fatal:") || line.starts_with("error:")));
    let telling = telling.or_else(|| said.lines().next()).unwrap_or("nothing");
    let code = code.map_or("no code".to_owned(), |code| format!("code {code}"));
    let detail = format!("git {what} ended with {code} and said: {}", line(telling, SAID));
    ProbeError { reason, blame, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_fault_is_told_from_that_of_the_target() {
        let cases = [
            ("fatal: Authentication failed for 'http://h/r/'", Reason::AuthRejected, Blame::Observer),
            (
                "fatal: unable to access 'http://h/': Failed to connect to h port 1: Couldn't connect to server",
                Reason::Refused,
                Blame::Target,
            ),
            (
                "fatal: unable to access 'https://h/': The requested URL returned error: 502",
                Reason::Status,
                Blame::Target,
            ),
            ("fatal: repository 'http://h/r/' not found", Reason::Missing, Blame::Observer),
            ("something new", Reason::ExitStatus, Blame::Observer),
        ];
        for (said, reason, blame) in cases {
            let error = of("ls-remote", Some(128), said.as_bytes());
            assert_eq!((error.reason, error.blame), (reason, blame), "{said}");
        }
    }
}
