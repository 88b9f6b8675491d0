//! From paths to trees: includes, limits and the fingerprint.

use std::collections::HashSet;
use std::fs::File;
use std::hash::Hasher;
use std::io::Read;
use std::path::{Path, PathBuf};

use fnv::FnvHasher;

use super::sink::Sink;
use super::syntax::{self, Node, Place};
use super::wire::{Located, Root};
use crate::diag::{Code, Diagnostic, SourceMap, Span};

const FILE_LIMIT: u64 = 8 * 1024 * 1024;
const TOTAL_LIMIT: u64 = 64 * 1024 * 1024;
const FILES_LIMIT: usize = 4096;

/// One parsed file.
pub(super) struct Document {
    /// Its folder, from which relative paths in it are taken.
    pub(super) base: PathBuf,
    pub(super) node: Node,
}

#[derive(Default)]
pub(super) struct Documents {
    pub(super) sources: SourceMap,
    pub(super) parsed: Vec<Document>,
    /// All files that were named, also those that could not be read, for the watch.
    pub(super) files: Vec<PathBuf>,
    pub(super) fingerprint: u64,
}

/// Reads `root` and everything it includes, each file once, depth first.
pub(super) fn read_all(root: &Path, sink: &Sink) -> Documents {
    let mut loader = Loader {
        out: Documents::default(),
        sink,
        open: Vec::new(),
        seen: HashSet::new(),
        total: 0,
        nodes: syntax::MAX_NODES,
        hash: FnvHasher::default(),
    };
    loader.file(root, None);
    loader.out.fingerprint = loader.hash.finish();
    loader.out
}

struct Loader<'a> {
    out: Documents,
    sink: &'a Sink,
    /// The files being read, from the root to the current one.
    open: Vec<PathBuf>,
    seen: HashSet<PathBuf>,
    total: u64,
    nodes: usize,
    hash: FnvHasher,
}

impl Loader<'_> {
    /// `named` is where another file includes this one.
    fn file(&mut self, path: &Path, named: Option<Place>) {
        let identity = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if let Some(first) = self.open.iter().position(|open| *open == identity) {
            self.cycle(first, &identity, named);
            return;
        }
        if !self.seen.insert(identity.clone()) {
            return;
        }
        self.out.files.push(path.to_owned());
        let bytes = match self.bytes(path) {
            Ok(bytes) => bytes,
            Err((code, problem)) => return self.unreadable(code, path, &problem, named),
        };
        self.hash.write(path.to_string_lossy().as_bytes());
        self.hash.write_u64(bytes.len() as u64);
        self.hash.write(&bytes);
        let (file, clean) = syntax::decode(&path.to_string_lossy(), &bytes, &mut self.out.sources, self.sink);
        let Some(text) = self.out.sources.file(file).map(|source| source.text.clone()) else { return };
        if !clean {
            return;
        }
        let errors = self.sink.errors();
        let Some(node) = syntax::read(file, &text, &mut self.nodes, self.sink) else {
            if self.sink.errors() == errors {
                let at = Span { file, range: 0..0 };
                let help = "a catalogue file has keys such as `checklists:` or `targets:`";
                self.sink.push(Diagnostic::error(Code::SYNTAX, at, "the file is empty").help(help));
            }
            return;
        };
        let base = path.parent().map(Path::to_owned).unwrap_or_default();
        self.open.push(identity);
        for pattern in Root::includes(&node, self.sink) {
            for path in self.matches(&base, &pattern) {
                self.file(&path, Some(pattern.at));
            }
        }
        self.open.pop();
        self.out.parsed.push(Document { base, node });
    }

    fn bytes(&mut self, path: &Path) -> Result<Vec<u8>, (&'static str, String)> {
        let unreadable = |error: std::io::Error| (Code::FILE, error.to_string());
        // Opening a pipe would wait for its writer.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err((Code::FILE, "it is not a regular file".to_owned()));
        }
        let mut bytes = Vec::new();
        File::open(path).map_err(unreadable)?.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let length = bytes.len() as u64;
        self.total = self.total.saturating_add(length);
        if length > FILE_LIMIT {
            return Err((Code::FILE_SIZE, format!("it is larger than {} MiB", FILE_LIMIT >> 20)));
        }
        if self.total > TOTAL_LIMIT {
            return Err((Code::FILE_SIZE, format!("all files together are larger than {} MiB", TOTAL_LIMIT >> 20)));
        }
        if self.out.files.len() > FILES_LIMIT {
            return Err((Code::FILE_SIZE, format!("the catalogue has more than {FILES_LIMIT} files")));
        }
        Ok(bytes)
    }

    fn unreadable(&mut self, code: &'static str, path: &Path, problem: &str, named: Option<Place>) {
        let message = format!("{} cannot be loaded: {problem}", path.display());
        let at = match named {
            Some(place) => place.into(),
            None => Span { file: self.out.sources.add(&path.to_string_lossy(), ""), range: 0..0 },
        };
        let found = Diagnostic::error(code, at, message);
        self.sink.push(match named {
            Some(_) => found.help("the path is taken from the folder of the file that includes it"),
            None => found.help("name the root file of the catalogue in the settings, as `catalogue.file`"),
        });
    }

    fn cycle(&mut self, first: usize, again: &Path, named: Option<Place>) {
        let Some(at) = named else { return };
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut path: Vec<String> = self.open.iter().skip(first).map(|open| name(open)).collect();
        path.push(name(again));
        let message = format!("files include each other in a circle: {}", path.join(" → "));
        self.sink.push(Diagnostic::error(Code::INCLUDE_CYCLE, at, message).help("remove this include"));
    }

    /// The files a pattern names, sorted. A plain path is taken as it is.
    fn matches(&self, base: &Path, pattern: &Located<String>) -> Vec<PathBuf> {
        if !pattern.value.contains(['*', '?', '[']) {
            return vec![base.join(&pattern.value)];
        }
        let fail = |message: String| {
            let help = "use `*` for part of one file or folder name; `**` is not supported";
            self.sink.push(Diagnostic::error(Code::INCLUDE, pattern.at, message).help(help));
            Vec::new()
        };
        if pattern.value.contains("**") {
            return fail("`**` would walk all folders below".to_owned());
        }
        let prefix = glob::Pattern::escape(&base.to_string_lossy());
        let whole = if Path::new(&pattern.value).is_absolute() || prefix.is_empty() {
            pattern.value.clone()
        } else {
            format!("{prefix}/{}", pattern.value)
        };
        match glob::glob(&whole) {
            Err(error) => fail(format!("`{}` is not a pattern: {}", pattern.value, error.msg)),
            Ok(paths) => {
                let paths: Vec<PathBuf> = paths.filter_map(Result::ok).take(FILES_LIMIT + 1).collect();
                if paths.is_empty() { fail(format!("`{}` matches no file", pattern.value)) } else { paths }
            }
        }
    }
}
