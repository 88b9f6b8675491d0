//! Where to connect, and with what.

use http::HeaderMap;

use super::{Encryption, Grpc};
use crate::model::{Reason, TlsFiles};
use crate::probe::kinds::env::source::Source;
use crate::probe::kinds::http::request::{parse_header, secret_header};
use crate::probe::net::tls::{Alpn, TlsProfile};
use crate::probe::net::{Address, parse_address};
use crate::probe::{ProbeCx, ProbeError};

/// One address to connect to.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) address: Address,
    /// With the name to verify; absent for a connection in the clear.
    pub(super) tls: Option<(TlsProfile, String)>,
    /// Nobody said which: if the peer does not speak TLS, in the clear.
    pub(super) or_clear: bool,
}

impl Place {
    pub(super) fn what(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn shows_certificate(&self) -> bool {
        self.tls.as_ref().is_some_and(|(profile, _)| profile.client_cert.is_some())
    }
}

/// Why an address cannot be one of gRPC; the address itself is not repeated.
pub(super) fn check(text: &str) -> Result<Address, String> {
    let address = parse_address(text)?;
    if address.user.is_some() {
        return Err("an address of gRPC has no user".to_owned());
    }
    match address.scheme.as_deref() {
        None | Some("http" | "https") => Ok(address),
        Some(other) => Err(format!("expected host:port, http:// or https://, found {other}:")),
    }
}

/// Why a name cannot be one of metadata.
pub(super) fn metadata_name(name: &str) -> Result<(), String> {
    if name.starts_with("grpc-") || name.ends_with("-bin") {
        return Err(format!("`{name}` is reserved, or binary"));
    }
    parse_header(name, "").map(drop)
}

/// The endpoints of the leg, or else its one address.
pub(super) async fn places(leg: &Grpc, cx: &ProbeCx) -> Result<Vec<Place>, ProbeError> {
    let none = TlsFiles::default();
    let files = cx.target().map_or(&none, |target| &target.tls);
    let own = match (&leg.address, leg.vars.is_empty()) {
        (Some(address), _) => address.clone(),
        (None, true) => String::from(&*cx.target()?.address),
        (None, false) => of_workload(leg, cx).await?,
    };
    let own = [own];
    let all = if leg.endpoints.is_empty() { own.as_slice() } else { leg.endpoints.as_slice() };
    let place = |text: &String| {
        let cannot = |why| match leg.vars.as_slice() {
            [] => ProbeError::unconfigured(format!("the address cannot be used: {why}")),
            vars => ProbeError::target(Reason::Invalid, format!("{} is no address of gRPC: {why}", vars.join(" or "))),
        };
        let address = check(text).map_err(cannot)?;
        let (encrypted, or_clear) = match (leg.tls, address.scheme.as_deref()) {
            (Encryption::Off, _) | (Encryption::Auto, Some("http")) => (false, false),
            (Encryption::On, _) | (Encryption::Auto, Some(_)) => (true, false),
            (Encryption::Auto, None) => (true, true),
        };
        let tls = encrypted.then(|| profile(leg, files, &address));
        Ok(Place { address, tls, or_clear })
    };
    all.iter().map(place).collect()
}

/// The value of the variable: an address, which the author of the check declares to be no secret.
async fn of_workload(leg: &Grpc, cx: &ProbeCx) -> Result<String, ProbeError> {
    let source = Source::parse(&cx.target()?.address)?;
    let vars = leg.vars.clone();
    leg.lane
        .run(cx, "the environment of the workload", move || {
            let missing = || format!("expected {} to be set, saw no value", vars.join(" or "));
            source.look_up(&vars)?.public().ok_or_else(|| ProbeError::target(Reason::Missing, missing()))
        })
        .await
}

fn profile(leg: &Grpc, files: &TlsFiles, address: &Address) -> (TlsProfile, String) {
    let mut profile = TlsProfile::of(files, Alpn::Http);
    if leg.ca.is_some() {
        profile.ca.clone_from(&leg.ca);
    }
    if leg.client_cert.is_some() {
        profile.client_cert.clone_from(&leg.client_cert);
        profile.client_key.clone_from(&leg.client_key);
    }
    if leg.anonymous {
        profile = profile.anonymous();
    }
    let name = leg.server_name.as_deref().or(files.server_name.as_deref()).unwrap_or(&address.host);
    (profile, name.to_owned())
}

/// What is sent with everything that is asked. `clear`: nobody said that the connection may be in
/// the clear, and it is.
pub(super) async fn metadata(leg: &Grpc, cx: &ProbeCx, clear: bool) -> Result<HeaderMap, ProbeError> {
    let mut all = HeaderMap::new();
    for (name, value) in &leg.metadata {
        let (name, value) = parse_header(name, value).map_err(ProbeError::unconfigured)?;
        all.insert(name, value);
    }
    for (name, secret) in leg.secret_metadata.iter().filter(|(_, secret)| secret.when && !leg.anonymous) {
        if clear {
            let text = "the peer does not speak TLS, and nobody said that secrets may be sent in the clear: \
                        write `tls: off`, or http:// before the address";
            return Err(ProbeError::unconfigured(text));
        }
        let (name, _) = parse_header(name, "").map_err(ProbeError::unconfigured)?;
        all.insert(name, secret_header(cx, &secret.credential, secret.prefix()).await?);
    }
    Ok(all)
}
