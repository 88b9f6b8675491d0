//! Earlier answers of INFO, for differences over a window that is longer than a run.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::info::Info;

/// Bounded: at most one look is kept in every sixteenth of the window. Lost at a restart and when
/// the check changes; until a window has passed there is nothing to compare with.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<(Instant, Info)>>);

impl History {
    /// Keeps this look, and gives the youngest one that is at least `window` older, with its age.
    /// Looks at a server that was restarted since are forgotten: it counts from zero.
    pub(super) fn compare(&self, now: Instant, info: &Info, window: Duration) -> Option<(Info, Duration)> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.back().is_some_and(|(_, last)| !same_server(last, info)) {
            looks.clear();
        }
        let old_enough = |(at, _): &(Instant, Info)| now.saturating_duration_since(*at) >= window;
        while looks.get(1).is_some_and(old_enough) {
            looks.pop_front();
        }
        let earlier = looks.front().filter(|look| old_enough(look));
        let earlier = earlier.map(|(at, info)| (info.clone(), now.saturating_duration_since(*at)));
        if looks.back().is_none_or(|(at, _)| now.saturating_duration_since(*at) >= window / 16) {
            looks.push_back((now, info.clone()));
        }
        earlier
    }
}

/// The same run of the same server, whose counters were not reset as far as can be seen.
pub(super) fn same_server(earlier: &Info, later: &Info) -> bool {
    let field = |info: &Info, section: &str, name: &str| info.get(section)?.get(name).cloned();
    let id = |info| field(info, "server", "run_id");
    let count = |info, name| field(info, "stats", name).and_then(|value| value.as_i64()).unwrap_or(0);
    let grown = |name| count(earlier, name) <= count(later, name);
    id(earlier).is_some()
        && id(earlier) == id(later)
        && ["total_commands_processed", "keyspace_hits", "keyspace_misses", "evicted_keys"].into_iter().all(grown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn look(run: &str, hits: i64) -> Info {
        serde_json::from_value(json!({"server": {"run_id": run}, "stats": {"keyspace_hits": hits}})).unwrap()
    }

    #[test]
    fn the_youngest_look_that_is_old_enough_is_compared_with() {
        let (history, start, window) = (History::default(), Instant::now(), Duration::from_secs(900));
        let at = |minute: u64, run: &str, hits: i64| {
            let seen = history.compare(start + Duration::from_secs(60 * minute), &look(run, hits), window);
            seen.map(|(info, age)| (info["stats"]["keyspace_hits"].as_i64().unwrap(), age.as_secs() / 60))
        };
        assert_eq!([at(0, "a", 1), at(5, "a", 2), at(10, "a", 3)], [None, None, None]);
        assert_eq!(at(15, "a", 4), Some((1, 15)));
        assert_eq!(at(21, "a", 5), Some((2, 16)));
        assert_eq!(at(40, "a", 6), Some((5, 19)));
        assert_eq!(at(60, "b", 7), None, "another run of the server");
        assert_eq!(at(80, "b", 6), None, "counters were reset");
        assert_eq!(at(95, "b", 9), Some((6, 15)));
        for minute in 100..1000 {
            at(minute, "b", 10);
        }
        assert!(history.0.lock().unwrap().len() <= 18);
    }
}
