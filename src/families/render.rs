//! From what is known of an item to its sample lines. Runs when the item changed, not at a scrape.

use std::collections::HashSet;

use super::sample::{LabelValue, Value, label};
use super::table::{self, Family};
use crate::core;
use crate::model::{Effective, Ends, Fragment, ITEM_FAMILIES, Item, ItemMemory, Measurement, Plan, State};

/// The samples of `item`. `plan` is the one that `item` belongs to.
pub fn render(item: &Item, effective: &Effective, memory: &ItemMemory, plan: &Plan) -> Fragment {
    let mut lines = Lines::new(item);
    let applicable = effective.state != State::NotApplicable;

    lines.one(applicable.then_some(effective.state.is_ready()));
    lines.one(applicable.then_some(effective.state.is_accepted()));
    for state in State::ALL {
        lines.labelled(table::STATE, state.into(), state == effective.state);
    }
    lines.end();
    if let Some(reason) = effective.reason.filter(|_| effective.state != State::Pass) {
        lines.labelled(table::REASON, reason.into(), true);
    }
    lines.end();
    lines.one(Some(effective.regressed_since.is_some()));
    lines.one(Some(effective.flapping));
    if let Some(drift) = core::drift(item.claim, effective) {
        lines.labelled(table::CLAIM_DRIFT, drift.into(), true);
    }
    lines.end();

    let run = memory.last_run.as_ref();
    let measurements = run.map_or(&[][..], |run| &run.measurements);
    for measurement in distinct(measurements) {
        lines.labelled(table::MEASUREMENT, LabelValue::catalogue(&measurement.name), measurement.value);
    }
    lines.end();
    for measurement in distinct(measurements) {
        if let Some(threshold) = measurement.threshold {
            lines.labelled(table::THRESHOLD, LabelValue::catalogue(&measurement.name), threshold);
        }
    }
    lines.end();

    lines.one(Some(memory.evaluations));
    lines.one(Some(memory.failures));
    lines.one(Some(memory.regressions));
    lines.one(run.map(|run| run.duration));
    lines.one(memory.last_finished);
    lines.one(memory.last_pass);
    lines.one(Some(effective.since));
    lines.one(memory.fresh_until);
    lines.one(item.is_scheduled().then_some(item.schedule.interval));
    lines.info(item);
    lines.dependencies(item, plan);
    lines.finish()
}

/// The first of each name: two samples with the same labels would make a scrape fail as a whole.
fn distinct(measurements: &[Measurement]) -> impl Iterator<Item = &Measurement> {
    let earlier = |at: usize, name: &str| measurements.iter().take(at).any(|m| *m.name == *name);
    measurements.iter().enumerate().filter(move |(at, m)| !earlier(*at, &m.name)).map(|(_, m)| m)
}

struct Lines {
    text: Vec<u8>,
    ends: Ends,
    /// The place in `ends` that is next.
    place: usize,
    series: u32,
}

impl Lines {
    fn new(item: &Item) -> Self {
        let mut text = Vec::with_capacity(2048);
        text.push(b'{');
        label(&mut text, "checklist", LabelValue::catalogue(item.id.checklist()));
        label(&mut text, "item", LabelValue::catalogue(item.id.item()));
        let mut lines = Self { text, ends: [0; ITEM_FAMILIES + 1], place: 0, series: 0 };
        lines.end();
        lines
    }

    /// The next family, with one sample or none.
    fn one(&mut self, value: Option<impl Value>) {
        if let Some(value) = value {
            self.close(value);
        }
        self.end();
    }

    /// A sample whose last label, the one after the identity, has `last` as its value.
    fn labelled(&mut self, family: Family, last: LabelValue<'_>, value: impl Value) {
        for name in family.labels.iter().skip(2).take(1) {
            label(&mut self.text, name, last);
        }
        self.close(value);
    }

    fn info(&mut self, item: &Item) {
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
        for (name, value) in table::INFO.labels.iter().skip(2).zip(values) {
            label(&mut self.text, name, value);
        }
        self.close(true);
        self.end();
    }

    fn dependencies(&mut self, item: &Item, plan: &Plan) {
        let mut seen = HashSet::new();
        for slot in &item.depends_on {
            if let Some(parent) = plan.item(*slot)
                && seen.insert(slot)
            {
                self.labelled(table::DEPENDENCY_INFO, LabelValue::catalogue(parent.id.as_str()), true);
            }
        }
        self.end();
    }

    fn close(&mut self, value: impl Value) {
        self.text.extend_from_slice(b"} ");
        value.write(&mut self.text);
        self.text.push(b'\n');
        self.series += 1;
    }

    /// The family is complete. Call it once for each, in the order of the table.
    fn end(&mut self) {
        if let Some(end) = self.ends.get_mut(self.place) {
            *end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        }
        self.place += 1;
    }

    fn finish(self) -> Fragment {
        Fragment::new(&self.text, self.ends, self.series)
    }
}
