//! An executor without tasks: what HTTP/2 wants to have spawned is polled by the exchange itself,
//! so it lives exactly as long as the exchange and nothing runs on after a cancelled run.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Clone, Default)]
pub(super) struct Tasks {
    handed_over: Arc<Mutex<Vec<Task>>>,
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, future: F) {
        self.handed_over.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(future));
    }
}

/// Polls everything that was handed to its `Tasks`.
pub(super) struct Runner {
    tasks: Tasks,
    running: FuturesUnordered<Task>,
}

impl Runner {
    pub(super) fn new(tasks: Tasks) -> Self {
        Self { tasks, running: FuturesUnordered::new() }
    }

    /// Polls until nothing can go on. Never ends: more may be handed over later.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        loop {
            let new = std::mem::take(&mut *self.tasks.handed_over.lock().unwrap_or_else(PoisonError::into_inner));
            self.running.extend(new);
            while let Poll::Ready(Some(())) = self.running.poll_next_unpin(cx) {}
            if self.tasks.handed_over.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                return;
            }
        }
    }
}
