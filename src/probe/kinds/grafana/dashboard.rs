//! One dashboard: whether it is there, where, who may see it, and what its panels show.

use serde_json::Value;

use super::facts::Seen;
use super::source::Sources;
use super::variables::Variables;
use super::{Dashboard, Grafana, panel};
use crate::model::Reason;
use crate::probe::kinds::http::api::{Api, Inside, Who, list};
use crate::probe::{ProbeCx, ProbeError};

pub(super) async fn ask(
    leg: &Grafana,
    wanted: &Dashboard,
    sources: Option<&Sources>,
    api: &Api<'_>,
    cx: &ProbeCx,
) -> Result<Seen, ProbeError> {
    let mut seen = Seen { uid: wanted.uid.clone(), ..Seen::default() };
    let reply = api.get(&format!("api/dashboards/uid/{}", wanted.uid), Who::Target).await?;
    if reply.status == 404 {
        return Ok(seen);
    }
    let answer = reply.into_json()?;
    let dashboard = answer.at("dashboard");
    if !dashboard.is_object() {
        let text = format!("expected the dashboard {}, saw JSON without `dashboard`", wanted.uid);
        return Err(ProbeError::target(Reason::Protocol, text));
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (seen.found, seen.title, seen.folder) =
        (true, text(dashboard.at("title")), text(answer.at("meta").at("folderTitle")));
    if let Some(team) = &leg.team {
        seen.team_may_view = Some(may_view(team, &answer, wanted, api).await?);
    }
    let (Some(panels), Some(sources)) = (&leg.panels, sources) else { return Ok(seen) };
    let all = panel::of_dashboard(dashboard);
    if all.len() > usize::try_from(panels.max_panels).unwrap_or(usize::MAX) {
        seen.too_many = true;
        return Ok(seen);
    }
    let variables = Variables::of(dashboard, panels.range_s, &panels.variables);
    for one in all {
        seen.panels.extend(panel::ask(one, panels, (sources, &variables), api, cx).await?);
    }
    Ok(seen)
}

/// Whether the permissions of its folder, or its own where it is in none, name the team or everybody
/// who may view anything.
async fn may_view(team: &str, answer: &Value, wanted: &Dashboard, api: &Api<'_>) -> Result<bool, ProbeError> {
    let meta = answer.at("meta");
    // The address of a folder is /dashboards/f/<uid>/<title>.
    let of_address = meta.at("folderUrl").as_str().and_then(|url| url.split("/f/").nth(1)?.split('/').next());
    let folder = meta.at("folderUid").as_str().filter(|uid| !uid.is_empty()).or(of_address);
    let plain = |uid: &&str| uid.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let way = match folder.filter(plain) {
        Some(folder) => format!("api/folders/{folder}/permissions"),
        None => format!("api/dashboards/uid/{}/permissions", wanted.uid),
    };
    let mut reply = api.get(&way, Who::Target).await?;
    if reply.status == 404 {
        // Before version 9.
        let id = answer.at("dashboard").at("id").as_i64().unwrap_or_default();
        reply = api.get(&format!("api/dashboards/id/{id}/permissions"), Who::Target).await?;
    }
    let all = list(reply.into_json()?, "", "permissions")?;
    let allows = |entry: &Value| {
        let everybody = entry.at("role") == "Viewer";
        (entry.at("team") == team || everybody) && entry.at("permission").as_i64().is_some_and(|right| right >= 1)
    };
    Ok(all.iter().any(allows))
}
