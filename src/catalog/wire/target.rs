//! Targets and credentials of a deployment.

use std::path::Path;

use super::{Fields, Located, text, word};
use crate::catalog::sink::Sink;
use crate::catalog::syntax::{Entry, Place};
use crate::diag::{Code, Diagnostic};
use crate::model::TlsFiles;
use crate::probe::CredentialSource;

pub(crate) struct TargetDef {
    /// `checklist.target`, or a target shared by all checklists.
    pub(crate) name: Located<String>,
    pub(crate) address: Located<String>,
    pub(crate) credential: Option<Located<String>>,
    pub(crate) tls: TlsFiles,
}

pub(crate) struct CredentialDef {
    pub(crate) name: String,
    pub(crate) at: Place,
    pub(crate) source: CredentialSource,
}

impl TargetDef {
    /// Relative paths are taken from `base`, the folder of the file.
    pub(crate) fn read(entry: &Entry, base: &Path, sink: &Sink) -> Option<Self> {
        let mut fields = Fields::of(&entry.value, "a target", entry.key_at, sink)?;
        let address = fields.required("address").and_then(|field| text(&field.value, sink));
        let credential = fields.optional("credential").and_then(|field| text(&field.value, sink));
        let mut path =
            |name| fields.optional(name).and_then(|field| text(&field.value, sink)).map(|p| base.join(p.value));
        let (ca, client_cert, client_key) = (path("ca"), path("client_cert"), path("client_key"));
        let server_name = fields.optional("server_name").and_then(|field| text(&field.value, sink));
        fields.finish();
        if client_cert.is_some() != client_key.is_some() {
            let message = "`client_cert` and `client_key` belong together";
            sink.push(Diagnostic::error(Code::VALUE, entry.key_at, message).help("give both or none"));
        }
        let address = address?;
        if address.value.trim().is_empty() {
            let message = "the address is empty";
            sink.push(Diagnostic::error(Code::VALUE, address.at, message).help("write a URL or `host:port`"));
        }
        let tls = TlsFiles { ca, client_cert, client_key, server_name: server_name.map(|name| name.value.into()) };
        Some(Self { name: Located { value: entry.key.to_string(), at: entry.key_at }, address, credential, tls })
    }
}

impl CredentialDef {
    pub(crate) fn read(entry: &Entry, base: &Path, sink: &Sink) -> Option<Self> {
        let mut fields = Fields::of(&entry.value, "a credential", entry.key_at, sink)?;
        let file = fields.optional("file").and_then(|field| text(&field.value, sink));
        let env = fields.optional("env").and_then(|field| word(&field.value, sink));
        fields.finish();
        let source = match (file, env) {
            (Some(file), None) => CredentialSource::File(base.join(file.value)),
            (None, Some(env)) => CredentialSource::Env(env),
            _ => {
                let message = format!("the credential `{}` needs either `file` or `env`", entry.key);
                sink.push(
                    Diagnostic::error(Code::MISSING_KEY, entry.key_at, message)
                        .help("write `{ file: /path/to/secret }` or `{ env: VARIABLE }`; the value itself never stands in the catalogue"),
                );
                return None;
            }
        };
        Some(Self { name: entry.key.to_string(), at: entry.key_at, source })
    }
}
