//! Blocking looks at files: one at a time for each leg, and nobody waits beyond the deadline.
//!
//! A dead network file system blocks a thread for ever and nothing can end it. So the wait ends
//! at the deadline, and the next run of the same leg is refused until the stuck thread is back:
//! one dead mount costs one thread for each leg that looks at it, however long it stays dead.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::model::Reason;
use crate::probe::{ProbeCx, ProbeError};

/// Lent to one leg. Part of a kind's parameters with `#[serde(skip)]`.
#[derive(Clone, Debug)]
pub(in crate::probe) struct Lane(Arc<Semaphore>);

impl Default for Lane {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Lane {
    /// Runs `look` on a blocking thread. `what` names the thing looked at, for the sentence.
    pub(in crate::probe) async fn run<T, F>(&self, cx: &ProbeCx, what: &str, look: F) -> Result<T, ProbeError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, ProbeError> + Send + 'static,
    {
        let permit = Arc::clone(&self.0).try_acquire_owned().map_err(|_| {
            ProbeError::observer(Reason::Timeout, format!("an earlier look at {what} has still not returned"))
        })?;
        Self::off(permit, cx.deadline(), what, look).await
    }

    /// The same for what several legs share: waits for its turn, at most until the deadline.
    pub(in crate::probe) async fn queue<T, F>(&self, deadline: Instant, what: &str, look: F) -> Result<T, ProbeError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, ProbeError> + Send + 'static,
    {
        let turn = tokio::time::timeout_at(deadline, Arc::clone(&self.0).acquire_owned());
        let Ok(Ok(permit)) = turn.await else {
            let sentence = format!("an earlier look at {what} has still not returned");
            return Err(ProbeError::observer(Reason::Timeout, sentence));
        };
        Self::off(permit, deadline, what, look).await
    }

    async fn off<T, F>(permit: OwnedSemaphorePermit, deadline: Instant, what: &str, look: F) -> Result<T, ProbeError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, ProbeError> + Send + 'static,
    {
        let look = tokio::task::spawn_blocking(move || {
            let result = look();
            drop(permit);
            result
        });
        match tokio::time::timeout_at(deadline, look).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(ProbeError::internal(format!("looking at {what} panicked"))),
            Err(_) => Err(ProbeError::observer(
                Reason::Timeout,
                format!("looking at {what} did not return within the deadline"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::fixture::cx;

    #[tokio::test]
    async fn a_stuck_look_is_left_and_not_repeated() {
        let lane = Lane::default();
        let (release, stuck) = std::sync::mpsc::channel::<()>();
        let error = lane
            .run(&cx(50), "/stuck", move || {
                let _ = stuck.recv();
                Ok(())
            })
            .await
            .unwrap_err();
        assert_eq!(error.reason, Reason::Timeout);
        let again = lane.run(&cx(1000), "/stuck", || Ok(1)).await.unwrap_err();
        assert!(again.detail.contains("earlier look"), "{again}");
        drop(release);
        for _ in 0..200 {
            if let Ok(value) = lane.run(&cx(1000), "/stuck", || Ok(1)).await {
                assert_eq!(value, 1);
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        panic!("the lane stayed closed");
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let error = Lane::default().run::<(), _>(&cx(1000), "x", || panic!("boom")).await.unwrap_err();
        assert_eq!(error.reason, Reason::Internal);
    }
}
