//! The name servers of Phoenix' public names: two real ones that agree, and a third that does not.

use serde_json::{Value, json};

use super::Server;
use crate::support::dns::NameServer;

const RECORDS: &[&str] = &[
    "--local=/phoenix.test/",
    "--host-record=api.phoenix.test,192.0.2.10,120",
    "--host-record=api.phoenix.test,192.0.2.11,120",
    "--host-record=phoenix.test,192.0.2.10,120",
    "--host-record=phoenix.test,192.0.2.11,120",
    "--host-record=short.phoenix.test,192.0.2.10,5",
    "--host-record=short.phoenix.test,192.0.2.11,5",
    "--host-record=half.phoenix.test,192.0.2.10,120",
    "--caa-record=phoenix.test,0,issue,letsencrypt.org",
];
const STALE: &[&str] = &[
    "--local=/phoenix.test/",
    "--host-record=api.phoenix.test,192.0.2.99,120",
    "--host-record=phoenix.test,192.0.2.99,120",
    "--caa-record=phoenix.test,0,issue,letsencrypt.org",
];

pub(crate) struct Names {
    first: NameServer,
    second: NameServer,
    stale: NameServer,
}

impl Names {
    pub(crate) fn start() -> Self {
        Self { first: NameServer::with(RECORDS), second: NameServer::with(RECORDS), stale: NameServer::with(STALE) }
    }
}

impl Server for Names {
    fn parameters(&self) -> Vec<(String, Value)> {
        let both = json!([self.first.address(), self.second.address()]);
        vec![("dns_resolvers".to_owned(), both.clone()), ("dns_name_servers".to_owned(), both)]
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![("first".to_owned(), self.first.address()), ("stale".to_owned(), self.stale.address())]
    }

    /// `pause`: the second takes questions and answers none.
    fn act(&mut self, verb: &str, _: &Value) -> Result<(), String> {
        match verb {
            "pause" => self.second.pause(),
            _ => return Err(format!("the name servers do not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.second.resume();
        Ok(())
    }
}
