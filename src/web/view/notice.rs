//! What is wrong with the daemon itself. Shown above everything, because it decides how far the
//! rest can be believed.

use crate::model::{Span, Timestamp};
use crate::snapshot::Snapshot;

/// A loop that has not turned for this long is stuck.
const HEARTBEAT_LIMIT: Span = Span::from_secs(60);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::web) struct Notice {
    /// Stable, for the API.
    pub(in crate::web) kind: &'static str,
    pub(in crate::web) text: String,
    /// Longer text, shown as it is.
    pub(in crate::web) detail: Option<String>,
}

pub(in crate::web) fn notices(snapshot: &Snapshot, now: Timestamp) -> Vec<Notice> {
    let health = &snapshot.health;
    let mut notices = Vec::new();
    let mut add = |kind, text: String, detail| notices.push(Notice { kind, text, detail });
    if health.draining {
        add("draining", "The daemon is shutting down; nothing is evaluated any more.".to_owned(), None);
    } else if !health.ready {
        add("starting", "The daemon is starting; the states below are not restored yet.".to_owned(), None);
    }
    if let Some(heartbeat) = health.heartbeat
        && now.since(heartbeat) > HEARTBEAT_LIMIT
    {
        let age = super::when::coarse(now.since(heartbeat));
        add("stuck", format!("The scheduler has not turned for {age}; what is shown may be old."), None);
    }
    if !snapshot.load.successful {
        add(
            "load_failed",
            "The last load of the catalogue failed; the one before it is still in force.".to_owned(),
            snapshot.load.errors.as_deref().map(str::to_owned),
        );
    }
    if health.store.degraded {
        add(
            "store_degraded",
            format!("The {} store cannot be written; {} changes wait.", health.store.kind, health.store.waiting),
            health.store.last_error.as_deref().map(str::to_owned),
        );
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fixture;

    #[test]
    fn a_daemon_that_cannot_be_believed_says_so() {
        let mut snapshot = fixture::snapshot();
        assert_eq!(notices(&snapshot, fixture::NOW), []);
        snapshot.load.successful = false;
        snapshot.load.errors = Some("RC0012: no such target".into());
        snapshot.health.store.degraded = true;
        let later = fixture::NOW.plus(Span::from_secs(90));
        let kinds: Vec<_> = notices(&snapshot, later).iter().map(|notice| notice.kind).collect();
        assert_eq!(kinds, ["stuck", "load_failed", "store_degraded"]);
    }
}
