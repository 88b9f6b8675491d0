//! How many items are in each state, and the addresses that show them.

use crate::model::State;
use crate::web::filter::{Filter, Setup};
use crate::web::view::Links;
use crate::web::view::look::{Kind, Look};
use crate::web::view::tally::Tally;

pub(in crate::web) struct Count {
    pub(in crate::web) look: Look,
    pub(in crate::web) items: usize,
    /// Shows these items; while they are shown, all states again.
    pub(in crate::web) href: String,
    pub(in crate::web) active: bool,
    /// Place in the bar, in thousandths of its width.
    pub(in crate::web) x: usize,
    pub(in crate::web) width: usize,
}

/// Counts of what the rest of the filter lets through, so that one sees what other states hold.
pub(super) fn counts(tally: &Tally, filter: &Filter, links: &Links) -> Vec<Count> {
    let total = tally.total().max(1);
    let rest = filter.in_any_state();
    let mut seen = 0;
    let count = |kind: Kind| {
        let items = tally.of(kind);
        let (x, end) = (seen * 1000 / total, (seen + items) * 1000 / total);
        seen += items;
        let only = only(kind, &rest);
        let active = *filter == only;
        let href = if active { &rest } else { &only }.address(links);
        Count { look: kind.look(), items, href, active, x, width: end - x }
    };
    Kind::ALL.into_iter().map(count).collect()
}

/// What is not set up is unknown too, but is counted apart, or nobody would see what could not be told.
fn only(kind: Kind, rest: &Filter) -> Filter {
    match kind {
        Kind::Unset => Filter { setup: Some(Setup::Missing), ..rest.clone() },
        Kind::In(state) => {
            let setup = (state == State::Unknown).then_some(Setup::Complete);
            Filter { states: vec![state], setup, ..rest.clone() }
        }
    }
}
