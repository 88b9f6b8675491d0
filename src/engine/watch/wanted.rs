//! Which ears a catalogue wants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::Compiled;
use crate::model::{Access, Slot};
use crate::probe::{Credentials, LegProbe};

/// Ears beyond these are not opened; the items are still run by their schedule.
const MOST: usize = 256;
/// Of these one target has so many: it must bear them, and others are to be heard as well.
const MOST_OF_ONE: usize = 64;

/// All ears of one catalogue. Each new one is another generation: slots and places mean something else.
#[derive(Default)]
pub(in crate::engine) struct Wanted {
    pub(super) generation: u64,
    pub(super) ears: Vec<Ear>,
    pub(super) credentials: Arc<Credentials>,
}

/// One way to hear of changes of one target.
pub(in crate::engine) struct Ear {
    pub(super) kind: &'static str,
    pub(super) target: Arc<str>,
    /// One of the legs that share it; they all listen in the same way.
    pub(super) probe: LegProbe,
    /// In the words of the probe.
    pub(super) what: String,
    /// Items that look again when something changes.
    slots: BTreeSet<Slot>,
}

impl Wanted {
    /// Of all scheduled legs that only read and whose target is configured.
    pub(super) fn of(catalogue: &Compiled, generation: u64) -> Self {
        let mut ears: BTreeMap<(&'static str, Arc<str>, String), Ear> = BTreeMap::new();
        let items = catalogue.plan.items.iter().zip(0u32..).filter(|(item, _)| item.is_scheduled());
        for (leg, slot) in items.flat_map(|(item, n)| item.legs.iter().map(move |leg| (leg, Slot(n)))) {
            let Some(probe) = catalogue.legs.get(leg.index.0 as usize) else { continue };
            let Some(target) = probe.target.as_ref().filter(|_| leg.access == Access::Read) else { continue };
            let kind = probe.probe.kind();
            for what in probe.probe.watches() {
                let ear = ears.entry((kind, Arc::clone(&target.name), what.clone()));
                let target = Arc::clone(&target.name);
                let new = || Ear { kind, target, probe: probe.clone(), what, slots: BTreeSet::new() };
                ear.or_insert_with(new).slots.insert(slot);
            }
        }
        let credentials = Arc::clone(&catalogue.credentials);
        Self { generation, ears: opened(ears.into_values().collect()), credentials }
    }

    /// The items that this ear concerns.
    pub(super) fn slots(&self, ear: usize) -> impl Iterator<Item = &Slot> {
        self.ears.get(ear).into_iter().flat_map(|ear| &ear.slots)
    }
}

/// As many as may be open: those that most items share come first.
fn opened(mut ears: Vec<Ear>) -> Vec<Ear> {
    let wanted = ears.len();
    ears.sort_by_key(|ear| std::cmp::Reverse(ear.slots.len()));
    let mut of_target: BTreeMap<(&'static str, Arc<str>), usize> = BTreeMap::new();
    ears.retain(|ear| {
        let open = of_target.entry((ear.kind, Arc::clone(&ear.target))).or_default();
        *open += 1;
        *open <= MOST_OF_ONE
    });
    ears.truncate(MOST);
    if ears.len() < wanted {
        tracing::warn!(wanted, opened = ears.len(), "more ways to hear of changes than are opened");
    }
    ears
}

#[cfg(test)]
mod tests {
    use futures_util::future::BoxFuture;

    use super::*;
    use crate::expect::Conditions;
    use crate::model::Class;
    use crate::probe::{Changes, DynProbe, Grant, Observation, ProbeCx, ProbeError};

    struct Deaf;

    impl DynProbe for Deaf {
        fn kind(&self) -> &'static str {
            "deaf"
        }
        fn class(&self) -> Class {
            Class::Network
        }
        fn access(&self) -> Access {
            Access::Read
        }
        fn watches(&self) -> Vec<String> {
            Vec::new()
        }
        fn grants(&self) -> Vec<Grant> {
            Vec::new()
        }
        fn listen<'a>(&'a self, _: &'a str, _: &'a ProbeCx, _: &'a Changes) -> BoxFuture<'a, ProbeError> {
            Box::pin(std::future::pending())
        }
        fn run<'a>(&'a self, _: &'a ProbeCx, _: &'a Conditions) -> BoxFuture<'a, Observation> {
            Box::pin(std::future::pending())
        }
    }

    fn ear(target: &str, what: usize, items: u32) -> Ear {
        let probe: Arc<dyn DynProbe> = Arc::new(Deaf);
        let probe = LegProbe {
            probe,
            target: None,
            more_targets: None,
            conditions: Arc::default(),
            enabled: false,
            after: Vec::new(),
            remembers: None,
        };
        Ear {
            kind: "deaf",
            target: target.into(),
            probe,
            what: what.to_string(),
            slots: (0..items).map(Slot).collect(),
        }
    }

    #[test]
    fn one_target_cannot_take_all_ears_and_the_most_wanted_are_opened() {
        let mut ears: Vec<Ear> = (0..100).map(|n| ear("large", n, 1)).collect();
        ears.push(ear("large", 100, 7));
        ears.push(ear("small", 0, 1));
        let open = opened(ears);
        let of = |target: &str| open.iter().filter(|ear| &*ear.target == target).count();
        assert_eq!((of("large"), of("small")), (MOST_OF_ONE, 1));
        assert!(open.iter().any(|ear| ear.slots.len() == 7), "many would wait for it");
        let many = (0..10).flat_map(|target| (0..60).map(move |n| ear(&target.to_string(), n, 1)));
        assert_eq!(opened(many.collect()).len(), MOST);
    }
}
