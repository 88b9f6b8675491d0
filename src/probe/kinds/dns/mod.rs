//! `dns`: a name server answers a question as expected.
//!
//! A pass proves what one server answered at that moment (with `servers`, what each of them did).
//! It does not prove what others have in their caches, nor, unless `authenticated` is asked for,
//! that the answer is the owner's.

mod facts;
mod judge;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};

use facts::DnsFacts;
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::time::Instant;

use crate::expect::Gap;
use crate::model::{Reason, Timestamp, Verdict};
use crate::probe::net::dns::{Reply, Transport, system_name_servers};
use crate::probe::net::{Address, parse_address};
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Dns {
    /// Name of a target: the name server to ask, `dns://host`, `host:port` or an IP address.
    target: Option<String>,
    /// Name servers to ask instead, at most 8, written like a target's address. All must answer, and
    /// give the same answer. Without `target` and `servers` the name servers of this machine are
    /// asked, one after the other, until one knows.
    servers: Vec<String>,
    /// The name to ask for, in full: no search domain is added. For `PTR` also an IP address.
    name: String,
    /// The type of record to ask for.
    #[serde(rename = "type")]
    record: RecordKind,
    /// How to ask.
    protocol: Protocol,
    /// What the server must answer.
    expect_rcode: Rcode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum RecordKind {
    #[default]
    A,
    Aaaa,
    Caa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Soa,
    Srv,
    Txt,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Protocol {
    /// Over UDP, and over TCP if the answer is cut off.
    #[default]
    Udp,
    /// Over TCP.
    Tcp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Rcode {
    /// The name exists and has records of this type.
    #[default]
    Noerror,
    /// The name does not exist.
    Nxdomain,
    /// The server could not, for example because a signature does not hold.
    Servfail,
    /// The server does not answer this question to the exporter.
    Refused,
}

/// Servers compared by one check.
const SERVERS: usize = 8;
const PORT: u16 = 53;

impl RecordKind {
    fn wire(self) -> RecordType {
        match self {
            RecordKind::A => RecordType::A,
            RecordKind::Aaaa => RecordType::AAAA,
            RecordKind::Caa => RecordType::CAA,
            RecordKind::Cname => RecordType::CNAME,
            RecordKind::Mx => RecordType::MX,
            RecordKind::Ns => RecordType::NS,
            RecordKind::Ptr => RecordType::PTR,
            RecordKind::Soa => RecordType::SOA,
            RecordKind::Srv => RecordType::SRV,
            RecordKind::Txt => RecordType::TXT,
        }
    }
}

impl Rcode {
    fn as_str(self) -> &'static str {
        match self {
            Rcode::Noerror => "noerror",
            Rcode::Nxdomain => "nxdomain",
            Rcode::Servfail => "servfail",
            Rcode::Refused => "refused",
        }
    }
}

impl Dns {
    fn by_the_system(&self) -> bool {
        self.target.is_none() && self.servers.is_empty()
    }

    /// The name as it is asked for.
    fn question(&self) -> Result<Name, String> {
        if self.name.is_empty() {
            return Err("a name is needed".to_owned());
        }
        if self.record == RecordKind::Ptr
            && let Ok(address) = self.name.parse::<IpAddr>()
        {
            return Ok(Name::from(address));
        }
        let mut name = Name::from_str_relaxed(&self.name).map_err(|error| format!("not a name: {error}"))?;
        name.set_fqdn(true);
        Ok(name)
    }

    fn transport(&self) -> Transport {
        match self.protocol {
            Protocol::Udp => Transport::Udp,
            Protocol::Tcp => Transport::Tcp,
        }
    }

    /// All named servers, each in its share of the time.
    async fn each(&self, cx: &ProbeCx, servers: &[Address], query: &Query) -> Result<DnsFacts, ProbeError> {
        let mut facts: Option<DnsFacts> = None;
        for (done, server) in servers.iter().enumerate() {
            let reply = self.ask(cx, server, query, servers.len() - done).await?;
            let seen = DnsFacts::of(self, query.name(), &reply);
            match &mut facts {
                None => facts = Some(seen),
                Some(first) => {
                    first.omitted += seen.omitted;
                    first.others.push(seen.as_other());
                }
            }
        }
        facts.ok_or_else(|| ProbeError::unconfigured("no name server is configured"))
    }

    /// The servers of this machine in turn, until one knows whether the name exists. That none
    /// answers is not the fault of what is looked up.
    async fn in_turn(&self, cx: &ProbeCx, servers: &[SocketAddr], query: &Query) -> Result<DnsFacts, ProbeError> {
        let mut unsure = None;
        let mut why = "no name server is configured".to_owned();
        for (done, server) in servers.iter().enumerate() {
            let server = Address { scheme: None, user: None, host: server.ip().to_string(), port: server.port() };
            match self.ask(cx, &server, query, servers.len() - done).await {
                Ok(reply) => {
                    let facts = DnsFacts::of(self, query.name(), &reply);
                    if matches!(reply.message.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain) {
                        return Ok(facts);
                    }
                    unsure = Some(facts);
                }
                Err(error) => why = error.detail,
            }
        }
        unsure.ok_or_else(|| {
            ProbeError::observer(
                Reason::Dns,
                format!("no name server of this machine answered for {}: {why}", self.name),
            )
        })
    }

    async fn ask(&self, cx: &ProbeCx, server: &Address, query: &Query, left: usize) -> Result<Reply, ProbeError> {
        let share = cx.remaining() / u32::try_from(left.max(1)).unwrap_or(u32::MAX);
        cx.clients().ask_name_server(cx, server, query, self.transport(), Instant::now() + share).await
    }
}

/// `dns://host[:port]`, `host:port`, or an IP address alone.
fn server(text: &str) -> Result<Address, String> {
    match text.parse::<IpAddr>() {
        Ok(literal) => Ok(Address { scheme: None, user: None, host: literal.to_string(), port: PORT }),
        Err(_) => parse_address(text),
    }
}

impl Probe for Dns {
    const NAME: &'static str = "dns";
    const SUMMARY: &'static str = "A name server answers a question, and several agree.";
    type Facts = DnsFacts;

    fn check(&self, findings: &mut Findings) {
        if self.target.is_some() && !self.servers.is_empty() {
            findings.error("servers", "write either `target` or `servers`, not both");
        }
        if self.servers.len() > SERVERS {
            findings.error("servers", format!("at most {SERVERS} servers can be compared"));
        }
        for (index, text) in self.servers.iter().enumerate() {
            if let Err(why) = server(text) {
                let hint = "write an IP address, host:port or dns://host";
                findings.error_with_hint(&format!("servers[{index}]"), why, hint);
            }
        }
        if let Err(why) = self.question() {
            findings.error("name", why);
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.servers.first().and_then(|text| server(text).ok()).map(|at| at.to_string()).unwrap_or_default()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<DnsFacts, ProbeError> {
        let query = Query::query(self.question().map_err(ProbeError::unconfigured)?, self.record.wire());
        if self.by_the_system() {
            return self.in_turn(cx, &system_name_servers()?, &query).await;
        }
        let named = |text: &str| {
            server(text).map_err(|why| ProbeError::unconfigured(format!("the address cannot be used: {why}")))
        };
        let servers = match &self.target {
            Some(_) => vec![named(&cx.target()?.address)?],
            None => self.servers.iter().map(|text| named(text)).collect::<Result<_, _>>()?,
        };
        self.each(cx, &servers, &query).await
    }

    fn judge(&self, facts: &DnsFacts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }

    fn gaps(&self, facts: &DnsFacts) -> Vec<Gap> {
        facts.gaps()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("an answer of the name server")
    }

    /// A connection error proves no refusal and no absence.
    fn judge_error(&self, error: &ProbeError) -> Verdict {
        match self.expect_rcode {
            Rcode::Noerror => error.verdict(),
            _ => error.indeterminate(),
        }
    }
}
