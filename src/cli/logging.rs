//! Log set-up: to standard error, as logfmt or JSON.

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::{Log, LogFormat};

/// `quiet`: a command whose output somebody reads logs warnings only, unless the level was set.
pub(super) fn init(settings: &Log, quiet: bool) -> anyhow::Result<()> {
    let level = if quiet && settings.level == Log::default().level { "warn" } else { &settings.level };
    let filter = EnvFilter::try_new(level).with_context(|| format!("log level `{level}`"))?;
    // Libraries log what they send and receive at these levels; that is where secrets would leak.
    let filter = ["sqlx=warn", "hyper=info", "h2=info", "rustls=info", "hickory_proto=warn", "hickory_resolver=warn"]
        .into_iter()
        .try_fold(filter, |filter, directive| Ok::<_, anyhow::Error>(filter.add_directive(directive.parse()?)))?;
    let registry = tracing_subscriber::registry().with(filter);
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
