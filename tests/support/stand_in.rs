//! A double of a service that is not ours: a list of answers by route. What stands for which
//! service, and what it answers while all is well, is said where it is used.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::http_server::{Answer, HttpServer};

type Answers = BTreeMap<String, Answer>;

pub(crate) struct StandIn {
    pub(crate) port: u16,
    good: Answers,
    answers: Arc<Mutex<Answers>>,
}

impl StandIn {
    /// `good` is by `METHOD /path`, the query included; `?*` is any, and `?a=b*` any that begins
    /// so.
    pub(crate) fn start(good: Vec<(&str, Answer)>) -> Self {
        let good: Answers = good.into_iter().map(|(route, answer)| (route.to_owned(), answer)).collect();
        let answers = Arc::new(Mutex::new(good.clone()));
        let shared = Arc::clone(&answers);
        let server = HttpServer::start(move |asked| {
            let answers = shared.lock().expect("no panic");
            // What a body asks for is told apart by a part of it.
            let body = String::from_utf8_lossy(&asked.body);
            let by_body = answers.iter().find(|(route, _)| {
                route.split_once(" # ").is_some_and(|(route, part)| route == asked.route() && body.contains(part))
            });
            // A query that is another one each time stands for itself.
            let begins = |route: &&String| {
                route.strip_suffix('*').is_some_and(|head| asked.route().starts_with(head) && head.contains('?'))
            };
            let whatever = || answers.iter().filter(|(route, _)| begins(route)).max_by_key(|(route, _)| route.len());
            let found = by_body
                .map(|(_, answer)| answer)
                .or_else(|| answers.get(&asked.route()))
                .or_else(|| whatever().map(|(_, answer)| answer));
            found.cloned().unwrap_or_else(|| Answer::json(404, json!({ "message": "Not Found" })))
        });
        Self { port: server.port, good, answers }
    }

    pub(crate) fn answer(&self, route: &str, answer: Answer) {
        self.answers.lock().expect("no panic").insert(route.to_owned(), answer);
    }

    pub(crate) fn heal(&self) {
        self.answers.lock().expect("no panic").clone_from(&self.good);
    }
}
