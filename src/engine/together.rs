//! Several runs in one task.
//!
//! Each is polled only when it was woken itself. Other than the sets of the usual library, this one
//! never yields on its own: a task that yields wakes another thread, and for a handful of short runs
//! that costs more than they do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Ends when all of them have ended.
pub(super) struct Together<F> {
    runs: Vec<Run<F>>,
    task: Arc<AtomicWaker>,
}

struct Run<F> {
    /// Dropped when it has ended.
    future: Option<Pin<Box<F>>>,
    woken: Arc<Woken>,
    waker: Waker,
}

struct Woken {
    woken: AtomicBool,
    task: Arc<AtomicWaker>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Who was woken before has told the task already, and was not polled since.
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.task.wake();
        }
    }
}

impl<F: Future<Output = ()>> Together<F> {
    pub(super) fn new(futures: impl IntoIterator<Item = F>) -> Self {
        let task = Arc::new(AtomicWaker::new());
        let runs = futures.into_iter().map(|future| {
            let woken = Arc::new(Woken { woken: AtomicBool::new(true), task: Arc::clone(&task) });
            Run { future: Some(Box::pin(future)), waker: Arc::clone(&woken).into(), woken }
        });
        Self { runs: runs.collect(), task }
    }
}

impl<F: Future<Output = ()>> Future for Together<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Before the marks are looked at: whoever is woken after that finds the waker.
        self.task.register(cx.waker());
        let mut left = false;
        for run in &mut self.runs {
            let Some(future) = &mut run.future else { continue };
            if run.woken.woken.swap(false, Ordering::AcqRel)
                && future.as_mut().poll(&mut Context::from_waker(&run.waker)).is_ready()
            {
                run.future = None;
            } else {
                left = true;
            }
        }
        if left { Poll::Pending } else { Poll::Ready(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn all_run_at_once_and_each_is_polled_for_itself() {
        let ended = Mutex::new(Vec::new());
        let polls = Mutex::new([0; 4]);
        let one = |n: usize| {
            let (ended, polls) = (&ended, &polls);
            let mut run = Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(100 - 10 * n as u64)).await;
                ended.lock().unwrap().push(n);
            });
            std::future::poll_fn(move |cx| {
                polls.lock().unwrap()[n] += 1;
                run.as_mut().poll(cx)
            })
        };
        let begun = tokio::time::Instant::now();
        Together::new((0..4).map(one)).await;
        assert_eq!(begun.elapsed().as_millis() / 10, 10, "the longest");
        assert_eq!(*ended.lock().unwrap(), [3, 2, 1, 0]);
        assert_eq!(*polls.lock().unwrap(), [2; 4]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nobody_who_wakes_itself_or_is_woken_by_a_thread_is_forgotten() {
        let one = |n: u32| async move {
            for _ in 0..n {
                tokio::task::yield_now().await;
                tokio::task::spawn_blocking(|| ()).await.unwrap();
            }
        };
        Together::new((0..64).map(one)).await;
        Together::new(std::iter::empty::<std::future::Ready<()>>()).await;
    }
}
