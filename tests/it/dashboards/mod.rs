//! `dashboards/`: every query is about what there is and returns data, and Grafana knows the format.

mod queries;
mod schema;

use serde_json::Value;

use crate::source::root;

const BOARDS: [&str; 6] = ["overview", "checklist", "item", "gates", "acceptance", "exporter"];

fn board(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join(format!("dashboards/{name}.json"))).expect(name);
    serde_json::from_str(&text).expect(name)
}

/// A query of a panel.
struct Target {
    board: &'static str,
    panel: String,
    expr: String,
    is_instant: bool,
}

fn targets() -> Vec<Target> {
    let mut targets = Vec::new();
    for name in BOARDS {
        for panel in board(name)["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                targets.push(Target {
                    board: name,
                    panel: panel["title"].as_str().unwrap_or_default().to_owned(),
                    expr: target["expr"].as_str().expect("expr").to_owned(),
                    is_instant: target["instant"] == true,
                });
            }
        }
    }
    targets
}

/// The query with everything chosen, and with one item for the board about one.
fn filled_in(expr: &str) -> String {
    [
        ("$__rate_interval", "10s"),
        ("$__range", "60s"),
        ("$checklist/$item", "shop/data.database"),
        ("=\"$checklist\"", "=\"shop\""),
        ("=\"$item\"", "=\"data.database\""),
        ("$job", ".*"),
        ("$checklist", ".*"),
        ("$section", ".*"),
        ("$priority", ".*"),
        ("$team", ".*"),
    ]
    .iter()
    .fold(expr.to_owned(), |expr, (variable, value)| expr.replace(variable, value))
}
