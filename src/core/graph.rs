//! Dependencies and references between items, as one directed graph without cycles.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::model::{Check, Item, Slot};

/// Computed at compile of a catalogue. If `cycles` is not empty the catalogue is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// All slots, every one after its inputs; members of cycles come last.
    pub ranked: Vec<Slot>,
    /// For each slot, the slots that have it as an input, ascending.
    pub dependants: Vec<Vec<Slot>>,
    /// Each with its whole path: every slot has the next one as an input, the last one the first.
    /// At least one cycle of each knot is named, not all of them.
    pub cycles: Vec<Vec<Slot>>,
}

/// What the state of `item` follows from: its hard dependencies and the items its check refers
/// to, ascending, each once.
pub fn inputs(item: &Item) -> Vec<Slot> {
    let mut slots = item.depends_on.to_vec();
    references(&item.check, &mut slots);
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// Appends every item that `check` refers to.
pub(crate) fn references(check: &Check, slots: &mut Vec<Slot>) {
    match check {
        Check::Item(slot) => slots.push(*slot),
        Check::AllOf(parts) | Check::AnyOf(parts) | Check::NoneOf(parts) | Check::AtLeast(_, parts) => {
            parts.iter().for_each(|part| references(part, slots));
        }
        Check::Leg(_) | Check::Undecided { .. } | Check::NotApplicable => {}
    }
}

impl Graph {
    /// `inputs` holds, for each slot, the slots it needs. Slots out of range are ignored. The
    /// result depends on the edges only, not on their order.
    pub fn of(inputs: &[Vec<Slot>]) -> Self {
        let mut dependants: Vec<Vec<Slot>> = vec![Vec::new(); inputs.len()];
        let mut waiting = vec![0usize; inputs.len()];
        for (place, (needs, open)) in inputs.iter().zip(&mut waiting).enumerate() {
            let slot = slot(place);
            for need in needs {
                if let Some(list) = dependants.get_mut(need.index())
                    && list.last() != Some(&slot)
                {
                    list.push(slot);
                    *open += 1;
                }
            }
        }
        let ranked = rank(&dependants, &mut waiting);
        let mut graph = Self { ranked, dependants, cycles: Vec::new() };
        if graph.ranked.len() < inputs.len() {
            graph.cycles = cycles(inputs, &waiting);
            graph.ranked.extend(waiting.iter().enumerate().filter(|(_, open)| **open > 0).map(|(n, _)| slot(n)));
        }
        graph
    }
}

fn slot(place: usize) -> Slot {
    Slot(u32::try_from(place).unwrap_or(u32::MAX))
}

/// Kahn's algorithm; of several that are free, the lowest slot first. Leaves a count above zero
/// in `waiting` for every slot in or behind a cycle.
fn rank(dependants: &[Vec<Slot>], waiting: &mut [usize]) -> Vec<Slot> {
    let mut ranked = Vec::with_capacity(waiting.len());
    let mut free: BinaryHeap<Reverse<Slot>> =
        waiting.iter().enumerate().filter(|(_, open)| **open == 0).map(|(n, _)| Reverse(slot(n))).collect();
    while let Some(Reverse(next)) = free.pop() {
        ranked.push(next);
        for dependant in dependants.get(next.index()).into_iter().flatten() {
            if let Some(open) = waiting.get_mut(dependant.index()) {
                *open -= 1;
                if *open == 0 {
                    free.push(Reverse(*dependant));
                }
            }
        }
    }
    ranked
}

/// Every slot that still waits has an input that waits; following those must close a circle.
fn cycles(inputs: &[Vec<Slot>], waiting: &[usize]) -> Vec<Vec<Slot>> {
    let is_open = |slot: &Slot| waiting.get(slot.index()).is_some_and(|open| *open > 0);
    let mut seen = vec![false; inputs.len()];
    let mut cycles = Vec::new();
    for start in (0..inputs.len()).map(slot).filter(is_open) {
        let mut path: Vec<Slot> = Vec::new();
        let mut at = Some(start);
        while let Some(current) = at {
            let Some(visited) = seen.get_mut(current.index()) else { break };
            if *visited {
                if let Some(from) = path.iter().position(|slot| *slot == current) {
                    cycles.push(path.split_off(from));
                }
                break;
            }
            *visited = true;
            path.push(current);
            at = inputs.get(current.index()).and_then(|needs| needs.iter().copied().find(is_open));
        }
    }
    cycles
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn graph(edges: &[&[u32]]) -> Graph {
        let inputs: Vec<Vec<Slot>> = edges.iter().map(|needs| needs.iter().map(|n| Slot(*n)).collect()).collect();
        Graph::of(&inputs)
    }

    fn slots(numbers: &[u32]) -> Vec<Slot> {
        numbers.iter().map(|n| Slot(*n)).collect()
    }

    #[test]
    fn inputs_come_first() {
        let graph = graph(&[&[2], &[0, 2], &[], &[9]]);
        assert_eq!(graph.ranked, slots(&[2, 0, 1, 3]));
        assert_eq!(graph.dependants, vec![slots(&[1]), vec![], slots(&[0, 1]), vec![]]);
        assert!(graph.cycles.is_empty());
    }

    #[test]
    fn a_cycle_is_named_whole() {
        let found = graph(&[&[1], &[2], &[0], &[0], &[]]);
        assert_eq!(found.cycles, vec![slots(&[0, 1, 2])]);
        assert_eq!(found.ranked, slots(&[4, 0, 1, 2, 3]));
        assert_eq!(graph(&[&[0]]).cycles, vec![slots(&[0])]);
        assert_eq!(graph(&[&[1], &[0], &[3], &[2]]).cycles, vec![slots(&[0, 1]), slots(&[2, 3])]);
    }

    #[test]
    fn inputs_of_an_item_are_found_in_depth() {
        let mut slots_found = Vec::new();
        let check = Check::AllOf(vec![Check::Leg(0), Check::NoneOf(vec![Check::Item(Slot(4)), Check::NotApplicable])]);
        references(&check, &mut slots_found);
        assert_eq!(slots_found, slots(&[4]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Whatever the edges: every slot is ranked once, edges go forward unless there is a
        /// cycle, and a cycle named is one.
        #[test]
        fn ranks_or_cycles(edges in prop::collection::vec(prop::collection::vec(0u32..14, 0..3), 0..12)) {
            let inputs: Vec<Vec<Slot>> = edges.iter().map(|needs| slots(needs)).collect();
            let graph = Graph::of(&inputs);
            let mut all = graph.ranked.clone();
            all.sort_unstable();
            prop_assert_eq!(all, (0..inputs.len()).map(slot).collect::<Vec<_>>());
            for cycle in &graph.cycles {
                for (n, member) in cycle.iter().enumerate() {
                    prop_assert!(inputs[member.index()].contains(&cycle[(n + 1) % cycle.len()]));
                }
            }
            let rank = |slot: Slot| graph.ranked.iter().position(|other| *other == slot);
            let backward = inputs.iter().enumerate().any(|(n, needs)| {
                needs.iter().any(|need| need.index() < inputs.len() && rank(*need) >= rank(slot(n)))
            });
            prop_assert_eq!(backward, !graph.cycles.is_empty());
        }
    }
}
