//! Looking at the world. A kind is one file: typed parameters, `observe` (I/O to facts) and
//! `judge` (pure: facts to verdict), and one entry in the table in `kinds`.
//!
//! A probe never sees the state of an item, but for what it has seen itself if it remembers that, and
//! nothing above sees a probe's inside.

mod changes;
mod credentials;
mod cx;
mod descriptor;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod grant;
pub mod guard;
mod hazards;
pub mod kinds;
mod leg;
mod line;
mod literals;
pub mod net;
mod pattern;
mod personal;
mod shared;
mod unread;

use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use changes::{Changes, Heard};
pub use credentials::{CredentialSource, Credentials};
pub use cx::{LegFacts, MoreTargets, ProbeCx, Trace};
pub use descriptor::{Descriptor, Finding, Findings, ParseError, Parsed};
pub use error::{Blame, ProbeError};
pub use grant::Grant;
pub use hazards::{Afterwards, Hazards, Leftovers};
pub use leg::{DynProbe, LegProbe, Observation};
pub use literals::literals;
pub(crate) use shared::Fetched;
pub use unread::Unread;

use crate::expect::Gap;
use crate::model::{Access, Class, Remembered, Timestamp, Verdict};

/// The parameters of one kind, and what it does with them.
///
/// The struct is what a checklist author writes under the kind's key, so its doc comments are the
/// manual. Use `#[serde(deny_unknown_fields, default)]`, no `flatten`, no untagged or internally
/// tagged enums: they lose the position of an error.
pub trait Probe: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// Key in the catalogue and label value.
    const NAME: &'static str;
    /// First line of its documentation.
    const SUMMARY: &'static str;
    const CLASS: Class = Class::Network;

    /// What one look yields. Its JSON form is what conditions see, what evidence keeps and what
    /// recorded tests feed to `judge`; it must hold no secret.
    type Facts: Serialize + DeserializeOwned + JsonSchema + Send;

    /// What a run does to its target.
    fn access(&self) -> Access {
        Access::Read
    }

    /// Checks what types cannot say. Adds findings with the path of the field they are about.
    fn check(&self, findings: &mut Findings) {
        let _ = findings;
    }

    /// The name of the target the catalogue must resolve for `cx.target()`, if one is used.
    fn target(&self) -> Option<&str> {
        None
    }

    /// Names of further targets that the catalogue must resolve, for steps that look elsewhere.
    fn more_targets(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Key of the bulkhead when no named target is used, such as `host:port`. Empty: none.
    fn address(&self) -> String {
        String::new()
    }

    /// Names of credentials used besides the target's own.
    fn credentials(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Names of legs of the same item whose facts it looks at. It runs after them.
    fn legs(&self) -> Vec<&str> {
        Vec::new()
    }

    /// If it remembers what it sees: among the facts of which of its `legs`, and what it looks for there, in
    /// words that stay the same over versions. Another text is another memory, and so is another
    /// definition of that leg.
    fn remembers(&self) -> Option<(&str, String)> {
        None
    }

    /// All that it has seen by now, what `cx.memory()` gave it included; lent to the next run, which may be
    /// one of another process. `None` leaves what was kept as it is. Texts are bounded and hold no secrets.
    fn remembered(&self, facts: &Self::Facts) -> Option<Remembered> {
        let _ = facts;
        None
    }

    /// What a run leaves behind is kept under these names: the path of the field that gives it, and the name.
    /// No two checks of a catalogue may have the same, or one would clean up what the other makes.
    fn owns(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// What of its target it can listen to, if its target tells of changes; the engine then looks as
    /// soon as something changes, besides the schedule. Each text is one ear, which all legs of one kind
    /// and target share that give it, so it must name all that `listen` depends on; no secrets.
    fn watches(&self) -> Vec<String> {
        Vec::new()
    }

    /// Listens to one of what it `watches` until it cannot any more, and says why. The deadline of `cx` is
    /// for getting there: once `changes.listening()` is called there is none. Must hear of a lost
    /// connection; that the connection was lost counts as a change by itself.
    fn listen(&self, what: &str, cx: &ProbeCx, changes: &Changes) -> impl Future<Output = ProbeError> + Send {
        let _ = (what, cx, changes);
        std::future::pending()
    }

    /// The rights that it needs, where the target has words for them; what is written for whoever grants
    /// them is derived from it, so it must name all that `observe` and `listen` ask for, and nothing else.
    fn grants(&self) -> Vec<Grant> {
        Vec::new()
    }

    /// I/O only: decides nothing. Must stay within `cx.remaining()`; the engine cuts it off
    /// shortly after.
    fn observe(&self, cx: &ProbeCx) -> impl Future<Output = Result<Self::Facts, ProbeError>> + Send;

    /// Pure: no I/O, no clock.
    fn judge(&self, facts: &Self::Facts, now: Timestamp) -> Verdict;

    /// Fields of which conditions must not take what is there for the whole: what was cut off must
    /// neither pass nor fail anything.
    fn gaps(&self, facts: &Self::Facts) -> Vec<Gap> {
        let _ = facts;
        Vec::new()
    }

    /// What was expected of the target, such as `a login`, for the sentence about an observation that
    /// failed. `None` where the errors of the kind say it themselves.
    fn expects(&self) -> Option<&'static str> {
        None
    }

    /// What a failed observation means. The default blames whom the error blames: the target's
    /// fault is a fail, the observer's is indeterminate. Negative checks override it, because a
    /// connection error proves nothing about a refusal.
    fn judge_error(&self, error: &ProbeError) -> Verdict {
        error.verdict()
    }
}
