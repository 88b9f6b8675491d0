//! Colours and words of states. Names of Grafana's palette, so that they fit dark and light; a word
//! stands with every colour.

use serde_json::{Value, json};

use crate::model::State;

/// The number that stands for a state in a time line.
pub(super) fn code(state: State) -> usize {
    State::ALL.iter().position(|one| *one == state).unwrap_or_default() + 1
}

pub(super) fn colour(state: State) -> &'static str {
    match state {
        State::Pass => "green",
        State::Fail => "red",
        State::Unknown => "yellow",
        State::Stale => "orange",
        State::Blocked => "purple",
        State::Waived => "blue",
        State::NotApplicable => "#808080",
    }
}

/// Numbers as words, for time lines.
pub(super) fn states_by_code() -> Value {
    let options: serde_json::Map<String, Value> = State::ALL
        .into_iter()
        .map(|state| {
            (code(state).to_string(), json!({ "text": state.as_str(), "color": colour(state), "index": code(state) }))
        })
        .collect();
    json!([{ "type": "value", "options": options }])
}

/// Words with their colours, for tables.
pub(super) fn states_by_name() -> Value {
    let options: serde_json::Map<String, Value> = State::ALL
        .into_iter()
        .map(|state| {
            (state.as_str().to_owned(), json!({ "text": state.as_str(), "color": colour(state), "index": code(state) }))
        })
        .collect();
    json!([{ "type": "value", "options": options }])
}

/// Overrides: one colour for each state that a series' name ends with.
pub(super) fn by_name_of_state() -> Vec<Value> {
    let overridden = |state: State| {
        json!({
            "matcher": { "id": "byRegexp", "options": format!("/(^| ){}$/", state.as_str()) },
            "properties": [{ "id": "color", "value": { "mode": "fixed", "fixedColor": colour(state) } }],
        })
    };
    State::ALL.into_iter().map(overridden).collect()
}

pub(super) fn open_or_closed() -> Value {
    json!([{ "type": "value", "options": {
        "0": { "text": "closed", "color": "red", "index": 0 },
        "1": { "text": "open", "color": "green", "index": 1 },
    } }])
}

/// Green below the first bound.
pub(super) fn steps(bounds: &[(f64, &str)]) -> Value {
    thresholds("green", bounds)
}

/// Red below the first bound: for what should be high.
pub(super) fn rising(bounds: &[(f64, &str)]) -> Value {
    thresholds("red", bounds)
}

/// Grafana takes the first colour for what is below 0, too.
fn thresholds(first: &str, bounds: &[(f64, &str)]) -> Value {
    let all = std::iter::once((0.0, first)).chain(bounds.iter().copied());
    let steps: Vec<Value> = all.map(|(from, colour)| json!({ "color": colour, "value": from })).collect();
    json!({ "mode": "absolute", "steps": steps })
}
