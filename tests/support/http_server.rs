//! A small HTTP server for doubles: one thread a connection, one answer a connection.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

/// Bytes of a request body that are read before the answer; the rest is read after it.
const READ: u64 = 100 * 1024;

/// One request, as it came.
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query, still encoded.
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// As the client announced it.
    pub(crate) body_bytes: u64,
}

/// One answer. A text body is sent as it is, any other as JSON; null is no body. With the status 0
/// the connection is closed without one.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
    /// How old the `timestamp` of the body is made, in seconds.
    pub(crate) age_s: i64,
    pub(crate) delay: Duration,
    /// Instead of all this, the server on this port of loopback answers, and has the connection.
    pub(crate) tunnel: Option<u16>,
    /// Instead of all this, written by whoever made it, head and all, until it returns.
    pub(crate) by: Option<Written>,
}

pub(crate) type Written = Arc<dyn Fn(&TcpStream) -> std::io::Result<()> + Send + Sync>;

pub(crate) struct HttpServer {
    pub(crate) port: u16,
}

impl Asked {
    /// `METHOD /path?query`.
    pub(crate) fn route(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The path and the query, decoded.
    pub(crate) fn decoded(&self) -> String {
        percent_encoding::percent_decode_str(&self.target).decode_utf8_lossy().into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, body, ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl HttpServer {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                // A client that goes away is no concern of the server.
                std::thread::spawn(move || drop(serve(&stream, &*answer)));
            }
        });
        Self { port }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn serve(stream: &TcpStream, answer: &dyn Fn(&Asked) -> Answer) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let body_bytes: u64 = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    if body_bytes <= READ {
        reader.by_ref().take(body_bytes).read_to_end(&mut body)?;
    }
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let asked = Asked { method, target, headers, body, body_bytes };
    let answer = answer(&asked);
    std::thread::sleep(answer.delay);
    if let Some(port) = answer.tunnel {
        return tunnel(stream, reader, &asked, port);
    }
    if let Some(by) = &answer.by {
        return by(stream);
    }
    if answer.status == 0 {
        return Ok(());
    }
    send(stream, answer)?;
    // Closing with unread bytes would reset the connection, and the answer would be lost.
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    std::io::copy(&mut reader, &mut std::io::sink())?;
    Ok(())
}

/// Asks the other server the same, and copies both ways until one side ends.
fn tunnel(mut stream: &TcpStream, mut rest: BufReader<&TcpStream>, asked: &Asked, port: u16) -> std::io::Result<()> {
    let mut other = TcpStream::connect(("127.0.0.1", port))?;
    let mut head = format!("{} {} HTTP/1.1\r\n", asked.method, asked.target);
    for (name, value) in &asked.headers {
        head += &format!("{name}: {value}\r\n");
    }
    other.write_all(format!("{head}\r\n").as_bytes())?;
    let mut answers = other.try_clone()?;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _ = std::io::copy(&mut answers, &mut stream);
            let _ = stream.shutdown(Shutdown::Both);
        });
        let _ = std::io::copy(&mut rest, &mut other);
        let _ = other.shutdown(Shutdown::Both);
    });
    Ok(())
}

fn send(mut stream: &TcpStream, mut answer: Answer) -> std::io::Result<()> {
    if let Some(timestamp) = answer.body.get_mut("timestamp").filter(|timestamp| *timestamp == "") {
        let then = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(answer.age_s);
        *timestamp = then.to_string().into();
    }
    let body = match &answer.body {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    let typed = answer.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !typed && !answer.body.is_null() {
        answer = answer.with("content-type", "application/json; charset=utf-8");
    }
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n", answer.status, body.len());
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())
}
