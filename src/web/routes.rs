//! Every address that is served and what a request there can change. The router is built from this
//! table and `docs/routes.md` is written from it, so that there is no address besides.

use std::fmt::Write;

use axum::Router;
use axum::routing::{MethodRouter, get, post};

use super::app::App;
use super::{api, badge, lifecycle, metrics, pages, probes, runbooks};

/// Stands for the path that the setting `web.telemetry_path` gives.
const TELEMETRY: &str = "/metrics";

pub(super) struct Route {
    /// `{…}` stands for one part of a path.
    pub(super) path: &'static str,
    pub(super) methods: &'static [&'static str],
    serves: &'static str,
    /// What a request there makes the daemon do. Without it: nothing.
    pub(super) does: Option<&'static str>,
    /// Whether it waits for one of the places of `web.max_requests`. Health is asked when everything
    /// else is stuck, so it does not.
    limited: bool,
    handler: fn() -> MethodRouter<App>,
}

const READ: &[&str] = &["GET", "HEAD"];

const fn page(path: &'static str, serves: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    Route { path, methods: READ, serves, does: None, limited: true, handler }
}

const fn health(path: &'static str, serves: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    Route { limited: false, ..page(path, serves, handler) }
}

pub(super) const ROUTES: &[Route] = &[
    page("/", "the board", || get(pages::board)),
    page("/items/{checklist}/{item}", "the page of an item", || get(pages::item)),
    page("/badge/{checklist}", "a badge, with `.svg` at the end: ready and accepted items", || get(badge::checklist)),
    page("/badge/{checklist}/{gate}", "a badge, with `.svg` at the end: the gate is open or closed", || {
        get(badge::gate)
    }),
    page("/runbooks", "the list of runbooks", || get(runbooks::index)),
    page("/runbooks/{name}", "the runbook of an alert", || get(runbooks::one)),
    page(TELEMETRY, "the metrics; its path is the setting `web.telemetry_path`", || get(metrics::metrics)),
    page("/api/v1/items", "all items, or those that a filter leaves", || get(api::items)),
    page("/api/v1/items/{checklist}/{item}", "one item with its evidence and history", || get(api::item)),
    page("/api/v1/checklists", "sums of the checklists and gates", || get(api::checklists)),
    health("/api/v1/status", "the daemon itself", || get(api::status)),
    health("/-/healthy", "whether the process lives", || get(probes::healthy)),
    health("/-/ready", "whether it can be relied upon", || get(probes::ready)),
    Route {
        path: "/api/v1/items/{checklist}/{item}/run",
        methods: &["POST"],
        serves: "when the run has ended",
        does: Some("runs the checks of this item now, within the same limits as on schedule"),
        limited: true,
        handler: || post(lifecycle::run_now),
    },
    Route {
        path: "/-/reload",
        methods: &["POST", "PUT"],
        serves: "what became of the reload",
        does: Some("reads the configuration from its files again; a bad one is rejected and the old one stays"),
        limited: true,
        handler: || post(lifecycle::reload).put(lifecycle::reload),
    },
];

impl Route {
    fn path<'a>(&self, telemetry_path: &'a str) -> &'a str
    where
        'static: 'a,
    {
        if self.path == TELEMETRY { telemetry_path } else { self.path }
    }
}

/// The routes that wait for a place, or those that do not.
pub(super) fn router(telemetry_path: &str, limited: bool) -> Router<App> {
    let routes = ROUTES.iter().filter(|route| route.limited == limited);
    routes.fold(Router::new(), |router, route| router.route(route.path(telemetry_path), (route.handler)()))
}

/// `docs/routes.md`.
pub(crate) fn docs() -> String {
    let mut text = String::from(
        "<!-- Written by `readiness-exporter generate`; do not edit. -->\n\n# Routes\n\n\
         Every address that is served, and what a request there can change. Who reaches the port and has no login can do \
         no more than this; any other address is 404, any other method 405. A request that changes something is refused \
         with 403 unless the daemon runs with `--web.enable-lifecycle`, and then if it comes from a page of another site. \
         No body is read. A state cannot be set by any request: items pass by their checks alone.\n\n\
         | path | methods | answer | changes |\n|---|---|---|---|\n",
    );
    for route in ROUTES {
        let methods = route.methods.join(", ");
        let does = route.does.unwrap_or("nothing");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}` | {methods} | {} | {does} |", route.path, route.serves);
    }
    text
}
