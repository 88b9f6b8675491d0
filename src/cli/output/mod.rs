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

/// Control characters come from targets and would drive a terminal or break a line.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
