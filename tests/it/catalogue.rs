//! The shipped catalogue against the list of rows it must hold: nothing may be dropped silently.

use std::path::Path;

use readiness::catalog::{Builtins, Compiled, load};
use readiness::model::{Check, Claim, ItemId, Plan, Slot, Span, Target, Timestamp, TlsFiles};

fn shipped(file: &str) -> Compiled {
    let own = Target {
        name: "self".into(),
        address: "http://127.0.0.1:10099".into(),
        credential: None,
        tls: TlsFiles::default(),
    };
    let builtins = Builtins { targets: vec![own], max_waiver: Span::from_secs(90 * 86_400) };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(file);
    let loaded = load(&path, &builtins, Timestamp::from_secs(1_795_000_000));
    let report = readiness::diag::human(&loaded.report, readiness::diag::Palette::Plain);
    assert_eq!(report, "", "{file} loads without a word");
    loaded.compiled.expect("a catalogue")
}

/// (checklist, columns after it) of every row.
fn rows() -> impl Iterator<Item = Vec<&'static str>> {
    include_str!("../../config/rows.tsv").lines().skip(1).map(|line| line.split('\t').collect())
}

fn claim(plan: &Plan, row: &[&str]) -> Claim {
    let item = plan.item(plan.slot(&ItemId::new(row[0], row[1])).expect("row")).expect("item");
    item.claim
}

#[test]
fn every_row_is_there_with_its_mode_priority_line_and_claim() {
    let plan = shipped("readiness.yaml").plan;
    let (mut seen, mut ticked) = (0, 0);
    for row in rows() {
        let id = ItemId::new(row[0], row[1]);
        let item = plan.slot(&id).and_then(|slot| plan.item(slot)).unwrap_or_else(|| panic!("{id} is missing"));
        assert_eq!(item.mode.as_str(), row[2], "mode of {id}");
        assert_eq!(item.priority.as_str(), row[3], "priority of {id}");
        let line: u32 = row[6].trim_start_matches('+').parse().expect("line");
        assert_eq!(item.source.as_ref().map(|source| source.line), Some(line), "line of {id}");
        assert!(!item.title.is_empty() && item.id.item().starts_with(item.section.as_str()), "section of {id}");
        match row[5] {
            "yes" => assert_eq!(claim(&plan, &row), Claim::Done, "claim of {id}"),
            "no" => assert_eq!(claim(&plan, &row), Claim::Open, "claim of {id}"),
            // Parallax: a line marked `+` has no box, and only what tests verified was ticked.
            _ if row[6].starts_with('+') => assert_eq!(claim(&plan, &row), Claim::None, "claim of {id}"),
            _ if row[1].starts_with("verified.") => assert_eq!(claim(&plan, &row), Claim::Done, "claim of {id}"),
            _ => assert_eq!(claim(&plan, &row), Claim::Open, "claim of {id}"),
        }
        seen += 1;
        ticked += usize::from(item.claim == Claim::Done);
    }
    assert_eq!(seen, 270 + 164);
    assert_eq!(ticked, 10 + 28, "ticks of both documents");
    for checklist in ["parallax", "phoenix"] {
        let items = plan.items.iter().filter(|item| item.id.checklist() == checklist).count();
        assert_eq!(
            items,
            rows().filter(|row| row[0] == checklist).count(),
            "{checklist} has no row that is not listed"
        );
    }
}

#[test]
fn the_checklist_about_itself_has_twenty_items_or_more() {
    let plan = shipped("readiness.yaml").plan;
    assert!(plan.items.iter().filter(|item| item.id.checklist() == "self").count() >= 20);
}

#[test]
fn the_example_of_a_deployment_points_the_shipped_catalogue_at_systems() {
    let (bare, deployed) = (shipped("readiness.yaml"), shipped("deployment.example.yaml"));
    assert_eq!(bare.plan.items.len(), deployed.plan.items.len());
    assert!(deployed.legs.len() > bare.legs.len() + 30, "{} legs against {}", deployed.legs.len(), bare.legs.len());
}

#[test]
fn the_release_is_signed_off_by_every_critical_row_that_a_probe_decides() {
    let plan = shipped("readiness.yaml").plan;
    let slot = |item: &str| plan.slot(&ItemId::new("parallax", item)).expect("row");
    let sign_off = plan.item(slot("signoff.automated-tests")).expect("item");
    let mut members = Vec::new();
    collect(&sign_off.check, &mut members);
    for row in rows().filter(|row| row[0] == "parallax" && row[2] == "auto" && row[3] == "critical") {
        assert!(members.contains(&slot(row[1])), "{} is missing", row[1]);
    }
}

#[test]
fn the_marks_of_sections_weigh_every_row() {
    let plan = shipped("readiness.yaml").plan;
    let marks = rows().filter(|row| row[0] == "phoenix" && row[1].starts_with("section."));
    for mark in marks.map(|row| row[1]) {
        let section = mark.trim_start_matches("section.").trim_end_matches("good-coverage");
        let slot = plan.slot(&ItemId::new("phoenix", mark)).expect("row");
        let Check::AllOf(parts) = &plan.item(slot).expect("item").check else { panic!("{mark}") };
        let (mut total, mut critical, mut expected) = (0, 0, Vec::new());
        for row in rows().filter(|row| row[0] == "phoenix" && row[1].starts_with(section)) {
            let weight = [("critical", 8), ("high", 4), ("medium", 2), ("low", 1)];
            let weight = weight.iter().find(|(name, _)| *name == row[3]).expect("a priority").1;
            let member = Check::Item(plan.slot(&ItemId::new("phoenix", row[1])).expect("row"));
            total += weight;
            if weight == 8 {
                critical += weight;
                assert!(parts.contains(&member), "{mark} needs {}", row[1]);
            } else {
                expected.extend(std::iter::repeat_n(member, weight as usize));
            }
        }
        let n = (total * 8_u32).div_ceil(10) - critical;
        assert_eq!(parts.last(), Some(&Check::AtLeast(n, expected)), "{mark}");
    }
}

fn collect(check: &Check, members: &mut Vec<Slot>) {
    match check {
        Check::Item(slot) => members.push(*slot),
        Check::AllOf(checks) | Check::AnyOf(checks) => checks.iter().for_each(|check| collect(check, members)),
        _ => {}
    }
}

/// A value that an installer writes is matched for what it is: within an expression it is `${name|regex}`, and
/// one that is an expression itself is a whole text, or a raw one in a condition.
#[test]
fn no_parameter_is_spliced_into_a_regular_expression_as_it_is() {
    const EXPRESSIONS: [&str; 5] = ["pattern", "forbid", "forbid_body", "matching", "extract"];
    fn look(text: &str, key: &str, found: &mut Vec<String>) -> usize {
        let spliced: Vec<&str> =
            text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|r| r.0).collect();
        let is_whole = spliced.len() == 1 && text.starts_with("${") && text.ends_with('}') && !text.contains('|');
        let is_expression = EXPRESSIONS.contains(&key) || text.starts_with('^') || text.starts_with("(?");
        if is_expression && !is_whole {
            found.extend(spliced.iter().filter(|name| !name.ends_with("|regex")).map(|_| text.to_owned()));
        }
        if ["matches(\"", "matches('", "find(\"", "find('"].iter().any(|call| text.contains(&format!("{call}${{"))) {
            found.push(text.to_owned());
        }
        spliced.iter().filter(|name| name.ends_with("|regex")).count()
    }
    fn walk(value: &serde_json::Value, key: &str, found: &mut Vec<String>) -> usize {
        match value {
            serde_json::Value::String(text) => look(text, key, found),
            serde_json::Value::Array(items) => items.iter().map(|item| walk(item, key, found)).sum(),
            serde_json::Value::Object(fields) => {
                fields.iter().map(|(name, value)| walk(value, if key == "extract" { key } else { name }, found)).sum()
            }
            _ => 0,
        }
    }
    let (mut raw, mut escaped) = (Vec::new(), 0);
    for list in ["parallax", "phoenix", "self"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/checklists");
        let parts = std::fs::read_dir(root.join(list)).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in parts.chain([root.join(format!("{list}.yaml"))]).filter(|path| path.is_file()) {
            let text = std::fs::read_to_string(&path).expect("a checklist");
            let whole: serde_json::Value = serde_saphyr::from_str(&text).expect("YAML");
            escaped += walk(&whole, "", &mut raw);
        }
    }
    assert_eq!(raw, Vec::<String>::new());
    assert!(escaped >= 9, "{escaped}");
}
