//! A recording of a Kubernetes API server 1.36: what a real one answered, from
//! `tests/recordings/kubernetes`. It is not Kubernetes: nothing is reconciled. What is its own:
//!
//! - Times are moved, so that what was new then is new now.
//! - A list that was recorded whole is cut into pages and filtered by selectors, and lists of namespaces
//!   stand for the list of the cluster. Single objects are taken from lists.
//! - Whatever anybody was allowed to see, the exporter is, as far as the shipped roles let it; see `rights`. The
//!   token of a viewer may see what a viewer did, and a wrong one nothing.
//! - Objects may be changed, added and taken away; what then rests on them was written by hand.
//! - Streams of changes tell what a test changes, in the form of recorded ones; see `watch`.

pub(crate) mod rights;
pub(crate) mod watch;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use regex::{Captures, Regex};
use serde_json::{Value, json};

use self::watch::{Piece, Watcher};
use super::http_server::{Answer, Asked, HttpServer};

/// Tokens that it takes for those of the exporter and of somebody without any role.
pub(crate) const READINESS: &str = "0123456789abcdef-exporter";
pub(crate) const VIEWER: &str = "0123456789abcdef-viewer";

pub(crate) struct Recording {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

/// One change of the objects of a list, such as `deployments`.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) list: String,
    /// Only in this namespace, if it is not empty.
    pub(crate) namespace: String,
    /// The objects whose names begin so; all if empty.
    pub(crate) name: String,
    /// JSON pointer and new value; null takes it away.
    pub(crate) set: Vec<(String, Value)>,
    /// They are not there.
    pub(crate) gone: bool,
    /// One more object.
    pub(crate) add: Value,
}

#[derive(Clone)]
struct State {
    /// `ready` or `not-ready`.
    world: String,
    changes: Vec<Change>,
    /// What each pod wrote, by its name; "" is any other. Written by hand.
    logs: BTreeMap<String, String>,
    /// Answers written by hand, by `METHOD /path`.
    written: BTreeMap<String, Answer>,
    /// Objects of one page, if fewer than asked for.
    page: usize,
    /// So many of the next answers are 429.
    throttled: u32,
    /// So many of the next pages after the first are 410.
    expired: u32,
    /// How old everything is beyond what it was, in seconds.
    age_s: i64,
    delay: Duration,
    /// Of every list; each change is another one.
    version: u64,
    watchers: Vec<Watcher>,
    /// When each list was changed last, and when all were.
    changed_at: BTreeMap<String, u64>,
    floor: u64,
    /// For which times are moved, if not for now.
    frozen_s: Option<i64>,
    /// What was asked: method and path with query.
    asked: Vec<String>,
}

struct Record {
    method: String,
    path: String,
    query: Vec<(String, String)>,
    metadata_only: bool,
    body: Value,
    recorded_on: i64,
    response: Value,
    viewer: bool,
    slug: String,
}

impl Default for State {
    fn default() -> Self {
        Self {
            world: "ready".to_owned(),
            changes: Vec::new(),
            logs: BTreeMap::new(),
            written: BTreeMap::new(),
            page: usize::MAX,
            throttled: 0,
            expired: 0,
            age_s: 0,
            delay: Duration::ZERO,
            version: 962,
            watchers: Vec::new(),
            changed_at: BTreeMap::new(),
            floor: 0,
            frozen_s: None,
            asked: Vec::new(),
        }
    }
}

impl Recording {
    pub(crate) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = HttpServer::start(move |asked| {
            let mut state = shared.lock().expect("no panic");
            let answer = state.answer(asked);
            Answer { delay: state.delay, ..answer }
        });
        Self { port: server.port, state }
    }

    pub(crate) fn world(&self, name: &str) {
        self.with(|state| {
            state.world = name.to_owned();
            state.floor = state.version;
        });
    }

    pub(crate) fn change(&self, change: Change) {
        self.with(|state| {
            state.changed_at.insert(change.list.clone(), state.version);
            state.changes.push(change);
        });
    }

    /// An answer that was never recorded.
    pub(crate) fn write(&self, route: &str, answer: Answer) {
        self.with(|state| drop(state.written.insert(route.to_owned(), answer)));
    }

    /// What a pod wrote, as the API gives it with times; of every other pod if the name is empty.
    pub(crate) fn logs(&self, pod: &str, text: &str) {
        self.with(|state| drop(state.logs.insert(pod.to_owned(), text.to_owned())));
    }

    pub(crate) fn page(&self, objects: usize) {
        self.with(|state| state.page = objects);
    }

    pub(crate) fn throttle(&self, times: u32) {
        self.with(|state| state.throttled = times);
    }

    pub(crate) fn expire(&self, times: u32) {
        self.with(|state| state.expired = times);
    }

    pub(crate) fn age(&self, seconds: i64) {
        self.with(|state| state.age_s = seconds);
    }

    pub(crate) fn delay(&self, delay: Duration) {
        self.with(|state| state.delay = delay);
    }

    pub(crate) fn restore(&self) {
        self.with(|state| {
            let State { version, frozen_s, .. } = *state;
            let watchers = std::mem::take(&mut state.watchers);
            *state = State { version, watchers, frozen_s, floor: version, ..State::default() };
        });
    }

    /// Something happens on every stream.
    pub(crate) fn streams(&self, piece: &Piece) {
        self.state.lock().expect("no panic").broadcast(piece);
    }

    /// Time passes: every stream is told so.
    pub(crate) fn bookmark(&self) {
        self.state.lock().expect("no panic").bookmark();
    }

    /// Streams that are open.
    pub(crate) fn listeners(&self) -> usize {
        self.state.lock().expect("no panic").watchers.len()
    }

    /// What was asked so far, as `METHOD /path?query`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().expect("no panic").asked.clone()
    }

    /// Changes the world, and tells those who listen.
    fn with(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().expect("no panic");
        state.frozen_s = Some(jiff::Timestamp::now().as_second());
        let before = state.sights();
        state.version += 1;
        change(&mut state);
        state.tell(&before);
        state.frozen_s = None;
    }
}

impl State {
    fn answer(&mut self, asked: &Asked) -> Answer {
        self.asked.push(asked.route());
        let route = format!("{} {}", asked.method, asked.path());
        if let Some(answer) = self.written.get(&route) {
            return answer.clone();
        }
        if self.throttled > 0 {
            self.throttled -= 1;
            return self.record("error-429").map_or_else(Answer::default, |record| self.replayed(record, None));
        }
        let who = asked.header("authorization").trim_start_matches("Bearer ");
        if who == VIEWER {
            let viewer = self.records().iter().find(|r| r.viewer && r.method == asked.method && r.path == asked.path());
            return viewer.map_or_else(|| forbidden(asked), |record| self.replayed(record, None));
        }
        if who != READINESS {
            return status(401, "Unauthorized", "Unauthorized");
        }
        if !rights::permits(asked) {
            return forbidden(asked);
        }
        match asked.method.as_str() {
            "GET" if asked.query("watch").is_some() => self.watch(asked),
            "GET" => self.read(asked),
            "POST" => self.posted(asked),
            _ => status(405, "MethodNotAllowed", "nothing here may be changed"),
        }
    }

    fn records(&self) -> &'static [Record] {
        static WORLDS: OnceLock<BTreeMap<String, Vec<Record>>> = OnceLock::new();
        let worlds = WORLDS.get_or_init(|| ["ready", "not-ready"].map(|name| (name.to_owned(), load(name))).into());
        worlds.get(&self.world).map_or(&[], Vec::as_slice)
    }

    /// A record of any world by a part of its path and its status.
    fn record(&self, slug: &str) -> Option<&'static Record> {
        let wanted = if slug == "error-429" { 429 } else { 410 };
        let not_ready = State { world: "not-ready".to_owned(), ..State::default() };
        not_ready.records().iter().find(|record| record.response["status"] == wanted)
    }

    /// A record by the name of its file.
    fn record_of(&self, slug: &str) -> &'static Record {
        let not_ready = State { world: "not-ready".to_owned(), ..State::default() };
        let found = not_ready.records().iter().chain(self.records()).find(|record| record.slug == slug);
        found.expect(slug)
    }

    /// A review or a dry run: the one with the same body.
    fn posted(&self, asked: &Asked) -> Answer {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let same = |record: &&Record| record.method == "POST" && record.path == asked.path() && !record.viewer;
        let found = self.records().iter().filter(same).find(|record| record.body == body);
        let review = asked.path().contains("review");
        match found {
            Some(record) => self.replayed(record, None),
            None if review => status(500, "InternalError", "this review was not recorded"),
            None => status(500, "InternalError", "this dry run was not recorded"),
        }
    }

    fn read(&mut self, asked: &Asked) -> Answer {
        let path = asked.path().to_owned();
        if let Some(pod) = path.strip_suffix("/log").and_then(|pod| pod.rsplit_once("/pods/")).map(|(_, pod)| pod) {
            return self.lines(asked, pod);
        }
        let metadata_only = asked.header("accept").contains("PartialObjectMetadata");
        if let Some(items) = self.list(&path, metadata_only) {
            return self.paged(asked, items);
        }
        if let Some((list, name)) = path.rsplit_once('/')
            && let Some(items) = self.list(list, metadata_only)
        {
            // Lists leave out kind and version, and some were recorded as metadata only.
            let recorded = self.find(&path, metadata_only).filter(|record| record.response["status"] == 200);
            let mut one = match recorded {
                Some(record) => vec![self.moved(&record.response["body"], record)],
                None => items.into_iter().filter(|item| item["metadata"]["name"] == name).collect(),
            };
            if recorded.is_some() {
                self.changed(list, "", &mut one);
            }
            let found = one.into_iter().find(|item| item["metadata"]["name"] == name);
            return found.map_or_else(|| missing(list, name), |item| Answer::json(200, item));
        }
        if let Some(record) = self.find(&path, metadata_only) {
            return self.replayed(record, None);
        }
        if let Some(resources) = self.resources(&path) {
            return Answer::json(200, resources);
        }
        Answer { body: json!("404 page not found\n"), ..Answer::json(404, Value::Null) }
            .with("content-type", "text/plain")
    }

    /// The end of what a pod wrote, as the documentation of the API has it; nothing of it was recorded.
    fn lines(&self, asked: &Asked, pod: &str) -> Answer {
        let Some(text) = self.logs.get(pod).or_else(|| self.logs.get("")) else { return missing("pods", pod) };
        let number = |name: &str| asked.query(name).and_then(|number| number.parse::<usize>().ok());
        let since = number("sinceSeconds").and_then(|seconds| i64::try_from(seconds).ok());
        let is_new = |line: &&str| {
            let at = line.split(' ').next().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            let age = at.map(|at| jiff::Timestamp::now().as_second() - at.as_second());
            since.zip(age).is_none_or(|(since, age)| age <= since)
        };
        let lines: Vec<&str> = text.lines().filter(is_new).collect();
        let skipped = lines.len().saturating_sub(number("tailLines").unwrap_or(usize::MAX));
        let mut shown: String = lines.iter().skip(skipped).map(|line| format!("{line}\n")).collect();
        shown.truncate(number("limitBytes").unwrap_or(usize::MAX));
        Answer::json(200, json!(shown)).with("content-type", "text/plain")
    }

    /// The record of a question without a query, a good one if there is one.
    fn find(&self, path: &str, metadata_only: bool) -> Option<&'static Record> {
        let fits = |record: &&Record| {
            record.method == "GET" && record.path == path && record.query.is_empty() && !record.viewer
        };
        let mut found: Vec<&Record> = self.records().iter().filter(fits).collect();
        found.sort_by_key(|record| (record.response["status"] != 200, record.metadata_only != metadata_only));
        found.first().copied()
    }

    /// The objects of a list as they are now; `None` if it is no list, or may not be seen.
    fn list(&self, path: &str, metadata_only: bool) -> Option<Vec<Value>> {
        let plural = path.rsplit('/').next()?;
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let cluster = !parts.contains(&"namespaces") || plural == "namespaces";
        let whole = |path: &str| {
            let record = self.find(path, metadata_only)?;
            let kind = record.response["body"]["kind"].as_str().unwrap_or_default();
            // A namespace is no list, though its path looks like one.
            let usable = record.response["status"] == 200 && kind.ends_with("List") && kind != "APIResourceList";
            usable.then(|| self.moved(&record.response["body"]["items"], record))
        };
        let mut items: Vec<Value> = match whole(path) {
            Some(Value::Array(items)) => items,
            Some(_) => Vec::new(),
            None => {
                let (root, tail) =
                    (parts.get(..if parts.first() == Some(&"api") { 2 } else { 3 })?.join("/"), format!("/{plural}"));
                let head = format!("/{root}/namespaces/");
                let near = |record: &&Record| {
                    record.path.starts_with(&head)
                        && record.path.ends_with(&tail)
                        && record.path.split('/').count() == head.split('/').count() + 1
                };
                let mut paths: Vec<&str> =
                    self.records().iter().filter(near).map(|record| record.path.as_str()).collect();
                paths.sort_unstable();
                paths.dedup();
                let known: Vec<Value> = paths.iter().filter_map(|path| whole(path)).collect();
                match known.is_empty() {
                    true => return None,
                    false if cluster => {
                        known.into_iter().flat_map(|list| list.as_array().cloned().unwrap_or_default()).collect()
                    }
                    // A list in a namespace that is not there is an empty one.
                    false if parts.len() == head.trim_matches('/').split('/').count() + 2 => Vec::new(),
                    false => return None,
                }
            }
        };
        let space = if cluster { "" } else { parts.iter().rev().nth(1).copied().unwrap_or_default() };
        self.changed(path, space, &mut items);
        Some(items)
    }

    fn changed(&self, list: &str, space: &str, items: &mut Vec<Value>) {
        let plural = list.rsplit('/').next().unwrap_or_default();
        for change in self.changes.iter().filter(|change| change.list == plural) {
            change.apply(space, items);
        }
    }

    fn paged(&mut self, asked: &Asked, items: Vec<Value>) -> Answer {
        let labels = asked.query("labelSelector").unwrap_or_default();
        let fields = asked.query("fieldSelector").unwrap_or_default();
        let items: Vec<Value> =
            items.into_iter().filter(|item| has_labels(item, &labels) && has_fields(item, &fields)).collect();
        let from: usize =
            asked.query("continue").and_then(|token| token.strip_prefix("from-")?.parse().ok()).unwrap_or(0);
        if from > 0 && self.expired > 0 {
            self.expired -= 1;
            return self.record("expired").map_or_else(Answer::default, |record| self.replayed(record, None));
        }
        let limit = asked.query("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX).min(self.page);
        let page: Vec<Value> = items.iter().skip(from).take(limit).cloned().collect();
        let end = from + page.len();
        let next = if end < items.len() { format!("from-{end}") } else { String::new() };
        // As the server writes an empty list of metadata.
        let metadata_only = asked.header("accept").contains("PartialObjectMetadata");
        let shown = if page.is_empty() && metadata_only { Value::Null } else { json!(page) };
        let kind = if metadata_only { "PartialObjectMetadataList" } else { "List" };
        Answer::json(
            200,
            json!({ "kind": kind, "metadata": { "continue": next, "resourceVersion": self.version.to_string() }, "items": shown }),
        )
    }

    /// What discovery says of a group whose own answer was not recorded.
    fn resources(&self, path: &str) -> Option<Value> {
        let group = path.strip_prefix("/apis/")?;
        let head = format!("/apis/{group}/");
        let mut names: Vec<&str> = self
            .records()
            .iter()
            .filter(|record| record.path.starts_with(&head) && record.response["status"] == 200)
            .filter_map(|record| {
                let rest: Vec<&str> = record.path.strip_prefix(&head)?.split('/').collect();
                match rest.as_slice() {
                    ["namespaces", _, name, ..] | [name, ..] => Some(*name),
                    [] => None,
                }
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        let resources: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        (!resources.is_empty()).then(|| json!({ "kind": "APIResourceList", "resources": resources }))
    }

    fn replayed(&self, record: &Record, body: Option<Value>) -> Answer {
        let response = &record.response;
        let header = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap_or_default().to_owned());
        let code = response["status"].as_u64().and_then(|code| u16::try_from(code).ok()).expect("a status");
        let headers = response["headers"].as_object().into_iter().flatten().map(header).collect();
        let body = body.unwrap_or_else(|| self.moved(&response["body"], record));
        Answer { headers, ..Answer::json(code, body) }
    }

    /// Every time in it, as long before now as it was before the recording.
    fn moved(&self, value: &Value, record: &Record) -> Value {
        let now = self.frozen_s.unwrap_or_else(|| jiff::Timestamp::now().as_second());
        let by = now - record.recorded_on - self.age_s;
        moved(value, by)
    }
}

impl Change {
    fn apply(&self, space: &str, items: &mut Vec<Value>) {
        let meant = |item: &Value| {
            let metadata = &item["metadata"];
            metadata["name"].as_str().unwrap_or_default().starts_with(&self.name)
                && (self.namespace.is_empty() || metadata["namespace"] == self.namespace.as_str())
        };
        if self.gone {
            items.retain(|item| !meant(item));
        }
        for item in items.iter_mut().filter(|item| meant(item) && !self.set.is_empty()) {
            for (pointer, value) in &self.set {
                put(item, pointer, value);
            }
        }
        let own = self.add["metadata"]["namespace"].as_str().unwrap_or_default();
        if !self.add.is_null() && (space.is_empty() || space == own) {
            items.push(self.add.clone());
        }
    }
}

/// Sets what a pointer leads to, with the objects on the way; null takes it away.
fn put(object: &mut Value, pointer: &str, value: &Value) {
    let (parent, last) = pointer.rsplit_once('/').expect("a pointer");
    let mut at = object;
    for step in parent.split('/').skip(1) {
        let step = step.replace("~1", "/");
        at = match at {
            Value::Array(items) => &mut items[step.parse::<usize>().expect("a place")],
            other => &mut other[step],
        };
    }
    let last = last.replace("~1", "/");
    match at {
        Value::Array(items) => items[last.parse::<usize>().expect("a place")] = value.clone(),
        Value::Object(fields) if value.is_null() => drop(fields.remove(&last)),
        other => other[last] = value.clone(),
    }
}

fn load(world: &str) -> Vec<Record> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/kubernetes").join(world);
    let read = |path: &Path| {
        let record: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("a record")).expect("JSON");
        let (request, slug) = (&record["request"], path.file_stem().expect("a name").to_string_lossy().into_owned());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let recorded: jiff::Timestamp = text(&record["recorded_on"]).parse().expect("a time");
        let pairs = form_urlencoded::parse(request["query"].as_str().unwrap_or_default().as_bytes()).into_owned();
        Record {
            method: text(&request["method"]),
            path: text(&request["path"]),
            query: pairs.collect(),
            metadata_only: text(&request["headers"]["Accept"]).contains("PartialObjectMetadata"),
            body: request["body"].clone(),
            recorded_on: recorded.as_second(),
            response: record["response"].clone(),
            viewer: slug.contains("viewer") || slug.contains("401") || slug.contains("anonymous"),
            slug,
        }
    };
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("recordings").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn moved(value: &Value, by: i64) -> Value {
    static TIME: OnceLock<Regex> = OnceLock::new();
    let time = TIME.get_or_init(|| Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$").expect("a pattern"));
    match value {
        Value::String(text) if time.is_match(text) => {
            let shift = |found: &Captures<'_>| {
                let at: jiff::Timestamp = found[0].parse().expect("a time");
                (at + jiff::SignedDuration::from_secs(by)).to_string()
            };
            json!(time.replace(text, shift))
        }
        Value::Array(items) => items.iter().map(|item| moved(item, by)).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), moved(value, by))).collect(),
        other => other.clone(),
    }
}

/// `a=b`, `a in (b,c)`, `a`, joined by commas.
fn has_labels(item: &Value, selector: &str) -> bool {
    static PART: OnceLock<Regex> = OnceLock::new();
    let part = PART
        .get_or_init(|| Regex::new(r"([^,=()\s]+)\s*(?:=+\s*([^,()]+)|in\s*\(([^)]*)\))?(?:,|$)").expect("a pattern"));
    part.captures_iter(selector).all(|found| {
        let value = item["metadata"]["labels"][&found[1]].as_str();
        match (found.get(2), found.get(3)) {
            (Some(one), _) => value == Some(one.as_str().trim()),
            (_, Some(list)) => value.is_some_and(|value| list.as_str().split(',').any(|known| known.trim() == value)),
            _ => value.is_some(),
        }
    })
}

fn has_fields(item: &Value, selector: &str) -> bool {
    selector.split(',').filter_map(|part| part.split_once('=')).all(|(path, wanted)| {
        let wanted = wanted.trim_start_matches('=');
        if path == "type" {
            return type_of(item) == wanted;
        }
        let value = path.split('.').fold(item, |value, name| &value[name]);
        value == wanted
    })
}

/// The type of a secret, which is no metadata, as the manifest of the world had it.
fn type_of(secret: &Value) -> &'static str {
    match secret["metadata"]["name"].as_str().unwrap_or_default() {
        "registry-pull" => "kubernetes.io/dockerconfigjson",
        name if name.contains("tls") => "kubernetes.io/tls",
        _ => "Opaque",
    }
}

fn status(code: u16, reason: &str, message: &str) -> Answer {
    Answer::json(
        code,
        json!({ "kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code }),
    )
}

fn forbidden(asked: &Asked) -> Answer {
    status(403, "Forbidden", &format!("User \"viewer\" cannot get path \"{}\"", asked.path()))
}

fn missing(list: &str, name: &str) -> Answer {
    let kind = list.rsplit('/').next().unwrap_or_default();
    let mut answer = status(404, "NotFound", &format!("{kind} \"{name}\" not found"));
    answer.body["details"] = json!({ "name": name, "kind": kind });
    answer
}
