//! `/runbooks/…`: the pages of `docs/runbooks/`, so that the link in an alert works wherever the
//! exporter runs.

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use pulldown_cmark::{Event, Parser, html};

use super::app::App;
use super::page;
use super::reply::{Asked, Reply};

macro_rules! runbooks {
    ($($name:literal),* $(,)?) => {
        /// Names of alerts with what stands in their files. A test compares the names with the folder.
        pub(super) const RUNBOOKS: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../docs/runbooks/", $name, ".md"))),)*];
    };
}

runbooks![
    "ReadinessAttestationExpiring",
    "ReadinessExporterDown",
    "ReadinessGateFailing",
    "ReadinessItemBlocked",
    "ReadinessItemFlapping",
    "ReadinessItemRegressed",
    "ReadinessItemStale",
    "ReadinessItemUnknown",
    "ReadinessOverClaim",
    "ReadinessPanic",
    "ReadinessReloadFailed",
    "ReadinessRootCause",
    "ReadinessSchedulerLagging",
    "ReadinessSchedulerStuck",
    "ReadinessStoreDegraded",
    "ReadinessWaiverDead",
    "ReadinessWaiverExpired",
    "ReadinessWaiverExpiring",
];

pub(super) async fn index(State(app): State<App>, headers: HeaderMap) -> Response {
    let names: Vec<&str> = RUNBOOKS.iter().map(|(name, _)| *name).collect();
    page::runbooks(&names, app.links()).into_response(&Asked { html: true, ..Asked::of(&headers) })
}

pub(super) async fn one(State(app): State<App>, Path(name): Path<String>, headers: HeaderMap) -> Response {
    let asked = Asked { html: true, ..Asked::of(&headers) };
    let reply = match RUNBOOKS.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => page::runbook(name, &rendered(text), app.links()),
        None => {
            let detail = "There is no runbook of that name; /runbooks lists them.";
            Reply::problem(StatusCode::NOT_FOUND, detail, &asked, app.links())
        }
    };
    reply.into_response(&asked)
}

/// The heading of the page is left out: the page has its own. So is HTML, of which there is none.
fn rendered(markdown: &str) -> String {
    let body = markdown.split_once('\n').map_or("", |(_, rest)| rest);
    let events = Parser::new(body).filter(|event| !matches!(event, Event::Html(_) | Event::InlineHtml(_)));
    let mut text = String::new();
    html::push_html(&mut text, events);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_served() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/runbooks");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap().trim_end_matches(".md").to_owned())
            .collect();
        names.sort_unstable();
        let served: Vec<&str> = RUNBOOKS.iter().map(|(name, _)| *name).collect();
        assert_eq!(served, names);
    }

    /// The pages are read at another address than the files.
    #[test]
    fn links_lead_somewhere_from_any_address() {
        for (name, text) in RUNBOOKS {
            assert!(!text.contains("]("), "{name}: a link that only the file has");
        }
    }

    #[test]
    fn markdown_becomes_a_page() {
        let text = rendered("# Name\n\n## What to do\n\n- Look <b>here</b>.\n");
        assert_eq!(text, "<h2>What to do</h2>\n<ul>\n<li>Look here.</li>\n</ul>\n");
    }
}
