//! Every query of every board against a real Prometheus that scrapes the daemon.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{BOARDS, Target, board, filled_in, targets};
use crate::rules;
use crate::support::prometheus::escape;
use crate::support::shop::Shop;

#[test]
fn queries_and_variables_name_what_the_table_has() {
    let known = rules::of_the_table();
    for Target { board, panel, expr, .. } in targets() {
        assert!(!filled_in(&expr).contains('$'), "{board}: {panel}: {}", filled_in(&expr));
        rules::check(&filled_in(&expr), &known);
    }
    for name in BOARDS {
        for variable in board(name)["templating"]["list"].as_array().expect("variables") {
            let Some(query) = variable["query"]["query"].as_str() else { continue };
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).expect(query);
            let (selector, label) = inner.rsplit_once(", ").expect(query);
            rules::check(&filled_in(selector), &known);
            let family = selector.split('{').next().unwrap_or_default();
            let labels = known[family].as_ref().expect("labels");
            assert!(labels.contains(label), "{query}");
        }
    }
}

#[test]
fn every_query_returns_data() {
    let directory = tempfile::tempdir().expect("directory");
    let shop = Shop::open(directory.path());
    let soon = Duration::from_secs(60);
    for item in ["data.database", "data.migrations", "web.latency", "web.queue"] {
        shop.daemon.wait_for(&format!("shop/{item}"), "pass", soon);
    }
    std::thread::sleep(Duration::from_secs(3));
    shop.lose("database");
    shop.daemon.wait_for("shop/data.database", "fail", soon);
    shop.daemon.wait_for("shop/data.migrations", "blocked", soon);
    // A scrape later Prometheus knows, and a few later it can tell rates.
    std::thread::sleep(Duration::from_secs(5));
    let mut empty = Vec::new();
    for Target { board, panel, expr, is_instant } in targets() {
        let query = filled_in(&expr);
        if !returns_data(&shop, &query, is_instant) {
            empty.push(format!("{board}: {panel}: {query}"));
        }
    }
    // What the one item has none of: no more than these may be empty.
    let of_others = ["item: Measurements and thresholds", "item: Now", "item: Depends on"];
    empty.retain(|one| !of_others.iter().any(|allowed| one.starts_with(allowed)));
    assert!(empty.is_empty(), "no data:\n{}", empty.join("\n"));
    for Target { board, panel, expr, is_instant } in targets() {
        if of_others.contains(&format!("{board}: {panel}").as_str()) {
            let item = if panel == "Depends on" { "data.migrations" } else { "web.latency" };
            let query = filled_in(&expr.replace("\"$item\"", &format!("\"{item}\"")));
            assert!(returns_data(&shop, &query, is_instant), "{board}: {panel}: {query}");
        }
    }
}

/// Whether a number came back, over the last half minute or now. An error fails the test.
fn returns_data(shop: &Shop, query: &str, is_instant: bool) -> bool {
    if is_instant {
        return shop.prometheus.query(query).iter().any(|series| is_number(&series["value"]));
    }
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("time").as_secs();
    let path = format!("/api/v1/query_range?query={}&start={}&end={now}&step=1", escape(query), now - 30);
    let json = shop.prometheus.json(&path);
    assert_eq!(json["status"], "success", "{query}: {json}");
    let series = json["data"]["result"].as_array().cloned().unwrap_or_default();
    series.iter().any(|series| series["values"].as_array().is_some_and(|values| values.iter().any(is_number)))
}

fn is_number(sample: &Value) -> bool {
    sample[1].as_str().is_some_and(|text| text.parse::<f64>().is_ok_and(|number| !number.is_nan()))
}
