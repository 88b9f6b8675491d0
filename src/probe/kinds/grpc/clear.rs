//! Whether a peer speaks HTTP/2 in the clear, found out without asking anything of it.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout_at;

use super::Refusal;
use super::facts::Endpoint;
use super::place::Place;
use crate::model::Reason;
use crate::probe::ProbeCx;
use crate::probe::line::line;
use crate::probe::net::from_io;

/// How a client begins HTTP/2: the preface, and empty settings.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
/// As much of the answer as is needed to know it: `HTTP/1.1 400`.
const HEAD: usize = 12;
/// A head of an HTTP/2 frame, and the type of settings in it.
const FRAME: usize = 9;
const SETTINGS: u8 = 4;
/// The first bytes of an alert of TLS.
const ALERT: [u8; 2] = [21, 3];

/// What the peer does with it.
pub(super) async fn look(cx: &ProbeCx, place: &Place) -> Endpoint {
    let what = place.what();
    let failed = |reason: Reason, seen: String| Endpoint {
        endpoint: what.clone(),
        reason: Some(reason.as_str().to_owned()),
        seen,
        ..Endpoint::default()
    };
    let mut stream = match cx.clients().dial(cx, &place.address.host, place.address.port).await {
        Ok(dialed) => dialed.stream,
        Err(error) => return failed(error.reason, error.detail),
    };
    let mut head = Vec::with_capacity(64);
    let exchange = async {
        stream.write_all(HELLO).await?;
        while head.len() < HEAD && stream.read_buf(&mut head).await? > 0 {}
        io::Result::Ok(())
    };
    match timeout_at(cx.deadline(), exchange).await {
        Err(_) if head.is_empty() => failed(Reason::Timeout, format!("{what} neither answers nor closes")),
        Ok(Err(error)) if head.is_empty() && !is_close(&error) => {
            let error = from_io(&error, &what);
            failed(error.reason, error.detail)
        }
        _ => judged(what, &head),
    }
}

fn is_close(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted
    )
}

fn judged(what: String, head: &[u8]) -> Endpoint {
    let refused = |seen: String| (Some(Refusal::Plaintext), false, None, seen);
    let accepted = |seen: String| (None, true, None, seen);
    let (refused, accepted, reason, seen) = if head.is_empty() {
        refused(format!("{what} closed the connection"))
    } else if head.starts_with(&ALERT) {
        refused(format!("{what} answered with an alert of TLS"))
    } else if head.starts_with(b"HTTP/1.") {
        let status = line(&String::from_utf8_lossy(head.get(..HEAD.min(head.len())).unwrap_or_default()), HEAD);
        if status.ends_with(" 400") {
            refused(format!("{what} answered {status}"))
        } else {
            accepted(format!("{what} answered in the clear: {status}"))
        }
    } else if head.len() >= FRAME && head.get(3) == Some(&SETTINGS) {
        accepted(format!("{what} began HTTP/2 in the clear"))
    } else {
        let seen = format!("{what} answered something that is neither HTTP nor TLS");
        (None, false, Some(Reason::Protocol.as_str().to_owned()), seen)
    };
    Endpoint { endpoint: what, refused, accepted, reason, seen }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_refuses_is_a_refusal() {
        let of = |head: &[u8]| {
            let seen = judged("h:1".to_owned(), head);
            (seen.refused.is_some(), seen.accepted)
        };
        assert_eq!(of(b""), (true, false));
        assert_eq!(of(&[21, 3, 3, 0, 2, 2, 70]), (true, false));
        assert_eq!(of(b"HTTP/1.0 400 Bad Request"), (true, false));
        assert_eq!(of(b"HTTP/1.1 200 OK"), (false, true));
        assert_eq!(of(b"\0\0\x12\x04\0\0\0\0\0\0\x03"), (false, true));
        assert_eq!(of(b"SSH-2.0-OpenSSH"), (false, false));
        assert_eq!(of(b"\0\0"), (false, false));
    }
}
