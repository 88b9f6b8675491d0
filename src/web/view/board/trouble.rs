//! What needs somebody now: passes that were lost, then everything else that fails.

use std::cmp::Reverse;

use crate::model::{Slot, State, Timestamp};
use crate::snapshot::{ItemView, Snapshot};
use crate::web::filter::Filter;
use crate::web::view::Links;
use crate::web::view::row::{Blocking, Row};

/// So many cards of each kind; the rest is one address away.
const CARD_LIMIT: usize = 12;

/// Cards, and how many more there are.
#[derive(Default)]
pub(in crate::web) struct Cards<'a> {
    pub(in crate::web) rows: Vec<Row<'a>>,
    pub(in crate::web) more: usize,
    /// Shows all of them.
    pub(in crate::web) href: String,
}

#[derive(Default)]
pub(in crate::web) struct Trouble<'a> {
    pub(in crate::web) regressed: Cards<'a>,
    pub(in crate::web) failing: Cards<'a>,
}

impl<'a> Trouble<'a> {
    /// Of `slots`. A filter that asks for outcomes gets its answer below; cards would say it twice.
    pub(super) fn new(
        snapshot: &'a Snapshot,
        filter: &Filter,
        slots: &[Slot],
        blocking: &Blocking,
        links: &Links,
        make: impl Fn(Slot) -> Option<Row<'a>> + Copy,
    ) -> Self {
        if !filter.is_part() {
            return Self::default();
        }
        let (mut regressed, mut failing) = (Vec::new(), Vec::new());
        for slot in slots {
            let Some(view) = snapshot.items.get(slot.index()) else { continue };
            match view.effective.state {
                state if view.effective.regressed_since.is_some() && !state.is_accepted() => regressed.push(*slot),
                State::Fail => failing.push(*slot),
                _ => {}
            }
        }
        let view = |slot: &Slot| snapshot.items.get(slot.index());
        let by_weight = |slot: &Slot, at: fn(&ItemView) -> Option<Timestamp>| {
            let view = view(slot)?;
            // Among equals the one that holds up most, because it explains the others; then the newest.
            Some((view.item.priority, Reverse(blocking.by(*slot)), Reverse(at(view))))
        };
        regressed.sort_by_key(|slot| by_weight(slot, |view| view.effective.regressed_since));
        failing.sort_by_key(|slot| by_weight(slot, |view| Some(view.effective.since)));
        let all_regressed = Filter { regressed: true, ..filter.clone() };
        let all_failing = Filter { states: vec![State::Fail], ..filter.clone() };
        Self {
            regressed: cards(&regressed, all_regressed.address(links), make),
            failing: cards(&failing, all_failing.address(links), make),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.regressed.rows.is_empty() && self.failing.rows.is_empty()
    }
}

fn cards<'a>(slots: &[Slot], href: String, make: impl Fn(Slot) -> Option<Row<'a>>) -> Cards<'a> {
    Cards {
        rows: slots.iter().take(CARD_LIMIT).filter_map(|slot| make(*slot)).collect(),
        more: slots.len().saturating_sub(CARD_LIMIT),
        href,
    }
}
