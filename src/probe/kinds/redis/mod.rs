//! `redis`: a server answers a fixed set of commands that only read.
//!
//! A pass proves that a fresh connection was accepted (and logged in, if a credential is
//! configured) and that each command was answered as Redis answers it. It does not prove that other
//! users may do the same, nor that a write would succeed. With `refused_with` it proves that the
//! server itself refused.

mod address;
mod bounded;
mod command;
mod fault;
mod history;
mod hold;
mod info;
mod judge;
mod look;
mod reply;
mod sample;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::expect::Gap;
use crate::model::{Access, Timestamp, Verdict};
use crate::probe::{Changes, Findings, Probe, ProbeCx, ProbeError};

use address::Address;
use command::Command;
use history::History;
use info::Info;
use sample::{Pattern, Sampled};

/// Asks a Redis server, or a sentinel, over a fresh connection.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Redis {
    /// Name of the target. Its address is `redis://user@host:port`, or `rediss://` for TLS; its
    /// credential is the password. Without a user it is the password of the default user.
    target: Option<String>,
    /// An address, instead of a target.
    address: Option<String>,
    /// Sent in this order: ping, role, info, sentinel_masters, sentinel_replicas,
    /// sentinel_ckquorum.
    commands: Vec<Command>,
    /// Sections of info, such as memory; without it those the server gives by default.
    sections: Vec<String>,
    /// Name of the master of which sentinel_replicas and sentinel_ckquorum ask.
    master: Option<String>,
    /// Replaces the address's user.
    user: Option<String>,
    /// Replaces the target's credential.
    credential: Option<String>,
    /// Sends no credential, even if the target has one.
    anonymous: bool,
    /// Turns the check around: the server must refuse with one of these: NOAUTH (it asks for a
    /// login), WRONGPASS (the login is wrong) or NOPERM (the user may not send the command).
    refused_with: Vec<Expected>,
    /// Seconds between two answers of info that are compared: `earlier` is the answer of a run that
    /// long ago. If the window fits into the timeout, the first run waits and asks twice. 0: none.
    window_s: u32,
    /// Nothing is judged unless so many keys were looked up within the window.
    min_lookups: u32,
    /// Looks at the time to live of some keys of each pattern, after the commands: every one must have
    /// one. The user needs `+scan +ttl` and `%R~*`, with which no value can be read.
    samples: Vec<Pattern>,
    /// Keys of each pattern that are looked at; 10,000 at most. A time to live takes one answer each.
    sample_keys: u32,
    #[serde(skip)]
    #[schemars(skip)]
    history: History,
}

/// A refusal that can be demanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Expected {
    Noauth,
    Wrongpass,
    Noperm,
}

impl Expected {
    fn as_str(self) -> &'static str {
        match self {
            Self::Noauth => "NOAUTH",
            Self::Wrongpass => "WRONGPASS",
            Self::Noperm => "NOPERM",
        }
    }
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            target: None,
            address: None,
            commands: vec![Command::Ping],
            sections: Vec::new(),
            master: None,
            user: None,
            credential: None,
            anonymous: false,
            refused_with: Vec::new(),
            window_s: 0,
            min_lookups: 0,
            samples: Vec::new(),
            sample_keys: 1000,
            history: History::default(),
        }
    }
}

/// What one connection yielded. What was not asked for is empty or absent.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// How the login ended: none (no credential was sent), accepted or refused.
    login: Login,
    /// First word of the refusal, such as NOAUTH; empty if there was none.
    error_code: String,
    /// What the server said with it.
    error: String,
    /// Whether the connection was encrypted.
    tls: bool,
    /// Of info, if it told the version: such as 70015 for 7.0.15.
    server_version_num: Option<u32>,
    /// Of role: master, slave or sentinel.
    role: Option<String>,
    /// Of role, on a master: how many replicas are connected.
    replicas: Option<usize>,
    /// Of role, on a replica: the link to its master: connect, connecting, sync or connected.
    link: Option<String>,
    /// Of info: fields by section, in the server's words. Numbers are numbers, and `a=1,b=2` is an
    /// object.
    info: Info,
    /// The same as it was at least `window_s` ago. Absent if nobody looked, or the server counts
    /// anew since.
    earlier: Option<Info>,
    earlier_age_s: Option<f64>,
    /// Keys looked up since then.
    lookups: Option<f64>,
    /// Share of them that were found.
    hit_ratio: Option<f64>,
    /// Of sentinel_masters: each by the sentinel's field names.
    masters: Vec<BTreeMap<String, Value>>,
    /// Of sentinel_replicas.
    sentinel_replicas: Vec<BTreeMap<String, Value>>,
    /// Of sentinel_ckquorum.
    quorum: Option<bool>,
    /// What the keys of each pattern of `samples` are like, in their order. Never their names.
    samples: Vec<Sampled>,
    connect_s: f64,
    /// Of all commands together.
    answer_s: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Login {
    #[default]
    None,
    Accepted,
    Refused,
}

impl Redis {
    fn window(&self) -> Option<Duration> {
        (self.window_s > 0).then(|| Duration::from_secs(self.window_s.into()))
    }

    fn asks_for(&self, section: &str) -> bool {
        self.sections.iter().any(|asked| asked.eq_ignore_ascii_case(section))
    }
}

impl Probe for Redis {
    const NAME: &'static str = "redis";
    const SUMMARY: &'static str = "A Redis server or sentinel answers commands that only read.";
    type Facts = Facts;

    fn access(&self) -> Access {
        // Without a user or credential of its own the attempt is the target's ordinary login.
        if self.refused_with.is_empty() || (self.user.is_none() && self.credential.is_none()) {
            Access::Read
        } else {
            Access::Authenticates
        }
    }

    fn check(&self, findings: &mut Findings) {
        super::one_place(&self.target, "address", &self.address, findings);
        if let Some(Err(error)) = self.address.as_deref().map(Address::parse) {
            findings.error_with_hint("address", error.detail, "such as redis://127.0.0.1:6379");
        }
        if self.commands.is_empty() {
            findings.error("commands", "no command");
        }
        let asks_info = self.commands.contains(&Command::Info);
        if !asks_info && !self.sections.is_empty() {
            findings.error("sections", "only `info` has sections");
        }
        for (index, section) in self.sections.iter().enumerate() {
            if section.is_empty() || !section.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                findings.error(&format!("sections[{index}]"), "not the name of a section");
            }
        }
        if !asks_info && self.window_s > 0 {
            findings.error("window_s", "only answers of `info` are compared");
        }
        if self.min_lookups > 0 && self.window_s == 0 {
            findings.error("min_lookups", "lookups are counted within a window; write `window_s`");
        }
        if self.min_lookups > 0 && !self.sections.is_empty() && !self.asks_for("stats") {
            findings.error("min_lookups", "lookups are in the section `stats`");
        }
        let needs_master = self.commands.iter().any(|command| command.needs_master());
        if needs_master != self.master.is_some() {
            findings.error("master", "`master` belongs to sentinel_replicas and sentinel_ckquorum");
        }
        if self.anonymous && (self.credential.is_some() || self.user.is_some()) {
            findings.error("anonymous", "an anonymous look has no user and no credential");
        }
        self.check_refusal(findings);
        sample::check(self, findings);
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn address(&self) -> String {
        self.address.as_deref().and_then(|text| Address::parse(text).ok()).map(|at| at.peer).unwrap_or_default()
    }

    fn credentials(&self) -> Vec<&str> {
        self.credential.as_deref().into_iter().collect()
    }

    fn watches(&self) -> Vec<String> {
        let plain = self.refused_with.is_empty() && self.target.is_some();
        plain.then(|| format!("{:?} {:?} {}", self.user, self.credential, self.anonymous)).into_iter().collect()
    }

    async fn listen(&self, _what: &str, cx: &ProbeCx, changes: &Changes) -> ProbeError {
        match hold::hold(self, cx, changes).await {
            Err(error) => error,
            Ok(()) => ProbeError::internal("it ended without a reason"),
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        judge::judge(self, facts)
    }

    /// What was not asked must not be taken for what is not there.
    fn gaps(&self, _: &Facts) -> Vec<Gap> {
        let lists = [
            (Command::SentinelMasters, "masters", "`sentinel_masters` is not among `commands`"),
            (Command::SentinelReplicas, "sentinel_replicas", "`sentinel_replicas` is not among `commands`"),
            (Command::Info, "info", "`info` is not among `commands`"),
        ];
        let unasked = lists.into_iter().filter(|(command, ..)| !self.commands.contains(command));
        unasked.map(|(_, field, why)| Gap { field, why: why.to_owned(), hides: true }).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some(match (self.refused_with.is_empty(), self.commands.as_slice()) {
            (false, _) => "a refusal by Redis",
            (true, [Command::Ping]) => "PONG",
            (true, _) => "answers of Redis",
        })
    }

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        // A connection that fails proves nothing about a refusal.
        if self.refused_with.is_empty() { error.verdict() } else { error.indeterminate() }
    }
}

impl Redis {
    fn check_refusal(&self, findings: &mut Findings) {
        if self.refused_with.is_empty() {
            return;
        }
        if self.commands.len() != 1 {
            findings.error("refused_with", "one command is refused at a time");
        }
        if self.refused_with.contains(&Expected::Noauth) != self.anonymous {
            findings.error_with_hint(
                "refused_with",
                "NOAUTH is the answer to a look without a login",
                "`anonymous: true`",
            );
        }
        if self.refused_with.contains(&Expected::Wrongpass) && self.refused_with.len() > 1 {
            findings.error("refused_with", "WRONGPASS answers the login, the others a command");
        }
        if self.window_s > 0 {
            findings.error("window_s", "what is refused cannot be compared");
        }
    }
}
