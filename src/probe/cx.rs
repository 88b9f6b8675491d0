//! What a probe is lent for one run. It holds no plan, and no state but what the leg itself has seen before.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::net::Clients;
use super::{Credentials, Fetched, ProbeError};
use crate::model::{Remembered, Secret, Target, Timestamp};

pub struct ProbeCx {
    now: Timestamp,
    /// When `now` was.
    begun: Instant,
    deadline: Instant,
    target: Option<Arc<Target>>,
    credentials: Arc<Credentials>,
    clients: Arc<Clients>,
    more_targets: Option<Arc<MoreTargets>>,
    legs: Option<Arc<LegFacts>>,
    memory: Option<Arc<Remembered>>,
    trace: Trace,
    text_only: Option<usize>,
    not_before: Option<Instant>,
}

/// What legs of the same item have observed, by their names. Fields that are not whole are left out.
pub type LegFacts = BTreeMap<Arc<str>, Value>;

/// Resolved targets by the names that the catalogue calls them.
pub type MoreTargets = BTreeMap<Box<str>, Arc<Target>>;

/// A bounded log of the steps of one run, readable after the run was cut off.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Vec<String>>>);

const TRACE_STEPS: usize = 64;
const TRACE_STEP_BYTES: usize = 256;
/// Bytes of most steps.
const USUAL_STEP: usize = 64;

impl ProbeCx {
    pub fn new(
        now: Timestamp,
        deadline: Instant,
        target: Option<Arc<Target>>,
        credentials: Arc<Credentials>,
        clients: Arc<Clients>,
    ) -> Self {
        Self {
            now,
            begun: Instant::now(),
            deadline,
            target,
            credentials,
            clients,
            more_targets: None,
            legs: None,
            memory: None,
            trace: Trace::default(),
            text_only: None,
            not_before: None,
        }
    }

    /// Lends targets besides the first.
    pub fn with_more_targets(self, more_targets: Option<Arc<MoreTargets>>) -> Self {
        Self { more_targets, ..self }
    }

    /// No tree of the facts is asked for if no condition reads them and their text is no longer than
    /// this.
    pub fn with_text_only(self, limit: usize) -> Self {
        Self { text_only: Some(limit), ..self }
    }

    pub(super) fn text_only(&self) -> Option<usize> {
        self.text_only
    }

    /// The run was asked for by a change that was heard then: what it shares with other runs must not
    /// have been fetched before.
    pub fn with_change_at(self, heard: Option<Instant>) -> Self {
        Self { not_before: heard, ..self }
    }

    /// The same for another question, with a deadline of its own and nothing traced.
    pub fn anew(&self, deadline: Instant) -> Self {
        Self {
            now: self.now,
            begun: self.begun,
            deadline,
            target: self.target.clone(),
            credentials: Arc::clone(&self.credentials),
            clients: Arc::clone(&self.clients),
            more_targets: self.more_targets.clone(),
            legs: self.legs.clone(),
            memory: self.memory.clone(),
            trace: Trace::default(),
            text_only: self.text_only,
            not_before: self.not_before,
        }
    }

    /// The same for who goes on long after the run began, `passed` later.
    pub(super) fn later(&self, passed: Duration, deadline: Instant) -> Self {
        Self { now: self.now.plus(passed.into()), begun: Instant::now(), ..self.anew(deadline) }
    }

    /// The same for one step of the run, with a deadline of its own and its facts as a tree.
    pub(super) fn step(&self, deadline: Instant) -> Self {
        Self { trace: self.trace.clone(), text_only: None, ..self.anew(deadline) }
    }

    /// The same for a step at another target, which takes the place of the first.
    pub(super) fn step_at(&self, deadline: Instant, name: &str) -> Result<Self, ProbeError> {
        let target = self.another_target(name)?;
        Ok(Self { target: Some(Arc::clone(target)), ..self.step(deadline) })
    }

    /// One of the targets besides the first.
    pub(super) fn another_target(&self, name: &str) -> Result<&Arc<Target>, ProbeError> {
        let found = self.more_targets.as_ref().and_then(|targets| targets.get(name));
        found.ok_or_else(|| ProbeError::unconfigured(format!("the target `{name}` is not configured")))
    }

    /// Lends what other legs have observed.
    pub fn with_legs(self, legs: Option<Arc<LegFacts>>) -> Self {
        Self { legs, ..self }
    }

    /// Lends what the leg has seen before.
    pub fn with_memory(self, memory: Option<Arc<Remembered>>) -> Self {
        Self { memory, ..self }
    }

    /// What the leg has seen before; `None` if nothing is known of it.
    pub fn memory(&self) -> Option<&Remembered> {
        self.memory.as_deref()
    }

    /// What the leg of this name observed in this very run; `None` if that failed.
    pub fn leg(&self, name: &str) -> Option<&Value> {
        self.legs.as_ref()?.get(name)
    }

    /// Wall time at the start of the run.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Wall time at the deadline.
    pub(super) fn ends(&self) -> Timestamp {
        self.now.plus(self.deadline.saturating_duration_since(self.begun).into())
    }

    /// What is left of the deadline; zero when it has passed.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// The resolved target. Fails as unconfigured if the leg names none.
    pub fn target(&self) -> Result<&Arc<Target>, ProbeError> {
        self.target.as_ref().ok_or_else(|| ProbeError::unconfigured("no target is configured"))
    }

    /// The value of a named credential, read now, so that rotation needs no reload.
    pub async fn credential(&self, name: &str) -> Result<Secret, ProbeError> {
        self.credentials.resolve(name, self.deadline).await
    }

    /// Whether the text holds a credential that is known.
    pub(super) fn is_secret(&self, text: &str) -> bool {
        self.credentials.redactor().masked(text).is_some()
    }

    pub fn clients(&self) -> &Arc<Clients> {
        &self.clients
    }

    /// What `fetch` yields, or what it yielded to another probe at most `max_age` ago. The key names the
    /// target, who asks, and what is asked for. Not for what is about the connection itself.
    pub(crate) async fn shared<T, F, Fut>(&self, key: &str, max_age: Duration, fetch: F) -> Result<Arc<T>, ProbeError>
    where
        T: Any + Send + Sync,
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Fetched<T>, ProbeError>> + Send,
    {
        // What was fetched before a change does not show it.
        let max_age = self.not_before.map_or(max_age, |heard| max_age.min(heard.elapsed()));
        self.clients.shared.get(self.deadline, key, max_age, fetch).await
    }

    /// A secret that is in no credential, from a file that a target names. The redactor knows it from
    /// now on.
    pub(in crate::probe) async fn secret_file(&self, path: &Path) -> Result<Secret, ProbeError> {
        self.credentials.read_file(path, self.deadline).await
    }

    /// Looks at a file that a target names, where nobody else has to wait for it.
    pub(in crate::probe) async fn look_at_file<T, F>(&self, what: &str, look: F) -> Result<T, ProbeError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, ProbeError> + Send + 'static,
    {
        self.credentials.other_files().queue(self.deadline, what, look).await
    }

    /// Makes a secret of another source known to the redactor.
    pub(in crate::probe) fn learn(&self, secret: &Secret) {
        self.credentials.learn(secret);
    }

    /// Adds a step to the trace, such as `note("connect", "127.0.0.1:5432 in 3 ms")`. No secrets.
    pub fn note(&self, step: &str, text: impl Display) {
        self.trace.note(step, text);
    }

    pub fn trace(&self) -> &Trace {
        &self.trace
    }
}

impl Trace {
    fn note(&self, step: &str, text: impl Display) {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.len() < TRACE_STEPS {
            let mut line = String::with_capacity(USUAL_STEP);
            line.push_str(step);
            line.push_str(": ");
            let _ = write!(line, "{text}");
            line.truncate(line.floor_char_boundary(TRACE_STEP_BYTES));
            steps.push(line);
        }
    }

    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
