//! What types cannot say about settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::load::{Origin, SettingsError};
use super::{Settings, StoreKind};

/// Paths the server uses itself: exact, or everything below if it ends with a slash.
const ROUTES: [&str; 6] = ["/", "/-/", "/api/", "/badge/", "/items/", "/runbooks/"];

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn problems(settings: &Settings, origins: &BTreeMap<String, Origin>) -> Vec<SettingsError> {
    let mut found = Vec::new();
    let mut add = |key: &str, message: String| {
        let origin = origins.get(key).cloned().unwrap_or(Origin::Default);
        found.push(SettingsError { origin, key: key.to_owned(), message, hint: None });
    };
    let web = &settings.web;
    if web.listen_address.is_empty() {
        add("web.listen_address", "at least one address is needed".to_owned());
    }
    for address in &web.listen_address {
        if !is_address(address) {
            add("web.listen_address", "expected host:port, such as 127.0.0.1:10099".to_owned());
        }
    }
    if let Some(problem) = path_problem(&web.telemetry_path) {
        add("web.telemetry_path", problem);
    }
    let url = web.external_url.as_str();
    if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
        add("web.external_url", "expected a URL that starts with http:// or https://".to_owned());
    } else if url.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or("").contains('@')) {
        add("web.external_url", "the URL may hold no user and password".to_owned());
    }
    let engine = &settings.engine;
    for (key, number) in [
        ("web.max_requests", web.max_requests),
        ("engine.network", engine.network),
        ("engine.blocking", engine.blocking),
        ("engine.command", engine.command),
        ("engine.load", engine.load),
        ("engine.mutating", engine.mutating),
        ("engine.global", engine.global),
        ("engine.per_target", engine.per_target),
    ] {
        if number == 0 || number > 10_000 {
            add(key, format!("expected a number from 1 to 10000, not {number}"));
        }
    }
    for (key, length, least, most) in [
        ("engine.drain_grace", engine.drain_grace, Duration::ZERO, Duration::from_secs(600)),
        ("store.keep_transitions", settings.store.keep_transitions, DAY, DAY * 3660),
        ("catalogue.max_waiver", settings.catalogue.max_waiver, Duration::from_secs(60), DAY * 3660),
    ] {
        if length < least || length > most {
            let (least, most) = (humantime::format_duration(least), humantime::format_duration(most));
            add(key, format!("expected a length from {least} to {most}"));
        }
    }
    if settings.store.kind == StoreKind::Sqlite && settings.store.path.as_os_str().is_empty() {
        add("store.path", "a directory is needed for the SQLite store".to_owned());
    }
    if settings.catalogue.file.as_os_str().is_empty() {
        add("catalogue.file", "a root file is needed".to_owned());
    }
    if web.config_file.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
        add("web.config_file", "the path is empty; leave the setting out instead".to_owned());
    }
    if let Err(error) = settings.log.level.parse::<tracing_subscriber::filter::EnvFilter>() {
        add("log.level", format!("not a level or filter: {error}"));
    }
    found
}

/// `host:port` where host is an address, a name or empty (all interfaces).
fn is_address(text: &str) -> bool {
    if text.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let is_name = host.len() <= 253 && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    // Digits and dots alone are meant as an address, and as one they did not parse.
    let is_numeric = !host.is_empty() && host.chars().all(|c| c.is_ascii_digit() || c == '.');
    is_name && !is_numeric && port.parse::<u16>().is_ok()
}

fn path_problem(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return Some("the path must start with /".to_owned());
    }
    if !path.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~')) {
        return Some("the path may hold letters, digits and / - _ . ~".to_owned());
    }
    if path.contains("//") || (path.len() > 1 && path.ends_with('/')) {
        return Some("the path may hold no empty part".to_owned());
    }
    let taken = ROUTES.iter().find(|route| match route.strip_suffix('/') {
        Some("") => path == "/",
        Some(parent) => path == parent || path.starts_with(*route),
        None => path == **route,
    });
    taken.map(|route| format!("the server uses {route} itself"))
}
