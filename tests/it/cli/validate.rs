//! `validate` and `--config.check`: all errors of all files at once, each with its place.

use super::{ITEMS, Place};

/// Four errors in three files.
fn broken() -> Place {
    let place = Place::new("include: [\"*.part.yaml\"]\ntargts: {}\n");
    place.write("one.part.yaml", "checklists:\n  c:\n    titel: C\n    sections: {}\n");
    let items = "items: { b.x: { title: X, priority: urgent, check: { htpp: {} } } }";
    place.write("two.part.yaml", &format!("checklists: {{ d: {{ title: D, sections: {{ b: B }}, {items} }} }}\n"));
    place
}

#[test]
fn people_see_every_error_with_its_place() {
    let said = broken().run(&["validate"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""));
    for part in
        ["root.yaml:2:1", "one.part.yaml:3:5", "two.part.yaml:1:", "did you mean `title`?", "`htpp`", "errors\n"]
    {
        assert!(said.out.contains(part), "{part} in\n{}", said.out);
    }
    assert!(!said.out.contains('\x1b'));
}

#[test]
fn json_has_an_object_a_line() {
    let said = broken().run(&["validate", "--output", "json"]);
    assert_eq!(said.code, 1);
    let found: Vec<serde_json::Value> =
        said.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(found.len() >= 4, "{}", said.out);
    assert!(found.iter().all(|one| one["severity"] == "error" && one["labels"][0]["line"].is_u64()), "{}", said.out);
    let files: std::collections::BTreeSet<_> =
        found.iter().filter_map(|one| one["labels"][0]["file"].as_str()).collect();
    assert_eq!(files.len(), 3);
}

#[test]
fn github_has_a_command_a_line() {
    let said = broken().run(&["validate", "-o", "github"]);
    assert_eq!(said.code, 1);
    assert!(said.out.lines().count() >= 4, "{}", said.out);
    for line in said.out.lines() {
        assert!(line.starts_with("::error file=") && line.contains(",line=") && line.contains("title=RC0"), "{line}");
    }
}

#[test]
fn a_valid_catalogue_is_counted_and_warnings_can_be_denied() {
    let place = Place::new(ITEMS);
    for arguments in [&["validate"][..], &["--config.check"], &["validate", "--deny-warnings"]] {
        let said = place.run(arguments);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
        assert_eq!(said.out, "6 items in 1 checklists are valid\n");
    }
    let warned = Place::new(&format!("targets: {{ unused: {{ address: 'x:1' }} }}\n{ITEMS}"));
    let said = warned.run(&["validate"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains("warning[RC0502]") && said.out.contains("root.yaml:1:12"), "{}", said.out);
    assert_eq!(warned.run(&["validate", "--deny-warnings"]).code, 1);
}

#[test]
fn no_form_shows_a_secret() {
    let place = Place::new(&format!("targets: {{ c.db: {{ address: 'postgresql://me:hunter2@h/x' }} }}\n{ITEMS}"));
    for form in ["human", "json", "github"] {
        let said = place.run(&["validate", "-o", form]);
        assert_eq!(said.code, 1, "{form}");
        assert!(said.out.contains("RC0301") && !said.out.contains("hunter2"), "{}", said.out);
        assert!(!said.err.contains("hunter2"));
    }
}
