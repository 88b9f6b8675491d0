//! Whole documents of a folder, for other legs that hold them against what a server says.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::place::Place;
use crate::model::Reason;
use crate::probe::kinds::file::content::{NoYaml, bounded_yaml};
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

/// Documents of one folder.
const FILES: usize = 100;
/// Bytes of one of them, and of all.
const FILE_BYTES: usize = 1 << 20;
const ALL_BYTES: usize = 6 << 20;
/// Bytes of a path in a sentence.
const PATH: usize = 300;

/// A clause that says what is wrong with the folder of a leg.
pub(super) fn is_folder(folder: &str) -> Result<(), &'static str> {
    let plain = |part: &str| !part.is_empty() && !matches!(part, "." | "..");
    if folder.contains(['\n', '\0']) || !folder.split('/').all(plain) {
        return Err("expected a folder inside the repository, without `/` at its ends");
    }
    Ok(())
}

/// The documents that a leg of the item has read, by their paths. There is at least one.
pub(in crate::probe::kinds) fn of_leg<'a>(cx: &'a ProbeCx, leg: &str) -> Result<&'a Map<String, Value>, ProbeError> {
    let documents = cx.leg(leg).and_then(|facts| facts.get("documents")?.as_object());
    documents.filter(|documents| !documents.is_empty()).ok_or_else(|| {
        ProbeError::observer(Reason::NoData, format!("expected committed documents to compare with, {leg} saw none"))
    })
}

/// All of the folder, by their paths. One that is broken is a fault of the repository; of too many, or of
/// one that is too large, nothing is known.
pub(super) async fn look(place: &Place<'_>, commit: &str, folder: &str) -> Result<BTreeMap<String, Value>, ProbeError> {
    let listed = place.ask(&["ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", folder], None).await?;
    if listed.stdout.truncated {
        return Err(too_large(folder));
    }
    let entries = entries(&listed.stdout.bytes);
    let bytes: usize = entries.iter().map(|entry| entry.bytes).fold(0, usize::saturating_add);
    if entries.len() > FILES || bytes > ALL_BYTES || entries.iter().any(|entry| entry.bytes > FILE_BYTES) {
        return Err(too_large(folder));
    }
    if entries.is_empty() {
        return Ok(BTreeMap::new());
    }
    let asked = entries.iter().fold(String::new(), |asked, entry| asked + &entry.id + "\n");
    let ended = place.ask(&["cat-file", "--batch"], Some(asked.into_bytes())).await?;
    let mut rest = ended.stdout.bytes.as_slice();
    let mut documents = BTreeMap::new();
    for entry in entries {
        let content = next(&mut rest, &entry).ok_or_else(|| ProbeError::internal("git gave no whole file"))?;
        let value = parse(&entry.path, content)?;
        documents.insert(entry.path, value);
    }
    Ok(documents)
}

/// A file of the folder that is a document by its name.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    id: String,
    bytes: usize,
    path: String,
}

/// Reads `mode blob id size<tab>path<nul>`. Links and other repositories are left out.
fn entries(listing: &[u8]) -> Vec<Entry> {
    let one = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        let (head, path) = line.split_once('\t')?;
        let mut words = head.split_whitespace();
        let (mode, kind, id, bytes) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let is_document = [".json", ".yaml", ".yml"].iter().any(|ending| path.ends_with(ending));
        let is_file = kind == "blob" && mode.starts_with("100");
        let entry = || Some(Entry { id: id.to_owned(), bytes: bytes.parse().ok()?, path: path.to_owned() });
        if is_document && is_file { entry() } else { None }
    };
    listing.split(|byte| *byte == 0).filter_map(one).collect()
}

/// The content of the next file of `id blob size<newline>content<newline>`.
fn next<'a>(rest: &mut &'a [u8], entry: &Entry) -> Option<&'a [u8]> {
    let head = rest.iter().position(|byte| *byte == b'\n')? + 1;
    let end = head.checked_add(entry.bytes)?;
    let content = rest.get(head..end)?;
    *rest = rest.get(end + 1..).unwrap_or_default();
    Some(content)
}

fn parse(path: &str, content: &[u8]) -> Result<Value, ProbeError> {
    let broken = |why: &str| {
        ProbeError::target(Reason::Invalid, format!("expected a document in {}, but {why}", line(path, PATH)))
    };
    let text = std::str::from_utf8(content).map_err(|_| broken("the content is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if path.ends_with(".json") {
        return serde_json::from_str(text).map_err(|error| {
            broken(&format!("the content is no JSON, line {} column {}", error.line(), error.column()))
        });
    }
    bounded_yaml(text).map_err(|error| match error {
        NoYaml::Broken(why) => broken(&why),
        NoYaml::TooLarge => too_large(path),
    })
}

fn too_large(what: &str) -> ProbeError {
    let what = line(what, PATH);
    let detail = format!("{what} is more than is read: {FILES} documents of {FILE_BYTES} bytes, {ALL_BYTES} in all");
    ProbeError::observer(Reason::TooLarge, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_from_links_and_other_files() {
        let listing = b"100644 blob aa      12\td/a.json\x00120000 blob bb       3\td/link.yml\x00\
            100755 blob cc       4\td/e/b \xc3\xa4.yaml\x00160000 commit dd       -\td/sub.json\x00\
            100644 blob ee       1\td/notes.md\x00";
        let entry = |id: &str, bytes, path: &str| Entry { id: id.to_owned(), bytes, path: path.to_owned() };
        assert_eq!(entries(listing), [entry("aa", 12, "d/a.json"), entry("cc", 4, "d/e/b ä.yaml")]);
        let mut rest = &b"aa blob 3\n{}\n\ncc blob 2\n[]\n"[..];
        assert_eq!(next(&mut rest, &entry("aa", 3, "a")), Some(&b"{}\n"[..]));
        assert_eq!(next(&mut rest, &entry("cc", 2, "b")), Some(&b"[]"[..]));
        assert_eq!(next(&mut rest, &entry("dd", 2, "c")), None);
    }

    #[test]
    fn a_folder_lies_inside_of_the_repository() {
        for (folder, fits) in
            [("a", true), ("a b/c", true), ("", false), ("/a", false), ("a/", false), ("a/../b", false)]
        {
            assert_eq!(is_folder(folder).is_ok(), fits, "{folder}");
        }
    }

    #[test]
    fn what_is_broken_is_told_without_its_content() {
        for (path, text) in [("a.json", "{\"hunter22\""), ("a.yml", "a: [hunter22"), ("a.yaml", "hunter22: {")] {
            let error = parse(path, text.as_bytes()).unwrap_err();
            assert_eq!(error.reason, Reason::Invalid);
            assert!(error.detail.contains(path) && !error.detail.contains("hunter22"), "{}", error.detail);
        }
        assert_eq!(parse("a.json", "\u{feff}{\"a\": 1.0}".as_bytes()).unwrap(), serde_json::json!({"a": 1.0}));
    }
}
