//! A filter from an address. A misspelt filter is an error: showing everything instead would look
//! like an answer.

use super::{Filter, Setup};
use crate::model::{Coverage, Priority, Reason, State};

const KNOWN: &str = "state, priority, mode, reason, checklist, section, gate, team, regressed, setup, q, refresh";

impl Filter {
    /// From a query string. Values may be repeated or joined with commas where several make sense.
    pub(in crate::web) fn parse(query: &str) -> Result<Self, String> {
        let mut filter = Self::default();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match key.as_ref() {
                "state" => many(value, &mut filter.states, &State::ALL, State::as_str)?,
                "priority" => many(value, &mut filter.priorities, &Priority::ALL, Priority::as_str)?,
                "mode" => many(value, &mut filter.modes, &Coverage::ALL, Coverage::as_str)?,
                "reason" => many(value, &mut filter.reasons, Reason::ALL, Reason::as_str)?,
                "checklist" => value.clone_into(&mut filter.checklist),
                "section" => value.clone_into(&mut filter.section),
                "gate" => value.clone_into(&mut filter.gate),
                "team" => value.clone_into(&mut filter.team),
                "regressed" => filter.regressed = flag(value)?,
                "setup" => {
                    let known = Setup::ALL.into_iter().find(|setup| setup.as_str() == value);
                    filter.setup = Some(known.ok_or_else(|| format!("“{value}” is neither missing nor complete"))?);
                }
                "q" => value.clone_into(&mut filter.q),
                "refresh" => {
                    let seconds = value.parse().ok().filter(|s| (5..=86_400).contains(s));
                    filter.refresh = Some(seconds.ok_or("refresh must be between 5 and 86400 seconds")?);
                }
                other => return Err(format!("there is no parameter “{other}”; there are {KNOWN}")),
            }
        }
        Ok(filter)
    }
}

/// Adds the values named in `text`, each once: a filter must not grow with the length of an address.
fn many<T: Copy + PartialEq>(
    text: &str,
    into: &mut Vec<T>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<(), String> {
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let Some(value) = all.iter().copied().find(|value| name(*value) == part) else {
            let names: Vec<_> = all.iter().copied().map(&name).collect();
            return Err(format!("“{part}” is not one of {}", names.join(", ")));
        };
        if !into.contains(&value) {
            into.push(value);
        }
    }
    Ok(())
}

fn flag(value: &str) -> Result<bool, String> {
    match value {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        other => Err(format!("“{other}” is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_filters_are_errors_that_help() {
        assert!(Filter::parse("stat=fail").unwrap_err().contains("state, priority"));
        assert!(Filter::parse("state=failed").unwrap_err().contains("not_applicable"));
        assert!(Filter::parse("mode=manual").unwrap_err().contains("attested"));
        assert!(Filter::parse("refresh=0").is_err());
        assert!(Filter::parse("regressed=maybe").is_err());
        assert!(Filter::parse("setup=done").is_err());
    }

    #[test]
    fn a_value_counts_once_however_often_it_is_said() {
        let filter = Filter::parse("state=fail,fail&state=fail&priority=low,high,low").unwrap();
        assert_eq!(filter.states, [State::Fail]);
        assert_eq!(filter.priorities, [Priority::Low, Priority::High]);
    }
}
