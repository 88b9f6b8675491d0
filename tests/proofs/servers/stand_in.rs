//! Doubles of services that are not Parallax's own: what they answer while all is well. The forms
//! are those of the services' documentation.

use serde_json::{Value, json};

use super::{Server, act_on_link, answer};
use crate::support::http_server::Answer;
use crate::support::link::Link;
use crate::support::stand_in::StandIn;

pub(crate) struct Double {
    target: &'static str,
    stand_in: StandIn,
    link: Link,
    credentials: Vec<(&'static str, &'static str)>,
}

impl Double {
    fn start(target: &'static str, credentials: Vec<(&'static str, &'static str)>, good: Vec<(&str, Answer)>) -> Self {
        let stand_in = StandIn::start(good);
        let link = Link::to(stand_in.port);
        Self { target, stand_in, link, credentials }
    }

    /// The local runtime daemon.
    pub(crate) fn runtime() -> Self {
        let good = vec![
            ("GET /api/health", Answer::json(200, json!({"healthy": true}))),
            ("GET /api/agents", Answer::json(200, json!({"agents": [{"id": "agent-2"}], "count": 1}))),
        ];
        Self::start("parallax.rt-local", Vec::new(), good)
    }

    /// The web dashboard, with a login that a cookie does not replace.
    pub(crate) fn dashboard() -> Self {
        let page = |text: &str| Answer::json(200, json!(text)).with("content-type", "text/html; charset=utf-8");
        let login = page("<html>login</html>").with("content-security-policy", "default-src 'self'; script-src 'self'");
        let away = Answer { status: 307, ..Answer::default() }.with("location", "/login?from=%2Fthreads");
        Self::start("parallax.dashboard", Vec::new(), vec![("GET /login", login), ("GET /threads", away)])
    }

    /// GitHub.
    pub(crate) fn forge() -> Self {
        let runs = json!({"total_count": 1, "workflow_runs": [
            {"head_sha": SHA, "status": "completed", "conclusion": "success"}]});
        let limits = Answer::json(200, json!({"rate": {"limit": 5000, "remaining": 4999}}))
            .with("x-oauth-scopes", "repo, read:org")
            .with("github-authentication-token-expiration", &in_days(90));
        let pull = |number: u32| json!({"nodes": [{"number": number, "merged": true}]});
        let commits = json!({"totalCount": 2, "nodes": [
            {"oid": "1111", "associatedPullRequests": pull(11)}, {"oid": SHA, "associatedPullRequests": pull(12)}]});
        let reviews = |logins: &[&str]| -> Value {
            let review = |login: &&str| json!({"state": "APPROVED", "author": {"login": login}});
            json!({"nodes": logins.iter().map(review).collect::<Vec<_>>()})
        };
        let request = |logins: &[&str]| {
            let found = json!({"author": {"login": "dev"}, "latestOpinionatedReviews": reviews(logins)});
            Answer::json(200, json!({"data": {"repository": {"pullRequest": found}}}))
        };
        let release = json!({"number": 12, "merged": true, "reviewDecision": "APPROVED",
            "baseRef": {"refUpdateRule": {"requiresCodeOwnerReviews": true}},
            "latestOpinionatedReviews": reviews(&["ann", "ben"])});
        let good = vec![
            ("GET /rate_limit", limits),
            (RUNS, Answer::json(200, runs)),
            (
                "POST /graphql # compare(",
                Answer::json(200, json!({"data": {"repository": {"ref": {"compare": {"commits": commits}}}}})),
            ),
            ("POST /graphql # \"number\":11", request(&["ann"])),
            ("POST /graphql # \"number\":12", request(&["ann", "ben"])),
            (
                "POST /graphql # object(oid",
                Answer::json(
                    200,
                    json!({"data": {"repository": {"object": {"associatedPullRequests": {"nodes": [release]}}}}}),
                ),
            ),
        ];
        Self::start("parallax.forge", vec![("forge-token", "ghp_0123456789abcdefghijklmnopqrstuvwxyz")], good)
    }

    /// Sentry.
    pub(crate) fn tracker() -> Self {
        let event = json!([{"eventID": "1", "dateCreated": in_days(-1).replace(" UTC", "Z").replace(' ', "T")}]);
        let good = vec![
            ("GET /api/0/projects/org/parallax/", Answer::json(200, json!({"slug": "parallax", "status": "active"}))),
            ("GET /api/0/projects/org/parallax/keys/", Answer::json(200, json!([{"id": "k", "isActive": true}]))),
            ("GET /api/0/projects/org/parallax/events/", Answer::json(200, event)),
        ];
        Self::start("parallax.tracker", vec![("tracker-token", "sntrys_0123456789abcdef")], good)
    }

    /// Sentry, with three projects of Phoenix.
    pub(crate) fn phoenix_tracker() -> Self {
        let event = json!([{"eventID": "1", "dateCreated": in_days(-1).replace(" UTC", "Z").replace(' ', "T")}]);
        let mut good = Vec::new();
        let routes: Vec<[String; 3]> = ["phoenix-api", "experiment-controller", "dashboard"]
            .map(|name| ["", "keys/", "events/"].map(|part| format!("GET /api/0/projects/org/{name}/{part}")))
            .to_vec();
        for [project, keys, events] in &routes {
            good.push((project.as_str(), Answer::json(200, json!({"status": "active"}))));
            good.push((keys.as_str(), Answer::json(200, json!([{"id": "k", "isActive": true}]))));
            good.push((events.as_str(), Answer::json(200, event.clone())));
        }
        Self::start("phoenix.tracker", vec![("tracker-token", "sntrys_0123456789abcdef")], good)
    }

    /// A service of feature flags.
    pub(crate) fn flags() -> Self {
        let stamp = |days| in_days(days).replace(" UTC", "Z").replace(' ', "T");
        let flag = json!({"name": "new-router", "owner": "platform", "created": stamp(-30), "expires": stamp(30)});
        let good = vec![
            ("GET /health", Answer::json(200, json!({"status": "GOOD"}))),
            ("GET /flags", Answer::json(200, json!({"flags": [flag]}))),
        ];
        Self::start("parallax.flags", vec![("flags-token", "flags-0123456789abcdef")], good)
    }

    /// PagerDuty, as its documentation has it: a schedule, and an escalation policy.
    pub(crate) fn pager() -> Self {
        let user = |id: &str| json!({"user": {"id": id, "type": "user_reference"}});
        let schedule = json!({"schedule": {"id": "PS1", "users": [{"id": "U1"}, {"id": "U2"}, {"id": "U3"}],
            "final_schedule": {"rendered_coverage_percentage": 100.0,
                "rendered_schedule_entries": [user("U1"), user("U2"), user("U3"), user("U1")]}}});
        let policy = json!({"escalation_policy": {"id": "PE1", "escalation_rules": [
            {"escalation_delay_in_minutes": 15, "targets": [{"id": "PS1"}]},
            {"escalation_delay_in_minutes": 30, "targets": [{"id": "U9"}]}]}});
        let stamp = |days| in_days(days).replace(" UTC", "Z").replace(' ', "T");
        let on_call = |id: &str, level: u32, end: Option<String>| {
            json!({"user": {"id": id, "contact_methods": [{"id": "C1", "type": "phone_contact_method_reference"}]},
                "escalation_level": level, "start": end.as_ref().map(|_| stamp(-1)), "end": end})
        };
        let now = json!({"oncalls": [on_call("U1", 1, Some(stamp(1))), on_call("U9", 2, None)], "more": false});
        let incident = json!({"id": "I1", "status": "resolved", "created_at": stamp(-2),
            "title": "[FIRING:1] ReadinessCanary (true critical)"});
        let good = vec![
            ("GET /incidents?*", Answer::json(200, json!({"incidents": [incident], "more": false}))),
            ("GET /oncalls?*", Answer::json(200, now)),
            ("GET /schedules/PS1?*", Answer::json(200, schedule)),
            ("GET /escalation_policies/PE1", Answer::json(200, policy)),
        ];
        Self::start("phoenix.pager", vec![("pager-token", "u+0123456789abcdefghij")], good)
    }

    /// New Relic: what NRQL finds of an experiment in its two variants.
    pub(crate) fn newrelic() -> Self {
        let found = |count: u32| {
            let results = json!([{"facet": "e1", "phoenix.experiment.id": "e1", "count": count}]);
            Answer::json(200, json!({"data": {"actor": {"account": {"nrql": {"results": results}}}}}))
        };
        let good = vec![("POST /graphql # 'baseline'", found(118)), ("POST /graphql # 'candidate'", found(117))];
        Self::start("phoenix.newrelic", vec![("newrelic-key", "NRAK-0123456789ABCDEFGHIJKLMNOPQ")], good)
    }

    /// Loki of Parallax, that keeps thirty days and has lines that are nearly so old.
    pub(crate) fn loki() -> Self {
        let config = "auth_enabled: false\ncompactor:\n  retention_enabled: true\n\
                      limits_config:\n  retention_period: 30d\n";
        let config = Answer::json(200, json!(config)).with("content-type", "text/plain; charset=utf-8");
        let found = |kind: &str, result: Value| {
            Answer::json(200, json!({"status": "success", "data": {"resultType": kind, "result": result}}))
        };
        let line = json!([{"stream": {"app": "control-plane"}, "values": [["1795305600000000000", "{}"]]}]);
        let none = format!("GET /loki/api/v1/query_range?limit=1&start={}*", day(421));
        let good = vec![
            ("GET /config", config),
            (none.as_str(), found("streams", json!([]))),
            ("GET /loki/api/v1/query_range?*", found("streams", line)),
            ("GET /loki/api/v1/query?*", found("vector", json!([{"metric": {}, "value": [1_795_305_600, "4711"]}]))),
        ];
        Self::start("parallax.loki", Vec::new(), good)
    }

    /// Loki, that keeps thirty days: its configuration, as far as it matters, and queries that find what is new only.
    pub(crate) fn logs() -> Self {
        let config = "auth_enabled: false\ncompactor:\n  working_directory: /loki\n  retention_enabled: true\n\
                      limits_config:\n  ingestion_rate_mb: 4\n  retention_period: 4w2d\n\
                      table_manager:\n  retention_period: 0s\n";
        let config = Answer::json(200, json!(config)).with("content-type", "text/plain; charset=utf-8");
        let found = |kind: &str, result: Value| {
            Answer::json(200, json!({"status": "success", "data": {"resultType": kind, "result": result}}))
        };
        let good = vec![
            ("GET /config", config),
            ("GET /loki/api/v1/query_range?*", found("streams", json!([]))),
            ("GET /loki/api/v1/query?*", found("vector", json!([{"metric": {}, "value": [1_795_305_600, "4711"]}]))),
        ];
        Self::start("phoenix.logs", Vec::new(), good)
    }

    /// Google Calendar: a release in five days, and a freeze in twenty.
    pub(crate) fn calendar() -> Self {
        let stamp = |days| json!({"dateTime": in_days(days).replace(" UTC", "Z").replace(' ', "T")});
        let release = json!({"id": "w1", "status": "confirmed", "summary": "Phoenix release v1.0.0",
            "organizer": {"email": "ann@example.org"}, "start": stamp(5), "end": stamp(6)});
        let freeze = json!({"id": "f1", "status": "confirmed", "summary": "End of the year",
            "organizer": {"email": "ann@example.org"}, "start": stamp(20), "end": stamp(30)});
        let good = vec![
            ("GET /calendar/v3/calendars/changes/events?*", Answer::json(200, json!({"items": [release]}))),
            ("GET /calendar/v3/calendars/freezes/events?*", Answer::json(200, json!({"items": [freeze]}))),
        ];
        Self::start("phoenix.calendar", vec![("calendar-token", "ya29.0123456789abcdef")], good)
    }

    /// NerdGraph of New Relic: what was billed in the last months, the first of them not whole.
    pub(crate) fn billing() -> Self {
        let bill = |ago: i32, cost: f64| json!({"facet": month(ago), "monthOf(timestamp)": month(ago), "cost": cost});
        let bills = json!([bill(1, 120.0), bill(2, 100.0), bill(3, 80.0), bill(4, 10.0)]);
        let found = json!({"data": {"actor": {"account": {"nrql": {"results": bills}}}}});
        Self::start(
            "phoenix.newrelic",
            vec![("newrelic-usage-key", "NRAK-0123456789ABCDEF")],
            vec![("POST /graphql", Answer::json(200, found))],
        )
    }

    /// The look-up of the App Store, whose JSON calls itself a script.
    pub(crate) fn app_store() -> Self {
        let released = in_days(-20).replace(" UTC", "Z").replace(' ', "T");
        let app = json!({"bundleId": "com.example.phoenix", "sellerName": "Example Ltd",
            "currentVersionReleaseDate": released});
        let found = Answer::json(200, json!({"resultCount": 1, "results": [app]}));
        let found = found.with("content-type", "text/javascript; charset=utf-8");
        Self::start("phoenix.app-store", Vec::new(), vec![("GET /lookup?bundleId=com.example.phoenix", found)])
    }

    /// A CDN in front of the dashboard, warm.
    pub(crate) fn cdn() -> Self {
        let page = Answer::json(200, json!("<html><script src=\"/assets/index-4f3a9c1b.js\"></script></html>"));
        let page = page.with("content-type", "text/html").with("cache-control", "max-age=60");
        let asset = Answer::json(200, json!("run()")).with("content-type", "text/javascript");
        let asset = asset.with("cache-control", "public, max-age=31536000, immutable").with("x-cache", "Hit from edge");
        Self::start("phoenix.dash", Vec::new(), vec![("GET /", page), ("GET /assets/index-4f3a9c1b.js", asset)])
    }

    /// Vault.
    pub(crate) fn vault() -> Self {
        let stamp = in_days(-10).replace(" UTC", "Z").replace(' ', "T");
        let good = vec![
            ("GET /v1/sys/health", Answer::json(200, json!({"initialized": true, "sealed": false, "standby": false}))),
            ("GET /v1/secret/metadata/parallax/jwt", Answer::json(200, json!({"data": {"updated_time": stamp}}))),
        ];
        Self::start("parallax.vault", vec![("vault-token", "hvs.0123456789abcdef")], good)
    }
}

/// The commit that is deployed.
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
const RUNS: &str = "GET /repos/org/parallax/actions/workflows/deploy.yml/runs?per_page=1&head_sha=0123456789abcdef0123456789abcdef01234567";

/// As GitHub writes it in the header of a token's expiry.
fn in_days(days: i64) -> String {
    let at = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(days * 24);
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// So many days ago, in UTC, such as `2026-11-22`.
fn day(ago: i64) -> String {
    let at = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(ago * 24);
    at.strftime("%Y-%m-%d").to_string()
}

/// So many months ago, in UTC, such as `October 2026`.
fn month(ago: i32) -> String {
    let first = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).first_of_month().expect("a date");
    first.checked_sub(jiff::Span::new().months(ago)).expect("a date").strftime("%B %Y").to_string()
}

impl Server for Double {
    fn targets(&self) -> Vec<(String, Value)> {
        vec![(self.target.to_owned(), json!({ "address": format!("http://127.0.0.1:{}", self.link.port) }))]
    }

    fn credentials(&self) -> Vec<(String, String)> {
        self.credentials.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn values(&self) -> Vec<(String, String)> {
        let months = (1..=4).map(|ago| (format!("month-{ago}"), month(ago)));
        std::iter::once(("port".to_owned(), self.link.port.to_string())).chain(months).collect()
    }

    /// `answer: { route: GET /x, status: 200, headers: {…}, body: {…} }`, and the network's verbs. A
    /// route may end with ` # part` for requests whose body has that part.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        match verb {
            "answer" => {
                let (route, answer) = answer(argument)?;
                self.stand_in.answer(&route, answer);
                Ok(())
            }
            _ => Err(format!("the double does not understand `{verb}`")),
        }
    }

    fn restore(&mut self) -> Result<(), String> {
        self.link.mend();
        self.stand_in.heal();
        Ok(())
    }
}
