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

#[derive(Default)]
struct Behaviour {
    answers: BTreeMap<String, Answer>,
    accepts_revoked: bool,
    /// Tenants see each other.
    leaks: bool,
    /// Whatever is to be validated is valid.
    lenient: bool,
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
        let server = HttpServer::start(move |asked| said(&shared.lock().expect("no panic"), &tokens, asked));
        Self { behaviour, link: Link::to(server.port) }
    }
}

fn said(behaviour: &Behaviour, tokens: &Tokens, asked: &Asked) -> Answer {
    if let Some(answer) = behaviour.answers.get(&asked.route()) {
        return answer.clone();
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
        "GET /api/v1/experiments" => Answer::json(200, json!({ "experiments": [experiment("e1")] })),
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
        known.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    /// `answer: { route: GET /x, status: 200, headers: {…}, body: {…} }`, `accept_revoked`, `leak`, `lenient`,
    /// `tokens: {…}` (see there), and the network's verbs.
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
