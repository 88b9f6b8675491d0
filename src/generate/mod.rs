//! Files that are written from the tables in the code, or from the shipped catalogue, checked in, and
//! compared by a test.

mod alertmanager;
mod codes;
mod dashboards;
mod grants;
mod kinds;
mod promql;
mod reasons;
mod rules;

use std::path::Path;

use crate::catalog;
use crate::families;
use crate::probe::kinds::KINDS;
use crate::settings;
use crate::web;

/// The first line of files in which `#` begins a comment.
const HEAD: &str = "# Written by `readiness-exporter generate`; do not edit.\n";

/// One generated file.
pub struct Generated {
    /// Relative to the root of the package.
    pub path: &'static str,
    pub content: String,
}

/// Everything there is to generate, from the tables alone: no clock, no catalogue, no machine.
pub fn all() -> Vec<Generated> {
    let file = |path, content| Generated { path, content };
    let mut files = vec![
        file("alerts/alertmanager.yaml", alertmanager::file()),
        file("alerts/readiness-scores.rules.yaml", rules::recording_file()),
        file("alerts/readiness.rules.yaml", rules::alerting_file()),
        file("alerts/readiness.tmpl", include_str!("readiness.tmpl").to_owned()),
        file("config/catalogue.schema.json", schema()),
        file("config/settings.yaml", settings::default_file()),
        file("dashboards/provisioning/dashboards.yaml", dashboards::provider()),
        file("dashboards/provisioning/datasources.yaml", dashboards::datasource()),
        file("docs/alerts.md", rules::docs()),
        file("docs/diagnostics.md", codes::docs()),
        file("docs/kinds.md", kinds::docs(KINDS)),
        file("docs/metrics.md", families::docs()),
        file("docs/reasons.md", reasons::docs()),
        file("docs/routes.md", web::route_docs()),
    ];
    files.extend(dashboards::files().map(|(path, content)| file(path, content)));
    files
}

/// The same, and what is made from the catalogue below `root` as well, if there is one.
pub fn below(root: &Path) -> Vec<Generated> {
    let mut files = all();
    files.extend(grants::files(root));
    files
}

/// Writes those of `paths` below `root`.
pub fn write(root: &Path, paths: &[&str]) -> std::io::Result<()> {
    for file in below(root).iter().filter(|file| paths.contains(&file.path)) {
        let path = root.join(file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, &file.content)?;
    }
    Ok(())
}

/// The paths of files that are not what the code generates.
pub fn stale(root: &Path) -> Vec<&'static str> {
    let differs = |file: &Generated| std::fs::read_to_string(root.join(file.path)).ok().as_ref() != Some(&file.content);
    below(root).iter().filter(|file| differs(file)).map(|file| file.path).collect()
}

fn schema() -> String {
    let schema = serde_json::to_string_pretty(&catalog::json_schema(KINDS));
    // A value without maps of other keys than text always has a text form.
    schema.unwrap_or_default() + "\n"
}
