//! Where the members are.

use super::Etcd;
use crate::model::TlsFiles;
use crate::probe::net::tls::{Alpn, TlsProfile};
use crate::probe::net::{Address, parse_address};
use crate::probe::{ProbeCx, ProbeError};

/// One member to talk to.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) address: Address,
    /// With the name to verify; absent for `http://`.
    pub(super) tls: Option<(TlsProfile, String)>,
}

/// Why an address cannot be one of etcd; the address itself is not repeated.
pub(super) fn check(text: &str) -> Result<Address, String> {
    let address = parse_address(text)?;
    if address.user.is_some() {
        return Err("the user stands in `user`, not in the address".to_owned());
    }
    match address.scheme.as_deref() {
        Some("http" | "https") => Ok(address),
        // Guessing could send a password in the clear.
        _ => Err("expected http://host:port or https://host:port".to_owned()),
    }
}

/// The endpoints of the leg, or else the target's own address.
pub(super) fn places(leg: &Etcd, cx: &ProbeCx) -> Result<Vec<Place>, ProbeError> {
    let target = cx.target()?;
    let own = [String::from(&*target.address)];
    let all = if leg.endpoints.is_empty() { own.as_slice() } else { leg.endpoints.as_slice() };
    let place = |text: &String| {
        let address = check(text)
            .map_err(|why| ProbeError::unconfigured(format!("the address of the target cannot be used: {why}")))?;
        let tls = (address.scheme.as_deref() == Some("https")).then(|| profile(leg, &target.tls, &address));
        Ok(Place { address, tls })
    };
    all.iter().map(place).collect()
}

fn profile(leg: &Etcd, files: &TlsFiles, address: &Address) -> (TlsProfile, String) {
    let profile = TlsProfile::of(files, Alpn::Http);
    let profile = if leg.anonymous { profile.anonymous() } else { profile };
    (profile, files.server_name.as_deref().unwrap_or(&address.host).to_owned())
}
