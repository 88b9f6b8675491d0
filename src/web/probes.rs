//! Whether the process lives, and whether it can be relied upon.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::app::App;
use super::reply::{Asked, Reply};
use crate::snapshot::Health;

/// The process answers: that is all it says.
pub(super) async fn healthy() -> Response {
    Reply::text(StatusCode::OK, "healthy\n").into_response(&Asked::default())
}

pub(super) async fn ready(State(app): State<App>) -> Response {
    ready_reply(&app.handle().current.load().health).into_response(&Asked::default())
}

/// A store that cannot be written does not make the daemon unready: it still probes and serves.
fn ready_reply(health: &Health) -> Reply {
    if health.draining {
        return Reply::text(StatusCode::SERVICE_UNAVAILABLE, "not ready: shutting down\n");
    }
    if !health.ready {
        return Reply::text(StatusCode::SERVICE_UNAVAILABLE, "not ready: state is being restored\n").retry_after(1);
    }
    if health.store.degraded {
        let waiting = health.store.waiting;
        return Reply::text(
            StatusCode::OK,
            format!("ready, but the {} store cannot be written: {waiting} changes wait\n", health.store.kind),
        );
    }
    Reply::text(StatusCode::OK, "ready\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::StoreHealth;

    #[test]
    fn ready_says_why_not() {
        let starting = Health::default();
        assert_eq!(ready_reply(&starting).status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(ready_reply(&starting).body().contains("restored"));
        let ready = Health { ready: true, ..starting.clone() };
        assert_eq!(ready_reply(&ready).status, StatusCode::OK);
        let draining = Health { draining: true, ..ready.clone() };
        assert_eq!(ready_reply(&draining).status, StatusCode::SERVICE_UNAVAILABLE);
        let store = StoreHealth { kind: "sqlite", degraded: true, waiting: 7, ..StoreHealth::default() };
        let degraded = Health { store, ..ready };
        assert_eq!(ready_reply(&degraded).status, StatusCode::OK);
        assert!(ready_reply(&degraded).body().contains("7 changes wait"));
    }
}
