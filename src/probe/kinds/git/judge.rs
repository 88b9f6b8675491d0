//! What the facts mean. What is certainly wrong is told before what is unclear.

use std::collections::BTreeSet;

use super::Git;
use super::facts::{Facts, Pushed, Seen};
use super::files::Wanted;
use crate::model::{Proof, Reason, Verdict};

/// Places and names a sentence lists.
const NAMED: usize = 5;

pub(super) fn judge(leg: &Git, facts: &Facts) -> Verdict {
    let at = &leg.r#ref;
    let Some(commit) = &facts.commit else {
        let sentence = format!("expected the ref {at}");
        return match facts.incomplete.get("commit") {
            Some(why) => Verdict::indeterminate(Reason::TooLarge, format!("{sentence}, and {why}")),
            None => Verdict::fail(Reason::Missing, format!("{sentence}, saw a repository without it")),
        };
    };
    let short = commit.get(..12).unwrap_or(commit);
    let mut proof = Proof::of("ref", at, short);
    if let Some(verdict) = files(leg, facts).or_else(|| searches(leg, facts)).or_else(|| changes(leg, facts)) {
        return verdict;
    }
    if let Some(folder) = leg.documents.as_ref().filter(|_| facts.documents.is_empty()) {
        let sentence = format!("expected documents in the folder {folder}, saw none at commit {short}");
        return Verdict::fail(Reason::Missing, sentence);
    }
    let mut unclear = None;
    for wanted in &leg.history {
        let change = facts.history.get(&wanted.name);
        let age = change.and_then(|change| change.age_s);
        let Some(max_age_s) = wanted.max_age_s else { continue };
        let expected = format!("a change of {} in the last {max_age_s} s", wanted.name);
        match age {
            Some(age) if age < 0.0 => {
                let sentence = format!("expected {expected}, saw one that lies {:.0} s ahead", -age);
                return Verdict::fail(Reason::Invalid, sentence);
            }
            // Where the history was cut off the change may be older, never newer.
            Some(age) if age > f64::from(max_age_s) => {
                return Verdict::fail(Reason::TooOld, format!("expected {expected}, saw the last one {age:.0} s ago"));
            }
            _ if change.is_some_and(|change| change.cut) => {
                let sentence = format!("expected {expected}, and the history that was fetched ends before it");
                unclear.get_or_insert(Verdict::indeterminate(Reason::NoData, sentence));
            }
            Some(age) => proof = proof.and("age", format!("<= {max_age_s} s"), format!("{age:.0} s")),
            None => return Verdict::fail(Reason::Missing, format!("expected {expected}, saw none at all")),
        }
    }
    if let Some(verdict) = unclear.or_else(|| cut_search(leg, facts)) {
        return verdict;
    }
    if leg.push.is_some() {
        match pushed(facts.pushed.as_ref()) {
            Ok(branch) => proof = proof.and("push", "seen on the server and removed again", branch),
            Err(verdict) => return verdict,
        }
    }
    for seen in &facts.files {
        proof = proof.and("file", "as described", format!("{} ({} bytes)", seen.path, seen.size_bytes));
    }
    if let Some(folder) = &leg.documents {
        proof = proof.and("documents", folder, facts.documents.len().to_string());
    }
    for (name, changed) in &facts.churn {
        let (added, removed) = (changed.added, changed.removed);
        proof = proof.and("changed", name, format!("{added} lines added, {removed} removed of {}", changed.lines));
    }
    if leg.releases.is_some() {
        proof = proof.and("releases", "a change or a review before each", facts.releases.len().to_string());
    }
    for (name, found) in &facts.search {
        proof = proof.and("search", name, format!("{} lines", found.count));
    }
    let (files, searches, histories) = (facts.files.len(), facts.search.len(), facts.history.len());
    let sentence = format!(
        "expected {at} as described, saw commit {short} with {files} files, {searches} searches and {histories} histories as they must be"
    );
    Verdict::pass(proof, sentence)
}

fn files(leg: &Git, facts: &Facts) -> Option<Verdict> {
    for (wanted, seen) in leg.files.iter().zip(&facts.files) {
        let path = &seen.path;
        if wanted.absent == seen.exists {
            let (expected, saw) =
                if wanted.absent { ("no file", "that it is there") } else { ("a file", "that it is not there") };
            return Some(Verdict::fail(Reason::Missing, format!("expected {expected} {path}, saw {saw}"))).map(
                |verdict| {
                    if wanted.absent {
                        Verdict::fail(Reason::Assertion, verdict.sentence().to_owned())
                    } else {
                        verdict
                    }
                },
            );
        }
        if let Some(expected) = wanted.sha256.as_ref().filter(|expected| !expected.eq_ignore_ascii_case(&seen.sha256)) {
            let sentence = format!("expected {path} with the SHA-256 {expected}, saw {}", seen.sha256);
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
        if let Some(why) = &seen.unreadable {
            return Some(Verdict::fail(Reason::Invalid, format!("expected values in {path}, but {why}")));
        }
        if let Some(lacking) = seen.lacking.first().and_then(|&at| wanted.contains.get(at)) {
            let sentence = format!("expected {path} to hold what matches {lacking}, saw nothing that does");
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
        if let Some(first) = seen.forbidden.first() {
            let sentence = format!(
                "expected no line of {path} that matches forbidden pattern {}, saw one: line {}",
                first.pattern + 1,
                first.line
            );
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
        if let Some(name) = wanted.extract.keys().find(|name| !seen.found.contains_key(*name)) {
            let sentence = format!("expected {path} to say its {name}, saw nothing that matches");
            return Some(Verdict::fail(Reason::Missing, sentence));
        }
        if let Some(verdict) = document(wanted, seen) {
            return Some(verdict);
        }
        if !seen.broken_links.is_empty() {
            let named = seen.broken_links.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let count = seen.broken_links.len();
            let more = if seen.more_links { "more than " } else { "" };
            let sentence =
                format!("expected links of {path} that lead to files, saw {more}{count} that do not: {named}");
            return Some(Verdict::fail(Reason::Missing, sentence));
        }
    }
    None
}

/// What a document mentions, and its sections.
fn document(wanted: &Wanted, seen: &Seen) -> Option<Verdict> {
    let path = &seen.path;
    for (sections, found) in wanted.sections.iter().zip(&seen.sections) {
        if let Some(heading) = found.absent.first().and_then(|&at| sections.headings.get(at)) {
            let sentence = format!("expected {path} to have a section {heading}, saw no such heading");
            return Some(Verdict::fail(Reason::Missing, sentence));
        }
        if found.count < sections.at_least {
            let (least, count) = (sections.at_least, found.count);
            let named = sections.headings.join(", ");
            let sentence = format!("expected {path} to have at least {least} sections {named}, saw {count}");
            return Some(Verdict::fail(Reason::TooFew, sentence));
        }
        if !found.lacking.is_empty() {
            let named = found.lacking.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join("; ");
            let sentence = format!("expected sections of {path} that hold what they must, saw that {named}");
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
    }
    for (name, collect) in &wanted.collect {
        let count = seen.collected.get(name).map_or(0, BTreeSet::len);
        if count < collect.at_least {
            let sentence = format!("expected {path} to name at least {} {name}, saw {count}", collect.at_least);
            return Some(Verdict::fail(Reason::TooFew, sentence));
        }
    }
    if !seen.missing_paths.is_empty() {
        let named = seen.missing_paths.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let count = seen.missing_paths.len();
        let sentence = format!("expected paths of {path} that lead to files, saw {count} that do not: {named}");
        return Some(Verdict::fail(Reason::Missing, sentence));
    }
    None
}

/// What has changed since others have looked.
fn changes(leg: &Git, facts: &Facts) -> Option<Verdict> {
    for (wanted, changed) in leg.churn.iter().filter_map(|wanted| Some((wanted, facts.churn.get(&wanted.name)?))) {
        let name = &wanted.name;
        if let Some(foreign) = changed.foreign.first() {
            let sentence =
                format!("expected changes of {name} since commits of the history, saw {foreign}, which is none");
            return Some(match changed.cut {
                true => Verdict::indeterminate(Reason::NoData, format!("{sentence} of the {} fetched", leg.depth)),
                false => Verdict::fail(Reason::Missing, sentence),
            });
        }
        let Some(max) = wanted.max_ratio else { continue };
        let (lines, added, removed) = (changed.lines, changed.added, changed.removed);
        let expected = format!("expected at most {}% of {name} to have changed", max * 100.0);
        let Some(ratio) = changed.ratio else {
            let sentence = format!("{expected}, saw that there was nothing of it");
            return Some(Verdict::fail(Reason::Missing, sentence));
        };
        if ratio > max {
            let sentence = format!("{expected}, saw {added} lines added and {removed} removed of {lines}");
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
    }
    leg.releases.as_ref()?;
    if let Some(release) = facts.releases.iter().find(|release| release.changes == 0 && release.reviews == 0) {
        let sentence = format!(
            "expected a change or a review before each release, saw none between {} and {}",
            release.before, release.tag
        );
        return Some(match facts.incomplete.get("releases") {
            Some(why) => Verdict::indeterminate(Reason::NoData, format!("{sentence}, but {why}")),
            None => Verdict::fail(Reason::Missing, sentence),
        });
    }
    // Where the history ends early, what a release began with looks like a change.
    if let Some(why) = facts.incomplete.get("releases").filter(|_| facts.releases.iter().any(|one| one.changes > 0)) {
        let sentence = format!("expected to see what changed before each release, but {why}");
        return Some(Verdict::indeterminate(Reason::NoData, sentence));
    }
    // The first release has none before it, so that there is nothing to hold it against.
    let sentence = "expected a change or a review before each release, saw no release that follows another";
    facts.releases.is_empty().then(|| Verdict::indeterminate(Reason::NoData, sentence))
}

fn searches(leg: &Git, facts: &Facts) -> Option<Verdict> {
    for wanted in &leg.search {
        let found = facts.search.get(&wanted.name)?;
        let (name, count) = (&wanted.name, found.count);
        if let Some(most) = wanted.at_most.filter(|&most| count > most) {
            let places = found.places.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let sentence = format!("expected at most {most} lines that match {name}, saw {count}: {places}");
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
        if count < wanted.at_least && !found.more {
            let sentence = format!("expected at least {} lines that match {name}, saw {count}", wanted.at_least);
            return Some(Verdict::fail(Reason::TooFew, sentence));
        }
        if !found.alone.is_empty() && !found.more {
            let places = found.alone.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let sentence =
                format!("expected each line that matches {name} to be followed by its like, saw {places} alone");
            return Some(Verdict::fail(Reason::Assertion, sentence));
        }
        if let (Some(max), Some(oldest)) = (wanted.max_age_s, found.oldest_s)
            && oldest > f64::from(max)
        {
            let sentence = format!("expected lines that match {name} for at most {max} s, saw one for {oldest:.0} s");
            return Some(Verdict::fail(Reason::TooOld, sentence));
        }
    }
    None
}

/// A search that was cut off and is judged proves nothing but what it has seen.
fn cut_search(leg: &Git, facts: &Facts) -> Option<Verdict> {
    let wanted = leg.search.iter().find(|wanted| {
        let more = facts.search.get(&wanted.name).is_some_and(|found| found.more);
        let judged = wanted.followed_by.is_some() || wanted.max_age_s.is_some();
        more && (judged || wanted.at_most.is_some() || wanted.at_least > 0)
    })?;
    let sentence = format!("the output of the search {} was cut off, so it cannot be judged", wanted.name);
    Some(Verdict::indeterminate(Reason::TooLarge, sentence))
}

/// The branch, if it came and went.
fn pushed(seen: Option<&Pushed>) -> Result<String, Verdict> {
    let Some(seen) = seen else {
        return Err(Verdict::indeterminate(Reason::NoData, "expected a branch to be pushed, and none was"));
    };
    let branch = &seen.branch;
    let (commit, listed) = (&seen.commit, seen.listed.as_ref());
    let left = seen.kept.as_ref().map(|why| format!("; it may be left behind: {why}")).unwrap_or_default();
    if let Some(why) = &seen.refused {
        let sentence = format!("expected the server to take the branch {branch}, saw it refused: {why}{left}");
        return Err(Verdict::fail(Reason::Assertion, sentence));
    }
    match listed {
        None => {
            let sentence =
                format!("expected the server to list the pushed branch {branch}, saw that it does not{left}");
            Err(Verdict::fail(Reason::Missing, sentence))
        }
        Some(other) if other != commit => {
            let sentence = format!("expected {branch} to be at {commit}, saw it at {other}{left}");
            Err(Verdict::fail(Reason::Assertion, sentence))
        }
        Some(_) if seen.removed => Ok(branch.clone()),
        Some(_) => {
            let why = seen.kept.as_deref().unwrap_or("it is not known why");
            let sentence = format!("expected the pushed branch {branch} to be removed again, and it was not: {why}");
            Err(match seen.refuses_removal {
                true => Verdict::fail(Reason::Assertion, sentence),
                false => Verdict::indeterminate(Reason::Other, sentence),
            })
        }
    }
}
