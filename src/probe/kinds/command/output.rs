//! What a program wrote, made fit for conditions. Pure.

use regex::Regex;

/// Without the escape sequences of a terminal: colours and movements (`ESC [ … letter`), titles and
/// links (`ESC ] … BEL`).
pub(super) fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        match next {
            '\u{1b}' => match chars.next() {
                Some('[') => drop(chars.find(|c| ('@'..='~').contains(c))),
                // Its other end, ESC \, is met as a sequence of its own.
                Some(']') => drop(chars.find(|c| matches!(c, '\u{7}' | '\u{1b}'))),
                _ => {}
            },
            other => plain.push(other),
        }
    }
    plain
}

/// The first dotted number. One that ends where a cut text ends may go on.
pub(super) fn version(text: &str, cut: bool) -> Option<String> {
    let candidates = text.split(|c: char| !(c.is_ascii_digit() || c == '.')).map(|word| word.trim_matches('.'));
    let found =
        candidates.into_iter().find(|word| word.contains('.') && word.split('.').all(|part| !part.is_empty()))?;
    (!cut || !text.ends_with(found)).then(|| found.to_owned())
}

/// Whether a dotted number is at least another, part by part: `1.10` is more than `1.9`, and `1` is `1.0`.
/// None if one of them is no such number.
pub(super) fn at_least(version: &str, least: &str) -> Option<bool> {
    let parts = |text: &str| text.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>();
    let (mut version, mut least) = (parts(version)?, parts(least)?);
    let length = version.len().max(least.len());
    version.resize(length, 0);
    least.resize(length, 0);
    Some(version >= least)
}

/// What the first group of the pattern matched, in order, at most so many times.
pub(super) fn extract(text: &str, pattern: &Regex, most: usize) -> Vec<String> {
    let group = |groups: regex::Captures<'_>| Some(groups.get(1)?.as_str().to_owned());
    pattern.captures_iter(text).filter_map(group).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_and_links_are_taken_out() {
        let text = "\u{1b}[36mSimple\u{1b}[39m \u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{7} \u{1b}[2K●";
        assert_eq!(plain(text.as_bytes()), "Simple link ●");
    }

    #[test]
    fn versions_are_compared_part_by_part() {
        for (text, found) in [("v20.11.0\n", "20.11.0"), ("git version 2.39.5 (x)", "2.39.5"), ("1.2", "1.2")] {
            assert_eq!(version(text, false).as_deref(), Some(found));
        }
        assert_eq!((version("none", false), version("v18.1", true)), (None, None));
        for (seen, least, holds) in
            [("2.9", "2.10", false), ("2.30.0", "2.30", true), ("18", "18.0.0", true), ("16.20.2", "18.0.0", false)]
        {
            assert_eq!(at_least(seen, least), Some(holds), "{seen} {least}");
        }
        assert_eq!(at_least("1.x", "1"), None);
    }

    #[test]
    fn rows_of_a_table_are_read() {
        let table = "╔════╤══════╗\n║ ID │ Name ║\n╟────┼──────╢\n║ a-1 │ One ║\n╚════╧══════╝\n";
        let pattern = Regex::new(r"(?m)^║ *([^ │║]+) *│").unwrap();
        assert_eq!(extract(table, &pattern, 9), ["ID", "a-1"]);
    }
}
