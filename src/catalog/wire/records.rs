//! Waivers and attestations: who accepted or stated what, until when.

use super::values::time;
use super::{Fields, Located, list, text, texts};
use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Data, Node, Place};
use crate::diag::{Code, Diagnostic};
use crate::model::{Reason, Timestamp};

pub(crate) struct WaiverDef {
    pub(crate) id: Located<String>,
    pub(crate) items: Vec<Located<String>>,
    pub(crate) justification: String,
    pub(crate) approver: String,
    pub(crate) ticket: String,
    pub(crate) starts: Located<Timestamp>,
    pub(crate) expires: Located<Timestamp>,
    pub(crate) reasons: Vec<Reason>,
}

pub(crate) struct AttestationDef {
    pub(crate) id: Located<String>,
    pub(crate) item: Located<String>,
    pub(crate) statement: String,
    pub(crate) attester: String,
    pub(crate) role: String,
    pub(crate) evidence: String,
    pub(crate) evidence_sha256: String,
    pub(crate) attested_at: Located<Timestamp>,
    pub(crate) expires: Located<Timestamp>,
    pub(crate) signature: String,
    /// As JSON; empty if none are given.
    pub(crate) fields: String,
}

impl WaiverDef {
    pub(crate) fn read(node: &Node, sink: &Sink) -> Option<Self> {
        let mut fields = Fields::of(node, "a waiver", start(node), sink)?;
        let id = fields.required("id").and_then(|field| text(&field.value, sink));
        let items = fields.required("items").map(|field| (texts(&field.value, sink), field.value.at));
        let justification = fields.required("justification").and_then(|field| filled(&field.value, sink));
        let approver = fields.required("approver").and_then(|field| filled(&field.value, sink));
        let ticket = fields.optional("ticket").and_then(|field| super::word(&field.value, sink));
        let starts = fields.required("starts").and_then(|field| time(&field.value, sink));
        let expires = fields.required("expires").and_then(|field| time(&field.value, sink));
        let reasons = fields.optional("reasons").map(|field| reasons(&field.value, sink)).unwrap_or_default();
        fields.finish();
        let (items, items_at) = items?;
        if items.is_empty() {
            let message = "the waiver names no item";
            sink.push(Diagnostic::error(Code::VALUE, items_at, message).help("list items as `checklist/item.id`"));
        }
        Some(Self {
            id: id?,
            items,
            justification: justification?,
            approver: approver?,
            ticket: ticket.unwrap_or_default(),
            starts: starts?,
            expires: expires?,
            reasons,
        })
    }
}

impl AttestationDef {
    pub(crate) fn read(node: &Node, sink: &Sink) -> Option<Self> {
        let mut fields = Fields::of(node, "an attestation", start(node), sink)?;
        let id = fields.required("id").and_then(|field| text(&field.value, sink));
        let item = fields.required("item").and_then(|field| text(&field.value, sink));
        let statement = fields.required("statement").and_then(|field| filled(&field.value, sink));
        let attester = fields.required("attester").and_then(|field| filled(&field.value, sink));
        let role = fields.required("role").and_then(|field| filled(&field.value, sink));
        let evidence = fields.required("evidence").and_then(|field| filled(&field.value, sink));
        let sha256 = fields.optional("evidence_sha256").and_then(|field| sha256(&field.value, sink));
        let attested_at = fields.required("attested_at").and_then(|field| time(&field.value, sink));
        let expires = fields.required("expires").and_then(|field| time(&field.value, sink));
        let signature = fields.optional("signature").and_then(|field| text(&field.value, sink));
        let claims = fields.optional("fields").and_then(|field| claims(&field.value, sink));
        fields.finish();
        Some(Self {
            id: id?,
            item: item?,
            statement: statement?,
            attester: attester?,
            role: role?,
            evidence: evidence?,
            evidence_sha256: sha256.unwrap_or_default(),
            attested_at: attested_at?,
            expires: expires?,
            signature: signature.map(|text| text.value).unwrap_or_default(),
            fields: claims.unwrap_or_default(),
        })
    }
}

/// An entry of a list has no name of its own: its first character stands for it.
fn start(node: &Node) -> Place {
    Place { end: node.at.start.saturating_add(1).min(node.at.end), ..node.at }
}

/// A text that says something.
fn filled(node: &Node, sink: &Sink) -> Option<String> {
    let found = text(node, sink)?;
    if found.value.trim().is_empty() {
        sink.push(Diagnostic::error(Code::VALUE, node.at, "the text is empty"));
        return None;
    }
    Some(found.value)
}

/// Names with single values, or lists of them.
fn claims(node: &Node, sink: &Sink) -> Option<String> {
    let single = |node: &Node| node.entries().is_none() && !matches!(node.data, Data::List(_) | Data::Null);
    let is_value = |node: &Node| match &node.data {
        Data::List(nodes) => nodes.iter().all(single),
        _ => single(node),
    };
    let Some(entries) = node.entries() else {
        let message = format!("expected a mapping of fields, found {}", node.describe());
        sink.push(Diagnostic::error(Code::TYPE, node.at, message).help("write `fields: { release: \"2026.11\" }`"));
        return None;
    };
    let mut right = true;
    for entry in entries.iter().filter(|entry| !is_value(&entry.value)) {
        let message = format!("the field `{}` is no single value and no list of them", entry.key);
        sink.push(Diagnostic::error(Code::TYPE, entry.value.at, message));
        right = false;
    }
    right.then(|| node.to_json().to_string())
}

fn sha256(node: &Node, sink: &Sink) -> Option<String> {
    let found = super::word(node, sink)?;
    if found.len() != 64 || !found.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message = "a SHA-256 has 64 hexadecimal digits";
        sink.push(Diagnostic::error(Code::VALUE, node.at, message).help("`sha256sum FILE` prints it"));
        return None;
    }
    Some(found.to_ascii_lowercase())
}

fn reasons(node: &Node, sink: &Sink) -> Vec<Reason> {
    let known = || Reason::ALL.iter().map(|reason| reason.as_str());
    let parse = |node: &Node| {
        let found = text(node, sink)?;
        let reason = Reason::parse(&found.value);
        if reason.is_none() {
            let message = format!("there is no reason `{}`", found.value);
            let diagnostic = Diagnostic::error(Code::VALUE, found.at, message);
            sink.push(match sink.hint(&found.value, known()) {
                Some(hint) => diagnostic.help(hint),
                None => diagnostic.help(format!("reasons are: {}", known().collect::<Vec<_>>().join(", "))),
            });
        }
        reason
    };
    list(node, sink).iter().filter_map(parse).collect()
}
