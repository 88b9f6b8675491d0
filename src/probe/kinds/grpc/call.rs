//! One unary call: from JSON to a message and back, by definitions that are written or reflected.

use bytes::Bytes;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, SerializeOptions};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::fault;
use crate::model::Reason;
use crate::probe::line::line;
use crate::probe::{Findings, ProbeError};

/// A method and what is asked of it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Call {
    /// `package.Service/Method`; unary.
    pub(super) method: String,
    /// The message that is sent, as JSON; an empty one if absent.
    request: Value,
    /// The author declares that the method changes nothing. Without it the check is one that changes
    /// its target, and has to be enabled as such.
    pub(super) read_only: bool,
    /// Codes of which the answer must have one, such as `NOT_FOUND`; `OK` if empty.
    codes: Vec<String>,
    /// Definitions of the service and its messages, for servers without reflection: the JSON form of
    /// `google.protobuf.FileDescriptorProto`. What is not read can be left out.
    types: Vec<Value>,
}

const FILE: &str = "google.protobuf.FileDescriptorProto";

impl Call {
    pub(super) fn check(&self, findings: &mut Findings) {
        if self.parts().is_none() {
            findings.error("call.method", "expected package.Service/Method");
        }
        if !matches!(self.request, Value::Null | Value::Object(_)) {
            findings.error("call.request", "a message is an object");
        }
        for code in self.codes.iter().filter(|code| !fault::is_code(code)) {
            findings.error_with_hint("call.codes", format!("`{code}` is no code of gRPC"), "such as OK, NOT_FOUND");
        }
        if let Some(known) = self.known()
            && let Err(why) = known.and_then(|pool| self.described(&pool).map(drop).map_err(|error| error.detail))
        {
            findings.error("call.types", why);
        }
    }

    /// Service and method.
    pub(super) fn parts(&self) -> Option<(&str, &str)> {
        let (service, method) = self.method.split_once('/')?;
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
        };
        (is_name(service) && is_name(method)).then_some((service, method))
    }

    pub(super) fn expects(&self, code: &str) -> bool {
        if self.codes.is_empty() { code == "OK" } else { self.codes.iter().any(|expected| expected == code) }
    }

    pub(super) fn expected(&self) -> String {
        if self.codes.is_empty() { "OK".to_owned() } else { self.codes.join(" or ") }
    }

    /// The written definitions; `None` if there are none.
    pub(super) fn known(&self) -> Option<Result<DescriptorPool, String>> {
        if self.types.is_empty() { None } else { Some(pool_of(&self.types)) }
    }

    /// The method among these definitions.
    pub(super) fn described(&self, pool: &DescriptorPool) -> Result<MethodDescriptor, ProbeError> {
        let (service, name) = self.parts().unwrap_or_default();
        let missing = || ProbeError::target(Reason::Missing, format!("{} is not among the definitions", self.method));
        let service = pool.get_service_by_name(service).ok_or_else(missing)?;
        let method = service.methods().find(|method| method.name() == name).ok_or_else(missing)?;
        if method.is_client_streaming() || method.is_server_streaming() {
            let text = format!("{} is a stream; only unary methods can be called", self.method);
            return Err(ProbeError::unconfigured(text));
        }
        Ok(method)
    }

    /// What is sent.
    pub(super) fn message(&self, method: &MethodDescriptor) -> Result<Vec<u8>, ProbeError> {
        if self.request.is_null() {
            return Ok(Vec::new());
        }
        let input = method.input();
        let kind = input.full_name().to_owned();
        match DynamicMessage::deserialize(input, self.request.clone()) {
            Ok(message) => Ok(message.encode_to_vec()),
            Err(why) => {
                let why = line(&why.to_string(), fault::MESSAGE_LIMIT);
                Err(ProbeError::unconfigured(format!("`request` is no {kind}: {why}")))
            }
        }
    }

    /// What came, as JSON. `what` is `host:port`.
    pub(super) fn json(&self, method: &MethodDescriptor, answer: Bytes, what: &str) -> Result<Value, ProbeError> {
        let output = method.output();
        let kind = output.full_name().to_owned();
        let options = SerializeOptions::new()
            .use_proto_field_name(true)
            .skip_default_fields(false)
            .stringify_64_bit_integers(false);
        let decoded = DynamicMessage::decode(output, answer).map_err(|error| error.to_string());
        let json = decoded.and_then(|message| {
            message.serialize_with_options(serde_json::value::Serializer, &options).map_err(|error| error.to_string())
        });
        json.map_err(|why| {
            let why = line(&why, fault::MESSAGE_LIMIT);
            ProbeError::target(
                Reason::Invalid,
                format!("{what} answered {} with what is no {kind}: {why}", self.method),
            )
        })
    }
}

fn pool_of(types: &[Value]) -> Result<DescriptorPool, String> {
    let mut pool = DescriptorPool::global();
    let file = pool.get_message_by_name(FILE).ok_or_else(|| format!("{FILE} is not known"))?;
    let mut files = Vec::with_capacity(types.len());
    for written in types {
        let message = DynamicMessage::deserialize(file.clone(), written.clone()).map_err(|why| why.to_string())?;
        files.push(message.transcode_to().map_err(|why| why.to_string())?);
    }
    pool.add_file_descriptor_protos(files).map_err(|why| why.to_string())?;
    Ok(pool)
}
