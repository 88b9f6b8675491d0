//! What can be reached, by any method, and what it makes the daemon do.

use super::{Limits, ask, fixture, plain, raw, settings, start};
use crate::engine::{Command, ReloadOutcome};
use crate::web::routes::{ROUTES, Route};
use std::sync::{Arc, Mutex};

const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

/// The path of something that is there.
fn filled(route: &Route) -> String {
    let path = route.path.replace("{checklist}/{gate}", "parallax/go-live.svg");
    let path = path.replace("{checklist}/{item}", "parallax/core.cache.redis-reachable");
    path.replace("{checklist}", "parallax.svg").replace("{name}", "ReadinessItemRegressed")
}

#[tokio::test]
async fn whoever_reaches_the_port_can_only_read() {
    let mut server = plain().await;
    let mut commands = server.commands.take().unwrap();
    for route in ROUTES {
        for method in METHODS {
            let answer = ask(server.port, method, &filled(route), "").await;
            let expected = match (route.methods.contains(&method), route.does) {
                (true, Some(_)) => 403,
                (true, None) => 200,
                (false, _) => 405,
            };
            assert_eq!(answer.status, expected, "{method} {}", route.path);
            assert!(commands.try_recv().is_err(), "{method} {} made the daemon do something", route.path);
        }
    }
}

#[test]
fn metrics_cannot_be_served_in_the_place_of_something_else() {
    let load = |path: &str| {
        let setting = ("web.telemetry_path".to_owned(), path.to_owned());
        settings::Settings::load(None, std::iter::empty(), &[setting])
    };
    for route in ROUTES.iter().filter(|route| route.path != "/metrics") {
        assert!(load(&filled(route)).is_err(), "{}", route.path);
    }
    assert!(load("/metrics").is_ok() && load("/internal/metrics").is_ok());
}

#[tokio::test]
async fn when_it_is_allowed_only_the_routes_that_say_so_do_something() {
    let allowed = settings::Web { enable_lifecycle: true, ..settings::Web::default() };
    let mut server = start(allowed, false, Limits::default()).await;
    let mut commands = server.commands.take().unwrap();
    let done = Arc::new(Mutex::new(0));
    let count = done.clone();
    let engine = raw::spawn(async move {
        while let Some(command) = commands.recv().await {
            *count.lock().unwrap() += 1;
            match command {
                Command::Reload { done } => done.send(ReloadOutcome::Unchanged).unwrap(),
                Command::RunNow { done, .. } => done.send(Some(fixture::NOW)).unwrap(),
            }
        }
    });
    for route in ROUTES {
        for method in METHODS {
            let before = *done.lock().unwrap();
            ask(server.port, method, &filled(route), "").await;
            let did = *done.lock().unwrap() > before;
            let may = route.does.is_some() && route.methods.contains(&method);
            assert_eq!(did, may, "{method} {}", route.path);
        }
    }
    engine.abort();
}
