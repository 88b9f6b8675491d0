//! Lines of the tree that match a pattern: how many and where, never what they are.

use schemars::JsonSchema;
use serde::Deserialize;

use super::facts::Found;
use super::fault;
use super::place::Place;
use crate::model::Reason;
use crate::probe::line::line;
use crate::probe::{Findings, ProbeError};

/// A search in all text files of the commit.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Search {
    /// Conditions find it under this name.
    pub(super) name: String,
    /// Extended regular expression (POSIX), matched against each line.
    pub(super) pattern: String,
    /// Patterns of paths as git takes them, such as `*.go` or `:!docs`; none: all files.
    pub(super) paths: Vec<String>,
    /// At least so many lines must match.
    pub(super) at_least: usize,
    /// At most so many may; 0 forbids the pattern.
    pub(super) at_most: Option<usize>,
}

/// Places in the facts.
const PLACES: usize = 20;
/// Bytes of a path there.
const PATH: usize = 300;

impl Search {
    pub(super) fn check(&self, at: usize, findings: &mut Findings) {
        if self.name.is_empty() {
            findings.error(&format!("search[{at}].name"), "a search needs a name");
        }
        if self.pattern.is_empty() || self.pattern.contains(['\n', '\0']) {
            findings.error(&format!("search[{at}].pattern"), "expected a pattern of one line");
        }
        if self.at_most.is_some_and(|most| most < self.at_least) {
            findings.error(&format!("search[{at}].at_most"), "expected no less than `at_least`");
        }
    }
}

pub(super) async fn look(place: &Place<'_>, commit: &str, wanted: &Search) -> Result<Found, ProbeError> {
    let mut arguments = vec![
        "grep",
        "--full-name",
        "--no-color",
        "--no-recurse-submodules",
        "--threads=1",
        "-I",
        "-n",
        "-z",
        "-E",
        "-e",
        &wanted.pattern,
        commit,
        "--",
    ];
    arguments.extend(wanted.paths.iter().map(String::as_str));
    let ended = place.run(true, &arguments, None).await?;
    match ended.exit_code {
        Some(0 | 1) if ended.stderr.bytes.is_empty() || ended.exit_code == Some(0) => {
            let mut found = read(&ended.stdout.bytes, commit);
            found.more = ended.stdout.truncated;
            Ok(found)
        }
        code => {
            let error = fault::of("grep", code, &ended.stderr.bytes);
            Err(ProbeError::observer(Reason::Query, error.detail))
        }
    }
}

/// Reads `commit:path<nul>number<nul>text<newline>`; older versions write `:` after the number.
fn read(output: &[u8], commit: &str) -> Found {
    let mut found = Found::default();
    for entry in output.split(|byte| *byte == b'\n') {
        let mut parts = entry.splitn(2, |byte| *byte == 0);
        let (Some(path), Some(rest)) = (parts.next(), parts.next()) else { continue };
        let number: String =
            rest.iter().take_while(|byte| byte.is_ascii_digit()).map(|&byte| char::from(byte)).collect();
        found.count += 1;
        if found.places.len() < PLACES {
            let path = String::from_utf8_lossy(path);
            let path = path.strip_prefix(commit).and_then(|path| path.strip_prefix(':')).unwrap_or(&path);
            found.places.push(format!("{}:{number}", line(path, PATH)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_without_the_lines() {
        let found = read(b"c0ffee:a b.txt\x007\x00password = hunter22\nc0ffee:x:y\x0012:token\n", "c0ffee");
        assert_eq!((found.count, found.places), (2, vec!["a b.txt:7".to_owned(), "x:y:12".to_owned()]));
    }
}
