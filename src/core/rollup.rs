//! Counts per checklist, section and gate.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Coverage, Effective, Item, Plan, State};

/// In the order of the plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollups {
    pub sections: Vec<SectionCount>,
    pub gates: Vec<GateCount>,
    /// (checklist, coverage mode, items), zeros included.
    pub coverage: Vec<(Arc<str>, Coverage, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionCount {
    pub checklist: Arc<str>,
    pub section: Arc<str>,
    /// By the order of `State::ALL`, zeros included.
    pub states: [u32; 7],
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateCount {
    pub checklist: Arc<str>,
    pub gate: Arc<str>,
    /// Applicable items of the gate that are not accepted.
    pub blockers: u32,
    /// All items of the gate, those not applicable left out.
    pub items: u32,
}

impl GateCount {
    /// An empty gate is not open: nothing was proved.
    pub fn is_open(&self) -> bool {
        self.blockers == 0 && self.items > 0
    }
}

/// What of the counts follows from the plan alone. Made once for each plan, because looking names
/// up costs more than all the counting.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    names: Vec<Arc<str>>,
    /// With counts of zero.
    sections: Vec<SectionCount>,
    /// By slot: its place in `sections`.
    places: Vec<Option<usize>>,
    coverage: Vec<(Arc<str>, Coverage, u32)>,
}

impl Frame {
    pub(super) fn of(plan: &Plan) -> Self {
        let names: Vec<Arc<str>> = plan.checklists.iter().map(|list| list.id.as_str().into()).collect();
        let mut known: HashMap<(&str, &str), usize> = HashMap::new();
        let mut sections = Vec::new();
        for (list, name) in plan.checklists.iter().zip(&names) {
            for section in &list.sections {
                known.insert((list.id.as_str(), section.path.as_str()), sections.len());
                let section = section.path.as_str().into();
                sections.push(SectionCount { checklist: name.clone(), section, states: [0; 7] });
            }
        }
        let place = |item: &Arc<Item>| known.get(&(item.id.checklist(), item.section.as_str())).copied();
        let places = plan.items.iter().map(place).collect();
        let mut covered: HashMap<(&str, Coverage), u32> = HashMap::new();
        for item in &plan.items {
            *covered.entry((item.id.checklist(), item.coverage)).or_default() += 1;
        }
        let coverage = names
            .iter()
            .flat_map(|name| Coverage::ALL.map(|mode| (name, mode)))
            .map(|(name, mode)| (name.clone(), mode, covered.get(&(&**name, mode)).copied().unwrap_or(0)))
            .collect();
        Self { names, sections, places, coverage }
    }

    /// Counts everything anew, in one pass over the items, without looking at a name.
    pub(super) fn count(&self, plan: &Plan, effective: &[Effective]) -> Rollups {
        let mut sections = self.sections.clone();
        for (place, effective) in self.places.iter().zip(effective) {
            let Some(section) = place.and_then(|place| sections.get_mut(place)) else { continue };
            let counts = State::ALL.iter().zip(&mut section.states);
            if let Some((_, count)) = counts.into_iter().find(|(state, _)| **state == effective.state) {
                *count += 1;
            }
        }
        Rollups { sections, gates: gates(plan, &self.names, effective), coverage: self.coverage.clone() }
    }
}

fn gates(plan: &Plan, names: &[Arc<str>], effective: &[Effective]) -> Vec<GateCount> {
    let mut gates = Vec::new();
    for (list, name) in plan.checklists.iter().zip(names) {
        for gate in &list.gates {
            let states = gate.items.iter().filter_map(|slot| effective.get(slot.index())).map(|one| one.state);
            let mut count = GateCount { checklist: name.clone(), gate: (&*gate.name).into(), blockers: 0, items: 0 };
            for state in states.filter(|state| *state != State::NotApplicable) {
                count.items += 1;
                count.blockers += u32::from(!state.is_accepted());
            }
            gates.push(count);
        }
    }
    gates
}

#[cfg(test)]
mod tests {
    use crate::core::fixture::{CheckDef, Def, evaluation, plan, verdict, waiver};
    use crate::core::{Event, World};
    use crate::model::{Applicability, Coverage, Outcome, Reason, Slot, State, Timestamp};

    #[test]
    fn counts_states_gates_and_coverage_with_zeros() {
        let not_here = Applicability::NotApplicable("params.ha".into());
        let defs = [
            Def::new("passes"),
            Def::new("fails"),
            Def { check: CheckDef::Undecided(Reason::Unmapped, "no check".into()), ..Def::new("unmapped") },
            Def { applicability: not_here, ..Def::new("elsewhere") },
        ];
        let accepted = waiver("W-1", "unmapped", Timestamp(0), Timestamp(1_000_000));
        let now = Timestamp(10_000);
        let mut world = World::new(plan(&defs, &[accepted]), now);
        for (slot, outcome) in [(0, Outcome::Pass), (1, Outcome::Fail)] {
            let item = world.plan().item(Slot(slot)).unwrap().clone();
            let said = verdict(outcome, Reason::Status, "said");
            world.apply(Event::Evaluated(Box::new(evaluation(&item, &said, now))), now);
        }
        let rollups = world.rollups();
        let counted: Vec<_> = State::ALL.into_iter().zip(rollups.sections[0].states).filter(|(_, n)| *n > 0).collect();
        let one_of = [State::Pass, State::Fail, State::Waived, State::NotApplicable].map(|state| (state, 1));
        assert_eq!(counted, one_of);
        assert_eq!((rollups.gates[0].items, rollups.gates[0].blockers), (3, 1));
        assert!(!rollups.gates[0].is_open());
        let coverage: Vec<_> = rollups.coverage.iter().map(|(_, mode, n)| (*mode, *n)).collect();
        assert_eq!(coverage[0], (Coverage::Auto, 4));
        assert_eq!(coverage.len(), Coverage::ALL.len());
    }
}
