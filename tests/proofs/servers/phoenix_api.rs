//! The double of the HTTP API of the Phoenix Platform, as its checklist wants it: keys of service accounts in
//! the header `X-API-Key`, and tokens of people who log in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Server, act_on_link, answer};
use crate::support::http_server::{Answer, Asked, HttpServer};
use crate::support::link::Link;
use crate::support::tokens::{self, Tokens};

const PROBE: &str = "phx_probe_0123456789abcdef0123456789abcdef";
const REVOKED: &str = "phx_revoked_0123456789abcdef0123456789abcd";
/// Viewers of the two tenants, each with the experiment of its tenant.
const TENANTS: [(&str, &str); 2] =
    [("phx_first_0123456789abcdef0123456789abcdef", "e1"), ("phx_second_0123456789abcdef0123456789abcde", "e2")];

/// Accounts of the probe, one of each role.
const ROLES: [(&str, &str, &str); 3] = [
    ("api-viewer-token", "viewer", "phx_viewer_0123456789abcdef0123456789abcdef"),
    ("api-user-token", "user", "phx_user_0123456789abcdef0123456789abcdef01"),
    ("api-admin-token", "admin", "phx_admin_0123456789abcdef0123456789abcdef0"),
];
/// Answers in turn, as behind a balancer.
const BACKENDS: [&str; 2] = ["api-gateway-1", "api-gateway-2"];

#[derive(Default)]
struct Behaviour {
    answers: BTreeMap<String, Answer>,
    accepts_revoked: bool,
    /// Tenants see each other.
    leaks: bool,
    /// Whatever is to be validated is valid.
    lenient: bool,
    /// Roles are looked at on paths without an id only.
    exact_paths: bool,
    /// One backend answers everything.
    sticks: bool,
    /// A route that makes something of whatever JSON it gets.
    generates: bool,
    asked: usize,
    tokens: tokens::World,
}

pub(crate) struct Double {
    behaviour: Arc<Mutex<Behaviour>>,
    link: Link,
}

impl Double {
    pub(crate) fn start() -> Self {
        let behaviour: Arc<Mutex<Behaviour>> = Arc::default();
        let shared = Arc::clone(&behaviour);
        let tokens = Tokens::new();
        let server = HttpServer::start(move |asked| said(&mut shared.lock().expect("no panic"), &tokens, asked));
        Self { behaviour, link: Link::to(server.port) }
    }
}

fn said(behaviour: &mut Behaviour, tokens: &Tokens, asked: &Asked) -> Answer {
    behaviour.asked += 1;
    let backend = if behaviour.sticks { 0 } else { behaviour.asked % BACKENDS.len() };
    answered(behaviour, tokens, asked).with("x-served-by", BACKENDS[backend])
}

fn answered(behaviour: &Behaviour, tokens: &Tokens, asked: &Asked) -> Answer {
    if let Some(answer) = behaviour.answers.get(&asked.route()) {
        return answer.clone();
    }
    if behaviour.generates && asked.route() == "POST /api/v1/generate" {
        return match serde_json::from_slice::<Value>(&asked.body) {
            Ok(_) => Answer::json(201, json!({ "id": "made" })),
            Err(_) => Answer::json(400, json!({ "error": "no JSON" })),
        };
    }
    match asked.path() {
        "/health" => return Answer::json(200, json!({ "status": "ok" })),
        "/ready" => {
            return Answer::json(200, json!({ "ready": true, "dependencies": { "postgres": true, "redis": true } }));
        }
        _ => {}
    }
    let bearer = asked.header("authorization").trim_start_matches("Bearer ");
    if let Some((_, role, _)) = ROLES.iter().find(|(_, _, token)| *token == bearer) {
        return for_role(role, behaviour.exact_paths, asked);
    }
    if let Some(answer) = tokens.answer(&behaviour.tokens, asked) {
        return answer;
    }
    let key = asked.header("x-api-key");
    if let Some((_, own)) = TENANTS.iter().find(|(known, _)| *known == key) {
        return for_tenant(own, behaviour.leaks, &asked.route());
    }
    if key != PROBE && !(behaviour.accepts_revoked && key == REVOKED) {
        return Answer::json(401, json!({ "error": "unauthorized" }));
    }
    let recommended = |pipeline: &str| {
        let list = json!([{ "pipeline": pipeline, "score": 0.82, "rationale": "few processes cause most series" }]);
        Answer::json(200, json!({ "recommendations": list }))
    };
    match asked.route().as_str() {
        "GET /api/v1/experiments" | "GET /api/v1/experiments?limit=50" => {
            Answer::json(200, json!({ "experiments": [experiment("e1")] }))
        }
        "POST /api/v1/pipelines/validate" => {
            let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
            let config = body["config"].as_str().unwrap_or_default();
            match behaviour.lenient || config.contains("service:") {
                true => Answer::json(200, json!({ "valid": true })),
                false => Answer::json(400, json!({ "valid": false, "errors": ["there is no service"] })),
            }
        }
        "GET /api/v1/pipelines" => {
            let names = ["process-baseline-v1", "process-topk-v1", "process-aggregated-v1"];
            Answer::json(200, json!({ "pipelines": names.map(|name| json!({ "name": name })) }))
        }
        "GET /api/v1/pipelines/recommendations?workload=web" => recommended("process-topk-v1"),
        "GET /api/v1/pipelines/recommendations?workload=batch" => recommended("process-aggregated-v1"),
        _ => Answer::json(404, json!({ "error": "not found" })),
    }
}

/// Who may do what; only then what is sent is looked at.
fn for_role(role: &str, exact_paths: bool, asked: &Asked) -> Answer {
    let refused = Answer::json(403, json!({ "error": "forbidden" }));
    let path = asked.path().trim_start_matches("/api/v1");
    let (reads, templates) = (asked.method == "GET", path.starts_with("/templates"));
    let known = path.matches('/').count() < 2 || !exact_paths;
    match role {
        "admin" if reads => Answer::json(200, json!({ "items": [] })),
        "viewer" | "user" if reads && !templates => Answer::json(200, json!({ "experiments": [experiment("e1")] })),
        _ if known => refused,
        _ => Answer::json(404, json!({ "error": "no such experiment" })),
    }
}

fn experiment(id: &str) -> Value {
    json!({ "id": id, "state": "running" })
}

/// What the viewer of a tenant gets, whose experiment is `own`.
fn for_tenant(own: &str, leaks: bool, route: &str) -> Answer {
    let seen: Vec<&str> = TENANTS.iter().map(|(_, id)| *id).filter(|id| leaks || *id == own).collect();
    match route.strip_prefix("GET /api/v1/experiments") {
        Some("") => {
            let list: Vec<Value> = seen.iter().map(|id| experiment(id)).collect();
            Answer::json(200, json!({ "experiments": list }))
        }
        Some(path) if seen.contains(&path.trim_start_matches('/')) => {
            Answer::json(200, experiment(path.trim_start_matches('/')))
        }
        _ => Answer::json(404, json!({ "error": "not found" })),
    }
}

impl Server for Double {
    fn targets(&self) -> Vec<(String, Value)> {
        vec![("phoenix.api".to_owned(), json!({ "address": format!("http://127.0.0.1:{}", self.link.port) }))]
    }

    fn credentials(&self) -> Vec<(String, String)> {
        let [(first, _), (second, _)] = TENANTS;
        let known = [
            ("api-probe-key", PROBE),
            ("api-revoked-key", REVOKED),
            ("api-tenant-a-key", first),
            ("api-tenant-b-key", second),
            ("api-probe-password", tokens::PASSWORD),
            ("api-mfa-password", tokens::PASSWORD),
            ("api-mfa-seed", tokens::SEED),
        ];
        let roles = ROLES.iter().map(|(name, _, token)| (*name, *token));
        known.into_iter().chain(roles).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![
            ("address".to_owned(), format!("http://127.0.0.1:{}", self.link.port)),
            ("port".to_owned(), self.link.port.to_string()),
        ]
    }

    /// `answer: { route: GET /x, status: 200, headers: {…}, body: {…} }`, `accept_revoked`, `leak`, `lenient`, `exact_paths`, `stick`,
    /// `generate`, `tokens: {…}` (see there), and the network's verbs.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let mut behaviour = self.behaviour.lock().map_err(|error| error.to_string())?;
        match verb {
            "answer" => {
                let (route, answer) = answer(argument)?;
                behaviour.answers.insert(route, answer);
            }
            "tokens" => {
                behaviour.tokens = serde_json::from_value(argument.clone()).map_err(|error| error.to_string())?;
            }
            "accept_revoked" => behaviour.accepts_revoked = true,
            "leak" => behaviour.leaks = true,
            "lenient" => behaviour.lenient = true,
            "exact_paths" => behaviour.exact_paths = true,
            "stick" => behaviour.sticks = true,
            "generate" => behaviour.generates = true,
            _ => return Err(format!("the API's double does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.link.mend();
        *self.behaviour.lock().map_err(|error| error.to_string())? = Behaviour::default();
        Ok(())
    }
}
