//! The legs of an item: the runs that came, and the last verdicts of those that did not.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::combine::{Decided, Leaves};
use crate::model::{
    Evaluation, Item, ItemMemory, LegMemory, Measurement, Outcome, Reason, Remembered, SeenValue, Slot, Timestamp,
    Verdict, cut,
};

/// Keeps each leg that ran. Legs the item does not have are ignored.
pub(super) fn merge(memory: &mut ItemMemory, item: &Item, evaluation: Evaluation) {
    memory.legs.resize(item.legs.len(), None);
    let at = evaluation.finished;
    let mut of_this_run: Vec<Remembered> = Vec::new();
    for run in evaluation.legs {
        if let Some(place) = memory.legs.get_mut(run.leg) {
            if let Some(new) = run.remembered {
                match of_this_run.iter_mut().find(|known| known.of == new.of) {
                    Some(known) => *known = both(known, &new),
                    None => of_this_run.push(new),
                }
            }
            let window = at.plus(item.policy.fresh_for);
            let fresh_until = evidence_end(&run.verdict).map_or(window, |end| end.min(window));
            *place = Some(LegMemory { verdict: Arc::new(run.verdict), at, fresh_until });
        }
    }
    for new in of_this_run {
        remember(&mut memory.remembered, new);
    }
}

/// Two legs may share a memory, and keep it for different times: the shorter one must not forget for the other.
fn both(one: &Remembered, other: &Remembered) -> Remembered {
    let mut values: BTreeMap<(&str, &str), SeenValue> = BTreeMap::new();
    for seen in one.values.iter().chain(&other.values) {
        let known = values.entry((&seen.key, &seen.value)).or_insert_with(|| seen.clone());
        known.first = known.first.min(seen.first);
        known.last = known.last.max(seen.last);
    }
    Remembered { of: one.of, since: one.since.min(other.since), values: values.into_values().collect() }
}

/// In place of what was remembered of the same. What was added to the longest ago makes room.
fn remember(all: &mut Vec<Arc<Remembered>>, new: Remembered) {
    all.retain(|known| known.of != new.of);
    all.push(Arc::new(new));
    let over = all.len().saturating_sub(Remembered::MOST);
    all.drain(..over);
}

/// Only a pass rests on evidence that can run out: an expired certificate stays a failure.
fn evidence_end(verdict: &Verdict) -> Option<Timestamp> {
    verdict.valid_until.filter(|_| verdict.outcome() == Outcome::Pass)
}

/// The values of the leaves at one instant.
pub(super) struct Looks<'a> {
    pub(super) item: &'a Item,
    pub(super) legs: &'a [Option<LegMemory>],
    pub(super) at: Timestamp,
    pub(super) items: &'a dyn Fn(Slot) -> Option<Decided>,
}

impl Leaves for Looks<'_> {
    fn leg(&self, place: usize) -> Decided {
        let name = self.item.legs.get(place).map_or("leg", |leg| &*leg.name);
        let Some(leg) = self.legs.get(place).and_then(Option::as_ref) else {
            return Decided::undecided(Reason::Pending, format!("{name}: expected a result, it has not run yet"));
        };
        if leg.fresh_until < self.at {
            let sentence = format!("{name}: expected fresh evidence, it ended at {}", leg.fresh_until);
            return Decided::undecided(Reason::Overdue, sentence);
        }
        let verdict = &leg.verdict;
        let sentence = match self.item.legs.len() {
            0 | 1 => verdict.shared_sentence(),
            _ => cut(format!("{name}: {}", verdict.sentence())).into(),
        };
        Decided { outcome: verdict.outcome(), reason: verdict.reason(), sentence, valid_until: evidence_end(verdict) }
    }

    fn item(&self, slot: Slot) -> Option<Decided> {
        (self.items)(slot)
    }
}

/// The measurements of all fresh legs. A name that an earlier leg has used already gets the name
/// of its leg in front, because names become labels and must differ.
pub(super) fn measurements(item: &Item, legs: &[Option<LegMemory>], at: Timestamp) -> Arc<[Measurement]> {
    let fresh =
        |(leg, memory)| Some((leg, Option::as_ref(memory).filter(|memory: &&LegMemory| memory.fresh_until >= at)?));
    let mut fresh = item.legs.iter().zip(legs).filter_map(fresh);
    // Nearly always: one leg that measured one thing.
    if let [Some(LegMemory { verdict, .. })] = legs
        && verdict.measurements.len() < 2
    {
        return fresh.next().map(|(_, memory)| Arc::clone(&memory.verdict.measurements)).unwrap_or_default();
    }
    let mut all: Vec<Measurement> = Vec::new();
    for (leg, memory) in fresh {
        for measurement in memory.verdict.measurements.iter() {
            let taken = |name: &str| all.iter().any(|other| *other.name == *name);
            let mut measurement = measurement.clone();
            if taken(&measurement.name) {
                measurement.name = format!("{}_{}", leg.name.replace(['-', '.', ' '], "_"), measurement.name).into();
            }
            if !taken(&measurement.name) {
                all.push(measurement);
            }
        }
    }
    all.into()
}
