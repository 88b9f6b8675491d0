//! Markdown, for a review or a job summary: gates, what is not ready, then everything.

use std::fmt::Write;

use super::{Row, Selected};
use crate::model::{State, Timestamp};

/// The result of `check`.
pub fn check(selected: &Selected, taken_at: Timestamp) -> String {
    let result = if selected.is_accepted() { "ready" } else { "not ready" };
    let mut out = format!("# Readiness: {result}\n\nTaken at {taken_at}.\n");
    if !selected.gates.is_empty() {
        out.push_str("\n| gate | state | blockers | items |\n|---|---|---:|---:|\n");
        for gate in &selected.gates {
            let state = if gate.is_open() { "open" } else { "**closed**" };
            let name = cell(&format!("{}/{}", gate.checklist, gate.name));
            let _ = writeln!(out, "| {name} | {state} | {} | {} |", gate.blockers.len(), gate.items);
        }
    }
    let (ready, missing): (Vec<&Row>, Vec<&Row>) =
        selected.rows.iter().partition(|row| row.state.is_accepted() || row.state == State::NotApplicable);
    section(&mut out, "Not ready", &missing);
    section(&mut out, "Accepted", &ready);
    out
}

fn section(out: &mut String, title: &str, rows: &[&Row]) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(out, "\n## {title} ({})\n\n", rows.len());
    out.push_str("| item | state | reason | since | what was seen |\n|---|---|---|---|---|\n");
    for row in rows {
        let reason = row.reason.map(|reason| reason.as_str()).unwrap_or_default();
        let (id, sentence) = (cell(&row.id), cell(&row.sentence));
        let _ = writeln!(out, "| {id} | {} | {reason} | {} | {sentence} |", row.state.as_str(), row.since);
    }
}

/// Text from outside must not become markup or end a cell.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '!' | '#' | '~' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
