//! The address of a PostgreSQL target, and connection options without the surroundings: sqlx
//! fills its defaults from `PG…` variables, and each of them is overwritten here.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::model::Secret;
use crate::probe::net::host_and_port;
use crate::probe::{Hazards, ProbeError};

/// As in libpq, without `allow`: with a `ca` of the target, `require` verifies like `verify-ca`.
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// A name, an IP address without brackets, or the directory of a Unix socket.
    host: String,
    pub(super) port: u16,
    pub(super) user: String,
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

    /// Whether the chain of the server's certificate counts.
    pub(super) fn verifies(self, has_ca: bool) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyFull) || (self == Self::Require && has_ca)
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

    /// The host to dial; none if it is a Unix socket.
    pub(super) fn network(&self) -> Option<&str> {
        (!self.host.starts_with('/')).then_some(self.host.as_str())
    }

    /// The file of the Unix socket, if it is one.
    pub(super) fn socket(&self) -> PathBuf {
        PathBuf::from(&self.host).join(format!(".s.PGSQL.{}", self.port))
    }

    /// Whether the settings name its host and port as one for scratch databases.
    pub(super) fn may_hold_scratch(&self, hazards: &Hazards) -> bool {
        hazards.may_make_database(&self.host, self.port)
    }

    /// Whether a session without TLS is out of the question.
    pub(super) fn insists(&self) -> bool {
        !matches!(self.sslmode, SslMode::Disable | SslMode::Prefer)
    }

    /// Options for one connection. Encryption is the exporter's own affair, so sqlx is told that
    /// there is none. What a pooler would not hand on is left out: the limits of the session are set
    /// in its transaction.
    pub(super) fn options(&self, password: Option<&Secret>) -> Result<PgConnectOptions, ProbeError> {
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
            .extra_float_digits(None)
            .statement_cache_capacity(1)
            .disable_statement_logging())
    }
}

impl fmt::Display for Address {
    /// `host:port`, for sentences.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&host_and_port(&self.host, self.port))
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
        let options = address.options(Some(&Secret::new("hunter22".into()))).unwrap();
        assert_eq!(options.get_options(), None, "a pooler refuses them");
        assert!(!format!("{address:?}").contains("hunter22"));
    }
}
