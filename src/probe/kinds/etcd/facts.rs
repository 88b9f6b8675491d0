//! What one look yields, and what of it is not the whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Etcd, Refusal, Rpc};
use crate::expect::Gap;

/// What was found. Ids are hexadecimal, as etcdctl shows them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// Each endpoint by itself. With `status` all of them, else those that had to be tried.
    pub(super) endpoints: Vec<Endpoint>,
    /// Endpoints that answered.
    pub(super) reachable: u32,
    /// Id of the leader; empty if none is known, or not the same everywhere.
    pub(super) leader: String,
    pub(super) leaders_agree: bool,
    /// Of the last election that an endpoint knows of.
    pub(super) raft_term: u64,
    pub(super) terms_agree: bool,
    /// Entries of the log by which the slowest endpoint is behind the fastest.
    pub(super) index_lag: u64,
    pub(super) revision_lag: i64,
    /// The largest of all endpoints.
    pub(super) db_size_bytes: i64,
    pub(super) db_in_use_bytes: i64,
    /// As the endpoints say it; 0 before etcd 3.6, which does not.
    pub(super) quota_bytes: i64,
    pub(super) versions: Vec<String>,
    /// 2 if the first statuses knew no common leader and were asked for again.
    pub(super) looks: u32,
    /// The endpoint that answered all but `status`.
    pub(super) asked: String,
    /// Why it did not answer, if a missing endpoint is to be told first.
    pub(super) unanswered: Option<String>,
    /// Whether etcd asks for users; null if that did not come up.
    pub(super) auth_enabled: Option<bool>,
    pub(super) members: Vec<Member>,
    pub(super) member_count: u32,
    pub(super) learner_count: u32,
    pub(super) alarms: Vec<Alarm>,
    /// All keys that fit, read or not.
    pub(super) key_count: i64,
    pub(super) keys: Vec<Key>,
    /// Keys whose value is no JSON.
    pub(super) not_json: Vec<String>,
    /// Values that the fields of `distinct` share.
    pub(super) repeated: Vec<Repeated>,
    pub(super) revision: i64,
    /// How long the read took.
    pub(super) read_s: f64,
    pub(super) lease_count: u32,
    pub(super) leases: Vec<Lease>,
    /// Leases that could not be looked at one by one.
    pub(super) leases_cut: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Endpoint {
    pub(super) endpoint: String,
    pub(super) reachable: bool,
    /// Why it is not, as a reason and a sentence.
    pub(super) reason: Option<String>,
    pub(super) error: Option<String>,
    /// Whether the endpoint is to blame for that.
    pub(super) to_blame: bool,
    /// How it refused the read, with `expect_error`.
    pub(super) refused: Option<Refusal>,
    pub(super) status: Option<Status>,
}

/// What an endpoint says of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Status {
    pub(super) member: String,
    pub(super) version: String,
    /// Empty if it knows none.
    pub(super) leader: String,
    pub(super) is_leader: bool,
    pub(super) is_learner: bool,
    pub(super) raft_term: u64,
    pub(super) raft_index: u64,
    pub(super) raft_applied_index: u64,
    pub(super) revision: i64,
    pub(super) db_size_bytes: i64,
    pub(super) db_in_use_bytes: i64,
    pub(super) quota_bytes: i64,
    pub(super) errors: Vec<String>,
    pub(super) took_s: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Member {
    pub(super) id: String,
    /// Empty before its first start.
    pub(super) name: String,
    pub(super) is_learner: bool,
    pub(super) client_urls: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Alarm {
    pub(super) member: String,
    /// Such as NOSPACE; empty if only known to be raised.
    pub(super) alarm: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Key {
    pub(super) key: String,
    /// What follows the prefix.
    pub(super) suffix: String,
    /// The value, if it is JSON.
    pub(super) json: Value,
    /// The value, if it is text and no JSON.
    pub(super) text: Option<String>,
    /// Empty if it lasts for ever.
    pub(super) lease: String,
    pub(super) version: i64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Repeated {
    pub(super) field: String,
    pub(super) value: String,
    pub(super) keys: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Lease {
    pub(super) id: String,
    /// Seconds left.
    pub(super) ttl_s: i64,
    /// Seconds it was granted for.
    pub(super) granted_s: i64,
}

impl Facts {
    pub(super) fn is_missing_endpoints(&self) -> bool {
        self.endpoints.iter().any(|endpoint| !endpoint.reachable)
    }
}

const STATUS_FIELDS: [&str; 11] = [
    "leader",
    "leaders_agree",
    "raft_term",
    "terms_agree",
    "index_lag",
    "revision_lag",
    "db_size_bytes",
    "db_in_use_bytes",
    "quota_bytes",
    "versions",
    "looks",
];

const OTHER_FIELDS: [&str; 12] = [
    "members",
    "member_count",
    "learner_count",
    "alarms",
    "key_count",
    "keys",
    "not_json",
    "repeated",
    "read_s",
    "leases",
    "lease_count",
    "auth_enabled",
];

/// What was not asked must not be taken for what is not there, nor a part for the whole.
pub(super) fn gaps(leg: &Etcd, facts: &Facts) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut hide = |fields: &[&'static str], why: &str| {
        gaps.extend(fields.iter().map(|field| Gap { field, why: why.to_owned(), hides: true }));
    };
    if !leg.asks(Rpc::Status) {
        hide(&STATUS_FIELDS, "`status` is not among `rpc`");
    }
    if facts.asked.is_empty() || facts.unanswered.is_some() {
        hide(&OTHER_FIELDS, "the cluster did not answer");
        return gaps;
    }
    if !leg.asks(Rpc::Members) {
        hide(&["members", "member_count", "learner_count"], "`members` is not among `rpc`");
    } else if facts.members.len() < usize::try_from(facts.member_count).unwrap_or(usize::MAX) {
        hide(&["members"], "there are more members than are kept");
    }
    if !leg.asks(Rpc::Alarms) {
        hide(&["alarms"], "`alarms` is not among `rpc`");
    }
    if !leg.asks(Rpc::Leases) {
        hide(&["leases", "lease_count"], "`leases` is not among `rpc`");
    } else if facts.leases_cut {
        hide(&["leases"], "there are more leases than could be looked at");
    }
    let read = facts.keys.len();
    if !leg.reads() {
        hide(&["keys", "key_count", "not_json", "repeated", "read_s"], "no `key` or `prefix` is read");
    } else if facts.key_count > i64::try_from(read).unwrap_or(i64::MAX) {
        let why = format!("{read} of {} keys were read", facts.key_count);
        hide(&["keys", "not_json", "repeated"], &why);
    } else if leg.keys_only {
        hide(&["not_json", "repeated"], "values were not read");
    }
    if facts.auth_enabled.is_none() {
        hide(&["auth_enabled"], "whether etcd asks for users did not come up");
    }
    gaps
}
