//! Tables for people. No colour: the words say everything.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets};

use super::{Selected, plain};

/// The result of `check`: items, then gates, then one line that counts. `width` is the
/// terminal's; without one, lines are as long as they need to be.
pub fn check(selected: &Selected, width: Option<u16>) -> String {
    let mut table = table(&["item", "state", "reason", "since", "sentence"], width);
    for row in &selected.rows {
        table.add_row([
            row.id.clone(),
            row.state.as_str().to_owned(),
            row.reason.map(|reason| reason.as_str()).unwrap_or_default().to_owned(),
            row.since.to_string(),
            plain(&row.sentence),
        ]);
    }
    let mut out = format!("{}\n", table.trim_fmt());
    for gate in &selected.gates {
        let state = if gate.is_open() { "open" } else { "closed" };
        let blockers = gate.blockers.len();
        let _ =
            writeln!(out, "gate {}/{}: {state} ({blockers} of {} items block)", gate.checklist, gate.name, gate.items);
    }
    let counts = selected.counts().into_iter().filter(|(_, n)| *n > 0);
    let counts: Vec<String> = counts.map(|(state, n)| format!("{n} {}", state.as_str())).collect();
    let _ = writeln!(out, "{} items: {}", selected.rows.len(), counts.join(", "));
    out
}

/// The items themselves, without a result.
pub fn list(selected: &Selected, width: Option<u16>) -> String {
    let mut table = table(&["item", "priority", "probe", "mode", "title"], width);
    for row in &selected.rows {
        table.add_row([row.id.as_str(), row.priority, &row.probe, row.coverage, &plain(&row.title)]);
    }
    format!("{}\n", table.trim_fmt())
}

fn table(header: &[&str], width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}
