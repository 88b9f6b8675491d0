//! `alerts/` as Prometheus and Alertmanager read it, and against the table of families.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use promql_parser::parser::{self, Expr};
use readiness::families::{FAMILIES, Kind};
use serde_json::Value;

use crate::source::root;

const RULES: [&str; 2] = ["alerts/readiness.rules.yaml", "alerts/readiness-scores.rules.yaml"];

/// Runs a tool at the root of the package; what it says where it fails.
fn succeeds(command: &mut Command) {
    let done = command.current_dir(root()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {said}");
}

fn rules() -> Vec<Value> {
    let mut rules = Vec::new();
    for path in RULES {
        let text = std::fs::read_to_string(root().join(path)).expect(path);
        let file: Value = serde_saphyr::from_str(&text).expect(path);
        let groups = file["groups"].as_array().cloned().unwrap_or_default();
        rules.extend(groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()));
    }
    rules
}

fn alerts() -> BTreeSet<String> {
    rules().iter().filter_map(|rule| Some(rule["alert"].as_str()?.to_owned())).collect()
}

#[test]
fn promtool_and_amtool_accept_the_files() {
    succeeds(Command::new("promtool").args(["check", "rules", "--lint=all", "--lint-fatal"]).args(RULES));
    succeeds(Command::new("amtool").args(["check-config", "alerts/alertmanager.yaml"]));
}

#[test]
fn every_alert_has_unit_tests_and_they_pass() {
    let tests = std::fs::read_dir(root().join("tests/rules")).expect("folder");
    let files: Vec<_> = tests.map(|entry| entry.expect("entry").path()).collect();
    succeeds(Command::new("promtool").args(["test", "rules"]).args(&files));
    let text: String = files.iter().map(|file| std::fs::read_to_string(file).expect("file")).collect();
    for alert in alerts() {
        let fires = text.lines().any(|line| line.contains(&alert) && line.contains("firing"))
            || text.contains(&format!("alertname: {alert}\n"));
        let is_quiet = text.lines().any(|line| line.contains(&alert) && line.contains("[]"));
        assert!(fires && is_quiet, "{alert}: a unit test in which it fires, and one in which it does not");
    }
    assert!(alerts().len() >= 15, "{:?}", alerts());
}

#[test]
fn every_alert_has_a_runbook_that_says_what_to_do() {
    let folder = root().join("docs/runbooks");
    let pages: BTreeSet<String> = std::fs::read_dir(&folder)
        .expect("docs/runbooks")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("name"))
        .collect();
    let expected: BTreeSet<String> = alerts().iter().map(|alert| format!("{alert}.md")).collect();
    assert_eq!(pages, expected);
    for page in pages {
        let text = std::fs::read_to_string(folder.join(&page)).expect("page");
        for heading in ["## What it means", "## What to look at", "## What to do"] {
            assert!(text.contains(heading), "{page} has no “{heading}”");
        }
    }
    for rule in rules().iter().filter(|rule| rule["alert"].is_string()) {
        let name = rule["alert"].as_str().unwrap_or_default();
        let url = rule["annotations"]["runbook_url"].as_str().unwrap_or_default();
        assert!(url.ends_with(&format!("/runbooks/{name}")), "{name}: {url}");
    }
}

/// Alertmanager shows the template's text for an alert as the rules make it.
#[test]
fn the_template_says_what_broke_since_when_and_why() {
    let data = serde_json::json!({
        "receiver": "page", "status": "firing", "groupLabels": { "checklist": "shop" },
        "commonAnnotations": { "summary": "An item that was ready is failing." },
        "alerts": [ { "status": "firing", "labels": { "team": "data" }, "annotations": {
            "description": "shop/db was ready and is failing.", "reason": "refused", "since": "10:00",
            "runbook_url": "https://board.example/runbooks/X" } } ],
    });
    let directory = tempfile::tempdir().expect("directory");
    let file = directory.path().join("data.json");
    std::fs::write(&file, data.to_string()).expect("data");
    let done = Command::new("amtool")
        .args(["template", "render", "--template.glob=alerts/readiness.tmpl", "--template.text"])
        .arg("{{ template \"readiness.title\" . }}\n{{ template \"readiness.text\" . }}")
        .arg(format!("--template.data={}", file.display()))
        .current_dir(root())
        .output()
        .expect("amtool");
    let text = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    for part in [
        "1 firing: An item that was ready is failing. (shop)",
        "Reason: refused.",
        "Since 10:00.",
        "Team: data.",
        "Runbook: https://board.example/runbooks/X",
    ] {
        assert!(text.contains(part), "“{part}” is not in:\n{text}");
    }
}

#[test]
fn rules_name_what_the_table_and_the_rules_have() {
    let mut known = of_the_table();
    for rule in rules() {
        if let Some(name) = rule["record"].as_str() {
            known.insert(name.to_owned(), None);
        }
    }
    for rule in rules() {
        check(rule["expr"].as_str().expect("expr"), &known);
        for template in rule["annotations"].as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str()) {
            for query in template.split('`').skip(1).step_by(2) {
                check(&query.replace("%s", "x"), &known);
            }
        }
    }
}

/// Names of series with the labels that they have; `None`: not checked.
pub(crate) fn of_the_table() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let mut known = BTreeMap::new();
    for family in FAMILIES {
        let mut labels: BTreeSet<String> = family.labels.iter().map(|label| (*label).to_owned()).collect();
        labels.extend(["job", "instance"].map(str::to_owned));
        if family.kind == Kind::Histogram {
            for suffix in ["_sum", "_count"] {
                known.insert(format!("{}{suffix}", family.name), Some(labels.clone()));
            }
            labels.insert("le".to_owned());
            known.insert(format!("{}_bucket", family.name), Some(labels));
        } else {
            known.insert(family.name.to_owned(), Some(labels));
        }
    }
    known
}

/// Fails where a query does not parse, or names a series or a label that there is not.
pub(crate) fn check(query: &str, known: &BTreeMap<String, Option<BTreeSet<String>>>) {
    let parsed = parser::parse(query).unwrap_or_else(|error| panic!("{error}: {query}"));
    walk(&parsed, &mut |selector| {
        let name = selector.name.clone().unwrap_or_default();
        let Some(labels) = known.get(&name) else { panic!("there is no series `{name}`: {query}") };
        for matcher in &selector.matchers.matchers {
            let is_known = labels.as_ref().is_none_or(|labels| labels.contains(&matcher.name));
            assert!(is_known, "`{name}` has no label `{}`: {query}", matcher.name);
        }
    });
}

fn walk(expr: &Expr, see: &mut impl FnMut(&parser::VectorSelector)) {
    match expr {
        Expr::Aggregate(one) => walk(&one.expr, see),
        Expr::Unary(one) => walk(&one.expr, see),
        Expr::Binary(both) => {
            walk(&both.lhs, see);
            walk(&both.rhs, see);
        }
        Expr::Paren(one) => walk(&one.expr, see),
        Expr::Subquery(one) => walk(&one.expr, see),
        Expr::VectorSelector(one) => see(one),
        Expr::MatrixSelector(one) => see(&one.vs),
        Expr::Call(call) => call.args.args.iter().for_each(|argument| walk(argument, see)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}
