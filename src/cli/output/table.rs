//! Tables for people. Colour only underlines: the words say everything.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets};

use super::{Row, Selected, plain};
use crate::cli::terminal::Terminal;
use crate::model::{Reason, State};

/// The result of `check`: items, then gates, then one line that counts. Unless `all`, the items of
/// a section that nothing was asked about share a line, so that what was measured stands out.
pub fn check(selected: &Selected, all: bool, terminal: Terminal) -> String {
    let mut table = table(&["state", "reason", "item", "sentence"], terminal);
    for line in lines(&selected.rows, all) {
        table.add_row([
            line.state.as_str(),
            line.reason.map_or("", Reason::as_str),
            &line.item,
            &plain(&line.sentence),
        ]);
    }
    let mut out = format!("{}\n", coloured(&table.trim_fmt(), terminal));
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
pub fn list(selected: &Selected, terminal: Terminal) -> String {
    let mut table = table(&["item", "priority", "probe", "mode", "title"], terminal);
    for row in &selected.rows {
        table.add_row([row.id.as_str(), row.priority, &row.probe, row.coverage, &plain(&row.title)]);
    }
    format!("{}\n", table.trim_fmt())
}

/// One line of the result: an item, or several of a section.
struct Line {
    state: State,
    reason: Option<Reason>,
    item: String,
    sentence: String,
}

fn lines(rows: &[Row], all: bool) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut told: Vec<&Row> = Vec::new();
    for row in rows {
        let alike = |other: &&Row| {
            (&other.checklist, &other.section, other.state, other.reason)
                == (&row.checklist, &row.section, row.state, row.reason)
        };
        let foldable =
            !all && row.state == State::Unknown && matches!(row.reason, Some(Reason::Unmapped | Reason::Unconfigured));
        let group: Vec<&Row> = if foldable { rows.iter().filter(alike).collect() } else { vec![row] };
        if group.len() == 1 {
            lines.push(Line {
                state: row.state,
                reason: row.reason,
                item: row.id.clone(),
                sentence: row.sentence.clone(),
            });
        } else if !told.iter().any(alike) {
            told.push(row);
            lines.push(Line {
                state: row.state,
                reason: row.reason,
                item: format!("{}/{}: {} items", row.checklist, row.section, group.len()),
                sentence: match group.iter().all(|other| other.sentence == row.sentence) {
                    true => row.sentence.clone(),
                    false => format!("{} `--all` lists each.", row.reason.map_or("", Reason::meaning)),
                },
            });
        }
    }
    lines
}

fn table(header: &[&str], terminal: Terminal) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    if let Some(width) = terminal.width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

/// Colours the state, which each line but a continued one starts with.
fn coloured(table: &str, terminal: Terminal) -> String {
    if !terminal.colour {
        return table.to_owned();
    }
    let line = |line: &str| {
        let (word, rest) = line.trim_start().split_once(' ').unwrap_or((line, ""));
        match State::parse(word) {
            Some(state) => format!(" \x1b[{}m{word}\x1b[0m {rest}", code(state)),
            None => line.to_owned(),
        }
    };
    table.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The colour of a terminal: green, red, yellow, or faint for what does not count.
fn code(state: State) -> u8 {
    match state {
        State::Pass => 32,
        State::Fail => 31,
        State::Unknown | State::Stale | State::Blocked => 33,
        State::Waived | State::NotApplicable => 2,
    }
}
