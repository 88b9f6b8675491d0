//! The two pages.

use std::time::Duration;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::app::App;
use super::filter::Filter;
use super::page;
use super::reply::{Asked, Reply};
use super::view::{BoardView, HISTORY_LIMIT, ItemDetail, Links, Past};
use crate::model::{ItemId, Timestamp};
use crate::snapshot::Snapshot;
use crate::store::Store;

/// A page waits this long for the store, then says so.
pub(super) const STORE_PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn board(State(app): State<App>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    app.answer(Asked::of(&headers), move |app, asked, snapshot, now| {
        board_reply(snapshot, &query, asked, app.links(), now)
    })
    .await
}

fn board_reply(snapshot: &Snapshot, query: &str, asked: &Asked, links: &Links, now: Timestamp) -> Reply {
    match Filter::parse(query) {
        Err(detail) => {
            let asked = Asked { html: true, ..asked.clone() };
            Reply::problem(StatusCode::BAD_REQUEST, &detail, &asked, links)
        }
        Ok(filter) => {
            let make = || page::board(&BoardView::new(snapshot, &filter, links, now), links);
            Reply::unless_known(page_etag(snapshot, now), asked, make)
        }
    }
}

/// Pages say how long ago things were, so they are new every minute.
fn page_etag(snapshot: &Snapshot, now: Timestamp) -> String {
    format!("{}-{:x}\"", data_etag(snapshot).trim_end_matches('"'), now.0 / 60_000)
}

/// The generation, and the start of the process, because the next process counts anew.
pub(super) fn data_etag(snapshot: &Snapshot) -> String {
    let started = snapshot.health.started_at.unwrap_or_default();
    format!("W/\"{:x}-{:x}\"", started.0, snapshot.generation)
}

pub(super) async fn item(
    State(app): State<App>,
    Path((checklist, item)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let id = ItemId::new(&checklist, &item);
    let past = past(&app, &id).await;
    app.answer(Asked { html: true, ..Asked::of(&headers) }, move |app, asked, snapshot, now| {
        let slot = snapshot.plan.slot(&id);
        match slot.and_then(|slot| ItemDetail::new(snapshot, slot, past, app.links(), now)) {
            Some(detail) => page::item(&detail, app.links(), app.allows_lifecycle()),
            None => Reply::problem(StatusCode::NOT_FOUND, &unknown_item(snapshot, &id), asked, app.links()),
        }
    })
    .await
}

/// Both questions together get one patience, so that a dead store costs a second and no more.
/// An item nobody knows is not worth a question.
pub(super) async fn past(app: &App, id: &ItemId) -> Past {
    if app.handle().current.load().plan.slot(id).is_none() {
        return Past { evidence: Ok(Vec::new()), history: Ok(Vec::new()) };
    }
    let store: &dyn Store = &*app.handle().store;
    let late = || format!("the store did not answer within {} s", STORE_PATIENCE.as_secs());
    let evidence = tokio::time::timeout(STORE_PATIENCE, store.evidence(id));
    let history = tokio::time::timeout(STORE_PATIENCE, store.history(id, HISTORY_LIMIT, None));
    let (evidence, history) = tokio::join!(evidence, history);
    Past {
        evidence: evidence.map_or_else(|_| Err(late()), |answer| answer.map_err(|error| error.to_string())),
        history: history.map_or_else(|_| Err(late()), |answer| answer.map_err(|error| error.to_string())),
    }
}

/// Says what is missing and offers ids that end alike.
pub(super) fn unknown_item(snapshot: &Snapshot, id: &ItemId) -> String {
    let last = id.item().rsplit('.').next().unwrap_or("").to_lowercase();
    let alike: Vec<&str> = snapshot
        .plan
        .items
        .iter()
        .map(|item| item.id.as_str())
        .filter(|known| !last.is_empty() && known.contains(&last))
        .take(3)
        .collect();
    let hint = if alike.is_empty() { String::new() } else { format!(" Is it {}?", alike.join(" or ")) };
    format!("The catalogue has no item {id}.{hint}")
}

#[cfg(test)]
mod tests;
