//! Nothing survives the process. For tests, for one-shot runs and for people who want no file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::{Batch, Evidence, NOT_PASSING, PRUNE_LIMIT, RECENT, Restored, Retention, Store, StoreError};
use crate::model::{ItemId, ItemMemory, Outcome, Timestamp, Transition};

#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<ItemId, Kept>>);

/// All about one item.
#[derive(Debug, Default)]
struct Kept {
    memory: Option<Arc<ItemMemory>>,
    removed_at: Option<Timestamp>,
    /// Oldest first.
    transitions: Vec<Transition>,
    /// Oldest first, all legs.
    evidence: Vec<Evidence>,
}

impl Memory {
    pub fn new() -> Self {
        Self::default()
    }

    /// A panic elsewhere cannot leave a half-changed map that matters more than going on.
    fn items(&self) -> MutexGuard<'_, BTreeMap<ItemId, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, batch: &Batch) {
        let mut items = self.items();
        for (item, memory) in &batch.memories {
            let kept = items.entry(item.clone()).or_default();
            kept.memory = Some(Arc::clone(memory));
            kept.removed_at = None;
        }
        for transition in &batch.transitions {
            items.entry(transition.item.clone()).or_default().append(transition);
        }
        for evidence in &batch.evidence {
            items.entry(evidence.item.clone()).or_default().observe(evidence);
        }
        for (item, at) in &batch.removed {
            if let Some(kept) = items.get_mut(item) {
                kept.removed_at = Some(*at);
            }
        }
    }
}

impl Kept {
    fn append(&mut self, transition: &Transition) {
        let known = |t: &Transition| (t.at, t.from, t.to, t.cause);
        if !self.transitions.iter().any(|old| known(old) == known(transition)) {
            let place = self.transitions.partition_point(|old| old.at <= transition.at);
            self.transitions.insert(place, transition.clone());
        }
    }

    fn observe(&mut self, evidence: &Evidence) {
        self.evidence.retain(|old| old.leg != evidence.leg || old.at != evidence.at);
        let place = self.evidence.partition_point(|old| old.at <= evidence.at);
        self.evidence.insert(place, evidence.clone());
        let (mut recent, mut not_passing) = (RECENT, NOT_PASSING);
        let mut keep: Vec<bool> = self
            .evidence
            .iter()
            .rev()
            .map(|old| {
                if old.leg != evidence.leg {
                    return true;
                }
                let is_recent = recent > 0;
                recent = recent.saturating_sub(1);
                let is_kept_failure = old.outcome != Outcome::Pass && not_passing > 0;
                not_passing = not_passing.saturating_sub(usize::from(is_kept_failure));
                is_recent || is_kept_failure
            })
            .collect();
        self.evidence.retain(|_| keep.pop().unwrap_or(true));
    }
}

impl Store for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn restore(&self) -> BoxFuture<'_, Result<Restored, StoreError>> {
        let memories = self
            .items()
            .iter()
            .filter_map(|(item, kept)| Some((item.clone(), ItemMemory::clone(kept.memory.as_ref()?))))
            .collect();
        ready(Ok(Restored { memories, unreadable: 0 })).boxed()
    }

    fn commit<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            self.write(batch);
            Ok(())
        }
        .boxed()
    }

    fn history<'a>(
        &'a self,
        item: &'a ItemId,
        limit: u32,
        before: Option<Timestamp>,
    ) -> BoxFuture<'a, Result<Vec<Transition>, StoreError>> {
        let items = self.items();
        let newest_first = items.get(item).into_iter().flat_map(|kept| kept.transitions.iter().rev());
        let page = newest_first
            .filter(|transition| before.is_none_or(|before| transition.at < before))
            .take(limit as usize)
            .cloned()
            .collect();
        ready(Ok(page)).boxed()
    }

    fn evidence<'a>(&'a self, item: &'a ItemId) -> BoxFuture<'a, Result<Vec<Evidence>, StoreError>> {
        let items = self.items();
        let all = items.get(item).into_iter().flat_map(|kept| kept.evidence.iter().rev().cloned()).collect();
        ready(Ok(all)).boxed()
    }

    fn prune(&self, retention: Retention, now: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        let mut left = PRUNE_LIMIT as usize;
        let mut deleted = 0;
        let oldest = now - retention.transitions;
        let mut items = self.items();
        for kept in items.values_mut() {
            let gone = kept.transitions.partition_point(|t| t.at < oldest).min(left);
            kept.transitions.drain(..gone);
            left -= gone;
            deleted += gone as u64;
        }
        let buried = now - retention.tombstones;
        let expired: Vec<ItemId> = items
            .iter()
            .filter(|(_, kept)| kept.removed_at.is_some_and(|at| at < buried))
            .map(|(item, _)| item.clone())
            .take(PRUNE_LIMIT as usize)
            .collect();
        for item in &expired {
            if let Some(kept) = items.get_mut(item) {
                deleted += 1 + kept.evidence.len() as u64;
                kept.memory = None;
                kept.removed_at = None;
                kept.evidence.clear();
            }
        }
        items.retain(|_, kept| kept.memory.is_some() || !kept.transitions.is_empty() || !kept.evidence.is_empty());
        ready(Ok(deleted)).boxed()
    }

    fn health(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        ready(Ok(())).boxed()
    }
}

#[cfg(test)]
mod tests {
    crate::store::conformance::suite!((crate::store::memory::Memory::new(), ()));
}
