//! The only requests that make the daemon do something. Off unless the settings allow them.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::json;

use super::app::App;
use super::origin::Foreign;
use super::reply::{Asked, Reply};
use crate::engine::{Busy, ReloadOutcome};
use crate::model::{ItemId, Timestamp};

/// A run has its own deadline; this only ends waiting for it.
const RUN_PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn reload(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Response {
    let asked = Asked::of(&headers);
    let reply = match permit(&app, &uri, &headers) {
        Err(refusal) => refusal.reply(&asked, &app),
        Ok(()) => match tokio::time::timeout(RUN_PATIENCE, app.handle().reload()).await {
            Err(_) => Reply::text(StatusCode::ACCEPTED, "the reload is still running\n"),
            Ok(outcome) => reload_reply(outcome),
        },
    };
    reply.into_response(&asked)
}

fn reload_reply(outcome: Result<ReloadOutcome, Busy>) -> Reply {
    match outcome {
        Ok(ReloadOutcome::Unchanged) => Reply::text(StatusCode::OK, "unchanged\n"),
        Ok(ReloadOutcome::Replaced { items }) => Reply::text(StatusCode::OK, format!("reloaded: {items} items\n")),
        Ok(ReloadOutcome::Rejected(errors)) => Reply::text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("rejected, the old catalogue stays in force:\n{errors}\n"),
        ),
        Err(Busy) => busy(),
    }
}

pub(super) async fn run_now(
    State(app): State<App>,
    Path((checklist, item)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let asked = Asked::of(&headers);
    let id = ItemId::new(&checklist, &item);
    let reply = match permit(&app, &uri, &headers) {
        Err(refusal) => refusal.reply(&asked, &app),
        Ok(()) => {
            let answer = tokio::time::timeout(RUN_PATIENCE, app.handle().run_now(id.clone())).await;
            run_reply(answer.ok(), &id, &asked, &app)
        }
    };
    reply.into_response(&asked)
}

/// `None`: it takes longer than anybody should wait.
fn run_reply(answer: Option<Result<Option<Timestamp>, Busy>>, id: &ItemId, asked: &Asked, app: &App) -> Reply {
    match answer {
        Some(Err(Busy)) => busy(),
        Some(Ok(None)) => {
            let detail = format!("There is no item {id}, or nothing can be run for it.");
            Reply::problem(StatusCode::NOT_FOUND, &detail, asked, app.links())
        }
        Some(Ok(Some(_))) | None if asked.html => Reply::see_other(app.links().item(id)),
        Some(Ok(Some(finished))) => {
            Reply::json(StatusCode::OK, &json!({ "id": id.as_str(), "finished": finished.to_string() }))
        }
        None => Reply::json(StatusCode::ACCEPTED, &json!({ "id": id.as_str(), "finished": null })),
    }
}

fn busy() -> Reply {
    Reply::text(StatusCode::SERVICE_UNAVAILABLE, "the daemon is busy or shutting down\n").retry_after(5)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Disabled,
    CrossSite,
    UnknownHost,
}

impl Refusal {
    fn reply(self, asked: &Asked, app: &App) -> Reply {
        let detail = match self {
            Refusal::Disabled => "This is switched off; start the daemon with --web.enable-lifecycle to allow it.",
            Refusal::CrossSite => "The request comes from another site.",
            Refusal::UnknownHost => {
                "The daemon does not know itself by this host name; give it with --web.external-url, or use its address."
            }
        };
        Reply::problem(StatusCode::FORBIDDEN, detail, asked, app.links())
    }
}

fn permit(app: &App, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    if !app.allows_lifecycle() {
        return Err(Refusal::Disabled);
    }
    app.reached_as().judge(uri, headers).map_err(|foreign| match foreign {
        Foreign::Site => Refusal::CrossSite,
        Foreign::Host => Refusal::UnknownHost,
    })
}
