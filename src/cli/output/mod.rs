//! One snapshot as text: a table for people, JSON, JUnit XML and Markdown for machines and
//! reviews. Pure: where it is written, and whether in colour, is for the caller.

pub mod json;
pub mod junit;
pub mod markdown;
mod row;
mod select;
pub mod table;
#[cfg(test)]
pub(crate) mod tests;

pub use row::Row;
pub use select::{GateResult, Selected, Selection, select};

use super::args::{CheckOutput, ListOutput};
use super::terminal::Terminal;
use crate::model::Timestamp;

/// How the result of `check` is shown.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub output: CheckOutput,
    /// Every item has a line of its own; of interest to tables only.
    pub all: bool,
    pub terminal: Terminal,
}

/// The result of `check` in the form asked for.
pub fn check(form: Form, selected: &Selected, taken_at: Timestamp) -> String {
    match form.output {
        CheckOutput::Table => table::check(selected, form.all, form.terminal),
        CheckOutput::Json => json::check(selected, taken_at),
        CheckOutput::Junit => junit::check(selected, taken_at),
        CheckOutput::Markdown => markdown::check(selected, taken_at),
    }
}

/// The items of the catalogue in the form asked for.
pub fn list(output: ListOutput, selected: &Selected, terminal: Terminal) -> String {
    match output {
        ListOutput::Table => table::list(selected, terminal),
        ListOutput::Json => json::list(selected),
    }
}

/// Control characters come from targets and would drive a terminal or break a line.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
