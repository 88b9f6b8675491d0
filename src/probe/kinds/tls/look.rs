//! The handshakes of one look: the main one, one without a client certificate, one a version that
//! must be refused.

use std::time::Duration;

use rustls::Error as TlsError;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::client::TlsStream;

use super::old_versions::{Answer, offer};
use super::{OldVersion, StartTls, Tls, TlsFacts};
use crate::model::{Reason, TlsFiles};
use crate::probe::net::tls::{Alpn, Certificate, Handshake, TlsProfile, Trust, ask_postgres, version_text};
use crate::probe::net::{Address, from_tls, parse_address};
use crate::probe::{Blame, ProbeCx, ProbeError};

/// With TLS 1.3 a server refuses a client after the client believes the handshake done; it has at
/// least this long to say so.
const REFUSAL_WAIT: Duration = Duration::from_millis(500);

/// What stays the same over the handshakes of one look.
struct Place {
    address: Address,
    what: String,
    name: String,
    profile: TlsProfile,
    starttls: StartTls,
}

type Shaken = Handshake<TcpStream>;

pub(super) async fn look(tls: &Tls, cx: &ProbeCx) -> Result<TlsFacts, ProbeError> {
    let place = place(tls, cx)?;
    let shaken = place.shake(cx, &place.profile).await?;
    let mut facts = facts(&place, cx, &shaken)?;
    if tls.require_client_cert {
        // With no certificate of our own the handshake just made is the one in question.
        let refused = if place.profile.client_cert.is_none() {
            refusal(cx, shaken).await
        } else {
            refusal(cx, place.shake(cx, &place.profile.anonymous()).await?).await
        };
        facts.without_client_cert = refused.map(str::to_owned);
    }
    for (done, version) in tls.reject_versions.iter().enumerate() {
        let left = u32::try_from(tls.reject_versions.len() - done).unwrap_or(u32::MAX);
        // One silent answer must not eat the time of the next version.
        let answer = timeout(cx.remaining() / left, place.offer(cx, *version)).await;
        cx.note("version", format!("{} {answer:?}", version.as_str()));
        match answer {
            Ok(Ok(Answer::Accepted)) => facts.accepted_versions.push(version.as_str().to_owned()),
            Ok(Ok(Answer::Rejected)) => {}
            Ok(Ok(Answer::Unclear) | Err(_)) | Err(_) => facts.undecided_versions.push(version.as_str().to_owned()),
        }
    }
    Ok(facts)
}

fn place(tls: &Tls, cx: &ProbeCx) -> Result<Place, ProbeError> {
    let none = TlsFiles::default();
    let files = cx.target().map_or(&none, |target| &target.tls);
    let text = match &tls.address {
        Some(address) => address,
        None => &*cx.target()?.address,
    };
    let address =
        parse_address(text).map_err(|why| ProbeError::unconfigured(format!("the address cannot be used: {why}")))?;
    let mut profile = TlsProfile::of(files, Alpn::Http);
    if tls.starttls != StartTls::None {
        profile.alpn = Alpn::None;
    }
    if tls.ca.is_some() {
        profile.ca.clone_from(&tls.ca);
    }
    if tls.client_cert.is_some() {
        profile.client_cert.clone_from(&tls.client_cert);
        profile.client_key.clone_from(&tls.client_key);
    }
    let name = tls.server_name.as_deref().or(files.server_name.as_deref()).unwrap_or(&address.host).to_owned();
    Ok(Place { what: address.to_string(), address, name, profile, starttls: tls.starttls })
}

impl Place {
    /// A connection on which TLS may begin.
    async fn connect(&self, cx: &ProbeCx) -> Result<TcpStream, ProbeError> {
        let mut stream = cx.clients().dial(cx, &self.address.host, self.address.port).await?.stream;
        if self.starttls == StartTls::Postgres {
            let what = &self.what;
            if !ask_postgres(cx, &mut stream, what).await? {
                let text = format!("expected {what} to offer TLS, saw PostgreSQL without it");
                return Err(ProbeError::target(Reason::TlsHandshake, text));
            }
        }
        Ok(stream)
    }

    async fn shake(&self, cx: &ProbeCx, profile: &TlsProfile) -> Result<Shaken, ProbeError> {
        let stream = self.connect(cx).await?;
        cx.clients().handshake(cx, stream, profile, Trust::Recorded, &self.name, &self.what).await
    }

    async fn offer(&self, cx: &ProbeCx, version: OldVersion) -> Result<Answer, ProbeError> {
        let mut stream = self.connect(cx).await?;
        Ok(offer(&mut stream, version, &self.name).await)
    }
}

/// An error only if the handshake failed before a certificate was shown, or for another cause than
/// the missing client certificate.
fn facts(place: &Place, cx: &ProbeCx, shaken: &Shaken) -> Result<TlsFacts, ProbeError> {
    let chain = shaken.seen.chain();
    let verify_error = shaken.seen.verify_error();
    let client_cert_requested = shaken.seen.client_cert_requested();
    if let Err(error) = &shaken.stream {
        let explained = verify_error.is_some() || (client_cert_requested && is_refusal(error));
        if chain.is_empty() || !explained {
            return Err(error.clone());
        }
    }
    let certificate = chain.first().and_then(|leaf| Certificate::parse(leaf));
    let session = shaken.stream.as_ref().ok().map(|stream| stream.get_ref().1);
    let version = session.map(|session| version_text(session.protocol_version())).or_else(|| shaken.seen.version());
    let version = version.map(str::to_owned);
    let fault = verify_error.as_ref().map(|error: &TlsError| from_tls(error, &place.what));
    Ok(TlsFacts {
        address: place.what.clone(),
        accepted_versions: version.clone().into_iter().collect(),
        version,
        cipher: session
            .and_then(|session| session.negotiated_cipher_suite())
            .and_then(|suite| suite.suite().as_str().map(str::to_owned)),
        alpn: session
            .and_then(|session| session.alpn_protocol())
            .map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
        verified: !chain.is_empty() && fault.is_none(),
        verify_reason: fault.as_ref().map(|fault| fault.reason.as_str().to_owned()),
        verify_error: fault.map(|fault| fault.detail),
        subject: certificate.as_ref().map(|certificate| certificate.subject.clone()),
        issuer: certificate.as_ref().map(|certificate| certificate.issuer.clone()),
        not_before_s: certificate.as_ref().map(|certificate| certificate.not_before_s),
        not_after_s: certificate.as_ref().map(|certificate| certificate.not_after_s),
        days_left: certificate
            .as_ref()
            .map(|certificate| (certificate.not_after_s as f64 - cx.now().as_secs_f64()) / 86_400.0),
        names: certificate.map(|certificate| certificate.names).unwrap_or_default(),
        chain_length: u32::try_from(chain.len()).unwrap_or(u32::MAX),
        client_cert_requested,
        without_client_cert: None,
        undecided_versions: Vec::new(),
    })
}

fn is_refusal(error: &ProbeError) -> bool {
    error.blame == Blame::Target && matches!(error.reason, Reason::TlsHandshake | Reason::Reset)
}

/// `refused`, `accepted`, or `None` if it cannot be told.
async fn refusal(cx: &ProbeCx, shaken: Shaken) -> Option<&'static str> {
    // A server that never asks for a certificate cannot require one.
    let requested = shaken.seen.client_cert_requested();
    match shaken.stream {
        Err(error) => (requested && is_refusal(&error)).then_some("refused"),
        Ok(_) if !requested => Some("accepted"),
        Ok(stream) => after_handshake(cx, stream, shaken.took).await,
    }
}

/// Waits for the refusal that comes only after the client's last message.
async fn after_handshake(cx: &ProbeCx, mut stream: TlsStream<TcpStream>, took: Duration) -> Option<&'static str> {
    let wait = REFUSAL_WAIT.max(took * 3);
    let long_enough = wait <= cx.remaining();
    let until = (Instant::now() + wait).min(cx.deadline());
    let mut byte = [0];
    match timeout_at(until, stream.read(&mut byte)).await {
        Ok(Ok(0) | Err(_)) => Some("refused"),
        Ok(Ok(_)) => Some("accepted"),
        Err(_) if long_enough => Some("accepted"),
        Err(_) => None,
    }
}
