//! Hears of changed keys, or of a member that goes away.

use etcd_client::{WatchOptions, WatchStream};
use futures_util::future::{join_all, select_all};

use super::Etcd;
use super::endpoint::{Place, places};
use super::fault;
use super::session::{Login, Session};
use crate::model::Reason;
use crate::probe::{Changes, ProbeCx, ProbeError};

/// Returns when it cannot hear any more.
pub(super) async fn listen(leg: &Etcd, cx: &ProbeCx, changes: &Changes) -> Result<ProbeError, ProbeError> {
    let places = places(leg, cx)?;
    match leg.key.as_deref().or(leg.prefix.as_deref()) {
        Some(key) => keys(leg, cx, &places, key, changes).await,
        None => members(leg, cx, &places, changes).await,
    }
}

/// Holds a connection to every member that can be reached; the first that breaks ends it.
async fn members(leg: &Etcd, cx: &ProbeCx, places: &[Place], changes: &Changes) -> Result<ProbeError, ProbeError> {
    let opening = join_all(places.iter().map(|place| Session::open(leg, cx, place, cx.deadline()))).await;
    let (open, failed): (Vec<_>, Vec<_>) = opening.into_iter().partition(Result::is_ok);
    let mut open: Vec<Session> = open.into_iter().flatten().collect();
    if open.is_empty() {
        let first = failed.into_iter().find_map(Result::err);
        return Err(first.map_or_else(|| ProbeError::unconfigured("no endpoint"), |fault| fault.error));
    }
    changes.listening();
    let broken = open.iter_mut().map(|session| Box::pin(session.broken()));
    Ok(select_all(broken).await.0)
}

/// Watches at the first member that lets it.
async fn keys(
    leg: &Etcd,
    cx: &ProbeCx,
    places: &[Place],
    key: &str,
    changes: &Changes,
) -> Result<ProbeError, ProbeError> {
    let login = Login::of(leg, cx).await?;
    let mut last = ProbeError::unconfigured("no endpoint");
    for place in places {
        match watched(leg, cx, place, login.as_ref(), key).await {
            Ok((session, stream)) => return Ok(follow(session, stream, changes).await),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn watched(
    leg: &Etcd,
    cx: &ProbeCx,
    place: &Place,
    login: Option<&Login>,
    key: &str,
) -> Result<(Session, WatchStream), ProbeError> {
    let until = cx.deadline();
    let mut session = Session::open(leg, cx, place, until).await.map_err(|fault| fault.error)?;
    if let Some(login) = login {
        session.log_in(login, until).await.map_err(|fault| fault.error)?;
    }
    let options = WatchOptions::new();
    let options = if leg.prefix.is_some() { options.with_prefix() } else { options };
    let watch = |mut client: etcd_client::Client| async move { client.watch(key, Some(options)).await };
    let stream = session.call(until, "the watch", watch).await.map_err(|fault| fault.error)?;
    Ok((session, stream))
}

/// The first answer says that the watch is there, or why not; each further one is a change.
async fn follow(mut session: Session, mut stream: WatchStream, changes: &Changes) -> ProbeError {
    loop {
        match session.next(stream.message()).await {
            Ok(Some(answer)) if answer.canceled() => {
                let why = format!("{} ended the watch of its keys", session.what());
                return ProbeError::observer(Reason::PermissionDenied, why);
            }
            Ok(Some(answer)) if answer.created() => changes.listening(),
            Ok(Some(answer)) => {
                if !answer.events().is_empty() {
                    changes.change();
                }
            }
            Ok(None) => {
                return ProbeError::target(Reason::Reset, format!("{} ended the watch of its keys", session.what()));
            }
            Err(error) => return fault::explain(&error, session.explain(), session.what(), "the watch").error,
        }
    }
}
