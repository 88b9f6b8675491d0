//! A cluster of any number of pods: the recorded ones of a real API server, again and again under other
//! names, page by page as it would send them. Streams of changes stay silent.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use serde_json::Value;

const RECORDED: [&str; 3] = ["all-pods-page1.json", "all-pods-page2.json", "all-pods-page3.json"];
/// What real pods have besides what the small recorded ones have: about as many bytes of fields that nobody
/// looks at as make up for it, as `managedFields` of two managers.
const PADDING: usize = 2_500;

pub(crate) struct ApiServer {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Seen>,
}

/// What was asked, and sent.
#[derive(Default)]
pub(crate) struct Seen {
    /// First pages.
    pub(crate) lists: AtomicUsize,
    pub(crate) pages: AtomicUsize,
    pub(crate) bytes: AtomicUsize,
}

impl ApiServer {
    pub(crate) fn start(pods: usize) -> Result<Self> {
        let pods = Arc::new(pods_as_text(pods)?);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (pods, seen) = (Arc::clone(&pods), Arc::clone(&shared));
                std::thread::spawn(move || drop(serve(&stream, &pods, &seen)));
            }
        });
        Ok(Self { port, seen })
    }
}

fn pods_as_text(count: usize) -> Result<Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/kubernetes/ready");
    let mut recorded = Vec::new();
    for name in RECORDED {
        let mut record: Value = serde_json::from_str(&super::read(&folder.join(name))?)?;
        let items = record.pointer_mut("/response/body/items").context("items")?.take();
        recorded.extend(items.as_array().context("a list")?.clone());
    }
    let pods = recorded.iter().cycle().take(count).enumerate().map(|(n, pod)| {
        let mut pod = pod.clone();
        let fields: Vec<Value> =
            (0..PADDING / 50).map(|n| format!("f:field-{n:03}-of-some-manager-of-fields").into()).collect();
        let about = pod.pointer_mut("/metadata").and_then(Value::as_object_mut).context("metadata")?;
        about.insert("name".to_owned(), format!("pod-{n:05}").into());
        about.insert("uid".to_owned(), format!("{n:08x}-0000-4000-8000-000000000000").into());
        let managed = serde_json::json!([{ "manager": "kubelet", "fieldsV1": { "f:status": fields } }]);
        about.insert("managedFields".to_owned(), managed);
        Ok(pod.to_string())
    });
    pods.collect()
}

fn serve(mut stream: &TcpStream, pods: &[String], seen: &Seen) -> Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut line = String::new();
        while reader.read_line(&mut line)? > 2 {
            line.clear();
        }
        let target = first.split(' ').nth(1).unwrap_or_default();
        let of = |name: &str| {
            let query = target.split_once('?').map_or("", |(_, query)| query);
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        if of("watch").is_some() {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
            )?;
            continue;
        }
        let from: usize = of("continue").and_then(|from| from.parse().ok()).unwrap_or(0);
        let limit: usize = of("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
        let page = pods.get(from..).unwrap_or_default();
        let page = page.get(..limit).unwrap_or(page);
        let next = if from + page.len() < pods.len() { (from + page.len()).to_string() } else { String::new() };
        let head = format!(
            r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"resourceVersion":"9","continue":"{next}"}},"items":["#
        );
        let body = format!("{head}{}]}}", page.join(","));
        // The question of who listens is about one object.
        if limit > 1 {
            seen.lists.fetch_add(usize::from(from == 0), Ordering::SeqCst);
            seen.pages.fetch_add(1, Ordering::SeqCst);
            seen.bytes.fetch_add(body.len(), Ordering::SeqCst);
        }
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")?;
    }
}
