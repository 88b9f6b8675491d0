//! The only source of time.

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
    Anchored { wall: Timestamp, at: Instant },
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Wall time that starts at `wall` now and moves with tokio's clock.
    pub fn anchored(wall: Timestamp) -> Self {
        Self(Source::Anchored { wall, at: Instant::now() })
    }

    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Anchored { wall, at } => wall.plus(at.elapsed().into()),
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
