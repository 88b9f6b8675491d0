//! Addresses of pages, relative to the path under which a proxy shows the daemon.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::model::{ItemId, Source};

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Clone, Debug, Default)]
pub(in crate::web) struct Links {
    /// Empty, or a path without a slash at its end.
    base: String,
    pub(in crate::web) metrics: String,
}

impl Links {
    /// `external_url` may be empty. Only its path matters here.
    pub(in crate::web) fn new(external_url: &str, telemetry_path: &str) -> Self {
        let base = external_url.parse::<http::Uri>().map(|uri| uri.path().trim_end_matches('/').to_owned());
        let base = base.unwrap_or_default();
        let metrics = format!("{base}{telemetry_path}");
        Self { base, metrics }
    }

    /// `path` starts with a slash and is encoded already.
    pub(in crate::web) fn to(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(in crate::web) fn item(&self, id: &ItemId) -> String {
        format!("{}/items/{}/{}", self.base, encode(id.checklist()), encode(id.item()))
    }

    pub(in crate::web) fn run(&self, id: &ItemId) -> String {
        format!("{}/api/v1/items/{}/{}/run", self.base, encode(id.checklist()), encode(id.item()))
    }

    pub(in crate::web) fn api(&self, id: &ItemId) -> String {
        format!("{}/api/v1/items/{}/{}", self.base, encode(id.checklist()), encode(id.item()))
    }

    pub(in crate::web) fn checklist_badge(&self, checklist: &str) -> String {
        format!("{}/badge/{}.svg", self.base, encode(checklist))
    }

    pub(in crate::web) fn gate_badge(&self, checklist: &str, gate: &str) -> String {
        format!("{}/badge/{}/{}.svg", self.base, encode(checklist), encode(gate))
    }
}

pub(in crate::web) fn encode(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// `text` if it may be a link: anything but http and https, such as `javascript:`, stays text.
pub(in crate::web) fn safe_url(text: &str) -> Option<&str> {
    (text.starts_with("https://") || text.starts_with("http://")).then_some(text)
}

/// The line of the document, where the document can be linked.
pub(super) fn source_link(source: &Source) -> Option<String> {
    let url = safe_url(source.url.as_deref()?)?;
    let bare = url.split('#').next().unwrap_or(url);
    Some(format!("{bare}#L{}", source.line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded_and_the_path_of_the_external_url_is_kept() {
        let links = Links::new("https://ops.example/ready/", "/metrics");
        assert_eq!(links.item(&ItemId::new("a b", "x?<y>")), "/ready/items/a%20b/x%3F%3Cy%3E");
        assert_eq!(links.metrics, "/ready/metrics");
        assert_eq!(Links::new("", "/m").item(&ItemId::new("a", "b.c-d")), "/items/a/b.c-d");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert_eq!(safe_url("javascript:alert(1)"), None);
        assert_eq!(safe_url("https://x/"), Some("https://x/"));
        let source = Source { file: "A.md".into(), line: 7, url: Some("https://h/blob/m/A.md#x".into()) };
        assert_eq!(source_link(&source).as_deref(), Some("https://h/blob/m/A.md#L7"));
    }
}
