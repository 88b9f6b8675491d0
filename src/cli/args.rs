//! Arguments. Flags are named as in Prometheus; each one that is a setting overrides the settings
//! file and the environment.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Re-evaluates production-readiness checklists for ever and exposes every item as a Prometheus gauge.
///
/// Without a command it runs as a daemon.
#[derive(Clone, Debug, Parser)]
#[command(name = "readiness-exporter", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub flags: Flags,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Flags that work before and after a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Settings")]
pub struct Flags {
    /// Root file of the catalogue.
    #[arg(long = "config.file", global = true, value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Settings file of the process.
    #[arg(long = "settings.file", global = true, value_name = "FILE")]
    pub settings_file: Option<PathBuf>,
    /// Check settings and catalogue, then exit.
    #[arg(long = "config.check", global = true)]
    pub config_check: bool,
    /// Print the settings in force and where each comes from, then exit.
    #[arg(long = "config.dump", global = true)]
    pub config_dump: bool,
    /// Address to listen on; may be given several times.
    #[arg(long = "web.listen-address", global = true, value_name = "HOST:PORT")]
    pub listen_address: Vec<String>,
    /// TLS and users, in the format of Prometheus' exporter-toolkit.
    #[arg(long = "web.config.file", global = true, value_name = "FILE")]
    pub web_config_file: Option<PathBuf>,
    /// Path of the metrics.
    #[arg(long = "web.telemetry-path", global = true, value_name = "PATH")]
    pub telemetry_path: Option<String>,
    /// The address under which people reach the daemon, for links.
    #[arg(long = "web.external-url", global = true, value_name = "URL")]
    pub external_url: Option<String>,
    /// Allow reload and run-now over HTTP.
    #[arg(long = "web.enable-lifecycle", global = true, value_name = "BOOL",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub enable_lifecycle: Option<bool>,
    /// Scrapes and page requests served at once; more get 503.
    #[arg(long = "web.max-requests", global = true, value_name = "N")]
    pub max_requests: Option<usize>,
    /// How much the metrics say of each item: full, compact or summary.
    #[arg(long = "web.detail", global = true, value_name = "LEVEL", value_parser = ["full", "compact", "summary"])]
    pub detail: Option<String>,
    /// Where state is kept: sqlite or memory.
    #[arg(long = "store.kind", global = true, value_name = "KIND", value_parser = ["sqlite", "memory"])]
    pub store_kind: Option<String>,
    /// Directory of the SQLite file.
    #[arg(long = "store.path", global = true, value_name = "DIR")]
    pub store_path: Option<PathBuf>,
    /// Reload when a file of the catalogue changes.
    #[arg(long = "catalogue.watch", alias = "config.enable-auto-reload", global = true, value_name = "BOOL",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub watch: Option<bool>,
    /// The environment this daemon watches, such as staging.
    #[arg(long = "engine.environment", global = true, value_name = "NAME")]
    pub environment: Option<String>,
    /// Allow checks that mutate or load their target, where item and environment allow it too.
    #[arg(long = "engine.allow-mutation", global = true, value_name = "BOOL",
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_mutation: Option<bool>,
    /// Log level or filter.
    #[arg(long = "log.level", global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Log format: logfmt or json.
    #[arg(long = "log.format", global = true, value_name = "FORMAT", value_parser = ["logfmt", "json"])]
    pub log_format: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Evaluate once, print the result and exit: 0 only if everything selected is accepted.
    Check(Check),
    /// Check settings and catalogue without evaluating anything.
    Validate(Validate),
    /// List the items of the catalogue.
    List(List),
    /// Explain a kind, an item, a reason, a state or a diagnostic code.
    Explain {
        /// Such as `http`, `parallax/core.database.a`, `timeout`, `blocked` or `RC0012`.
        what: String,
    },
    /// Write the files that are made from the code.
    Generate {
        /// Only compare; fail if a file is not current.
        #[arg(long)]
        check: bool,
        /// What to write; everything if none is named.
        #[arg(value_enum)]
        what: Vec<Generated>,
    },
    /// Print a completion script.
    Completions {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print a manual page.
    Man {
        /// Of this command; without it, of the whole.
        command: Option<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Check {
    #[arg(long, short, value_enum, default_value_t = CheckOutput::Table)]
    pub output: CheckOutput,
    /// Gate to judge, `name` or `checklist/name`; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub gate: Vec<String>,
    /// Only this checklist.
    #[arg(long, value_name = "ID")]
    pub checklist: Option<String>,
    /// Only this item and what it needs, `checklist/item`; may be given several times.
    #[arg(long, value_name = "ID")]
    pub item: Vec<String>,
    /// In a table, list what is not configured or not built item by item, not in one line a section.
    #[arg(long)]
    pub all: bool,
    /// Give up after this long; what has no result by then is not ready.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "2m")]
    pub timeout: Duration,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct Validate {
    #[arg(long, short, value_enum, default_value_t)]
    pub output: DiagnosticOutput,
    /// Fail on warnings too.
    #[arg(long)]
    pub deny_warnings: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct List {
    #[arg(long, short, value_enum, default_value_t = ListOutput::Table)]
    pub output: ListOutput,
    /// Only this checklist.
    #[arg(long, value_name = "ID")]
    pub checklist: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckOutput {
    Table,
    Json,
    Junit,
    Markdown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiagnosticOutput {
    #[default]
    Human,
    Json,
    Github,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListOutput {
    Table,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generated {
    /// JSON Schema of the catalogue.
    Schema,
    /// Pages about kinds, metrics, reasons and diagnostics.
    Docs,
    /// The commented default settings file.
    Settings,
    /// Rules of Prometheus, and a configuration of Alertmanager.
    Alerts,
    /// Dashboards of Grafana, with their provisioning.
    Dashboards,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("readiness-exporter").chain(line.split_whitespace()))
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_is_the_daemon() {
        let cli = parse("--web.listen-address 127.0.0.1:1 --web.listen-address=[::1]:2 --catalogue.watch").unwrap();
        assert_eq!(cli.command, None);
        assert_eq!(cli.flags.listen_address, ["127.0.0.1:1", "[::1]:2"]);
        assert_eq!(cli.flags.watch, Some(true));
        assert_eq!(parse("--config.enable-auto-reload=false").unwrap().flags.watch, Some(false));
    }

    #[test]
    fn flags_work_before_and_after_a_command() {
        let before = parse("--config.file a.yaml --log.level debug check --gate go-live --gate b -o junit").unwrap();
        let after = parse("check --gate go-live --gate b -o junit --config.file a.yaml --log.level debug").unwrap();
        assert_eq!(before.flags, after.flags);
        assert_eq!(before.command, after.command);
        let Some(Command::Check(check)) = before.command else { panic!("check") };
        assert_eq!((check.output, check.gate.len()), (CheckOutput::Junit, 2));
        assert_eq!(check.timeout, Duration::from_secs(120));
    }

    #[test]
    fn commands_parse() {
        for line in [
            "validate --output github --deny-warnings",
            "list --output json",
            "explain http",
            "generate --check schema settings",
            "generate",
            "completions bash",
            "man",
            "check --item a/b --item a/c --checklist a --timeout 30s --output markdown",
            "--config.check",
            "--config.dump",
        ] {
            parse(line).expect(line);
        }
        for line in ["check --output xml", "check --timeout soon", "--store.kind postgres", "explain", "nonsense"] {
            parse(line).expect_err(line);
        }
    }
}
