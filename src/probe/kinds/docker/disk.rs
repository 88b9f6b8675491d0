//! What takes how much space. The form of the answer changed with the versions of the API, so it is
//! read as it comes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault::Fault;
use super::session::Session;
use crate::model::Reason;
use crate::probe::kinds::http::api::Inside;
use crate::probe::{Blame, ProbeError};

/// In bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Disk {
    pub(super) total_bytes: f64,
    /// What nothing uses now, as `docker system df` counts it.
    pub(super) reclaimable_bytes: f64,
    pub(super) images: Use,
    pub(super) containers: Use,
    pub(super) volumes: Use,
    pub(super) build_cache: Use,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Use {
    pub(super) count: u32,
    pub(super) total_bytes: f64,
    pub(super) reclaimable_bytes: f64,
}

pub(super) async fn look(session: &mut Session<'_>) -> Result<Disk, ProbeError> {
    match session.json("/system/df").await {
        Ok(answer) => of(&answer).ok_or_else(|| {
            let text = format!("the answer of {} to GET /system/df is not understood", session.what());
            ProbeError::observer(Reason::Protocol, text)
        }),
        // It counts everything there is, and that may take longer than the check has.
        Err(Fault::Error(error)) if error.reason == Reason::Timeout => {
            Err(ProbeError { blame: Blame::Observer, ..error })
        }
        Err(fault) => Err(fault.into_error("use of the disk")),
    }
}

pub(super) fn of(answer: &Value) -> Option<Disk> {
    // From version 1.52 on the engine itself counts; before, it lists.
    let (images, containers, volumes, build_cache) = if answer.get("ImageUsage").is_some() {
        let of = |name: &str| counted(answer.at(name));
        (of("ImageUsage"), of("ContainerUsage"), of("VolumeUsage"), of("BuildCacheUsage"))
    } else {
        answer.get("LayersSize")?;
        (
            images(answer),
            listed(answer.at("Containers"), container),
            listed(answer.at("Volumes"), volume),
            listed(answer.at("BuildCache"), cache),
        )
    };
    let all = [&images, &containers, &volumes, &build_cache];
    let total_bytes = all.iter().map(|each| each.total_bytes).sum();
    let reclaimable_bytes = all.iter().map(|each| each.reclaimable_bytes).sum();
    Some(Disk { total_bytes, reclaimable_bytes, images, containers, volumes, build_cache })
}

fn counted(answer: &Value) -> Use {
    Use {
        count: answer.at("TotalCount").as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
        total_bytes: bytes(answer.at("TotalSize")),
        reclaimable_bytes: bytes(answer.at("Reclaimable")),
    }
}

/// Layers are shared, so the sizes of images do not add up.
fn images(answer: &Value) -> Use {
    let all = answer.at("Images").as_array();
    let used = all.into_iter().flatten().filter(|image| image.at("Containers").as_i64() != Some(0));
    let used: f64 = used.map(|image| (bytes(image.at("Size")) - bytes(image.at("SharedSize"))).max(0.0)).sum();
    let total_bytes = bytes(answer.at("LayersSize"));
    let count = all.map_or(0, Vec::len);
    Use { count: super::facts::count(count), total_bytes, reclaimable_bytes: (total_bytes - used).max(0.0) }
}

/// `of` yields the size of one, and whether it is in use.
fn listed(all: &Value, of: fn(&Value) -> (f64, bool)) -> Use {
    let mut sum = Use::default();
    for one in all.as_array().into_iter().flatten() {
        let (size, is_used) = of(one);
        sum.count = sum.count.saturating_add(1);
        sum.total_bytes += size;
        sum.reclaimable_bytes += if is_used { 0.0 } else { size };
    }
    sum
}

fn container(one: &Value) -> (f64, bool) {
    let state = one.at("State").as_str().unwrap_or_default();
    (bytes(one.at("SizeRw")), matches!(state, "running" | "paused" | "restarting"))
}

fn volume(one: &Value) -> (f64, bool) {
    let usage = one.at("UsageData");
    (bytes(usage.at("Size")), usage.at("RefCount").as_i64() != Some(0))
}

fn cache(one: &Value) -> (f64, bool) {
    let is_shared = one.at("Shared").as_bool().unwrap_or(false);
    // Counted with the images.
    let size = if is_shared { 0.0 } else { bytes(one.at("Size")) };
    (size, one.at("InUse").as_bool().unwrap_or(false))
}

/// A size that is not known is told as -1.
fn bytes(size: &Value) -> f64 {
    size.as_f64().unwrap_or_default().max(0.0)
}
