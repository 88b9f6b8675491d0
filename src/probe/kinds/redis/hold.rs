//! A connection that is held open only to see it end.

use std::time::Duration;

use redis::Value as Reply;
use tokio::time::Instant;

use super::command::Command;
use super::session::{Session, not_redis};
use super::{Redis, look};
use crate::probe::{Changes, ProbeCx, ProbeError};

/// From one PING to the next. A connection that was closed is seen at once; one whose other end is
/// gone without a word, or hangs, only by asking.
const ASK_EVERY: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Logs in as the leg does, and returns when the connection has ended.
pub(super) async fn hold(leg: &Redis, cx: &ProbeCx, changes: &Changes) -> Result<(), ProbeError> {
    let (mut session, login) = look::open(leg, cx).await?;
    if let Some(login) = login {
        session.ask(cx, &login, "the login").await?.map_err(|refusal| refusal.of_login(&session.peer))?;
    }
    ping(&mut session, cx).await?;
    changes.listening();
    loop {
        session.idle(ASK_EVERY).await?;
        ping(&mut session, &cx.anew(Instant::now() + ANSWER_WITHIN)).await?;
    }
}

async fn ping(session: &mut Session, cx: &ProbeCx) -> Result<(), ProbeError> {
    let ping = Command::Ping;
    match session.ask(cx, &ping.packed(None), ping.name()).await? {
        // A user without the right to PING is connected all the same.
        Ok(Reply::SimpleString(_)) => Ok(()),
        Err(refusal) if refusal.code == "NOPERM" => Ok(()),
        Ok(_) => Err(not_redis(&session.peer, ping.name())),
        Err(refusal) => Err(refusal.of_command(ping.name(), &session.peer)),
    }
}
