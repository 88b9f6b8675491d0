//! Whole documents of a folder, for other legs that hold them against what a server says.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::place::Place;
use crate::model::Reason;
use crate::probe::guard::lane::Lane;
use crate::probe::kinds::file::content::{NoYaml, yaml_documents};
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

/// All of the folder, by their paths. One that is broken is a fault of the repository; of too many, of one that
/// is too large, or of a folder with something in it that cannot be read here nothing is known.
pub(super) async fn look(
    place: &Place<'_>,
    commit: &str,
    folder: &str,
    lane: &Lane,
) -> Result<BTreeMap<String, Value>, ProbeError> {
    let listed = place.ask(&["ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--", folder], None).await?;
    if listed.stdout.truncated {
        return Err(too_large(folder));
    }
    let entries = entries(&listed.stdout.bytes)?;
    let bytes: usize = entries.iter().map(|entry| entry.bytes).fold(0, usize::saturating_add);
    if entries.len() > FILES || bytes > ALL_BYTES || entries.iter().any(|entry| entry.bytes > FILE_BYTES) {
        return Err(too_large(folder));
    }
    if entries.is_empty() {
        return Ok(BTreeMap::new());
    }
    let asked = entries.iter().fold(String::new(), |asked, entry| asked + &entry.id + "\n");
    let ended = place.ask(&["cat-file", "--batch"], Some(asked.into_bytes())).await?;
    // So much text is not parsed where others wait for their turn.
    lane.run(place.cx(), "the documents", move || all(entries, &ended.stdout.bytes)).await
}

fn all(entries: Vec<Entry>, mut contents: &[u8]) -> Result<BTreeMap<String, Value>, ProbeError> {
    let mut documents = BTreeMap::new();
    for entry in entries {
        let content = next(&mut contents, &entry).ok_or_else(|| ProbeError::internal("git gave no whole file"))?;
        for (number, value) in (1..).zip(parse(&entry.path, content)?) {
            let path = if number == 1 { entry.path.clone() } else { format!("{}#{number}", entry.path) };
            documents.insert(path, value);
        }
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

/// Reads `mode blob id size<tab>path<nul>`. What a link or another repository holds is not known, and it may be
/// documents.
fn entries(listing: &[u8]) -> Result<Vec<Entry>, ProbeError> {
    let mut entries = Vec::new();
    for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let line = String::from_utf8_lossy(line);
        let told = line.split_once('\t').and_then(|(head, path)| {
            let mut words = head.split_whitespace();
            Some((words.next()?, words.next()?, words.next()?, words.next()?, path))
        });
        let Some((mode, kind, id, bytes, path)) = told else {
            return Err(ProbeError::internal("git listed something that is no file"));
        };
        if mode == "120000" {
            return Err(unread(path, "is a symbolic link"));
        }
        if kind != "blob" {
            return Err(unread(path, "is another repository"));
        }
        if ![".json", ".yaml", ".yml"].iter().any(|ending| path.ends_with(ending)) {
            continue;
        }
        let bytes = bytes.parse().map_err(|_| unread(path, "has no content that git can tell"))?;
        entries.push(Entry { id: id.to_owned(), bytes, path: path.to_owned() });
    }
    Ok(entries)
}

fn unread(path: &str, why: &str) -> ProbeError {
    let detail = format!("expected a folder of documents of which all can be read, but {} {why}", line(path, PATH));
    ProbeError::observer(Reason::NoData, detail)
}

/// The content of the next file of `id blob size<newline>content<newline>`.
fn next<'a>(rest: &mut &'a [u8], entry: &Entry) -> Option<&'a [u8]> {
    let head = rest.iter().position(|byte| *byte == b'\n')? + 1;
    let end = head.checked_add(entry.bytes)?;
    let content = rest.get(head..end)?;
    *rest = rest.get(end + 1..).unwrap_or_default();
    Some(content)
}

/// At least one: a file of YAML may hold several, and an empty one is null.
fn parse(path: &str, content: &[u8]) -> Result<Vec<Value>, ProbeError> {
    let broken = |why: &str| {
        ProbeError::target(Reason::Invalid, format!("expected a document in {}, but {why}", line(path, PATH)))
    };
    let text = std::str::from_utf8(content).map_err(|_| broken("the content is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if path.ends_with(".json") {
        return serde_json::from_str(text).map(|value| vec![value]).map_err(|error| {
            broken(&format!("the content is no JSON, line {} column {}", error.line(), error.column()))
        });
    }
    let documents = yaml_documents(text).map_err(|error| match error {
        NoYaml::Broken(why) => broken(&why),
        NoYaml::TooLarge => too_large(path),
    })?;
    Ok(if documents.is_empty() { vec![Value::Null] } else { documents })
}

fn too_large(what: &str) -> ProbeError {
    let what = line(what, PATH);
    let detail = format!("{what} is more than is read: {FILES} documents of {FILE_BYTES} bytes, {ALL_BYTES} in all");
    ProbeError::observer(Reason::TooLarge, detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::probe::Blame;

    #[test]
    fn documents_are_told_from_other_files() {
        let listing = b"100644 blob aa      12\td/a.json\x00100755 blob cc       4\td/e/b \xc3\xa4.yaml\x00\
            100644 blob ee       1\td/notes.md\x00100644 blob ff     BAD\td/picture.png\x00";
        let entry = |id: &str, bytes, path: &str| Entry { id: id.to_owned(), bytes, path: path.to_owned() };
        assert_eq!(entries(listing).unwrap(), [entry("aa", 12, "d/a.json"), entry("cc", 4, "d/e/b ä.yaml")]);
        let mut rest = &b"aa blob 3\n{}\n\ncc blob 2\n[]\n"[..];
        assert_eq!(next(&mut rest, &entry("aa", 3, "a")), Some(&b"{}\n"[..]));
        assert_eq!(next(&mut rest, &entry("cc", 2, "b")), Some(&b"[]"[..]));
        assert_eq!(next(&mut rest, &entry("dd", 2, "c")), None);
    }

    #[test]
    fn of_a_folder_with_something_unread_nothing_is_known() {
        for (entry, part) in [
            ("120000 blob bb       3\td/link.yml", "d/link.yml is a symbolic link"),
            ("120000 blob bb       3\td/more", "d/more is a symbolic link"),
            ("160000 commit dd       -\td/sub", "d/sub is another repository"),
            ("100644 blob ff     BAD\td/b.yml", "d/b.yml has no content"),
            ("100644 blob ff       -\td/b.json", "d/b.json has no content"),
        ] {
            let listing = format!("100644 blob aa      12\td/a.json\0{entry}\0");
            let error = entries(listing.as_bytes()).unwrap_err();
            assert_eq!((error.blame, error.reason), (Blame::Observer, Reason::NoData));
            assert!(error.detail.contains(part), "{}", error.detail);
        }
        assert_eq!(entries(b"x\0").unwrap_err().reason, Reason::Internal);
        let long = format!("120000 blob bb 3\td/{}", "x".repeat(5000));
        assert!(entries(long.as_bytes()).unwrap_err().detail.len() < 500);
    }

    #[test]
    fn a_file_of_yaml_may_hold_several_documents() {
        let entry = |bytes: &str| Entry { id: "aa".to_owned(), bytes: bytes.len(), path: "d/a.yml".to_owned() };
        for (text, expected) in [
            ("a: 1\n", json!({"d/a.yml": {"a": 1}})),
            ("---\na: 1\n---\nb: 2\n---\n", json!({"d/a.yml": {"a": 1}, "d/a.yml#2": {"b": 2}})),
            ("# Nothing.\n", json!({"d/a.yml": null})),
        ] {
            let content = format!("aa blob {}\n{text}\n", text.len());
            let documents = all(vec![entry(text)], content.as_bytes()).unwrap();
            assert_eq!(json!(documents), expected, "{text}");
        }
        let broken = parse("a.yml", b"a: 1\n---\n[hunter22").unwrap_err();
        assert_eq!(broken.reason, Reason::Invalid);
    }

    #[test]
    fn what_only_looks_like_a_truth_value_or_a_number_is_a_text() {
        let text = b"{a: yes, b: on, c: N, d: true, e: True, f: 007, g: 1_000, h: 31, i: .inf, j: ~, k: 1.5}";
        let expected = json!({"a": "yes", "b": "on", "c": "N", "d": true, "e": true, "f": "007", "g": "1_000", "h": 31,
            "i": ".inf", "j": null, "k": 1.5});
        assert_eq!(parse("a.yml", text).unwrap(), [expected]);
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
        assert_eq!(parse("a.json", "\u{feff}{\"a\": 1.0}".as_bytes()).unwrap(), [json!({"a": 1.0})]);
    }
}
