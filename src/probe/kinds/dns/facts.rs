//! What a name server answered, in words and numbers.

use std::collections::BTreeSet;

use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record as Raw, RecordType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Dns;
use crate::expect::Gap;
use crate::probe::net::dns::{Reply, Transport};

/// Records kept of one answer, and bytes of their text.
const RECORDS: usize = 256;
const TEXT_BYTES: usize = 64 * 1024;
/// Aliases followed.
const ALIASES: usize = 16;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DnsFacts {
    /// The name asked for. Names are in lower case and without the final dot, here and below.
    pub(super) name: String,
    /// The type asked for, such as `A`.
    #[serde(rename = "type")]
    pub(super) record: String,
    /// `noerror`, `nxdomain`, `servfail`, `refused`, `formerr`, `notimp`, or another by its name.
    pub(super) rcode: String,
    /// Data of the records of the type asked for, sorted, at the end of the aliases: `192.0.2.1` for
    /// A, `10 mail.example.org` for MX, `0 5 8080 web.example.org` (priority, weight, port, host) for
    /// SRV, `0 issue "ca.example"` for CAA.
    pub(super) values: Vec<String>,
    /// Names the aliases (CNAME) lead over, the last one included.
    pub(super) aliases: Vec<String>,
    /// Smallest time to live of the aliases and the values, in seconds; null if there are none.
    pub(super) min_ttl_s: Option<u32>,
    /// The largest one.
    pub(super) max_ttl_s: Option<u32>,
    /// All records of the answer.
    pub(super) answers: Vec<Record>,
    /// The server is responsible for the name, and did not answer from a cache.
    pub(super) authoritative: bool,
    /// The server says that it verified the answer (AD).
    pub(super) authenticated: bool,
    /// The server offers to ask others.
    pub(super) recursion_available: bool,
    /// The answer over UDP was cut off and came over TCP.
    pub(super) truncated: bool,
    /// Address of the server that answered.
    pub(super) server: String,
    /// What the answer came over: `udp` or `tcp`.
    pub(super) protocol: String,
    /// Seconds from the question to the answer.
    pub(super) duration_s: f64,
    /// The other servers of `servers`.
    pub(super) others: Vec<Other>,
    /// Records that were left out because the answer is too long.
    pub(super) omitted: usize,
}

/// One record of the answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Record {
    name: String,
    #[serde(rename = "type")]
    record: String,
    ttl_s: u32,
    data: String,
}

/// What another server answered to the same question.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Other {
    pub(super) server: String,
    pub(super) rcode: String,
    pub(super) values: Vec<String>,
    pub(super) authoritative: bool,
}

impl DnsFacts {
    pub(super) fn of(dns: &Dns, name: &Name, reply: &Reply) -> Self {
        let head = &reply.message.metadata;
        let answers = &reply.message.answers;
        let wanted = dns.record.wire();
        let (aliases, relevant) = chain(name, wanted, answers);
        let ttls = || relevant.iter().map(|record| record.ttl);
        let mut kept = Vec::new();
        let mut bytes = 0;
        for record in answers {
            let record = Record::of(record);
            bytes += record.name.len() + record.data.len();
            if kept.len() == RECORDS || bytes > TEXT_BYTES {
                break;
            }
            kept.push(record);
        }
        let values: BTreeSet<String> =
            relevant.iter().filter(|record| record.record_type() == wanted).map(|record| data(&record.data)).collect();
        let omitted = answers.len() - kept.len();
        Self {
            name: text(name),
            record: wanted.to_string(),
            rcode: rcode(head.response_code),
            // What was left out may be one of them.
            values: if omitted == 0 { values.into_iter().collect() } else { Vec::new() },
            aliases: aliases.iter().map(text).collect(),
            min_ttl_s: ttls().min(),
            max_ttl_s: ttls().max(),
            answers: kept,
            authoritative: head.authoritative,
            authenticated: head.authentic_data,
            recursion_available: head.recursion_available,
            truncated: reply.truncated,
            server: reply.server.to_string(),
            protocol: match reply.transport {
                Transport::Udp => "udp".to_owned(),
                Transport::Tcp => "tcp".to_owned(),
            },
            duration_s: reply.took.as_secs_f64(),
            others: Vec::new(),
            omitted,
        }
    }

    pub(super) fn as_other(&self) -> Other {
        Other {
            server: self.server.clone(),
            rcode: self.rcode.clone(),
            values: self.values.clone(),
            authoritative: self.authoritative,
        }
    }

    pub(super) fn gaps(&self) -> Vec<Gap> {
        if self.omitted == 0 {
            return Vec::new();
        }
        let why = format!("the answer has {} records more than are kept", self.omitted);
        let gap = |field| Gap { field, why: why.clone(), hides: true };
        vec![gap("answers"), gap("values")]
    }
}

impl Record {
    fn of(record: &Raw) -> Self {
        Self {
            name: text(&record.name),
            record: record.record_type().to_string(),
            ttl_s: record.ttl,
            data: data(&record.data),
        }
    }
}

/// The aliases from `name` on, and the records that make up the answer: theirs, and those of the
/// type asked for at the end. Records of other names are no part of it.
fn chain<'a>(name: &Name, wanted: RecordType, answers: &'a [Raw]) -> (Vec<Name>, Vec<&'a Raw>) {
    let (mut at, mut aliases, mut relevant) = (name.clone(), Vec::new(), Vec::new());
    loop {
        let here = || answers.iter().filter(|record| record.name == at);
        let found: Vec<&Raw> = here().filter(|record| record.record_type() == wanted).collect();
        let alias = here().find_map(|record| match &record.data {
            RData::CNAME(target) => Some((record, target.0.clone())),
            _ => None,
        });
        match alias {
            Some((record, target)) if found.is_empty() && aliases.len() < ALIASES => {
                relevant.push(record);
                aliases.push(target.clone());
                at = target;
            }
            _ => {
                relevant.extend(found);
                return (aliases, relevant);
            }
        }
    }
}

fn rcode(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "noerror".to_owned(),
        ResponseCode::NXDomain => "nxdomain".to_owned(),
        ResponseCode::ServFail => "servfail".to_owned(),
        ResponseCode::Refused => "refused".to_owned(),
        ResponseCode::FormErr => "formerr".to_owned(),
        ResponseCode::NotImp => "notimp".to_owned(),
        ResponseCode::Unknown(number) => format!("unknown {number}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Lower case, without the final dot; the root is `.`.
pub(super) fn text(name: &Name) -> String {
    let text = name.to_ascii().to_lowercase();
    match text.strip_suffix('.') {
        Some(short) if !short.is_empty() => short.to_owned(),
        _ => text,
    }
}

fn data(data: &RData) -> String {
    match data {
        RData::CNAME(name) => text(&name.0),
        RData::NS(name) => text(&name.0),
        RData::PTR(name) => text(&name.0),
        RData::MX(mx) => format!("{} {}", mx.preference, text(&mx.exchange)),
        RData::SRV(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, text(&srv.target)),
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {} {}",
            text(&soa.mname),
            text(&soa.rname),
            soa.serial,
            soa.refresh,
            soa.retry,
            soa.expire,
            soa.minimum
        ),
        RData::TXT(txt) => String::from_utf8_lossy(&txt.txt_data.concat()).into_owned(),
        RData::OPT(_) => String::new(),
        other => other.to_string(),
    }
}
