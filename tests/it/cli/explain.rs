//! `explain` and `list`.

use super::{ITEMS, Place, run};

#[test]
fn everything_with_a_name_is_explained() {
    let place = Place::new(ITEMS);
    for (what, part) in [
        ("http", "kind http"),
        ("blocked", "state blocked"),
        ("unmapped", "reason unmapped"),
        ("rc0012", "A key is not part of the format at this place."),
        ("c/a.missing", "Missing <&>"),
    ] {
        let said = place.run(&["explain", what]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{what}");
        assert!(said.out.contains(part), "{what}: {}", said.out);
    }
}

#[test]
fn nonsense_gets_a_hint_and_fails() {
    let place = Place::new(ITEMS);
    let said = place.run(&["explain", "htpp"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(said.err.contains("there is nothing called `htpp`; did you mean `http`?"), "{}", said.err);
    assert!(place.run(&["explain", "wholly unknown"]).err.contains("name a kind, a reason"));
}

#[test]
fn kinds_are_explained_without_a_catalogue() {
    let said = run(&["explain", "tcp", "--config.file", "/nonexistent/root.yaml"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.starts_with("kind tcp"));
}

#[test]
fn list_shows_every_item_and_runs_none() {
    let place = Place::new(ITEMS);
    let said = place.run(&["list"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    assert_eq!(said.out.lines().filter(|line| line.contains("c/")).count(), 6);
    assert!(said.out.contains("postgres") && said.out.contains("Later"));
    let json: serde_json::Value = serde_json::from_str(&place.run(&["list", "-o", "json"]).out).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(6));
    assert!(json[0].get("state").is_none());
    let said = place.run(&["list", "--checklist", "x"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("there is no checklist `x`"), "{}", said.err);
}
