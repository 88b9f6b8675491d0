//! The client that all servers are measured with: one kept connection, nothing parsed but the
//! head, the body read and thrown away.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const BUFFER: usize = 256 * 1024;

pub(crate) struct Client {
    stream: TcpStream,
    address: String,
    buffer: Vec<u8>,
}

pub(crate) struct Answer {
    /// Of the body, as sent.
    pub(crate) bytes: usize,
    /// From the first byte of the request to the last of the answer.
    pub(crate) took: Duration,
}

impl Client {
    /// `address` is `host:port`.
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream, address: address.to_owned(), buffer: vec![0; BUFFER] })
    }

    /// Asks as Prometheus does, and counts the body.
    pub(crate) fn time(&mut self, path: &str, gzip: bool) -> io::Result<Answer> {
        self.exchange(path, gzip, |_| {})
    }

    /// The body, not compressed.
    pub(crate) fn body(&mut self, path: &str) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        self.exchange(path, false, |part| body.extend_from_slice(part))?;
        Ok(body)
    }

    fn exchange(&mut self, path: &str, gzip: bool, mut take: impl FnMut(&[u8])) -> io::Result<Answer> {
        let coding = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{coding}Accept: text/plain\r\n\r\n", self.address);
        let begun = Instant::now();
        self.stream.write_all(request.as_bytes())?;
        let (head, mut filled) = self.head()?;
        let text = String::from_utf8_lossy(self.buffer.get(..head).unwrap_or_default()).to_ascii_lowercase();
        if !text.starts_with("http/1.1 200") {
            return Err(io::Error::other(format!("GET {path}: {text}")));
        }
        if text.contains("content-encoding: gzip") != gzip {
            return Err(io::Error::other(format!("GET {path}: not in the coding asked for: {text}")));
        }
        let mut body = Body::of(&text)?;
        let mut start = head;
        loop {
            let ended = body.feed(self.buffer.get(start..filled).unwrap_or_default(), &mut take)?;
            if ended {
                return Ok(Answer { bytes: body.bytes, took: begun.elapsed() });
            }
            start = 0;
            filled = self.stream.read(&mut self.buffer)?;
            if filled == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Where the head ends and how much of the buffer is filled.
    fn head(&mut self) -> io::Result<(usize, usize)> {
        let mut filled = 0;
        loop {
            let got = self.stream.read(self.buffer.get_mut(filled..).unwrap_or_default())?;
            filled += got;
            let end = self.buffer.get(..filled).unwrap_or_default().windows(4).position(|four| four == b"\r\n\r\n");
            match end {
                Some(end) => return Ok((end + 4, filled)),
                None if got == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => {}
            }
        }
    }
}

/// Follows the framing of a body.
struct Body {
    /// Of the present chunk, or of the whole body.
    left: usize,
    chunked: bool,
    /// The line with the size of the next chunk, as far as it has come.
    line: Vec<u8>,
    bytes: usize,
}

impl Body {
    /// `head` in lower case.
    fn of(head: &str) -> io::Result<Self> {
        let chunked = head.contains("transfer-encoding: chunked");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        match length {
            _ if chunked => Ok(Self { left: 0, chunked, line: Vec::new(), bytes: 0 }),
            Some(left) => Ok(Self { left, chunked, line: Vec::new(), bytes: 0 }),
            None => Err(io::Error::other("no length")),
        }
    }

    /// True once the body has ended.
    fn feed(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&[u8])) -> io::Result<bool> {
        loop {
            let (part, rest) = bytes.split_at(self.left.min(bytes.len()));
            take(part);
            self.left -= part.len();
            self.bytes += part.len();
            bytes = rest;
            if !self.chunked {
                return Ok(self.left == 0);
            }
            if self.left > 0 {
                return Ok(false);
            }
            // Between chunks: an empty line after the one before, then the size.
            while self.left == 0 {
                let Some((byte, rest)) = bytes.split_first() else { return Ok(false) };
                bytes = rest;
                self.line.push(*byte);
                let Some(size) = self.line.strip_suffix(b"\r\n").filter(|size| !size.is_empty()) else {
                    if self.line == b"\r\n" {
                        self.line.clear();
                    }
                    continue;
                };
                let size = std::str::from_utf8(size).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
                self.left = size.ok_or_else(|| io::Error::other("not a chunk"))?;
                self.line.clear();
                if self.left == 0 {
                    return Ok(true);
                }
            }
        }
    }
}
