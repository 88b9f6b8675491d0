//! Badges: how ready a checklist is, and whether a gate is open, as a small picture for a README or
//! a wiki. They hold names and counts only.

mod picture;

use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::app::App;
use super::reply::{Asked, Reply};
use super::view;
use crate::core::GateCount;
use crate::model::{self, Checklist, Gate};
use crate::snapshot::Snapshot;
use picture::{Badge, Tone};

pub(super) async fn checklist(State(app): State<App>, Path(file): Path<String>, headers: HeaderMap) -> Response {
    answer(&app, &headers, |snapshot| find(snapshot, named(&file)?).map(|checklist| of_checklist(snapshot, checklist)))
}

pub(super) async fn gate(
    State(app): State<App>,
    Path((checklist, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    answer(&app, &headers, |snapshot| {
        let (checklist, name) = (find(snapshot, &checklist)?, named(&file)?);
        let gate = checklist.gates.iter().find(|gate| *gate.name == *name)?;
        Some(of_gate(snapshot, checklist, gate))
    })
}

/// So little work that it is done at once. A page of another site may show it.
fn answer(app: &App, headers: &HeaderMap, make: impl FnOnce(&Snapshot) -> Option<Badge>) -> Response {
    let mut response = reply(make(&app.handle().current.load())).into_response(&Asked::of(headers));
    let anywhere = HeaderValue::from_static("cross-origin");
    response.headers_mut().insert(HeaderName::from_static("cross-origin-resource-policy"), anywhere);
    response
}

/// What nobody knows is a picture too: where it is shown, a text would be a broken image.
fn reply(badge: Option<Badge>) -> Reply {
    let found = if badge.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let unknown = || Badge { label: "readiness".to_owned(), says: "unknown".to_owned(), tone: Tone::Unknown };
    match picture::draw(badge.unwrap_or_else(unknown)) {
        Ok(svg) => {
            let etag = etag(&svg);
            let reply = Reply::new(found, "image/svg+xml; charset=utf-8", svg);
            if found == StatusCode::OK { reply.with_etag(etag) } else { reply }
        }
        Err(error) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("the badge cannot be drawn: {error}\n")),
    }
}

/// Of the picture, because snapshots change far more often than it does.
fn etag(svg: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, svg.as_bytes());
    let start: Vec<u8> = digest.as_ref().iter().copied().take(12).collect();
    format!("W/\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(start))
}

fn named(file: &str) -> Option<&str> {
    file.strip_suffix(".svg")
}

fn find<'a>(snapshot: &'a Snapshot, id: &str) -> Option<&'a Checklist> {
    snapshot.plan.checklists.iter().find(|checklist| checklist.id.as_str() == id)
}

/// From the counts of its sections, so that a large checklist costs no more than a small one.
fn of_checklist(snapshot: &Snapshot, checklist: &Checklist) -> Badge {
    let id = checklist.id.as_str();
    let (mut ready, mut accepted, mut applicable, mut failing) = (0, 0, 0, 0);
    for section in snapshot.rollups.sections.iter().filter(|section| *section.checklist == *id) {
        for (state, count) in model::State::ALL.into_iter().zip(section.states) {
            ready += if state.is_ready() { count } else { 0 };
            accepted += if state.is_accepted() { count } else { 0 };
            applicable += if state == model::State::NotApplicable { 0 } else { count };
            failing += if state == model::State::Fail { count } else { 0 };
        }
    }
    let also = if accepted > ready { format!(", {accepted} accepted") } else { String::new() };
    let (says, tone) = match applicable {
        0 => ("no items".to_owned(), Tone::Unknown),
        _ => (format!("{ready} of {applicable} ready{also}"), tone(ready, accepted, applicable, failing)),
    };
    Badge { label: id.to_owned(), says, tone }
}

fn tone(ready: u32, accepted: u32, applicable: u32, failing: u32) -> Tone {
    match () {
        () if ready == applicable => Tone::Good,
        () if accepted == applicable => Tone::Accepted,
        () if failing > 0 => Tone::Bad,
        () => Tone::Unknown,
    }
}

fn of_gate(snapshot: &Snapshot, checklist: &Checklist, gate: &Gate) -> Badge {
    let count = view::gate_count(snapshot, checklist, gate);
    let (says, tone) = match count {
        Some(count) if count.is_open() => ("open".to_owned(), Tone::Good),
        Some(GateCount { items: 0, .. }) | None => ("closed, no items".to_owned(), Tone::Bad),
        Some(GateCount { blockers: 1, .. }) => ("closed, 1 blocker".to_owned(), Tone::Bad),
        Some(count) => (format!("closed, {} blockers", count.blockers), Tone::Bad),
    };
    Badge { label: format!("{} {}", checklist.id.as_str(), gate.name), says, tone }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::web::fixture;

    fn badge(checklist: &str) -> Badge {
        let snapshot = fixture::snapshot();
        of_checklist(&snapshot, find(&snapshot, checklist).unwrap())
    }

    #[test]
    fn a_checklist_counts_what_is_ready_and_what_is_accepted() {
        let parallax = badge("parallax");
        assert_eq!((parallax.label.as_str(), parallax.says.as_str()), ("parallax", "14 of 28 ready, 15 accepted"));
        assert_eq!(parallax.tone, Tone::Bad);
        assert_eq!((badge("self").says.as_str(), badge("self").tone), ("9 of 9 ready", Tone::Good));
        assert_eq!((tone(8, 9, 9, 0), tone(8, 8, 9, 0), tone(8, 8, 9, 1)), (Tone::Accepted, Tone::Unknown, Tone::Bad));
    }

    #[test]
    fn a_gate_counts_its_blockers() {
        let mut snapshot = fixture::snapshot();
        let checklist = find(&snapshot, "parallax").unwrap().clone();
        let says = |snapshot: &Snapshot| of_gate(snapshot, &checklist, &checklist.gates[0]).says;
        assert_eq!(says(&snapshot), "closed, 13 blockers");
        snapshot.rollups.gates[0].blockers = 1;
        assert_eq!(says(&snapshot), "closed, 1 blocker");
        snapshot.rollups.gates[0].blockers = 0;
        assert_eq!(says(&snapshot), "open");
        snapshot.rollups.gates[0].items = 0;
        assert_eq!(says(&snapshot), "closed, no items");
    }

    #[test]
    fn the_tag_changes_with_the_picture_and_not_with_the_snapshot() {
        let tag = |snapshot: &Snapshot| {
            let checklist = find(snapshot, "parallax").unwrap();
            reply(Some(of_checklist(snapshot, checklist))).etag.unwrap()
        };
        let mut snapshot = fixture::snapshot();
        let first = tag(&snapshot);
        snapshot.generation += 1;
        assert_eq!(tag(&snapshot), first);
        snapshot.rollups.sections[0].states[0] += 1;
        assert_ne!(tag(&snapshot), first);
    }

    #[test]
    fn hostile_names_stay_text() {
        let mut snapshot = fixture::snapshot();
        let plan = Arc::make_mut(&mut snapshot.plan);
        plan.checklists[0].id = model::ChecklistId::new("<script>&\"");
        let svg = reply(Some(of_checklist(&snapshot, &snapshot.plan.checklists[0]))).body();
        assert!(!svg.contains("<script") && svg.contains("&#60;script"), "{svg}");
    }
}
