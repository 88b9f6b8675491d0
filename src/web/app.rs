//! What handlers share, and which address leads to which handler.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;

use super::access::{Admission, Live};
use super::origin::ReachedAs;
use super::reply::{Asked, Reply};
use super::view::Links;
use super::{page, routes};
use crate::engine::Handle;
use crate::families::Detail;
use crate::model::Timestamp;
use crate::settings;
use crate::snapshot::Snapshot;

/// No request needs a body.
const BODY_LIMIT: usize = 16 * 1024;

#[derive(Clone)]
pub(super) struct App(Arc<Shared>);

struct Shared {
    handle: Handle,
    links: Links,
    telemetry_path: String,
    detail: Detail,
    lifecycle: bool,
    reached_as: ReachedAs,
    access: Arc<Live>,
    requests: Arc<Semaphore>,
}

impl App {
    pub(super) fn new(handle: Handle, settings: &settings::Web, access: Arc<Live>) -> Self {
        Self(Arc::new(Shared {
            handle,
            links: Links::new(&settings.external_url, &settings.telemetry_path),
            telemetry_path: settings.telemetry_path.clone(),
            detail: settings.detail.into(),
            lifecycle: settings.enable_lifecycle,
            reached_as: ReachedAs::new(settings),
            access,
            requests: Arc::new(Semaphore::new(settings.max_requests.max(1))),
        }))
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0.handle
    }

    pub(super) fn links(&self) -> &Links {
        &self.0.links
    }

    pub(super) fn allows_lifecycle(&self) -> bool {
        self.0.lifecycle
    }

    pub(super) fn detail(&self) -> Detail {
        self.0.detail
    }

    pub(super) fn reached_as(&self) -> &ReachedAs {
        &self.0.reached_as
    }

    pub(super) fn access(&self) -> Arc<Live> {
        self.0.access.clone()
    }

    pub(super) fn router(&self) -> Router {
        let path = self.0.telemetry_path.as_str();
        let limited = routes::router(path, true)
            .fallback(not_found)
            .method_not_allowed_fallback(wrong_method)
            .layer(from_fn_with_state(self.clone(), limit));
        routes::router(path, false)
            .method_not_allowed_fallback(wrong_method)
            .merge(limited)
            .layer(CatchPanicLayer::custom(panicked))
            .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
            .layer(from_fn_with_state(self.clone(), admit))
            .with_state(self.clone())
    }

    /// Makes and compresses an answer off the async threads, from one snapshot.
    pub(super) async fn answer(
        &self,
        asked: Asked,
        make: impl FnOnce(&App, &Asked, &Snapshot, Timestamp) -> Reply + Send + 'static,
    ) -> Response {
        let app = self.clone();
        let work = tokio::task::spawn_blocking(move || {
            let snapshot = app.handle().current.load();
            let now = app.handle().clock.now();
            make(&app, &asked, &snapshot, now).into_response(&asked)
        });
        work.await.unwrap_or_else(|_| panicked(Box::new(())))
    }
}

/// Users first, then the headers that every answer carries.
async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let rules = app.0.access.current().await;
    let mut response = match rules.admit(request.headers()).await {
        Admission::Granted => next.run(request).await,
        Admission::Denied => {
            let mut response = Reply::text(StatusCode::UNAUTHORIZED, "Unauthorized\n").into_response(&Asked::default());
            let challenge = HeaderValue::from_static("Basic realm=\"readiness\", charset=\"UTF-8\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            response
        }
        Admission::Busy => Reply::text(StatusCode::SERVICE_UNAVAILABLE, "too many logins are being checked\n")
            .retry_after(1)
            .into_response(&Asked::default()),
    };
    harden(response.headers_mut());
    for (name, value) in &rules.headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

/// An answer may say for itself who may show it; all else is the same for all.
fn harden(headers: &mut HeaderMap) {
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(&page::CONTENT_SECURITY_POLICY) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// As many at once as the settings allow; the others are told to come back.
async fn limit(State(app): State<App>, request: Request, next: Next) -> Response {
    let Ok(place) = app.0.requests.clone().try_acquire_owned() else {
        let text = "too many requests at once; the limit is the setting web.max_requests\n";
        return Reply::text(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(5).into_response(&Asked::default());
    };
    // No handler waits longer than this by itself; run-now is the slowest.
    let answer = tokio::time::timeout(Duration::from_secs(150), next.run(request)).await;
    drop(place);
    answer.unwrap_or_else(|_| StatusCode::GATEWAY_TIMEOUT.into_response())
}

async fn not_found(State(app): State<App>, request: Request) -> Response {
    let asked = Asked::of(request.headers());
    let detail = format!(
        "There is nothing at {}. Try /, {}, /badge/CHECKLIST.svg, /runbooks, /api/v1/items, /api/v1/checklists, /api/v1/status, /-/healthy or /-/ready.",
        request.uri().path(),
        app.0.telemetry_path
    );
    Reply::problem(StatusCode::NOT_FOUND, &detail, &asked, app.links()).into_response(&asked)
}

async fn wrong_method(State(app): State<App>, request: Request) -> Response {
    let asked = Asked::of(request.headers());
    let detail = format!("{} is not possible at {}.", request.method(), request.uri().path());
    Reply::problem(StatusCode::METHOD_NOT_ALLOWED, &detail, &asked, app.links()).into_response(&asked)
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a request panicked; this is a bug");
    Reply::text(StatusCode::INTERNAL_SERVER_ERROR, "the exporter failed to answer; this is a bug\n")
        .into_response(&Asked::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Clock;
    use crate::snapshot::Current;
    use crate::web::fixture;

    #[tokio::test]
    async fn a_panic_costs_one_request() {
        let store = Arc::new(fixture::FixtureStore { hangs: false });
        let (handle, _commands) = Handle::detached(
            Current::new(fixture::snapshot()),
            prometheus::Registry::new(),
            store,
            Clock::anchored(fixture::NOW),
        );
        let access = Arc::new(Live::open(None).await.unwrap());
        let app = App::new(handle, &settings::Web::default(), access);
        let failed = app.answer(Asked::default(), |_, _, _, _| panic!("on purpose")).await;
        assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let next = app.answer(Asked::default(), |_, _, _, _| Reply::text(StatusCode::OK, "fine")).await;
        assert_eq!(next.status(), StatusCode::OK);
    }
}
