//! The command line: arguments, what they override, and output for people and machines.

pub mod args;
mod check;
mod daemon;
pub mod explain;
mod inspect;
mod load;
mod logging;
pub mod output;
mod overrides;
mod progress;
mod service;
pub mod terminal;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{CommandFactory, Parser};

use self::args::{Cli, Command};
use self::terminal::{complain, say};
use crate::settings::{Loaded, Settings, SettingsError};

/// How long threads that do not answer hold up the end of the daemon.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// Does what the command line says. 0: done, and everything asked about is accepted; 1: something
/// is not; 2: the command line, the settings or the catalogue are wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // Every client that finds a process-wide provider takes this one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Some(Command::Completions { shell }) => {
            // Into memory first: it panics where standard output is closed.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "readiness-exporter", &mut script);
            say(&String::from_utf8_lossy(&script))?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Man { command }) => {
            say(&man(command.as_deref())?)?;
            return Ok(ExitCode::SUCCESS);
        }
        Some(Command::Generate { check, what }) => return inspect::generate(*check, what),
        _ => {}
    }
    let loaded = settings(cli)?;
    if cli.flags.config_dump {
        say(&crate::settings::dump(&loaded))?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = loaded.settings;
    logging::init(&settings.log, cli.command.is_some())?;
    match &cli.command {
        None if cli.flags.config_check => inspect::validate(&settings, &args::Validate::default()),
        None => {
            let runtime = runtime()?;
            let ended = runtime.block_on(daemon::run(settings));
            // A file of the catalogue on a dead mount must not keep the process alive.
            runtime.shutdown_timeout(LAST_GRACE);
            ended
        }
        Some(Command::Check(arguments)) => runtime()?.block_on(check::run(settings, arguments)),
        Some(Command::Validate(arguments)) => inspect::validate(&settings, arguments),
        Some(Command::List(arguments)) => inspect::list(&settings, arguments),
        Some(Command::Explain { what }) => inspect::explain(&settings, what),
        Some(Command::Completions { .. } | Command::Man { .. } | Command::Generate { .. }) => Ok(ExitCode::SUCCESS),
    }
}

/// The manual page of a command, or of the whole.
fn man(command: Option<&str>) -> anyhow::Result<String> {
    let mut whole = Cli::command();
    whole.build();
    let (title, page) = match command {
        None => ("readiness-exporter".to_owned(), whole),
        Some(name) => {
            let found = whole.find_subcommand(name).with_context(|| format!("there is no command `{name}`"))?;
            (format!("readiness-exporter-{name}"), found.clone())
        }
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).title(title).render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn settings(cli: &Cli) -> anyhow::Result<Loaded> {
    let text = |value: OsString| value.to_string_lossy().into_owned();
    // `vars` would panic on a value that is not UTF-8.
    let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    Settings::load(cli.flags.settings_file.as_deref(), environment, &cli.flags.overrides()).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(SettingsError::to_string).collect();
        anyhow::anyhow!("the settings are wrong:\n  {}", lines.join("\n  "))
    })
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
