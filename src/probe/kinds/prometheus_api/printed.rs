//! Expressions by meaning: the server itself prints two of them the same way, or not.

use std::collections::BTreeMap;

use super::look::Looking;
use crate::model::Reason;
use crate::probe::line::line;
use crate::probe::{Blame, ProbeError};

/// Questions of one look; what they do not reach is not known.
const MAX_QUESTIONS: usize = 500;
/// Bytes of an expression that is sent.
const MAX_BYTES: usize = 12 << 10;
const SHOWN: usize = 200;

/// What two expressions are to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sameness {
    Same,
    Different,
    /// The server does not understand the first, with a clause that says why.
    Broken(String),
    /// The server cannot tell.
    Unknown,
}

#[derive(Clone)]
enum Printed {
    Text(String),
    Broken(String),
    Unknown,
}

/// What was printed, and why it could not be told otherwise.
#[derive(Default)]
pub(super) struct Printer {
    printed: BTreeMap<String, Printed>,
    asked: usize,
    /// Why something is not known.
    pub(super) unknown: Option<ProbeError>,
}

impl Printer {
    /// Without a question where the texts are the same.
    pub(super) async fn compare(
        &mut self,
        committed: &str,
        served: &str,
        looking: &Looking<'_>,
    ) -> Result<Sameness, ProbeError> {
        if committed.trim() == served.trim() {
            return Ok(Sameness::Same);
        }
        let one = match self.print(committed, looking).await? {
            Printed::Text(text) => text,
            Printed::Broken(why) => return Ok(Sameness::Broken(why)),
            Printed::Unknown => return Ok(Sameness::Unknown),
        };
        Ok(match self.print(served, looking).await? {
            Printed::Text(other) if one == other => Sameness::Same,
            Printed::Text(_) => Sameness::Different,
            Printed::Broken(why) => {
                let text = format!("{} does not understand what it serves itself: {why}", looking.facts.server);
                self.unknown.get_or_insert(ProbeError::observer(Reason::Query, text));
                Sameness::Unknown
            }
            Printed::Unknown => Sameness::Unknown,
        })
    }

    async fn print(&mut self, expression: &str, looking: &Looking<'_>) -> Result<Printed, ProbeError> {
        if let Some(printed) = self.printed.get(expression) {
            return Ok(printed.clone());
        }
        let is_unheard_of = |error: &ProbeError| error.reason == Reason::Protocol;
        if self.unknown.as_ref().is_some_and(is_unheard_of) {
            return Ok(Printed::Unknown);
        }
        self.asked += 1;
        if self.asked > MAX_QUESTIONS || expression.len() > MAX_BYTES {
            let text = format!("more than {MAX_QUESTIONS} expressions, or one of more than {MAX_BYTES} bytes");
            self.unknown.get_or_insert(ProbeError::observer(Reason::TooLarge, text));
            return Ok(Printed::Unknown);
        }
        let printed = match looking.api.get("format_query", &[("query", expression)]).await {
            Ok(said) => match said.data.as_str() {
                Some(text) => Printed::Text(text.to_owned()),
                None => return Err(looking.malformed("an expression", "it is no text".to_owned())),
            },
            Err(error) if error.reason == Reason::Query && error.blame == Blame::Observer => {
                Printed::Broken(line(&error.detail, SHOWN))
            }
            // Before version 2.41, and of other servers with this API.
            Err(error) if is_unheard_of(&error) => {
                self.unknown.get_or_insert(error);
                Printed::Unknown
            }
            Err(error) => return Err(error),
        };
        self.printed.insert(expression.to_owned(), printed.clone());
        Ok(printed)
    }
}
