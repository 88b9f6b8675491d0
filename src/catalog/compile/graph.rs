//! The order of items. The core has a graph of its own for deriving states; this one only ranks
//! and finds cycles.

use std::collections::VecDeque;

use crate::model::Slot;

/// What each item depends on or refers to, by slot.
pub(crate) struct Graph {
    inputs: Vec<Vec<Slot>>,
}

impl Graph {
    pub(crate) fn new(mut inputs: Vec<Vec<Slot>>) -> Self {
        for list in &mut inputs {
            list.sort_unstable();
            list.dedup();
        }
        Self { inputs }
    }

    /// For each slot, the slots that name it.
    pub(crate) fn dependants(&self) -> Vec<Vec<Slot>> {
        let mut dependants = vec![Vec::new(); self.inputs.len()];
        for (slot, inputs) in (0u32..).map(Slot).zip(&self.inputs) {
            for input in inputs {
                if let Some(list) = dependants.get_mut(input.index()) {
                    list.push(slot);
                }
            }
        }
        dependants
    }

    /// All slots, each after its inputs; or the cycles, each as the slots along it, one for every
    /// group of items that hang together.
    pub(crate) fn ranks(&self) -> Result<Vec<Slot>, Vec<Vec<Slot>>> {
        let dependants = self.dependants();
        let mut open: Vec<usize> = self.inputs.iter().map(Vec::len).collect();
        let mut ready: VecDeque<Slot> =
            (0u32..).map(Slot).zip(&open).filter(|(_, open)| **open == 0).map(|(slot, _)| slot).collect();
        let mut ranked = Vec::with_capacity(self.inputs.len());
        while let Some(slot) = ready.pop_front() {
            ranked.push(slot);
            for dependant in dependants.get(slot.index()).into_iter().flatten() {
                if let Some(count) = open.get_mut(dependant.index()) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push_back(*dependant);
                    }
                }
            }
        }
        if ranked.len() == self.inputs.len() { Ok(ranked) } else { Err(self.cycles(&open)) }
    }

    /// Whoever could not be ranked has an input that could not: following those must come back.
    fn cycles(&self, open: &[usize]) -> Vec<Vec<Slot>> {
        let stuck = |slot: Slot| open.get(slot.index()).is_some_and(|count| *count > 0);
        let mut visited = vec![false; self.inputs.len()];
        let mut cycles = Vec::new();
        for start in (0u32..).map(Slot).take(self.inputs.len()).filter(|slot| stuck(*slot)) {
            let mut path: Vec<Slot> = Vec::new();
            let mut place = std::collections::HashMap::new();
            let mut at = start;
            loop {
                if let Some(first) = place.get(&at) {
                    cycles.push(path.into_iter().skip(*first).collect());
                    break;
                }
                match visited.get_mut(at.index()) {
                    Some(seen) if !*seen => *seen = true,
                    _ => break,
                }
                place.insert(at, path.len());
                path.push(at);
                let next = self.inputs.get(at.index()).and_then(|inputs| inputs.iter().find(|slot| stuck(**slot)));
                match next {
                    Some(next) => at = *next,
                    None => break,
                }
            }
        }
        cycles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(inputs: &[&[u32]]) -> Graph {
        Graph::new(inputs.iter().map(|list| list.iter().copied().map(Slot).collect()).collect())
    }

    #[test]
    fn inputs_come_first() {
        let ranked = graph(&[&[1, 2], &[2], &[], &[0]]).ranks().unwrap();
        assert_eq!(ranked, [Slot(2), Slot(1), Slot(0), Slot(3)]);
    }

    #[test]
    fn each_cycle_is_named_once() {
        let cycles = graph(&[&[1], &[2], &[0], &[3], &[0], &[]]).ranks().unwrap_err();
        assert_eq!(cycles, [vec![Slot(0), Slot(1), Slot(2)], vec![Slot(3)]]);
    }

    #[test]
    fn dependants_are_the_inputs_turned_round() {
        let dependants = graph(&[&[1, 1], &[], &[1]]).dependants();
        assert_eq!(dependants, [vec![], vec![Slot(0), Slot(2)], vec![]]);
    }
}
