//! Addresses as people write them: a URL or `host:port`.

use std::fmt;
use std::net::Ipv6Addr;

use url::Url;

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Absent for `host:port`.
    pub scheme: Option<String>,
    pub user: Option<String>,
    /// A name or an IP literal, without brackets.
    pub host: String,
    pub port: u16,
}

/// Reads `scheme://[user@]host[:port][/…]` or `host:port`. The port may be left out only with a
/// scheme that has a usual one. A password in the address is refused, and never repeated in the
/// message.
pub fn parse_address(text: &str) -> Result<Address, String> {
    if text.contains("://") { from_url(text) } else { from_host_and_port(text) }
}

fn from_url(text: &str) -> Result<Address, String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    if url.password().is_some() {
        return Err("the address holds a password; name a credential instead".to_owned());
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("the address has no host")?;
    let port = url
        .port_or_known_default()
        .or_else(|| usual_port(url.scheme()))
        .ok_or_else(|| format!("scheme `{}` has no usual port; write one", url.scheme()))?;
    Ok(Address {
        scheme: Some(url.scheme().to_owned()),
        user: (!url.username().is_empty()).then(|| url.username().to_owned()),
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port,
    })
}

fn from_host_and_port(text: &str) -> Result<Address, String> {
    let (host, port) = text.rsplit_once(':').ok_or("expected host:port or a URL")?;
    let port =
        port.parse().ok().filter(|port| *port > 0).ok_or("expected a port from 1 to 65535 after the last `:`")?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(literal) => {
            literal.parse::<Ipv6Addr>().map_err(|_| "expected an IPv6 address in the brackets")?;
            literal
        }
        None if host.contains(':') => return Err("write an IPv6 address in brackets, such as [::1]:443".to_owned()),
        None => host,
    };
    if host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@?#".contains(c)) {
        return Err("expected host:port or a URL".to_owned());
    }
    Ok(Address { scheme: None, user: None, host: host.to_owned(), port })
}

fn usual_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "postgres" | "postgresql" => 5432,
        "redis" => 6379,
        "rediss" => 6380,
        "amqp" => 5672,
        "dns" => 53,
        "ldap" => 389,
        "ldaps" => 636,
        _ => return None,
    })
}

impl fmt::Display for Address {
    /// `host:port`, with brackets where needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&host_and_port(&self.host, self.port))
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub fn host_and_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let cases = [
            ("db:5432", None, "db", 5432, "db:5432"),
            ("[::1]:443", None, "::1", 443, "[::1]:443"),
            ("https://[::1]/x", Some("https"), "::1", 443, "[::1]:443"),
            ("http://h:3000/health", Some("http"), "h", 3000, "h:3000"),
            ("postgresql://me@db/x", Some("postgresql"), "db", 5432, "db:5432"),
        ];
        for (text, scheme, host, port, shown) in cases {
            let address = parse_address(text).unwrap();
            assert_eq!(
                (address.scheme.as_deref(), address.host.as_str(), address.port, address.to_string().as_str()),
                (scheme, host, port, shown)
            );
        }
        assert_eq!(parse_address("postgresql://me@db/x").unwrap().user.as_deref(), Some("me"));
    }

    #[test]
    fn refuses_the_rest_without_repeating_it() {
        for text in
            ["", "db", "db:", "db:0", "db:70000", "::1:443", "[x]:1", ":80", "foo://h", "http://", "a b:1", "u@h:1"]
        {
            assert!(parse_address(text).is_err(), "{text}");
        }
        let message = parse_address("postgresql://me:hunter2@db/x").unwrap_err();
        assert!(!message.contains("hunter2") && message.contains("credential"));
    }
}
