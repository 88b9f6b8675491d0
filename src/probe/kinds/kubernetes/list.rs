//! Lists, page by page. Of each object only what is needed is kept, before the next page is asked for.

use std::sync::Arc;
use std::time::Duration;

use kube::api::ListParams;
use kube::core::Request;
use serde_json::Value;

use super::client::{Client, JSON, Reply};
use super::discover::{self, Presence};
use super::page::{self, Page, Room};
use super::place;
use super::project::{Keep, weight};
use super::resource::{is_plain, path};
use crate::model::{Reason, Timestamp};
use crate::probe::{Fetched, ProbeError};

/// As `kube` asks for lists of metadata.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// Objects of one page.
const PAGE: u32 = 500;
/// About how many bytes of objects are kept of one list.
const MAX_KEPT: usize = 24 << 20;

/// One question for a list.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) api_version: &'a str,
    pub(super) plural: &'a str,
    pub(super) namespace: Option<&'a str>,
    /// One object instead of a list.
    pub(super) name: Option<&'a str>,
    pub(super) labels: Option<&'a str>,
    pub(super) fields: Option<&'a str>,
    pub(super) keep: Keep,
    pub(super) metadata_only: bool,
    /// More objects than this are not read.
    pub(super) max: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    pub(super) items: Vec<Arc<Value>>,
    /// There are more than were read.
    pub(super) cut: bool,
    /// Whether the cluster has this sort of object at all.
    pub(super) installed: bool,
    pub(super) fetched_at: Timestamp,
}

impl Wanted<'_> {
    /// Secrets are never asked for but for their metadata.
    fn metadata_only(&self) -> bool {
        self.metadata_only || self.api_version == "v1" && self.plural == "secrets"
    }

    /// As in sentences: `deployments.apps`.
    pub(super) fn shown(&self) -> String {
        let group = self.api_version.split_once('/').map(|(group, _)| group);
        group.map_or_else(|| self.plural.to_owned(), |group| format!("{}.{group}", self.plural))
    }

    fn key(&self) -> String {
        let Self { namespace, name, labels, fields, keep, max, .. } = self;
        let rest = format!("{namespace:?}\n{name:?}\n{labels:?}\n{fields:?}\n{keep:?}\n{max}");
        format!("{}\n{}\n{}\n{rest}", self.api_version, self.plural, self.metadata_only())
    }
}

/// The list, or one that was fetched at most `max_age` ago for somebody else.
pub(super) async fn list(
    client: &Client<'_>,
    wanted: &Wanted<'_>,
    max_age: Duration,
) -> Result<Arc<Listed>, ProbeError> {
    let key = format!("{}\nlist\n{}", place::key(client.cx.target()?), wanted.key());
    client
        .cx
        .shared(&key, max_age, || async {
            let value = fetch(client, wanted).await?;
            let bytes = value.items.iter().fold(key.len(), |sum, item| sum + weight(item));
            Ok(Fetched { value, bytes })
        })
        .await
}

async fn fetch(client: &Client<'_>, wanted: &Wanted<'_>) -> Result<Listed, ProbeError> {
    let fetched_at = client.cx.now();
    if let Some(name) = wanted.name {
        // It may come from another object, and must lead to no other place.
        if !is_plain(name) {
            return Err(ProbeError::target(Reason::Protocol, "expected the name of an object, saw what is none"));
        }
        let path = format!("{}/{name}", path(wanted.api_version, wanted.plural, wanted.namespace));
        let accept = if wanted.metadata_only() { METADATA } else { JSON };
        let reply = client.get(&path, accept).await?;
        if reply.lacks_object() {
            return Ok(Listed { installed: true, fetched_at, ..Listed::default() });
        }
        return match not_there(client, wanted.api_version, wanted.plural, &reply).await? {
            Some(error) => error.map(|()| Listed { fetched_at, ..Listed::default() }),
            None => {
                let object = reply.read(|text| page::object(text, &wanted.keep))?;
                Ok(Listed { items: vec![Arc::new(object)], installed: true, fetched_at, cut: false })
            }
        };
    }
    let mut restarted = false;
    loop {
        match pages(client, wanted).await? {
            Pages::All { items, cut } => {
                return Ok(Listed { items, cut, installed: true, fetched_at });
            }
            Pages::NotInstalled => return Ok(Listed { fetched_at, ..Listed::default() }),
            Pages::Expired if restarted => {
                let text = format!("the list of {} expired twice while it was read", wanted.shown());
                return Err(ProbeError::observer(Reason::Status, text));
            }
            Pages::Expired => {
                client.cx.note("expired", "the list is read again from the start");
                restarted = true;
            }
        }
    }
}

enum Pages {
    All {
        items: Vec<Arc<Value>>,
        cut: bool,
    },
    NotInstalled,
    /// The server forgot the state of which the first pages are.
    Expired,
}

async fn pages(client: &Client<'_>, wanted: &Wanted<'_>) -> Result<Pages, ProbeError> {
    let request = Request::new(path(wanted.api_version, wanted.plural, wanted.namespace));
    let mut parameters = ListParams {
        label_selector: wanted.labels.map(str::to_owned),
        field_selector: wanted.fields.map(str::to_owned),
        limit: Some(PAGE),
        ..ListParams::default()
    };
    let (mut items, mut kept) = (Vec::new(), 0_usize);
    loop {
        let made = if wanted.metadata_only() { request.list_metadata(&parameters) } else { request.list(&parameters) };
        let made = made.map_err(|error| ProbeError::internal(format!("the question could not be made: {error}")))?;
        let accept = made.headers().get("accept").and_then(|accept| accept.to_str().ok()).unwrap_or(JSON);
        let reply = client.get(&made.uri().to_string(), accept).await?;
        if reply.status == 410 {
            return Ok(Pages::Expired);
        }
        if let Some(error) = not_there(client, wanted.api_version, wanted.plural, &reply).await? {
            return error.map(|()| Pages::NotInstalled);
        }
        let room = Room { objects: wanted.max.saturating_sub(items.len()), bytes: MAX_KEPT.saturating_sub(kept) };
        let page = reply.read(|text| page::page(text, &wanted.keep, room))?;
        drop(reply);
        let Page { next, items: Some(found), kept: more, cut } = page else {
            let text = format!("expected a list of {}, saw JSON without one", wanted.shown());
            return Err(ProbeError::target(Reason::Protocol, text));
        };
        items.extend(found);
        kept = kept.saturating_add(more);
        if cut {
            return Ok(Pages::All { items, cut });
        }
        if next.is_empty() {
            return Ok(Pages::All { items, cut: false });
        }
        if items.len() >= wanted.max || kept > MAX_KEPT {
            return Ok(Pages::All { items, cut: true });
        }
        parameters.continue_token = Some(next);
    }
}

/// `None` for an answer that is one; else an error, or that the cluster has no such objects.
pub(super) async fn not_there(
    client: &Client<'_>,
    api_version: &str,
    plural: &str,
    reply: &Reply,
) -> Result<Option<Result<(), ProbeError>>, ProbeError> {
    Ok(match reply.status {
        200..300 => None,
        // Who may not list them is told so even where there are none; and not every server that has no such
        // page is one of Kubernetes.
        403 | 404 => match discover::presence(client, api_version, plural).await {
            Ok(Presence::Absent) => Some(Ok(())),
            _ => Some(Err(reply.refusal())),
        },
        _ => Some(Err(reply.refusal())),
    })
}
