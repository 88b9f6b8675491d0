//! Loading the catalogue for a command, with its diagnostics for people.

use super::terminal::Terminal;
use crate::catalog::{self, Builtins, Compiled};
use crate::diag::{self, Palette};
use crate::model::{Target, Timestamp, TlsFiles};
use crate::settings::Settings;

/// A catalogue that does not load. The message is the rendered report.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Rejected(String);

/// What the daemon knows and the files do not say: its own address. Without one, which is so for a
/// command, what looks at the daemon is unconfigured.
pub(super) fn builtins(settings: &Settings, own_url: Option<String>) -> Builtins {
    let own = Target {
        name: "self".into(),
        address: own_url.unwrap_or_default().into(),
        credential: None,
        tls: TlsFiles::default(),
    };
    Builtins { targets: vec![own], max_waiver: settings.catalogue.max_waiver.into() }
}

/// Loads the catalogue, or fails with all its errors. Warnings are logged.
pub(super) fn catalogue(settings: &Settings, builtins: &Builtins, now: Timestamp) -> Result<Compiled, Rejected> {
    let loaded = catalog::load(&settings.catalogue.file, builtins, now);
    match loaded.compiled {
        Some(compiled) => {
            let report = diag::human(&loaded.report, Palette::Plain);
            if !report.is_empty() {
                tracing::warn!("the catalogue loads, with warnings\n{report}");
            }
            Ok(compiled)
        }
        None => Err(Rejected(diag::human(&loaded.report, Terminal::of_stderr().palette()))),
    }
}
