//! Whole loads, with stand-ins for the kinds.

mod compiled;
mod docs;
mod kinds;
mod remembered;
mod robust;
mod schema;
mod ui;

use std::path::Path;

use self::kinds::KINDS;
use super::compiled::load_with;
use super::{Builtins, Loaded};
use crate::diag::{Palette, human};
use crate::model::{Span, Target, Timestamp, TlsFiles};

/// 2026-11-21T00:00:00Z
const NOW: Timestamp = Timestamp::from_secs(1_795_219_200);

fn builtins() -> Builtins {
    let own = Target {
        name: "self".into(),
        address: "http://127.0.0.1:10099".into(),
        credential: None,
        tls: TlsFiles::default(),
    };
    Builtins { targets: vec![own], max_waiver: Span::from_secs(90 * 86_400) }
}

fn load(path: &Path) -> Loaded {
    load_with(KINDS, path, &builtins(), NOW)
}

/// Loads one text as the root file.
fn load_text(text: impl AsRef<[u8]>) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.yaml");
    std::fs::write(&path, text).unwrap();
    load(&path)
}

fn compiled(text: &str) -> super::Compiled {
    let loaded = load_text(text);
    let errors = human(&loaded.report, Palette::Plain);
    loaded.compiled.unwrap_or_else(|| panic!("{errors}"))
}
