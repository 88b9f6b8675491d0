//! Files that are written from the tables in the code, checked in, and compared by a test.

mod kinds;
mod reasons;

use std::path::Path;

use crate::probe::kinds::KINDS;
use crate::{catalog, diag, families, settings};

/// One generated file.
pub struct Generated {
    /// Relative to the root of the package.
    pub path: &'static str,
    pub content: String,
}

/// Everything there is to generate, from the tables alone: no clock, no catalogue, no machine.
pub fn all() -> Vec<Generated> {
    let file = |path, content| Generated { path, content };
    vec![
        file("config/catalogue.schema.json", catalog::schema::json()),
        file("config/settings.yaml", settings::template()),
        file("docs/diagnostics.md", diag::codes::docs()),
        file("docs/kinds.md", kinds::docs(KINDS)),
        file("docs/metrics.md", families::docs()),
        file("docs/reasons.md", reasons::docs()),
    ]
}

/// Writes all files below `root`. Gives the paths of those that changed.
pub fn write(root: &Path) -> std::io::Result<Vec<&'static str>> {
    let stale = stale(root);
    for file in all().iter().filter(|file| stale.contains(&file.path)) {
        let path = root.join(file.path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, &file.content)?;
    }
    Ok(stale)
}

/// The paths of files that are not what the code generates.
pub fn stale(root: &Path) -> Vec<&'static str> {
    let differs = |file: &Generated| std::fs::read_to_string(root.join(file.path)).ok().as_ref() != Some(&file.content);
    all().iter().filter(|file| differs(file)).map(|file| file.path).collect()
}
