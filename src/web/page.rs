//! Pages from views. Templates escape everything, so that text from targets stays text.

use std::sync::LazyLock;

use askama::Template;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::reply::Reply;
use super::view::{BoardView, ItemDetail, Links};
use http::StatusCode;

const STYLE: &str = include_str!("templates/style.css");

/// Nothing may be loaded and no script may run; only the one style sheet in the page applies.
pub(super) static CONTENT_SECURITY_POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'",
        BASE64_STANDARD.encode(digest)
    )
});

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage<'a> {
    links: &'a Links,
    style: &'static str,
    board: &'a BoardView<'a>,
    refresh: Option<u32>,
}

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage<'a> {
    links: &'a Links,
    style: &'static str,
    detail: &'a ItemDetail<'a>,
    lifecycle: bool,
    refresh: Option<u32>,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    links: &'a Links,
    style: &'static str,
    title: &'a str,
    detail: &'a str,
    refresh: Option<u32>,
}

#[derive(Template)]
#[template(path = "runbook.html")]
struct RunbookPage<'a> {
    links: &'a Links,
    style: &'static str,
    name: &'a str,
    body: &'a str,
    refresh: Option<u32>,
}

#[derive(Template)]
#[template(path = "runbooks.html")]
struct RunbooksPage<'a> {
    links: &'a Links,
    style: &'static str,
    names: &'a [&'a str],
    refresh: Option<u32>,
}

pub(super) fn board(board: &BoardView<'_>, links: &Links) -> Reply {
    finish(StatusCode::OK, &BoardPage { links, style: STYLE, board, refresh: board.refresh })
}

/// `lifecycle`: whether run-now is offered.
pub(super) fn item(detail: &ItemDetail<'_>, links: &Links, lifecycle: bool) -> Reply {
    finish(StatusCode::OK, &ItemPage { links, style: STYLE, detail, lifecycle, refresh: None })
}

pub(super) fn problem(status: StatusCode, title: &str, detail: &str, links: &Links) -> Reply {
    finish(status, &ProblemPage { links, style: STYLE, title, detail, refresh: None })
}

/// `body` is HTML of ours and goes out as it is.
pub(super) fn runbook(name: &str, body: &str, links: &Links) -> Reply {
    finish(StatusCode::OK, &RunbookPage { links, style: STYLE, name, body, refresh: None })
}

pub(super) fn runbooks(names: &[&str], links: &Links) -> Reply {
    finish(StatusCode::OK, &RunbooksPage { links, style: STYLE, names, refresh: None })
}

fn finish(status: StatusCode, template: &impl Template) -> Reply {
    match template.render() {
        Ok(html) => Reply::new(status, "text/html; charset=utf-8", html),
        Err(error) => Reply::text(StatusCode::INTERNAL_SERVER_ERROR, format!("the page cannot be rendered: {error}\n")),
    }
}
