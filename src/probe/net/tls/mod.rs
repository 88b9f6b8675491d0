//! TLS to targets: configurations by profile, a handshake that always tells what certificate was
//! shown, and certificate facts.

mod certificate;
mod handshake;
mod inline;
mod postgres;
mod profile;
mod roots;
mod seen;

pub(crate) use certificate::Certificate;
pub(crate) use handshake::{Handshake, Trust, version_text};
pub(crate) use inline::Inline;
pub(crate) use postgres::ask_postgres;
pub(crate) use profile::{Alpn, Profiles, TlsProfile};
pub(crate) use seen::Seen;
