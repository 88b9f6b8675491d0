//! One look of a kind at a server, as the engine takes it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant as Clock};

use readiness::expect::{Conditions, Params};
use readiness::model::{Outcome, Reason, Target, Timestamp, TlsFiles};
use readiness::probe::net::Clients;
use readiness::probe::{CredentialSource, Credentials, Observation, ProbeCx, kinds};
use serde_json::{Value, json};
use tokio::time::Instant;

pub(super) type Said = (Outcome, Option<Reason>, &'static str);

pub(super) const PASS: Said = (Outcome::Pass, None, "");

/// A target, and the secret it is looked at with.
pub(super) struct At {
    pub(super) address: String,
    pub(super) secret: Option<&'static str>,
    pub(super) within: Duration,
}

impl At {
    pub(super) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), secret: None, within: Duration::from_secs(10) }
    }

    pub(super) async fn look(&self, kind: &str, mut parameters: Value, expect: &[&str]) -> Observation {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        std::fs::write(&file, self.secret.unwrap_or_default()).unwrap();
        let target = Target {
            name: Arc::from("it"),
            address: self.address.clone().into(),
            credential: self.secret.map(|_| "secret".into()),
            tls: TlsFiles::default(),
        };
        parameters["target"] = json!("it");
        let kind = kinds::find(kind).unwrap();
        let parsed = kind.parse(parameters).unwrap();
        assert!(parsed.findings.0.is_empty(), "{:?}", parsed.findings);
        let cx = ProbeCx::new(
            Timestamp(jiff::Timestamp::now().as_millisecond()),
            Instant::now() + self.within,
            Some(Arc::new(target)),
            Arc::new(Credentials::new(BTreeMap::from([("secret".to_owned(), CredentialSource::File(file))]))),
            Arc::new(Clients::default()),
        );
        let expect: Vec<String> = expect.iter().map(|&text| text.to_owned()).collect();
        let conditions = Conditions::compile(&expect, &[], (kind.facts)().as_value(), &Params::default()).unwrap();
        let begun = Clock::now();
        let seen = parsed.probe.run(&cx, &conditions).await;
        assert!(begun.elapsed() < self.within + Duration::from_millis(250), "{:?}", begun.elapsed());
        let all = format!("{seen:?} {:?}", cx.trace().take());
        assert!(self.secret.is_none_or(|secret| !all.contains(secret)), "a secret leaked: {all}");
        eprintln!("{:?} {:?} {}", seen.verdict.outcome(), seen.verdict.reason(), seen.verdict.sentence());
        seen
    }

    pub(super) async fn says(&self, kind: &str, parameters: Value, expect: &[&str], said: Said) -> Value {
        let seen = self.look(kind, parameters, expect).await;
        let sentence = seen.verdict.sentence();
        assert_eq!((seen.verdict.outcome(), seen.verdict.reason()), (said.0, said.1), "{sentence} {:?}", seen.facts);
        assert!(sentence.contains(said.2), "`{}` is not in: {sentence}", said.2);
        seen.facts.unwrap_or_default()
    }
}
