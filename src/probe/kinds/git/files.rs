//! Files at a commit: whether they are there, and what they hold.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use schemars::JsonSchema;
use serde::Deserialize;

use super::document::{self, Collect, NoValues, Sections};
use super::facts::{Forbidden, Seen, Since};
use super::place::{OUTPUT, Place};
use super::since;
use crate::model::Reason;
use crate::probe::kinds::file::markdown;
use crate::probe::kinds::process::pattern;
use crate::probe::line::line;
use crate::probe::{Findings, ProbeError};

/// A file at the commit.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// Path inside the repository.
    pub(super) path: String,
    /// The file must not be there.
    pub(super) absent: bool,
    /// SHA-256 that its content must have, as 64 hexadecimal digits.
    pub(super) sha256: Option<String>,
    /// Regular expressions, each of which must match something in it.
    pub(super) contains: Vec<String>,
    /// Regular expressions, none of which may match a line of it. The line is not shown.
    pub(super) lacks: Vec<String>,
    /// Regular expressions with one group by a name: what the group matches first goes into `found`.
    pub(super) extract: BTreeMap<String, String>,
    /// It is a Markdown document whose relative links must lead to files of the repository.
    pub(super) links: bool,
    /// It is YAML or JSON: patterns are held against lines `path.to[0].field: value`, one for each value.
    pub(super) values: bool,
    /// So is the fenced block of a Markdown document with this key at its top, and the rest does not count.
    pub(super) block: Option<String>,
    /// Names that it mentions, by what they are called.
    pub(super) collect: BTreeMap<String, Collect>,
    /// Sections that it must have, and what must be in them.
    pub(super) sections: Vec<Sections>,
}

/// Patterns of one list.
const PATTERNS: usize = 50;
/// Bytes of what is extracted, and of a link that is shown.
const TEXT: usize = 300;
/// Places of forbidden lines, and broken links, of one file.
const SHOWN: usize = 100;

impl Wanted {
    pub(super) fn check(&self, at: usize, findings: &mut Findings) {
        let field = |name: &str| format!("files[{at}].{name}");
        let path = &self.path;
        if path.is_empty() || path.starts_with('/') || path.contains('\n') || path.split('/').any(|part| part == "..") {
            findings.error(&field("path"), "expected a path inside the repository");
        }
        let is_digest = |text: &String| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.sha256.as_ref().is_some_and(|text| !is_digest(text)) {
            findings.error(&field("sha256"), "expected 64 hexadecimal digits");
        }
        let (contains, lacks) = (self.contains.iter(), self.lacks.iter());
        let all = [
            ("contains", contains.collect::<Vec<_>>()),
            ("lacks", lacks.collect()),
            ("extract", self.extract.values().collect()),
        ];
        for (name, patterns) in &all {
            if patterns.len() > PATTERNS {
                findings.error(&field(name), format!("at most {PATTERNS} patterns"));
            }
            for text in patterns {
                match pattern(text) {
                    Err(why) => findings.error(&field(name), why),
                    Ok(found) if *name == "extract" && found.captures_len() != 2 => {
                        findings.error(&field(name), "exactly one group is needed");
                    }
                    Ok(_) => {}
                }
            }
        }
        for (name, collect) in &self.collect {
            collect.check(&field(&format!("collect.{name}")), findings);
        }
        self.sections.iter().for_each(|sections| sections.check(&field("sections"), findings));
        if self.block.is_some() && self.values {
            findings.error(&field("block"), "a block is one of values already");
        }
        if (self.block.is_some() || self.values) && !self.sections.is_empty() {
            findings.error(&field("sections"), "values have no sections");
        }
        let named = !self.collect.is_empty() || !self.sections.is_empty();
        let judged =
            self.links || named || self.sha256.is_some() || all.iter().any(|(_, patterns)| !patterns.is_empty());
        if self.absent && judged {
            findings.error(&field("absent"), "a file that must be absent has no content to judge");
        }
    }

    /// The part of its text that patterns are held against.
    pub(super) fn meant<'a>(&self, text: &'a str) -> Result<Cow<'a, str>, NoValues> {
        Ok(match &self.block {
            Some(key) => Cow::Owned(document::values(&document::block(text, key)?)?),
            None if self.values => Cow::Owned(document::values(text)?),
            None => Cow::Borrowed(text),
        })
    }
}

/// All of them, in order.
pub(super) async fn look(place: &Place<'_>, commit: &str, wanted: &[Wanted]) -> Result<Vec<Seen>, ProbeError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let of_tree = |wanted: &Wanted| wanted.links || wanted.collect.values().any(|collect| collect.paths);
    let paths = match wanted.iter().any(of_tree) {
        true => tree(place, commit).await?,
        false => BTreeSet::new(),
    };
    let mut seen = Vec::new();
    for wanted in wanted {
        let content = blob(place, commit, &wanted.path).await?;
        let mut found = one(wanted, content, &paths)?;
        for (name, _) in wanted.collect.iter().filter(|(_, collect)| collect.since) {
            let Some(now) = found.collected.get(name) else { continue };
            let (times, whole) = since::look(place, commit, wanted, name, now).await?;
            if whole {
                found
                    .since_s
                    .insert(name.clone(), times.into_iter().map(|(text, at_s)| Since { text, at_s }).collect());
            }
        }
        seen.push(found);
    }
    Ok(seen)
}

/// `None` if there is no such file.
pub(super) async fn blob(place: &Place<'_>, commit: &str, path: &str) -> Result<Option<(String, Vec<u8>)>, ProbeError> {
    let asked = format!("{commit}:{path}\n").into_bytes();
    let ended = place.ask(&["cat-file", "--batch"], Some(asked)).await?;
    let too_large = || {
        let detail = format!("{} is larger than {OUTPUT} bytes", line(path, TEXT));
        ProbeError::observer(Reason::TooLarge, detail)
    };
    let mut parts = ended.stdout.bytes.splitn(2, |byte| *byte == b'\n');
    let head = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let rest = parts.next().unwrap_or_default();
    let words: Vec<&str> = head.rsplitn(3, ' ').collect();
    match words.as_slice() {
        ["missing", ..] => Ok(None),
        [size, "blob", id] => {
            let size: usize = size.parse().map_err(|_| ProbeError::internal("git told no size of a file"))?;
            rest.get(..size).map(|content| Some(((*id).to_owned(), content.to_vec()))).ok_or_else(too_large)
        }
        [_, "tree" | "commit", _] => Ok(None),
        _ => Err(ProbeError::internal("git answered something unknown about a file")),
    }
}

/// Every path of the commit, folders too.
async fn tree(place: &Place<'_>, commit: &str) -> Result<BTreeSet<String>, ProbeError> {
    let ended = place.ask(&["ls-tree", "-r", "-t", "-z", "--full-tree", "--name-only", commit], None).await?;
    if ended.stdout.truncated {
        return Err(ProbeError::observer(Reason::TooLarge, "the repository has too many files to look at its links"));
    }
    let paths = ended.stdout.bytes.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
}

fn one(wanted: &Wanted, content: Option<(String, Vec<u8>)>, paths: &BTreeSet<String>) -> Result<Seen, ProbeError> {
    let mut seen = Seen { path: line(&wanted.path, TEXT), ..Seen::default() };
    let Some((id, content)) = content else { return Ok(seen) };
    (seen.exists, seen.blob) = (true, id);
    seen.sha256 = sha256(&content);
    seen.size_bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
    let text = String::from_utf8_lossy(&content);
    let whole = &text;
    let text = match wanted.meant(&text) {
        Ok(text) => text,
        Err(NoValues::Unreadable(why)) => {
            seen.unreadable = Some(why);
            return Ok(seen);
        }
        Err(NoValues::TooLarge) => return Err(document::too_large(&wanted.path)),
    };
    let compiled = |text: &String| pattern(text).map_err(ProbeError::unconfigured);
    for (at, wanted) in wanted.contains.iter().enumerate() {
        if !compiled(wanted)?.is_match(&text) {
            seen.lacking.push(at);
        }
    }
    for (at, unwanted) in wanted.lacks.iter().enumerate() {
        let unwanted = compiled(unwanted)?;
        let mut lines = text.lines().enumerate().filter(|(_, line)| unwanted.is_match(line));
        seen.forbidden
            .extend(lines.by_ref().take(SHOWN).map(|(number, _)| Forbidden { pattern: at, line: number + 1 }));
        seen.more_forbidden |= lines.next().is_some();
    }
    for (name, wanted) in &wanted.extract {
        if let Some(found) = compiled(wanted)?.captures(&text).and_then(|groups| groups.get(1)) {
            let found = line(found.as_str().trim(), TEXT);
            if let Some(at) = date(&found) {
                seen.dates.insert(name.clone(), at);
            }
            seen.found.insert(name.clone(), found);
        }
    }
    for (name, collect) in &wanted.collect {
        let (found, more) = collect.look(&text)?;
        if more {
            return Err(document::too_many(&wanted.path, name));
        }
        if collect.paths {
            let gone = found.iter().map(|text| document::path(text)).filter(|path| !paths.contains(path));
            seen.missing_paths.extend(gone.take(SHOWN).map(|path| line(&path, TEXT)));
        }
        seen.collected.insert(name.clone(), found);
    }
    for sections in &wanted.sections {
        seen.sections.push(sections.look(&text)?);
    }
    if wanted.links {
        let outline = markdown::outline(whole)
            .map_err(|why| ProbeError::target(Reason::Invalid, format!("{}: {why}", line(&wanted.path, TEXT))))?;
        let mut broken = outline.links.iter().filter(|link| leads_nowhere(link, &wanted.path, paths));
        seen.broken_links = broken.by_ref().take(SHOWN).map(|link| line(link, TEXT)).collect();
        seen.more_links = broken.next().is_some();
    }
    Ok(seen)
}

fn sha256(content: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, content);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The beginning of a day, in UTC, or an instant.
fn date(text: &str) -> Option<f64> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond() as f64 / 1e3);
    }
    let day = ["%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%d %b %Y", "%b %d, %Y"]
        .iter()
        .find_map(|format| jiff::civil::Date::strptime(format, text).ok())?;
    Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond() as f64 / 1e3)
}

fn leads_nowhere(link: &str, from: &str, paths: &BTreeSet<String>) -> bool {
    let Some(link) = markdown::relative(link) else { return false };
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return true;
                }
            }
            part => parts.push(part),
        }
    }
    !parts.is_empty() && !paths.contains(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_people_write_them() {
        for text in ["2025-01-25", "25 January 2025", "January 25, 2025", "2025-01-25T00:00:00Z"] {
            assert_eq!(date(text), Some(1_737_763_200.0), "{text}");
        }
        assert_eq!(date("soon"), None);
    }

    #[test]
    fn content_is_told_by_its_hash() {
        let seen = one(&Wanted::default(), Some(("id".to_owned(), b"abc".to_vec())), &BTreeSet::new()).unwrap();
        assert_eq!(seen.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(one(&Wanted::default(), None, &BTreeSet::new()).unwrap().sha256, "");
    }

    #[test]
    fn links_are_followed_inside_the_tree() {
        let paths: BTreeSet<String> = ["docs", "docs/a.md", "README.md"].map(str::to_owned).into();
        for (link, nowhere) in [
            ("a.md", false),
            ("./a.md#part", false),
            ("../README.md", false),
            ("../docs/", false),
            ("b.md", true),
            ("../../README.md", true),
            ("https://example.org/b.md", false),
            ("#part", false),
        ] {
            assert_eq!(leads_nowhere(link, "docs/index.md", &paths), nowhere, "{link}");
        }
    }
}
