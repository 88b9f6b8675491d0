//! `check`: its forms of output, its exit code, and what it can be asked about.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::{ITEMS, Place, binary, root, said};

#[test]
fn a_table_says_it_all_and_the_exit_code_too() {
    let place = Place::new(ITEMS);
    let said = place.run(&["check"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(!said.out.contains('\x1b') && !said.err.contains("evaluated"), "only on a terminal: {}", said.err);
    let line = |item: &str| said.out.lines().find(|line| line.contains(item)).unwrap_or_else(|| panic!("{}", said.out));
    assert!(line("c/a.there").trim_start().starts_with("pass"));
    assert!(line("c/a.missing").contains("fail") && line("c/a.missing").contains("/nonexistent/x"));
    assert!(line("c/b.later").contains("unmapped"), "the only one of its section");
    assert!(line("c/a: 2 items").contains("target `db` is not configured"));
    assert!(said.out.contains("gate c/good: open (0 of 2 items block)"));
    assert!(said.out.ends_with("6 items: 2 pass, 1 fail, 3 unknown\n"), "{}", said.out);

    let whole = place.run(&["check", "--all"]).out;
    assert!(whole.contains("c/a.lag") && whole.contains("c/a.size") && !whole.contains("c/a: 2"), "{whole}");
    let named = place.run(&["check", "--item", "c/a.lag", "--item", "c/a.size"]).out;
    assert!(named.contains("c/a.lag") && named.contains("c/a.size"), "what is asked for by name is shown: {named}");
}

#[test]
fn a_gate_decides() {
    let place = Place::new(ITEMS);
    for (arguments, code) in [
        (&["--gate", "good"][..], 0),
        (&["--gate", "c/good"], 0),
        (&["--gate", "all"], 1),
        (&["--gate", "good", "--gate", "all"], 1),
        (&["--item", "c/a.there"], 0),
        (&["--item", "c/a.there", "--item", "c/a.missing"], 1),
        (&["--checklist", "c"], 1),
    ] {
        let said = place.run(&[&["check"], arguments].concat());
        assert_eq!(said.code, code, "{arguments:?}: {}{}", said.out, said.err);
    }
}

#[test]
fn names_that_do_not_exist_are_mistakes_not_results() {
    let place = Place::new(ITEMS);
    for (flag, name, hint) in
        [("--gate", "goood", "`good`"), ("--item", "c/a.ther", "`c/a.there`"), ("--checklist", "d", "`c`")]
    {
        let said = place.run(&["check", flag, name]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{flag}");
        assert!(said.err.contains(&format!("`{name}`; did you mean {hint}?")), "{}", said.err);
    }
}

#[test]
fn json_is_whole() {
    let said = Place::new(ITEMS).run(&["check", "-o", "json"]);
    assert_eq!(said.code, 1);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    assert_eq!(json["items"].as_array().map(Vec::len), Some(6), "nothing is folded");
    assert_eq!(json["accepted"], false);
    let missing = &json["items"][1];
    assert_eq!((&missing["id"], &missing["state"]), (&"c/a.missing".into(), &"fail".into()));
    assert_eq!(json["gates"][1]["blockers"].as_array().map(Vec::len), Some(4));
}

#[test]
fn junit_is_xml_that_ci_systems_can_count() {
    let said = Place::new(ITEMS).run(&["check", "--output", "junit", "--gate", "good", "--gate", "all"]);
    assert_eq!(said.code, 1);
    let xml = roxmltree::Document::parse(&said.out).unwrap_or_else(|error| panic!("{error}\n{}", said.out));
    let suites = xml.root_element();
    let number = |node: roxmltree::Node<'_, '_>, name: &str| node.attribute(name).and_then(|n| n.parse::<usize>().ok());
    let named =
        |node: roxmltree::Node<'_, '_>, name: &'static str| node.descendants().filter(|n| n.has_tag_name(name)).count();
    assert_eq!(suites.tag_name().name(), "testsuites");
    for node in suites.children().filter(|node| node.has_tag_name("testsuite")).chain([suites]) {
        assert_eq!(number(node, "tests"), Some(named(node, "testcase")));
        assert_eq!(number(node, "failures"), Some(named(node, "failure")));
        assert_eq!(number(node, "errors"), Some(named(node, "error")));
        assert_eq!(number(node, "skipped"), Some(named(node, "skipped")));
    }
    assert_eq!(
        (number(suites, "tests"), number(suites, "failures"), number(suites, "errors")),
        (Some(8), Some(2), Some(3))
    );
    let failure = xml.descendants().find(|node| node.has_tag_name("failure")).expect("a failure");
    assert_eq!(failure.text(), Some("Missing <&>"));
    assert!(failure.attribute("message").is_some_and(|message| message.contains("/nonexistent/x")));
}

#[test]
fn markdown_is_a_table_for_reviews() {
    let said = Place::new(ITEMS).run(&["check", "-o", "markdown"]);
    assert_eq!(said.code, 1);
    let rows: Vec<&str> = said.out.lines().filter(|line| line.starts_with('|') && line.contains("c/")).collect();
    let columns = rows.first().map_or(0, |row| row.matches(" | ").count());
    assert!(
        columns >= 2 && rows.iter().filter(|row| row.contains("c/a.") || row.contains("c/b.")).count() >= 6,
        "{}",
        said.out
    );
}

#[test]
fn an_item_that_hangs_is_given_up_in_time_and_never_accepted() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let address = listener.local_addr().expect("address");
    let text = format!(
        "checklists: {{ c: {{ title: C, sections: {{ a: A }}, items: {{\n\
         a.there: {{ title: T, priority: high, check: {{ file: {{ path: /etc/passwd }} }} }},\n\
         a.hangs: {{ title: H, priority: high, interval: 5m, timeout: 60s, check: {{ http: {{ url: \"http://{address}/\" }} }} }} }} }} }}\n"
    );
    let place = Place::new(&text);
    let started = Instant::now();
    let output = place.command(&["check", "--timeout", "1s"]).env("READINESS__ENGINE__DRAIN_GRACE", "1s").output();
    let said = said(output);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("not all items were evaluated within 1s"), "{}", said.err);
    let hangs = said.out.lines().find(|line| line.contains("c/a.hangs")).expect("a line");
    assert!(hangs.contains("unknown") && hangs.contains("pending"), "{hangs}");
    assert!(said.out.contains("1 pass, 1 unknown"), "what did answer is shown: {}", said.out);
}

#[test]
fn a_bad_catalogue_is_exit_code_2_and_says_where() {
    let place = Place::new("checklists:\n  c: { titel: C }\n");
    let said = place.run(&["check"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    assert!(said.err.contains("root.yaml:2:8") && said.err.contains("did you mean `title`?"), "{}", said.err);
    let settings = place.write("settings.yaml", "web: { max_requests: 0 }\n");
    let said = place.run(&["check", "--settings.file", settings.to_str().expect("UTF-8")]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("settings.yaml: web.max_requests: expected a number from 1"), "{}", said.err);
}

#[test]
fn the_shipped_catalogue_can_be_checked_without_a_daemon() {
    let config = root().join("config/readiness.yaml");
    let done = binary().args(["check", "-o", "json", "--checklist", "self", "--config.file"]).arg(config).output();
    let said = said(done);
    assert_eq!(said.code, 1, "{}", said.err);
    let json: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let items = json["items"].as_array().expect("items");
    assert!(items.iter().any(|item| item["state"] == "pass"));
    assert!(
        items
            .iter()
            .any(|item| item["sentence"].as_str().is_some_and(|s| s.contains("target `self` has no address here")))
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let place = Place::new(ITEMS);
    for arguments in [&["list"][..], &["completions", "bash"], &["man"]] {
        let (reader, writer) = std::io::pipe().expect("pipe");
        drop(reader);
        let done = place.command(arguments).stdout(Stdio::from(writer)).stderr(Stdio::piped()).output();
        let done = done.expect("the binary runs");
        assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
}
