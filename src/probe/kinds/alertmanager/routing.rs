//! The configuration: which receivers an alert with some labels reaches. Of a receiver only its name
//! and its integrations are kept; everything else in it may be secret.

use crate::probe::kinds::http::api::Inside;
use serde_json::Value;

use super::facts::{Reached, Receiver};
use super::matcher::{self, Labels, Matcher};

/// Routes are read so deep.
const MAX_DEPTH: usize = 50;

pub(super) struct Config {
    pub(super) receivers: Vec<Receiver>,
    root: Route,
}

struct Route {
    receiver: String,
    matchers: Vec<Matcher>,
    goes_on: bool,
    /// Names of time intervals outside or inside of which it is silent.
    intervals: Vec<String>,
    routes: Vec<Route>,
}

impl Config {
    pub(super) fn read(yaml: &str) -> Result<Self, String> {
        let config: Value = serde_saphyr::from_str(yaml).map_err(|_| "it is not YAML".to_owned())?;
        let root = route(config.at("route"), "", 0)?;
        if root.receiver.is_empty() {
            return Err("it has no route with a receiver".to_owned());
        }
        let mut receivers: Vec<Receiver> = items(config.at("receivers")).iter().map(receiver).collect();
        for receiver in &mut receivers {
            receiver.used = root.uses(&receiver.name);
        }
        Ok(Self { receivers, root })
    }

    /// Every receiver that an alert with these labels is sent to.
    pub(super) fn reached(&self, labels: &Labels) -> Vec<Reached> {
        let mut routes = Vec::new();
        self.root.reached(labels, &mut routes);
        let integrations = |name: &str| {
            let found = self.receivers.iter().find(|receiver| receiver.name == name);
            found.map(|receiver| receiver.integrations.clone()).unwrap_or_default()
        };
        let reached = |route: &&Route| Reached {
            receiver: route.receiver.clone(),
            integrations: integrations(&route.receiver),
            intervals: route.intervals.clone(),
        };
        routes.iter().map(reached).collect()
    }
}

impl Route {
    /// As Alertmanager does: the first child that fits, and the next ones while they `continue`; the
    /// route itself if none fits.
    fn reached<'a>(&'a self, labels: &Labels, found: &mut Vec<&'a Route>) {
        let before = found.len();
        for route in &self.routes {
            if route.matchers.iter().all(|matcher| matcher.fits_in(labels)) {
                route.reached(labels, found);
                if !route.goes_on {
                    break;
                }
            }
        }
        if found.len() == before {
            found.push(self);
        }
    }

    fn uses(&self, receiver: &str) -> bool {
        self.receiver == receiver || self.routes.iter().any(|route| route.uses(receiver))
    }
}

fn route(json: &Value, inherited: &str, depth: usize) -> Result<Route, String> {
    if depth > MAX_DEPTH {
        return Err("its routes are nested too deep".to_owned());
    }
    let own = text(json.at("receiver"));
    let receiver = if own.is_empty() { inherited.to_owned() } else { own };
    let mut matchers = Vec::new();
    for line in items(json.at("matchers")) {
        matchers.extend(matcher::parse(&text(line))?);
    }
    for (key, is_regex) in [("match", false), ("match_re", true)] {
        for (name, value) in json.at(key).as_object().into_iter().flatten() {
            matchers.push(Matcher::new(name, &text(value), is_regex, true)?);
        }
    }
    let intervals = ["mute_time_intervals", "active_time_intervals"];
    let intervals = intervals.iter().flat_map(|key| items(json.at(key))).map(text).collect();
    let routes = items(json.at("routes")).iter().map(|json| route(json, &receiver, depth + 1));
    let routes = routes.collect::<Result<_, _>>()?;
    Ok(Route { receiver, matchers, goes_on: json.at("continue").as_bool() == Some(true), intervals, routes })
}

/// `pagerduty` of `pagerduty_configs`, if there is one.
fn receiver(json: &Value) -> Receiver {
    let fields = json.as_object().into_iter().flatten();
    let integration = |(key, list): (&String, &Value)| {
        let name = key.strip_suffix("_configs").filter(|_| !items(list).is_empty())?;
        Some(name.to_owned())
    };
    Receiver { name: text(json.at("name")), integrations: fields.filter_map(integration).collect(), used: false }
}

fn items(json: &Value) -> &[Value] {
    json.as_array().map_or(&[], Vec::as_slice)
}

/// Scalars of YAML are texts to Alertmanager, whatever they look like.
fn text(json: &Value) -> String {
    match json {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => json.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"
route:
  receiver: mail
  routes:
  - receiver: audit
    matchers: [ 'severity=~"critical|page"' ]
    continue: true
  - matchers: [ severity="critical" ]
    receiver: on-call
    routes:
    - match: { team: 7 }
      receiver: team-7
    - match_re: { team: "a|b" }
      active_time_intervals: [ office ]
  - match: { severity: none }
    receiver: nobody
receivers:
- name: mail
  email_configs: [ { to: a@example.org } ]
- name: audit
  webhook_configs: [ { url: <secret> } ]
- name: on-call
  pagerduty_configs: [ { routing_key: <secret> } ]
  slack_configs: []
- name: team-7
- name: nobody
- name: unused
  slack_configs: [ { api_url: <secret> } ]
"#;

    fn reached(pairs: &[(&str, &str)]) -> Vec<String> {
        let labels = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::read(CONFIG).unwrap().reached(&labels).into_iter().map(|reached| reached.receiver).collect()
    }

    #[test]
    fn alerts_go_where_alertmanager_sends_them() {
        assert_eq!(reached(&[("severity", "critical")]), ["audit", "on-call"]);
        assert_eq!(reached(&[("severity", "page")]), ["audit"]);
        assert_eq!(reached(&[("severity", "critical"), ("team", "7")]), ["audit", "team-7"]);
        assert_eq!(reached(&[("severity", "critical"), ("team", "b")]), ["audit", "on-call"]);
        assert_eq!(reached(&[("severity", "none")]), ["nobody"]);
        assert_eq!(reached(&[]), ["mail"]);
    }

    #[test]
    fn of_receivers_only_names_and_integrations_are_kept() {
        let config = Config::read(CONFIG).unwrap();
        let seen: Vec<(&str, String, bool)> = config
            .receivers
            .iter()
            .map(|receiver| (receiver.name.as_str(), receiver.integrations.join(" "), receiver.used))
            .collect();
        assert_eq!(seen[2], ("on-call", "pagerduty".to_owned(), true));
        assert_eq!(seen[5], ("unused", "slack".to_owned(), false));
    }

    #[test]
    fn what_is_no_configuration_is_said() {
        for (yaml, part) in [
            ("", "no route"),
            ("[", "not YAML"),
            ("route: {}", "no route"),
            ("route: { receiver: a, routes: [ { matchers: [ x ] } ] }", "no matcher"),
        ] {
            let error = Config::read(yaml).map(|_| ()).unwrap_err();
            assert!(error.contains(part), "{yaml}: {error}");
        }
    }
}
