//! Log set-up: to standard error, as logfmt or JSON.

use anyhow::Context;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{Log, LogFormat};

/// Libraries log what they send and receive at lower levels; that is where secrets would leak. A
/// layer of its own, so that no directive of the log level, however exact, lifts it. A target is
/// every crate that begins so.
fn caps() -> Targets {
    Targets::new()
        .with_default(LevelFilter::TRACE)
        .with_targets(["sqlx", "hickory_", "bollard"].map(|library| (library, LevelFilter::WARN)))
        .with_targets(
            ["hyper", "h2", "rustls", "tokio_rustls", "tower", "axum", "config"].map(|l| (l, LevelFilter::INFO)),
        )
}

/// `quiet`: a command whose output somebody reads logs warnings only, unless the level was set.
pub(super) fn init(settings: &Log, quiet: bool) -> anyhow::Result<()> {
    let level = if quiet && settings.level == Log::default().level { "warn" } else { &settings.level };
    let filter = EnvFilter::try_new(level).with_context(|| format!("log level `{level}`"))?;
    let registry = tracing_subscriber::registry().with(filter).with(caps());
    match settings.format {
        LogFormat::Json => {
            let layer = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr);
            registry.with(layer).try_init()?;
        }
        LogFormat::Logfmt => {
            registry
                .with(tracing_logfmt::builder().with_target(false).layer().with_writer(std::io::stderr))
                .try_init()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_cannot_be_made_to_talk() {
        let caps = caps();
        for target in ["hyper::proto::h1::io", "hyper_util::client", "h2::codec::framed_write", "rustls::client::hs"] {
            assert!(!caps.would_enable(target, &Level::DEBUG), "{target}");
        }
        for target in
            ["sqlx::query", "sqlx_core::logger", "sqlx_postgres::connection", "hickory_net::xfer", "bollard::docker"]
        {
            assert!(!caps.would_enable(target, &Level::INFO), "{target}");
        }
        assert!(caps.would_enable("readiness::engine", &Level::TRACE));
        assert!(caps.would_enable("sqlx::query", &Level::WARN));
    }
}
