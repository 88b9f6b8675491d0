//! The samples of items: one family of a block of them at a time.
//!
//! Nothing is rendered before a scrape: most items change more often than they are scraped, and
//! their lines would be a third of all memory.

use std::sync::Arc;

use super::sample::{LabelValue, Value, label};
use super::series::Detail;
use super::table::{self, Family};
use crate::model::{Item, Plan, State};
use crate::snapshot::{Block, ItemView, Row, Rows};

/// What a scrape reads of `views`. A walk over all of them: when one changes, replace its row.
pub fn rows(views: &[Arc<ItemView>]) -> Rows {
    Rows::of(views, |view, out| {
        out.push(b'{');
        label(out, "checklist", LabelValue::catalogue(view.item.id.checklist()));
        label(out, "item", LabelValue::catalogue(view.item.id.item()));
    })
}

/// Appends the samples of an item family. `items` are those of the block, `plan` is theirs.
pub(super) fn write(
    out: &mut Vec<u8>,
    family: &Family,
    (block, items): (&Block, &[Arc<Item>]),
    plan: &Plan,
    detail: Detail,
) {
    let mut lines = Lines { out, family, block, items, detail };
    match *family {
        table::READY => lines.one(|row, _| is_applicable(row).then(|| row.state.is_ready())),
        table::ACCEPTED => lines.one(|row, _| is_applicable(row).then(|| row.state.is_accepted())),
        table::STATE => lines.states(),
        table::REASON => lines.labelled(|row, _| row.reason.map(|reason| (reason.into(), true))),
        table::REGRESSED => lines.one(|row, _| Some(row.regressed)),
        table::FLAPPING => lines.one(|row, _| Some(row.flapping)),
        table::CLAIM_DRIFT => lines.labelled(|row, _| row.drift.map(|drift| (drift.into(), true))),
        table::MEASUREMENT => {
            lines.labelled(|row, _| row.measurements().map(|one| (LabelValue::catalogue(&one.name), one.value)));
        }
        table::THRESHOLD => lines.labelled(|row, _| {
            let compared = row.has_threshold.then(|| row.measurements()).into_iter().flatten();
            compared.filter_map(|one| Some((LabelValue::catalogue(&one.name), one.threshold?)))
        }),
        table::EVALUATIONS => lines.one(|row, _| Some(row.evaluations)),
        table::FAILURES => lines.one(|row, _| Some(row.failures)),
        table::REGRESSIONS => lines.one(|row, _| Some(row.regressions)),
        table::DURATION => lines.one(|row, _| row.duration),
        table::LAST_EVALUATION => lines.one(|row, _| row.last_finished),
        table::LAST_PASS => lines.one(|row, _| row.last_pass),
        table::STATE_SINCE => lines.one(|row, _| Some(row.since)),
        table::FRESH_UNTIL => lines.one(|row, _| row.fresh_until),
        table::INTERVAL => lines.one(|row, _| row.interval),
        table::INFO => lines.info(),
        table::DEPENDENCY_INFO => lines.labelled(|row, item| {
            let parents = row.has_parents.then(|| item.parents()).into_iter().flatten();
            let parents = parents.filter_map(|slot| plan.item(slot));
            parents.map(|parent| (LabelValue::catalogue(parent.id.as_str()), true))
        }),
        table::ROOT_CAUSE => lines.labelled(|row, _| {
            let root = row.root_cause.and_then(|slot| plan.item(slot));
            root.map(|root| (LabelValue::catalogue(root.id.as_str()), true))
        }),
        _ => {}
    }
}

/// How many samples `write` makes of an item, over all families of that level of detail.
pub(super) fn count(row: &Row, item: &Item, detail: Detail) -> u64 {
    if !detail.has_row(row) {
        return 0;
    }
    let applicable = if is_applicable(row) { 2 } else { 0 };
    // Since when, and what the catalogue says, are always there.
    let always = 2;
    let there = [row.reason.is_some(), row.last_finished.is_some(), row.last_pass.is_some(), row.fresh_until.is_some()];
    let compact = applicable + always + of(&there) + u64::from(row.interval.is_some());
    if detail == Detail::Compact {
        return compact;
    }
    let thresholds = row.measurements().filter(|one| one.threshold.is_some()).count();
    let lists = row.measurements().count() + thresholds + item.parents().count();
    // Regressed, flapping and three counters.
    let always = State::ALL.len() + 5;
    compact + of(&[row.drift.is_some(), row.duration.is_some(), row.root_cause.is_some()]) + (lists + always) as u64
}

fn of(there: &[bool]) -> u64 {
    there.iter().map(|there| u64::from(*there)).sum()
}

fn is_applicable(row: &Row) -> bool {
    row.state != State::NotApplicable
}

/// A sample line is the name of its family, the identity of the item, perhaps more labels, the
/// brace, the value and the line end.
struct Lines<'a> {
    out: &'a mut Vec<u8>,
    family: &'a Family,
    block: &'a Block,
    items: &'a [Arc<Item>],
    detail: Detail,
}

impl<'a> Lines<'a> {
    fn rows(&self) -> impl Iterator<Item = (&'a [u8], &'a Row, &'a Item)> + use<'a> {
        let detail = self.detail;
        let rows = self.block.iter().zip(self.items).map(|((identity, row), item)| (identity, row, &**item));
        rows.filter(move |(_, row, _)| detail.has_row(row))
    }

    /// One sample an item, or none.
    fn one<V: Value>(&mut self, value: impl Fn(&'a Row, &'a Item) -> Option<V>) {
        for (identity, row, item) in self.rows() {
            if let Some(value) = value(row, item) {
                self.begin(identity);
                self.end(value);
            }
        }
    }

    /// Samples that differ in the label after the identity.
    fn labelled<V: Value, I>(&mut self, samples: impl Fn(&'a Row, &'a Item) -> I)
    where
        I: IntoIterator<Item = (LabelValue<'a>, V)>,
    {
        let Some(name) = self.family.labels.get(2) else { return };
        for (identity, row, item) in self.rows() {
            for (last, value) in samples(row, item) {
                self.begin(identity);
                label(self.out, name, last);
                self.end(value);
            }
        }
    }

    /// One sample for each state. A third of all lines: the label is written once for the block.
    fn states(&mut self) {
        let Some(name) = self.family.labels.get(2) else { return };
        let labels = State::ALL.map(|state| {
            let mut text = Vec::new();
            label(&mut text, name, state.into());
            (state, text)
        });
        for (identity, row, _) in self.rows() {
            for (state, text) in &labels {
                self.begin(identity);
                self.out.extend_from_slice(text);
                self.end(row.state == *state);
            }
        }
    }

    fn info(&mut self) {
        for (identity, _, item) in self.rows() {
            let values = [
                LabelValue::catalogue(item.section.as_str()),
                LabelValue::catalogue(&item.title),
                item.priority.into(),
                item.mode.into(),
                LabelValue::catalogue(&item.probe),
                LabelValue::catalogue(&item.team),
                item.claim.into(),
                LabelValue::catalogue(&item.runbook_url),
            ];
            self.begin(identity);
            for (name, value) in self.family.labels.iter().skip(2).zip(values) {
                label(self.out, name, value);
            }
            self.end(true);
        }
    }

    fn begin(&mut self, identity: &[u8]) {
        self.out.extend_from_slice(self.family.name.as_bytes());
        self.out.extend_from_slice(identity);
    }

    fn end(&mut self, value: impl Value) {
        self.out.extend_from_slice(b"} ");
        value.write(self.out);
        self.out.push(b'\n');
    }
}
