//! Whether a request that changes something was really meant for this daemon. A page of another
//! site can make a browser send it, and a name that is made to point here (DNS rebinding) makes
//! that page look like one of ours.

use std::net::IpAddr;

use http::uri::Authority;
use http::{HeaderMap, Uri, header};

use crate::settings;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// A page of another site asks.
    Site,
    /// The browser believes that this is a host of a name nobody gave the daemon.
    Host,
}

/// The names under which a browser may know the daemon.
#[derive(Clone, Debug)]
pub(super) struct ReachedAs {
    /// In lower case, without port.
    names: Vec<String>,
    /// `https://host`, with its port if one is written; empty: none.
    external: String,
}

impl ReachedAs {
    pub(super) fn new(settings: &settings::Web) -> Self {
        let external = settings.external_url.parse::<Uri>().unwrap_or_default();
        let listens = settings.listen_address.iter().filter_map(|address| address.parse::<Authority>().ok());
        let names =
            listens.map(|authority| authority.host().to_lowercase()).chain(external.host().map(str::to_lowercase));
        Self {
            names: names.chain(["localhost".to_owned()]).filter(|name| !name.is_empty()).collect(),
            external: match (external.scheme_str(), external.authority()) {
                (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
                _ => String::new(),
            },
        }
    }

    /// Browsers name where a request comes from; programs do not, and cannot be misled by a page.
    pub(super) fn judge(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let (site, origin) = (text("sec-fetch-site"), text("origin"));
        if site.is_none() && origin.is_none() {
            return Ok(());
        }
        // HTTP/2 has the host in the URI.
        let host = uri.authority().map(Authority::as_str).or_else(|| text(header::HOST.as_str())).unwrap_or_default();
        let is_ours = match (site, origin) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => self.is_own_origin(origin, host),
            (None, None) => true,
        };
        match (is_ours, self.knows(host)) {
            (false, _) => Err(Foreign::Site),
            (true, false) => Err(Foreign::Host),
            (true, true) => Ok(()),
        }
    }

    fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        authority.is_some_and(|authority| !host.is_empty() && authority == host)
            || (!self.external.is_empty() && origin.eq_ignore_ascii_case(&self.external))
    }

    /// A page that was loaded from an address came from there: only names can be made to lie.
    fn knows(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let host = authority.host();
        host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            || self.names.iter().any(|name| name.eq_ignore_ascii_case(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached_as(external_url: &str) -> ReachedAs {
        let listen_address = vec!["127.0.0.1:10099".to_owned(), "watch.lan:1".to_owned(), ":2".to_owned()];
        ReachedAs::new(&settings::Web { listen_address, external_url: external_url.into(), ..settings::Web::default() })
    }

    fn from(pairs: &[(&'static str, &'static str)]) -> Result<(), Foreign> {
        let headers = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        reached_as("https://ops.example/ready").judge(&Uri::from_static("/-/reload"), &headers.collect())
    }

    #[test]
    fn other_sites_cannot_make_a_browser_run_anything() {
        assert_eq!(from(&[]), Ok(()), "curl sends neither");
        assert_eq!(from(&[("host", "whatever")]), Ok(()), "nor can a program be misled");
        assert_eq!(from(&[("sec-fetch-site", "same-origin"), ("host", "127.0.0.1:10099")]), Ok(()));
        let site = Err(Foreign::Site);
        assert_eq!(from(&[("sec-fetch-site", "cross-site"), ("origin", "http://[::1]"), ("host", "[::1]")]), site);
        assert_eq!(from(&[("sec-fetch-site", "same-site"), ("host", "localhost")]), site);
        assert_eq!(from(&[("origin", "http://localhost:1"), ("host", "localhost:1")]), Ok(()));
        assert_eq!(from(&[("origin", "http://b:1"), ("host", "localhost:1")]), site);
        assert_eq!(from(&[("origin", "null"), ("host", "localhost:1")]), site);
        assert_eq!(from(&[("origin", "http://localhost:1")]), site);
        let behind_a_proxy = from(&[("origin", "https://ops.example"), ("host", "127.0.0.1:10099")]);
        assert_eq!(behind_a_proxy, Ok(()));
    }

    #[test]
    fn a_name_that_was_made_to_point_here_is_not_believed() {
        for host in ["evil.example:10099", "127.0.0.1.evil.example", "localhost.evil", "", "a b"] {
            assert_eq!(from(&[("sec-fetch-site", "same-origin"), ("host", host)]), Err(Foreign::Host), "{host}");
        }
        assert_eq!(from(&[("origin", "http://evil:1"), ("host", "evil:1")]), Err(Foreign::Host));
        for host in ["OPS.example", "watch.lan:1", "localhost:10099", "[::1]:9", "10.1.2.3"] {
            assert_eq!(from(&[("sec-fetch-site", "same-origin"), ("host", host)]), Ok(()), "{host}");
        }
    }

    #[test]
    fn over_http2_the_host_is_in_the_uri() {
        let headers = [("sec-fetch-site".parse().unwrap(), "same-origin".parse().unwrap())].into_iter().collect();
        let ours = reached_as("");
        assert_eq!(ours.judge(&Uri::from_static("https://localhost:1/-/reload"), &headers), Ok(()));
        assert_eq!(ours.judge(&Uri::from_static("https://evil.example/-/reload"), &headers), Err(Foreign::Host));
    }
}
