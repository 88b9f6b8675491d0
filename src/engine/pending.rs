//! What waits to be written: bounded, coalescing, shared by the event loop and the persister.

use std::collections::{HashMap, VecDeque};

use crate::model::{ItemId, ItemMemory, Timestamp, Transition};
use crate::store::{Batch, Evidence};

/// With a dead store, the oldest transitions are dropped beyond this many, and counted.
const MAX_TRANSITIONS: usize = 100_000;
/// Likewise for evidence; it is the least of the losses.
const MAX_EVIDENCE: usize = 10_000;
/// Rows of one transaction.
const BATCH_ROWS: usize = 1_000;

/// Memories coalesce by item, so they are bounded by the number of items.
#[derive(Debug, Default)]
pub(super) struct Pending {
    memories: HashMap<ItemId, ItemMemory>,
    transitions: VecDeque<Transition>,
    evidence: VecDeque<Evidence>,
    removed: Vec<(ItemId, Timestamp)>,
    /// Since the last look.
    dropped: u64,
}

impl Pending {
    pub(super) fn memory(&mut self, id: ItemId, memory: ItemMemory) {
        self.memories.insert(id, memory);
    }

    pub(super) fn transition(&mut self, transition: Transition) {
        self.transitions.push_back(transition);
        if self.transitions.len() > MAX_TRANSITIONS {
            self.transitions.pop_front();
            self.dropped += 1;
        }
    }

    pub(super) fn evidence(&mut self, evidence: Evidence) {
        self.evidence.push_back(evidence);
        if self.evidence.len() > MAX_EVIDENCE {
            self.evidence.pop_front();
            self.dropped += 1;
        }
    }

    pub(super) fn removed(&mut self, id: ItemId, at: Timestamp) {
        self.memories.remove(&id);
        self.removed.push((id, at));
    }

    pub(super) fn len(&self) -> usize {
        self.memories.len() + self.transitions.len() + self.evidence.len() + self.removed.len()
    }

    pub(super) fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Takes at most one transaction's worth. Memories and their transitions go first and
    /// together: a state without its history is worse than one without its evidence.
    pub(super) fn take_batch(&mut self) -> Batch {
        let mut batch = Batch { removed: std::mem::take(&mut self.removed), ..Batch::default() };
        let room = BATCH_ROWS.min(self.transitions.len());
        batch.transitions.extend(self.transitions.drain(..room));
        for transition in &batch.transitions {
            if let Some(memory) = self.memories.remove(&transition.item) {
                batch.memories.push((transition.item.clone(), memory));
            }
        }
        let room = BATCH_ROWS.saturating_sub(batch.memories.len() + batch.transitions.len());
        let more: Vec<ItemId> = self.memories.keys().take(room).cloned().collect();
        batch.memories.extend(more.into_iter().filter_map(|id| self.memories.remove_entry(&id)));
        let room = BATCH_ROWS.saturating_sub(batch.memories.len() + batch.transitions.len());
        let room = room.min(self.evidence.len());
        batch.evidence.extend(self.evidence.drain(..room));
        batch
    }

    /// Puts back what could not be written. What came in since is newer and wins.
    pub(super) fn put_back(&mut self, batch: Batch) {
        for (id, memory) in batch.memories {
            self.memories.entry(id).or_insert(memory);
        }
        for transition in batch.transitions.into_iter().rev() {
            self.transitions.push_front(transition);
        }
        while self.transitions.len() > MAX_TRANSITIONS {
            self.transitions.pop_front();
            self.dropped += 1;
        }
        for evidence in batch.evidence.into_iter().rev() {
            self.evidence.push_front(evidence);
        }
        while self.evidence.len() > MAX_EVIDENCE {
            self.evidence.pop_front();
            self.dropped += 1;
        }
        self.removed.splice(0..0, batch.removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, State};

    fn id(n: usize) -> ItemId {
        ItemId::new("c", &format!("i{n}"))
    }

    fn memory(evaluations: u64) -> ItemMemory {
        ItemMemory { evaluations, ..ItemMemory::default() }
    }

    fn transition(n: usize) -> Transition {
        Transition {
            item: id(n),
            from: None,
            to: State::Fail,
            reason: None,
            at: Timestamp(i64::try_from(n).unwrap()),
            cause: Cause::Evaluation,
            root_cause: None,
            sentence: String::new(),
        }
    }

    #[test]
    fn a_memory_is_written_with_its_transition() {
        let mut pending = Pending::default();
        for n in 0..5_000 {
            pending.memory(id(n), memory(1));
        }
        pending.transition(transition(4_321));
        let batch = pending.take_batch();
        assert_eq!(batch.memories.len() + batch.transitions.len(), 1_000);
        assert_eq!(batch.memories.first().unwrap().0, id(4_321));
    }

    #[test]
    fn what_is_put_back_never_overwrites_what_is_newer() {
        let mut pending = Pending::default();
        pending.memory(id(1), memory(1));
        pending.transition(transition(1));
        let batch = pending.take_batch();
        assert_eq!(pending.len(), 0);
        pending.memory(id(1), memory(2));
        pending.transition(transition(2));
        pending.put_back(batch);
        let batch = pending.take_batch();
        assert_eq!(batch.memories, vec![(id(1), memory(2))]);
        let order: Vec<_> = batch.transitions.iter().map(|t| t.at.0).collect();
        assert_eq!(order, [1, 2], "history stays in order");
    }

    #[test]
    fn a_dead_store_costs_the_oldest_transitions_and_they_are_counted() {
        let mut pending = Pending::default();
        for n in 0..MAX_TRANSITIONS + 7 {
            pending.transition(transition(n));
        }
        assert_eq!(pending.len(), MAX_TRANSITIONS);
        assert_eq!(pending.take_dropped(), 7);
        assert_eq!(pending.take_dropped(), 0);
    }
}
