//! `tests/ui/<case>/root.yaml` and what people are told about it. `UPDATE=1` rewrites `stderr`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{NOW, builtins};
use crate::catalog::{Loaded, load};
use crate::diag::{CODES, Code, Palette, github, human, json};

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = std::fs::read_dir("tests/ui").unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// With the kinds there are, as everybody loads it.
fn real(path: &Path) -> Loaded {
    load(path, &builtins(), NOW)
}

fn differs(path: &Path, text: &str) -> bool {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, text).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    if expected != text {
        eprintln!("--- {}\n{text}", path.display());
    }
    expected != text
}

#[test]
fn diagnostics_read_as_recorded() {
    let mut wrong = Vec::new();
    for case in cases() {
        let loaded = real(&case.join("root.yaml"));
        assert_eq!(loaded.compiled.is_none(), loaded.report.has_errors(), "{}", case.display());
        if differs(&case.join("stderr"), &human(&loaded.report, Palette::Plain)) {
            wrong.push(case);
        }
    }
    assert!(wrong.is_empty(), "run with UPDATE=1 and read what changed: {wrong:?}");
}

#[test]
fn every_code_has_a_case() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        let valid = case.file_name().unwrap().to_string_lossy().starts_with("valid");
        let report = real(&case.join("root.yaml")).report;
        assert_eq!(valid, report.diagnostics.is_empty(), "{}", case.display());
        seen.extend(report.diagnostics.iter().map(|found| found.code));
    }
    // These two need files too large to keep; `robust` makes them.
    let elsewhere = [Code::FILE_SIZE, Code::TOO_MANY];
    let missing: Vec<_> = CODES.iter().filter(|c| !seen.contains(c.code) && !elsewhere.contains(&c.code)).collect();
    assert!(missing.is_empty(), "no case in tests/ui has {missing:?}");
}

#[test]
fn every_diagnostic_has_a_place_and_says_what_to_do() {
    for case in cases() {
        for found in real(&case.join("root.yaml")).report.diagnostics {
            assert!(!found.labels.is_empty(), "{}: {}", case.display(), found.message);
            let hint = found.help.is_some()
                || [Code::UNKNOWN_KEY, Code::VALUE, Code::DURATION, Code::TYPE].contains(&found.code);
            assert!(hint || found.code == Code::FINDING, "{}: {}", case.display(), found.message);
        }
    }
}

#[test]
fn no_form_of_output_holds_a_secret() {
    for case in cases() {
        let report = real(&case.join("root.yaml")).report;
        for text in [human(&report, Palette::Colour), json(&report), github(&report), format!("{report:?}")] {
            assert!(!text.contains("hunter2"), "{}: {text}", case.display());
        }
    }
}

#[test]
fn other_forms_read_as_recorded() {
    let report = real(Path::new("tests/ui/unknown-key/root.yaml")).report;
    let both = [
        differs(Path::new("tests/ui/unknown-key/json"), &json(&report)),
        differs(Path::new("tests/ui/unknown-key/github"), &github(&report)),
    ];
    assert_eq!(both, [false, false]);
}
