//! The look that nearly every text gets, and nearly always says no.

use aho_corasick::packed::{self, Searcher};
use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::redact::{NAMED, SHORTEST_BEGINNING};

/// Finds the names beside which a secret may stand, the sign behind user info, and how each known
/// secret begins, in any case: who does not begin in a text can be masked in it neither whole nor cut.
pub(super) struct Telling {
    /// Of texts in lower case; many bytes at a time, where the processor can and while it is few.
    fast: Option<Searcher>,
    sure: Option<AhoCorasick>,
}

/// A search in parallel takes no more.
const MOST_AT_ONCE: usize = 64;
/// Beyond so many, a table of all states is too large.
const MOST_IN_TABLE: usize = 200;
/// In shorter texts a search in parallel does not pay.
const SHORT: usize = 64;

impl Telling {
    pub(super) fn new(forms: &[String]) -> Self {
        let mut wanted: Vec<Vec<u8>> = NAMED.iter().map(|name| name.as_bytes().to_vec()).collect();
        for form in forms {
            wanted.push(beginning(form));
            // As it stands in a string of JSON.
            let escaped = serde_json::to_string(form).unwrap_or_default();
            wanted.push(beginning(escaped.trim_matches('"')));
        }
        wanted.sort_unstable();
        wanted.dedup();
        let few = wanted.len() <= MOST_AT_ONCE;
        let fast = few.then(|| packed::Config::new().builder().extend(&wanted).build()).flatten();
        let kind = (wanted.len() <= MOST_IN_TABLE).then_some(AhoCorasickKind::DFA);
        Self { fast, sure: AhoCorasick::builder().ascii_case_insensitive(true).kind(kind).build(wanted).ok() }
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        if text.as_bytes().contains(&b'@') {
            return true;
        }
        match &self.fast {
            Some(fast) if text.len() >= SHORT => fast.find(text.to_ascii_lowercase()).is_some(),
            _ => self.sure.as_ref().is_none_or(|sure| sure.is_match(text)),
        }
    }
}

fn beginning(form: &str) -> Vec<u8> {
    form.as_bytes().get(..SHORTEST_BEGINNING).unwrap_or(form.as_bytes()).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_looking_see_the_same() {
        let telling = Telling::new(&["Hunter22".to_owned(), "a\"b\\c".to_owned(), "1234".to_owned()]);
        assert!(telling.sure.is_some());
        let filler = "x y ".repeat(40);
        for (told, text) in [
            (true, "AuThorization"),
            (true, "userPassword"),
            (true, "PRIVATE KEY"),
            (true, "api"),
            (true, "a@b"),
            (true, "it is hunter"),
            (true, "a\"b\\c"),
            (true, r#"a\"b\\c"#),
            (true, "01234"),
            (false, "hunt"),
            (false, "a\"b"),
            (false, "http://127.0.0.1:80/ok answered 200, K\u{212A}"),
        ] {
            assert_eq!(telling.is_in(text), told, "{text}");
            for at in 0..70 {
                let long = format!("{}{text}{filler}", filler.get(..at).unwrap());
                assert_eq!(telling.is_in(&long), told, "{text} at {at}");
            }
            assert_eq!(telling.is_in(&format!("{filler}{text}")), told, "{text} at the end");
        }
    }

    #[test]
    fn any_number_of_secrets_is_looked_for() {
        for n in [1_usize, 50, 150, 1000] {
            let forms: Vec<String> = (0..n).map(|n| format!("{:04}-secret", n * 7 % 9973)).collect();
            let telling = Telling::new(&forms);
            for form in &forms {
                assert!(telling.is_in(&format!("{}{form}", "z ".repeat(40))) && telling.is_in(form));
            }
            assert!(!telling.is_in(&"z ".repeat(60)));
        }
    }
}
