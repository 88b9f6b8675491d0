//! Names to addresses, by the system's configuration and /etc/hosts, without the thread pool of
//! getaddrinfo: a dead name server must not use up threads.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::config::{LookupIpStrategy, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::{ResolverBuilder, TokioResolver};
use tokio::time::{Instant, timeout_at};

use super::{Clients, spoken};
use crate::model::Reason;
use crate::probe::{ProbeCx, ProbeError};

/// Rebuilt at this age, so that a changed hosts file or resolv.conf is seen.
const REBUILD_AFTER: Duration = Duration::from_secs(60);
/// Answers are kept no longer than this: a check must see a changed record soon.
const MAX_POSITIVE_TTL: Duration = Duration::from_secs(60);
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(5);
const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
const MAX_ADDRESSES: usize = 8;

#[derive(Default)]
pub(super) struct Resolver(Mutex<Option<(Instant, Arc<TokioResolver>)>>);

impl Resolver {
    fn current(&self) -> Result<Arc<TokioResolver>, NetError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((made, resolver)) if made.elapsed() < REBUILD_AFTER => Ok(Arc::clone(resolver)),
            _ => {
                let resolver = Arc::new(build()?);
                *kept = Some((Instant::now(), Arc::clone(&resolver)));
                Ok(resolver)
            }
        }
    }
}

fn build() -> Result<TokioResolver, NetError> {
    finish(TokioResolver::builder_tokio().unwrap_or_else(|_| without_name_servers()))
}

/// A machine without resolv.conf still has its hosts file.
fn without_name_servers() -> ResolverBuilder<TokioRuntimeProvider> {
    let none = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
    TokioResolver::builder_with_config(none, TokioRuntimeProvider::default())
}

fn finish(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, NetError> {
    let options = builder.options_mut();
    options.timeout = QUERY_TIMEOUT;
    options.attempts = 2;
    options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
    options.use_hosts_file = ResolveHosts::Always;
    options.positive_max_ttl = Some(MAX_POSITIVE_TTL);
    options.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
    builder.build()
}

impl Clients {
    /// The addresses of `host`, at least one and at most eight, families alternating. An IP literal
    /// is its own answer. A name that does not exist is the target's fault; a resolver that gives
    /// no answer is the observer's.
    pub async fn resolve(&self, cx: &ProbeCx, host: &str) -> Result<Vec<IpAddr>, ProbeError> {
        if let Ok(literal) = host.parse() {
            return Ok(vec![literal]);
        }
        if host.eq_ignore_ascii_case("localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        let resolver = self.resolver.current().map_err(|error| {
            ProbeError::observer(Reason::Dns, format!("the system's resolver configuration cannot be used: {error}"))
        })?;
        let budget = cx.remaining();
        match timeout_at(cx.deadline(), resolver.lookup_ip(host)).await {
            Ok(Ok(found)) => {
                let addresses = alternate(found.iter());
                if addresses.is_empty() { Err(no_address(host)) } else { Ok(addresses) }
            }
            Ok(Err(error)) => Err(failure(&error, host)),
            Err(_) => Err(ProbeError::observer(
                Reason::Dns,
                format!("no name server answered for {host} within {}", spoken(budget)),
            )),
        }
    }
}

fn failure(error: &NetError, host: &str) -> ProbeError {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) if error.is_nx_domain() => {
            ProbeError::target(Reason::Dns, format!("the name {host} does not exist"))
        }
        NetError::Dns(DnsError::NoRecordsFound(_)) => no_address(host),
        other => ProbeError::observer(Reason::Dns, format!("the name {host} could not be resolved: {other}")),
    }
}

fn no_address(host: &str) -> ProbeError {
    ProbeError::target(Reason::Dns, format!("the name {host} has no address"))
}

/// So that a family without a route costs one attempt, not all.
fn alternate(found: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let (six, four): (Vec<_>, Vec<_>) = found.partition(IpAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    let mut addresses = Vec::new();
    while addresses.len() < MAX_ADDRESSES {
        let before = addresses.len();
        addresses.extend(six.next());
        addresses.extend(four.next());
        if addresses.len() == before {
            break;
        }
    }
    addresses.truncate(MAX_ADDRESSES);
    addresses
}

#[cfg(test)]
mod tests {
    use hickory_resolver::Hosts;
    use hickory_resolver::proto::op::ResponseCode;

    use super::*;
    use crate::probe::Blame;
    use crate::probe::fixture;

    #[test]
    fn families_alternate_and_the_list_is_bounded() {
        let four = IpAddr::from(Ipv4Addr::LOCALHOST);
        let six = IpAddr::from(Ipv6Addr::LOCALHOST);
        assert_eq!(alternate([four, four, six].into_iter()), [six, four, four]);
        assert_eq!(alternate(std::iter::repeat_n(four, 30)).len(), MAX_ADDRESSES);
    }

    #[test]
    fn a_silent_or_failing_name_server_is_not_the_targets_fault() {
        for error in [
            NetError::Timeout,
            NetError::NoConnections,
            NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)),
            NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)),
        ] {
            let error = failure(&error, "h");
            assert_eq!((error.blame, error.reason), (Blame::Observer, Reason::Dns));
        }
    }

    #[tokio::test]
    async fn literals_and_localhost_need_no_name_server() {
        let cx = fixture::cx(300);
        assert_eq!(cx.clients().resolve(&cx, "::1").await.unwrap(), [IpAddr::from(Ipv6Addr::LOCALHOST)]);
        assert!(cx.clients().resolve(&cx, "LocalHost").await.unwrap().contains(&Ipv4Addr::LOCALHOST.into()));
    }

    #[tokio::test]
    async fn a_name_that_cannot_exist_is_a_dns_error_in_time() {
        let cx = fixture::cx(300);
        let begun = Instant::now();
        let error = cx.clients().resolve(&cx, "no-such-name.invalid").await.unwrap_err();
        assert_eq!((error.reason, error.blame), (Reason::Dns, Blame::Target));
        assert!(error.detail.contains("no-such-name.invalid"), "{error}");
        assert!(begun.elapsed() < Duration::from_millis(900));
    }

    #[tokio::test]
    async fn without_name_servers_the_hosts_file_answers_and_the_rest_is_unknown() {
        let mut resolver = finish(without_name_servers()).unwrap();
        let mut hosts = Hosts::default();
        hosts.read_hosts_conf(&b"192.0.2.7 peer.test\n"[..]).unwrap();
        resolver.set_hosts(Arc::new(hosts));
        let found = resolver.lookup_ip("peer.test").await.unwrap();
        assert_eq!(found.iter().collect::<Vec<_>>(), [IpAddr::from([192, 0, 2, 7])]);
        let error = failure(&resolver.lookup_ip("other.test").await.unwrap_err(), "other.test");
        assert_eq!((error.reason, error.blame), (Reason::Dns, Blame::Observer), "{error}");
    }
}
