//! The states of an item over time, as a bar.

use crate::model::{Span, State, Timestamp, Transition};
use crate::web::view::look::{Look, look};
use crate::web::view::when::{When, coarse};

/// Further back, the bar would show nothing of today.
const REACH: Span = Span::from_secs(30 * 86_400);
/// Width of the bar in its own units.
pub(in crate::web) const WIDTH: u64 = 1000;
/// A state is seen however short it was.
const LEAST: u64 = 3;

pub(in crate::web) struct Timeline {
    pub(in crate::web) from: When,
    pub(in crate::web) bars: Vec<Bar>,
    /// How much of the time each state held, the longest first.
    pub(in crate::web) shares: Vec<(Look, String)>,
}

/// One state for a while.
pub(in crate::web) struct Bar {
    pub(in crate::web) look: Look,
    pub(in crate::web) x: u64,
    /// A pass lies low, so that the rest stands out to those who do not tell colours apart.
    pub(in crate::web) y: u64,
    pub(in crate::web) width: u64,
    /// For a pointer and for those who do not see it.
    pub(in crate::web) title: String,
}

struct Stretch {
    state: State,
    from: Timestamp,
    until: Timestamp,
}

impl Timeline {
    /// `history`: the newest first. `None` if nothing is known.
    pub(super) fn new(history: &[Transition], now: Timestamp) -> Option<Self> {
        let stretches = stretches(history, now);
        let from = stretches.first()?.from;
        let whole = now.since(from).0.max(1);
        let place = |at: Timestamp| at.since(from).0.saturating_mul(WIDTH) / whole;
        let bars = stretches.iter().map(|stretch| {
            let x = place(stretch.from).min(WIDTH - LEAST);
            Bar {
                look: look(stretch.state),
                x,
                y: if stretch.state == State::Pass { 5 } else { 0 },
                width: place(stretch.until).saturating_sub(x).max(LEAST),
                title: format!(
                    "{} from {} for {}",
                    look(stretch.state).word,
                    When::new(stretch.from, now).text,
                    coarse(stretch.until.since(stretch.from))
                ),
            }
        });
        Some(Self { from: When::new(from, now), bars: bars.collect(), shares: shares(&stretches, whole) })
    }
}

/// From the oldest to now, without gaps.
fn stretches(history: &[Transition], now: Timestamp) -> Vec<Stretch> {
    let begin = now - REACH;
    let mut until = now;
    let mut stretches = Vec::new();
    for transition in history {
        let from = transition.at.max(begin).min(until);
        if until > from {
            stretches.push(Stretch { state: transition.to, from, until });
        }
        until = from;
        if transition.at <= begin {
            break;
        }
    }
    stretches.reverse();
    stretches
}

fn shares(stretches: &[Stretch], whole: u64) -> Vec<(Look, String)> {
    let held = |state: State| {
        let mine = stretches.iter().filter(|stretch| stretch.state == state);
        mine.map(|stretch| stretch.until.since(stretch.from).0).sum::<u64>()
    };
    let mut all: Vec<_> = State::ALL.into_iter().map(|state| (state, held(state))).filter(|(_, n)| *n > 0).collect();
    all.sort_by_key(|(_, held)| std::cmp::Reverse(*held));
    all.into_iter().map(|(state, held)| (look(state), share(held, whole))).collect()
}

/// Never rounded to all or nothing while there is some of it.
fn share(part: u64, whole: u64) -> String {
    let whole = whole.max(1);
    let thousandths = (u128::from(part) * 1000 + u128::from(whole / 2)) / u128::from(whole);
    match thousandths {
        0 => "under 0.1 %".to_owned(),
        1000 if part < whole => "over 99.9 %".to_owned(),
        n if n % 10 == 0 => format!("{} %", n / 10),
        n => format!("{}.{} %", n / 10, n % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, ItemId};

    const NOW: Timestamp = Timestamp(1_795_230_012_000);

    fn became(to: State, minutes: u64) -> Transition {
        Transition {
            item: ItemId::new("a", "b"),
            from: None,
            to,
            reason: None,
            at: NOW - Span::from_secs(60 * minutes),
            cause: Cause::Evaluation,
            root_cause: None,
            sentence: String::new(),
        }
    }

    #[test]
    fn bars_fill_the_time_without_gaps() {
        let history = [became(State::Fail, 25), became(State::Pass, 75), became(State::Unknown, 100)];
        let timeline = Timeline::new(&history, NOW).unwrap();
        let bars: Vec<_> = timeline.bars.iter().map(|bar| (bar.look.class, bar.x, bar.width)).collect();
        assert_eq!(bars, [("unknown", 0, 250), ("pass", 250, 500), ("fail", 750, 250)]);
        assert!(timeline.bars[1].title.starts_with("pass from ") && timeline.bars[1].title.ends_with(" for 50m"));
        assert_eq!(timeline.shares[0], (look(State::Pass), "50 %".to_owned()));
        assert_eq!(timeline.from.relative, "1h 40m ago");
    }

    #[test]
    fn what_is_long_ago_does_not_hide_today() {
        let history = [became(State::Fail, 1), became(State::Pass, 525_600), became(State::Unknown, 999_999)];
        let timeline = Timeline::new(&history, NOW).unwrap();
        assert_eq!(timeline.from.relative, "30d ago");
        let last = timeline.bars.last().unwrap();
        assert_eq!((last.look.class, last.x, last.width), ("fail", WIDTH - LEAST, LEAST));
        let shares: Vec<_> = timeline.shares.iter().map(|(_, share)| share.as_str()).collect();
        assert_eq!(shares, ["over 99.9 %", "under 0.1 %"]);
    }

    #[test]
    fn a_clock_that_went_back_and_an_empty_history_do_no_harm() {
        assert!(Timeline::new(&[], NOW).is_none());
        let later = Transition { at: NOW.plus(Span::from_secs(60)), ..became(State::Fail, 0) };
        let timeline = Timeline::new(&[later, became(State::Pass, 10)], NOW).unwrap();
        assert_eq!(timeline.bars.len(), 1);
        assert!(timeline.bars.iter().all(|bar| bar.x + bar.width <= WIDTH));
    }
}
