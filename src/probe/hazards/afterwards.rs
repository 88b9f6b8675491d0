//! Work that a dropped run hands over, so that it is done all the same.

use std::sync::Arc;

use futures_util::future::BoxFuture;

type Take = dyn Fn(BoxFuture<'static, ()>) -> bool + Send + Sync;

/// Lent by the engine, which waits for the work before the process ends. The default takes none.
#[derive(Clone, Default)]
pub struct Afterwards(Option<Arc<Take>>);

impl Afterwards {
    /// `take` must not block, and says whether it took the work.
    pub fn new(take: impl Fn(BoxFuture<'static, ()>) -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(take)))
    }

    /// Hands over work that must end by itself within a bounded time. False if nobody takes it.
    pub(crate) fn hand_over(&self, work: BoxFuture<'static, ()>) -> bool {
        self.0.as_ref().is_some_and(|take| take(work))
    }
}
