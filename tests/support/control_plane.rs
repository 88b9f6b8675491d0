//! A double of Parallax's control plane: the routes its source has, answered as a control plane
//! that is in order would. Any answer can be replaced, and it can be made wrong in the ways that
//! checks look for.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::http_server::{Answer, Asked, HttpServer};

/// What it signs tokens with, unless it uses a default.
const JWT_SECRET: &str = "8f3c1f6a0b5d4e7795c2d18e6a40b7f3";
pub(crate) const WEBHOOK_SECRET: &str = "5b1e6cf09d2a47c38e71f4a0c96d3b28";
pub(crate) const ALLOWED_ORIGIN: &str = "https://app.example.org";

struct Behaviour {
    /// By `METHOD /path`, the query included.
    answers: BTreeMap<String, Answer>,
    /// Asked for below `/api/`, or a token signed with the secret.
    key: Option<String>,
    jwt_secret: String,
    /// Ways to be wrong: see `product`.
    faults: BTreeSet<String>,
    /// Names of patterns that were uploaded.
    uploaded: RefCell<BTreeSet<String>>,
    /// Whether there is a workspace.
    workspace: Cell<bool>,
    /// How the execution of the canary stands.
    canary: String,
}

pub(crate) struct ControlPlane {
    pub(crate) address: String,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            answers: BTreeMap::new(),
            key: None,
            jwt_secret: JWT_SECRET.to_owned(),
            faults: BTreeSet::new(),
            uploaded: RefCell::default(),
            workspace: Cell::new(false),
            canary: "completed".to_owned(),
        }
    }
}

impl ControlPlane {
    /// Healthy, without authentication.
    pub(crate) fn start() -> Self {
        let behaviour: Arc<Mutex<Behaviour>> = Arc::default();
        let shared = Arc::clone(&behaviour);
        let server = HttpServer::start(move |asked| shared.lock().expect("no panic").answer(asked));
        Self { address: server.address(), behaviour }
    }

    pub(crate) fn heal(&self) {
        *self.behaviour.lock().expect("no panic") = Behaviour::default();
    }

    pub(crate) fn answer(&self, route: &str, status: u16, body: Value) {
        self.answer_with(route, Answer::json(status, body));
    }

    pub(crate) fn answer_with(&self, route: &str, answer: Answer) {
        self.behaviour.lock().expect("no panic").answers.insert(route.to_owned(), answer);
    }

    /// An answer whose `timestamp` is so many seconds old.
    pub(crate) fn aged(&self, route: &str, status: u16, body: Value, age_s: i64) {
        self.answer_with(route, Answer { age_s, ..Answer::json(status, body) });
    }

    pub(crate) fn ask_for_key(&self, key: &str) {
        self.behaviour.lock().expect("no panic").key = Some(key.to_owned());
    }

    /// Tokens are signed with, and checked against, this secret.
    pub(crate) fn sign_with(&self, secret: &str) {
        self.behaviour.lock().expect("no panic").jwt_secret = secret.to_owned();
    }

    /// The execution of the canary stays in this state.
    pub(crate) fn canary_is(&self, status: &str) {
        status.clone_into(&mut self.behaviour.lock().expect("no panic").canary);
    }

    /// One of: sql-error, sql-tautology, sql-sleep, echoes-markup, no-nosniff, cors-star, cors-echo,
    /// stack-trace, any-size, no-limit, any-input, hook-unchecked, no-licence, loses-uploads.
    pub(crate) fn break_it(&self, fault: &str) {
        self.behaviour.lock().expect("no panic").faults.insert(fault.to_owned());
    }
}

/// The body of `/health` while all is well; the time is put in when it is sent.
pub(crate) fn healthy() -> Value {
    json!({
        "status": "healthy", "timestamp": "", "uptime": 12.5,
        "services": {"patterns": {"status": "up", "count": 22}, "registry": {"status": "up"}},
    })
}

impl Behaviour {
    fn has(&self, fault: &str) -> bool {
        self.faults.contains(fault)
    }

    fn answer(&self, asked: &Asked) -> Answer {
        if asked.method == "OPTIONS" {
            return self.answers.get(&asked.route()).cloned().unwrap_or_else(|| self.preflight(asked));
        }
        let public = ["/api/license", "/api/webhooks/github"].iter().any(|path| asked.path().starts_with(path));
        let mut answer = if asked.path().starts_with("/api/") && !public && !self.lets_in(asked) {
            failed(401, "Unauthorized")
        } else if let Some(answer) = self.answers.get(&asked.route()) {
            answer.clone()
        } else {
            self.product(asked)
        };
        if !self.has("no-nosniff") {
            answer = answer.with("x-content-type-options", "nosniff");
        }
        answer
    }

    fn lets_in(&self, asked: &Asked) -> bool {
        let Some(key) = &self.key else { return true };
        match asked.header("authorization").split_once(' ') {
            Some(("ApiKey", given)) => given == key,
            Some(("Bearer", token)) => {
                let Some((signed, tag)) = token.rsplit_once('.') else { return false };
                let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else { return false };
                verifies(&self.jwt_secret, signed.as_bytes(), &tag)
            }
            _ => false,
        }
    }

    fn preflight(&self, asked: &Asked) -> Answer {
        let origin = asked.header("origin").to_owned();
        let answer = Answer { status: 204, ..Answer::default() };
        if self.has("cors-star") {
            answer.with("access-control-allow-origin", "*")
        } else if self.has("cors-echo") {
            answer.with("access-control-allow-origin", &origin).with("access-control-allow-credentials", "true")
        } else if origin == ALLOWED_ORIGIN {
            answer.with("access-control-allow-origin", &origin).with("vary", "Origin")
        } else {
            answer.with("vary", "Origin")
        }
    }

    /// What the product answers.
    fn product(&self, asked: &Asked) -> Answer {
        let decoded = asked.decoded();
        if self.has("echoes-markup") && decoded.contains("<script>") {
            let page = format!("<html>Cannot {} {decoded}</html>", asked.method);
            return Answer::json(404, json!(page)).with("content-type", "text/html; charset=utf-8");
        }
        if let Some(answer) = self.injected(&decoded) {
            return answer;
        }
        let parts: Vec<&str> = asked.path().split('/').skip(1).collect();
        match (asked.method.as_str(), parts.as_slice()) {
            ("POST", ["api", "webhooks", "github"]) => self.webhook(asked),
            ("POST", rest) => self.posted(asked, rest),
            ("DELETE", ["api", "patterns", name]) => {
                let there = self.uploaded.borrow_mut().remove(*name);
                if there { Answer::json(204, Value::Null) } else { failed(404, "Pattern not found") }
            }
            ("GET", ["api", "patterns", name]) if self.uploaded.borrow().contains(*name) => ok(json!({ "name": name })),
            (_, ["api", "workspaces", "w1"]) if !self.workspace.get() => failed(404, "Workspace not found"),
            ("GET", ["api", "workspaces", "w1"]) => ok(json!({"id": "w1", "status": "ready"})),
            ("DELETE", ["api", "workspaces", "w1"]) => {
                self.workspace.set(false);
                Answer::json(204, Value::Null)
            }
            ("GET", ["api", "executions", "canary"]) => ok(json!({"id": "canary", "status": self.canary})),
            ("GET", [""]) => {
                let endpoints =
                    json!({"patterns": "/api/patterns", "agents": "/api/agents", "executions": "/api/executions"});
                ok(
                    json!({"name": "Parallax Control Plane", "version": "0.4.0", "endpoints": endpoints, "ha": "enabled"}),
                )
            }
            ("GET", ["health"]) => ok(healthy()),
            ("GET", ["health", "ready"]) => ok(json!({"ready": true, "status": "healthy"})),
            ("GET", ["health", "live"]) => ok(json!({"status": "ok"})),
            ("GET", ["health", "cluster"]) => ok(json!({"healthyNodeCount": 2, "leaderId": "cp-1"})),
            ("GET", ["metrics"]) => {
                Answer::json(200, json!(metrics())).with("content-type", "text/plain; version=0.0.4; charset=utf-8")
            }
            ("GET", ["api", "patterns"]) => ok(json!({"patterns": patterns(), "count": 2})),
            ("GET", ["api", "patterns", name]) => match patterns().iter().find(|known| known["name"] == *name) {
                Some(pattern) => ok(pattern.clone()),
                None => failed(404, "Pattern not found"),
            },
            ("GET", ["api", "executions"]) => self.executions(asked),
            ("GET", ["api", "executions", _]) => failed(404, "Execution not found"),
            ("GET", ["api", "agents"]) => ok(json!({"agents": agents(), "count": 2})),
            ("GET", ["api", "agents", id, "health"]) if agents().iter().any(|agent| agent["id"] == *id) => {
                ok(json!({"agentId": id, "status": "healthy"}))
            }
            ("GET", ["api", "agents", ..]) => failed(404, "Agent not found"),
            ("GET", ["api", "managed-agents", "runtimes"]) => {
                let runtime = |name: &str| json!({"name": name, "type": name, "healthy": true});
                ok(json!({"runtimes": [runtime("local"), runtime("docker"), runtime("gateway")]}))
            }
            ("GET", ["api", "managed-agents", "runtimes", "local" | "docker", "health"]) => {
                ok(json!({"healthy": true}))
            }
            ("GET", ["api", "managed-threads"]) => ok(json!({"threads": [], "count": 0})),
            ("GET", ["api", "license", "features"]) => ok(json!({"plan": "enterprise", "features": ["ha", "audit"]})),
            _ => failed(404, "Not found"),
        }
    }

    /// What comes of text that reaches the database as SQL.
    fn injected(&self, decoded: &str) -> Option<Answer> {
        if self.has("sql-error") && decoded.contains('\'') {
            return Some(failed(500, "PrismaClientKnownRequestError: syntax error at or near \"'\""));
        }
        if self.has("sql-sleep") && decoded.contains("pg_sleep(2)") {
            let slept = Answer { delay: Duration::from_secs(2), ..failed(404, "Not found") };
            return Some(if decoded.contains('?') { Answer { status: 200, ..slept } } else { slept });
        }
        (self.has("sql-tautology") && decoded.contains("status=' OR '1'='1"))
            .then(|| ok(json!({"executions": executions(3), "count": 3})))
    }

    fn executions(&self, asked: &Asked) -> Answer {
        let limit = asked.query("limit").map_or(Ok(50), |limit| limit.parse::<i64>());
        let all = executions(if self.has("no-limit") { 1200 } else { 3 });
        let list: Vec<Value> = match (limit, asked.query("status")) {
            (Ok(..0) | Err(_), _) => return failed(400, "limit is out of range"),
            (_, Some(status)) => all.into_iter().filter(|execution| execution["status"] == *status).collect(),
            (Ok(limit), None) if self.has("no-limit") => all.into_iter().take(limit as usize).collect(),
            (Ok(limit), None) => all.into_iter().take(limit.min(1000) as usize).collect(),
        };
        ok(json!({"count": list.len(), "executions": list}))
    }

    fn posted(&self, asked: &Asked, parts: &[&str]) -> Answer {
        if asked.body_bytes > 100 * 1024 {
            return if self.has("any-size") {
                failed(400, "patternName is required")
            } else {
                failed(413, "request entity too large")
            };
        }
        let Ok(body) = serde_json::from_slice::<Value>(&asked.body) else {
            return failed(400, "Unexpected end of JSON input");
        };
        match parts {
            ["api", "executions"] if self.has("any-input") => {
                Answer::json(202, json!({"id": "x", "status": "accepted"}))
            }
            ["api", "executions"] if body["input"]["readinessCanary"] == true => {
                Answer::json(202, json!({"id": "canary", "status": "accepted"}))
            }
            ["api", "workspaces"] => {
                self.workspace.set(true);
                let slug = body["slug"].as_str().unwrap_or_default();
                let workspace = json!({"id": "w1", "branch": format!("parallax/canary-{slug}"), "status": "creating"});
                Answer::json(201, workspace)
            }
            ["api", "patterns", "upload"] if self.has("no-licence") => {
                failed(403, "pattern_management is not licensed")
            }
            ["api", "patterns", "upload"] => {
                let file = body["filename"].as_str().unwrap_or_default();
                if !self.has("loses-uploads") {
                    self.uploaded.borrow_mut().insert(file.trim_end_matches(".yaml").to_owned());
                }
                Answer::json(201, json!({"filename": file}))
            }
            ["api", "executions"] => match &body["patternName"] {
                Value::Null => failed(400, "patternName is required"),
                Value::Number(_) if self.has("stack-trace") => {
                    failed(500, "TypeError: name.trim is not a function\n    at Engine.run (/app/dist/engine.js:41:17)")
                }
                Value::String(_) => Answer::json(202, json!({"id": "x", "status": "accepted"})),
                _ => failed(422, "patternName must be a string"),
            },
            ["api", "patterns", name, "validate"] if patterns().iter().any(|known| known["name"] == *name) => {
                match &body["input"] {
                    Value::Null if !self.has("any-input") => failed(400, "input is required"),
                    _ => ok(json!({"valid": true, "errors": []})),
                }
            }
            _ => failed(404, "Not found"),
        }
    }

    fn webhook(&self, asked: &Asked) -> Answer {
        let given = asked.header("x-hub-signature-256").strip_prefix("sha256=").unwrap_or_default();
        let digits = given.as_bytes().chunks(2).map(|two| u8::from_str_radix(&String::from_utf8_lossy(two), 16));
        let tag: Vec<u8> = digits.collect::<Result<_, _>>().unwrap_or_default();
        if self.has("hook-unchecked") || verifies(WEBHOOK_SECRET, &asked.body, &tag) {
            ok(json!({"received": true}))
        } else {
            failed(401, "Invalid signature")
        }
    }
}

fn verifies(secret: &str, signed: &[u8], tag: &[u8]) -> bool {
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed, tag).is_ok()
}

fn ok(body: Value) -> Answer {
    Answer::json(200, body)
}

fn failed(status: u16, error: &str) -> Answer {
    Answer::json(status, json!({ "error": error }))
}

fn patterns() -> Vec<Value> {
    vec![json!({"name": "SimpleConsensus"}), json!({"name": "ConsensusBuilder"})]
}

fn agents() -> Vec<Value> {
    let agent = |id: &str, endpoint: &str| json!({"id": id, "name": id, "endpoint": endpoint, "status": "active"});
    vec![agent("a1", "127.0.0.1:50061"), agent("a2", "127.0.0.1:50062")]
}

fn executions(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({"id": format!("00000000-0000-4000-8000-{n:012}"), "status": "completed"})).collect()
}

/// In the exposition format, as prom-client writes it.
fn metrics() -> String {
    let names = [
        "process_start_time_seconds",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "nodejs_heap_size_used_bytes",
        "nodejs_heap_size_total_bytes",
        "nodejs_external_memory_bytes",
        "nodejs_eventloop_lag_seconds",
        "nodejs_eventloop_lag_p99_seconds",
        "nodejs_active_handles",
    ];
    let mut text = String::from("# TYPE parallax_pattern_executions_total counter\n");
    for name in names {
        text += &format!(
            "# HELP parallax_control_plane_{name} x\n# TYPE parallax_control_plane_{name} gauge\nparallax_control_plane_{name} 1\n"
        );
    }
    text
}
