//! A double of Parallax's control plane: its routes and their answers, as its source has them.
//! Any answer can be replaced, and it can ask for an API key.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

#[derive(Clone)]
struct Answer {
    status: u16,
    body: Value,
    /// How old the `timestamp` of the body is made, in seconds.
    age_s: i64,
}

#[derive(Default)]
struct Behaviour {
    /// By `METHOD /path`.
    answers: BTreeMap<String, Answer>,
    /// Asked for below `/api/`.
    key: Option<String>,
}

pub(crate) struct ControlPlane {
    pub(crate) address: String,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl ControlPlane {
    /// Healthy, without authentication.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let this = Self { address, behaviour: Arc::default() };
        this.heal();
        let behaviour = Arc::clone(&this.behaviour);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let behaviour = Arc::clone(&behaviour);
                // A client that goes away is no concern of the server.
                std::thread::spawn(move || drop(serve(&stream, &behaviour)));
            }
        });
        this
    }

    pub(crate) fn heal(&self) {
        let mut behaviour = self.behaviour.lock().unwrap();
        *behaviour = Behaviour::default();
        let patterns = [json!({"name": "SimpleConsensus"}), json!({"name": "ConsensusBuilder"})];
        for (route, body) in [
            ("GET /health", healthy()),
            ("GET /health/ready", json!({"ready": true, "status": "healthy"})),
            ("GET /health/live", json!({"status": "ok"})),
            ("GET /api/patterns", json!({"patterns": patterns, "count": 2})),
            ("GET /api/agents", agents(&["a1", "a2"])),
            ("GET /metrics", json!("parallax_agents_total 0")),
        ] {
            behaviour.answers.insert(route.to_owned(), Answer { status: 200, body, age_s: 0 });
        }
        let body = json!({"error": "patternName is required"});
        behaviour.answers.insert("POST /api/executions".to_owned(), Answer { status: 400, body, age_s: 0 });
    }

    pub(crate) fn answer(&self, route: &str, status: u16, body: Value) {
        self.aged(route, status, body, 0);
    }

    /// An answer whose `timestamp` is so many seconds old.
    pub(crate) fn aged(&self, route: &str, status: u16, body: Value, age_s: i64) {
        self.behaviour.lock().unwrap().answers.insert(route.to_owned(), Answer { status, body, age_s });
    }

    pub(crate) fn ask_for_key(&self, key: &str) {
        self.behaviour.lock().unwrap().key = Some(key.to_owned());
    }
}

/// The body of `/health` while all is well; the time is put in when it is sent.
pub(crate) fn healthy() -> Value {
    json!({
        "status": "healthy", "timestamp": "", "uptime": 12.5,
        "services": {"patterns": {"status": "up", "count": 22}, "registry": {"status": "up"}},
    })
}

/// The body of `/api/agents`, as far as anybody looks at it.
pub(crate) fn agents(ids: &[&str]) -> Value {
    let agents: Vec<Value> = ids.iter().map(|id| json!({"id": id, "name": id, "status": "active"})).collect();
    json!({"agents": agents, "count": ids.len()})
}

fn serve(stream: &TcpStream, behaviour: &Mutex<Behaviour>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let (mut length, mut key) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => key = value.trim().to_owned(),
            _ => {}
        }
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    let route = first.rsplit_once(' ').map_or("", |(route, _)| route);
    let answer = {
        let behaviour = behaviour.lock().unwrap();
        let refused = route.contains(" /api/") && behaviour.key.as_ref().is_some_and(|k| key != format!("ApiKey {k}"));
        let other = |status, text: &str| Answer { status, body: json!({ "error": text }), age_s: 0 };
        match behaviour.answers.get(route) {
            _ if refused => other(401, "Unauthorized"),
            Some(answer) => answer.clone(),
            None => other(404, "Not found"),
        }
    };
    let mut body = answer.body;
    if let Some(timestamp) = body.get_mut("timestamp").filter(|timestamp| *timestamp == "") {
        let then = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(answer.age_s);
        *timestamp = json!(then.to_string());
    }
    let body = body.to_string();
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        answer.status,
        body.len()
    )
}
