//! What the bytes of an answer of HTTP/1 say about the connection that they came on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How an answer ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// Nothing of HTTP came.
    #[default]
    None,
    /// It broke off.
    Cut,
    /// It is whole, and the server ends each such connection: it says so, or the end of the connection is the
    /// end of the answer.
    Ends,
    /// It is whole, and the connection is kept for the next request.
    Kept,
}

const LINE_END: &[u8] = b"\r\n";
const EMPTY_LINE: &[u8] = b"\r\n\r\n";

impl Answer {
    /// Of all bytes that came.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        loop {
            if !rest.starts_with(b"HTTP/") {
                // Behind an interim answer there must be another one.
                return if rest.len() == bytes.len() { Self::None } else { Self::Cut };
            }
            let end = rest.windows(EMPTY_LINE.len()).position(|window| window == EMPTY_LINE);
            let Some((head, body)) = end.and_then(|end| rest.split_at_checked(end + EMPTY_LINE.len())) else {
                return Self::Cut;
            };
            let head = String::from_utf8_lossy(head).to_ascii_lowercase();
            let status = head.split([' ', '\r']).nth(1).and_then(|status| status.parse::<u16>().ok()).unwrap_or(0);
            if !(100..200).contains(&status) {
                return of_final(&head, status, body);
            }
            rest = body;
        }
    }
}

/// `head` is in lower case.
fn of_final(head: &str, status: u16, body: &[u8]) -> Answer {
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let (mut says_close, mut says_keep, mut chunked, mut length) = (false, false, false, None);
    for (name, value) in fields.by_ref() {
        let says = |word: &str| value.split(',').any(|part| part.trim() == word);
        match name.trim() {
            "connection" => {
                says_close |= says("close");
                says_keep |= says("keep-alive");
            }
            "transfer-encoding" => chunked |= says("chunked"),
            "content-length" => length = value.trim().parse::<usize>().ok(),
            _ => {}
        }
    }
    let old = head.starts_with("http/1.0") && !says_keep;
    let whole = match length {
        _ if matches!(status, 204 | 304) => true,
        _ if chunked => has_last_chunk(body),
        Some(length) => body.len() >= length,
        None => return Answer::Ends,
    };
    match whole {
        false => Answer::Cut,
        true if says_close || old => Answer::Ends,
        true => Answer::Kept,
    }
}

/// Whether the last chunk is there, and the empty line behind the fields that may follow it.
fn has_last_chunk(body: &[u8]) -> bool {
    let mut rest = body;
    loop {
        let Some((head, behind)) = first_line(rest) else { return false };
        let size = head.split(|byte| *byte == b';').next().and_then(|size| std::str::from_utf8(size).ok());
        let Some(size) = size.and_then(|size| usize::from_str_radix(size.trim(), 16).ok()) else { return false };
        if size == 0 {
            return behind.starts_with(LINE_END) || behind.windows(EMPTY_LINE.len()).any(|window| window == EMPTY_LINE);
        }
        let next = size.checked_add(LINE_END.len()).and_then(|end| behind.get(end..));
        let Some(next) = next else { return false };
        rest = next;
    }
}

/// A line without its end, and what is behind it.
fn first_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.windows(LINE_END.len()).position(|window| window == LINE_END)?;
    Some((bytes.get(..end)?, bytes.get(end + LINE_END.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_what_becomes_of_its_connection() {
        for (text, answer) in [
            ("", Answer::None),
            ("SSH-2.0-x\r\n\r\n", Answer::None),
            ("HTTP/1.1 200 OK\r\ncontent-le", Answer::Cut),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", Answer::Cut),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", Answer::Kept),
            ("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", Answer::Ends),
            ("HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 1\r\n\r\n", Answer::Cut),
            ("HTTP/1.1 200 OK\r\n\r\nabc", Answer::Ends),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Answer::Ends),
            ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", Answer::Kept),
            ("HTTP/1.1 204 No Content\r\n\r\n", Answer::Kept),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", Answer::Cut),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", Answer::Kept),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA;x=1\r\n0\r\n\r\n56789\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n",
                Answer::Kept,
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n", Answer::Cut),
            // What looks like the end is content.
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n1\r\n0\r\n\r\n", Answer::Cut),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\na\r\n0\r\n\r\n", Answer::Cut),
            ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", Answer::Cut),
            ("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Answer::Kept),
        ] {
            assert_eq!(Answer::read(text.as_bytes()), answer, "{text}");
        }
    }
}
