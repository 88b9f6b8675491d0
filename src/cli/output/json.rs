//! JSON, for machines. Names are stable; new ones may be added.

use serde_json::{Value, json};

use super::{Row, Selected};
use crate::model::Timestamp;

/// The result of `check`.
pub fn check(selected: &Selected, taken_at: Timestamp) -> String {
    let gates: Vec<Value> = selected
        .gates
        .iter()
        .map(|gate| {
            json!({
                "checklist": gate.checklist, "name": gate.name, "title": gate.title, "open": gate.is_open(),
                "items": gate.items, "blockers": gate.blockers,
            })
        })
        .collect();
    let counts = selected.counts().map(|(state, n)| (state.as_str().to_owned(), Value::from(n)));
    let result = json!({
        "taken_at": taken_at.to_string(),
        "accepted": selected.is_accepted(),
        "counts": counts.into_iter().collect::<serde_json::Map<_, _>>(),
        "gates": gates,
        "items": selected.rows.iter().map(evaluated).collect::<Vec<_>>(),
    });
    format!("{result:#}\n")
}

/// The items themselves, without a result.
pub fn list(selected: &Selected) -> String {
    format!("{:#}\n", Value::from(selected.rows.iter().map(described).collect::<Vec<_>>()))
}

fn described(row: &Row) -> Value {
    json!({
        "id": row.id, "checklist": row.checklist, "section": row.section, "title": row.title,
        "priority": row.priority, "probe": row.probe, "mode": row.coverage,
    })
}

fn evaluated(row: &Row) -> Value {
    let mut value = described(row);
    let more = [
        ("state", row.state.as_str().into()),
        ("reason", row.reason.map(|reason| reason.as_str()).into()),
        ("since", row.since.to_string().into()),
        ("sentence", row.sentence.as_str().into()),
        ("root_cause", row.root_cause.as_deref().into()),
        ("waiver", row.waiver.as_deref().into()),
        ("duration_seconds", row.duration_ms.map(|ms| ms as f64 / 1000.0).into()),
    ];
    if let Some(fields) = value.as_object_mut() {
        fields.extend(more.into_iter().map(|(name, value): (_, Value)| (name.to_owned(), value)));
    }
    value
}
