//! Permits, so that a slow target holds up nobody but itself.
//!
//! A leg takes them from the most specific to the least: target, class, global. Waiting on a slow
//! target therefore holds no class permit and no global one. One permit of each target is kept for
//! items on which others depend: where a server hangs, whatever depends on it would fill the queue
//! before the item that says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::{Class, Leg};
use crate::settings;

pub(super) struct Bulkheads {
    per_target: usize,
    targets: Mutex<HashMap<Arc<str>, Arc<Target>>>,
    classes: [(Class, usize, Arc<Semaphore>); Class::ALL.len()],
    global: Arc<Semaphore>,
}

struct Target {
    all: Arc<Semaphore>,
    /// Taken first by items on which nothing depends.
    ordinary: Arc<Semaphore>,
}

/// Held for the length of one leg's run.
pub(super) struct Permits(
    #[expect(dead_code, reason = "held, not read")] [Option<OwnedSemaphorePermit>; 4],
    #[expect(dead_code, reason = "held, so that the target is not forgotten")] Option<Arc<Target>>,
);

impl Bulkheads {
    pub(super) fn new(limits: &settings::Engine) -> Self {
        let size = |class| match class {
            Class::Network => limits.network,
            Class::Blocking => limits.blocking,
            Class::Command => limits.command,
            Class::Load => limits.load,
            Class::Mutating => limits.mutating,
        };
        Self {
            per_target: limits.per_target,
            targets: Mutex::default(),
            classes: Class::ALL.map(|class| (class, size(class), Arc::new(Semaphore::new(size(class))))),
            global: Arc::new(Semaphore::new(limits.global)),
        }
    }

    /// Waits for all permits of a leg; others depend on the item of one that `leads`. The semaphores
    /// are fair and never closed.
    pub(super) async fn acquire(&self, leg: &Leg, leads: bool) -> Permits {
        let entry = self.target(&leg.target);
        let ordinary = match &entry {
            Some(target) if !leads => permit(Arc::clone(&target.ordinary)).await,
            _ => None,
        };
        let target = match &entry {
            Some(target) => permit(Arc::clone(&target.all)).await,
            None => None,
        };
        let class = match self.class(leg.class) {
            Some(semaphore) => permit(semaphore).await,
            None => None,
        };
        Permits([ordinary, target, class, permit(Arc::clone(&self.global)).await], entry)
    }

    /// (class, permits, permits in use).
    pub(super) fn usage(&self) -> impl Iterator<Item = (Class, usize, usize)> + '_ {
        self.classes.iter().map(|(class, size, semaphore)| (*class, *size, size - semaphore.available_permits()))
    }

    /// Forgets targets that nobody holds or waits for.
    pub(super) fn forget_idle_targets(&self) {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        targets.retain(|_, target| Arc::strong_count(target) > 1);
    }

    fn class(&self, class: Class) -> Option<Arc<Semaphore>> {
        self.classes.iter().find(|(c, ..)| *c == class).map(|(_, _, semaphore)| Arc::clone(semaphore))
    }

    fn target(&self, key: &Arc<str>) -> Option<Arc<Target>> {
        if key.is_empty() {
            return None;
        }
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = targets.entry(Arc::clone(key)).or_insert_with(|| Arc::new(Target::new(self.per_target)));
        Some(Arc::clone(entry))
    }
}

impl Target {
    fn new(size: usize) -> Self {
        // With a single one, all wait in one queue.
        let ordinary = size.saturating_sub(1).max(1);
        Self { all: Arc::new(Semaphore::new(size)), ordinary: Arc::new(Semaphore::new(ordinary)) }
    }
}

/// One that is free costs less to take than to wait for. None is free while somebody waits.
async fn permit(semaphore: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    match Arc::clone(&semaphore).try_acquire_owned() {
        Ok(permit) => Some(permit),
        Err(_) => semaphore.acquire_owned().await.ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Access, LegIndex, Span};

    fn leg(target: &str, class: Class) -> Leg {
        Leg {
            index: LegIndex(0),
            name: "leg".into(),
            kind: "tcp",
            class,
            access: Access::Read,
            timeout: Span::from_secs(1),
            expects: Box::default(),
            target: target.into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_target_takes_no_class_permit() {
        let bulkheads = Bulkheads::new(&settings::Engine { per_target: 3, network: 3, ..Default::default() });
        let slow = leg("slow", Class::Network);
        let _held = (bulkheads.acquire(&slow, false).await, bulkheads.acquire(&slow, false).await);
        let third = tokio::time::timeout(Duration::from_secs(5), bulkheads.acquire(&slow, false)).await;
        assert!(third.is_err(), "the third leg on the slow target waits");
        let other =
            tokio::time::timeout(Duration::from_secs(5), bulkheads.acquire(&leg("other", Class::Network), false)).await;
        assert!(other.is_ok(), "another target still has the third network permit");
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_depend_on_does_not_wait_behind_them() {
        let bulkheads = Bulkheads::new(&settings::Engine { per_target: 2, ..Default::default() });
        let leg = leg("hangs", Class::Network);
        let _ordinary = bulkheads.acquire(&leg, false).await;
        let soon = |leads| tokio::time::timeout(Duration::from_secs(5), bulkheads.acquire(&leg, leads));
        assert!(soon(false).await.is_err(), "the last permit is kept");
        let _leads = soon(true).await.expect("the kept permit");
        assert!(soon(true).await.is_err(), "no more than the limit, whoever asks");
        let one = Bulkheads::new(&settings::Engine { per_target: 1, ..Default::default() });
        tokio::time::timeout(Duration::from_secs(5), one.acquire(&leg, false)).await.expect("the only permit");
    }

    #[tokio::test(start_paused = true)]
    async fn permits_come_back_and_idle_targets_are_forgotten() {
        let bulkheads = Bulkheads::new(&settings::Engine::default());
        let held = bulkheads.acquire(&leg("a", Class::Command), false).await;
        assert!(bulkheads.usage().any(|(class, size, used)| class == Class::Command && size == 2 && used == 1));
        bulkheads.forget_idle_targets();
        assert_eq!(bulkheads.targets.lock().unwrap().len(), 1);
        drop(held);
        bulkheads.forget_idle_targets();
        assert_eq!(bulkheads.targets.lock().unwrap().len(), 0);
        assert!(bulkheads.usage().all(|(_, _, used)| used == 0));
    }
}
