//! Logins that must be refused.

use super::facts::{Facts, Login};
use crate::model::{Proof, Reason, Verdict};
use crate::probe::ProbeError;
use crate::probe::kinds::http::api::{Api, Inside, Who};
use crate::probe::kinds::postgres::pairs::Pair;

/// One after the other. Whoever does not answer is not asked again.
pub(super) async fn attempt(pairs: &[Pair], api: &Api<'_>, facts: &mut Facts) -> Result<(), ProbeError> {
    for pair in pairs {
        let reply = match api.get("api/org", Who::Login(&pair.user, &pair.password)).await {
            Ok(reply) => reply,
            // What was accepted before stands.
            Err(_) if facts.logins.iter().any(|login| login.accepted) => return Ok(()),
            Err(error) => return Err(error),
        };
        let named = reply.json.as_ref().is_some_and(|json| json.at("name").is_string() && json.at("id").is_number());
        facts.logins.push(Login {
            user: pair.user.clone(),
            status: reply.status,
            message: if reply.is_ok() { String::new() } else { reply.message() },
            accepted: reply.status == 200 && named,
        });
    }
    Ok(())
}

pub(super) fn judge(pairs: &[Pair], facts: &Facts) -> Verdict {
    let expected = format!("expected {} default logins to be refused with 401", pairs.len());
    let accepted: Vec<&str> =
        facts.logins.iter().filter(|login| login.accepted).map(|login| login.user.as_str()).collect();
    if !accepted.is_empty() {
        let sentence = format!("{expected}, saw the default password accepted for {}", accepted.join(", "));
        return Verdict::fail(Reason::AuthAccepted, sentence);
    }
    let after = facts.database_afterwards.as_deref().unwrap_or_default();
    for (when, database) in [("before", facts.database.as_str()), ("after", after)] {
        if database != "ok" {
            let seen = if database.is_empty() { "unknown" } else { database };
            let sentence = format!(
                "{expected} by a Grafana whose database works, saw it {seen} {when} the attempts: it refuses everybody"
            );
            return Verdict::indeterminate(Reason::Assertion, sentence);
        }
    }
    if let Some(Login { user, status, message, .. }) = facts.logins.iter().find(|login| login.status != 401) {
        let said = if message.is_empty() { String::new() } else { format!(" ({message})") };
        let sentence = format!("{expected}, saw {user} answered with {status}{said}, which proves neither");
        return Verdict::indeterminate(Reason::Status, sentence);
    }
    if facts.logins.is_empty() || facts.logins.len() < pairs.len() {
        let sentence = format!("{expected}, saw {} tried", facts.logins.len());
        return Verdict::indeterminate(Reason::NoData, sentence);
    }
    let seen: Vec<String> = facts.logins.iter().map(|login| format!("{} 401 {}", login.user, login.message)).collect();
    let seen = format!("{}, and the database ok before and after", seen.join(", "));
    Verdict::pass(Proof::of("logins", "refused with 401", seen.clone()), format!("{expected}, saw {seen}"))
}
