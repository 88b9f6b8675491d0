//! From what is known of an item to its sample lines. Runs when the item changed, not at a scrape.

use std::collections::HashSet;

use super::sample::{LabelValue, Value, label};
use super::table::{self, Family, ITEM_FAMILIES};
use crate::core;
use crate::model::Fragment;
use crate::model::{Effective, Item, ItemMemory, Measurement, Plan, State};

/// The samples of `item`. `plan` is the one that `item` belongs to.
pub fn render(item: &Item, effective: &Effective, memory: &ItemMemory, plan: &Plan) -> Fragment {
    let mut lines = Lines::new(item);
    let applicable = effective.state != State::NotApplicable;

    lines.one(table::READY, applicable.then_some(effective.state.is_ready()));
    lines.one(table::ACCEPTED, applicable.then_some(effective.state.is_accepted()));
    for state in State::ALL {
        lines.labelled(table::STATE, state.into(), state == effective.state);
    }
    lines.end();
    if let Some(reason) = effective.reason.filter(|_| effective.state != State::Pass) {
        lines.labelled(table::REASON, reason.into(), true);
    }
    lines.end();
    lines.one(table::REGRESSED, Some(effective.regressed_since.is_some()));
    lines.one(table::FLAPPING, Some(effective.flapping));
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

    lines.one(table::EVALUATIONS, Some(memory.evaluations));
    lines.one(table::FAILURES, Some(memory.failures));
    lines.one(table::REGRESSIONS, Some(memory.regressions));
    lines.one(table::DURATION, run.map(|run| run.duration));
    lines.one(table::LAST_EVALUATION, memory.last_finished);
    lines.one(table::LAST_PASS, memory.last_pass);
    lines.one(table::STATE_SINCE, Some(effective.since));
    lines.one(table::FRESH_UNTIL, memory.fresh_until);
    lines.one(table::INTERVAL, item.is_scheduled().then_some(item.schedule.interval));
    lines.info(item);
    lines.dependencies(item, plan);
    lines.finish()
}

/// The first of each name: two samples with the same labels would make a scrape fail as a whole.
fn distinct(measurements: &[Measurement]) -> impl Iterator<Item = &Measurement> {
    let earlier = |at: usize, name: &str| measurements.iter().take(at).any(|m| m.name == name);
    measurements.iter().enumerate().filter(move |(at, m)| !earlier(*at, &m.name)).map(|(_, m)| m)
}

struct Lines {
    /// `{checklist="…",item="…"`, without the closing brace.
    identity: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<u32>,
    series: u32,
}

impl Lines {
    fn new(item: &Item) -> Self {
        let mut identity = vec![b'{'];
        label(&mut identity, "checklist", LabelValue::catalogue(item.id.checklist()));
        label(&mut identity, "item", LabelValue::catalogue(item.id.item()));
        Self { identity, text: Vec::with_capacity(4096), ends: Vec::with_capacity(ITEM_FAMILIES), series: 0 }
    }

    /// The next family, with one sample or none.
    fn one(&mut self, family: Family, value: Option<impl Value>) {
        if let Some(value) = value {
            self.begin(family);
            self.close(value);
        }
        self.end();
    }

    /// A sample whose last label, the one after the identity, has `last` as its value.
    fn labelled(&mut self, family: Family, last: LabelValue<'_>, value: impl Value) {
        self.begin(family);
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
        self.begin(table::INFO);
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

    fn begin(&mut self, family: Family) {
        self.text.extend_from_slice(family.name.as_bytes());
        self.text.extend_from_slice(&self.identity);
    }

    fn close(&mut self, value: impl Value) {
        self.text.extend_from_slice(b"} ");
        value.write(&mut self.text);
        self.text.push(b'\n');
        self.series += 1;
    }

    /// The family is complete. Call it once for each, in the order of the table.
    fn end(&mut self) {
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    fn finish(self) -> Fragment {
        Fragment { text: self.text.into(), ends: self.ends.into(), series: self.series }
    }
}
