//! The address of a PostgreSQL target, and connection options without the surroundings: sqlx
//! fills its defaults from `PG…` variables, and each of them is overwritten here.

use std::fmt;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::model::Secret;
use crate::probe::ProbeError;

/// As in libpq, without `allow`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SslMode {
    Disable,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Where to log in and as whom. Holds no password.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// A name, an IP address without brackets, or the directory of a Unix socket.
    host: String,
    port: u16,
    user: String,
    database: String,
    pub(super) sslmode: SslMode,
}

impl SslMode {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }

    pub(super) fn verifies(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull)
    }
}

impl Address {
    /// Takes `postgresql://user@host:port/database?sslmode=…`. A password, an unknown option or a
    /// missing part is the configuration's fault; the address itself is never repeated, because
    /// it may hold what it must not.
    pub(super) fn parse(address: &str) -> Result<Self, ProbeError> {
        let wrong = |what: &str| ProbeError::unconfigured(format!("the address of the target {what}"));
        let url = Url::parse(address).map_err(|error| wrong(&format!("is no URL: {error}")))?;
        if !matches!(url.scheme(), "postgresql" | "postgres") {
            return Err(wrong("must begin with postgresql://"));
        }
        if url.password().is_some() {
            return Err(wrong("must not hold a password; name a credential instead"));
        }
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let host = url.host_str().map(|host| decode(host.trim_matches(['[', ']'])));
        let Some(host) = host.filter(|host| !host.is_empty()) else { return Err(wrong("has no host")) };
        let user = decode(url.username());
        if user.is_empty() {
            return Err(wrong("has no user"));
        }
        let database = match decode(url.path().trim_start_matches('/')) {
            empty if empty.is_empty() => user.clone(),
            database => database,
        };
        let mut sslmode = SslMode::default();
        for (key, value) in url.query_pairs() {
            if key != "sslmode" {
                return Err(wrong(&format!("has the option `{key}`; only sslmode is known")));
            }
            sslmode = SslMode::parse(&value).ok_or_else(|| {
                wrong("has an unknown sslmode; use disable, prefer, require, verify-ca or verify-full")
            })?;
        }
        Ok(Self { host, port: url.port().unwrap_or(5432), user, database, sslmode })
    }

    /// Lets parameters of the leg win.
    pub(super) fn replace(&mut self, sslmode: Option<SslMode>, user: Option<&str>, database: Option<&str>) {
        if let Some(sslmode) = sslmode {
            self.sslmode = sslmode;
        }
        if let Some(user) = user {
            user.clone_into(&mut self.user);
        }
        if let Some(database) = database {
            database.clone_into(&mut self.database);
        }
    }

    /// Host and port; none if it is a Unix socket.
    pub(super) fn network(&self) -> Option<(&str, u16)> {
        (!self.host.starts_with('/')).then_some((&self.host, self.port))
    }

    /// Whether a session without TLS is out of the question.
    pub(super) fn insists(&self) -> bool {
        !matches!(self.sslmode, SslMode::Disable | SslMode::Prefer)
    }

    /// Options for one connection. `limit` bounds each statement on the server. Encryption is the
    /// exporter's own affair, so sqlx is told that there is none.
    pub(super) fn options(&self, password: Option<&Secret>, limit: Duration) -> Result<PgConnectOptions, ProbeError> {
        // sqlx takes it from the environment and offers no way to unset it.
        if std::env::var_os("PGOPTIONS").is_some() {
            return Err(ProbeError::unconfigured("PGOPTIONS must not be set for the exporter"));
        }
        Ok(PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .username(&self.user)
            .password(password.map_or("", Secret::expose))
            .database(&self.database)
            .ssl_mode(PgSslMode::Disable)
            .application_name("readiness-exporter")
            .statement_cache_capacity(1)
            .options([
                ("default_transaction_read_only", "on".to_owned()),
                ("statement_timeout", format!("{}ms", limit.as_millis().max(1))),
            ])
            .disable_statement_logging())
    }
}

impl fmt::Display for Address {
    /// `host:port`, for sentences.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> Result<Address, String> {
        Address::parse(address).map_err(|error| error.detail)
    }

    #[test]
    fn all_parts_are_read() {
        let full = parse("postgresql://re%40d@db.example:6432/my%20db?sslmode=verify-full").unwrap();
        assert_eq!(
            full,
            Address {
                host: "db.example".into(),
                port: 6432,
                user: "re@d".into(),
                database: "my db".into(),
                sslmode: SslMode::VerifyFull
            }
        );
        let short = parse("postgres://app@[::1]").unwrap();
        assert_eq!((short.host.as_str(), short.port, short.database.as_str()), ("::1", 5432, "app"));
        assert_eq!((short.sslmode, short.to_string().as_str()), (SslMode::Prefer, "[::1]:5432"));
        assert_eq!(parse("postgresql://app@%2Fvar%2Frun/x").unwrap().host, "/var/run");
    }

    #[test]
    fn what_is_wrong_is_named_without_repeating_the_address() {
        let cases = [
            ("postgresql://u:hunter22@h/d", "password"),
            ("mysql://u@h/d", "postgresql://"),
            ("postgresql://h/d", "no user"),
            ("postgresql:///d", "no host"),
            ("postgresql://u@h/d?sslmode=allow", "sslmode"),
            ("postgresql://u@h/d?options=-c", "option `options`"),
            ("u:hunter22@h", "no URL"),
        ];
        for (address, part) in cases {
            let error = parse(address).unwrap_err();
            assert!(error.contains(part) || error.contains("postgresql://"), "{address}: {error}");
            assert!(!error.contains("hunter22"), "{error}");
        }
    }

    #[test]
    fn the_password_is_not_in_the_debug_form_of_an_address() {
        let address = parse("postgresql://u@h/d").unwrap();
        let options = address.options(Some(&Secret::new("hunter22".into())), Duration::from_secs(1));
        assert_eq!(
            options.unwrap().get_options(),
            Some("-c default_transaction_read_only=on -c statement_timeout=1000ms")
        );
        assert!(!format!("{address:?}").contains("hunter22"));
    }
}
