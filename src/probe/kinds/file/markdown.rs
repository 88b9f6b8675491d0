//! The outline of a Markdown document: front matter, headings, and links that lead nowhere.

use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};

use super::content::{front_matter, yaml};

/// Links looked at; a document with more is refused.
const LINKS: usize = 2000;

/// What a document is made of, without its text.
pub(in crate::probe::kinds) struct Outline {
    matter: Value,
    headings: Vec<String>,
    /// As they are written.
    pub(in crate::probe::kinds) links: Vec<String>,
}

/// `path` is the document itself: relative links start at its folder. Blocking.
pub(super) fn parse(text: &str, path: &Path) -> Result<Value, String> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let outline = outline(text)?;
    let is_broken = |link: &&String| relative(link).is_some_and(|link| !folder.join(link).exists());
    let broken: Vec<&String> = outline.links.iter().filter(is_broken).collect();
    Ok(json!({ "front_matter": outline.matter, "headings": outline.headings, "broken_links": broken }))
}

/// A clause that says what is wrong if there is no outline.
pub(in crate::probe::kinds) fn outline(text: &str) -> Result<Outline, String> {
    let (mut matter, mut body) = (Value::Null, text);
    if text.starts_with("---") {
        let inside = front_matter(text)?;
        matter = yaml(inside)?;
        // A comment there looks like a heading.
        body = text.split_once(inside).map_or(text, |(_, rest)| rest);
    }
    let (mut headings, mut links) = (Vec::new(), Vec::new());
    let pattern =
        Regex::new(r#"\]\(\s*<?([^)\s>]+)|^\s{0,3}\[[^\]]+\]:\s*<?([^\s>]+)"#).map_err(|error| error.to_string())?;
    let mut fence = None;
    for line in body.lines() {
        let start = line.trim_start();
        // What stands in a block of code is an example.
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        if fence.is_some() || mark.is_some() {
            continue;
        }
        headings.extend(heading(start));
        let targets = pattern.captures_iter(line).filter_map(|groups| groups.get(1).or(groups.get(2)));
        links.extend(targets.map(|target| target.as_str().to_owned()));
    }
    if links.len() > LINKS {
        return Err(format!("there are more than {LINKS} links"));
    }
    Ok(Outline { matter, headings, links })
}

/// `## 3. Restore steps ##` is `restore steps`.
fn heading(line: &str) -> Option<String> {
    let rest = line.trim_start_matches('#');
    let depth = line.len() - rest.len();
    if !(1..=6).contains(&depth) || !rest.starts_with([' ', '\t']) {
        return None;
    }
    let text = rest.trim().trim_end_matches('#').trim();
    let words = text.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ')')).trim_start();
    Some(if words.is_empty() { text } else { words }.to_lowercase())
}

/// The path of a relative link. Addresses, places in the document, and paths from the root of a site
/// are not relative.
pub(in crate::probe::kinds) fn relative(link: &str) -> Option<String> {
    let scheme = link.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
    });
    if scheme || link.starts_with(['#', '/']) {
        return None;
    }
    let path = link.split(['#', '?']).next().unwrap_or_default();
    Some(percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_links_and_front_matter_are_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a b.md"), "").unwrap();
        let text = "---\nowner: ops\n# Rollback\n---\n# 1. Scope\n## Restore steps ##\n#no heading\n```\n# code [x](gone.md)\n```\n\
                    [a](a%20b.md#x) [b](gone.md) [c](https://x/y) [d](#here) [e](/root)\n\n[ref]: also-gone.md\n";
        let seen = parse(text, &dir.path().join("plan.md")).unwrap();
        assert_eq!(seen["front_matter"]["owner"], "ops");
        assert_eq!(seen["headings"], json!(["scope", "restore steps"]));
        assert_eq!(seen["broken_links"], json!(["gone.md", "also-gone.md"]));
        let bare = parse("text only", &dir.path().join("plan.md")).unwrap();
        assert_eq!((&bare["front_matter"], &bare["headings"]), (&Value::Null, &json!([])));
        assert!(parse("---\nno end", &dir.path().join("plan.md")).is_err());
    }
}
