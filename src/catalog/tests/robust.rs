//! Whatever stands in the file: diagnostics, never a panic, and never a long wait.

use std::fmt::Write;
use std::time::Duration;

use proptest::prelude::*;

use super::load_text;
use crate::diag::{Code, Palette, human};

const VALID: &str = include_str!("../../../tests/ui/valid-everything/root.yaml");

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_bytes_give_diagnostics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let loaded = load_text(&bytes);
        // Two bytes may be `{}`, which is a catalogue.
        prop_assert_eq!(loaded.compiled.is_none(), loaded.report.has_errors());
        human(&loaded.report, Palette::Plain);
    }

    #[test]
    fn any_yaml_like_text_gives_an_answer(text in "([a-z${}:&*!|>%@`'\"#\\[\\], \t\n-]{0,12}(: |\n|  ))*") {
        let loaded = load_text(&text);
        prop_assert_eq!(loaded.compiled.is_none(), loaded.report.has_errors());
        human(&loaded.report, Palette::Plain);
    }

    #[test]
    fn a_damaged_file_gives_an_answer(at in 0..VALID.len(), byte in any::<u8>()) {
        let mut bytes = VALID.as_bytes().to_vec();
        bytes[at] = byte;
        let loaded = load_text(&bytes);
        prop_assert_eq!(loaded.compiled.is_none(), loaded.report.has_errors());
        human(&loaded.report, Palette::Plain);
    }
}

#[test]
fn a_file_that_says_nothing_is_empty() {
    for text in ["", "~", "null", "---", "--- ~\n...\n", "# only a comment\n"] {
        let loaded = load_text(text);
        let said = human(&loaded.report, Palette::Plain);
        assert!(loaded.report.has_errors() && said.contains("the file is empty"), "{text:?}: {said}");
    }
}

#[test]
fn a_truncated_file_gives_an_answer() {
    for end in (0..VALID.len()).step_by(7) {
        let loaded = load_text(&VALID.as_bytes()[..end]);
        assert_eq!(loaded.compiled.is_none(), loaded.report.has_errors());
        human(&loaded.report, Palette::Plain);
    }
}

fn many(items: usize, item: impl Fn(usize) -> String) -> String {
    let mut text =
        "checklists:\n  c:\n    title: C\n    targets: { web: w }\n    sections: { s: S }\n    items:\n".to_owned();
    for n in 0..items {
        writeln!(text, "      s.item-{n}: {}", item(n)).unwrap();
    }
    text
}

#[test]
fn ten_thousand_items_load_soon() {
    let text = many(10_000, |n| {
        let depends = if n == 0 { String::new() } else { format!("depends_on: [s.item-{}], ", n - 1) };
        format!("{{ title: T, priority: high, {depends}check: {{ http: {{ target: web, path: /{n} }} }} }}")
    });
    let watch = tokio::time::Instant::now();
    let loaded = load_text(&text);
    assert_eq!(loaded.compiled.map(|compiled| compiled.plan.items.len()), Some(10_000));
    assert!(watch.elapsed() < Duration::from_secs(20), "{:?}", watch.elapsed());
}

#[test]
fn ten_thousand_mistakes_are_counted_soon() {
    let text = many(10_000, |n| format!("{{ titel: T, priority: hihg, depends_on: [s.itme-{n}] }}"));
    let watch = tokio::time::Instant::now();
    let report = load_text(&text).report;
    let last = report.diagnostics.last().unwrap();
    assert_eq!((report.diagnostics.len(), last.code), (501, Code::TOO_MANY));
    assert!(human(&report, Palette::Plain).contains("more diagnostics are not shown"));
    assert!(watch.elapsed() < Duration::from_secs(30), "{:?}", watch.elapsed());
}

#[test]
fn a_huge_file_is_refused_unread() {
    let report = load_text(vec![b'#'; 9 << 20]).report;
    let codes: Vec<_> = report.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes, [Code::FILE_SIZE]);
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(100_000), "{a: ".repeat(50_000), "- ".repeat(100_000)] {
        assert!(load_text(&text).report.has_errors());
    }
}
