//! The second line of defence for secrets: every text that leaves a run passes through here.
//!
//! It knows the loaded secret values in the forms in which software repeats them (plain, base64,
//! percent-encoded, JSON-escaped), and the places in which software puts secrets it does not know
//! (user info of URLs, `password=`, `Authorization:`, private keys in PEM). It is no licence to
//! put a secret into a sentence: a value that was hashed, cut or reversed is not recognized.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use fnv::FnvHashSet;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::{Captures, Regex};
use serde_json::Value;

use super::seal;
use super::telling::Telling;
use crate::model::Secret;

/// What stands in place of a secret.
const MASK: &str = "***";
/// Shorter values are left alone: masking every `1` would destroy sentences and protect nothing.
const SHORTEST: usize = 4;
/// Of a beginning of a secret; a shorter one tells next to nothing.
pub(super) const SHORTEST_BEGINNING: usize = 6;
/// Sentences are cut before they come here, and marked so.
const CUT: char = '…';
/// What browsers and URL libraries leave unescaped differs; this is the sparse end.
const SPARSE: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'/').add(b':').add(b'<').add(b'>').add(b'?').add(b'@');

/// Replaces secrets by three stars. Immutable; build a new one when credentials change. The default
/// knows no value; the generic patterns still work.
#[derive(Default)]
pub struct Redactor {
    known: Option<Known>,
}

struct Known {
    /// Says no to most texts: names and signs of patterns, and how forms begin.
    telling: Telling,
    whole: AhoCorasick,
    /// Sorted, to look beginnings up.
    forms: Vec<String>,
    beginnings: FnvHashSet<[u8; SHORTEST_BEGINNING]>,
    longest: usize,
}

impl Redactor {
    /// Values shorter than four bytes are ignored.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut forms: Vec<String> = secrets.into_iter().flat_map(|secret| forms(secret.expose())).collect();
        forms.sort_unstable();
        forms.dedup();
        if forms.is_empty() {
            return Self::default();
        }
        let longest = forms.iter().map(String::len).max().unwrap_or(0);
        // Only fails beyond two billion states, for which no credential file is large enough.
        let whole = AhoCorasick::new(&forms).ok();
        let beginnings = forms.iter().filter_map(|form| form.as_bytes().first_chunk().copied()).collect();
        let telling = Telling::new(&forms);
        Self { known: whole.map(|whole| Known { telling, whole, forms, beginnings, longest }) }
    }

    /// The text without secrets.
    pub fn redact(&self, text: &str) -> String {
        self.masked(text).unwrap_or_else(|| text.to_owned())
    }

    /// One cheap look: false says that there is nothing to mask, neither in the text nor, if it is
    /// JSON, in a string of it. A name or a sign of a pattern needs no escape in JSON, and of what is
    /// known it looks for the escaped beginnings, too.
    pub fn suspects(&self, text: &str) -> bool {
        self.known.as_ref().map_or(&*TELLING, |known| &known.telling).is_in(text)
    }

    /// The text without secrets; `None` if it has none, as most texts do.
    pub fn masked(&self, text: &str) -> Option<String> {
        if !self.suspects(text) {
            return None;
        }
        let mut masked = self.known_values(text);
        let named = is_named(masked.as_deref().unwrap_or(text));
        for pattern in PATTERNS.iter() {
            let now = masked.as_deref().unwrap_or(text);
            if (pattern.hint)(now, named) && pattern.regex.is_match(now) {
                masked = Some(pattern.regex.replace_all(now, mask).into_owned());
            }
        }
        masked
    }

    /// Masks overlapping and touching matches as one, so that no edge of a secret survives, and the
    /// beginning of a secret where a text was cut. `None` if there is nothing to mask.
    fn known_values(&self, text: &str) -> Option<String> {
        let known = self.known.as_ref()?;
        let mut spans: Vec<(usize, usize)> =
            known.whole.find_overlapping_iter(text).map(|found| (found.start(), found.end())).collect();
        let ends = text.match_indices(CUT).map(|(end, _)| end).chain([text.len()]);
        spans.extend(ends.filter_map(|end| Some((known.begun(text, end)?, end))));
        if spans.is_empty() {
            return None;
        }
        spans.sort_unstable();
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        let mut masked_to = None;
        for (start, end) in spans {
            if masked_to.is_none_or(|to| start > to) {
                out.push_str(text.get(done..start).unwrap_or(""));
                out.push_str(MASK);
            }
            done = done.max(end);
            masked_to = Some(done);
        }
        out.push_str(text.get(done..).unwrap_or(""));
        Some(out)
    }

    /// Facts as text, with all strings, keys and numbers cleaned. Nearly always there is nothing to
    /// mask, and one look at the whole text says so.
    pub fn json_text(&self, mut value: Value) -> String {
        let text = value.to_string();
        if self.suspects(&text) && self.redact_json(&mut value) { value.to_string() } else { text }
    }

    /// All strings and keys. Two keys that become equal keep the later value. True if there was
    /// something to mask.
    pub fn redact_json(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => match self.masked(text) {
                Some(masked) => {
                    *text = masked;
                    true
                }
                None => false,
            },
            Value::Array(items) => items.iter_mut().fold(false, |masked, item| self.redact_json(item) | masked),
            Value::Object(map) => {
                let masked = map.values_mut().fold(false, |masked, value| self.redact_json(value) | masked);
                if !map.keys().any(|key| self.masked(key).is_some()) {
                    return masked;
                }
                *map = std::mem::take(map).into_iter().map(|(key, value)| (self.redact(&key), value)).collect();
                true
            }
            Value::Number(number) => {
                let known = self.known.is_some() && self.known_values(&number.to_string()).is_some();
                if known {
                    *value = Value::String(MASK.to_owned());
                }
                known
            }
            Value::Null | Value::Bool(_) => false,
        }
    }
}

impl Known {
    /// Where a beginning of a secret starts that ends at `end`.
    fn begun(&self, text: &str, end: usize) -> Option<usize> {
        let first = end.saturating_sub(self.longest);
        let last = end.checked_sub(SHORTEST_BEGINNING)?;
        (first..=last).find(|&start| {
            let first = text.as_bytes().get(start..).and_then(|rest| rest.first_chunk());
            if !first.is_some_and(|first| self.beginnings.contains(first)) {
                return false;
            }
            let Some(part) = text.get(start..end) else { return false };
            let at = self.forms.partition_point(|form| form.as_str() < part);
            self.forms.get(at).is_some_and(|form| form.starts_with(part))
        })
    }
}

/// The forms of one value. Base64 of a longer text that contains the value depends on where it
/// starts, so all three alignments are listed without the characters that neighbours influence.
fn forms(value: &str) -> Vec<String> {
    let mut forms = Vec::new();
    // Text masked line by line: a key is often logged without its line breaks.
    let lines = value.lines().map(str::trim).filter(|line| line.len() >= 16);
    for part in std::iter::once(value).chain(std::iter::once(value.trim())).chain(lines) {
        if part.len() < SHORTEST {
            continue;
        }
        forms.push(part.to_owned());
        forms.push(utf8_percent_encode(part, NON_ALPHANUMERIC).to_string());
        forms.push(utf8_percent_encode(part, SPARSE).to_string());
        forms.push(part.replace(' ', "+"));
        for json in [serde_json::to_string(part).unwrap_or_default(), format!("{part:?}")] {
            forms.push(json.trim_matches('"').to_owned());
        }
        for shift in 0..3 {
            let inner = base64_inner(part.as_bytes(), shift);
            forms.push(inner.replace('+', "-").replace('/', "_"));
            forms.push(inner);
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// Base64 of the value as it appears behind `shift` unknown bytes, cut to what it alone decides.
fn base64_inner(value: &[u8], shift: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let first_bit = shift * 8;
    let bits = first_bit + value.len() * 8;
    let bit = |at: usize| -> usize {
        let Some(at) = at.checked_sub(first_bit) else { return 0 };
        value.get(at / 8).map_or(0, |byte| usize::from((byte >> (7 - at % 8)) & 1))
    };
    (first_bit.div_ceil(6)..bits / 6)
        .filter_map(|sextet| {
            let index = (0..6).fold(0, |index, offset| index << 1 | bit(sextet * 6 + offset));
            ALPHABET.get(index).map(|byte| char::from(*byte))
        })
        .collect()
}

/// What a pattern found, with its secret masked. `has_password = false` tells of a secret and is none.
fn mask(found: &Captures<'_>) -> String {
    let group = |name| found.name(name).map_or("", |group| group.as_str());
    let (whole, keep) = (found.get(0).map_or("", |group| group.as_str()), group("keep"));
    match whole.strip_prefix(keep) {
        Some("true" | "false" | "null") => whole.to_owned(),
        _ => format!("{keep}{MASK}{}", group("at")),
    }
}

struct Pattern {
    regex: Regex,
    /// A cheap look, given whether a telling name occurs: most texts hold nothing of the sort.
    hint: Hint,
}

/// What it says yes to it says yes to in any longer text, too.
type Hint = fn(&str, bool) -> bool;

/// True if a name occurs beside which a secret may stand.
fn is_named(text: &str) -> bool {
    NAMES.as_ref().is_none_or(|names| names.is_match(text))
}

static NAMES: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(NAMED).ok());

/// In lower case.
pub(super) const NAMED: [&str; 10] =
    ["authorization", "passw", "passphrase", "pwd", "secret", "token", "api", "access", "private key", seal::MARK];

static TELLING: LazyLock<Telling> = LazyLock::new(|| Telling::new(&[]));

/// Each keeps the group `keep` and masks the rest.
static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let patterns: [(&str, Hint); 6] = [
        (
            r"(?s)(?P<keep>-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----).*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)",
            |text, named| named && text.contains("PRIVATE KEY"),
        ),
        (r"(?P<keep>\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#:@]*:)[^\s/?#]+(?P<at>@)", |text, _| {
            text.contains('@') && text.contains("://")
        }),
        (
            r"(?i)(?P<keep>\b(?:proxy-)?authorization\b[\x22']?\s*[:=]\s*[\x22']?(?:(?:apikey|basic|bearer|digest|negotiate|token)\s+)?)[^\s\x22',;]+",
            |_, named| named,
        ),
        (
            r#"(?i)(?P<keep>\b[a-z0-9_-]*(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key)[\x22']?\s*=\s*)(?:"[^"]*"|'[^']*'|[^\s&;,"']+)"#,
            |text, named| named && text.contains('='),
        ),
        (
            r#"(?i)(?P<keep>[\x22'](?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key)[\x22']\s*:\s*)(?:"[^"]*"|'[^']*')"#,
            |_, named| named,
        ),
        // Shown, it would tell who has the same. One that was cut tells it nearly as well.
        (r"(?P<keep>sealed:)[0-9a-f]+", |text, named| named && text.contains(seal::MARK)),
    ];
    let compiled =
        patterns.into_iter().filter_map(|(text, hint)| Some(Pattern { regex: Regex::new(text).ok()?, hint }));
    compiled.collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[&str]) -> Redactor {
        let secrets: Vec<Secret> = values.iter().map(|value| Secret::new((*value).to_owned())).collect();
        Redactor::new(&secrets)
    }

    fn base64(bytes: &[u8]) -> String {
        let mut padded = bytes.to_vec();
        while !padded.len().is_multiple_of(3) {
            padded.push(0);
        }
        base64_inner(&padded, 0)
    }

    #[test]
    fn what_only_tells_of_a_secret_stays() {
        let redactor = Redactor::default();
        for text in ["saw url.has_password = false", "has_password = true, user = app"] {
            assert_eq!(redactor.redact(text), text);
        }
        assert_eq!(redactor.redact("password = falsehood"), "password = ***");
    }

    #[test]
    fn all_patterns_compile() {
        assert_eq!(PATTERNS.len(), 6);
    }

    #[test]
    fn generic_places_are_masked() {
        let cases = [
            (
                "connect to postgresql://app:hunter22@db:5432/x failed",
                "connect to postgresql://app:***@db:5432/x failed",
            ),
            ("redis://:p@ss:w0rd@cache", "redis://:***@cache"),
            ("host=db password=hunter22 user=app", "host=db password=*** user=app"),
            ("DB_PASSWORD='two words' next", "DB_PASSWORD=*** next"),
            ("?access_token=abc&x=1", "?access_token=***&x=1"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("authorization: Basic dXNlcjpwdw==", "authorization: Basic ***"),
            (r#"{"password": "hunter22", "user": "app"}"#, r#"{"password": ***, "user": "app"}"#),
            (
                "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- tail",
                "-----BEGIN PRIVATE KEY-----*** tail",
            ),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE cut off", "-----BEGIN RSA PRIVATE KEY-----***"),
        ];
        for (text, clean) in cases {
            assert_eq!(Redactor::default().redact(text), clean);
        }
    }

    #[test]
    fn ordinary_sentences_stay_as_they_are() {
        for text in [
            "http://127.0.0.1:8080/readyz answered 503, expected 200",
            "the token has expired",
            "password authentication failed for user \"app\"",
            "a:b@c",
            "2 of 3 at https://host/path:with@sign",
        ] {
            assert_eq!(of(&["abc"]).redact(text), text);
        }
    }

    #[test]
    fn json_is_cleaned_in_keys_strings_and_numbers() {
        let mut value = serde_json::json!({"hunter22": ["x hunter22 y", 12345678, 7, null, {"deep": "hunter22"}]});
        of(&["hunter22", "12345678"]).redact_json(&mut value);
        assert_eq!(value, serde_json::json!({"***": ["x *** y", "***", 7, null, {"deep": "***"}]}));
    }

    #[test]
    fn facts_as_text_are_as_clean_as_facts() {
        let plain = serde_json::json!({"status": 200, "server": "nginx", "\n\"": ["a@b", null]});
        assert_eq!(Redactor::default().json_text(plain.clone()), plain.to_string());
        for value in [
            serde_json::json!({"url": "redis://:hunter22@cache"}),
            serde_json::json!({"a": ["\"x\"\n-----BEGIN RSA PRIVATE KEY-----\nMIIE"]}),
            serde_json::json!({"password=hunter22": 1}),
            serde_json::json!({"deep": {"x": "Authorization: Bearer abc"}}),
            serde_json::json!({"port": 12345678, "name": "hunter2"}),
        ] {
            for redactor in [Redactor::default(), of(&["hunter22", "12345678"])] {
                let mut clean = value.clone();
                assert_eq!(redactor.redact_json(&mut clean), clean != value);
                assert_eq!(redactor.json_text(value.clone()), clean.to_string());
            }
        }
    }

    #[test]
    fn a_secret_that_a_cut_went_through_leaves_no_beginning() {
        let redactor = of(&["hunter22-and-more", "and-more-of-it"]);
        for (text, clean) in [
            ("it is hunter22-a…", "it is ***…"),
            ("it is hunter22-an", "it is ***"),
            ("saw \"hunter22…\" there", "saw \"***…\" there"),
            ("it is hunt", "it is hunt"),
            ("x hunter22-and-more-of-it y", "x *** y"),
        ] {
            assert_eq!(redactor.redact(text), clean);
        }
        let long = "a".repeat(500) + " hunter22-and-more";
        assert_eq!(redactor.redact(&crate::model::cut(long)), "a".repeat(500) + " ***…");
    }

    #[test]
    fn lines_of_a_key_are_known_one_by_one() {
        let clean = of(&["-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END X-----\n"])
            .redact("bad line MIIEvQIBADANBgkqhkiG9w0BAQ here");
        assert_eq!(clean, "bad line *** here");
    }

    proptest! {
        #[test]
        fn no_form_of_a_secret_survives(secret in "[!-)+-~][ -)+-~]{6,38}[!-)+-~]", before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            prop_assume!(!before.contains(&secret) && !after.contains(&secret));
            let redactor = of(&[&secret]);
            let forms = [
                secret.clone(),
                utf8_percent_encode(&secret, NON_ALPHANUMERIC).to_string(),
                serde_json::to_string(&secret).unwrap().trim_matches('"').to_owned(),
                format!("{secret:?}"),
            ];
            for form in &forms {
                let clean = redactor.redact(&format!("{before} {form} {after}"));
                prop_assert!(!clean.contains(secret.as_str()), "{clean:?}");
                prop_assert!(!clean.contains(form.as_str()), "{clean:?}");
            }
            // In base64 whatever stands before it: nothing but the edges may be left.
            for prefix in ["", "u:", "a", "user:"] {
                let coded = base64(format!("{prefix}{secret}").as_bytes());
                let clean = redactor.redact(&format!("got {coded} here"));
                prop_assert!(clean.contains("***"), "{clean:?}");
                prop_assert!(clean.len() <= "got ".len() + prefix.len() * 2 + 4 + 3 + 4 + " here".len(), "{clean:?}");
            }
        }

        #[test]
        fn any_text_is_accepted(text in any::<String>(), secret in any::<String>()) {
            let clean = of(&[&secret]).redact(&text);
            prop_assert!(secret.len() < 4 || secret.contains('*') || !clean.contains(&secret));
        }
    }
}
