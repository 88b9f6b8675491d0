//! What a document is made of: its sections, its blocks of code, the names it mentions, and the values
//! of a block of YAML or JSON.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Reason;
use crate::probe::kinds::file::content::{NoYaml, bounded_yaml};
use crate::probe::kinds::process::pattern;
use crate::probe::line::line;
use crate::probe::{Findings, ProbeError};

/// Names that a file mentions.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Collect {
    /// Regular expression with one group: all that it matches is kept, each text once.
    pub(super) pattern: String,
    /// Only in the sections of a Markdown document whose heading matches this regular expression.
    pub(super) within: Option<String>,
    /// Only in its fenced blocks of code.
    pub(super) code: bool,
    /// Each is the path of a file or folder, which must be in the repository.
    pub(super) paths: bool,
    /// So many at least.
    pub(super) at_least: usize,
    /// Looks up in the history since when the file has mentioned each without a break.
    pub(super) since: bool,
}

/// Sections of a Markdown document. One that begins within another of the same pattern is a part of it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sections {
    /// Regular expressions for the text of headings; each must match one.
    pub(super) headings: Vec<String>,
    /// Regular expressions; each must match something in every section, blocks of code aside.
    pub(super) contains: Vec<String>,
    /// The same, within fenced blocks of code and nowhere else.
    pub(super) commands: Vec<String>,
    /// Each must match something in one of the sections, not in all.
    pub(super) together: bool,
    /// So many sections at least.
    pub(super) at_least: usize,
}

/// What was found of such sections.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Found {
    pub(super) count: usize,
    /// Patterns of headings that none matches, by their place from 0.
    pub(super) absent: Vec<usize>,
    /// Headings of sections, each with the pattern that nothing in it matches.
    pub(super) lacking: Vec<String>,
}

/// Texts of one name in the facts.
pub(super) const KEPT: usize = 2000;
/// Bytes of one of them.
pub(super) const TEXT: usize = 1000;
/// Bytes of a heading in the facts.
const HEADING: usize = 80;
/// Values of a structured document.
const VALUES: usize = 20_000;
/// Bytes of them with their paths. None is cut: a pattern would miss what it holds behind.
const VALUES_BYTES: usize = 16 << 20;

impl Collect {
    pub(super) fn check(&self, field: &str, findings: &mut Findings) {
        match pattern(&self.pattern) {
            Err(why) => findings.error(field, why),
            Ok(found) if found.captures_len() != 2 => findings.error(field, "exactly one group is needed"),
            Ok(_) => {}
        }
        if let Some(Err(why)) = self.within.as_deref().map(pattern) {
            findings.error(field, why);
        }
    }

    /// What it matches, and whether that is more than is kept.
    pub(super) fn look(&self, text: &str) -> Result<(BTreeSet<String>, bool), ProbeError> {
        let compiled = pattern(&self.pattern).map_err(ProbeError::unconfigured)?;
        let meant;
        let text = if self.within.is_some() || self.code {
            let lines = lines(text);
            let parts: Vec<&[Line<'_>]> = match &self.within {
                Some(within) => sections(&lines, &pattern(within).map_err(ProbeError::unconfigured)?),
                None => vec![&lines],
            };
            let meant_of = |line: &Line<'_>| !self.code || line.code;
            meant = parts.into_iter().map(|part| joined(part, meant_of)).collect::<String>();
            &meant
        } else {
            text
        };
        let mut found = BTreeSet::new();
        for groups in compiled.captures_iter(text) {
            let Some(group) = groups.get(1).map(|group| line(group.as_str().trim(), TEXT)) else { continue };
            found.insert(group);
            if found.len() > KEPT {
                return Ok((found, true));
            }
        }
        Ok((found, false))
    }
}

impl Sections {
    pub(super) fn check(&self, field: &str, findings: &mut Findings) {
        if self.headings.is_empty() {
            findings.error(field, "expected some `headings`");
        }
        for text in self.headings.iter().chain(&self.contains).chain(&self.commands) {
            if let Err(why) = pattern(text) {
                findings.error(field, why);
            }
        }
    }

    pub(super) fn look(&self, text: &str) -> Result<Found, ProbeError> {
        let compiled = |texts: &[String]| {
            texts.iter().map(|text| pattern(text)).collect::<Result<Vec<_>, _>>().map_err(ProbeError::unconfigured)
        };
        let headings = compiled(&self.headings)?;
        let lines = lines(text);
        let meant: Vec<&[Line<'_>]> = headings.iter().flat_map(|heading| sections(&lines, heading)).collect();
        let said =
            |part: &[Line<'_>]| part.first().and_then(|line| line.heading).map_or("", |(_, text)| text).to_owned();
        let mut found = Found { count: meant.len(), ..Found::default() };
        let all = lines.iter().filter_map(|line| line.heading).map(|(_, text)| text).collect::<Vec<_>>();
        let without = |wanted: &regex::Regex| !all.iter().any(|text| wanted.is_match(text));
        found.absent = headings.iter().enumerate().filter(|(_, wanted)| without(wanted)).map(|(at, _)| at).collect();
        for (texts, code) in [(&self.contains, false), (&self.commands, true)] {
            for (source, wanted) in texts.iter().zip(compiled(texts)?) {
                let lack: Vec<&&[Line<'_>]> =
                    meant.iter().filter(|part| !wanted.is_match(&joined(part, |line| line.code == code))).collect();
                if self.together && lack.len() < meant.len() {
                    continue;
                }
                let named = lack
                    .iter()
                    .map(|part| format!("`{}` has nothing for {}", line(&said(part), HEADING), line(source, HEADING)));
                found.lacking.extend(named.take(KEPT.saturating_sub(found.lacking.len())));
            }
        }
        Ok(found)
    }
}

/// One line of a Markdown document.
struct Line<'a> {
    text: &'a str,
    /// It stands in a fenced block.
    code: bool,
    /// Depth and text, if it is one.
    heading: Option<(usize, &'a str)>,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let (mut fenced, mut code, mut headings) = (false, Vec::new(), BTreeMap::new());
    for (event, at) in Parser::new_ext(text, Options::ENABLE_YAML_STYLE_METADATA_BLOCKS).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => fenced = true,
            Event::End(TagEnd::CodeBlock) => fenced = false,
            Event::Text(_) if fenced => code.push(at),
            Event::Start(Tag::Heading { level, .. }) => {
                let said = text.get(at.clone()).and_then(|said| said.lines().next()).unwrap_or_default();
                headings.insert(at.start, (level as usize, said.trim_matches('#').trim()));
            }
            _ => {}
        }
    }
    let mut code = code.into_iter().peekable();
    let (mut found, mut end) = (Vec::new(), 0);
    for text in text.split_inclusive('\n') {
        let start = end;
        end += text.len();
        while code.next_if(|block| block.end <= start).is_some() {}
        found.push(Line {
            text: text.trim_end_matches(['\r', '\n']),
            code: code.peek().is_some_and(|block| block.start < end),
            heading: headings.range(start..end).next().map(|(_, heading)| *heading),
        });
    }
    found
}

/// From each heading that the pattern matches to the next that is not below it.
fn sections<'a, 'b>(lines: &'b [Line<'a>], wanted: &regex::Regex) -> Vec<&'b [Line<'a>]> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let meant = line.heading.filter(|(_, text)| wanted.is_match(text));
        let Some((depth, _)) = meant else {
            at += 1;
            continue;
        };
        let rest = lines.get(at + 1..).unwrap_or_default();
        let ends = |line: &Line<'_>| line.heading.is_some_and(|(other, _)| other <= depth);
        let end = rest.iter().position(ends).map_or(lines.len(), |more| at + 1 + more);
        found.extend(lines.get(at..end));
        at = end;
    }
    found
}

fn joined(lines: &[Line<'_>], meant: impl Fn(&Line<'_>) -> bool) -> String {
    lines.iter().filter(|line| meant(line)).fold(String::new(), |text, line| text + line.text + "\n")
}

/// Why there are no values that patterns could be held against.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoValues {
    /// A clause about the document.
    Unreadable(String),
    /// There are more than are read. What was cut off must neither pass nor fail anything.
    TooLarge,
}

impl From<NoYaml> for NoValues {
    fn from(error: NoYaml) -> Self {
        match error {
            NoYaml::Broken(why) => Self::Unreadable(why),
            NoYaml::TooLarge => Self::TooLarge,
        }
    }
}

/// The fenced block of a Markdown document that has this key at its top.
pub(super) fn block(text: &str, key: &str) -> Result<String, NoValues> {
    let mut block = String::new();
    for line in lines(text).into_iter().chain([Line { text: "", code: false, heading: None }]) {
        if line.code {
            block = block + line.text + "\n";
        } else if !block.is_empty() {
            if block.contains(key) {
                match bounded_yaml(&block) {
                    Ok(value) if value.get(key).is_some() => return Ok(block),
                    Err(NoYaml::TooLarge) => return Err(NoValues::TooLarge),
                    Ok(_) | Err(NoYaml::Broken(_)) => {}
                }
            }
            block.clear();
        }
    }
    Err(NoValues::Unreadable(format!("there is no block of YAML or JSON with the key {key}")))
}

/// Its values, each on a line such as `paths./a.get.deprecated: true` or `metrics[0].query: up`.
pub(super) fn values(text: &str) -> Result<String, NoValues> {
    let value = bounded_yaml(text)?;
    let (mut found, mut count) = (String::new(), 0);
    flatten(&value, "", &mut found, &mut count)?;
    Ok(found)
}

fn flatten(value: &Value, at: &str, found: &mut String, count: &mut usize) -> Result<(), NoValues> {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let below = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                flatten(value, &below, found, count)?;
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (place, value) in items.iter().enumerate() {
                flatten(value, &format!("{at}[{place}]"), found, count)?;
            }
        }
        value => {
            let said = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            *count += 1;
            *found += &format!("{}: {}\n", line(at, usize::MAX), line(said.trim(), usize::MAX));
            if *count > VALUES || found.len() > VALUES_BYTES {
                return Err(NoValues::TooLarge);
            }
        }
    }
    Ok(())
}

/// A path as it stands in the tree.
pub(super) fn path(text: &str) -> String {
    let text = text.trim_start_matches("./").trim_end_matches(['/', '.', ',', ':', ';']);
    text.to_owned()
}

/// A document of which not all values are read.
pub(super) fn too_large(path: &str) -> ProbeError {
    let detail =
        format!("{} has more than {VALUES} values, or more than {VALUES_BYTES} bytes of them", line(path, HEADING));
    ProbeError::observer(Reason::TooLarge, detail)
}

pub(super) fn too_many(path: &str, name: &str) -> ProbeError {
    let detail = format!("{} has more than {KEPT} texts of {name}", line(path, HEADING));
    ProbeError::observer(Reason::TooLarge, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = "# Guide\nhelm rollback in words\n## Rollback\n```bash\n# kubectl rollout undo deployment/api\n\
                         helm rollback phoenix\n```\n### Of the database\ntext `deployment/none`\n## Rollback of clients\nnothing\n";

    fn texts(collect: &Collect) -> Vec<String> {
        collect.look(GUIDE).unwrap().0.into_iter().collect()
    }

    #[test]
    fn names_are_collected_where_they_are_meant() {
        let pattern = r"deployment/([a-z-]+)".to_owned();
        assert_eq!(texts(&Collect { pattern: pattern.clone(), ..Collect::default() }), ["api", "none"]);
        let code = Collect { pattern, within: Some("(?i)rollback".to_owned()), code: true, ..Collect::default() };
        assert_eq!(texts(&code), ["api"]);
    }

    #[test]
    fn sections_hold_their_parts_and_blocks_their_commands() {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let mut wanted = Sections {
            headings: texts(&["^Rollback", "Never"]),
            commands: texts(&["helm rollback"]),
            ..Sections::default()
        };
        let found = wanted.look(GUIDE).unwrap();
        assert_eq!((found.count, found.absent), (2, vec![1]));
        assert_eq!(found.lacking, ["`Rollback of clients` has nothing for helm rollback"]);
        wanted.together = true;
        assert!(wanted.look(GUIDE).unwrap().lacking.is_empty());
        let words = Sections { headings: texts(&["^Guide"]), commands: texts(&["in words"]), ..Sections::default() };
        assert_eq!(words.look(GUIDE).unwrap().lacking.len(), 1, "prose is no command");
    }

    #[test]
    fn what_is_no_heading_is_none() {
        let text = "---\nowner: ops\n---\nTitle\n=====\n````md\n```\n# inside\n```\n````\n- a list\n  ```sh\n  # no\n  run\n\n  it\n  ```\n\n## End ##\n";
        let found = lines(text);
        let headings: Vec<_> = found.iter().filter_map(|line| line.heading).collect();
        assert_eq!(headings, [(1, "Title"), (2, "End")]);
        let code: Vec<_> = found.iter().filter(|line| line.code).map(|line| line.text.trim()).collect();
        assert_eq!(code, ["```", "# inside", "```", "# no", "run", "", "it"]);
    }

    #[test]
    fn values_of_a_block_are_lines() {
        let text = "```yaml\nother: 1\n```\n```yaml\nbackup:\n  at: \"0 2 * * *\"\n  keep: [7, 4]\n  no: null\n```\n";
        let block = block(text, "backup").unwrap();
        assert_eq!(
            values(&block).unwrap(),
            "backup.at: 0 2 * * *\nbackup.keep[0]: 7\nbackup.keep[1]: 4\nbackup.no: null\n"
        );
        assert!(matches!(super::block(text, "at"), Err(NoValues::Unreadable(_))));
    }

    #[test]
    fn values_are_whole_or_none() {
        let list = |count: usize| (0..count).map(|n| format!("- {n}\n")).collect::<String>();
        assert_eq!(values(&list(VALUES)).unwrap().lines().count(), VALUES);
        assert_eq!(values(&list(VALUES + 1)), Err(NoValues::TooLarge));
        assert_eq!(values(&list(300_000)), Err(NoValues::TooLarge), "more than the parser reads");
        let block = format!("```yaml\nkey:\n{}```\n", list(300_000));
        assert_eq!(super::block(&block, "key"), Err(NoValues::TooLarge), "it is no other block");
        let long = format!("query: {}up", "x".repeat(5000));
        assert!(values(&long).unwrap().ends_with("up\n"), "a long value has its end");
    }
}
