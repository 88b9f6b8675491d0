//! Loading the catalogue for a command, with its diagnostics for people.

use crate::catalog::{self, Builtins, Compiled};
use crate::diag::{self, Palette};
use crate::model::{Target, Timestamp, TlsFiles};
use crate::settings::Settings;

/// A catalogue that does not load. The message is the rendered report.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Rejected(String);

/// What the daemon knows and the files do not say: its own address, unless it has none.
pub(super) fn builtins(settings: &Settings, own_url: Option<String>) -> Builtins {
    let own = own_url.map(|url| Target {
        name: catalog::SELF_TARGET.into(),
        address: url.into(),
        credential: None,
        tls: TlsFiles::default(),
    });
    Builtins { targets: own.into_iter().collect(), max_waiver: settings.catalogue.max_waiver.into() }
}

/// Loads the catalogue, or fails with all its errors. Warnings are logged.
pub(super) fn catalogue(settings: &Settings, builtins: &Builtins, now: Timestamp) -> Result<Compiled, Rejected> {
    let loaded = catalog::load(&settings.catalogue.file, builtins, now);
    let report = diag::human(&loaded.report, Palette::Plain);
    match loaded.compiled {
        Some(compiled) => {
            if !report.is_empty() {
                tracing::warn!("the catalogue loads, with warnings\n{report}");
            }
            Ok(compiled)
        }
        None => Err(Rejected(report)),
    }
}
