//! What an HTML page loads. Not a parser of HTML: it reads the tags `script` and `link` as
//! generators of pages write them.

use std::sync::LazyLock;

use regex::Regex;
use url::Url;

/// Tags looked at.
const MAX_TAGS: usize = 500;

#[expect(clippy::unwrap_used, reason = "constant patterns, compiled by the tests")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static COMMENT: LazyLock<Regex> = LazyLock::new(|| pattern("(?s)<!--.*?-->"));
static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?is)<(script|link)\b((?:[^>"']|"[^"]*"|'[^']*')*)>"#));
static ATTRIBUTE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?is)([a-z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"#));

/// URLs of scripts and style sheets that come from the origin of the page, each once.
pub(super) fn assets(html: &str, page: &Url) -> Vec<String> {
    let html = COMMENT.replace_all(html, "");
    let mut found: Vec<String> = Vec::new();
    for tag in TAG.captures_iter(&html).take(MAX_TAGS) {
        let (name, attributes) = (tag.get(1).map_or("", |m| m.as_str()), tag.get(2).map_or("", |m| m.as_str()));
        let address = if name.eq_ignore_ascii_case("script") {
            attribute(attributes, "src")
        } else {
            let rel = attribute(attributes, "rel").unwrap_or_default().to_ascii_lowercase();
            attribute(attributes, "href").filter(|_| rel.split_ascii_whitespace().any(|word| word == "stylesheet"))
        };
        let url = address.and_then(|address| page.join(&address.replace("&amp;", "&")).ok());
        if let Some(url) = url.filter(|url| url.origin() == page.origin()).map(String::from)
            && !found.contains(&url)
        {
            found.push(url);
        }
    }
    found
}

fn attribute(attributes: &str, name: &str) -> Option<String> {
    let found = ATTRIBUTE
        .captures_iter(attributes)
        .find(|found| found.get(1).is_some_and(|n| n.as_str().eq_ignore_ascii_case(name)))?;
    let value = found.get(2).or(found.get(3)).or(found.get(4))?.as_str().trim();
    (!value.is_empty()).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_style_sheets_of_the_same_origin_are_found() {
        let page = Url::parse("http://h:1/app/").unwrap();
        let html = r#"<!-- <script src="/old.js"></script> --><LINK REL="stylesheet" href='a.css?x=1&amp;y=2'>
            <link rel="icon" href="/i.png"><script async src=/b.js></script><script>let a = "src='no.js'";</script>
            <script src="https://elsewhere/c.js"></script><script src="/b.js"></script>"#;
        assert_eq!(assets(html, &page), ["http://h:1/app/a.css?x=1&y=2", "http://h:1/b.js"]);
    }
}
