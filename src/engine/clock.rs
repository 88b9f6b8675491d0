//! The only source of time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::model::Timestamp;

/// Wall time and monotonic instants. Under test the wall clock is anchored to tokio's, so that
/// `start_paused` moves both and a month passes in milliseconds.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Anchored { wall: Timestamp, at: Instant, jumped: Arc<AtomicI64> },
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Wall time that starts at `wall` now and moves with tokio's clock.
    pub fn anchored(wall: Timestamp) -> Self {
        Self(Source::Anchored { wall, at: Instant::now(), jumped: Arc::default() })
    }

    /// Moves an anchored wall clock, as somebody setting the time does. Nothing on a system clock.
    #[cfg(test)]
    pub(crate) fn jump(&self, millis: i64) {
        if let Source::Anchored { jumped, .. } = &self.0 {
            jumped.fetch_add(millis, Ordering::Relaxed);
        }
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Anchored { wall, at, jumped } => {
                Timestamp(wall.plus(at.elapsed().into()).0.saturating_add(jumped.load(Ordering::Relaxed)))
            }
        }
    }

    /// Monotonic; also what timeouts count with.
    pub fn instant(&self) -> Instant {
        Instant::now()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where wall time enters")]
fn system_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
