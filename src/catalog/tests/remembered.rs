//! What a leg remembers, and whose attestations it looks at, with the kinds there are.

use super::{NOW, builtins};
use crate::catalog::{Compiled, load};
use crate::diag::{Palette, human};
use crate::model::{Digest, Remembered};

fn loaded(items: &str, more: &str) -> Result<Compiled, String> {
    let indented: String = items.lines().map(|line| format!("      {line}\n")).collect();
    let text = format!(
        "checklists:\n  c:\n    title: C\n    parameters: {{ limit: 5 }}\n    sections: {{ a: A }}\n    items:\n{indented}{more}"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let loaded = load(file.path(), &builtins(), NOW);
    loaded.compiled.ok_or_else(|| human(&loaded.report, Palette::Plain))
}

fn legs(path: &str, histories: &[&str]) -> Result<Compiled, String> {
    let histories: String = histories.iter().map(|history| format!(", {{ history: {history} }}")).collect();
    let file = format!("{{ file: {{ path: {path}, parse: json }}, name: build }}");
    loaded(&format!("a.x: {{ title: T, priority: high, check: {{ all_of: [ {file}{histories} ] }} }}"), "")
}

fn remembers(path: &str, history: &str) -> Digest {
    legs(path, &[history]).unwrap().legs[1].remembers.expect("a memory")
}

#[test]
fn a_memory_is_of_what_is_looked_for_and_where() {
    let first = remembers("/a", "{ of: { leg: build, path: content.image } }");
    assert_eq!(
        remembers("/a", "{ of: { leg: build, path: content.image }, for_s: 600 }, expect: since_s <= now"),
        first
    );
    assert_ne!(remembers("/b", "{ of: { leg: build, path: content.image } }"), first, "another file");
    assert_ne!(remembers("/a", "{ of: { leg: build, path: content.name } }"), first, "another value");
    assert!(legs("/a", &[]).unwrap().legs[0].remembers.is_none());
}

#[test]
fn an_item_cannot_remember_more_than_it_has_room_for() {
    let histories = |count: usize| legs("/a", &vec!["{ of: { leg: build, path: content.image } }"; count]);
    assert!(histories(Remembered::MOST / 2).is_ok());
    let found = histories(Remembered::MOST / 2 + 1).err().expect("too many");
    assert!(found.contains("remember"), "{found}");
}

#[test]
fn attestations_of_another_item_are_looked_at() {
    let item = |name: &str, leg: &str| {
        format!("a.{name}: {{ title: T, priority: high, mode: attested, check: {{ attestation: {leg} }} }}\n")
    };
    let record = "attestations: [ { id: one, item: c/a.x, statement: S, attester: A, role: r, evidence: 'https://x', \
        attested_at: 2026-11-01T00:00:00Z, expires: 2027-11-01T00:00:00Z } ]\n";
    let load = |of: &str, record: &str| loaded(&(item("x", "{}") + &item("y", of)), record);
    let of_y = |of: &str, record: &str| load(of, record).unwrap().plan.items[1].digests.probe;
    assert_eq!(of_y("{}", record), of_y("{}", ""), "it has none of its own");
    assert_ne!(of_y("{ of: a.x }", record), of_y("{ of: a.x }", ""));
    let found = load("{ of: a.z }", record).err().expect("no such item");
    assert!(found.contains("a.z"), "{found}");
}
