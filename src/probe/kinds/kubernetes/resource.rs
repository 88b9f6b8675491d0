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
}

const IDENTITY: [&str; 3] = ["metadata.name", "metadata.namespace", "metadata.labels"];

macro_rules! resources {
    ($($name:ident = $api:literal $plural:literal [$($field:literal),* $(,)?];)*) => {
        $(pub(super) const $name: Resource =
            Resource { api_version: $api, plural: $plural, fields: &[$($field),*] };)*

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
    DEPLOYMENTS = "apps/v1" "deployments" [
        "metadata.generation", "metadata.annotations[argocd.argoproj.io/tracking-id]",
        "metadata.annotations[reloader.stakater.com/auto]",
        "metadata.annotations[secret.reloader.stakater.com/reload]",
        "metadata.annotations[secret.reloader.stakater.com/auto]",
        "spec.replicas", "spec.selector", "spec.template.metadata.labels",
        "spec.template.metadata.annotations[vault.hashicorp.com/agent-inject]",
        "spec.template.spec.affinity.podAntiAffinity", "spec.template.spec.topologySpreadConstraints",
        "spec.template.spec.containers.name", "spec.template.spec.containers.image",
        "spec.template.spec.containers.ports", "spec.template.spec.containers.livenessProbe",
        "spec.template.spec.containers.readinessProbe", "spec.template.spec.containers.resources.requests",
        "spec.template.spec.containers.envFrom.secretRef",
        "spec.template.spec.containers.env.name", "spec.template.spec.containers.env.valueFrom.secretKeyRef",
        "spec.template.spec.initContainers.envFrom.secretRef",
        "spec.template.spec.initContainers.env.valueFrom.secretKeyRef",
        "spec.template.spec.volumes.secret", "spec.template.spec.volumes.projected.sources.secret",
        "spec.template.spec.containers.env.name", "spec.template.spec.containers.env.literal",
        "spec.template.spec.containers.env.valueFrom.configMapKeyRef",
        "spec.template.spec.containers.env.valueFrom.fieldRef", "spec.template.spec.containers.envFrom.configMapRef",
        "spec.template.spec.containers.envFrom.prefix", "spec.template.spec.containers.volumeMounts.name",
        "spec.template.spec.containers.volumeMounts.mountPath",
        "spec.template.spec.containers.volumeMounts.readOnly", "spec.template.spec.initContainers.env.name",
        "spec.template.spec.initContainers.env.literal",
        "spec.template.spec.initContainers.env.valueFrom.configMapKeyRef",
        "spec.template.spec.initContainers.env.valueFrom.fieldRef",
        "spec.template.spec.initContainers.envFrom.configMapRef", "spec.template.spec.initContainers.envFrom.prefix",
        "spec.template.spec.initContainers.volumeMounts.name",
        "spec.template.spec.initContainers.volumeMounts.mountPath",
        "spec.template.spec.initContainers.volumeMounts.readOnly", "spec.template.spec.initContainers.name",
        "spec.template.spec.volumes.name", "spec.template.spec.volumes.configMap.name",
        "spec.template.spec.volumes.downwardAPI.items.path", "spec.template.spec.volumes.persistentVolumeClaim",
        "spec.template.spec.volumes.emptyDir.medium",
        "status.observedGeneration", "status.replicas", "status.updatedReplicas", "status.readyReplicas",
        "status.availableReplicas", "status.conditions.type", "status.conditions.status", "status.conditions.reason",
    ];
    STATEFUL_SETS = "apps/v1" "statefulsets" [
        "metadata.annotations[reloader.stakater.com/auto]",
        "metadata.annotations[secret.reloader.stakater.com/reload]",
        "metadata.annotations[secret.reloader.stakater.com/auto]",
        "spec.replicas", "spec.selector", "spec.template.metadata.labels",
        "spec.template.metadata.annotations[vault.hashicorp.com/agent-inject]",
        "spec.template.spec.containers.name", "spec.template.spec.containers.ports",
        "spec.template.spec.containers.livenessProbe", "spec.template.spec.containers.readinessProbe",
        "spec.template.spec.containers.envFrom.secretRef",
        "spec.template.spec.containers.env.valueFrom.secretKeyRef",
        "spec.template.spec.initContainers.envFrom.secretRef",
        "spec.template.spec.initContainers.env.valueFrom.secretKeyRef",
        "spec.template.spec.volumes.secret", "spec.template.spec.volumes.projected.sources.secret",
        "spec.template.spec.containers.env.name", "spec.template.spec.containers.env.literal",
        "spec.template.spec.containers.env.valueFrom.configMapKeyRef",
        "spec.template.spec.containers.env.valueFrom.fieldRef", "spec.template.spec.containers.envFrom.configMapRef",
        "spec.template.spec.containers.envFrom.prefix", "spec.template.spec.containers.volumeMounts.name",
        "spec.template.spec.containers.volumeMounts.mountPath",
        "spec.template.spec.containers.volumeMounts.readOnly", "spec.template.spec.initContainers.env.name",
        "spec.template.spec.initContainers.env.literal",
        "spec.template.spec.initContainers.env.valueFrom.configMapKeyRef",
        "spec.template.spec.initContainers.env.valueFrom.fieldRef",
        "spec.template.spec.initContainers.envFrom.configMapRef", "spec.template.spec.initContainers.envFrom.prefix",
        "spec.template.spec.initContainers.volumeMounts.name",
        "spec.template.spec.initContainers.volumeMounts.mountPath",
        "spec.template.spec.initContainers.volumeMounts.readOnly", "spec.template.spec.initContainers.name",
        "spec.template.spec.volumes.name", "spec.template.spec.volumes.configMap.name",
        "spec.template.spec.volumes.downwardAPI.items.path", "spec.template.spec.volumes.persistentVolumeClaim",
        "spec.template.spec.volumes.emptyDir.medium",
        "status.readyReplicas",
    ];
    DAEMON_SETS = "apps/v1" "daemonsets" [
        "spec.template.spec.containers.env.name", "spec.template.spec.containers.env.literal",
        "spec.template.spec.containers.env.valueFrom.configMapKeyRef",
        "spec.template.spec.containers.env.valueFrom.fieldRef", "spec.template.spec.containers.envFrom.configMapRef",
        "spec.template.spec.containers.envFrom.prefix", "spec.template.spec.containers.volumeMounts.name",
        "spec.template.spec.containers.volumeMounts.mountPath",
        "spec.template.spec.containers.volumeMounts.readOnly", "spec.template.spec.containers.name",
        "spec.template.spec.containers.env.valueFrom.secretKeyRef",
        "spec.template.spec.containers.envFrom.secretRef", "spec.template.spec.initContainers.env.name",
        "spec.template.spec.initContainers.env.literal",
        "spec.template.spec.initContainers.env.valueFrom.configMapKeyRef",
        "spec.template.spec.initContainers.env.valueFrom.fieldRef",
        "spec.template.spec.initContainers.envFrom.configMapRef", "spec.template.spec.initContainers.envFrom.prefix",
        "spec.template.spec.initContainers.volumeMounts.name",
        "spec.template.spec.initContainers.volumeMounts.mountPath",
        "spec.template.spec.initContainers.volumeMounts.readOnly", "spec.template.spec.initContainers.name",
        "spec.template.spec.initContainers.env.valueFrom.secretKeyRef",
        "spec.template.spec.initContainers.envFrom.secretRef", "spec.template.spec.volumes.name",
        "spec.template.spec.volumes.configMap.name", "spec.template.spec.volumes.downwardAPI.items.path",
        "spec.template.spec.volumes.secret", "spec.template.spec.volumes.projected.sources.secret",
        "spec.template.spec.volumes.persistentVolumeClaim", "spec.template.spec.volumes.emptyDir.medium",
    ];
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
        "metadata.annotations[nginx.ingress.kubernetes.io/canary-weight-total]", "spec.ingressClassName", "spec.defaultBackend.service",
        "spec.rules.host", "spec.rules.http.paths.backend.service", "status.loadBalancer",
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
    CRON_JOBS = "batch/v1" "cronjobs" [
        "spec.suspend", "spec.schedule", "status",
        "spec.jobTemplate.spec.template.spec.containers.env.name",
        "spec.jobTemplate.spec.template.spec.containers.env.literal",
        "spec.jobTemplate.spec.template.spec.containers.env.valueFrom.configMapKeyRef",
        "spec.jobTemplate.spec.template.spec.containers.env.valueFrom.fieldRef",
        "spec.jobTemplate.spec.template.spec.containers.envFrom.configMapRef",
        "spec.jobTemplate.spec.template.spec.containers.envFrom.prefix",
        "spec.jobTemplate.spec.template.spec.containers.volumeMounts.name",
        "spec.jobTemplate.spec.template.spec.containers.volumeMounts.mountPath",
        "spec.jobTemplate.spec.template.spec.containers.volumeMounts.readOnly",
        "spec.jobTemplate.spec.template.spec.containers.name",
        "spec.jobTemplate.spec.template.spec.containers.env.valueFrom.secretKeyRef",
        "spec.jobTemplate.spec.template.spec.containers.envFrom.secretRef",
        "spec.jobTemplate.spec.template.spec.initContainers.env.name",
        "spec.jobTemplate.spec.template.spec.initContainers.env.literal",
        "spec.jobTemplate.spec.template.spec.initContainers.env.valueFrom.configMapKeyRef",
        "spec.jobTemplate.spec.template.spec.initContainers.env.valueFrom.fieldRef",
        "spec.jobTemplate.spec.template.spec.initContainers.envFrom.configMapRef",
        "spec.jobTemplate.spec.template.spec.initContainers.envFrom.prefix",
        "spec.jobTemplate.spec.template.spec.initContainers.volumeMounts.name",
        "spec.jobTemplate.spec.template.spec.initContainers.volumeMounts.mountPath",
        "spec.jobTemplate.spec.template.spec.initContainers.volumeMounts.readOnly",
        "spec.jobTemplate.spec.template.spec.initContainers.name",
        "spec.jobTemplate.spec.template.spec.initContainers.env.valueFrom.secretKeyRef",
        "spec.jobTemplate.spec.template.spec.initContainers.envFrom.secretRef",
        "spec.jobTemplate.spec.template.spec.volumes.name",
        "spec.jobTemplate.spec.template.spec.volumes.configMap.name",
        "spec.jobTemplate.spec.template.spec.volumes.downwardAPI.items.path",
        "spec.jobTemplate.spec.template.spec.volumes.secret",
        "spec.jobTemplate.spec.template.spec.volumes.projected.sources.secret",
        "spec.jobTemplate.spec.template.spec.volumes.persistentVolumeClaim",
        "spec.jobTemplate.spec.template.spec.volumes.emptyDir.medium",
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
    ORDERS = "acme.cert-manager.io/v1" "orders" ["metadata.creationTimestamp", "metadata.ownerReferences", "status.state", "status.failureTime"];
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
        Keep::of(IDENTITY.iter().chain(self.fields).copied()).map_err(ProbeError::internal)
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

    #[test]
    fn the_fields_of_all_sorts_are_paths_and_their_names_differ() {
        let mut names: Vec<&str> = ALL.iter().map(Resource::name).collect();
        ALL.iter().for_each(|resource| drop(resource.keep().unwrap()));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn paths_name_group_and_namespace() {
        assert_eq!(path("v1", "pods", Some("a")), "/api/v1/namespaces/a/pods");
        assert_eq!(path("apps/v1", "deployments", None), "/apis/apps/v1/deployments");
        assert!(is_plain("system:node.x") && !is_plain("a/b") && !is_plain("..") && !is_plain("a?b") && !is_plain(""));
    }
}
