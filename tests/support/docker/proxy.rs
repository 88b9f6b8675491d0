//! A proxy of the engine's socket that lets through only what reads, as people put one before it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Ends when dropped. Closes after each answer.
pub(crate) struct GetOnly {
    port: u16,
    ended: Arc<AtomicBool>,
    /// Method and path of each request.
    asked: Arc<Mutex<Vec<String>>>,
}

impl GetOnly {
    /// `allowed`: the beginnings of paths, after the version, that may be read; any if empty.
    pub(crate) fn start(socket: &Path, allowed: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("address").port();
        let (ended, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (socket, end, log) = (socket.to_owned(), Arc::clone(&ended), Arc::clone(&asked));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let (socket, log) = (socket.clone(), Arc::clone(&log));
                std::thread::spawn(move || serve(client, &socket, allowed, &log));
            }
        });
        Self { port, ended, asked }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("log").clone()
    }
}

impl Drop for GetOnly {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // So that it sees it.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(mut client: TcpStream, socket: &PathBuf, allowed: &[&str], log: &Mutex<Vec<String>>) {
    let Some(head) = head(&mut client) else { return };
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    log.lock().expect("log").push(format!("{method} {path}"));
    let bare =
        path.strip_prefix("/v").and_then(|rest| rest.find('/').map(|at| &rest[at..])).filter(|_| path != "/version");
    let bare = bare.unwrap_or(&path);
    let may = allowed.is_empty() || allowed.iter().any(|start| bare.starts_with(start));
    if !matches!(method.as_str(), "GET" | "HEAD") || !may {
        let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\nconnection: close\r\n\r\nForbidden");
        return;
    }
    let Ok(mut engine) = UnixStream::connect(socket) else { return };
    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    if engine.write_all(head.as_bytes()).is_ok() {
        let _ = std::io::copy(&mut engine, &mut client);
    }
}

/// To the empty line; requests that read have no body.
fn head(client: &mut TcpStream) -> Option<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16_384 {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}
