//! What systemd is told of a service of type `notify`. Started in another way, all of it does nothing.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use crate::engine::Handle;
use crate::model::Span;

/// The start is complete.
pub(super) fn ready() {
    tell(NotifyState::Ready);
}

/// The process is on its way out.
pub(super) fn stopping() {
    tell(NotifyState::Stopping);
}

/// Feeds the watchdog, twice in the time that it allows, while the event loop turns: that this task
/// runs says nothing of the loop. Systemd then starts the service anew.
pub(super) async fn watchdog(handle: Handle, stop: CancellationToken) {
    let Some(allowed) = sd_notify::watchdog_enabled() else { return stop.cancelled().await };
    loop {
        let beat = handle.current.load().health.heartbeat;
        let turns = beat.is_some_and(|beat| handle.clock.now().since(beat) < Span::from(allowed));
        if turns {
            tell(NotifyState::Watchdog);
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep((allowed / 2).max(Duration::from_millis(1))) => {}
        }
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
