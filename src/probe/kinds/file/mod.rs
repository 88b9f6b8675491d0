//! A file, its permissions, its age, its content, and the file system it lies on.
//!
//! A pass proves what was read at that moment on this host. What cannot be looked at, because a
//! directory is closed to the exporter, is not known; it is not missing.

pub(in crate::probe::kinds) mod content;
mod key;
pub(in crate::probe::kinds) mod look;
pub(in crate::probe::kinds) mod markdown;
mod storage;

use std::path::PathBuf;

pub(in crate::probe::kinds) use content::lines_of_key_value;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{Class, Proof, Reason, Timestamp, Verdict};
use crate::probe::guard::lane::Lane;
use crate::probe::{Findings, Probe, ProbeCx, ProbeError};

/// Looks at one file or directory of this host.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct File {
    /// Absolute path. Symbolic links are followed.
    path: PathBuf,
    /// exist or be_absent.
    must: Must,
    /// How to read the content: none, text, json, yaml, front_matter, markdown, number, key_value or
    /// private_key.
    parse: Parse,
    /// Headings that a document read as `markdown` must have, without regard to case.
    sections: Vec<String>,
    /// A larger file is not parsed, and then nothing is judged.
    max_bytes: usize,
    /// Adds the figures of the file system.
    filesystem: bool,
    #[serde(skip)]
    #[schemars(skip)]
    lane: Lane,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Must {
    #[default]
    Exist,
    BeAbsent,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Parse {
    #[default]
    None,
    /// The text itself.
    Text,
    Json,
    Yaml,
    /// The YAML between two `---` lines at the beginning.
    FrontMatter,
    /// `{ front_matter, headings, broken_links }` of a document: headings in lower case and without a number
    /// before them; relative links behind which there is nothing.
    Markdown,
    /// One number.
    Number,
    /// `KEY=VALUE` lines; blank lines and those that begin with `#` are skipped.
    KeyValue,
    /// `{ algorithm, bits }` of a private key in PEM, never the key.
    PrivateKey,
}

impl Default for File {
    fn default() -> Self {
        Self {
            path: PathBuf::new(),
            must: Must::default(),
            parse: Parse::default(),
            sections: Vec::new(),
            max_bytes: 1 << 20,
            filesystem: false,
            lane: Lane::default(),
        }
    }
}

/// What was seen. Everything but `exists` is zero or empty if the file does not exist.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    exists: bool,
    /// file, directory, fifo, socket, device or other; `dangling link` if the path is a symbolic
    /// link to nothing, which does not exist for `must: exist` and is not absent either.
    kind: String,
    size_bytes: u64,
    /// Permission bits as four octal digits, such as 0640.
    mode: String,
    mode_bits: u32,
    /// Name, or the number if it has none.
    owner: String,
    group: String,
    uid: u32,
    gid: u32,
    modified_s: f64,
    /// Negative if the time lies ahead: ask for `age_s >= 0` too where only a fresh file may pass.
    age_s: f64,
    /// Parsed as `parse` says; null without it.
    content: Value,
    /// Nobody but root and the owner can replace the file by way of a parent directory.
    parents_private: bool,
    /// Null unless asked for.
    filesystem: Option<FileSystem>,
    /// Why the content could not be parsed; empty if it could.
    problem: String,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct FileSystem {
    total_bytes: u64,
    /// Available to ordinary users.
    free_bytes: u64,
    free_ratio: f64,
    /// 1 where the file system does not count inodes.
    inodes_free_ratio: f64,
    read_only: bool,
    /// Such as ext, xfs, btrfs, nfs, overlay, tmpfs; a number in hexadecimal if it has no name here.
    kind: String,
    /// Whether the device below is encrypted by the kernel (dm-crypt); null if no device can be seen.
    encrypted: Option<bool>,
}

const DANGLING: &str = "dangling link";

impl Probe for File {
    const NAME: &'static str = "file";
    const SUMMARY: &'static str = "Looks at a file: existence, permissions, age, content, free space";
    const CLASS: Class = Class::Blocking;
    type Facts = Facts;

    fn check(&self, findings: &mut Findings) {
        if !self.path.is_absolute() {
            findings.error_with_hint("path", "the path is not absolute", "begin it with /");
        }
        if self.must == Must::BeAbsent && (self.parse != Parse::None || self.filesystem) {
            findings.error("parse", "a file that must be absent has no content to judge");
        }
        if !self.sections.is_empty() && self.parse != Parse::Markdown {
            findings.error_with_hint("sections", "only a document has sections", "add `parse: markdown`");
        }
        if self.max_bytes > look::READ_CEILING {
            findings.error("max_bytes", format!("at most {} bytes can be read", look::READ_CEILING));
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        let (path, parse, max_bytes) = (self.path.clone(), self.parse, self.max_bytes.min(look::READ_CEILING));
        let (filesystem, now) = (self.filesystem, cx.now());
        self.lane
            .run(cx, &self.path.display().to_string(), move || {
                let Some(seen) = look::seen(&path)? else {
                    let kind = if path.is_symlink() { DANGLING } else { "" };
                    return Ok(Facts { kind: kind.to_owned(), ..Facts::default() });
                };
                let (content, problem) = match parse {
                    Parse::None => (Value::Null, String::new()),
                    parse => match content::parse(parse, &look::read(&path, max_bytes)?, &path) {
                        Ok(content) => (content, String::new()),
                        Err(problem) => (Value::Null, problem),
                    },
                };
                Ok(Facts {
                    exists: true,
                    kind: seen.kind.to_owned(),
                    size_bytes: seen.size,
                    mode: format!("{:04o}", seen.mode_bits),
                    mode_bits: seen.mode_bits,
                    owner: look::name_of("/etc/passwd", seen.uid),
                    group: look::name_of("/etc/group", seen.gid),
                    uid: seen.uid,
                    gid: seen.gid,
                    modified_s: seen.modified_s,
                    age_s: now.as_secs_f64() - seen.modified_s,
                    content,
                    parents_private: look::parents_private(&path, seen.uid),
                    filesystem: if filesystem { Some(look::file_system(&path)?) } else { None },
                    problem,
                })
            })
            .await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        let path = self.path.display();
        match (self.must, facts.exists) {
            (Must::Exist, false) => {
                let seen = if facts.kind == DANGLING { "a symbolic link to nothing" } else { "nothing there" };
                Verdict::fail(Reason::Missing, format!("expected {path} to exist, saw {seen}"))
            }
            (Must::BeAbsent, false) if facts.kind == DANGLING => {
                Verdict::fail(Reason::Assertion, format!("expected nothing at {path}, saw a symbolic link to nothing"))
            }
            (Must::BeAbsent, true) => {
                Verdict::fail(Reason::Assertion, format!("expected nothing at {path}, saw a {}", facts.kind))
            }
            (Must::BeAbsent, false) => {
                Verdict::pass(Proof::of("file", "absent", "absent"), format!("expected nothing at {path}, saw nothing"))
            }
            (Must::Exist, true) if !facts.problem.is_empty() => {
                Verdict::fail(Reason::Invalid, format!("{path}: {}", facts.problem))
            }
            (Must::Exist, true) if !self.absent(facts).is_empty() => {
                let absent = self.absent(facts).join(", ");
                Verdict::fail(Reason::Assertion, format!("expected every section in {path}, saw none of {absent}"))
            }
            (Must::Exist, true) => {
                let seen = format!("{} of {} bytes, mode {}", facts.kind, facts.size_bytes, facts.mode);
                let sentence = format!("expected {path} to exist, saw a {seen}");
                Verdict::pass(Proof::of("file", "exists", seen), sentence)
            }
        }
    }
}

impl File {
    /// Sections that are asked for and are not there.
    fn absent(&self, facts: &Facts) -> Vec<&str> {
        let headings = facts.content.get("headings").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let is_there =
            |name: &str| headings.iter().any(|heading| heading.as_str() == Some(&name.trim().to_lowercase()));
        self.sections.iter().map(String::as_str).filter(|name| !is_there(name)).collect()
    }
}

#[cfg(test)]
mod tests;
