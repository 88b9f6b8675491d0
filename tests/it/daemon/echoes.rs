//! Servers that repeat what they were told, the password too.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};

/// Stands before what is repeated.
pub(super) const ECHOED: &str = "it was said to me";

/// Takes every login. INFO is answered with all that was said, and any other command refused with it.
pub(super) fn redis() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let address = listener.local_addr().expect("address").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut said = String::new();
            for word in BufReader::new(stream.try_clone().expect("socket")).lines().map_while(Result::ok) {
                said = format!("{said} {word}");
                let _ = match word.as_str() {
                    "INFO" => {
                        let info = format!("# Server\r\nsaid:{ECHOED}{said}\r\n");
                        write!(stream, "${}\r\n{info}\r\n", info.len())
                    }
                    "PING" => write!(stream, "-ERR {ECHOED}{said}\r\n"),
                    // The last word of a login. A user goes before it.
                    word if word.contains("c4nary") => write!(stream, "+OK\r\n"),
                    _ => Ok(()),
                };
            }
        }
    });
    address
}

/// Refuses every call with the request itself as the reason.
pub(super) fn etcd() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    listener.set_nonblocking(true).expect("listener");
    let address = listener.local_addr().expect("address").to_string();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        // The connection goes on only while it is accepted from.
                        tokio::spawn(async move {
                            let mut body = request.into_body();
                            let mut said = Vec::new();
                            while let Some(Ok(data)) = body.data().await {
                                said.extend_from_slice(&data);
                            }
                            let head = Response::builder().header("content-type", "application/grpc");
                            let mut answer =
                                respond.send_response(head.body(()).expect("head"), false).expect("answer");
                            answer.send_data(Bytes::new(), false).expect("data");
                            answer.send_trailers(refusal(&said)).expect("trailers");
                        });
                    }
                });
            }
        });
    });
    address
}

fn refusal(said: &[u8]) -> HeaderMap {
    let readable: String =
        said.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { ' ' }).collect();
    let message = HeaderValue::from_str(&format!("{ECHOED} {readable}")).expect("header");
    HeaderMap::from_iter(
        [("grpc-status", HeaderValue::from_static("3")), ("grpc-message", message)]
            .map(|(name, value)| (http::HeaderName::from_static(name), value)),
    )
}
