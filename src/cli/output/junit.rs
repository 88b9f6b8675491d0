//! JUnit XML, as CI systems read it: `fail` is a failure; `unknown`, `stale` and `blocked` are
//! errors, because nothing was proved; `waived` and `not_applicable` are skipped.

use std::fmt::Write;

use super::{Row, Selected};
use crate::model::{State, Timestamp};

/// The result of `check`: one suite a checklist, one case an item, and a suite for gates that
/// were named.
pub fn check(selected: &Selected, taken_at: Timestamp) -> String {
    let mut checklists: Vec<&str> = selected.rows.iter().map(|row| row.checklist.as_str()).collect();
    checklists.dedup();
    let mut suites = String::new();
    for checklist in checklists {
        let rows: Vec<&Row> = selected.rows.iter().filter(|row| row.checklist == checklist).collect();
        let count = |wanted: fn(State) -> bool| rows.iter().filter(|row| wanted(row.state)).count();
        let (failures, errors, skipped) = (count(is_failure), count(is_error), count(is_skipped));
        let seconds: f64 = rows.iter().filter_map(|row| row.duration_ms).map(|ms| ms as f64 / 1000.0).sum();
        let _ = writeln!(
            suites,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" \
             time=\"{seconds:.3}\" timestamp=\"{taken_at}\">",
            escape(checklist),
            rows.len()
        );
        rows.iter().for_each(|row| case(&mut suites, row));
        suites.push_str("  </testsuite>\n");
    }
    let gates: Vec<_> = selected.gates.iter().filter(|_| selected.judged_by_gates).collect();
    let closed = gates.iter().filter(|gate| !gate.is_open()).count();
    if !gates.is_empty() {
        let tests = gates.len();
        let _ = writeln!(
            suites,
            "  <testsuite name=\"gates\" tests=\"{tests}\" failures=\"{closed}\" errors=\"0\" skipped=\"0\" \
             time=\"0\" timestamp=\"{taken_at}\">"
        );
        for gate in &gates {
            let name = escape(&format!("{}/{}", gate.checklist, gate.name));
            let _ = write!(suites, "    <testcase classname=\"gates\" name=\"{name}\"");
            if gate.is_open() {
                suites.push_str("/>\n");
            } else {
                let message = format!("{} of {} items block", gate.blockers.len(), gate.items);
                let blockers = escape(&gate.blockers.join("\n"));
                let _ = writeln!(
                    suites,
                    "><failure message=\"{}\" type=\"gate\">{blockers}</failure></testcase>",
                    escape(&message)
                );
            }
        }
        suites.push_str("  </testsuite>\n");
    }
    let total = |wanted: fn(State) -> bool| selected.rows.iter().filter(|row| wanted(row.state)).count();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"readiness\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\">\n{suites}</testsuites>\n",
        selected.rows.len() + gates.len(),
        total(is_failure) + closed,
        total(is_error),
        total(is_skipped),
    )
}

fn case(out: &mut String, row: &Row) {
    let class =
        if row.section.is_empty() { row.checklist.clone() } else { format!("{}.{}", row.checklist, row.section) };
    let seconds = row.duration_ms.unwrap_or(0) as f64 / 1000.0;
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{seconds:.3}\"",
        escape(&class),
        escape(&row.id)
    );
    let element = match row.state {
        State::Pass => {
            out.push_str("/>\n");
            return;
        }
        State::Fail => "failure",
        State::Unknown | State::Stale | State::Blocked => "error",
        State::Waived | State::NotApplicable => {
            let _ = writeln!(out, "><skipped message=\"{}\"/></testcase>", escape(&row.sentence));
            return;
        }
    };
    let kind = row.reason.map_or(row.state.as_str(), |reason| reason.as_str());
    let (message, title) = (escape(&row.sentence), escape(&row.title));
    let _ = writeln!(out, "><{element} message=\"{message}\" type=\"{kind}\">{title}</{element}></testcase>");
}

fn is_failure(state: State) -> bool {
    state == State::Fail
}

fn is_error(state: State) -> bool {
    matches!(state, State::Unknown | State::Stale | State::Blocked)
}

fn is_skipped(state: State) -> bool {
    matches!(state, State::Waived | State::NotApplicable)
}

/// For attributes and text. Characters XML 1.0 cannot hold at all become spaces.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
