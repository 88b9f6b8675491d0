//! The source files of the package, for the tests that hold the architecture against the code.

use std::path::{Path, PathBuf};

pub(crate) struct SourceFile {
    /// Relative to `src`, such as `core/absorb.rs`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    /// The first folder, or the name of a file at the top.
    pub(crate) fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.trim_end_matches(".rs")
    }

    /// Without the inline test module and without comments.
    pub(crate) fn production(&self) -> String {
        let mut lines = Vec::new();
        let mut all = self.text.lines().peekable();
        while let Some(line) = all.next() {
            let inline_tests = line.trim() == "#[cfg(test)]"
                && all.peek().is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
            if inline_tests {
                break;
            }
            // Not at every `//`: an address in a text has one too.
            let code =
                if line.trim_start().starts_with("//") { "" } else { line.split(" // ").next().unwrap_or_default() };
            lines.push(code.to_owned());
        }
        lines.join("\n")
    }

    /// Whether the whole file is test code.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.split('/').any(|part| part == "tests" || part.ends_with("_tests"))
            || name == "tests.rs"
            || self.text.starts_with("#![cfg(test)]")
            || declared_for_tests(&self.path)
            || self.path.rsplit_once('/').is_some_and(|(folder, _)| declared_for_tests(&format!("{folder}/mod.rs")))
    }
}

/// Whether a module that declares this file, or a folder it is in, puts it under `#[cfg(test)]`.
fn declared_for_tests(path: &str) -> bool {
    let folders = path.match_indices('/').map(|(at, _)| format!("{}/mod.rs", &path[..at]));
    folders.chain([path.to_owned()]).any(|path| is_behind_cfg(&path))
}

fn is_behind_cfg(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (folder, stem) = match name {
        "mod.rs" => folder.rsplit_once('/').map_or(("", folder), |(up, stem)| (up, stem)),
        _ => (folder, name.trim_end_matches(".rs")),
    };
    let parent = root().join("src").join(folder).join("mod.rs");
    let Ok(text) = std::fs::read_to_string(parent) else { return false };
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.windows(2).any(|pair| {
        pair[0] == "#[cfg(test)]"
            && [format!("mod {stem};"), format!("pub(crate) mod {stem};"), format!("pub(super) mod {stem};")]
                .iter()
                .any(|declaration| pair[1] == declaration)
    })
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn all() -> Vec<SourceFile> {
    let mut files = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("source folder") {
            let path: PathBuf = entry.expect("entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("source file");
                let path = path.strip_prefix(root().join("src")).expect("below src").to_string_lossy().into_owned();
                files.push(SourceFile { path, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(files.len() > 50, "the scan found {} files; it looks in the wrong place", files.len());
    files
}
