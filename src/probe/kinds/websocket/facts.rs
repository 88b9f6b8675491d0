//! What the handshake and the talk showed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::expect::Gap;
use crate::probe::kinds::http::facts::TlsFacts;

/// All but `connections` is of the last connection: the first that did not go as expected is the last.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// As it was asked, with `ws` or `wss`.
    pub(super) url: String,
    /// 101 is an upgrade.
    pub(super) status: u16,
    /// The upgrade was made, and by the rules.
    pub(super) upgraded: bool,
    /// Which rule a server broke that answered 101.
    pub(super) malformed: Option<String>,
    /// Names in lower case; several values are joined by a comma. Values that may be secret are `***`.
    pub(super) headers: BTreeMap<String, String>,
    /// The one that the server chose.
    pub(super) subprotocol: Option<String>,
    /// What a refusal said, as far as it was read.
    pub(super) refusal: Option<String>,
    /// From the first packet to the answer.
    pub(super) upgrade_s: f64,
    /// Absent for `ws://`.
    pub(super) tls: Option<TlsFacts>,
    /// What came, in its order, but for pings and pongs.
    pub(super) messages: Vec<Message>,
    /// In the order of `steps`, as far as the talk got.
    pub(super) steps: Vec<Stepped>,
    /// From our ping to its pong.
    pub(super) ping_s: Option<f64>,
    /// Code of the server's close; 1005 if it named none.
    pub(super) close_code: Option<u16>,
    pub(super) close_reason: String,
    /// What ended the talk before all was done.
    pub(super) ended: Option<Ended>,
    /// Every connection.
    pub(super) connections: Vec<Connection>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Message {
    /// Absent if it is binary.
    pub(super) text: Option<String>,
    /// The text, if it is JSON.
    pub(super) json: Option<Value>,
    pub(super) bytes: u64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Stepped {
    /// What was expected came.
    pub(super) done: bool,
    /// Messages that were passed over before it.
    pub(super) skipped: u32,
    pub(super) took_s: f64,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Ended {
    /// What was being waited for.
    pub(super) during: String,
    /// As a reason and a sentence.
    pub(super) reason: String,
    pub(super) seen: String,
    /// Whether the server is to blame.
    pub(super) to_blame: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Connection {
    pub(super) status: u16,
    pub(super) upgraded: bool,
    pub(super) headers: BTreeMap<String, String>,
    /// The first message, if it is JSON.
    pub(super) first: Option<Value>,
}

impl Facts {
    pub(super) fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut hide = |field, why: &str| gaps.push(Gap { field, why: why.to_owned(), hides: true });
        if !self.upgraded {
            for field in ["messages", "steps", "ping_s", "close_code"] {
                hide(field, "there was no upgrade");
            }
        } else if self.ended.is_some() {
            hide("messages", "the talk ended before all was done");
        }
        gaps
    }
}
