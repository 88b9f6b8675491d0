//! One question to one name server, over UDP or TCP, with the whole answer.
//!
//! Only a message that belongs to the question is an answer: same id, same question, from the
//! address that was asked. Others are ignored, and said if no answer comes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::config::ProtocolConfig;
use hickory_resolver::proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_resolver::system_conf::read_system_conf;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::{Address, Clients, Took, from_io, spoken};
use crate::model::Reason;
use crate::probe::{ProbeCx, ProbeError};

/// Bytes of a datagram that pass every network unfragmented (DNS flag day 2020).
const PAYLOAD: u16 = 1232;
/// A datagram may be larger than what was asked for.
const DATAGRAM: usize = 4096;
/// Datagrams that are no answer to the question; after so many nobody waits for the answer.
const STRAYS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// What a name server answered.
pub(crate) struct Reply {
    pub(crate) message: Message,
    pub(crate) server: SocketAddr,
    /// The one the answer came over.
    pub(crate) transport: Transport,
    /// The answer over UDP was cut off, and asked for again over TCP.
    pub(crate) truncated: bool,
    pub(crate) took: Duration,
}

/// The name servers of this machine, in the order of its configuration.
pub(crate) fn system_name_servers() -> Result<Vec<SocketAddr>, ProbeError> {
    let (config, _) = read_system_conf().map_err(|error| {
        ProbeError::observer(Reason::Dns, format!("the system's resolver configuration cannot be used: {error}"))
    })?;
    let udp = config.name_servers().iter().filter_map(|server| {
        let connection = server.connections.iter().find(|one| matches!(one.protocol, ProtocolConfig::Udp))?;
        Some(SocketAddr::new(server.ip, connection.port))
    });
    let servers: Vec<SocketAddr> = udp.collect();
    match servers.is_empty() {
        true => Err(ProbeError::observer(Reason::Dns, "the system's configuration names no name server")),
        false => Ok(servers),
    }
}

impl Clients {
    /// Asks `server` until `until`. Over UDP, an answer that was cut off is asked for again over
    /// TCP. Silence, a refused connection and what is no answer are the server's fault.
    pub(crate) async fn ask_name_server(
        &self,
        cx: &ProbeCx,
        server: &Address,
        query: &Query,
        transport: Transport,
        until: Instant,
    ) -> Result<Reply, ProbeError> {
        let addresses = self.resolve(cx, &server.host).await?;
        let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        let mut failed = None;
        for address in addresses {
            let until = Instant::now() + until.saturating_duration_since(Instant::now()) / left.max(1);
            left = left.saturating_sub(1);
            let exchange = Exchange {
                cx,
                query,
                server: SocketAddr::new(address, server.port),
                what: format!("the name server {server}"),
                begun: Instant::now(),
                until,
            };
            match self.exchange(&exchange, transport).await {
                Ok(reply) => return Ok(reply),
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| ProbeError::internal(format!("no address of {server} was asked"))))
    }

    async fn exchange(&self, exchange: &Exchange<'_>, transport: Transport) -> Result<Reply, ProbeError> {
        let (server, begun) = (exchange.server, exchange.begun);
        let answered = |message, transport, truncated| {
            exchange.cx.note("dns", format!("{server} over {transport:?} in {}", Took(begun.elapsed())));
            Reply { message, server, transport, truncated, took: begun.elapsed() }
        };
        if transport == Transport::Udp {
            let message = exchange.over_udp().await?;
            if !message.metadata.truncation {
                return Ok(answered(message, Transport::Udp, false));
            }
            return match self.over_tcp(exchange).await {
                Ok(message) => Ok(answered(message, Transport::Tcp, true)),
                Err(error) => {
                    let detail = format!("the answer over UDP was cut off, and over TCP {}", error.detail);
                    Err(ProbeError { detail, ..error })
                }
            };
        }
        Ok(answered(self.over_tcp(exchange).await?, Transport::Tcp, false))
    }

    async fn over_tcp(&self, exchange: &Exchange<'_>) -> Result<Message, ProbeError> {
        let work = async {
            let (host, port) = (exchange.server.ip().to_string(), exchange.server.port());
            let mut stream = self.dial(exchange.cx, &host, port).await?.stream;
            let request = exchange.request()?;
            exchange.over_stream(&mut stream, &request).await.map_err(|error| from_io(&error, &exchange.what))
        };
        let (request_id, bytes) = timeout_at(exchange.until, work).await.map_err(|_| exchange.silence())??;
        exchange.read(request_id, &bytes).ok_or_else(|| {
            let detail = format!("{} answered something that is no answer to the question", exchange.what);
            ProbeError::target(Reason::Protocol, detail)
        })
    }
}

/// One question to one address.
struct Exchange<'a> {
    cx: &'a ProbeCx,
    query: &'a Query,
    server: SocketAddr,
    /// The server as sentences name it.
    what: String,
    begun: Instant,
    until: Instant,
}

/// A message as it is sent, and its id.
struct Request {
    id: u16,
    bytes: Vec<u8>,
}

impl Exchange<'_> {
    /// With recursion desired, and asking for the flag of a validating server.
    fn request(&self) -> Result<Request, ProbeError> {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.metadata.authentic_data = true;
        message.add_query(self.query.clone());
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD);
        message.set_edns(edns);
        let bytes = message
            .to_vec()
            .map_err(|error| ProbeError::internal(format!("the question could not be encoded: {error}")))?;
        Ok(Request { id: message.metadata.id, bytes })
    }

    /// A lost datagram is normal: the question is sent once more after half of the time.
    async fn over_udp(&self) -> Result<Message, ProbeError> {
        let request = self.request()?;
        let socket = self.socket().await.map_err(|error| from_io(&error, &self.what))?;
        let again = Instant::now() + self.until.saturating_duration_since(Instant::now()) / 2;
        let mut sent_again = false;
        let mut buffer = vec![0; DATAGRAM];
        let mut strays = 0;
        self.send(&socket, &request).await?;
        while strays < STRAYS {
            let wait = if sent_again { self.until } else { again };
            match timeout_at(wait, socket.recv(&mut buffer)).await {
                Ok(Ok(length)) => match self.read(request.id, buffer.get(..length).unwrap_or_default()) {
                    Some(message) => return Ok(message),
                    None => strays += 1,
                },
                Ok(Err(error)) => return Err(from_io(&error, &self.what)),
                Err(_) if sent_again => break,
                Err(_) => {
                    sent_again = true;
                    self.cx.note("dns", format!("asked {} again", self.server));
                    self.send(&socket, &request).await?;
                }
            }
        }
        match strays {
            0 => Err(self.silence()),
            many => {
                let messages = if many == 1 { "1 message".to_owned() } else { format!("{many} messages") };
                let detail = format!("{} sent {messages} and none is an answer to the question", self.what);
                Err(ProbeError::target(Reason::Protocol, detail))
            }
        }
    }

    async fn send(&self, socket: &UdpSocket, request: &Request) -> Result<(), ProbeError> {
        let sent = timeout_at(self.until, socket.send(&request.bytes)).await.map_err(|_| self.silence())?;
        sent.map(|_| ()).map_err(|error| from_io(&error, &self.what))
    }

    /// Connected, so that the kernel hands over datagrams of this server only, and says if its port
    /// is closed.
    async fn socket(&self) -> io::Result<UdpSocket> {
        let any: IpAddr = match self.server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(self.server).await?;
        Ok(socket)
    }

    async fn over_stream(&self, stream: &mut tokio::net::TcpStream, request: &Request) -> io::Result<(u16, Vec<u8>)> {
        let length = u16::try_from(request.bytes.len()).map_err(io::Error::other)?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend(&request.bytes);
        stream.write_all(&framed).await?;
        let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut bytes).await?;
        Ok((request.id, bytes))
    }

    /// The message, if it answers the question. An error may come without the question.
    fn read(&self, id: u16, bytes: &[u8]) -> Option<Message> {
        let message = Message::from_vec(bytes).ok()?;
        let head = &message.metadata;
        let ours = head.id == id && head.message_type == MessageType::Response && head.op_code == OpCode::Query;
        let bare =
            message.queries.is_empty() && !matches!(head.response_code, ResponseCode::NoError | ResponseCode::NXDomain);
        (ours && (bare || message.queries == [self.query.clone()])).then_some(message)
    }

    fn silence(&self) -> ProbeError {
        let detail = format!("{} did not answer within {}", self.what, spoken(self.until - self.begun));
        ProbeError::target(Reason::Timeout, detail)
    }
}
