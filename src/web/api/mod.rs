//! The same as the pages, for programs. Field names are stable; times are RFC 3339 in UTC.

mod checklists;
mod item;
mod status;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::app::App;
use super::filter::Filter;
use super::pages;
use super::reply::{Asked, Reply};
use super::view::{self, Blocking, Links};
use crate::model::{ItemId, Timestamp};
use crate::snapshot::Snapshot;

/// Programs get JSON even if they say that they like HTML.
fn asked(headers: &HeaderMap) -> Asked {
    Asked { html: false, ..Asked::of(headers) }
}

pub(super) async fn items(State(app): State<App>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let query = query.unwrap_or_default();
    app.answer(asked(&headers), move |app, asked, snapshot, _| items_reply(snapshot, &query, asked, app.links())).await
}

fn items_reply(snapshot: &Snapshot, query: &str, asked: &Asked, links: &Links) -> Reply {
    let filter = match Filter::parse(query) {
        Ok(filter) => filter,
        Err(detail) => return Reply::problem(StatusCode::BAD_REQUEST, &detail, asked, links),
    };
    let blocking = Blocking::count(snapshot);
    let slots = view::admitted(snapshot, &filter);
    let items: Vec<_> =
        slots.into_iter().filter_map(|slot| item::ItemJson::new(snapshot, slot, &blocking, links)).collect();
    Reply::json(StatusCode::OK, &items).with_etag(pages::data_etag(snapshot))
}

pub(super) async fn item(
    State(app): State<App>,
    Path((checklist, item)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let id = ItemId::new(&checklist, &item);
    let past = pages::past(&app, &id).await;
    app.answer(asked(&headers), move |app, asked, snapshot, _| {
        let slot = snapshot.plan.slot(&id);
        match slot.and_then(|slot| item::DetailJson::new(snapshot, slot, &past, app.links())) {
            Some(detail) => Reply::json(StatusCode::OK, &detail),
            None => Reply::problem(StatusCode::NOT_FOUND, &pages::unknown_item(snapshot, &id), asked, app.links()),
        }
    })
    .await
}

pub(super) async fn checklists(State(app): State<App>, headers: HeaderMap) -> Response {
    app.answer(asked(&headers), |_, _, snapshot, _| {
        Reply::json(StatusCode::OK, &checklists::all(snapshot)).with_etag(pages::data_etag(snapshot))
    })
    .await
}

pub(super) async fn status(State(app): State<App>, headers: HeaderMap) -> Response {
    app.answer(asked(&headers), |_, _, snapshot, now| Reply::json(StatusCode::OK, &status::of(snapshot, now))).await
}

fn text(at: Timestamp) -> String {
    at.to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::web::fixture;

    #[test]
    fn items_are_filtered_and_complete() {
        let snapshot = fixture::snapshot();
        let (asked, links) = (Asked::default(), Links::default());
        let all: serde_json::Value = serde_json::from_str(&items_reply(&snapshot, "", &asked, &links).body()).unwrap();
        assert_eq!(all.as_array().unwrap().len(), snapshot.items.len());
        let waived: serde_json::Value =
            serde_json::from_str(&items_reply(&snapshot, "state=waived", &asked, &links).body()).unwrap();
        let one = &waived[0];
        assert_eq!(one["state"], "waived");
        assert_eq!(one["ready"], false);
        assert_eq!(one["accepted"], true);
        assert_eq!(one["underlying_state"], "fail");
        assert!(one["since"].as_str().unwrap().ends_with('Z'));
        assert_eq!(items_reply(&snapshot, "stat=x", &asked, &links).status, StatusCode::BAD_REQUEST);
    }

    #[test]
    fn status_has_the_fields_that_the_own_checklist_asks_for() {
        let snapshot = fixture::snapshot();
        let value = serde_json::to_value(status::of(&snapshot, fixture::NOW)).unwrap();
        let text = include_str!("../../../config/checklists/self.yaml");
        let asked = text.split("path: /api/v1/status,").skip(1).map(|rest| rest.split("\n\n").next().unwrap());
        let path = |c: char| c == '.' || c == '_' || c.is_ascii_alphanumeric();
        let fields: BTreeSet<&str> = asked
            .flat_map(|item| item.split("json.").skip(1))
            .map(|rest| rest.split(|c: char| !path(c)).next().unwrap())
            .collect();
        assert!(fields.len() >= 7, "{fields:?}");
        for field in fields {
            let pointer = format!("/{}", field.replace('.', "/"));
            assert!(value.pointer(&pointer).is_some_and(|v| !v.is_null()), "{pointer}");
        }
        for pointer in ["/ready", "/uptime_seconds", "/items", "/store/kind"] {
            assert!(value.pointer(pointer).is_some_and(|v| !v.is_null()), "{pointer}");
        }
    }

    #[test]
    fn a_closed_gate_names_all_its_blockers() {
        let snapshot = fixture::snapshot();
        let value = serde_json::to_value(checklists::all(&snapshot)).unwrap();
        let gate = &value[0]["gates"][0];
        assert_eq!(gate["open"], false);
        assert_eq!(gate["blocker_items"].as_array().unwrap().len() as u64, gate["blockers"].as_u64().unwrap());
    }
}
