//! Who waits for the end of a run that somebody asked for.

use std::collections::HashMap;

use tokio::sync::oneshot;

use crate::model::{ItemId, Timestamp};

type Sender = oneshot::Sender<Option<Timestamp>>;

/// Answers go out only once what the run changed can be read.
#[derive(Default)]
pub(super) struct Waiters {
    waiting: HashMap<ItemId, Vec<Sender>>,
    answers: Vec<(Sender, Option<Timestamp>)>,
}

impl Waiters {
    pub(super) fn add(&mut self, id: ItemId, done: Sender) {
        let waiting = self.waiting.entry(id).or_default();
        // Who has gone away must not pile up behind an item that takes long.
        waiting.retain(|one| !one.is_closed());
        waiting.push(done);
    }

    pub(super) fn awaits(&self, id: &ItemId) -> bool {
        self.waiting.contains_key(id)
    }

    /// The run has been absorbed. Says whether anybody waits for the answer.
    pub(super) fn ended(&mut self, id: &ItemId, finished: Timestamp) -> bool {
        let waiting = self.waiting.remove(id).unwrap_or_default();
        let any = !waiting.is_empty();
        self.answers.extend(waiting.into_iter().map(|sender| (sender, Some(finished))));
        any
    }

    /// Tells those that nothing will run for them any more.
    pub(super) fn keep(&mut self, runs: impl Fn(&ItemId) -> bool) {
        let gone: Vec<ItemId> = self.waiting.keys().filter(|id| !runs(id)).cloned().collect();
        for id in gone {
            let waiting = self.waiting.remove(&id).unwrap_or_default();
            self.answers.extend(waiting.into_iter().map(|sender| (sender, None)));
        }
    }

    /// What can be read is up to date.
    pub(super) fn answer(&mut self) {
        for (sender, answer) in self.answers.drain(..) {
            // Who has gone away needs no answer.
            let _ = sender.send(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn nobody_is_answered_before_the_result_can_be_read_and_nobody_is_forgotten() {
        let (kept, gone) = (ItemId::new("c", "kept"), ItemId::new("c", "gone"));
        let mut waiters = Waiters::default();
        let (first, mut first_answer) = oneshot::channel();
        let (second, mut second_answer) = oneshot::channel();
        waiters.add(kept.clone(), first);
        waiters.add(gone.clone(), second);
        assert!(waiters.ended(&kept, Timestamp(5)));
        assert!(!waiters.ended(&kept, Timestamp(6)), "answered once");
        waiters.keep(|id| *id != gone);
        assert!(first_answer.try_recv().is_err());
        waiters.answer();
        assert_eq!(first_answer.try_recv(), Ok(Some(Timestamp(5))));
        assert_eq!(second_answer.try_recv(), Ok(None));
    }

    #[test]
    fn those_who_went_away_do_not_pile_up() {
        let (id, mut waiters) = (ItemId::new("c", "slow"), Waiters::default());
        for _ in 0..1000 {
            waiters.add(id.clone(), oneshot::channel().0);
        }
        assert_eq!(waiters.waiting[&id].len(), 1);
    }
}
