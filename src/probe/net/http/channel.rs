//! An HTTP/1.1 or HTTP/2 connection that is driven by whoever waits on it; no task of its own.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};

use crate::probe::net::Stream;
use crate::probe::net::tasks::{Runner, Tasks};

/// Response headers beyond this are an error.
pub(super) const MAX_HEAD: usize = 64 << 10;
pub(super) const MAX_HEADERS: usize = 256;

type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

pub(super) struct Channel {
    sender: Sender,
    /// Gone when the connection has ended.
    connection: Option<Connection>,
    tasks: Option<Runner>,
}

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Channel {
    pub(super) async fn one(stream: Stream) -> hyper::Result<Self> {
        // hyper's own limit of a hundred headers costs less, but an answer with more of them is a good one.
        let (sender, connection) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .max_buf_size(2 * MAX_HEAD)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Self { sender: Sender::One(sender), connection: Some(Box::pin(connection)), tasks: None })
    }

    pub(super) async fn two(stream: Stream) -> hyper::Result<Self> {
        let tasks = Tasks::default();
        let (sender, connection) = http2::Builder::new(tasks.clone())
            .timer(TokioTimer::new())
            .max_header_list_size(MAX_HEAD as u32)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Self {
            sender: Sender::Two(sender),
            connection: Some(Box::pin(connection)),
            tasks: Some(Runner::new(tasks)),
        })
    }

    pub(super) fn is_two(&self) -> bool {
        matches!(self.sender, Sender::Two(_))
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        let Self { sender, connection, tasks } = self;
        match sender {
            Sender::One(sender) => drive(connection, tasks, sender.send_request(request)).await,
            Sender::Two(sender) => drive(connection, tasks, sender.send_request(request)).await,
        }
    }

    /// Waits for `wanted` while the connection is driven.
    pub(super) async fn drive<F: Future>(&mut self, wanted: F) -> F::Output {
        drive(&mut self.connection, &mut self.tasks, wanted).await
    }

    /// True if another request can be sent; drives the connection until that is known.
    pub(super) async fn settle(&mut self) -> bool {
        let Self { sender, connection, tasks } = self;
        match sender {
            Sender::One(sender) => drive(connection, tasks, sender.ready()).await.is_ok(),
            Sender::Two(sender) => drive(connection, tasks, sender.ready()).await.is_ok(),
        }
    }
}

async fn drive<F: Future>(connection: &mut Option<Connection>, tasks: &mut Option<Runner>, wanted: F) -> F::Output {
    let mut wanted = pin!(wanted);
    std::future::poll_fn(|cx| {
        // What is wanted goes first: it may hand work to the connection.
        if let Poll::Ready(output) = wanted.as_mut().poll(cx) {
            return Poll::Ready(output);
        }
        // An error of the connection reaches `wanted` by its channel.
        if let Some(running) = connection
            && running.as_mut().poll(cx).is_ready()
        {
            *connection = None;
        }
        if let Some(tasks) = tasks {
            tasks.poll(cx);
        }
        // What was driven may have made it ready; its waker need not have been told.
        wanted.as_mut().poll(cx)
    })
    .await
}
