//! One step of a talk: what is sent, and what must come then.

use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::facts::Message;
use crate::probe::Findings;
use crate::probe::kinds::process::pattern;

/// Sends one message, or expects one, or both in this order.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Step {
    /// A text to send.
    send: Option<String>,
    /// A value to send as JSON, instead.
    send_json: Option<Value>,
    /// The next message is a text that this regular expression matches.
    text: Option<String>,
    /// The next message is JSON that has these fields with these values; it may have more.
    json: Option<Value>,
    /// The next message may be anything.
    any: bool,
    /// Messages that may come before it, and are passed over.
    skip: u32,
}

/// How many messages may be passed over.
const SKIP_CEILING: u32 = 100;

/// A step that can be run.
pub(super) struct Ready<'a> {
    pub(super) send: Option<String>,
    pub(super) skip: u32,
    pub(super) wanted: Wanted<'a>,
}

pub(super) enum Wanted<'a> {
    /// Nothing.
    Nothing,
    Anything,
    Text(Regex),
    Json(&'a Value),
}

impl Step {
    pub(super) fn sends(&self) -> bool {
        self.send.is_some() || self.send_json.is_some()
    }

    pub(super) fn check(&self, index: usize, findings: &mut Findings) {
        let place = |field: &str| format!("steps[{index}].{field}");
        if self.send.is_some() && self.send_json.is_some() {
            findings.error(&place("send_json"), "write either `send` or `send_json`");
        }
        let wanted = u8::from(self.text.is_some()) + u8::from(self.json.is_some()) + u8::from(self.any);
        if wanted > 1 {
            findings.error(&place("json"), "write one of `text`, `json` and `any`");
        }
        if wanted == 0 && !self.sends() {
            findings.error(&place("send"), "the step neither sends nor expects anything");
        }
        if let Err(why) = self.ready() {
            findings.error(&place("text"), why);
        }
        if self.skip > SKIP_CEILING || (self.skip > 0 && self.text.is_none() && self.json.is_none()) {
            findings.error(&place("skip"), format!("expected at most {SKIP_CEILING}, before a `text` or `json`"));
        }
    }

    /// An error if the expression is none.
    pub(super) fn ready(&self) -> Result<Ready<'_>, String> {
        let send = self.send.clone().or_else(|| self.send_json.as_ref().map(Value::to_string));
        let wanted = match (&self.text, &self.json) {
            (Some(text), _) => Wanted::Text(pattern(text)?),
            (None, Some(json)) => Wanted::Json(json),
            (None, None) if self.any => Wanted::Anything,
            (None, None) => Wanted::Nothing,
        };
        Ok(Ready { send, skip: self.skip, wanted })
    }

    /// What is expected, for sentences.
    pub(super) fn expected(&self) -> String {
        match (&self.text, &self.json) {
            (Some(text), _) => format!("a text that matches `{text}`"),
            (None, Some(json)) => format!("JSON with {json}"),
            (None, None) if self.any => "a message".to_owned(),
            (None, None) => "the message to be taken".to_owned(),
        }
    }
}

impl Wanted<'_> {
    pub(super) fn accepts(&self, message: &Message) -> bool {
        match self {
            Wanted::Nothing => false,
            Wanted::Anything => true,
            Wanted::Text(shape) => message.text.as_deref().is_some_and(|text| shape.is_match(text)),
            Wanted::Json(fields) => message.json.as_ref().is_some_and(|json| has(json, fields)),
        }
    }
}

/// Whether all fields of `wanted` are in `seen`; lists and single values must be equal.
fn has(seen: &Value, wanted: &Value) -> bool {
    match (seen, wanted) {
        (Value::Object(seen), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| seen.get(name).is_some_and(|seen| has(seen, wanted)))
        }
        _ => seen == wanted,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::has;

    #[test]
    fn fields_may_be_more_but_not_others() {
        let seen = json!({ "type": "connected", "data": { "id": 1, "at": 2 }, "list": [1, 2] });
        assert!(has(&seen, &json!({ "type": "connected" })));
        assert!(has(&seen, &json!({ "data": { "id": 1 } })));
        assert!(has(&seen, &json!({ "list": [1, 2] })));
        assert!(!has(&seen, &json!({ "list": [1] })));
        assert!(!has(&seen, &json!({ "type": "closed" })));
        assert!(!has(&seen, &json!({ "other": null })));
        assert!(!has(&json!("connected"), &json!({ "type": "connected" })));
    }
}
