//! Server reflection, in the version that the server offers: the messages of both are the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use prost::Message;
use prost_reflect::DescriptorPool;
use prost_reflect::prost_types::FileDescriptorProto;
use tonic::Code;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::fault::{self, MESSAGE_LIMIT};
use super::session::Session;
use crate::model::Reason;
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

const DOING: &str = "the question of reflection";
/// Definitions of one service that are fetched.
const MAX_FILES: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V1Alpha,
}

impl Version {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Version::V1 => "v1",
            Version::V1Alpha => "v1alpha",
        }
    }

    pub(super) fn path(self) -> String {
        format!("/grpc.reflection.{}.ServerReflection/ServerReflectionInfo", self.as_str())
    }
}

/// Asks for all services.
pub(super) fn list() -> Vec<u8> {
    question(MessageRequest::ListServices(String::new()))
}

/// The version that is offered, and the names of all services; `None` if there is no reflection.
pub(super) async fn services(
    session: &mut Session,
    cx: &ProbeCx,
) -> Result<Option<(Version, Vec<String>)>, ProbeError> {
    for version in [Version::V1, Version::V1Alpha] {
        let answer = match session.ask(cx, &version.path(), list(), DOING).await? {
            Ok(answer) => answer,
            Err(said) if said.code == Code::Unimplemented => continue,
            Err(said) => return Err(fault::error(&said, &session.what, DOING)),
        };
        return match response(session, answer)? {
            MessageResponse::ListServicesResponse(list) => {
                Ok(Some((version, list.service.into_iter().map(|service| service.name).collect())))
            }
            other => Err(odd(session, &other)),
        };
    }
    Ok(None)
}

/// The definitions behind a service; `None` if the server has none of that name.
pub(super) async fn definitions(
    session: &mut Session,
    cx: &ProbeCx,
    version: Version,
    service: &str,
) -> Result<Option<DescriptorPool>, ProbeError> {
    let mut pool = DescriptorPool::global();
    let mut files = BTreeMap::new();
    let mut wanted = VecDeque::from([MessageRequest::FileContainingSymbol(service.to_owned())]);
    let mut asked = BTreeSet::new();
    while let Some(next) = wanted.pop_front() {
        let answer = session.ask(cx, &version.path(), question(next), DOING).await?;
        let answer = answer.map_err(|said| fault::error(&said, &session.what, DOING))?;
        let found = match response(session, answer)? {
            MessageResponse::FileDescriptorResponse(found) => found.file_descriptor_proto,
            MessageResponse::ErrorResponse(error) if error.error_code == Code::NotFound as i32 && files.is_empty() => {
                return Ok(None);
            }
            other => return Err(odd(session, &other)),
        };
        for bytes in found {
            let file =
                FileDescriptorProto::decode(bytes.as_slice()).map_err(|why| invalid(session, &why.to_string()))?;
            files.insert(file.name().to_owned(), file);
        }
        let needs = |name: &&String| !files.contains_key(*name) && pool.get_file_by_name(name).is_none();
        let lacking: BTreeSet<String> =
            files.values().flat_map(|file| &file.dependency).filter(needs).cloned().collect();
        for name in lacking {
            if asked.insert(name.clone()) {
                wanted.push_back(MessageRequest::FileByFilename(name));
            }
        }
        if files.len().max(asked.len()) > MAX_FILES {
            let text = format!("the definitions of {service} at {} are more than {MAX_FILES} files", session.what);
            return Err(ProbeError::observer(Reason::TooLarge, text));
        }
    }
    let known = |file: &FileDescriptorProto| pool.get_file_by_name(file.name()).is_some();
    let new: Vec<FileDescriptorProto> = files.into_values().filter(|file| !known(file)).collect();
    pool.add_file_descriptor_protos(new).map_err(|why| invalid(session, &why.to_string()))?;
    Ok(Some(pool))
}

fn question(request: MessageRequest) -> Vec<u8> {
    ServerReflectionRequest { host: String::new(), message_request: Some(request) }.encode_to_vec()
}

fn response(session: &Session, answer: Bytes) -> Result<MessageResponse, ProbeError> {
    let decoded = ServerReflectionResponse::decode(answer).map_err(|why| invalid(session, &why.to_string()))?;
    decoded.message_response.ok_or_else(|| invalid(session, "it is empty"))
}

fn odd(session: &Session, response: &MessageResponse) -> ProbeError {
    match response {
        MessageResponse::ErrorResponse(error) => {
            let (what, code) = (&session.what, fault::name(Code::from_i32(error.error_code)));
            let text = format!("{what} answered {DOING} with {code}: {}", line(&error.error_message, MESSAGE_LIMIT));
            ProbeError::target(Reason::Query, text)
        }
        _ => invalid(session, "it is about something else"),
    }
}

fn invalid(session: &Session, why: &str) -> ProbeError {
    let why = line(why, MESSAGE_LIMIT);
    ProbeError::target(Reason::Invalid, format!("the answer of {} to {DOING} is malformed: {why}", session.what))
}
