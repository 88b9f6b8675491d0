//! The exposition.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, header};

use super::app::App;
use super::reply::{self, Asked};
use crate::families;

pub(super) async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let format = families::negotiate(accept);
    let (snapshot, own) = (app.handle().current.load(), app.handle().registry.gather());
    let frames = families::encode(snapshot, own, format, app.detail());
    reply::streamed(format.content_type(), frames, &Asked::of(&headers))
}
