//! Data sources: which one a query means, and whether it works.

use serde_json::{Value, json};

use super::facts::Source;
use super::variables::Variables;
use crate::model::Reason;
use crate::probe::ProbeError;
use crate::probe::kinds::http::api::{Api, Inside, Reply, Who};

pub(super) struct Sources(pub(super) Vec<Source>);

/// What a query is asked of.
#[derive(Debug, PartialEq)]
pub(super) enum Meant {
    /// `datasource` and `datasourceId` of a request.
    Source(Value, i64),
    /// Each query of the panel says it.
    Mixed,
    /// Calculated by Grafana from other queries of the panel.
    Expression,
    /// Of Grafana itself, or of another panel: no query is sent.
    Internal,
    /// There is no such source.
    Nothing(String),
}

impl Sources {
    /// Those that the one who asks may use. A viewer may ask for them in this way only.
    pub(super) async fn ask(api: &Api<'_>) -> Result<Self, ProbeError> {
        let settings = api.get("api/frontend/settings", Who::Target).await?.into_json()?;
        let Some(all) = settings.at("datasources").as_object() else {
            let text = "expected the settings of Grafana, saw JSON without `datasources`";
            return Err(ProbeError::target(Reason::Protocol, text));
        };
        // Those of Grafana itself have no number.
        let own = all.iter().filter(|(_, source)| source.at("id").as_i64().is_some_and(|id| id > 0));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let source = |(name, source): (&String, &Value)| Source {
            name: name.clone(),
            uid: text(source.at("uid")),
            kind: text(source.at("type")),
            id: source.at("id").as_i64().unwrap_or_default(),
            is_default: source.at("isDefault").as_bool() == Some(true),
            ..Source::default()
        };
        Ok(Self(own.map(source).collect()))
    }

    /// Written as nothing, a name, a variable, or `{ type, uid }`.
    pub(super) fn meant(&self, reference: &Value, variables: &Variables) -> Meant {
        let (written, kind) = match reference {
            Value::Object(fields) => {
                let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
                (text("uid"), text("type"))
            }
            Value::String(name) => (name.as_str(), ""),
            _ => ("", ""),
        };
        let name = variables.fill_text(written);
        match name.as_str() {
            "-- Mixed --" => return Meant::Mixed,
            "__expr__" | "-100" => return Meant::Expression,
            "-- Grafana --" | "-- Dashboard --" | "grafana" => return Meant::Internal,
            _ => {}
        }
        let of_kind = |source: &&Source| kind.is_empty() || source.kind == kind;
        let found = if name.is_empty() || name == "default" {
            let mut defaults = self.0.iter().filter(|source| source.is_default);
            defaults.find(of_kind).or_else(|| self.0.iter().find(|source| !kind.is_empty() && of_kind(source)))
        } else {
            self.0.iter().find(|source| source.uid == name).or_else(|| self.0.iter().find(|source| source.name == name))
        };
        match found {
            Some(source) => Meant::Source(json!({ "type": source.kind, "uid": source.uid }), source.id),
            None if name.is_empty() => Meant::Nothing("there is no default data source".to_owned()),
            None => Meant::Nothing(format!("there is no data source `{name}`")),
        }
    }
}

impl Source {
    /// As its health check says; where the version or the source has none, by a query.
    pub(super) async fn ask_health(&mut self, api: &Api<'_>) -> Result<(), ProbeError> {
        let mut ways = Vec::new();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !self.uid.is_empty() && self.uid.chars().all(plain) {
            ways.push(format!("api/datasources/uid/{}/health", self.uid));
        }
        ways.push(format!("api/datasources/{}/health", self.id));
        for way in ways {
            let reply = api.get(&way, Who::Target).await?;
            let status = reply.json.as_ref().and_then(|json| json.at("status").as_str());
            match (status, reply.status) {
                (Some(status), _) => {
                    (self.healthy, self.message) = (Some(status.eq_ignore_ascii_case("ok")), reply.message());
                    return Ok(());
                }
                (None, 404) => {}
                (None, 200..300) => {
                    self.message = "its health check answered without a status".to_owned();
                    return Ok(());
                }
                _ => return Err(reply.refusal()),
            }
        }
        if self.kind != "prometheus" {
            self.message = "this version has no health check for it".to_owned();
            return Ok(());
        }
        let reply = api.get(&format!("api/datasources/proxy/{}/api/v1/query?query=up", self.id), Who::Target).await?;
        (self.healthy, self.message) = of_query(&reply)?;
        Ok(())
    }
}

/// Through the proxy of Grafana: what it answers itself is not what the source answers.
fn of_query(reply: &Reply) -> Result<(Option<bool>, String), ProbeError> {
    let answered = reply.json.as_ref().and_then(|json| json.at("status").as_str());
    match (answered, reply.status) {
        (Some("success"), 200) => Ok((Some(true), "answered a query".to_owned())),
        (Some(other), _) => Ok((Some(false), format!("answered a query with {other} {}", reply.message()))),
        (None, 300..=499) if reply.status != 404 => Err(reply.refusal()),
        (None, status) => {
            // A page, or nothing at that place, may be of whoever stands between.
            let healthy = (status >= 500).then_some(false);
            Ok((healthy, format!("a query through it ended with {status} {}", reply.message())))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_reference_is_followed_in_every_form() {
        let source = |name: &str, uid: &str, kind: &str, id: i64, is_default: bool| Source {
            name: name.into(),
            uid: uid.into(),
            kind: kind.into(),
            id,
            is_default,
            ..Source::default()
        };
        let sources = Sources(vec![
            source("Loki", "loki-1", "loki", 2, false),
            source("Prometheus", "prom", "prometheus", 1, true),
        ]);
        let dashboard = json!({"templating": {"list": [
            {"name": "ds", "type": "datasource", "query": "loki", "current": {"value": "Loki"}}]}});
        let variables = Variables::of(&dashboard, 60, &BTreeMap::new());
        let id = |reference: Value| match sources.meant(&reference, &variables) {
            Meant::Source(_, id) => id,
            other => panic!("{other:?}"),
        };
        assert_eq!(id(Value::Null), 1);
        assert_eq!(id(json!("Loki")), 2);
        assert_eq!(id(json!("default")), 1);
        assert_eq!(id(json!("${ds}")), 2);
        assert_eq!(id(json!({"type": "loki", "uid": "loki-1"})), 2);
        assert_eq!(id(json!({"type": "loki"})), 2);
        assert_eq!(id(json!({"type": "loki", "uid": "$ds"})), 2);
        assert_eq!(sources.meant(&json!("-- Mixed --"), &variables), Meant::Mixed);
        assert_eq!(sources.meant(&json!({"uid": "__expr__"}), &variables), Meant::Expression);
        assert_eq!(sources.meant(&json!({"uid": "-- Dashboard --"}), &variables), Meant::Internal);
        assert!(matches!(sources.meant(&json!("gone"), &variables), Meant::Nothing(_)));
        assert!(matches!(Sources(Vec::new()).meant(&Value::Null, &variables), Meant::Nothing(_)));
    }
}
