//! What the daemon says about itself. The checklist `self` asks this.

use serde::Serialize;

use crate::model::Timestamp;
use crate::snapshot::Snapshot;
use crate::web::view::notices;

#[derive(Debug, Serialize)]
pub(super) struct StatusJson {
    ready: bool,
    draining: bool,
    store: StoreJson,
    reload: ReloadJson,
    #[serde(rename = "loop")]
    scheduler: LoopJson,
    uptime_seconds: Option<f64>,
    items: usize,
    snapshot_age_seconds: f64,
    generation: u64,
    version: &'static str,
    notices: Vec<NoticeJson>,
}

#[derive(Debug, Serialize)]
struct StoreJson {
    kind: &'static str,
    healthy: bool,
    /// Null before the first commit.
    last_commit_age_seconds: Option<f64>,
    last_error: Option<String>,
    waiting: u64,
}

#[derive(Debug, Serialize)]
struct ReloadJson {
    successful: bool,
    loaded_age_seconds: Option<f64>,
    errors: Option<String>,
}

#[derive(Debug, Serialize)]
struct LoopJson {
    heartbeat_age_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct NoticeJson {
    kind: &'static str,
    text: String,
}

pub(super) fn of(snapshot: &Snapshot, now: Timestamp) -> StatusJson {
    let health = &snapshot.health;
    let age = |at: Timestamp| now.since(at).as_secs_f64();
    let own = |text: &std::sync::Arc<str>| text.to_string();
    StatusJson {
        ready: health.ready && !health.draining,
        draining: health.draining,
        store: StoreJson {
            kind: health.store.kind,
            healthy: !health.store.degraded,
            last_commit_age_seconds: health.store.last_commit.map(age),
            last_error: health.store.last_error.as_ref().map(own),
            waiting: health.store.waiting,
        },
        reload: ReloadJson {
            successful: snapshot.load.successful,
            loaded_age_seconds: snapshot.load.loaded_at.map(age),
            errors: snapshot.load.errors.as_ref().map(own),
        },
        scheduler: LoopJson { heartbeat_age_seconds: health.heartbeat.map(age) },
        uptime_seconds: health.started_at.map(age),
        items: snapshot.items.len(),
        snapshot_age_seconds: age(snapshot.taken_at),
        generation: snapshot.generation,
        version: env!("CARGO_PKG_VERSION"),
        notices: notices(snapshot, now).into_iter().map(|n| NoticeJson { kind: n.kind, text: n.text }).collect(),
    }
}
