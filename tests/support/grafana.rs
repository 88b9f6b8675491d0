//! A recording of Grafana 7.5.5: what a real server answered, from `tests/recordings/grafana`. It is
//! not Grafana: it answers only what was asked while it was recorded. Two things are its own. The
//! times of values are moved, so that what was new then is new now. And a query of a panel that was
//! not recorded by itself gets the recorded answer to another one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use serde_json::{Value, json};

use super::http_server::{Answer, Asked, HttpServer};

/// Tokens that it takes for those of a viewer and of an administrator.
pub(crate) const VIEWER: &str = "glsa_viewer_0123456789abcdef";
pub(crate) const ADMINISTRATOR: &str = "glsa_administrator_0123456789";

pub(crate) struct Recording {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Clone)]
struct State {
    /// `ready`, `not-ready` or `db-down`.
    world: String,
    /// Records of `POST /api/ds/query` by a part of the expression; data for any other.
    queries: BTreeMap<String, String>,
    /// How old values are beyond what they were.
    age_s: i64,
    /// Answers written by hand, by `METHOD /path`.
    written: BTreeMap<String, Answer>,
}

impl Default for State {
    fn default() -> Self {
        Self { world: "ready".to_owned(), queries: BTreeMap::new(), age_s: 0, written: BTreeMap::new() }
    }
}

impl Recording {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = HttpServer::start(move |asked| {
            let state = shared.lock().expect("no panic").clone();
            state.answer(asked)
        });
        Self { port: server.port, state }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn world(&self, name: &str) {
        self.change(|state| state.world = name.to_owned());
    }

    /// Queries with this part in their expression get this record.
    pub(crate) fn query(&self, part: &str, record: &str) {
        self.change(|state| drop(state.queries.insert(part.to_owned(), record.to_owned())));
    }

    pub(crate) fn age(&self, seconds: i64) {
        self.change(|state| state.age_s = seconds);
    }

    /// An answer that was never recorded.
    pub(crate) fn write(&self, route: &str, answer: Answer) {
        self.change(|state| drop(state.written.insert(route.to_owned(), answer)));
    }

    pub(crate) fn restore(&self) {
        self.change(|state| *state = State::default());
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("no panic"));
    }
}

impl State {
    fn answer(&self, asked: &Asked) -> Answer {
        let route = format!("{} {}", asked.method, asked.path());
        if let Some(answer) = self.written.get(&route) {
            return answer.clone();
        }
        if route == "POST /api/ds/query" && self.world != "db-down" {
            return self.queried(asked);
        }
        let slug = self.slug(asked);
        // Where this world was not asked, the other one was.
        let record = [self.world.as_str(), "ready"].iter().find_map(|world| record(world, &slug));
        record.map_or_else(
            || Answer::json(404, json!({ "message": "Not found" })),
            |record| replayed(&record["response"], record["response"]["body"].clone()),
        )
    }

    /// The record of a question, which depends on who asks.
    fn slug(&self, asked: &Asked) -> String {
        let who = asked.header("authorization");
        let login = who.strip_prefix("Basic ").map(|encoded| {
            let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).unwrap_or_default();
            String::from_utf8_lossy(&decoded).into_owned()
        });
        let down = self.world == "db-down";
        match asked.path().trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice() {
            ["api", "org"] if down => "org".to_owned(),
            ["api", "org"] => match login.as_deref() {
                Some("admin:admin") => "org-default-password",
                Some("admin:parallax123") => "org-parallax123",
                _ if who == format!("Bearer {VIEWER}") || who == format!("Bearer {ADMINISTRATOR}") => "org-viewer",
                _ => "org-anonymous",
            }
            .to_owned(),
            ["api", "health"] => "health".to_owned(),
            ["login"] => "login-page".to_owned(),
            ["api", "frontend", "settings"] => "frontend-settings".to_owned(),
            ["api", "dashboards", "uid", uid] => format!("dashboard-{uid}"),
            ["api", "folders", "phoenix", "permissions"] if who.ends_with(ADMINISTRATOR) => "folder-permissions".into(),
            ["api", "folders", "phoenix", "permissions"] => "folder-permissions-viewer".to_owned(),
            ["api", "datasources", "uid", _, "health"] => "datasource-uid-health".to_owned(),
            ["api", "datasources", _, "health"] => "datasource-id-health".to_owned(),
            ["api", "datasources", "proxy", "1", ..] => "proxy-query-up".to_owned(),
            ["api", "datasources", "proxy", _, ..] => "proxy-dead-datasource".to_owned(),
            _ => "none".to_owned(),
        }
    }

    /// One answer of the recorded ones for each query. One that failed was the answer to all.
    fn queried(&self, asked: &Asked) -> Answer {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let mut results = json!({});
        let mut response = Value::Null;
        for query in body["queries"].as_array().into_iter().flatten() {
            let expression = query["expr"].as_str().unwrap_or_default();
            let own = self.queries.iter().find(|(part, _)| expression.contains(part.as_str()));
            let slug = match own {
                Some((_, slug)) => slug.as_str(),
                // Of the world `not-ready`: an expression without an end, and one without series.
                None if expression.matches('(').count() != expression.matches(')').count() => "ds-query-error",
                None if expression == "parallax_confidence_scores" => "ds-query-empty",
                None => "ds-query-data",
            };
            let record = record("ready", slug).or_else(|| record("not-ready", slug)).expect("a record");
            response = record["response"].clone();
            if response["status"] != 200 {
                return replayed(&response, response["body"].clone());
            }
            let recorded = record["recorded_on"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            let recorded = recorded.expect("a time").as_millisecond();
            let moved = jiff::Timestamp::now().as_millisecond() - recorded - self.age_s * 1000;
            let mut result = response["body"]["results"]["A"].clone();
            for series in result["series"].as_array_mut().into_iter().flatten() {
                for point in series["points"].as_array_mut().into_iter().flatten() {
                    point[1] = json!(point[1].as_i64().unwrap_or_default() + moved);
                }
            }
            results[query["refId"].as_str().unwrap_or_default()] = result;
        }
        replayed(&response, json!({ "results": results }))
    }
}

fn record(world: &str, slug: &str) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/grafana");
    let text = std::fs::read_to_string(folder.join(world).join(format!("{slug}.json"))).ok()?;
    Some(serde_json::from_str(&text).expect("a record"))
}

fn replayed(response: &Value, body: Value) -> Answer {
    let header = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap_or_default().to_owned());
    let status = response["status"].as_u64().and_then(|status| u16::try_from(status).ok()).expect("a status");
    let headers = response["headers"].as_object().into_iter().flatten().map(header).collect();
    Answer { headers, ..Answer::json(status, body) }
}
