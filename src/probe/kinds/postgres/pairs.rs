//! Published default credentials, tried one after the other: none may open the database.
//!
//! Between a right password and a session the server has more questions (does the database exist,
//! may the role connect to it, is there room). What it answers after it has taken the credentials
//! is no refusal of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Proof, Reason, Secret, TlsFiles, Verdict};
use crate::probe::{Findings, ProbeCx, ProbeError};

use super::address::Address;
use super::session::{self, Entry};
use super::{Facts, Login, Postgres};

/// Extensions of servers lock a role after a handful of failures.
const PAIRS: usize = 10;
const PAIRS_OF_ONE_USER: usize = 3;

/// A published default: no secret of this deployment, and yet never repeated.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pair {
    pub(in crate::probe::kinds) user: String,
    pub(in crate::probe::kinds) password: Secret,
}

/// How one attempt ended, without its password.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(super) struct Attempt {
    pub(super) user: String,
    /// accepted or refused.
    pub(super) login: Login,
    /// Of the refusal; `protocol` if there was no SQLSTATE.
    pub(super) sqlstate: String,
    pub(super) message: String,
    /// Whether the server took the credentials, even if it refused the session afterwards.
    pub(super) authenticated: bool,
}

impl TryFrom<String> for Pair {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.split_once(':') {
            Some((user, password)) if !user.is_empty() => {
                Ok(Self { user: user.to_owned(), password: Secret::new(password.to_owned()) })
            }
            _ => Err("expected `user:password`"),
        }
    }
}

pub(in crate::probe::kinds) fn check(pairs: &[Pair], findings: &mut Findings) {
    if pairs.len() > PAIRS {
        findings.error("pairs", format!("at most {PAIRS} logins can be tried in one look"));
    }
    for (index, pair) in pairs.iter().enumerate() {
        let before = pairs.iter().take(index).filter(|other| other.user == pair.user).count();
        if before == PAIRS_OF_ONE_USER {
            let message = format!("more than {PAIRS_OF_ONE_USER} passwords for `{}` may lock the role", pair.user);
            findings.error(&format!("pairs[{index}]"), message);
        }
    }
}

/// One login after the other. An attempt without an answer ends the look: whoever does not answer
/// is not asked again.
pub(super) async fn attempt(
    leg: &Postgres,
    cx: &ProbeCx,
    address: &Address,
    tls: &TlsFiles,
) -> Result<Facts, ProbeError> {
    let mut facts = Facts { login: Login::Refused, sslmode: address.sslmode, ..Facts::default() };
    for pair in &leg.pairs {
        let mut address = address.clone();
        address.replace(None, Some(&pair.user), None);
        let entry = Entry { address: &address, tls, password: Some(&pair.password) };
        let seen = match session::run(leg, cx, entry).await {
            Ok(seen) => seen,
            // What was accepted before stands.
            Err(_) if facts.attempts.iter().any(|attempt| leg.let_in(attempt)) => break,
            Err(error) => return Err(error),
        };
        facts.connect_s += seen.connect_s;
        facts.tls = seen.tls;
        facts.server_version_num = facts.server_version_num.max(seen.server_version_num);
        facts.authenticated |= seen.authenticated;
        if seen.login == Login::Accepted {
            facts.login = Login::Accepted;
        }
        facts.attempts.push(Attempt {
            user: pair.user.clone(),
            login: seen.login,
            sqlstate: seen.sqlstate,
            message: seen.message,
            authenticated: seen.authenticated,
        });
    }
    Ok(facts)
}

impl Postgres {
    fn let_in(&self, attempt: &Attempt) -> bool {
        let refused = self.refusals().iter().any(|code| *code == attempt.sqlstate);
        attempt.login == Login::Accepted || (attempt.authenticated && !refused)
    }

    pub(super) fn judge_attempts(&self, facts: &Facts) -> Verdict {
        let refusals = self.refusals();
        let expected = refusals.join(" or ");
        let attempts = &facts.attempts;
        let open: Vec<String> = attempts
            .iter()
            .filter(|attempt| self.let_in(attempt))
            .map(|attempt| match attempt.login {
                Login::Accepted => attempt.user.clone(),
                Login::Refused => format!("{} (then {}: {})", attempt.user, attempt.sqlstate, attempt.message),
            })
            .collect();
        let asked = format!("expected {} default logins to be refused with {expected}", self.pairs.len());
        if !open.is_empty() {
            let sentence = format!("{asked}, saw the default password accepted for {}", open.join(", "));
            return Verdict::fail(Reason::AuthAccepted, sentence);
        }
        if let Some(other) = attempts.iter().find(|attempt| !refusals.contains(&attempt.sqlstate.as_str())) {
            let Attempt { user, sqlstate, message, .. } = other;
            let sentence = format!("{asked}, saw {user} answered with {sqlstate} ({message}), which proves neither");
            return Verdict::indeterminate(Reason::Query, sentence);
        }
        if attempts.is_empty() || attempts.len() < self.pairs.len() {
            let sentence = format!("{asked}, saw {} tried", attempts.len());
            return Verdict::indeterminate(Reason::Other, sentence);
        }
        let seen: Vec<String> =
            attempts.iter().map(|attempt| format!("{} {}", attempt.user, attempt.sqlstate)).collect();
        let seen = seen.join(", ");
        let proof = Proof::of("logins", format!("refused with {expected}"), seen.clone());
        Verdict::pass(proof, format!("{asked}, saw {seen}"))
    }
}
