//! The values that an exposition shows of each item, side by side.
//!
//! A scrape goes over all items once for each family. Following the pointers of a view each time
//! would cost more than writing the lines, so what a line needs lies here in a row.

use std::sync::Arc;

use super::ItemView;
use crate::core::{self, Drift};
use crate::model::{Measurement, Reason, Slot, Span, State, Timestamp};

/// So many rows are copied when one of them changes after a reader took the picture.
const BLOCK: usize = 32;

/// What a line needs at once. What few items have, and what one family alone shows, is looked up.
#[derive(Clone, Debug)]
pub struct Row {
    pub state: State,
    /// `None` while the state is `pass`.
    pub reason: Option<Reason>,
    pub drift: Option<Drift>,
    pub regressed: bool,
    pub flapping: bool,
    pub evaluations: u64,
    pub failures: u64,
    pub regressions: u64,
    pub duration: Option<Span>,
    pub last_finished: Option<Timestamp>,
    pub last_pass: Option<Timestamp>,
    pub since: Timestamp,
    pub fresh_until: Option<Timestamp>,
    /// `None` if there are none; names may repeat.
    pub measurements: Option<Arc<[Measurement]>>,
    /// Whether one of them is compared with something.
    pub has_threshold: bool,
    /// `None` if nothing is scheduled.
    pub interval: Option<Span>,
    /// While blocked.
    pub root_cause: Option<Slot>,
    /// Whether the item has hard dependencies.
    pub has_parents: bool,
}

/// The rows of all items, by slot.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    blocks: Vec<Arc<Block>>,
}

/// The rows of some neighbours, with the text that begins all their samples.
#[derive(Clone, Debug)]
pub struct Block {
    names: Arc<Names>,
    rows: Vec<Row>,
}

#[derive(Debug, Default)]
struct Names {
    text: Box<[u8]>,
    /// Where each ends in `text`.
    ends: Vec<u32>,
}

impl Row {
    pub fn of(view: &ItemView) -> Self {
        let ItemView { item, effective, memory } = view;
        let run = memory.last_run.as_ref();
        let measurements = run.map(|run| &run.measurements).filter(|all| !all.is_empty());
        Self {
            state: effective.state,
            reason: effective.reason.filter(|_| effective.state != State::Pass),
            drift: core::drift(item.claim, effective),
            regressed: effective.regressed_since.is_some(),
            flapping: effective.flapping,
            evaluations: memory.evaluations,
            failures: memory.failures,
            regressions: memory.regressions,
            duration: run.map(|run| run.duration),
            last_finished: memory.last_finished,
            last_pass: memory.last_pass,
            since: effective.since,
            fresh_until: memory.fresh_until,
            has_threshold: measurements.is_some_and(|all| all.iter().any(|one| one.threshold.is_some())),
            measurements: measurements.map(Arc::clone),
            interval: item.is_scheduled().then_some(item.schedule.interval),
            root_cause: effective.root_cause,
            has_parents: !item.depends_on.is_empty(),
        }
    }

    /// Each name once, the first of it: two samples with the same labels would make a scrape fail as a whole.
    pub fn measurements(&self) -> impl Iterator<Item = &Measurement> {
        let all = self.measurements.as_deref().unwrap_or(&[]);
        let earlier = |at: usize, name: &str| all.iter().take(at).any(|other| *other.name == *name);
        all.iter().enumerate().filter(move |(at, one)| !earlier(*at, &one.name)).map(|(_, one)| one)
    }
}

impl Rows {
    /// `name` appends the text that begins the samples of a view.
    pub fn of(views: &[Arc<ItemView>], name: impl Fn(&ItemView, &mut Vec<u8>)) -> Self {
        let block = |views: &[Arc<ItemView>]| {
            let (mut text, mut ends) = (Vec::new(), Vec::with_capacity(views.len()));
            for view in views {
                name(view, &mut text);
                ends.push(u32::try_from(text.len()).unwrap_or(u32::MAX));
            }
            let names = Arc::new(Names { text: text.into(), ends });
            Arc::new(Block { names, rows: views.iter().map(|view| Row::of(view)).collect() })
        };
        Self { blocks: views.chunks(BLOCK).map(block).collect() }
    }

    /// The row of `slot`, to be replaced. `None` if there is no such item.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut Row> {
        let block = self.blocks.get_mut(slot.index() / BLOCK)?;
        Arc::make_mut(block).rows.get_mut(slot.index() % BLOCK)
    }

    /// The blocks that begin at `slot` or later, each with the slot of its first row.
    pub fn blocks_from(&self, slot: usize) -> impl Iterator<Item = (usize, &Block)> {
        let first = slot.div_ceil(BLOCK);
        let rest = self.blocks.get(first..).unwrap_or(&[]);
        rest.iter().enumerate().map(move |(n, block)| ((first + n) * BLOCK, &**block))
    }
}

impl Block {
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Each row with the text that begins its samples.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Row)> {
        let mut start = 0;
        let names = self.names.ends.iter().map(move |end| {
            let text = self.names.text.get(start..*end as usize).unwrap_or(&[]);
            start = *end as usize;
            text
        });
        names.zip(&self.rows)
    }
}
