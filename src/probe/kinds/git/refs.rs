//! Branches and tags: what git lists, and which version is the greatest.

use std::collections::BTreeMap;

use regex::Regex;

use super::facts::Facts;
use super::fault;
use super::place::{Place, Scheme};
use crate::probe::ProbeError;
use crate::probe::line::line;

/// Tags listed in the facts.
const TAGS: usize = 200;
/// Branches listed in the facts.
pub(super) const BRANCHES: usize = 2000;
/// Bytes of a name in the facts.
const NAME: usize = 200;

/// No name of a ref that git takes for an option, a range or a pattern.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/+-".contains(&byte);
    !name.is_empty()
        && name.len() <= NAME
        && !name.starts_with(['-', '/', '.'])
        && !name.contains("..")
        && name.bytes().all(plain)
}

pub(super) fn is_commit(name: &str) -> bool {
    matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a repository lists: full names, with `^{}` for what an annotated tag points to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) head: Option<String>,
    pub(super) ids: BTreeMap<String, String>,
    pub(super) cut: bool,
}

impl Listed {
    /// Reads `id<tab>name` lines, and `ref: name<tab>HEAD`.
    pub(super) fn read(text: &str, cut: bool) -> Self {
        let mut listed = Self { cut, ..Self::default() };
        for (left, name) in text.lines().filter_map(|line| line.split_once('\t')) {
            match left.strip_prefix("ref: ") {
                Some(branch) if name == "HEAD" => listed.head = Some(branch.to_owned()),
                None if is_commit(left) => drop(listed.ids.insert(name.to_owned(), left.to_owned())),
                _ => {}
            }
        }
        listed
    }

    /// The full name of a ref and the commit it points to.
    pub(super) fn resolve(&self, name: &str) -> Option<(String, String)> {
        ["", "refs/heads/", "refs/tags/"].iter().find_map(|prefix| {
            let full = format!("{prefix}{name}");
            let id = self.ids.get(&format!("{full}^{{}}")).or_else(|| self.ids.get(&full))?;
            Some((full, id.clone()))
        })
    }

    /// Names of branches that match, without what stands before them.
    pub(super) fn branches<'a>(&'a self, pattern: &'a Regex) -> impl Iterator<Item = &'a str> {
        self.ids.keys().filter_map(|name| name.strip_prefix("refs/heads/")).filter(|name| pattern.is_match(name))
    }

    fn tags(&self) -> impl Iterator<Item = &str> {
        self.ids.keys().filter_map(|name| name.strip_prefix("refs/tags/")).filter(|name| !name.ends_with("^{}"))
    }

    /// Tags that match, the greatest version first.
    pub(super) fn versions(&self, pattern: &Regex) -> Vec<&str> {
        let mut found: Vec<&str> = self.tags().filter(|name| pattern.is_match(name)).collect();
        found.sort_by_key(|name| std::cmp::Reverse(version(name)));
        found
    }

    /// Puts into the facts what they tell of refs.
    pub(super) fn tell(&self, facts: &mut Facts, tags: Option<&Regex>, branches: Option<&Regex>) {
        let short = |name: &String| line(name.strip_prefix("refs/heads/").unwrap_or(name), NAME);
        facts.head = self.head.as_ref().map(short);
        facts.branches = self.ids.keys().filter(|name| name.starts_with("refs/heads/")).count();
        if let Some(pattern) = branches {
            let mut found = self.branches(pattern);
            facts.branch_names = found.by_ref().take(BRANCHES).map(|name| line(name, NAME)).collect();
            if found.next().is_some() {
                let why = format!("there are more than {BRANCHES} branches that match");
                facts.incomplete.insert("branch_names".to_owned(), why);
            }
        }
        if let Some(pattern) = tags {
            let found = self.versions(pattern);
            facts.newest_tag = found.first().map(|name| line(name, NAME));
            if found.len() > TAGS {
                let why = format!("there are more than {TAGS} tags that match");
                facts.incomplete.insert("tags".to_owned(), why);
            }
            facts.tags = found.into_iter().take(TAGS).map(|name| line(name, NAME)).collect();
        }
        if self.cut {
            for field in ["head", "commit", "branches", "branch_names", "tags", "newest_tag"] {
                facts.incomplete.insert(field.to_owned(), "the list of refs was too long to be read".to_owned());
            }
        }
    }
}

/// Orders versions: by their numbers, a release after its candidates, then by the text.
fn version(tag: &str) -> (Vec<u64>, bool, Vec<u64>, &str) {
    let start = tag.find(|c: char| c.is_ascii_digit()).unwrap_or(tag.len());
    let rest = tag.get(start..).unwrap_or_default();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (release, candidate) = rest.split_at(end);
    let numbers = |text: &str| -> Vec<u64> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
    };
    (numbers(release), !candidate.starts_with('-'), numbers(candidate), tag)
}

pub(super) async fn list(place: &Place<'_>) -> Result<Listed, ProbeError> {
    if place.scheme != Scheme::Local {
        let arguments = ["ls-remote", "--symref", "--", &place.address, "HEAD", "refs/heads/*", "refs/tags/*"];
        let ended = place.remote(false, &arguments).await?;
        if ended.exit_code != Some(0) {
            return Err(fault::of("ls-remote", ended.exit_code, &ended.stderr.bytes));
        }
        return Ok(Listed::read(&String::from_utf8_lossy(&ended.stdout.bytes), ended.stdout.truncated));
    }
    let format = "--format=%(objectname)%09%(refname)%0a%(*objectname)%09%(refname)^{}";
    let ended = place.ask(&["for-each-ref", format, "refs/heads", "refs/tags"], None).await?;
    let mut listed = Listed::read(&String::from_utf8_lossy(&ended.stdout.bytes), ended.stdout.truncated);
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let branch = place.run(true, &["symbolic-ref", "-q", "HEAD"], None).await?;
    listed.head = Some(words(&branch.stdout.bytes)).filter(|name| !name.is_empty());
    let head = place.run(true, &["rev-parse", "-q", "--verify", "HEAD^{commit}"], None).await?;
    let id = words(&head.stdout.bytes);
    if is_commit(&id) {
        listed.ids.insert("HEAD".to_owned(), id);
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refs_are_read_and_resolved() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let text = format!(
            "ref: refs/heads/main\tHEAD\n{a}\tHEAD\n{a}\trefs/heads/main\n{a}\trefs/tags/v1\n{b}\trefs/tags/v1^{{}}\n"
        );
        let listed = Listed::read(&text, false);
        assert_eq!(listed.resolve("main"), Some(("refs/heads/main".to_owned(), a)));
        assert_eq!(listed.resolve("v1"), Some(("refs/tags/v1".to_owned(), b)));
        assert_eq!((listed.resolve("v"), listed.head.as_deref()), (None, Some("refs/heads/main")));
    }

    #[test]
    fn the_greatest_version_is_no_text_and_no_candidate() {
        let mut tags = vec!["v1.9.0", "v1.10.0-rc.1", "v1.10.0", "v1.10.0-rc.2", "v0.99"];
        tags.sort_by_key(|tag| std::cmp::Reverse(version(tag)));
        assert_eq!(tags, ["v1.10.0", "v1.10.0-rc.2", "v1.10.0-rc.1", "v1.9.0", "v0.99"]);
    }

    #[test]
    fn no_ref_is_an_option_or_a_range() {
        assert!(is_plain("release/1.2") && is_plain("HEAD"));
        for name in ["", "--upload-pack=x", "a..b", "a b", "a:b", "a^", "@{-1}", "*"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
