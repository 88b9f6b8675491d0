//! The exposition.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};

use super::app::App;
use super::reply::{Asked, Reply};
use crate::families;

pub(super) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = families::negotiate(accept);
    app.answer(Asked::of(&headers), move |app, _, snapshot, _| {
        let own = app.handle().registry.gather();
        let frames = families::encode(snapshot, &own, format, app.detail()).collect();
        Reply::frames(StatusCode::OK, format.content_type(), frames)
    })
    .await
}
