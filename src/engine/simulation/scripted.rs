//! A probe that does what it is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Access, Proof, Reason, Span, Timestamp, Verdict};
use crate::probe::{Probe, ProbeCx, ProbeError};

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

    async fn observe(&self, cx: &ProbeCx) -> Result<Seen, ProbeError> {
        let day = cx.now().0 / 86_400_000;
        match self.behaviour {
            Behaviour::Pass => Ok(Seen { good: true }),
            Behaviour::Fail => Ok(Seen { good: false }),
            Behaviour::EverySecondDay => Ok(Seen { good: day % 2 == 0 }),
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
