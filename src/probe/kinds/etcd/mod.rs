//! `etcd`: the members of a cluster, and what it stores, by read-only calls.
//!
//! A pass proves what the calls named in `rpc` and the read of `key` or `prefix` yielded over fresh
//! connections. The read is linearizable, so it also proves a quorum. It does not prove that other
//! users or keys can be read, nor that the cluster survives the loss of a member.
//!
//! Nothing is changed. A login and the question for alarms do pass through the log of the cluster,
//! as in every client.

mod ask;
mod endpoint;
mod facts;
mod fault;
mod judge;
mod listen;
mod look;
mod session;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use facts::Facts;

use crate::expect::Gap;
use crate::model::{Access, Timestamp, Verdict};
use crate::probe::{Changes, Findings, Probe, ProbeCx, ProbeError};

/// Looks at the members of an etcd cluster, and reads keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Etcd {
    /// Name of the target. Its address is `http://host:port` or `https://host:port` of one member,
    /// its credential is the password of `user`.
    target: Option<String>,
    /// Addresses of the members to look at, instead of the target's own.
    endpoints: Vec<String>,
    /// Who logs in. Without a credential nobody does.
    user: Option<String>,
    /// Replaces the target's credential.
    credential: Option<String>,
    /// Logs in as nobody, and shows no client certificate.
    anonymous: bool,
    /// What to ask for besides keys. With `status` every endpoint must answer and know the same
    /// leader; all else is asked of the first endpoint that answers.
    rpc: Vec<Rpc>,
    /// One key to read; it need not exist.
    key: Option<String>,
    /// Reads all keys that begin so, in their order.
    prefix: Option<String>,
    /// Leaves the values out.
    keys_only: bool,
    /// More keys than this are counted, but not read.
    limit: u32,
    /// More bytes of keys and values than this and nothing is judged.
    max_bytes: u32,
    /// Fields of values, which are JSON objects, to keep; all if empty.
    fields: Vec<String>,
    /// Fields that no two values may share; `repeated` holds those that do.
    distinct: Vec<String>,
    /// Turns the check around: every endpoint must refuse the read in one of these ways.
    expect_error: Vec<Refusal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Rpc {
    /// What each endpoint says of itself.
    Status,
    /// The members of the cluster.
    Members,
    /// Alarms that are raised.
    Alarms,
    /// Leases and how long they last.
    Leases,
}

/// How etcd refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Refusal {
    /// Authentication is on, and nobody is logged in.
    NoUser,
    /// The user may not read this.
    PermissionDenied,
    /// The user or the password is wrong.
    Login,
    /// TLS ended because no client certificate was shown.
    Certificate,
}

impl Refusal {
    fn as_str(self) -> &'static str {
        match self {
            Refusal::NoUser => "no_user",
            Refusal::PermissionDenied => "permission_denied",
            Refusal::Login => "login",
            Refusal::Certificate => "certificate",
        }
    }
}

/// No leg reads more than this.
const BYTES_CEILING: u32 = 64 << 20;
const KEYS_CEILING: u32 = 10_000;
const ENDPOINTS_CEILING: usize = 16;

impl Default for Etcd {
    fn default() -> Self {
        Self {
            target: None,
            endpoints: Vec::new(),
            user: None,
            credential: None,
            anonymous: false,
            rpc: Vec::new(),
            key: None,
            prefix: None,
            keys_only: false,
            limit: 1000,
            max_bytes: 1 << 20,
            fields: Vec::new(),
            distinct: Vec::new(),
            expect_error: Vec::new(),
        }
    }
}

impl Probe for Etcd {
    const NAME: &'static str = "etcd";
    const SUMMARY: &'static str = "Looks at the members of an etcd cluster, and reads keys";
    type Facts = Facts;

    fn access(&self) -> Access {
        // Without a user or credential of its own the attempt is the target's ordinary login.
        if self.expect_error.is_empty() || self.anonymous || self.credential.is_none() {
            Access::Read
        } else {
            Access::Authenticates
        }
    }

    fn check(&self, findings: &mut Findings) {
        if self.target.is_none() {
            findings.error_with_hint("target", "no target", "name one of the checklist's targets");
        }
        for (index, address) in self.endpoints.iter().enumerate() {
            if let Err(why) = endpoint::check(address) {
                findings.error_with_hint(&format!("endpoints[{index}]"), why, "write https://host:port");
            }
        }
        if self.endpoints.len() > ENDPOINTS_CEILING {
            findings.error("endpoints", format!("at most {ENDPOINTS_CEILING} endpoints can be looked at"));
        }
        if self.key.is_some() && self.prefix.is_some() {
            findings.error("prefix", "write either `key` or `prefix`, not both");
        }
        if self.key.as_deref().or(self.prefix.as_deref()) == Some("") {
            findings.error("prefix", "expected some text: the whole store is not read");
        }
        if !self.reads() && self.rpc.is_empty() {
            findings.error_with_hint("", "nothing is asked", "add `rpc`, `key` or `prefix`");
        }
        if !self.expect_error.is_empty() && (!self.reads() || !self.rpc.is_empty()) {
            findings.error("expect_error", "a read that must be refused has a `key` or a `prefix`, and no `rpc`");
        }
        if self.anonymous && (self.user.is_some() || self.credential.is_some()) {
            findings.error("anonymous", "nobody has no `user` and no `credential`");
        }
        if self.anonymous && self.expect_error == [Refusal::Login] {
            findings.error("expect_error", "nobody logs in, so no `login` can be refused");
        }
        if self.limit == 0 || self.limit > KEYS_CEILING {
            findings.error("limit", format!("expected 1 to {KEYS_CEILING} keys"));
        }
        if self.max_bytes == 0 || self.max_bytes > BYTES_CEILING {
            findings.error("max_bytes", format!("expected 1 to {BYTES_CEILING} bytes"));
        }
        if self.keys_only && !(self.fields.is_empty() && self.distinct.is_empty()) {
            findings.error("keys_only", "`fields` and `distinct` look at values");
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn credentials(&self) -> Vec<&str> {
        self.credential.as_deref().into_iter().collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some(match (self.expect_error.is_empty(), self.reads()) {
            (false, _) => "a refused read",
            (true, true) => "an answer to the read",
            (true, false) => "an answer of etcd",
        })
    }

    fn watches(&self) -> Vec<String> {
        let what = (&self.endpoints, &self.user, &self.credential, self.anonymous, &self.key, &self.prefix);
        self.expect_error.is_empty().then(|| format!("{what:?}")).into_iter().collect()
    }

    async fn listen(&self, _what: &str, cx: &ProbeCx, changes: &Changes) -> ProbeError {
        listen::listen(self, cx, changes).await.unwrap_or_else(|error| error)
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        facts::gaps(self, facts)
    }

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        // A connection that fails proves nothing about a refusal.
        if self.expect_error.is_empty() { error.verdict() } else { error.indeterminate() }
    }
}

impl Etcd {
    fn asks(&self, rpc: Rpc) -> bool {
        self.rpc.contains(&rpc)
    }

    fn reads(&self) -> bool {
        self.key.is_some() || self.prefix.is_some()
    }
}
