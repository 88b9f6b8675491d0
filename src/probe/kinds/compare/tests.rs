//! Facts of other legs, and what is made of them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::model::Outcome;
use crate::probe::{LegFacts, fixture};

async fn compared(parameters: Value, registry: Option<Value>, api: Value) -> (Outcome, Option<Reason>, String) {
    let mut legs = LegFacts::from([("api".into(), api)]);
    legs.extend(registry.map(|facts| ("registry".into(), facts)));
    let cx = fixture::cx(1000).with_legs(Some(Arc::new(legs)));
    let verdict = fixture::run("compare", parameters, &cx).await.verdict;
    (verdict.outcome(), verdict.reason(), verdict.sentence().to_owned())
}

fn registry(ids: &[&str]) -> Option<Value> {
    Some(json!({ "keys": ids.iter().map(|id| json!({ "json": { "id": id } })).collect::<Vec<_>>() }))
}

fn leg(both_ways: bool) -> Value {
    json!({
        "each": { "leg": "registry", "path": "keys.json.id" },
        "among": { "leg": "api", "path": "agents.id", "having": { "status": "active" } },
        "both_ways": both_ways,
    })
}

#[tokio::test]
async fn each_value_is_looked_for_on_the_other_side() {
    let agent = |id: &str, status: &str| json!({ "id": id, "status": status });
    let api = || json!({ "agents": [agent("a", "active"), agent("b", "inactive"), agent("c", "active")] });
    assert_eq!(compared(leg(false), registry(&["a", "c"]), api()).await.0, Outcome::Pass);
    assert_eq!(compared(leg(true), registry(&["a", "c"]), api()).await.0, Outcome::Pass);
    assert_eq!(compared(leg(false), registry(&["a"]), api()).await.0, Outcome::Pass);
    let seen = compared(leg(true), registry(&["a"]), api()).await;
    assert_eq!((seen.0, seen.1), (Outcome::Fail, Some(Reason::Assertion)));
    assert!(seen.2.contains("only api has `c`"), "{}", seen.2);
    let seen = compared(leg(false), registry(&["a", "b"]), api()).await;
    assert!(seen.0 == Outcome::Fail && seen.2.contains("only registry has `b`"), "{}", seen.2);
}

#[tokio::test]
async fn who_does_not_say_what_is_asked_for_is_not_left_out() {
    let api = || json!({ "agents": [{ "id": "a", "status": "active" }, { "id": "b", "state": "active" }] });
    let seen = compared(leg(true), registry(&["a"]), api()).await;
    assert_eq!((seen.0, seen.1), (Outcome::Indeterminate, Some(Reason::NoData)), "{}", seen.2);
    let mut numbers = leg(true);
    numbers["among"]["having"] = json!({ "status": "1" });
    let api = json!({ "agents": [{ "id": "a", "status": 1 }, { "id": "b", "status": 2 }] });
    assert_eq!(compared(numbers, registry(&["a"]), api).await.0, Outcome::Pass);
}

#[tokio::test]
async fn what_is_missing_decides_nothing() {
    let api = || json!({ "agents": [{ "id": "a", "status": "active" }] });
    let cases = [
        None,
        Some(json!({})),
        Some(json!({ "keys": [{ "json": { "id": "a" } }, { "json": null }] })),
        Some(json!({ "keys": [{ "json": { "id": { "x": 1 } } }] })),
    ];
    for registry in cases {
        let seen = compared(leg(false), registry, api()).await;
        assert_eq!((seen.0, seen.1), (Outcome::Indeterminate, Some(Reason::NoData)), "{}", seen.2);
    }
}

#[tokio::test]
async fn nothing_is_not_the_same_as_nothing() {
    let active = || json!({ "agents": [{ "id": "a", "status": "active" }] });
    let inactive = || json!({ "agents": [{ "id": "a", "status": "inactive" }] });
    for (both_ways, api) in [(false, active()), (false, inactive()), (true, inactive())] {
        let seen = compared(leg(both_ways), registry(&[]), api).await;
        assert_eq!((seen.0, seen.1), (Outcome::Indeterminate, Some(Reason::NoData)), "{}", seen.2);
        assert_eq!(seen.2, "expected something to compare, saw no value of registry");
    }
    assert_eq!(compared(leg(true), registry(&[]), active()).await.0, Outcome::Fail);
    assert_eq!(compared(leg(false), registry(&["a"]), inactive()).await.0, Outcome::Fail);
}

#[tokio::test]
async fn numbers_may_differ_by_a_share() {
    let leg = |at_least: f64| {
        json!({ "each": { "leg": "registry", "path": "value" }, "among": { "leg": "api", "path": "rows.n" },
            "within_ratio": 0.1, "at_least": at_least })
    };
    let cases = [
        (95.5, json!({ "rows": [{ "n": 100 }] }), 20.0, Outcome::Pass),
        (85.0, json!({ "rows": [{ "n": 100 }] }), 20.0, Outcome::Fail),
        (115.0, json!({ "rows": [{ "n": 100 }] }), 20.0, Outcome::Fail),
        (5.0, json!({ "rows": [{ "n": 10 }] }), 20.0, Outcome::Indeterminate),
        (0.0, json!({ "rows": [{ "n": 0 }] }), 0.0, Outcome::Indeterminate),
        (5.0, json!({ "rows": [{ "n": 5 }, { "n": 6 }] }), 1.0, Outcome::Indeterminate),
        (5.0, json!({ "rows": [{ "n": "x" }] }), 1.0, Outcome::Indeterminate),
    ];
    for (value, api, at_least, outcome) in cases {
        let seen = compared(leg(at_least), Some(json!({ "value": value })), api).await;
        assert_eq!(seen.0, outcome, "{}", seen.2);
    }
}

#[tokio::test]
async fn a_number_may_have_a_least_share_of_another() {
    let leg = json!({ "each": { "leg": "registry", "path": "value" }, "among": { "leg": "api", "path": "n" },
        "min_ratio": 0.9, "at_least": 20.0 });
    let cases = [
        (json!(90), 100, Outcome::Pass),
        (json!(300), 100, Outcome::Pass),
        (json!(89), 100, Outcome::Fail),
        (json!(0), 100, Outcome::Fail),
        (json!(0), 10, Outcome::Indeterminate),
        (json!(null), 100, Outcome::Indeterminate),
    ];
    for (value, among, outcome) in cases {
        let seen = compared(leg.clone(), Some(json!({ "value": value })), json!({ "n": among })).await;
        assert_eq!(seen.0, outcome, "{}", seen.2);
    }
}

/// Rows of `stored` against series of `asked`, which are keyed by name.
fn pairs(pairs: Value) -> Value {
    json!({ "each": { "leg": "registry", "path": "rows.n", "key": ["name"] },
        "among": { "leg": "api", "path": "series.value", "key": ["labels.name"] }, "pairs": pairs })
}

fn rows(rows: &[(&str, Value)]) -> Option<Value> {
    Some(json!({ "rows": rows.iter().map(|(name, n)| json!({ "name": name, "n": n })).collect::<Vec<_>>() }))
}

fn series(series: &[(&str, f64)]) -> Value {
    json!({ "series": series.iter().map(|(name, n)| json!({ "labels": { "name": name }, "value": n })).collect::<Vec<_>>() })
}

#[tokio::test]
async fn each_pair_is_held_against_its_own_partner() {
    let within = |ratio: f64, direction: &str| pairs(json!({ "within_ratio": ratio, "direction": direction }));
    let cases = [
        (within(0.05, "both"), [96.0, 104.0], Outcome::Pass),
        // The mean of both is right, and so is their sum.
        (within(0.05, "both"), [90.0, 110.0], Outcome::Fail),
        (within(0.05, "at_least"), [96.0, 900.0], Outcome::Pass),
        (within(0.05, "at_least"), [94.0, 900.0], Outcome::Fail),
        (within(0.05, "at_most"), [1.0, 104.0], Outcome::Pass),
        (within(0.05, "at_most"), [1.0, 106.0], Outcome::Fail),
        (pairs(json!({ "within": 3.0 })), [97.0, 103.0], Outcome::Pass),
        (pairs(json!({ "within": 3.0 })), [96.9, 103.0], Outcome::Fail),
        (pairs(json!({ "max_mape": 0.1 })), [90.0, 110.0], Outcome::Pass),
        (pairs(json!({ "max_mape": 0.1 })), [80.0, 101.0], Outcome::Fail),
        // An estimate of nothing is wrong by all of it.
        (pairs(json!({ "max_mape": 0.1 })), [0.0, 0.0], Outcome::Fail),
    ];
    for (leg, [a, b], outcome) in cases {
        // In another order: only the key tells which belong together.
        let seen =
            compared(leg, rows(&[("b", json!(b)), ("a", json!(a.to_string()))]), series(&[("a", 100.0), ("b", 100.0)]))
                .await;
        assert_eq!(seen.0, outcome, "{a} {b} {}", seen.2);
    }
}

#[tokio::test]
async fn who_has_no_partner_is_counted() {
    let one = || rows(&[("a", json!(100)), ("b", json!(5))]);
    let leg = |missing: &str, both: bool| pairs(json!({ "within_ratio": 0.1, "missing": missing, "both_ways": both }));
    let seen = compared(leg("unknown", false), one(), series(&[("a", 100.0)])).await;
    assert_eq!((seen.0, seen.1), (Outcome::Indeterminate, Some(Reason::NoData)), "{}", seen.2);
    assert!(seen.2.contains("no partner of 1: `b in api`"), "{}", seen.2);
    let seen = compared(leg("fail", false), one(), series(&[("a", 100.0)])).await;
    assert_eq!((seen.0, seen.1), (Outcome::Fail, Some(Reason::Assertion)), "{}", seen.2);
    let more = || series(&[("a", 100.0), ("b", 5.0), ("c", 1.0)]);
    assert_eq!(compared(leg("fail", false), one(), more()).await.0, Outcome::Pass);
    assert_eq!(compared(leg("fail", true), one(), more()).await.0, Outcome::Fail);
    // What is not known is missing, and twice is not once.
    let unknown = rows(&[("a", json!(null))]);
    assert_eq!(compared(leg("unknown", false), unknown, series(&[("a", 1.0)])).await.0, Outcome::Indeterminate);
    let seen = compared(leg("fail", false), one(), series(&[("a", 100.0), ("b", 5.0), ("a", 100.0)])).await;
    assert!(seen.0 == Outcome::Indeterminate && seen.2.contains("more than one number of `a in api`"), "{}", seen.2);
}

#[tokio::test]
async fn nothing_and_0_decide_nothing() {
    let least =
        |pairs_: u32| pairs(json!({ "within_ratio": 0.1, "max_mape": 0.1, "min_pairs": pairs_, "missing": "fail" }));
    let cases = [
        (least(1), rows(&[]), series(&[]), Outcome::Indeterminate),
        (least(1), rows(&[]), series(&[("a", 1.0)]), Outcome::Indeterminate),
        (least(1), rows(&[("a", json!(0))]), series(&[("a", 0.0)]), Outcome::Indeterminate),
        (least(2), rows(&[("a", json!(1))]), series(&[("a", 1.0)]), Outcome::Indeterminate),
        (least(1), rows(&[("a", json!(1))]), series(&[("a", 0.0)]), Outcome::Fail),
        (pairs(json!({ "max_mape": 9.0 })), rows(&[("a", json!(1))]), series(&[("a", 0.0)]), Outcome::Fail),
        (least(1), rows(&[("a", json!("much"))]), series(&[("a", 1.0)]), Outcome::Indeterminate),
        (least(1), rows(&[("a", json!(1))]), json!({ "series": [{ "value": 1 }] }), Outcome::Indeterminate),
    ];
    for (leg, rows, series, outcome) in cases {
        let seen = compared(leg, rows, series).await;
        assert_eq!(seen.0, outcome, "{}", seen.2);
    }
}

#[test]
fn pairs_say_how_far_and_by_what() {
    let findings = |parameters: Value| {
        let parsed = crate::probe::kinds::find("compare").unwrap().parse(parameters).unwrap();
        parsed.findings.0.len()
    };
    assert_eq!(findings(pairs(json!({ "within": 1.0 }))), 0);
    assert_eq!(findings(pairs(json!({}))), 1);
    assert_eq!(findings(pairs(json!({ "max_mape": 0.1, "direction": "at_least", "min_pairs": 0 }))), 2);
    let mut unkeyed = pairs(json!({ "within": 1.0 }));
    unkeyed["each"]["key"] = json!([]);
    assert_eq!(findings(unkeyed), 1);
}

#[tokio::test]
async fn values_are_taken_out_of_texts_and_out_of_objects() {
    let leg = json!({
        "each": { "leg": "registry", "path": "keys", "below": "json.id", "having": { "state": "on" }, "pattern": "^https://x/([^#]+)" },
        "among": { "leg": "api", "path": "files" },
    });
    let key = |id: &str, state: &str| json!({ "state": state, "json": { "id": id } });
    let registry = |keys: &[Value]| Some(json!({ "keys": keys }));
    let api = || json!({ "files": ["a.md"] });
    let keys = [key("https://x/a.md#b", "on"), key("https://x/b.md", "off"), key("https://y/c.md", "on")];
    assert_eq!(compared(leg.clone(), registry(&keys), api()).await.0, Outcome::Pass);
    let keys = [key("https://x/b.md", "on")];
    assert_eq!(compared(leg.clone(), registry(&keys), api()).await.0, Outcome::Fail);
    assert_eq!(compared(leg.clone(), registry(&[]), api()).await.0, Outcome::Indeterminate);
    let mut optional = leg;
    optional["optional"] = json!(true);
    assert_eq!(compared(optional.clone(), registry(&[]), api()).await.0, Outcome::Pass);
    assert_eq!(compared(optional, None, api()).await.0, Outcome::Indeterminate, "nobody has looked");
}

#[tokio::test]
async fn times_of_headers_are_numbers() {
    let leg = json!({
        "each": { "leg": "registry", "path": "keys", "below": "json.id", "key": ["of"] },
        "among": { "leg": "api", "path": "since.at_s", "key": ["text"] },
        "pairs": { "direction": "at_least", "within": 0, "plus": 86400 },
    });
    let registry = |at: &str| Some(json!({ "keys": [{ "of": "a", "json": { "id": at } }] }));
    let api = || json!({ "since": [{ "text": "a", "at_s": 1_767_225_600 }] });
    assert_eq!(compared(leg.clone(), registry("Fri, 02 Jan 2026 00:00:00 GMT"), api()).await.0, Outcome::Pass);
    assert_eq!(compared(leg.clone(), registry("Thu, 01 Jan 2026 23:59:59 GMT"), api()).await.0, Outcome::Fail);
    assert_eq!(compared(leg, registry("soon"), api()).await.0, Outcome::Indeterminate);
}
