use std::path::Path;
use std::time::Duration;

use super::*;

fn env(variables: &[(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs(variables).into_iter()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

fn errors(text: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Vec<String> {
    let file = file(text);
    let path = file.path().display().to_string();
    let errors = Settings::load(Some(file.path()), env(variables), &pairs(flags)).expect_err("errors");
    errors.iter().map(|error| error.to_string().replace(&path, "FILE")).collect()
}

#[test]
fn nothing_given_is_the_defaults() {
    let loaded = Settings::load(None, env(&[("HOME", "/root")]), &[]).unwrap();
    assert_eq!(loaded.settings, Settings::default());
    assert!(loaded.origins.values().all(|origin| *origin == Origin::Default));
    assert_eq!(loaded.origins.len(), 30);
}

#[test]
fn later_layers_win_and_leave_the_rest() {
    let file = file(
        "web:\n  listen_address: [\"127.0.0.1:1\"]\n  max_requests: 5\n  config_file: /w.yaml\nengine:\n  drain_grace: 3s\nlog:\n",
    );
    let loaded = Settings::load(
        Some(file.path()),
        env(&[
            ("READINESS__WEB__LISTEN_ADDRESS", "127.0.0.1:2, [::1]:2"),
            ("READINESS__ENGINE__ALLOW_MUTATION", "true"),
            ("READINESS__ENGINE__NETWORK", "7"),
            ("READINESS__STORE__KIND", "memory"),
        ]),
        &pairs(&[("web.listen_address", "localhost:3"), ("web.listen_address", ":4"), ("log.format", "json")]),
    )
    .unwrap();
    let settings = &loaded.settings;
    assert_eq!(settings.web.listen_address, ["localhost:3", ":4"]);
    assert_eq!(settings.web.max_requests, 5);
    assert_eq!(settings.web.config_file.as_deref(), Some(Path::new("/w.yaml")));
    assert_eq!(settings.engine.drain_grace, Duration::from_secs(3));
    assert!(settings.engine.allow_mutation);
    assert_eq!(settings.engine.network, 7);
    assert_eq!(settings.store.kind, StoreKind::Memory);
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.web.telemetry_path, "/metrics");
    let origin = |key: &str| loaded.origins.get(key).unwrap().to_string();
    assert_eq!(origin("web.listen_address"), "flag --web.listen-address");
    assert_eq!(origin("web.max_requests"), file.path().display().to_string());
    assert_eq!(origin("engine.network"), "READINESS__ENGINE__NETWORK");
    assert_eq!(origin("web.telemetry_path"), "default");
}

#[test]
fn unknown_names_are_errors_with_the_nearest() {
    let found = errors(
        "webb: {}\nweb:\n  listen_adress: x\n",
        &[("READINESS__WEB__MAX_REQUEST", "3")],
        &[("log.levle", "info")],
    );
    assert_eq!(
        found,
        [
            "FILE: web.listen_adress: there is no such setting (did you mean `web.listen_address`?)",
            "FILE: webb: there is no such section (did you mean `web`?)",
            "READINESS__WEB__MAX_REQUEST: web.max_request: there is no such setting \
             (did you mean `READINESS__WEB__MAX_REQUESTS`?)",
            "flag --log.levle: log.levle: there is no such setting (did you mean `log.level`?)",
        ]
    );
}

#[test]
fn all_wrong_values_come_at_once_with_their_origin() {
    let found = errors(
        "web:\n  max_requests: many\n  telemetry_path: api/x\nengine:\n  drain_grace: soon\nlog: 3\n",
        &[("READINESS__ENGINE__NETWORK", "0"), ("READINESS__STORE__KIND", "postgres")],
        &[("web.listen_address", "1.2.3:x")],
    );
    let all = found.join("\n");
    for part in [
        "FILE: web.max_requests: ",
        "FILE: web.telemetry_path: the path must start with /",
        "FILE: engine.drain_grace: ",
        "FILE: log: a section holds settings",
        "READINESS__ENGINE__NETWORK: engine.network: expected a number from 1 to 10000, not 0",
        "READINESS__STORE__KIND: store.kind: ",
        "flag --web.listen-address: web.listen_address: expected host:port, such as 127.0.0.1:10099",
    ] {
        assert!(all.contains(part), "{part} in {all}");
    }
    assert_eq!(found.len(), 7, "{all}");
}

#[test]
fn no_error_shows_the_value_it_is_about() {
    let found = errors(
        "engine: { network: hunter2, drain_grace: hunter2, allow_mutation: hunter2 }\nstore: { kind: hunter2 }\n",
        &[("READINESS__WEB__MAX_REQUESTS", "hunter2"), ("READINESS__LOG__FORMAT", "hunter2")],
        &[("catalogue.watch", "hunter2"), ("web.listen_address", "me:hunter2@h:1")],
    );
    let all = found.join("\n");
    assert_eq!(found.len(), 8, "{all}");
    assert!(!all.contains("hunter2"), "{all}");
    for part in ["expected `sqlite` or `memory`", "expected `logfmt` or `json`", "such as 30s", ", not string"] {
        assert!(all.contains(part), "{part} in {all}");
    }
}

#[test]
fn files_that_are_no_settings_are_errors() {
    assert!(errors("web: [", &[], &[]).first().unwrap().starts_with("FILE: "));
    assert!(errors("- a\n", &[], &[]).first().unwrap().contains("sections"));
    assert!(errors("web:\n  max_requests: 1\n  max_requests: 2\n", &[], &[]).first().unwrap().starts_with("FILE: "));
    let missing = Settings::load(Some(Path::new("/nonexistent/x.yaml")), env(&[]), &[]).unwrap_err();
    assert!(missing.first().unwrap().to_string().contains("cannot be read"));
}

#[test]
fn bad_values_are_refused() {
    for (key, value) in [
        ("web.listen_address", "127.0.0.1"),
        ("web.listen_address", "127.0.0.1:99999"),
        ("web.listen_address", "999.0.0.1:80"),
        ("web.listen_address", ""),
        ("web.telemetry_path", "/"),
        ("web.telemetry_path", "/-/ready"),
        ("web.telemetry_path", "/api"),
        ("web.telemetry_path", "/items/a"),
        ("web.telemetry_path", "/runbooks"),
        ("web.telemetry_path", "/{x}"),
        ("web.telemetry_path", "/m/"),
        ("web.external_url", "ftp://x"),
        ("web.external_url", "https://me:pw@x/"),
        ("web.max_requests", "-1"),
        ("engine.drain_grace", "1h"),
        ("store.keep_transitions", "1s"),
        ("store.path", ""),
        ("catalogue.file", ""),
        ("catalogue.max_waiver", "1s"),
        ("web.config_file", ""),
        ("log.level", "=;=loud"),
        ("log.format", "xml"),
        ("web.enable_lifecycle", "perhaps"),
    ] {
        let found = Settings::load(None, env(&[]), &pairs(&[(key, value)])).expect_err(&format!("{key}={value}"));
        assert_eq!(found.iter().map(|error| error.key.as_str()).collect::<Vec<_>>(), [key], "{value}");
        assert!(!found[0].to_string().contains("pw@"));
    }
}

#[test]
fn the_dump_names_origins_and_hides_secrets() {
    let mut loaded = Settings::load(None, env(&[("READINESS__LOG__LEVEL", "debug")]), &[]).unwrap();
    loaded.settings.web.external_url = "https://me:hunter2@host/x".to_owned();
    let text = dump(&loaded);
    assert!(text.contains("log.level: \"debug\"  # READINESS__LOG__LEVEL\n"), "{text}");
    assert!(text.contains("engine.drain_grace: \"10s\"  # default\n"), "{text}");
    assert!(text.contains("https://***@host/x") && !text.contains("hunter2"), "{text}");
    assert!(super::dump::is_secret("web.api_token") && !super::dump::is_secret("web.config_file"));
}

#[test]
fn the_default_file_is_current_and_equals_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/settings.yaml");
    let text = default_file();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "run the tests with UPDATE=1");
    assert_eq!(Settings::load(Some(&path), env(&[]), &[]).unwrap().settings, Settings::default());
    let commented = text.lines().filter(|line| line.trim_start().starts_with('#')).count();
    assert!(commented > 25);
}
