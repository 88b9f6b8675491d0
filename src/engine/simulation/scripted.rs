//! A probe that does what it is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Access, Proof, Reason, Span, Timestamp, Verdict};
use crate::probe::{Changes, Probe, ProbeCx, ProbeError};

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Scripted {
    pub(super) behaviour: Behaviour,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub(super) enum Behaviour {
    #[default]
    Pass,
    Fail,
    /// Never ends by itself, and ignores its deadline.
    Hang,
    Panic,
    /// Takes two seconds.
    Slow,
    /// Fails on every second day.
    EverySecondDay,
    /// The same, and tells so at midnight.
    TellsOfDays,
    /// Passes, and tells of a change a hundred times a second.
    Chatters,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub(super) struct Seen {
    good: bool,
}

impl Probe for Scripted {
    const NAME: &'static str = "scripted";
    const SUMMARY: &'static str = "Does what it is told.";
    type Facts = Seen;

    /// Asked for outside `observe` and `judge`, where nobody expects a panic.
    fn access(&self) -> Access {
        match self.behaviour {
            Behaviour::Panic => panic!("told to"),
            _ => Access::Read,
        }
    }

    fn watches(&self) -> Vec<String> {
        let told = matches!(self.behaviour, Behaviour::TellsOfDays | Behaviour::Chatters);
        told.then(|| format!("{:?}", self.behaviour)).into_iter().collect()
    }

    async fn listen(&self, _what: &str, cx: &ProbeCx, changes: &Changes) -> ProbeError {
        changes.listening();
        let midnight = Span(86_400_000 - u64::try_from(cx.now().0 % 86_400_000).unwrap());
        let (first, every) = match self.behaviour {
            Behaviour::Chatters => (Span::ZERO, Span(10)),
            _ => (midnight, Span::from_secs(86_400)),
        };
        tokio::time::sleep(first.to_duration()).await;
        loop {
            changes.change();
            tokio::time::sleep(every.to_duration()).await;
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Seen, ProbeError> {
        let day = cx.now().0 / 86_400_000;
        match self.behaviour {
            Behaviour::Pass => Ok(Seen { good: true }),
            Behaviour::Fail => Ok(Seen { good: false }),
            Behaviour::Chatters => Ok(Seen { good: true }),
            Behaviour::EverySecondDay | Behaviour::TellsOfDays => Ok(Seen { good: day % 2 == 0 }),
            Behaviour::Hang => {
                tokio::time::sleep(Span::from_secs(400 * 86_400).to_duration()).await;
                Ok(Seen { good: true })
            }
            Behaviour::Slow => {
                tokio::time::sleep(Span::from_secs(2).to_duration()).await;
                Ok(Seen { good: true })
            }
            Behaviour::Panic => panic!("told to"),
        }
    }

    fn judge(&self, facts: &Seen, _now: Timestamp) -> Verdict {
        match facts.good {
            true => Verdict::pass(Proof::of("good", "good", "good"), "expected good, saw good"),
            false => Verdict::fail(Reason::Assertion, "expected good, saw bad"),
        }
    }
}
