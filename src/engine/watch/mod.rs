//! Watched, not only polled: a target that tells of a change makes the items that look at it run at
//! once. The schedule stays as it is: an ear may be deaf without knowing it.

mod allowance;
mod ears;
mod wanted;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use self::allowance::Allowance;
pub(super) use self::ears::{Ears, Listener};
pub(super) use self::wanted::Wanted;
use crate::catalog::Compiled;
use crate::model::{ItemMemory, Slot, Span, Timestamp};

/// Changes seldom come alone: one look after all of them is enough.
const SETTLE: Span = Span(100);
/// While a change is being confirmed, from one look to the next. An event and a failure that follow
/// each other need less time to be believed than two failures.
const CONFIRM_EVERY: Span = Span(250);
/// How long after a change an outcome that contradicts the confirmed one is looked at that closely.
const CONFIRM_WITHIN: Duration = Duration::from_secs(10);

/// What the event loop knows of changes. Slots are those of one generation.
pub(super) struct Watching {
    wanted: Arc<Wanted>,
    plans: watch::Sender<Arc<Wanted>>,
    ears: Arc<Ears>,
    /// Of items that were made to run by a change.
    items: BTreeMap<Slot, Woken>,
    enabled: bool,
}

/// An item that a change concerns.
struct Woken {
    heard: Instant,
    allowance: Allowance,
}

impl Watching {
    /// Starts with the ears that this catalogue wants; none if they are switched off.
    pub(super) fn new(enabled: bool, catalogue: &Compiled, ears: Arc<Ears>) -> (Self, watch::Receiver<Arc<Wanted>>) {
        let wanted = Arc::new(if enabled { Wanted::of(catalogue, 0) } else { Wanted::default() });
        let (plans, receiver) = watch::channel(Arc::clone(&wanted));
        (Self { wanted, plans, ears, items: BTreeMap::new(), enabled }, receiver)
    }

    /// Another catalogue: all ears are opened anew, and what was heard for the old one is forgotten.
    pub(super) fn replace(&mut self, catalogue: &Compiled) {
        if !self.enabled {
            return;
        }
        self.wanted = Arc::new(Wanted::of(catalogue, self.wanted.generation.wrapping_add(1)));
        self.items.clear();
        self.plans.send_replace(Arc::clone(&self.wanted));
    }

    /// Ready when something was heard.
    pub(super) async fn heard(&self) {
        self.ears.heard().await;
    }

    /// The items that are concerned by what was heard since the last call, and when they are to run.
    /// `memory` is what is known of an item.
    pub(super) fn take<'a>(
        &mut self,
        now: Timestamp,
        memory: impl Fn(Slot) -> Option<&'a ItemMemory>,
    ) -> Vec<(Slot, Timestamp)> {
        let heard = Instant::now();
        let mut due = Vec::new();
        for slot in self.ears.take(self.wanted.generation).iter().flat_map(|ear| self.wanted.slots(*ear)) {
            let woken = self.items.entry(*slot).or_insert_with(|| Woken { heard, allowance: Allowance::full(heard) });
            woken.heard = heard;
            let cost = memory(*slot).map_or(Span::ZERO, took);
            let wait = woken.allowance.take(heard, cost.to_duration());
            due.push((*slot, now.plus(SETTLE.max(wait.into()))));
        }
        due
    }

    /// When an item is to run that would run again at `planned`, because its outcome is not confirmed.
    pub(super) fn confirm(&self, slot: Slot, planned: Timestamp, now: Timestamp) -> Timestamp {
        let recent = self.items.get(&slot).is_some_and(|woken| woken.heard.elapsed() < CONFIRM_WITHIN);
        if recent { planned.min(now.plus(CONFIRM_EVERY)) } else { planned }
    }

    /// What an item that runs now shares with others must not be older than this.
    pub(super) fn change_at(&self, slot: Slot) -> Option<Instant> {
        let woken = self.items.get(&slot)?;
        // A look that confirms must be another look.
        let confirming = Instant::now().checked_sub(CONFIRM_EVERY.to_duration() / 2);
        (woken.heard.elapsed() < CONFIRM_WITHIN).then(|| confirming.map_or(woken.heard, |at| at.max(woken.heard)))
    }
}

/// How long the last run took.
fn took(memory: &ItemMemory) -> Span {
    memory.last_started.zip(memory.last_finished).map_or(Span::ZERO, |(started, finished)| finished.since(started))
}
