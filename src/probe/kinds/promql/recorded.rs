//! A server that replays what a real Prometheus said, and one that says anything.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::probe::net::peers::{http, response};

/// Answers as recorded in one world, by path and query; of the query only `query` and `match[]` count.
pub(in crate::probe::kinds) async fn world(name: &str) -> SocketAddr {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/prometheus").join(name);
    let mut answers = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let record: Value = serde_json::from_str(&text).unwrap();
        let (request, answer) = (&record["request"], &record["response"]);
        if request["method"] != "GET" {
            continue;
        }
        let target = format!("{}?{}", request["path"].as_str().unwrap(), request["query"].as_str().unwrap());
        let date = answer["headers"]["date"].as_str().unwrap();
        let body = answer["body"].as_str().map_or_else(|| answer["body"].to_string(), str::to_owned);
        let headers = format!("date: {date}\r\ncontent-type: application/json\r\n");
        answers.insert(key(&target), response(&format!("{} Recorded", answer["status"]), &headers, &body));
    }
    http(move |head| {
        let target = head.split(' ').nth(1).unwrap_or_default();
        answers.get(&key(target)).cloned().unwrap_or_else(|| panic!("nothing is recorded for {target}"))
    })
    .await
}

/// Whatever is asked.
pub(in crate::probe::kinds) async fn says(status: &str, content_type: &str, body: &str) -> SocketAddr {
    let whole = response(status, &format!("content-type: {content_type}\r\n"), body);
    http(move |_| whole.clone()).await
}

fn key(target: &str) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| pair.starts_with("query=") || pair.starts_with("match"))
        .map(|pair| percent_decode_str(&pair.replace('+', " ")).decode_utf8_lossy().into_owned())
        .collect();
    pairs.sort();
    format!("{path}?{}", pairs.join("&"))
}
