//! Flags as settings: (dotted key, value), the strongest layer of `Settings::load`.

use std::path::Path;

use super::args::Flags;

impl Flags {
    /// The settings these flags override. A repeated key is one list.
    pub fn overrides(&self) -> Vec<(String, String)> {
        let path = |path: &Option<std::path::PathBuf>| path.as_deref().map(text);
        let mut all: Vec<(&str, String)> = Vec::new();
        all.extend(self.listen_address.iter().map(|address| ("web.listen_address", address.clone())));
        for (key, value) in [
            ("catalogue.file", path(&self.config_file)),
            ("catalogue.watch", self.watch.map(|on| on.to_string())),
            ("engine.allow_mutation", self.allow_mutation.map(|on| on.to_string())),
            ("engine.environment", self.environment.clone()),
            ("log.format", self.log_format.clone()),
            ("log.level", self.log_level.clone()),
            ("store.kind", self.store_kind.clone()),
            ("store.path", path(&self.store_path)),
            ("web.config_file", path(&self.web_config_file)),
            ("web.detail", self.detail.clone()),
            ("web.enable_lifecycle", self.enable_lifecycle.map(|on| on.to_string())),
            ("web.external_url", self.external_url.clone()),
            ("web.max_requests", self.max_requests.map(|n| n.to_string())),
            ("web.telemetry_path", self.telemetry_path.clone()),
        ] {
            all.extend(value.map(|value| (key, value)));
        }
        all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// Paths travel as text; one that is no UTF-8 fails when it is opened, which names it.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::Cli;
    use crate::settings::{LogFormat, MetricsDetail, Settings, StoreKind};

    #[test]
    fn every_flag_reaches_its_setting() {
        let line = "x --web.listen-address h:1 --web.listen-address h:2 --config.file c.yaml --catalogue.watch \
                    --engine.allow-mutation --engine.environment prod --log.format json --log.level debug \
                    --store.kind memory --store.path d --web.config.file w --web.enable-lifecycle=true \
                    --web.external-url http://x --web.max-requests 3 --web.telemetry-path /m \
                    --web.detail compact";
        let flags = Cli::parse_from(line.split_whitespace()).flags;
        let settings = Settings::load(None, std::iter::empty(), &flags.overrides()).unwrap().settings;
        assert_eq!(settings.web.listen_address, ["h:1", "h:2"]);
        assert_eq!(settings.catalogue.file, Path::new("c.yaml"));
        assert!(settings.catalogue.watch && settings.engine.allow_mutation && settings.web.enable_lifecycle);
        assert_eq!(settings.engine.environment, "prod");
        assert_eq!((settings.log.format, settings.log.level.as_str()), (LogFormat::Json, "debug"));
        assert_eq!((settings.store.kind, settings.store.path.as_path()), (StoreKind::Memory, Path::new("d")));
        assert_eq!(settings.web.config_file.as_deref(), Some(Path::new("w")));
        assert_eq!((settings.web.external_url.as_str(), settings.web.max_requests), ("http://x", 3));
        assert_eq!(settings.web.telemetry_path, "/m");
        assert_eq!(settings.web.detail, MetricsDetail::Compact);
        assert_eq!(flags.overrides().len(), 16);
        assert!(Flags::default().overrides().is_empty());
    }
}
