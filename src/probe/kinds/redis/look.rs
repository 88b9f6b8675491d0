//! One look: log in unless it must not, send the commands in their order, compare with earlier.

use std::time::Duration;

use redis::Value as Reply;
use tokio::time::{Instant, sleep};

use crate::model::{Reason, TlsFiles};
use crate::probe::{ProbeCx, ProbeError};

use super::address::Address;
use super::command::{self, Command};
use super::fault::Refusal;
use super::history::same_server;
use super::info::{self, Info};
use super::session::{Session, not_redis};
use super::{Expected, Facts, Login, Redis, reply, sample};

/// What must be left of the deadline after a wait between two answers.
const MARGIN: Duration = Duration::from_millis(500);

/// A connection, and the login that is to be sent over it, packed.
pub(super) async fn open(leg: &Redis, cx: &ProbeCx) -> Result<(Session, Option<Vec<u8>>), ProbeError> {
    let none = TlsFiles::default();
    let (address, files, of_target) = match &leg.address {
        Some(address) => (Address::parse(address)?, &none, None),
        None => {
            let target = cx.target()?;
            (Address::parse(&target.address)?, &target.tls, target.credential.as_deref())
        }
    };
    let user = leg.user.as_ref().or(address.user.as_ref()).map(String::as_str);
    let credential = leg.credential.as_deref().or(of_target).filter(|_| !leg.anonymous);
    let login = match credential {
        Some(name) => Some(command::auth(user, cx.credential(name).await?.expose())),
        None if user.is_some() && !leg.anonymous => {
            let what = format!("{} has a user, and no credential for it is configured", address.peer);
            return Err(ProbeError::unconfigured(what));
        }
        // Who may not do something, or what password is wrong, is only seen of somebody who logs in.
        None if !leg.refused_with.is_empty() && !leg.anonymous => {
            let what = format!("no credential is configured to log in to {} with", address.peer);
            return Err(ProbeError::unconfigured(what));
        }
        None => None,
    };
    Ok((Session::open(cx, &address, files).await?, login))
}

pub(super) async fn look(leg: &Redis, cx: &ProbeCx) -> Result<Facts, ProbeError> {
    let (mut session, login) = open(leg, cx).await?;
    let mut facts = Facts { tls: session.tls, connect_s: session.connect_s, ..Facts::default() };
    if let Some(login) = login {
        facts.login = Login::Accepted;
        match session.ask(cx, &login, "the login").await? {
            Ok(Reply::Okay) => {}
            Ok(_) => return Err(not_redis(&session.peer, "the login")),
            Err(refusal) if leg.refused_with.is_empty() => return Err(refusal.of_login(&session.peer)),
            Err(refusal) => {
                facts.login = Login::Refused;
                // A server could repeat the password.
                return Ok(refused(facts, Refusal { message: String::new(), ..refusal }));
            }
        }
        // The attempt itself was the question.
        if leg.refused_with.contains(&Expected::Wrongpass) {
            return Ok(facts);
        }
    }
    let begun = Instant::now();
    for command in &leg.commands {
        if let Some(refusal) = run(leg, *command, cx, &mut session, &mut facts).await? {
            if leg.refused_with.is_empty() {
                return Err(refusal.of_command(command.name(), &session.peer));
            }
            return Ok(refused(facts, refusal));
        }
    }
    facts.answer_s = begun.elapsed().as_secs_f64();
    facts.server_version_num = info::version(&facts.info);
    for (place, pattern) in leg.samples.iter().enumerate() {
        let left = u32::try_from(leg.samples.len() - place).unwrap_or(u32::MAX);
        facts.samples.push(sample::look(leg, pattern, cx, &mut session, left).await?);
    }
    if let Some(window) = leg.window() {
        compare(leg, cx, &mut session, &mut facts, window).await?;
    }
    Ok(facts)
}

fn refused(facts: Facts, refusal: Refusal) -> Facts {
    Facts { error_code: refusal.code, error: refusal.message, ..facts }
}

/// Sends one command and fills in what it yields.
async fn run(
    leg: &Redis,
    command: Command,
    cx: &ProbeCx,
    session: &mut Session,
    facts: &mut Facts,
) -> Result<Option<Refusal>, ProbeError> {
    if command == Command::Info {
        return ask_info(leg, cx, session, &mut facts.info).await;
    }
    let argument = leg.master.as_deref().filter(|_| command.needs_master());
    let answer = match session.ask(cx, &command.packed(argument), command.name()).await? {
        Ok(answer) => answer,
        Err(refusal) if command == Command::SentinelCkquorum && refusal.code == "NOQUORUM" => {
            (facts.quorum, facts.error) = (Some(false), format!("{} {}", refusal.code, refusal.message));
            return Ok(None);
        }
        Err(refusal) => return Ok(Some(refusal)),
    };
    let understood = match command {
        Command::Ping => reply::text(&answer).filter(|text| text == "PONG").map(drop),
        Command::Role => reply::role(&answer).map(|role| {
            facts.role = Some(role.role);
            (facts.replicas, facts.link) = (role.replicas, role.link);
        }),
        Command::SentinelMasters => reply::entries(&answer).map(|masters| facts.masters = masters),
        Command::SentinelReplicas => reply::entries(&answer).map(|replicas| facts.sentinel_replicas = replicas),
        Command::SentinelCkquorum => {
            reply::text(&answer).filter(|text| text.starts_with("OK")).map(|_| facts.quorum = Some(true))
        }
        Command::Info => Some(()),
    };
    understood.map(|()| None).ok_or_else(|| not_redis(&session.peer, command.name()))
}

/// Asks for the leg's sections one by one: servers before 7.0 take only one at a time.
async fn ask_info(
    leg: &Redis,
    cx: &ProbeCx,
    session: &mut Session,
    into: &mut Info,
) -> Result<Option<Refusal>, ProbeError> {
    let mut sections: Vec<Option<&str>> = leg.sections.iter().map(|section| Some(section.as_str())).collect();
    if sections.is_empty() {
        sections.push(None);
    } else if leg.window().is_some() {
        // They tell whether counters began anew.
        sections.extend(["server", "stats"].map(Some).into_iter().filter(|own| !leg.asks_for(own.unwrap_or_default())));
    }
    for section in sections {
        let what = section.map_or("INFO".to_owned(), |section| format!("INFO {section}"));
        let answer = match session.ask(cx, &Command::Info.packed(section), &what).await? {
            Ok(Reply::BulkString(text)) => text,
            Ok(Reply::VerbatimString { text, .. }) => text.into_bytes(),
            Ok(_) => return Err(not_redis(&session.peer, &what)),
            Err(refusal) => return Ok(Some(refusal)),
        };
        if !info::read(&String::from_utf8_lossy(&answer), into) {
            let sentence = format!("the answer of {} to {what} has more fields than are kept", session.peer);
            return Err(ProbeError::observer(Reason::TooLarge, sentence));
        }
    }
    Ok(None)
}

/// Compares with an answer of an earlier run. If there is none and the window fits into this run,
/// asks again after it.
async fn compare(
    leg: &Redis,
    cx: &ProbeCx,
    session: &mut Session,
    facts: &mut Facts,
    window: Duration,
) -> Result<(), ProbeError> {
    let at = Instant::now();
    let mut earlier = leg.history.compare(at, &facts.info, window);
    if earlier.is_none() && cx.remaining() > window + MARGIN {
        cx.note("wait", format!("{window:?} between two answers"));
        sleep(window).await;
        let mut later = Info::new();
        if let Some(refusal) = ask_info(leg, cx, session, &mut later).await? {
            return Err(refusal.of_command("INFO", &session.peer));
        }
        if same_server(&facts.info, &later) {
            earlier = Some((std::mem::replace(&mut facts.info, later), at.elapsed()));
        } else {
            facts.info = later;
        }
    }
    let Some((earlier, age)) = earlier else { return Ok(()) };
    let grown = |name: &str| Some(count(&facts.info, name)? - count(&earlier, name)?);
    if let (Some(hits), Some(misses)) = (grown("keyspace_hits"), grown("keyspace_misses")) {
        facts.lookups = Some(hits + misses);
        facts.hit_ratio = (hits + misses > 0.0).then(|| hits / (hits + misses));
    }
    facts.earlier_age_s = Some(age.as_secs_f64());
    facts.earlier = Some(earlier);
    Ok(())
}

fn count(info: &Info, name: &str) -> Option<f64> {
    info.get("stats")?.get(name)?.as_f64()
}
