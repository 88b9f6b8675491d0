//! A login to PostgreSQL, and one read-only query.
//!
//! A pass proves that a fresh connection with these options was accepted and, with `sql`, that
//! the server answered the query. It does not prove that other hosts or roles get in. The session
//! is read-only by option and by transaction, but a function with side effects can still have
//! them: what the role may do is the real limit.

mod address;
mod fault;
mod hold;
mod messages;
pub(super) mod pairs;
mod plain;
mod query;
mod relay;
mod scratch;
mod session;
mod value;
mod wire;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::expect::Gap;
use crate::model::{Access, Proof, Reason, Timestamp, Verdict};
use crate::probe::{Changes, Findings, Probe, ProbeCx, ProbeError};

use address::{Address, SslMode};
use pairs::{Attempt, Pair};
use scratch::{Applied, Scratch, Script};
use session::Entry;

/// Logs in to PostgreSQL over a fresh connection and runs at most one read-only statement.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Postgres {
    /// Name of the target. Its address is `postgresql://user@host:port/database?sslmode=…`, its
    /// credential is the password.
    target: Option<String>,
    /// One statement. Without it the login is all that is checked.
    sql: Option<String>,
    /// Values of `$1`, `$2`, …: texts, numbers, booleans, null and lists of texts. They arrive as
    /// `text`, `int8`, `float8`, `bool` and `text[]`; cast in the SQL if another type is needed.
    bind: Vec<Value>,
    /// Replaces the address's: disable, prefer, require, verify-ca or verify-full.
    sslmode: Option<SslMode>,
    /// Replaces the address's user.
    user: Option<String>,
    /// Replaces the address's database.
    database: Option<String>,
    /// Replaces the target's credential.
    credential: Option<String>,
    /// Turns the check around: the login must be refused with one of these SQLSTATEs, or with
    /// `protocol` (the server speaks PostgreSQL, but does not go on in this way). With
    /// `sslmode: disable` no password is sent.
    refused_with: Vec<String>,
    /// Published default credentials, each `user:password`, tried one after the other: all must be
    /// refused, with 28P01 or 28000 unless `refused_with` says otherwise. No secrets belong here.
    #[schemars(with = "Vec<String>")]
    pairs: Vec<Pair>,
    /// The target is PgBouncer, and `sql` one `SHOW` command of its admin console. The console has
    /// no transactions, so the deadline of the leg is the only limit of time.
    console: bool,
    /// Files of SQL are applied to a scratch database, in which `sql` is asked then, and which is dropped
    /// again. The role needs CREATEDB. The server must be listed in `engine.sandbox_databases`; the check must be
    /// enabled as one that changes its target.
    scratch: Option<Scratch>,
    /// More rows than this and nothing is judged.
    max_rows: usize,
    /// More bytes of values than this and nothing is judged; each value counts 16 bytes besides.
    max_bytes: usize,
    /// What a session of `scratch` does first.
    #[serde(skip)]
    #[schemars(skip)]
    scripts: Vec<Script>,
    /// One statement outside of a transaction, and nothing else.
    #[serde(skip)]
    #[schemars(skip)]
    administer: Option<String>,
}

impl Default for Postgres {
    fn default() -> Self {
        Self {
            target: None,
            sql: None,
            bind: Vec::new(),
            sslmode: None,
            user: None,
            database: None,
            credential: None,
            refused_with: Vec::new(),
            pairs: Vec::new(),
            console: false,
            scratch: None,
            scripts: Vec::new(),
            administer: None,
            max_rows: 1000,
            max_bytes: 1 << 20,
        }
    }
}

/// What one session yielded.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Facts {
    /// Each row by column name. Timestamps are seconds since the epoch, intervals seconds.
    rows: Vec<BTreeMap<String, Value>>,
    row_count: usize,
    columns: Vec<String>,
    /// How the login ended: accepted or refused. With `pairs`: accepted if any was.
    login: Login,
    /// Of the refusal; empty if the login was accepted, `protocol` if there was no SQLSTATE.
    sqlstate: String,
    /// What the server said when it refused.
    message: String,
    /// Whether the server took the credentials, even if it refused the session afterwards.
    authenticated: bool,
    /// One for each of `pairs` that was tried.
    attempts: Vec<Attempt>,
    /// Whether the session was encrypted.
    tls: bool,
    /// Such as 150020; 0 if the login was refused.
    server_version_num: u32,
    connect_s: f64,
    query_s: f64,
    /// With `scratch`.
    scratch: Option<Applied>,
    /// The encryption mode used, because a refusal is judged by it.
    sslmode: SslMode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Login {
    #[default]
    Accepted,
    Refused,
}

/// No leg reads more than this.
const BYTES_CEILING: usize = 64 << 20;
const PROTOCOL: &str = "protocol";
/// Of PgBouncer.
const CONSOLE: &str = "pgbouncer";
/// Wrong password.
const INVALID_PASSWORD: &str = "28P01";
/// No right to log in, as which or from where.
const INVALID_AUTHORIZATION: &str = "28000";

impl Probe for Postgres {
    const NAME: &'static str = "postgres";
    const SUMMARY: &'static str = "Logs in to PostgreSQL and runs one read-only query";
    type Facts = Facts;

    fn access(&self) -> Access {
        // Without a user or credential of its own the attempt is the target's ordinary login.
        let own = self.user.is_some() || self.credential.is_some();
        if self.scratch.is_some() {
            Access::Mutates
        } else if self.pairs.is_empty() && (self.refused_with.is_empty() || !own) {
            Access::Read
        } else {
            Access::Authenticates
        }
    }

    fn check(&self, findings: &mut Findings) {
        if self.target.is_none() {
            findings.error_with_hint("target", "no target", "name one of the checklist's targets");
        }
        for code in &self.refused_with {
            let sqlstate =
                code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
            if !sqlstate && code != PROTOCOL {
                findings.error_with_hint(
                    "refused_with",
                    format!("`{code}` is no SQLSTATE"),
                    "five digits or capitals, such as \"28000\", or `protocol`",
                );
            }
        }
        if self.is_negative() && self.sql.is_some() {
            findings.error("sql", "a login that must be refused cannot run a query");
        }
        if !self.pairs.is_empty() && (self.user.is_some() || self.credential.is_some()) {
            findings.error("pairs", "they bring users and passwords of their own");
        }
        pairs::check(&self.pairs, findings);
        if self.console && !self.sql.as_deref().is_some_and(is_show) {
            findings.error_with_hint("sql", "the console is asked by one SHOW command", "such as SHOW POOLS");
        }
        if let Some(scratch) = &self.scratch {
            scratch.check(findings);
            if self.is_negative() || self.console {
                findings.error("scratch", "it needs a login and a database of its own");
            }
        }
        if self.console && !self.bind.is_empty() {
            findings.error("bind", "the console takes no values");
        }
        if self.sql.is_none() && !self.bind.is_empty() {
            findings.error("bind", "there is no `sql` to bind values to");
        }
        if self.max_bytes > BYTES_CEILING {
            findings.error("max_bytes", format!("at most {BYTES_CEILING} bytes can be read"));
        }
        for (index, value) in self.bind.iter().enumerate() {
            if !query::can_bind(value) {
                findings.error(&format!("bind[{index}]"), "only texts, numbers, booleans, null and lists of texts");
            }
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn credentials(&self) -> Vec<&str> {
        self.credential.as_deref().into_iter().collect()
    }

    fn watches(&self) -> Vec<String> {
        // The console of PgBouncer and logins that must fail hold nothing open. A target that is only asked as
        // somebody else may have no login of its own, and would see one fail again and again.
        let own = self.user.is_some() || self.credential.is_some();
        let plain = self.scratch.is_none() && self.pairs.is_empty() && !self.is_negative() && !self.console && !own;
        plain.then(|| "the session of the target".to_owned()).into_iter().collect()
    }

    async fn listen(&self, _what: &str, cx: &ProbeCx, changes: &Changes) -> ProbeError {
        let listening = async {
            // One session a target, whoever the legs log in as: each counts against the limit of a role.
            let target = cx.target()?;
            let address = Address::parse(&target.address)?;
            let password = match target.credential.as_deref() {
                Some(name) => Some(cx.credential(name).await?),
                None => None,
            };
            let entry = Entry { address: &address, tls: &target.tls, password: password.as_ref() };
            Ok(hold::hold(cx, entry, changes).await)
        };
        listening.await.unwrap_or_else(|error| error)
    }

    fn owns(&self) -> Vec<(String, String)> {
        self.scratch.iter().map(|scratch| ("scratch.name".to_owned(), scratch.owner())).collect()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        if let Some(scratch) = &self.scratch {
            return scratch::run(self, scratch, cx).await;
        }
        let target = cx.target()?;
        let mut address = Address::parse(&target.address)?;
        let database = self.database.as_deref().or(self.console.then_some(CONSOLE));
        address.replace(self.sslmode, self.user.as_deref(), database);
        if !self.pairs.is_empty() {
            return pairs::attempt(self, cx, &address, &target.tls).await;
        }
        // A password must not cross the network in the clear only to see whether it could.
        let silent = self.is_negative() && address.sslmode == SslMode::Disable;
        let password = match self.credential.as_deref().or(target.credential.as_deref()) {
            Some(name) if !silent => Some(cx.credential(name).await?),
            _ => None,
        };
        session::run(self, cx, Entry { address: &address, tls: &target.tls, password: password.as_ref() }).await
    }

    fn judge(&self, facts: &Facts, _now: Timestamp) -> Verdict {
        let verdict = match (facts.login, !self.is_negative()) {
            _ if !self.pairs.is_empty() => self.judge_attempts(facts),
            (Login::Refused, true) => {
                // `observe` reports this as an error; facts from elsewhere must not pass.
                let sentence = format!("the login was refused with {}: {}", facts.sqlstate, facts.message);
                Verdict::indeterminate(Reason::AuthRejected, sentence)
            }
            (Login::Accepted, true) => self.judge_answer(facts),
            (_, false) => self.judge_refusal(facts),
        };
        let verdict = verdict.measured("connect_seconds", facts.connect_s, None);
        if self.sql.is_some() { verdict.measured("query_seconds", facts.query_s, None) } else { verdict }
    }

    /// What was not asked must not be taken for what is not there.
    fn gaps(&self, _: &Facts) -> Vec<Gap> {
        let without_sql = [("rows", "`sql`"), ("row_count", "`sql`"), ("columns", "`sql`")];
        let fields = without_sql.into_iter().filter(|_| self.sql.is_none());
        let fields = fields.chain([("attempts", "`pairs`")].into_iter().filter(|_| self.pairs.is_empty()));
        fields.map(|(field, what)| Gap { field, why: format!("{what} is not given"), hides: true }).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        if self.scratch.is_some() {
            return None;
        }
        Some(match (&self.sql, !self.is_negative()) {
            (_, false) => "a refused login",
            (Some(_), true) => "an answer to the query",
            (None, true) => "a login",
        })
    }

    fn judge_error(&self, error: &ProbeError) -> Verdict {
        // A connection that fails proves nothing about a refusal.
        if self.is_negative() { error.indeterminate() } else { error.verdict() }
    }
}

/// Whether it is one command that only reads the console.
fn is_show(sql: &str) -> bool {
    let mut words = sql.split_ascii_whitespace();
    words.next().is_some_and(|word| word.eq_ignore_ascii_case("show")) && !sql.contains(';')
}

impl Postgres {
    /// Whether a refusal is what is hoped for.
    fn is_negative(&self) -> bool {
        !self.refused_with.is_empty() || !self.pairs.is_empty()
    }

    /// What counts as one.
    fn refusals(&self) -> Vec<&str> {
        if self.refused_with.is_empty() {
            vec![INVALID_PASSWORD, INVALID_AUTHORIZATION]
        } else {
            self.refused_with.iter().map(String::as_str).collect()
        }
    }

    fn judge_answer(&self, facts: &Facts) -> Verdict {
        let transport = if facts.tls { "encrypted" } else { "plain" };
        let mut proof = Proof::of("login", "accepted", format!("accepted, {transport}"));
        if self.scratch.is_some() {
            match facts.scratch.as_ref().map(Applied::verdict) {
                Some(Ok(applied)) => proof = proof.and("files", "applied to an empty database", applied),
                Some(Err(verdict)) => return verdict,
                None => return Verdict::indeterminate(Reason::NoData, "expected files to be applied, saw none"),
            }
        }
        let seconds = facts.connect_s;
        if self.sql.is_none() {
            return Verdict::pass(
                proof,
                format!(
                    "expected the login to be accepted, saw it accepted over {transport} transport in {seconds:.3} s"
                ),
            );
        }
        let rows = facts.row_count;
        let proof = proof.and("query", "an answer", format!("{rows} rows"));
        Verdict::pass(proof, format!("expected an answer to the query, saw {rows} rows in {:.3} s", facts.query_s))
    }

    fn judge_refusal(&self, facts: &Facts) -> Verdict {
        let expected = self.refused_with.join(" or ");
        let plain = facts.sslmode == SslMode::Disable;
        if facts.login == Login::Accepted {
            let (reason, how) = if plain {
                (Reason::PlaintextAccepted, "an unencrypted login")
            } else {
                (Reason::AuthAccepted, "the login")
            };
            return Verdict::fail(reason, format!("expected {how} to be refused with {expected}, saw it accepted"));
        }
        let seen = &facts.sqlstate;
        if self.refused_with.contains(seen) {
            let proof = Proof::of("login", format!("refused with {expected}"), format!("refused with {seen}"));
            return Verdict::pass(proof, format!("expected a refusal with {expected}, saw {seen}: {}", facts.message));
        }
        if plain && seen == INVALID_PASSWORD {
            let sentence = format!(
                "expected a refusal with {expected}, saw the server ask for a password over an unencrypted connection"
            );
            return Verdict::fail(Reason::PlaintextAccepted, sentence);
        }
        let sentence = format!(
            "expected a refusal with {expected}, saw one with {seen} ({}), which proves neither",
            facts.message
        );
        Verdict::indeterminate(Reason::Query, sentence)
    }
}

#[cfg(test)]
mod tests;
