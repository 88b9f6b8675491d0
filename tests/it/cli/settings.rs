//! Settings from everywhere, and arguments that do not exist.

use super::{ITEMS, Place, run, said};

#[test]
fn the_dump_names_where_each_value_comes_from() {
    let place = Place::new(ITEMS);
    let file =
        place.write("settings.yaml", "engine: { drain_grace: 3s, environment: staging }\nlog: { format: json }\n");
    let file = file.to_str().expect("UTF-8");
    let arguments = ["--config.dump", "--settings.file", file, "--web.max-requests", "7", "--log.format=logfmt"];
    let output = place.command(&arguments).env("READINESS__ENGINE__ENVIRONMENT", "prod").output();
    let said = said(output);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    for line in [
        "web.telemetry_path: \"/metrics\"  # default",
        &format!("engine.drain_grace: \"3s\"  # {file}"),
        "engine.environment: \"prod\"  # READINESS__ENGINE__ENVIRONMENT",
        "web.max_requests: 7  # flag --web.max-requests",
        "log.format: \"logfmt\"  # flag --log.format",
    ] {
        assert!(said.out.lines().any(|shown| shown == line), "{line} in\n{}", said.out);
    }
}

#[test]
fn wrong_settings_come_all_at_once_and_show_no_secret() {
    let place = Place::new(ITEMS);
    let output = place
        .command(&["--config.dump", "--web.external-url", "https://me:hunter2@host/"])
        .env("READINESS__WEB__LISTEN_ADRESS", "hunter2")
        .env("READINESS__ENGINE__NETWORK", "hunter2")
        .output();
    let said = said(output);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    for part in ["READINESS__WEB__LISTEN_ADDRESS`?", "engine.network: ", "the URL may hold no user and password"] {
        assert!(said.err.contains(part), "{part} in {}", said.err);
    }
    assert!(!said.err.contains("hunter2"), "{}", said.err);
}

#[test]
fn arguments_that_do_not_exist_are_exit_code_2() {
    for arguments in
        [&["--web.listen-adress", "x"][..], &["chekc"], &["check", "--output", "xml"], &["--store.kind", "tape"]]
    {
        let said = run(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments:?}");
        assert!(
            said.err.contains("error: ")
                && said.err.contains(arguments[arguments.len() - 1].trim_end_matches('x').trim_end_matches('m')),
            "{}",
            said.err
        );
    }
    assert!(run(&["--web.listen-adress", "x"]).err.contains("--web.listen-address"));
}

#[test]
fn help_names_every_command() {
    let said = run(&["--help"]);
    assert_eq!(said.code, 0);
    for word in
        ["check", "validate", "list", "explain", "generate", "completions", "man", "--config.file", "--config.dump"]
    {
        assert!(said.out.contains(word), "{word}");
    }
    assert_eq!(run(&["--version"]).out, format!("readiness-exporter {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_and_the_manual_page_are_what_they_claim() {
    for (shell, mark) in [
        ("bash", "complete -F _readiness__exporter"),
        ("zsh", "#compdef readiness-exporter"),
        ("fish", "complete -c readiness-exporter"),
    ] {
        let said = run(&["completions", shell]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{shell}");
        assert!(said.out.contains(mark) && said.out.contains("deny-warnings"), "{shell}");
    }
    let said = run(&["man"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains(".TH readiness-exporter 1") && said.out.contains(".SH SYNOPSIS"), "{}", said.out);
    assert_eq!(run(&["completions", "tcsh"]).code, 2);
}
