//! Answers of a store of traces, written from the documentation of Jaeger's query API and of Tempo's:
//! neither was at hand, so nothing here is more than what the documentation says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Server, act_on_link, answer};
use crate::support::http_server::{Answer, Asked, HttpServer};
use crate::support::link::Link;

pub(crate) struct Jaeger {
    link: Link,
    state: Arc<Mutex<State>>,
    /// The application that the store watches: it answers, and its requests leave traces.
    application: HttpServer,
}

#[derive(Clone)]
struct State {
    services: Vec<String>,
    /// Spans of every trace; see [`span`].
    spans: Vec<Value>,
    /// Traces of a time.
    count: u32,
    /// How long ago the traces began, in seconds.
    age_s: i64,
    /// None are found.
    empty: bool,
    /// It speaks as Tempo does.
    tempo: bool,
    written: BTreeMap<String, Answer>,
    /// Ids of traces and of the callers' spans, from requests to the application.
    sampled: Vec<(String, String)>,
}

const USUAL_AGE_S: i64 = 120;

fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

impl Default for State {
    fn default() -> Self {
        let services = ["parallax-control-plane", "phoenix-api", "experiment-controller", "config-generator"];
        let root = json!({ "id": "b", "parent": "a", "service": "parallax-control-plane", "operation": "pattern.execute.{pattern}",
            "tags": ["parallax.pattern.name", "parallax.pattern.duration_ms", "parallax.pattern.success"],
            "logs": ["pattern.start", "pattern.complete"] });
        let server = json!({ "id": "a", "service": "parallax-control-plane", "operation": "POST /api/executions", "server": true });
        let child =
            json!({ "id": "c", "parent": "b", "service": "experiment-controller", "operation": "agent.call.analyze" });
        Self {
            services: services.map(str::to_owned).into(),
            spans: vec![server, root, child],
            count: 1,
            age_s: USUAL_AGE_S,
            empty: false,
            tempo: false,
            written: BTreeMap::new(),
            sampled: Vec::new(),
        }
    }
}

impl Jaeger {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, keeps) = (Arc::clone(&state), Arc::clone(&state));
        let store = HttpServer::start(move |asked| shared.lock().expect("no panic").answer(asked));
        let application = HttpServer::start(move |asked| {
            let mut parts = asked.header("traceparent").split('-').skip(1).map(str::to_owned);
            if let (Some(id), Some(span)) = (parts.next(), parts.next()) {
                keeps.lock().expect("no panic").sampled.push((id, span));
            }
            Answer::json(200, json!([]))
        });
        Self { link: Link::to(store.port), state, application }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().expect("no panic"));
    }
}

impl State {
    fn answer(&self, asked: &Asked) -> Answer {
        if let Some(answer) = self.written.get(&format!("{} {}", asked.method, asked.path())) {
            return answer.clone();
        }
        if self.tempo {
            return self.as_tempo(asked);
        }
        let data = |data: Value| Answer::json(200, json!({ "data": data, "total": 0, "errors": null }));
        match asked.path().trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice() {
            [""] => {
                Answer::json(200, json!("<!doctype html><title>Jaeger UI</title>")).with("content-type", "text/html")
            }
            ["api", "services"] => data(json!(self.services)),
            ["api", "services", _, "operations"] => data(json!(["pattern.execute.SimpleConsensus", "GET /health"])),
            ["api", "traces"] if self.empty => data(json!([])),
            ["api", "traces"] => {
                let service = asked.query("service").unwrap_or_default();
                let operation = asked.query("operation").unwrap_or_default();
                let pattern = operation.strip_prefix("pattern.execute.").unwrap_or("SimpleConsensus");
                let time = |name: &str| asked.query(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
                let (start, end) = (time("start"), time("end"));
                // Whoever asks for a moment asks for an execution, and every one has left a trace.
                let moment = end - start < 60_000_000;
                let late = (self.age_s - USUAL_AGE_S) * 1_000_000;
                let began = if moment { start + 5_000_000 - late } else { now_us() - self.age_s * 1_000_000 };
                if !moment && !(start..=end).contains(&began) {
                    return data(json!([]));
                }
                let id = |place: u32| if place == 0 { FOUND.to_owned() } else { format!("{place:032x}") };
                let count = if moment { 1 } else { self.count };
                let found = (0..count).map(|place| trace(&id(place), &self.spans, pattern, &service, began));
                data(found.collect())
            }
            ["api", "traces", id] => match self.sampled.iter().find(|(known, _)| known == id) {
                Some((id, caller)) if !self.empty => {
                    data(json!([trace(id, &with_caller(&self.spans, caller), "", "", now_us())]))
                }
                _ => Answer::json(404, json!({ "data": null, "errors": [{ "code": 404, "msg": "trace not found" }] })),
            },
            _ => Answer::json(404, json!({ "errors": [{ "code": 404, "msg": "not found" }] })),
        }
    }
}

impl State {
    /// Its search, and traces in the JSON of OpenTelemetry.
    fn as_tempo(&self, asked: &Asked) -> Answer {
        let began = now_us() - self.age_s * 1_000_000;
        match asked.path().trim_start_matches('/').split('/').collect::<Vec<_>>().as_slice() {
            ["api", "search", "tag", "service.name", "values"] => {
                Answer::json(200, json!({ "tagValues": self.services, "metrics": {} }))
            }
            ["api", "search"] => {
                let time = |name: &str| asked.query(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
                let there = !self.empty && (time("start")..=time("end")).contains(&(began / 1_000_000));
                let found = json!([{ "traceID": FOUND, "rootServiceName": "any", "startTimeUnixNano": "0", "durationMs": 180 }]);
                Answer::json(200, json!({ "traces": if there { found } else { json!([]) }, "metrics": {} }))
            }
            ["api", "traces", FOUND] => Answer::json(200, batches(&self.spans, began)),
            ["api", "traces", id] => match self.sampled.iter().find(|(known, _)| known == id) {
                Some((_, caller)) if !self.empty => {
                    Answer::json(200, batches(&with_caller(&self.spans, caller), now_us()))
                }
                _ => Answer::json(404, json!("trace not found")).with("content-type", "text/plain"),
            },
            _ => Answer::json(404, json!("404 page not found")).with("content-type", "text/plain"),
        }
    }
}

const FOUND: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// One batch for each span.
fn batches(spans: &[Value], began: i64) -> Value {
    let batch = |span: &Value| {
        let list = |key: &str, name: &str| -> Vec<Value> {
            span[key].as_array().into_iter().flatten().map(|one| json!({ name: one })).collect()
        };
        let kind = if span["server"] == true { "SPAN_KIND_SERVER" } else { "SPAN_KIND_INTERNAL" };
        let code = if span["error"] == true { "STATUS_CODE_ERROR" } else { "STATUS_CODE_UNSET" };
        let own = json!({ "spanId": span["id"], "parentSpanId": span["parent"], "name": span["operation"], "kind": kind,
            "startTimeUnixNano": (began * 1000).to_string(), "endTimeUnixNano": (began * 1000 + 180_000_000).to_string(),
            "attributes": list("tags", "key"), "events": list("logs", "name"), "status": { "code": code } });
        let service = json!({ "key": "service.name", "value": { "stringValue": span["service"] } });
        json!({ "resource": { "attributes": [service] }, "scopeSpans": [{ "spans": [own] }] })
    };
    json!({ "batches": spans.iter().map(batch).collect::<Vec<_>>() })
}

/// The first span is one that the caller began.
fn with_caller(spans: &[Value], caller: &str) -> Vec<Value> {
    let mut spans = spans.to_vec();
    if let Some(first) = spans.first_mut() {
        first["parent"] = json!(caller);
    }
    spans
}

/// As Jaeger gives it. `service` stands for that of every span that says none.
fn trace(id: &str, spans: &[Value], pattern: &str, service: &str, began: i64) -> Value {
    let mut processes = json!({});
    let spans: Vec<Value> = spans.iter().enumerate().map(|(place, span)| {
        let name = span["service"].as_str().unwrap_or(service);
        processes[format!("p{place}")] = json!({ "serviceName": name, "tags": [] });
        let list = |key: &str| span[key].as_array().cloned().unwrap_or_default();
        let mut tags: Vec<Value> =
            list("tags").iter().map(|tag| json!({ "key": tag, "type": "string", "value": "x" })).collect();
        if span["server"] == true {
            tags.push(json!({ "key": "span.kind", "type": "string", "value": "server" }));
        }
        if span["error"] == true {
            tags.push(json!({ "key": "error", "type": "bool", "value": true }));
        }
        let logs: Vec<Value> = list("logs").iter().map(|log| {
            json!({ "timestamp": began, "fields": [{ "key": "event", "type": "string", "value": log }] })
        }).collect();
        let references = match span["parent"].as_str() {
            Some(parent) => json!([{ "refType": "CHILD_OF", "traceID": id, "spanID": parent }]),
            None => json!([]),
        };
        let operation = span["operation"].as_str().unwrap_or_default().replace("{pattern}", pattern);
        json!({ "traceID": id, "spanID": span["id"], "operationName": operation, "references": references,
            "startTime": began, "duration": 180_000, "tags": tags, "logs": logs, "processID": format!("p{place}"), "warnings": null })
    }).collect();
    json!({ "traceID": id, "spans": spans, "processes": processes, "warnings": null })
}

impl Server for Jaeger {
    fn targets(&self) -> Vec<(String, Value)> {
        let target = json!({ "address": format!("http://127.0.0.1:{}", self.link.port) });
        vec![("parallax.jaeger".to_owned(), target.clone()), ("phoenix.jaeger".to_owned(), target)]
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![("application".to_owned(), self.application.address())]
    }

    /// `services: [...]`, `spans: [{ id, parent, service, operation, tags, logs, server, error }]` (of every
    /// trace), `count: 40` (of traces in an hour), `age: 120` (of traces), `empty`, `tempo` (speak as it does), `answer: { route, status, headers, body }`, and the
    /// network's verbs.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        match verb {
            "services" => {
                let names = argument.as_array().ok_or("write `services: [a, b]`")?;
                let names = names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
                self.change(|state| state.services = names);
            }
            "spans" => {
                let spans = argument.as_array().ok_or("write `spans: [{ id: a }]`")?.clone();
                self.change(|state| state.spans = spans);
            }
            "count" => {
                let count = argument.as_u64().and_then(|count| u32::try_from(count).ok()).ok_or("write `count: 40`")?;
                self.change(|state| state.count = count);
            }
            "age" => {
                let age = argument.as_i64().ok_or("write `age: 120`")?;
                self.change(|state| state.age_s = age);
            }
            "tempo" => self.change(|state| state.tempo = true),
            "empty" => self.change(|state| state.empty = true),
            "answer" => {
                let (route, answer) = answer(argument)?;
                self.change(|state| drop(state.written.insert(route, answer)));
            }
            _ => return Err(format!("the store of traces does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.change(|state| *state = State::default());
        self.link.mend();
        Ok(())
    }
}
