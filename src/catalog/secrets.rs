//! Finding secrets in a catalogue, and keeping them out of everything that is printed about it.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::load::Document;
use super::syntax::{Data, Entry, Node, Place};
use crate::diag::{Diagnostic, FileId, SourceMap};

/// What gave a secret away.
pub(super) enum Kind<'n> {
    Password,
    Header(&'n str),
}

#[expect(clippy::unwrap_used, reason = "constant patterns, compiled by the tests")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// `scheme://user:password@`. A password may hold a slash, a port may not.
static USER_INFO: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/@:"']*:([^\s/@"']+|[^\s@"'/]*[^\s@"'/0-9][^\s@"']*)@"#));

static QUERY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)(?:[?&\s]|^)(?:password|passwd|pwd|sslpassword|secret|access_token|api_key|apikey)=([^&\s"']+)"#)
});

/// A secret header with its value, as it stands in a file that may not even parse.
static HEADER_LINE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?im)^[^#\n]*?\b(?:authorization|proxy-authorization|cookie|x-api-key|x-auth-token|api-key)["']?[ \t]*:[ \t]+([^\s{][^\n]*)"#,
    )
});

/// Calls `found` for every secret under `node`: what it is, its place, and its text.
pub(super) fn find<'n>(node: &'n Node, found: &mut impl FnMut(Kind<'n>, Place, &'n str)) {
    node.walk(&mut |node| {
        let texts = match &node.data {
            Data::Text(text) => text,
            Data::Map(entries) => return headers(entries, found),
            _ => return,
        };
        for range in passwords(texts) {
            found(Kind::Password, node.at, texts.get(range).unwrap_or(""));
        }
    });
}

fn headers<'n>(entries: &'n [Entry], found: &mut impl FnMut(Kind<'n>, Place, &'n str)) {
    for entry in entries.iter().filter(|entry| &*entry.key == "headers") {
        for header in entry.value.entries().unwrap_or_default().iter().filter(|header| is_secret(&header.key)) {
            // What a request of a list is repeated with is written in the open.
            let secret = |text: &&str| !text.trim().is_empty() && !text.contains("{value}");
            if let Some(text) = header.value.text().filter(secret) {
                found(Kind::Header(&header.key), header.value.at, text);
            }
        }
    }
}

fn is_secret(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    matches!(name.as_str(), "authorization" | "proxy-authorization" | "cookie")
        || ["api-key", "apikey", "token", "secret", "password"].iter().any(|part| name.contains(part))
}

fn passwords(text: &str) -> Vec<Range<usize>> {
    if !text.contains('@') && !text.contains('=') {
        return Vec::new();
    }
    groups(&USER_INFO, text).chain(groups(&QUERY, text)).collect()
}

fn groups<'t>(pattern: &'t Regex, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    pattern.captures_iter(text).filter_map(|found| found.get(1)).map(|group| group.range())
}

/// Overwrites every secret in the sources and in the messages. Without diagnostics nothing is
/// ever printed of a source, and the sources are emptied instead.
pub(super) fn mask(documents: &[Document], sources: &mut SourceMap, diagnostics: &mut [Diagnostic]) {
    if diagnostics.is_empty() {
        *sources = SourceMap::default();
        return;
    }
    let mut secrets: Vec<String> = Vec::new();
    let mut ranges: Vec<Vec<Range<usize>>> = Vec::new();
    for file in &sources.files {
        let mut found: Vec<Range<usize>> = passwords_and_headers(&file.text);
        secrets.extend(found.iter().filter_map(|range| file.text.get(range.clone())).map(str::to_owned));
        found.sort_unstable_by_key(|range| range.start);
        ranges.push(found);
    }
    for document in documents {
        find(&document.node, &mut |kind, at, secret| {
            secrets.push(secret.to_owned());
            // A header's value may be folded over lines; a password is found in the text itself,
            // unless escapes hide it there.
            let whole = at.start as usize..at.end as usize;
            if let Some(list) = ranges.get_mut(at.file.0 as usize) {
                match kind {
                    Kind::Header(_) => list.push(whole),
                    Kind::Password
                        if !list.iter().any(|range| whole.start <= range.start && range.end <= whole.end) =>
                    {
                        list.push(whole);
                    }
                    Kind::Password => {}
                }
            }
        });
    }
    for (file, ranges) in (0u32..).map(FileId).zip(&ranges) {
        sources.mask(file, ranges);
    }
    secrets.retain(|secret| secret.len() > 2);
    secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.dedup();
    for diagnostic in diagnostics {
        let texts = [Some(&mut diagnostic.message), diagnostic.help.as_mut()];
        for text in texts.into_iter().flatten().chain(diagnostic.labels.iter_mut().map(|label| &mut label.text)) {
            for secret in &secrets {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), "***");
                }
            }
        }
    }
}

fn passwords_and_headers(text: &str) -> Vec<Range<usize>> {
    groups(&USER_INFO, text).chain(groups(&QUERY, text)).chain(groups(&HEADER_LINE, text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_seen_and_ports_are_not() {
        let seen = |text: &str| passwords(text).into_iter().map(|range| text[range].to_owned()).collect::<Vec<_>>();
        assert_eq!(seen("postgresql://u:s3cret@db:5432/x"), ["s3cret"]);
        assert_eq!(seen("postgresql://u:s3/cret@db:5432/x"), ["s3/cret"]);
        assert_eq!(seen("redis://:pw@cache"), ["pw"]);
        assert_eq!(seen("postgresql://u@db/x?sslmode=require&password=abc"), ["abc"]);
        assert_eq!(seen("host=db password=abc"), ["abc"]);
        assert!(seen("postgresql://u@db:5432/x").is_empty());
        assert!(seen("http://db:5432/a@b").is_empty());
        assert!(seen("http://db/?token_count=3").is_empty());
    }

    #[test]
    fn header_lines_are_masked_to_their_end() {
        let text = "a: 1\nheaders: { Authorization: Bearer abc }\n# cookie: x\n";
        let found: Vec<_> = passwords_and_headers(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["Bearer abc }"]);
    }
}
