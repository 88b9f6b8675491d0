//! Sorts of objects, where they are found, and which fields of them the named checks need.

use super::project::Keep;
use crate::probe::ProbeError;

/// One sort, such as `apps/v1` `deployments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) api_version: &'static str,
    pub(super) plural: &'static str,
    /// Besides name, namespace and labels.
    fields: &'static [&'static str],
    /// Where the specification of the pods is that it makes, of which `CONTAINER` and `VOLUME` are kept.
    templates: &'static [&'static str],
}

const IDENTITY: [&str; 3] = ["metadata.name", "metadata.namespace", "metadata.labels"];
/// What is kept of the pods that something makes: of each container what is in its environment and what it
/// mounts, and what that is.
const CONTAINERS: [&str; 2] = ["containers", "initContainers"];
const CONTAINER: [&str; 12] = [
    "name",
    "env.name",
    "env.literal",
    "env.valueFrom.configMapKeyRef",
    "env.valueFrom.fieldRef",
    "env.valueFrom.secretKeyRef",
    "envFrom.configMapRef",
    "envFrom.prefix",
    "envFrom.secretRef",
    "volumeMounts.name",
    "volumeMounts.mountPath",
    "volumeMounts.readOnly",
];
const VOLUME: [&str; 7] = [
    "name",
    "configMap.name",
    "downwardAPI.items.path",
    "secret",
    "projected.sources.secret",
    "persistentVolumeClaim",
    "emptyDir.medium",
];

macro_rules! resources {
    ($($name:ident = $api:literal $plural:literal $(with $template:literal)? [$($field:literal),* $(,)?];)*) => {
        $(pub(super) const $name: Resource = Resource {
            api_version: $api, plural: $plural, fields: &[$($field),*], templates: &[$($template)?],
        };)*

        #[cfg(test)]
        pub(super) const ALL: &[Resource] = &[$($name),*];
    };
}

resources! {
    NAMESPACES = "v1" "namespaces" ["status.phase", "metadata.deletionTimestamp"];
    NODES = "v1" "nodes" ["spec.unschedulable", "status.conditions.type", "status.conditions.status"];
    PODS = "v1" "pods" [
        "metadata.ownerReferences.kind", "metadata.ownerReferences.name", "metadata.ownerReferences.controller",
        "metadata.deletionTimestamp", "metadata.annotations[vault.hashicorp.com/agent-inject]",
        "metadata.creationTimestamp", "spec.restartPolicy", "spec.hostNetwork", "spec.hostPID", "spec.hostIPC",
        "spec.containers.name", "spec.containers.ports", "spec.containers.livenessProbe",
        "spec.initContainers.name", "spec.initContainers.ports", "spec.initContainers.restartPolicy",
        "spec.nodeName", "spec.containers.envFrom.secretRef", "spec.containers.env.valueFrom.secretKeyRef.name",
        "spec.initContainers.envFrom.secretRef", "spec.initContainers.env.valueFrom.secretKeyRef.name",
        "spec.volumes.secret.secretName", "spec.volumes.projected.sources.secret.name",
        "status.phase", "status.startTime", "status.conditions.type", "status.conditions.status",
        "status.containerStatuses.name", "status.containerStatuses.ready", "status.containerStatuses.restartCount",
    ];
    DEPLOYMENTS = "apps/v1" "deployments" with "spec.template.spec" [
        "metadata.generation", "metadata.annotations[argocd.argoproj.io/tracking-id]",
        "metadata.annotations[reloader.stakater.com/auto]",
        "metadata.annotations[secret.reloader.stakater.com/reload]",
        "metadata.annotations[secret.reloader.stakater.com/auto]", "spec.replicas", "spec.selector",
        "spec.template.metadata.labels", "spec.template.metadata.annotations[vault.hashicorp.com/agent-inject]",
        "spec.template.spec.affinity.podAntiAffinity", "spec.template.spec.topologySpreadConstraints",
        "spec.template.spec.containers.image", "spec.template.spec.containers.ports",
        "spec.template.spec.containers.livenessProbe", "spec.template.spec.containers.readinessProbe",
        "spec.template.spec.containers.resources.requests", "status.observedGeneration", "status.replicas",
        "status.updatedReplicas", "status.readyReplicas", "status.availableReplicas", "status.conditions.type",
        "status.conditions.status", "status.conditions.reason",
    ];
    STATEFUL_SETS = "apps/v1" "statefulsets" with "spec.template.spec" [
        "metadata.annotations[reloader.stakater.com/auto]",
        "metadata.annotations[secret.reloader.stakater.com/reload]",
        "metadata.annotations[secret.reloader.stakater.com/auto]", "spec.replicas", "spec.selector",
        "spec.template.metadata.labels", "spec.template.metadata.annotations[vault.hashicorp.com/agent-inject]",
        "spec.template.spec.containers.ports", "spec.template.spec.containers.livenessProbe",
        "spec.template.spec.containers.readinessProbe", "status.readyReplicas",
    ];
    DAEMON_SETS = "apps/v1" "daemonsets" with "spec.template.spec" [];
    CONFIG_MAPS = "v1" "configmaps" ["data.#"];
    CLAIMS = "v1" "persistentvolumeclaims" ["spec.storageClassName", "spec.volumeName", "status.phase"];
    STORAGE_CLASSES = "storage.k8s.io/v1" "storageclasses" ["provisioner", "parameters"];
    HTTP_ROUTES = "gateway.networking.k8s.io/v1" "httproutes" ["spec.rules.backendRefs"];
    SERVICES = "v1" "services" ["spec.type", "spec.selector", "spec.ports", "status.loadBalancer"];
    SECRETS = "v1" "secrets" [
        "metadata.creationTimestamp", "metadata.ownerReferences.kind", "metadata.ownerReferences.name",
        "metadata.annotations[rotated-at]", "metadata.managedFields.time",
        "metadata.managedFields.fieldsV1[f:data][.]", "metadata.managedFields.fieldsV1[f:stringData][.]",
    ];
    NETWORK_POLICIES = "networking.k8s.io/v1" "networkpolicies" ["spec"];
    INGRESSES = "networking.k8s.io/v1" "ingresses" [
        "metadata.annotations[kubernetes.io/ingress.class]",
        "metadata.annotations[nginx.ingress.kubernetes.io/canary]",
        "metadata.annotations[nginx.ingress.kubernetes.io/canary-weight]",
        "metadata.annotations[nginx.ingress.kubernetes.io/canary-weight-total]", "spec.ingressClassName",
        "spec.defaultBackend.service", "spec.rules.host", "spec.rules.http.paths.backend.service",
        "status.loadBalancer",
    ];
    INGRESS_CLASSES = "networking.k8s.io/v1" "ingressclasses" ["spec.controller"];
    ENDPOINT_SLICES = "discovery.k8s.io/v1" "endpointslices" [
        "endpoints.conditions", "endpoints.addresses", "endpoints.targetRef.name",
    ];
    BUDGETS = "policy/v1" "poddisruptionbudgets" ["spec", "status"];
    AUTOSCALERS = "autoscaling/v2" "horizontalpodautoscalers" [
        "spec.scaleTargetRef", "spec.minReplicas", "spec.maxReplicas", "status.currentMetrics.type",
        "status.conditions.type", "status.conditions.status", "status.conditions.reason",
        "status.conditions.lastTransitionTime",
    ];
    CRON_JOBS = "batch/v1" "cronjobs" with "spec.jobTemplate.spec.template.spec" [
        "spec.suspend", "spec.schedule", "status",
    ];
    QUOTAS = "v1" "resourcequotas" ["spec.hard", "status.hard", "status.used"];
    LIMIT_RANGES = "v1" "limitranges" ["spec.limits.type"];
    LEASES = "coordination.k8s.io/v1" "leases" ["spec.holderIdentity", "spec.renewTime", "spec.leaseDurationSeconds"];
    ROLES = "rbac.authorization.k8s.io/v1" "roles" ["rules"];
    ROLE_BINDINGS = "rbac.authorization.k8s.io/v1" "rolebindings" ["roleRef", "subjects"];
    CLUSTER_ROLES = "rbac.authorization.k8s.io/v1" "clusterroles" ["rules"];
    CLUSTER_ROLE_BINDINGS = "rbac.authorization.k8s.io/v1" "clusterrolebindings" ["roleRef", "subjects"];
    APPLICATIONS = "argoproj.io/v1alpha1" "applications" [
        "spec.syncPolicy.automated", "status.sync", "status.health.status", "status.operationState.phase",
        "status.reconciledAt",
    ];
    ROLLOUTS = "argoproj.io/v1alpha1" "rollouts" [
        "spec.strategy.blueGreen", "spec.workloadRef", "status.phase", "status.canary.weights",
    ];
    CERTIFICATES = "cert-manager.io/v1" "certificates" [
        "spec.issuerRef", "spec.secretName", "spec.dnsNames", "status.conditions.type", "status.conditions.status",
        "status.conditions.reason", "status.notAfter", "status.renewalTime",
    ];
    ORDERS = "acme.cert-manager.io/v1" "orders" [
        "metadata.creationTimestamp", "metadata.ownerReferences", "status.state", "status.failureTime",
    ];
    EXTERNAL_SECRETS = "external-secrets.io/v1" "externalsecrets" [
        "spec.refreshInterval", "spec.secretStoreRef", "spec.target.name", "status.conditions.type",
        "status.conditions.status", "status.conditions.reason", "status.refreshTime",
    ];
    SECRET_STORES = "external-secrets.io/v1" "secretstores" [
        "status.conditions.type", "status.conditions.status", "status.conditions.reason",
    ];
    CUSTOM_RESOURCES = "apiextensions.k8s.io/v1" "customresourcedefinitions" ["spec.names.plural"];
}

impl Resource {
    pub(super) fn keep(&self) -> Result<Keep, ProbeError> {
        let below = |template: &&str| {
            let containers =
                CONTAINERS.iter().flat_map(|list| CONTAINER.iter().map(move |field| format!("{list}.{field}")));
            let volumes = VOLUME.iter().map(|field| format!("volumes.{field}"));
            containers.chain(volumes).map(|field| format!("{template}.{field}")).collect::<Vec<_>>()
        };
        let templates: Vec<String> = self.templates.iter().flat_map(below).collect();
        let own = IDENTITY.iter().chain(self.fields).copied();
        Keep::of(own.chain(templates.iter().map(String::as_str))).map_err(ProbeError::internal)
    }

    /// Its name in facts: `deployments`, and with its group where that says more.
    pub(super) fn name(&self) -> &'static str {
        self.plural
    }
}

/// `/api/v1/namespaces/x/pods`; without a namespace all of them, or what is in none.
pub(super) fn path(api_version: &str, plural: &str, namespace: Option<&str>) -> String {
    let root = if api_version.contains('/') { "apis" } else { "api" };
    match namespace {
        Some(namespace) => format!("/{root}/{api_version}/namespaces/{namespace}/{plural}"),
        None => format!("/{root}/{api_version}/{plural}"),
    }
}

/// Whether text can be one step of a path: a group, a version, or the name of an object.
pub(super) fn is_plain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '_');
    !text.is_empty() && text.len() <= 253 && text.chars().all(plain) && !text.contains("..") && text != "."
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::kinds::kubernetes::page;

    #[test]
    fn the_fields_of_all_sorts_are_paths_and_their_names_differ() {
        let mut names: Vec<&str> = ALL.iter().map(Resource::name).collect();
        ALL.iter().for_each(|resource| drop(resource.keep().unwrap()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn of_whatever_makes_pods_the_same_is_kept() {
        let object = serde_json::json!({"spec": {"template": {"spec": {"initContainers": [{
            "image": "x", "env": [{"name": "A", "value": ""}], "volumeMounts": [{"mountPath": "/tmp", "subPath": "x"}]}],
            "volumes": [{"name": "a", "secret": {"secretName": "s"}, "hostPath": {"path": "/"}}]}}}});
        let kept = |resource: &Resource, object: &serde_json::Value| {
            page::object(object.to_string().as_bytes(), &resource.keep().unwrap()).unwrap()["spec"].clone()
        };
        let seen = kept(&DAEMON_SETS, &object);
        let expected = serde_json::json!({"initContainers": [{
            "env": [{"name": "A", "literal": ""}], "volumeMounts": [{"mountPath": "/tmp"}]}],
            "volumes": [{"name": "a", "secret": {"secretName": "s"}}]});
        assert_eq!(seen["template"]["spec"], expected);
        assert_eq!((kept(&DEPLOYMENTS, &object), kept(&STATEFUL_SETS, &object)), (seen.clone(), seen.clone()));
        let job = kept(&CRON_JOBS, &serde_json::json!({"spec": {"jobTemplate": object}}));
        assert_eq!(job["jobTemplate"]["spec"], seen);
    }

    #[test]
    fn paths_name_group_and_namespace() {
        assert_eq!(path("v1", "pods", Some("a")), "/api/v1/namespaces/a/pods");
        assert_eq!(path("apps/v1", "deployments", None), "/apis/apps/v1/deployments");
        assert!(is_plain("system:node.x") && !is_plain("a/b") && !is_plain("..") && !is_plain("a?b") && !is_plain(""));
    }
}
