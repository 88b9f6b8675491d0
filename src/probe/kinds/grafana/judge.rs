//! What the facts mean. What is certainly wrong is told before what is unclear.

use super::facts::{Facts, Panel, Seen, State};
use super::{Dashboard, Grafana, Panels, committed, logins};
use crate::model::{Outcome, Proof, Reason, Verdict};

/// Panels a sentence names.
const NAMED: usize = 3;

pub(super) fn judge(leg: &Grafana, facts: &Facts) -> Verdict {
    if !leg.pairs.is_empty() {
        return logins::judge(&leg.pairs, facts);
    }
    if facts.database != "ok" {
        let sentence = format!("expected Grafana with the database ok, saw it {}", facts.database);
        return Verdict::fail(Reason::Assertion, sentence);
    }
    let mut proof = Proof::of("database", "ok", facts.database.clone());
    let mut seen = vec!["the database ok".to_owned()];
    let mut unclear = None;
    let of_dashboards = leg.dashboards.iter().zip(&facts.dashboards).flat_map(|(wanted, seen)| {
        let panels = leg.panels.iter().filter(|_| seen.found).map(|panels| panelled(panels, seen));
        std::iter::once(present(leg, wanted, seen)).chain(panels)
    });
    let committed = leg.committed.iter().map(|_| committed::judge(&facts.committed));
    for found in entrance(leg, facts).into_iter().chain(of_dashboards).chain(committed).chain(sources(leg, facts)) {
        match found {
            Ok((name, expected, saw)) => {
                seen.push(format!("{name} {saw}"));
                proof = proof.and(name, expected, saw);
            }
            Err(verdict) if verdict.outcome() == Outcome::Fail => return verdict,
            Err(verdict) => {
                unclear.get_or_insert(verdict);
            }
        }
    }
    let (with_data, all) = counts(facts.dashboards.iter().flat_map(|seen| &seen.panels));
    let measured = |verdict: Verdict| match &leg.panels {
        Some(panels) if all > 0 => {
            verdict.measured("panels_with_data_ratio", f64::from(with_data) / f64::from(all), Some(panels.min_ratio))
        }
        _ => verdict,
    };
    let pass = || Verdict::pass(proof, format!("expected Grafana to be as described, saw {}", seen.join("; ")));
    measured(unclear.unwrap_or_else(pass))
}

/// (name, expected, seen), or what is not as expected.
pub(super) type Found = Result<(&'static str, String, String), Verdict>;

fn entrance(leg: &Grafana, facts: &Facts) -> Vec<Found> {
    let page = facts.login_page.filter(|_| leg.login_page).map(|status| {
        let wrong = || Verdict::fail(Reason::Status, format!("expected the login page with 200, saw {status}"));
        if status == 200 { Ok(("login page", "200".to_owned(), "200".to_owned())) } else { Err(wrong()) }
    });
    let who = facts.organisation.as_ref().map(|name| Ok(("organisation", "one".to_owned(), name.clone())));
    page.into_iter().chain(who).collect()
}

fn present(leg: &Grafana, wanted: &Dashboard, seen: &Seen) -> Found {
    let uid = &wanted.uid;
    let called = wanted.title.as_ref().map(|title| format!(" ({title})")).unwrap_or_default();
    if !seen.found {
        return Err(Verdict::fail(Reason::Missing, format!("expected the dashboard {uid}{called}, saw none with it")));
    }
    let wrong = |text: String| Err(Verdict::fail(Reason::Assertion, text));
    if let Some(title) = wanted.title.as_ref().filter(|title| **title != seen.title) {
        return wrong(format!("expected the dashboard {uid} to be called {title}, saw {}", seen.title));
    }
    if let Some(folder) = leg.folder.as_ref().filter(|folder| **folder != seen.folder) {
        return wrong(format!("expected the dashboard {uid} in the folder {folder}, saw it in {}", seen.folder));
    }
    if let (Some(team), Some(false)) = (&leg.team, seen.team_may_view) {
        return wrong(format!("expected the team {team} to be allowed to view {uid}, saw permissions without it"));
    }
    Ok(("dashboard", uid.clone(), uid.clone()))
}

fn panelled(wanted: &Panels, seen: &Seen) -> Found {
    let (with_data, all) = counts(seen.panels.iter());
    let share = if wanted.min_ratio >= 1.0 { "all".to_owned() } else { format!("{:.0} %", wanted.min_ratio * 100.0) };
    let fresh = wanted.max_age_s.map(|age| format!(" not older than {age} s")).unwrap_or_default();
    let expected = format!("{share} panels of {} with data{fresh}", seen.uid);
    if seen.too_many {
        let sentence = format!("expected {expected}, saw more than {} panels", wanted.max_panels);
        return Err(Verdict::indeterminate(Reason::TooLarge, sentence));
    }
    if all == 0 {
        return Err(Verdict::fail(Reason::NoData, format!("expected {expected}, saw no panel with a query")));
    }
    let of = |fits: fn(State) -> bool| seen.panels.iter().filter(move |panel| fits(panel.state));
    let errors = u32::try_from(of(|state| state == State::Error).count()).unwrap_or(u32::MAX);
    if let Some(most) = wanted.max_errors.filter(|most| errors > *most) {
        let told = told(of(|state| state == State::Error));
        let sentence = format!("expected at most {most} panels of {} with an error, saw {errors}: {told}", seen.uid);
        return Err(Verdict::fail(Reason::Query, sentence));
    }
    let unclear = u32::try_from(of(State::is_unclear).count()).unwrap_or(u32::MAX);
    let reaches = |count: u32| f64::from(count) >= wanted.min_ratio * f64::from(all);
    if reaches(with_data) {
        return Ok(("panels", expected, format!("{with_data} of {all} of {} with data", seen.uid)));
    }
    let told = told(of(|state| state != State::Data));
    let sentence = format!("expected {expected}, saw {with_data} of {all}: {told}");
    if reaches(with_data.saturating_add(unclear)) {
        return Err(Verdict::indeterminate(Reason::NoData, sentence));
    }
    Err(Verdict::fail(Reason::Assertion, sentence))
}

fn counts<'a>(panels: impl Iterator<Item = &'a Panel>) -> (u32, u32) {
    panels.fold((0, 0), |(with_data, all): (u32, u32), panel| {
        (with_data.saturating_add(u32::from(panel.state == State::Data)), all.saturating_add(1))
    })
}

fn told<'a>(panels: impl Iterator<Item = &'a Panel>) -> String {
    let one = |panel: &Panel| {
        let state = match (panel.state, panel.newest_age_s) {
            (State::Stale, Some(age)) => format!("{age:.0} s old"),
            (State::Stale, None) => "stale".to_owned(),
            (State::Data, _) => "data".to_owned(),
            (State::Unreadable, _) => "not readable".to_owned(),
            (State::Undated, _) => "without times".to_owned(),
            (State::Empty, _) => "empty".to_owned(),
            (State::Error, _) => "an error".to_owned(),
        };
        let message = if panel.message.is_empty() { String::new() } else { format!(" ({})", panel.message) };
        format!("{} {state}{message}", panel.title)
    };
    let all: Vec<String> = panels.map(one).collect();
    let more = if all.len() > NAMED { " and others" } else { "" };
    format!("{}{more}", all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "))
}

fn sources(leg: &Grafana, facts: &Facts) -> Vec<Found> {
    if leg.datasources.is_empty() {
        return Vec::new();
    }
    let defaults: Vec<&str> =
        facts.datasources.iter().filter(|source| source.is_default).map(|source| source.name.as_str()).collect();
    let mut all = vec![match defaults.as_slice() {
        [one] => Ok(("default source", "one".to_owned(), (*one).to_owned())),
        others => {
            let seen = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
            Err(Verdict::fail(Reason::Assertion, format!("expected one default data source, saw {seen}")))
        }
    }];
    for name in &leg.datasources {
        let found = facts.datasources.iter().find(|source| source.name == *name);
        let expected = format!("the data source {name} healthy");
        all.push(match found.map(|source| (source.healthy, source.message.as_str())) {
            None => {
                let others: Vec<&str> = facts.datasources.iter().map(|source| source.name.as_str()).collect();
                let sentence = format!("expected the data source {name}, saw {}", others.join(", "));
                Err(Verdict::fail(Reason::Missing, sentence))
            }
            Some((Some(true), message)) => Ok(("source", expected, format!("{name}: {message}"))),
            Some((Some(false), message)) => {
                Err(Verdict::fail(Reason::Assertion, format!("expected {expected}, saw {message}")))
            }
            Some((None, message)) => {
                Err(Verdict::indeterminate(Reason::NoData, format!("expected {expected}, but {message}")))
            }
        });
    }
    all
}
