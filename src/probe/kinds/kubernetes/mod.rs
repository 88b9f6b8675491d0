//! `kubernetes`: objects of a cluster, what identities may do in it, and whether its API is ready.
//!
//! A pass proves what the API server said of its objects at the moment they were listed, or at most
//! `max_age_s` before, where another check listed them. It proves what controllers wrote into the status of
//! objects, not that a node does as it is told: a network policy that nothing enforces looks the same.
//!
//! Nothing is changed. Reviews of access are POSTs that store nothing. A dry run stores nothing either,
//! but goes through webhooks, which is why it must be enabled like everything that changes something.
//! Of secrets only the metadata is ever asked for, and of the values of environment variables only seals are
//! kept, which can be compared and tell nothing.

mod access;
mod checks;
mod client;
mod collectors;
mod discover;
mod dry_run;
mod exec;
mod facts;
mod grants;
mod judge;
mod kubeconfig;
mod list;
mod listen;
pub(super) mod logs;
mod look;
mod object;
mod page;
mod place;
mod project;
mod reference;
mod resource;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::Deserialize;

use checks::{
    ArgocdApp, CanaryWeight, CertReady, Check, Compare, CronjobFresh, DefaultDeny, EncryptedClaims, EnvSet, HpaHealthy,
    LbReady, PdbCovers, Pods, PolicyEffective, Probes, QuotaRoom, RbacLeastPrivilege, Replicas, Rollout, SecretAge,
    SecretOwner, Spread, Templates,
};
use facts::Facts;

use crate::expect::Gap;
use crate::model::{Access, Timestamp, Verdict};
use crate::probe::{Changes, Findings, Grant, Probe, ProbeCx, ProbeError};

/// Looks at a Kubernetes cluster. Only what is named is asked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Kubernetes {
    /// Name of the target. Its address is the `https://` URL of the API server, with a bearer token as
    /// credential or with a client certificate; or `in-cluster` for the service account of the exporter's
    /// own pod; or `kubeconfig:/path`, with `#context` after it unless the current one is meant. A program
    /// that a kubeconfig names for the login (`exec`) is run, as in the kind `command`.
    target: Option<String>,
    /// The server must say that it is ready.
    ready: bool,
    /// Its version is at least 1.x.
    min_minor: Option<u32>,
    /// Who the server must take the exporter for, such as `system:serviceaccount:monitoring:readiness`.
    identity: Option<String>,
    /// With `identity`: the exporter's token is valid for at least so long, if it says when it ends.
    min_token_s: Option<u32>,
    /// Where `objects` and the named checks look; in all namespaces if empty.
    namespaces: Vec<String>,
    /// Selector of labels for the Deployments and StatefulSets that the named checks look at, such as
    /// `app.kubernetes.io/part-of in (shop)`.
    selector: Option<String>,
    /// Objects for conditions.
    objects: Option<Objects>,
    /// Rights that must be as said.
    access: Vec<access::Right>,
    /// An object that the server must accept or refuse, without storing it. Opt-in.
    dry_run: Option<dry_run::DryRun>,
    /// Each namespace denies all traffic that nothing allows.
    default_deny: Option<DefaultDeny>,
    /// Policies that allow traffic select pods, and not too much.
    policy_effective: Option<PolicyEffective>,
    /// Deployments run in several replicas.
    replicas: Option<Replicas>,
    /// Disruption budgets cover the Deployments, and leave room.
    pdb_covers: Option<PdbCovers>,
    /// Replicas are spread over nodes and zones.
    spread: Option<Spread>,
    /// Containers have probes that can work.
    probes: Option<Probes>,
    /// A quota bounds a namespace, and has room.
    quota_room: Option<QuotaRoom>,
    /// Autoscalers scale.
    hpa_healthy: Option<HpaHealthy>,
    /// Secrets that are used are not too old.
    secret_age: Option<SecretAge>,
    /// Secrets that are used come from an operator.
    secret_owner: Option<SecretOwner>,
    /// A variable is set in the Deployments.
    env_set: Option<EnvSet>,
    /// Service accounts are bound to no role that allows too much.
    rbac_least_privilege: Option<RbacLeastPrivilege>,
    /// Argo CD has synchronized the applications.
    argocd_app: Option<ArgocdApp>,
    /// Workloads are rolled out blue-green, and are healthy.
    rollout: Option<Rollout>,
    /// Load balancers have an address, and something behind them.
    lb_ready: Option<LbReady>,
    /// Certificates of cert-manager are ready.
    cert_ready: Option<CertReady>,
    /// CronJobs have been successful lately.
    cronjob_fresh: Option<CronjobFresh>,
    /// Each pod is what it must be.
    pods: Option<Pods>,
    /// Templates of workloads say what they must.
    templates: Option<Templates>,
    /// Claims of volumes are of storage classes that encrypt.
    encrypted_claims: Option<EncryptedClaims>,
    /// A new version gets no more than its share.
    canary_weight: Option<CanaryWeight>,
    /// Two estates are alike.
    compare: Option<Compare>,
    /// Collectors of OpenTelemetry batch, and send protobuf.
    collectors: Option<collectors::Collectors>,
    /// A list that another check fetched so long ago serves as well.
    max_age_s: u32,
    /// Of one sort in one namespace; with more, nothing is judged.
    max_objects: u32,
}

/// Objects of one sort.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Objects {
    /// Such as `v1`, `apps/v1`.
    api_version: String,
    /// In the plural and in small letters, such as `deployments`.
    resource: String,
    /// One object, in each of the namespaces.
    name: Option<String>,
    /// The object is the one with this uid, such as that of the namespace `kube-system`, which names a cluster.
    uid: Option<String>,
    /// Selector of labels.
    labels: Option<String>,
    /// Selector of fields, as far as the server knows them, such as `status.phase=Running`.
    field_selector: Option<String>,
    /// Fields to keep, such as `spec.replicas`; those of a list are those of each element. A name with dots
    /// stands in brackets. Name, namespace and labels are always kept.
    fields: Vec<String>,
    /// Lists within the objects, such as `spec.containers`, whose elements become `elements`: a condition can
    /// loop over these, but not over lists in lists.
    each: Vec<String>,
    /// A field whose different values become `distinct`.
    distinct: Option<String>,
    /// Fields that are times, such as `status.notAfter` or `metadata.managedFields.time`, which become `times`
    /// in seconds; of several behind one path the newest.
    times: Vec<String>,
    /// Only metadata is asked for; of secrets always.
    metadata_only: bool,
    /// There must be so many.
    min: u32,
}

const NAMESPACES_CEILING: usize = 64;
const OBJECTS_CEILING: u32 = 20_000;
const AGE_CEILING_S: u32 = 300;

impl Default for Objects {
    fn default() -> Self {
        Self {
            api_version: "v1".to_owned(),
            resource: String::new(),
            name: None,
            uid: None,
            labels: None,
            field_selector: None,
            fields: Vec::new(),
            each: Vec::new(),
            distinct: None,
            times: Vec::new(),
            metadata_only: false,
            min: 1,
        }
    }
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self {
            target: None,
            ready: false,
            min_minor: None,
            identity: None,
            min_token_s: None,
            namespaces: Vec::new(),
            selector: None,
            objects: None,
            access: Vec::new(),
            dry_run: None,
            default_deny: None,
            policy_effective: None,
            replicas: None,
            pdb_covers: None,
            spread: None,
            probes: None,
            quota_room: None,
            hpa_healthy: None,
            secret_age: None,
            secret_owner: None,
            env_set: None,
            rbac_least_privilege: None,
            argocd_app: None,
            rollout: None,
            lb_ready: None,
            cert_ready: None,
            cronjob_fresh: None,
            pods: None,
            templates: None,
            encrypted_claims: None,
            canary_weight: None,
            compare: None,
            collectors: None,
            max_age_s: 15,
            max_objects: 5000,
        }
    }
}

impl Kubernetes {
    /// The named checks of the leg.
    fn checks(&self) -> Vec<&dyn Check> {
        fn of<C: Check>(check: &Option<C>) -> Option<&dyn Check> {
            check.as_ref().map(|check| check as &dyn Check)
        }
        let all = [
            of(&self.default_deny),
            of(&self.policy_effective),
            of(&self.replicas),
            of(&self.pdb_covers),
            of(&self.spread),
            of(&self.probes),
            of(&self.quota_room),
            of(&self.hpa_healthy),
            of(&self.secret_age),
            of(&self.secret_owner),
            of(&self.env_set),
            of(&self.rbac_least_privilege),
            of(&self.argocd_app),
            of(&self.rollout),
            of(&self.lb_ready),
            of(&self.cert_ready),
            of(&self.cronjob_fresh),
            of(&self.pods),
            of(&self.templates),
            of(&self.encrypted_claims),
            of(&self.canary_weight),
            of(&self.compare),
        ];
        all.into_iter().flatten().collect()
    }

    fn asks_version(&self) -> bool {
        self.min_minor.is_some() || self.compare.is_some()
    }

    fn asks(&self) -> bool {
        let vital = self.ready || self.min_minor.is_some() || self.identity.is_some();
        vital
            || self.objects.is_some()
            || !self.access.is_empty()
            || self.dry_run.is_some()
            || self.collectors.is_some()
            || !self.checks().is_empty()
    }
}

impl Probe for Kubernetes {
    const NAME: &'static str = "kubernetes";
    const SUMMARY: &'static str = "Objects of a Kubernetes cluster, and what may be done in it, are as expected";
    type Facts = Facts;

    fn access(&self) -> Access {
        if self.dry_run.is_some() { Access::Mutates } else { Access::Read }
    }

    fn check(&self, findings: &mut Findings) {
        if self.target.is_none() {
            findings.error_with_hint("target", "no target", "name one of the checklist's targets");
        }
        if !self.asks() {
            findings.error_with_hint("", "nothing is asked", "add `objects`, `ready`, a named check or another part");
        }
        if self.min_token_s.is_some() && self.identity.is_none() {
            findings.error("min_token_s", "it belongs to `identity`");
        }
        if self.namespaces.len() > NAMESPACES_CEILING || !self.namespaces.iter().all(|name| resource::is_plain(name)) {
            findings.error("namespaces", format!("expected at most {NAMESPACES_CEILING} names of namespaces"));
        }
        if let Some(objects) = &self.objects {
            objects.check(findings);
        }
        access::check(&self.access, findings);
        if let Some(dry_run) = &self.dry_run {
            dry_run::check(dry_run, findings);
        }
        collectors::check(self, findings);
        self.checks().into_iter().for_each(|check| check.check(self, findings));
        if self.max_age_s > AGE_CEILING_S {
            findings.error("max_age_s", format!("expected at most {AGE_CEILING_S}"));
        }
        if !(1..=OBJECTS_CEILING).contains(&self.max_objects) {
            findings.error("max_objects", format!("expected 1 to {OBJECTS_CEILING}"));
        }
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn legs(&self) -> Vec<&str> {
        self.compare.iter().filter_map(Compare::other).collect()
    }

    fn expects(&self) -> Option<&'static str> {
        Some("an answer of the API server")
    }

    /// All that is listed, but for what changes all the time; each list is one ear.
    fn watches(&self) -> Vec<String> {
        listen::sorts(self).iter().filter(|_| self.target.is_some()).map(listen::Sort::ear).collect()
    }

    fn grants(&self) -> Vec<Grant> {
        grants::grants(self)
    }

    async fn listen(&self, what: &str, cx: &ProbeCx, changes: &Changes) -> ProbeError {
        let sorts = listen::sorts(self);
        let Some(sort) = sorts.iter().find(|sort| sort.ear() == what) else {
            return ProbeError::internal("no such list is watched");
        };
        match listen::listen(sort, cx, changes, &listen::USUAL).await {
            Err(error) => error,
        }
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Facts, ProbeError> {
        look::look(self, cx).await
    }

    fn judge(&self, facts: &Facts, now: Timestamp) -> Verdict {
        judge::judge(self, facts, now)
    }

    fn gaps(&self, facts: &Facts) -> Vec<Gap> {
        facts::gaps(self, facts)
    }
}

impl Objects {
    /// Paths of what is looked at, beside the identity.
    fn kept(&self) -> impl Iterator<Item = &str> {
        let uid = self.uid.iter().map(|_| "metadata.uid");
        self.fields.iter().chain(&self.each).chain(&self.distinct).chain(&self.times).map(String::as_str).chain(uid)
    }

    fn is_secrets(&self) -> bool {
        self.api_version == "v1" && self.resource == "secrets"
    }

    fn check(&self, findings: &mut Findings) {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("core", &self.api_version));
        if !resource::is_plain(group) || !resource::is_plain(version) {
            findings.error("objects.api_version", "expected a version such as `v1` or `apps/v1`");
        }
        if !resource::is_plain(&self.resource) || self.resource.chars().any(|c| c.is_ascii_uppercase()) {
            findings.error("objects.resource", "expected a sort of objects in the plural, such as `deployments`");
        }
        if self.name.as_ref().is_some_and(|name| !resource::is_plain(name)) {
            findings.error("objects.name", "expected the name of an object");
        }
        if self.uid.is_some() && self.name.is_none() {
            findings.error("objects.uid", "it belongs to `name`");
        }
        if self.name.is_some() && (self.labels.is_some() || self.field_selector.is_some()) {
            findings.error("objects.name", "write either a name or selectors");
        }
        for (name, paths) in [("fields", &self.fields), ("each", &self.each), ("times", &self.times)] {
            if let Err(why) = project::Keep::of(paths.iter().map(String::as_str)) {
                findings.error(&format!("objects.{name}"), why);
            }
        }
        if let Some(Err(why)) = self.distinct.as_deref().map(project::steps) {
            findings.error("objects.distinct", why);
        }
        // What was applied last holds the values of a secret.
        let of_metadata = |field: &str| {
            (field == "metadata" || field.starts_with("metadata.")) && !field.contains("last-applied-configuration")
        };
        if self.is_secrets() && !self.kept().all(of_metadata) {
            findings.error("objects.fields", "only the metadata of secrets is asked for");
        }
    }
}
