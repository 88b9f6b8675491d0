//! The recording of a Kubernetes API server 1.36 in place of a cluster.

use serde_json::{Value, json};

use super::{Server, act_on_link, answer};
use crate::support::kubernetes::{Change, READINESS, Recording, VIEWER};
use crate::support::link::Link;

pub(crate) struct Kubernetes {
    targets: &'static [&'static str],
    recording: Recording,
    link: Link,
}

impl Kubernetes {
    pub(crate) fn start() -> Self {
        Self::of(&["parallax.kubernetes", "phoenix.kubernetes"])
    }

    /// A second one, beside which production is held.
    pub(crate) fn start_staging() -> Self {
        Self::of(&["parallax.kubernetes-staging", "phoenix.kubernetes-staging"])
    }

    fn of(targets: &'static [&'static str]) -> Self {
        let recording = Recording::start();
        let link = Link::to(recording.port);
        Self { targets, recording, link }
    }
}

impl Server for Kubernetes {
    fn targets(&self) -> Vec<(String, Value)> {
        let target = json!({ "address": format!("http://127.0.0.1:{}", self.link.port), "credential": "cluster-view" });
        self.targets.iter().map(|name| ((*name).to_owned(), target.clone())).collect()
    }

    fn credentials(&self) -> Vec<(String, String)> {
        vec![
            ("cluster-view".to_owned(), READINESS.to_owned()),
            ("cluster-viewer".to_owned(), VIEWER.to_owned()),
            ("cluster-wrong".to_owned(), "wrong-0123456789abcdef".to_owned()),
        ]
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![("address".to_owned(), format!("http://127.0.0.1:{}", self.link.port))]
    }

    /// `logs: { pod, text }` (written by hand; of all others without `pod`); `world: not-ready`; `change: { list: deployments, namespace, name, set: { /spec/replicas: 1 }, gone, add }`
    /// (written by hand); `answer: { route, status, body }` (never recorded); `page: 5` (objects a page),
    /// `throttle: 2`, `expire: 1` (so many answers), `age: 3600` (of everything), and the network's verbs.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let number =
            || argument.as_u64().and_then(|n| u32::try_from(n).ok()).ok_or_else(|| format!("write `{verb}: 1`"));
        match verb {
            "world" => self.recording.world(argument.as_str().ok_or("write `world: not-ready`")?),
            "change" => self.recording.change(change(argument)?),
            "logs" => {
                let text = |key: &str| argument[key].as_str().unwrap_or_default();
                self.recording.logs(text("pod"), text("text"));
            }
            "page" => self.recording.page(number()? as usize),
            "throttle" => self.recording.throttle(number()?),
            "expire" => self.recording.expire(number()?),
            "age" => self.recording.age(argument.as_i64().ok_or("write `age: 3600`")?),
            "answer" => {
                let (route, answer) = answer(argument)?;
                self.recording.write(&route, answer);
            }
            _ => return Err(format!("the recording does not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.recording.restore();
        self.link.mend();
        Ok(())
    }
}

fn change(argument: &Value) -> Result<Change, String> {
    let known = ["list", "namespace", "name", "set", "gone", "add"];
    let fields = argument.as_object().ok_or("a change is an object")?;
    if let Some(other) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("a change has no `{other}`"));
    }
    let text = |key: &str| argument[key].as_str().unwrap_or_default().to_owned();
    let set = argument["set"].as_object().into_iter().flatten().map(|(at, value)| (at.clone(), value.clone()));
    if text("list").is_empty() {
        return Err("a change names a `list`".to_owned());
    }
    Ok(Change {
        list: text("list"),
        namespace: text("namespace"),
        name: text("name"),
        set: set.collect(),
        gone: argument["gone"] == true,
        add: argument["add"].clone(),
    })
}
