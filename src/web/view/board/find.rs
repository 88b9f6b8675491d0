//! The form with which items are looked for, and what is asked for at the moment.

use std::collections::BTreeSet;

use crate::model::{Coverage, Priority, State};
use crate::snapshot::Snapshot;
use crate::web::filter::{Filter, Setup};
use crate::web::view::Links;
use crate::web::view::look::look;

/// More teams or sections than this make a list that nobody reads through, and a long page.
const OPTION_LIMIT: usize = 300;
/// Fields of the form; what else is asked for goes along unseen.
const FIELDS: [&str; 8] = ["state", "priority", "mode", "setup", "checklist", "section", "team", "q"];

pub(in crate::web) struct Find {
    pub(in crate::web) selects: Vec<Select>,
    pub(in crate::web) q: String,
    pub(in crate::web) hidden: Vec<(&'static str, String)>,
    /// What is asked for, each with the address that asks for it no more.
    pub(in crate::web) asked: Vec<Asked>,
    /// The board without any filter.
    pub(in crate::web) clear: String,
}

pub(in crate::web) struct Select {
    pub(in crate::web) key: &'static str,
    pub(in crate::web) label: &'static str,
    pub(in crate::web) options: Vec<Choice>,
}

pub(in crate::web) struct Choice {
    pub(in crate::web) value: String,
    pub(in crate::web) text: String,
    pub(in crate::web) chosen: bool,
}

pub(in crate::web) struct Asked {
    pub(in crate::web) name: &'static str,
    pub(in crate::web) words: String,
    pub(in crate::web) without: String,
}

impl Find {
    pub(super) fn new(snapshot: &Snapshot, filter: &Filter, links: &Links) -> Self {
        let parts = filter.parts();
        let chosen = |key: &str| parts.iter().find(|part| part.key == key);
        let select = |key, label, known: Vec<(&str, &str)>| {
            let now = chosen(key);
            let choice = |(value, text): (&str, &str)| Choice {
                value: value.to_owned(),
                text: text.to_owned(),
                chosen: now.is_some_and(|part| part.value == value),
            };
            let mut options: Vec<Choice> = known.into_iter().map(choice).collect();
            // Several values at once, or one that the catalogue does not have: the form must not lose it.
            if let Some(part) = now.filter(|_| !options.iter().any(|option| option.chosen)) {
                options.push(Choice { value: part.value.clone(), text: part.words.clone(), chosen: true });
            }
            Select { key, label, options }
        };
        let checklists = snapshot.plan.checklists.iter().map(|c| (c.id.as_str(), &*c.title)).collect();
        let same = |name: &'static str| (name, name);
        let selects = vec![
            select("state", "State", State::ALL.map(|s| (s.as_str(), look(s).word)).to_vec()),
            select("priority", "Priority", Priority::ALL.map(|p| same(p.as_str())).to_vec()),
            select("mode", "Mode", Coverage::ALL.map(|c| same(c.as_str())).to_vec()),
            select("setup", "Set-up", Setup::ALL.map(|s| same(s.as_str())).to_vec()),
            select("checklist", "Checklist", checklists),
            select("section", "Section", sections(snapshot, filter)),
            select("team", "Team", teams(snapshot)),
        ];
        let asked = parts.iter().filter(|part| part.key != "refresh").map(|part| Asked {
            name: part.name(),
            words: part.words.clone(),
            without: filter.without(part.key).address(links),
        });
        Self {
            selects: selects.into_iter().filter(|select| !select.options.is_empty()).collect(),
            q: filter.q.clone(),
            hidden: parts.iter().filter(|p| !FIELDS.contains(&p.key)).map(|p| (p.key, p.value.clone())).collect(),
            asked: asked.collect(),
            clear: Filter { refresh: filter.refresh, ..Filter::default() }.address(links),
        }
    }
}

/// Those of the checklist asked for, each path once.
fn sections<'a>(snapshot: &'a Snapshot, filter: &Filter) -> Vec<(&'a str, &'a str)> {
    let asked = |id: &str| filter.checklist.is_empty() || filter.checklist == id;
    let all = snapshot.plan.checklists.iter().filter(|c| asked(c.id.as_str())).flat_map(|c| &c.sections);
    let mut seen = BTreeSet::new();
    all.map(|section| {
        (section.path.as_str(), if section.title.is_empty() { section.path.as_str() } else { &section.title })
    })
    .filter(|(path, _)| seen.insert(*path))
    .take(OPTION_LIMIT)
    .collect()
}

fn teams(snapshot: &Snapshot) -> Vec<(&str, &str)> {
    let teams: BTreeSet<&str> = snapshot.plan.items.iter().map(|item| &*item.team).collect();
    teams.into_iter().filter(|team| !team.is_empty()).take(OPTION_LIMIT).map(|team| (team, team)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::fixture;

    fn find(query: &str) -> Find {
        Find::new(&fixture::snapshot(), &Filter::parse(query).unwrap(), &Links::default())
    }

    /// What a browser sends when the form is sent as it is.
    fn sent(find: &Find) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for select in &find.selects {
            let chosen = select.options.iter().find(|option| option.chosen);
            query.append_pair(select.key, chosen.map_or("", |option| &option.value));
        }
        query.extend_pairs(&find.hidden);
        query.append_pair("q", &find.q);
        query.finish()
    }

    #[test]
    fn sending_the_form_as_it_is_changes_nothing() {
        for query in [
            "",
            "state=fail,stale&priority=low&mode=auto,derived&reason=refused&regressed=1&refresh=30",
            "checklist=nobody&section=not.there&team=%3Cb%3E&gate=a/b&setup=complete&q=x+%22y%22",
        ] {
            let filter = Filter::parse(query).unwrap();
            assert_eq!(Filter::parse(&sent(&find(query))).unwrap(), filter, "{query}");
        }
    }

    #[test]
    fn each_part_can_be_taken_back() {
        let find = find("state=fail,stale&team=a%26b&q=x&refresh=30");
        let asked: Vec<_> = find.asked.iter().map(|asked| (asked.name, asked.words.as_str())).collect();
        assert_eq!(asked, [("state", "fail or stale"), ("team", "a&b"), ("words", "“x”")]);
        assert_eq!(find.asked[1].without, "/?state=fail,stale&q=x&refresh=30");
        assert_eq!(find.clear, "/?refresh=30");
    }

    #[test]
    fn sections_are_those_of_the_checklist() {
        let count = |query| find(query).selects.iter().find(|s| s.key == "section").unwrap().options.len();
        assert!(count("checklist=self") < count(""));
    }
}
