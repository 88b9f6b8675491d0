//! Lines of the tree that match a pattern: how many and where. Of their text only what a group of a pattern
//! takes is kept.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use schemars::JsonSchema;
use serde::Deserialize;

use super::facts::Found;
use super::fault;
use super::history::shallow;
use super::place::Place;
use crate::model::Reason;
use crate::probe::kinds::process::pattern;
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
    /// Regular expression with one group: what it matches in these lines is kept, each text once.
    pub(super) collect: Option<String>,
    /// Extended regular expression (POSIX) that must match a line behind each of them, before the next of them
    /// in the same file.
    pub(super) followed_by: Option<String>,
    /// Seconds since each of them was put in, at most, as the newest commit with a change of such a line tells it
    /// of each file.
    pub(super) max_age_s: Option<u32>,
}

/// Places in the facts.
const PLACES: usize = 20;
/// Files, and texts, in the facts.
const KEPT: usize = 1000;
/// Files of which the age is looked up.
const AGED: usize = 50;
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
        match self.collect.as_deref().map(pattern) {
            Some(Err(why)) => findings.error(&format!("search[{at}].collect"), why),
            Some(Ok(found)) if found.captures_len() != 2 => {
                findings.error(&format!("search[{at}].collect"), "exactly one group is needed");
            }
            _ => {}
        }
        if self.followed_by.as_deref().is_some_and(|pattern| pattern.is_empty() || pattern.contains(['\n', '\0'])) {
            findings.error(&format!("search[{at}].followed_by"), "expected a pattern of one line");
        }
    }
}

pub(super) async fn look(place: &Place<'_>, commit: &str, wanted: &Search) -> Result<Found, ProbeError> {
    let (lines, truncated) = grep(place, commit, &wanted.pattern, &wanted.paths).await?;
    let collect = wanted.collect.as_deref().map(pattern).transpose().map_err(ProbeError::unconfigured)?;
    let mut found = Found { count: lines.len(), more: truncated, ..Found::default() };
    found.places = lines.iter().take(PLACES).map(Hit::place).collect();
    found.files = lines.iter().map(|hit| line(&hit.path, PATH)).collect();
    for hit in &lines {
        let texts = collect.iter().flat_map(|collect| collect.captures_iter(&hit.text));
        found.collected.extend(texts.filter_map(|groups| groups.get(1)).map(|text| line(text.as_str().trim(), PATH)));
    }
    for kept in [&mut found.files, &mut found.collected] {
        found.more |= kept.len() > KEPT;
        *kept = std::mem::take(kept).into_iter().take(KEPT).collect();
    }
    if let Some(followed_by) = &wanted.followed_by {
        let (others, truncated) = grep(place, commit, followed_by, &wanted.paths).await?;
        found.more |= truncated;
        found.alone = alone(&lines, &others).into_iter().take(PLACES).map(Hit::place).collect();
    }
    if wanted.max_age_s.is_some() {
        let paths: BTreeSet<&str> = lines.iter().map(|hit| hit.path.as_str()).collect();
        found.more |= paths.len() > AGED;
        for path in paths.into_iter().take(AGED) {
            let age = age(place, commit, &wanted.pattern, path).await?;
            found.more |= age.is_none();
            found.oldest_s = [found.oldest_s, age].into_iter().flatten().reduce(f64::max);
        }
    }
    Ok(found)
}

/// One line that matches.
struct Hit {
    path: String,
    number: u64,
    text: String,
}

impl Hit {
    fn place(&self) -> String {
        format!("{}:{}", line(&self.path, PATH), self.number)
    }
}

/// Those behind which, before the next of their own in the same file, none of the others stands. Both may be
/// in any order; each is looked at once, for a repository can have very many.
fn alone<'a>(own: &'a [Hit], others: &[Hit]) -> Vec<&'a Hit> {
    let mut by_path: HashMap<&str, (BTreeSet<u64>, BTreeSet<u64>)> = HashMap::new();
    for hit in own {
        by_path.entry(&hit.path).or_default().0.insert(hit.number);
    }
    for hit in others {
        if let Some((_, numbers)) = by_path.get_mut(hit.path.as_str()) {
            numbers.insert(hit.number);
        }
    }
    let behind = |numbers: &BTreeSet<u64>, hit: &Hit| {
        let after = (Bound::Excluded(hit.number), Bound::Unbounded);
        numbers.range(after).next().copied()
    };
    let is_followed = |hit: &&Hit| {
        let Some((own, others)) = by_path.get(hit.path.as_str()) else { return false };
        behind(others, hit).is_some_and(|other| behind(own, hit).is_none_or(|next| other < next))
    };
    own.iter().filter(|hit| !is_followed(hit)).collect()
}

/// The lines that match, and whether there are more.
async fn grep(
    place: &Place<'_>,
    commit: &str,
    pattern: &str,
    paths: &[String],
) -> Result<(Vec<Hit>, bool), ProbeError> {
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
        pattern,
        commit,
        "--",
    ];
    arguments.extend(paths.iter().map(String::as_str));
    let ended = place.run(true, &arguments, None).await?;
    match ended.exit_code {
        Some(0 | 1) if ended.stderr.bytes.is_empty() || ended.exit_code == Some(0) => {
            Ok((read(&ended.stdout.bytes, commit), ended.stdout.truncated))
        }
        code => {
            let error = fault::of("grep", code, &ended.stderr.bytes);
            Err(ProbeError::observer(Reason::Query, error.detail))
        }
    }
}

/// Seconds since such a line was put into the file, or taken out of it; `None` if the history does not tell.
async fn age(place: &Place<'_>, commit: &str, pattern: &str, path: &str) -> Result<Option<f64>, ProbeError> {
    let (matching, path) = (format!("-G{pattern}"), format!(":(literal){path}"));
    let arguments = ["log", "-1", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-patch", "--format=%H%x09%ct"];
    let ended = place.ask(&[&arguments[..], &[&matching, commit, "--", &path]].concat(), None).await?;
    let said = String::from_utf8_lossy(&ended.stdout.bytes).trim().to_owned();
    let Some((id, at)) = said.split_once('\t') else { return Ok(None) };
    if shallow(place).await?.iter().any(|end| end == id) {
        return Ok(None);
    }
    Ok(at.parse::<f64>().ok().map(|at| place.cx().now().as_secs_f64() - at))
}

/// Reads `commit:path<nul>number<nul>text<newline>`; older versions write `:` after the number.
fn read(output: &[u8], commit: &str) -> Vec<Hit> {
    let mut found = Vec::new();
    for entry in output.split(|byte| *byte == b'\n') {
        let mut parts = entry.splitn(2, |byte| *byte == 0);
        let (Some(path), Some(rest)) = (parts.next(), parts.next()) else { continue };
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = String::from_utf8_lossy(rest.get(..digits).unwrap_or_default()).parse().unwrap_or_default();
        let text = String::from_utf8_lossy(rest.get(digits + 1..).unwrap_or_default()).into_owned();
        let path = String::from_utf8_lossy(path);
        let path = path.strip_prefix(commit).and_then(|path| path.strip_prefix(':')).unwrap_or(&path).to_owned();
        found.push(Hit { path, number, text });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_places() {
        let found = read(b"c0ffee:a b.txt\x007\x00password = hunter22\nc0ffee:x:y\x0012:token\n", "c0ffee");
        let found: Vec<_> = found.iter().map(|hit| (hit.place(), hit.text.as_str())).collect();
        assert_eq!(found, [("a b.txt:7".to_owned(), "password = hunter22"), ("x:y:12".to_owned(), "token")]);
    }

    #[test]
    fn what_follows_stands_before_the_next() {
        let hit = |path: &str, number| Hit { path: path.to_owned(), number, text: String::new() };
        let own = [hit("a", 1), hit("a", 10), hit("b", 5)];
        let others = [hit("a", 11), hit("b", 4), hit("c", 9)];
        let places = |hits: Vec<&Hit>| hits.into_iter().map(Hit::place).collect::<Vec<_>>();
        assert_eq!(places(alone(&own, &others)), ["a:1", "b:5"]);
    }

    /// As it is meant, one by one.
    fn is_followed(hit: &Hit, own: &[Hit], others: &[Hit]) -> bool {
        let behind = |other: &&Hit| other.path == hit.path && other.number > hit.number;
        let next = own.iter().filter(behind).map(|hit| hit.number).min();
        others.iter().filter(behind).any(|hit| next.is_none_or(|next| hit.number < next))
    }

    #[test]
    fn each_line_is_looked_at_once() {
        let hit =
            |n: u64, files: u64| Hit { path: (n % files).to_string(), number: n * 7919 % 1009, text: String::new() };
        for (own, others, files) in [(40, 40, 1), (60, 20, 3), (20, 90, 4), (30, 0, 2), (0, 30, 2)] {
            let own: Vec<_> = (0..own).map(|n| hit(n, files)).collect();
            let others: Vec<_> = (0..others).map(|n| hit(n * 3 + 1, files)).collect();
            let slow = own.iter().filter(|hit| !is_followed(hit, &own, &others)).map(Hit::place);
            assert!(alone(&own, &others).into_iter().map(Hit::place).eq(slow));
        }
        let many = |odd: u64| {
            (0..200_000).map(move |n| Hit { path: "f".to_owned(), number: 2 * n + odd, text: String::new() })
        };
        let (own, others): (Vec<_>, Vec<_>) = (many(0).collect(), many(1).collect());
        let begun = tokio::time::Instant::now();
        assert!(alone(&own, &others).is_empty());
        // One by one they would take minutes.
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
