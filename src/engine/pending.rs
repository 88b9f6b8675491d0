//! What waits to be written: bounded, coalescing, shared by the event loop and the persister.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::model::{ItemId, ItemMemory, Timestamp, Transition};
use crate::store::{Batch, Evidence};

/// With a dead store, the oldest transitions are dropped beyond this many, and counted.
const MAX_TRANSITIONS: usize = 100_000;
/// Likewise for evidence; it is the least of the losses.
const MAX_EVIDENCE: usize = 10_000;
/// Facts of some kinds are long.
const MAX_EVIDENCE_BYTES: usize = 64 * 1024 * 1024;
/// Rows of one transaction.
const BATCH_ROWS: usize = 1_000;

/// Memories coalesce by item, so they are bounded by the number of items.
#[derive(Debug, Default)]
pub(super) struct Pending {
    memories: HashMap<ItemId, Arc<ItemMemory>>,
    transitions: VecDeque<Transition>,
    evidence: VecDeque<Evidence>,
    evidence_bytes: usize,
    removed: HashMap<ItemId, Timestamp>,
    dropped: Dropped,
}

/// What was lost since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) transitions: u64,
    pub(super) evidence: u64,
}

impl Pending {
    pub(super) fn memory(&mut self, id: ItemId, memory: Arc<ItemMemory>) {
        // It is back: a tombstone written after its memory would bury it.
        self.removed.remove(&id);
        self.memories.insert(id, memory);
    }

    pub(super) fn transition(&mut self, transition: Transition) {
        self.transitions.push_back(transition);
        self.trim();
    }

    pub(super) fn evidence(&mut self, evidence: Evidence) {
        self.evidence_bytes += weight(&evidence);
        self.evidence.push_back(evidence);
        self.trim();
    }

    pub(super) fn removed(&mut self, id: ItemId, at: Timestamp) {
        self.removed.insert(id, at);
    }

    pub(super) fn len(&self) -> usize {
        self.memories.len() + self.transitions.len() + self.evidence.len() + self.removed.len()
    }

    pub(super) fn take_dropped(&mut self) -> Dropped {
        std::mem::take(&mut self.dropped)
    }

    /// Takes at most one transaction's worth. Memories and their transitions go first and
    /// together: a state without its history is worse than one without its evidence.
    pub(super) fn take_batch(&mut self) -> Batch {
        let buried: Vec<ItemId> = self.removed.keys().take(BATCH_ROWS).cloned().collect();
        let removed = buried.into_iter().filter_map(|id| self.removed.remove_entry(&id)).collect();
        let mut batch = Batch { removed, ..Batch::default() };
        for (id, _) in &batch.removed {
            // In the same transaction and before it: a memory that comes later brings the item back.
            batch.memories.extend(self.memories.remove_entry(id));
        }
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
        self.evidence_bytes -= batch.evidence.iter().map(weight).sum::<usize>();
        batch
    }

    /// Puts back what could not be written. What came in since is newer and wins.
    pub(super) fn put_back(&mut self, batch: Batch) {
        let kept_since: HashSet<ItemId> =
            batch.removed.iter().map(|(id, _)| id).filter(|id| self.memories.contains_key(id)).cloned().collect();
        for (id, memory) in batch.memories {
            self.memories.entry(id).or_insert(memory);
        }
        for (id, at) in batch.removed {
            // Unless it is back. One that was in the same batch is gone: it came before.
            if !kept_since.contains(&id) {
                self.removed.entry(id).or_insert(at);
            }
        }
        for transition in batch.transitions.into_iter().rev() {
            self.transitions.push_front(transition);
        }
        for evidence in batch.evidence.into_iter().rev() {
            self.evidence_bytes += weight(&evidence);
            self.evidence.push_front(evidence);
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.transitions.len() > MAX_TRANSITIONS {
            self.transitions.pop_front();
            self.dropped.transitions += 1;
        }
        while self.evidence.len() > MAX_EVIDENCE || self.evidence_bytes > MAX_EVIDENCE_BYTES {
            let Some(oldest) = self.evidence.pop_front() else { return };
            self.evidence_bytes -= weight(&oldest);
            self.dropped.evidence += 1;
        }
    }
}

/// Bytes of its texts.
fn weight(evidence: &Evidence) -> usize {
    evidence.facts.len() + evidence.sentence.len() + evidence.trace.iter().map(String::len).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, State};

    fn id(n: usize) -> ItemId {
        ItemId::new("c", &format!("i{n}"))
    }

    fn memory(evaluations: u64) -> Arc<ItemMemory> {
        Arc::new(ItemMemory { evaluations, ..ItemMemory::default() })
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
        assert_eq!(pending.take_dropped(), Dropped { transitions: 7, evidence: 0 });
        assert_eq!(pending.take_dropped(), Dropped::default());
    }

    #[test]
    fn evidence_is_bounded_by_its_size() {
        let mut pending = Pending::default();
        let long = |n: usize| Evidence {
            item: id(n),
            leg: "leg".into(),
            at: Timestamp(0),
            duration: crate::model::Span::ZERO,
            outcome: crate::model::Outcome::Pass,
            reason: None,
            sentence: "".into(),
            facts: "x".repeat(MAX_EVIDENCE_BYTES / 10).into(),
            trace: [].into(),
        };
        (0..12).for_each(|n| pending.evidence(long(n)));
        assert_eq!(pending.take_dropped().evidence, 2);
        let batch = pending.take_batch();
        assert_eq!((batch.evidence.len(), pending.evidence_bytes), (10, 0));
        pending.evidence(long(12));
        pending.put_back(batch);
        assert_eq!((pending.take_dropped().evidence, pending.evidence.len()), (1, 10), "what is newer stays");
    }

    /// The store writes tombstones after memories.
    #[test]
    fn an_item_that_is_back_is_not_buried() {
        let mut pending = Pending::default();
        pending.removed(id(1), Timestamp(5));
        pending.memory(id(1), memory(2));
        let batch = pending.take_batch();
        assert_eq!((batch.memories.len(), batch.removed.len()), (1, 0));

        pending.removed(id(1), Timestamp(6));
        let failed = pending.take_batch();
        assert_eq!(failed.removed, [(id(1), Timestamp(6))]);
        pending.memory(id(1), memory(3));
        pending.put_back(failed);
        let batch = pending.take_batch();
        assert_eq!((batch.memories, batch.removed.len()), (vec![(id(1), memory(3))], 0));

        pending.memory(id(2), memory(1));
        let failed = pending.take_batch();
        pending.removed(id(2), Timestamp(7));
        pending.put_back(failed);
        assert_eq!(pending.take_batch().removed, [(id(2), Timestamp(7))], "gone after all");
    }
}
