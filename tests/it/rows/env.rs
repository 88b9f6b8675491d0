//! `runtime.env`, `workspace.env`, `sdk.env` and `config.env`: workloads' environments as files,
//! and one as a real process.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command};

use serde_json::json;

use super::Deployment;

/// 43 characters of base64, which are 32 random bytes.
const STRONG: &str = "b9Zk3mT0xqP7eYw5RfUj1LhGa8NvCs2DoIt6MyKAXVE";

const KUBECONFIG: &str = "current-context: prod\ncontexts: [{ name: prod, context: { cluster: prod } }]\n\
                          clusters: [{ name: prod, cluster: { server: \"https://k8s.example.com\" } }]\n";

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn environments() {
    let mut here = Deployment::new();
    here.parameter("runtime_provider", "local");
    good(&mut here);
    wrong(&mut here);
    absent(&mut here);
    later_kinds(&mut here);
    kubeconfig(&mut here);
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn good(here: &mut Deployment) {
    let key = here.write("keys/app.pem", "-----BEGIN RSA PRIVATE KEY-----\n");
    mode(Path::new(&key), 0o600);
    let certificates = here.directory.path().display().to_string();
    here.environment(
        "control-plane",
        &[
            ("NODE_ENV", "production"),
            ("DATABASE_URL", "postgresql://parallax:S3cure-Pass-4711x@db.internal:5432/parallax?sslmode=verify-full"),
            ("JWT_SECRET", STRONG),
            ("LOG_LEVEL", "info"),
            ("PARALLAX_RUNTIME", "local"),
            ("PARALLAX_AGENT_TIMEOUT", "30000"),
            ("PARALLAX_MAX_CONCURRENCY", "10"),
            ("PARALLAX_WORKSPACE_DIR", "/var/lib/parallax/workspaces"),
            ("PARALLAX_WORKSPACE_CLEANUP_HOURS", "24"),
            ("GITHUB_APP_ID", "123456"),
            ("GITHUB_APP_PRIVATE_KEY_PATH", &key),
            ("GITHUB_WEBHOOK_SECRET", STRONG),
        ],
    );
    here.environment("runtime-local", &[("MAX_AGENTS", "20")]);
    here.environment(
        "runtime-docker",
        &[
            ("DOCKER_HOST", "tcp://docker.internal:2376"),
            ("DOCKER_TLS_VERIFY", "1"),
            ("DOCKER_CERT_PATH", &certificates),
            ("DOCKER_NETWORK", "parallax-agents"),
        ],
    );
    here.environment("runtime-k8s", &[("PARALLAX_NAMESPACE", "parallax-agents")]);
    here.environment("agent", &[("AGENT_TYPE", "claude")]);
    here.expect("all is well", &ROWS.map(|item| (item, "pass", "", "")));
    here.environment("runtime-docker", &[("DOCKER_HOST", "unix:///var/run/docker.sock")]);
    here.environment("runtime-local", &[]);
    here.expect(
        "another way to be well",
        &[("runtime.env.docker-host", "pass", "", ""), ("runtime.env.max-concurrent-agents", "pass", "", "")],
    );
}

const ROWS: [&str; 16] = [
    "config.env.node-env",
    "config.env.database-url",
    "config.env.jwt-secret",
    "config.env.log-level",
    "runtime.env.parallax-runtime",
    "runtime.env.agent-timeout",
    "runtime.env.max-concurrent-agents",
    "runtime.env.docker-host",
    "runtime.env.docker-network",
    "runtime.env.k8s-namespace",
    "runtime.env.k8s-in-cluster",
    "workspace.env.workspace-dir",
    "workspace.env.cleanup-hours",
    "workspace.env.github-app-id",
    "workspace.env.github-app-key",
    "workspace.env.webhook-secret",
];

fn wrong(here: &mut Deployment) {
    let key = here.path("keys/app.pem");
    mode(&key, 0o644);
    here.environment(
        "control-plane",
        &[
            ("NODE_ENV", "development"),
            ("DATABASE_URL", "postgresql://parallax:parallax123@db.internal:5432/parallax?sslmode=verify-full"),
            ("JWT_SECRET", "development-secret-key"),
            ("LOG_LEVEL", "debug"),
            ("PARALLAX_RUNTIME", "docker"),
            ("PARALLAX_AGENT_TIMEOUT", "30"),
            ("PARALLAX_MAX_CONCURRENCY", "10"),
            ("PARALLAX_WORKSPACE_DIR", "/tmp"),
            ("PARALLAX_WORKSPACE_CLEANUP_HOURS", "soon"),
            ("GITHUB_APP_ID", "Iv1.abc"),
            ("GITHUB_APP_PRIVATE_KEY_PATH", &key.display().to_string()),
            ("GITHUB_WEBHOOK_SECRET", "aaaaaaaaaaaaaaaaaaaaaaaa"),
        ],
    );
    here.environment("runtime-local", &[("MAX_AGENTS", "5000")]);
    here.environment("runtime-docker", &[("DOCKER_HOST", "tcp://docker.internal:2375"), ("DOCKER_NETWORK", "bridge")]);
    here.environment("runtime-k8s", &[("PARALLAX_NAMESPACE", "default"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1")]);
    here.environment("agent", &[("AGENT_TYPE", "parrot")]);
    let assertion = |(item, part)| (item, "fail", "assertion", part);
    let rows = [
        ("config.env.node-env", "expected one of production"),
        ("config.env.database-url", "placeholder"),
        ("config.env.jwt-secret", "placeholder"),
        ("config.env.log-level", "another value"),
        ("runtime.env.parallax-runtime", "one of local"),
        ("runtime.env.agent-timeout", "at least 1000, saw 30"),
        ("runtime.env.max-concurrent-agents", "at most 100, saw 5000"),
        ("runtime.env.docker-host", "none of 3 alternatives"),
        ("runtime.env.k8s-namespace", "one of parallax-agents"),
        ("workspace.env.workspace-dir", "/var/lib/parallax/workspaces"),
        ("workspace.env.cleanup-hours", "no integer"),
        ("workspace.env.github-app-id", "no match"),
        ("workspace.env.github-app-key", "path.mode_bits"),
        ("workspace.env.webhook-secret", "at least 80 bits"),
        ("sdk.env.agent-type", "one of claude"),
    ];
    here.expect("wrong values", &rows.map(assertion));
    // It depends on a row whose kind is not built; a failure of its own is shown all the same.
    let network = ("runtime.env.docker-network", "blocked", "dependency", "one of parallax-agents");
    here.expect("another network", &[network]);

    let url = "postgresql://parallax:S3cure-Pass-4711x";
    for (address, part) in [
        ("@db.internal:5432/parallax", "sslmode"),
        ("@db.internal:5432/parallax?sslmode=prefer", "sslmode"),
        ("@127.0.0.1:5432/parallax?sslmode=require", "loopback"),
    ] {
        let address = format!("{url}{address}");
        here.environment("control-plane", &[("DATABASE_URL", &address), ("JWT_SECRET", "dGVzdA")]);
        let short = ("config.env.jwt-secret", "fail", "assertion", "at least 32 bytes");
        here.expect(
            "not encrypted, or local; a short secret",
            &[("config.env.database-url", "fail", "assertion", part), short],
        );
    }
    let keys = here.path("keys");
    mode(&key, 0o600);
    mode(&keys, 0o777);
    here.environment("control-plane", &[("GITHUB_APP_PRIVATE_KEY_PATH", &key.display().to_string())]);
    let item = "workspace.env.github-app-key";
    here.expect("everybody may replace the key", &[(item, "fail", "assertion", "parents_private")]);
}

fn absent(here: &mut Deployment) {
    for target in ["control-plane", "runtime-local", "runtime-docker", "runtime-k8s", "agent"] {
        here.environment(target, &[]);
    }
    let missing = |item| (item, "fail", "missing", "saw no value");
    let rows = [
        "config.env.node-env",
        "config.env.database-url",
        "config.env.jwt-secret",
        "config.env.log-level",
        "runtime.env.agent-timeout",
        "runtime.env.max-concurrent-agents",
        "runtime.env.docker-host",
        "runtime.env.k8s-namespace",
        "workspace.env.workspace-dir",
        "workspace.env.github-app-id",
        "workspace.env.github-app-key",
        "workspace.env.webhook-secret",
        "sdk.env.agent-type",
    ];
    here.expect("nothing is set", &rows.map(missing));
    let unset =
        [("runtime.env.parallax-runtime", "pass", "", "allowed"), ("workspace.env.cleanup-hours", "pass", "", "")];
    here.expect("nothing is set, which is allowed", &unset);
    here.target("agent", json!({ "address": "file:/nonexistent/agent.env" }));
    let gone = ("sdk.env.agent-type", "unknown", "missing", "/nonexistent/agent.env");
    here.expect("the workload cannot be looked at", &[gone]);
}

/// What is built of them can fail them; without the rest they never pass.
fn later_kinds(here: &mut Deployment) {
    let api_key = format!("plx_{}", "0123456789abcdef".repeat(4));
    here.environment(
        "control-plane",
        &[("REDIS_URL", "rediss://:S3cure-Pass-4711x@cache:6379"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://otel:4317")],
    );
    here.environment("runtime-docker", &[("DOCKER_IMAGE_PREFIX", "registry.example.com/agents")]);
    here.environment("runtime-k8s", &[("PARALLAX_K8S_IN_CLUSTER", "true"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1")]);
    here.environment(
        "agent",
        &[("PARALLAX_REGISTRY", "cp.internal:50051"), ("PARALLAX_AGENT_ID", "a-1"), ("PARALLAX_API_KEY", &api_key)],
    );
    let rows = [
        "config.env.redis-url",
        "config.env.enable-tracing",
        "runtime.env.k8s-in-cluster",
        "runtime.env.image-prefix",
        "sdk.env.control-plane-url",
    ];
    here.expect("the built parts hold", &rows.map(|item| (item, "unknown", "unmapped", "")));
    here.expect("the registry is not known", &[("sdk.env.agent-id", "unknown", "unconfigured", "etcd")]);

    here.environment("control-plane", &[("REDIS_URL", "redis://cache:6379"), ("OTEL_TRACES_EXPORTER", "none")]);
    here.environment("runtime-docker", &[("DOCKER_IMAGE_PREFIX", "not an image")]);
    here.environment("runtime-k8s", &[("PARALLAX_K8S_IN_CLUSTER", "true")]);
    here.environment(
        "agent",
        &[("PARALLAX_REGISTRY", "somewhere"), ("PARALLAX_AGENT_ID", "a b"), ("PARALLAX_API_KEY", "plx_admin")],
    );
    here.expect(
        "the built parts are wrong",
        &[
            ("config.env.redis-url", "fail", "assertion", "has_password"),
            ("config.env.enable-tracing", "fail", "assertion", "OTEL_TRACES_EXPORTER"),
            ("runtime.env.k8s-in-cluster", "fail", "missing", "KUBERNETES_SERVICE_HOST"),
            ("sdk.env.control-plane-url", "fail", "assertion", "no match"),
            ("sdk.env.api-key", "fail", "assertion", "placeholder"),
            ("runtime.env.image-prefix", "blocked", "dependency", "no match"),
            ("sdk.env.agent-id", "blocked", "dependency", "no match"),
        ],
    );
}

fn kubeconfig(here: &mut Deployment) {
    const ITEM: &str = "runtime.env.kubeconfig";
    let path = here.write("kube/config", KUBECONFIG);
    let file = Path::new(&path).to_owned();
    mode(&file, 0o600);
    here.parameter("kubeconfig_path", path.as_str());
    let workload = |here: &mut Deployment, variable: Option<&str>| {
        let mut command = Command::new("sleep");
        command.arg("600").env_remove("KUBECONFIG").envs(variable.map(|value| ("KUBECONFIG", value)));
        let process = Process(command.spawn().unwrap());
        let pidfile = here.write("runtime.pid", &process.0.id().to_string());
        here.target("runtime-k8s", json!({ "address": format!("pidfile:{pidfile}") }));
        process
    };
    let _running = workload(here, Some(&path));
    here.expect("the variable names a private file", &[(ITEM, "pass", "", "")]);
    mode(&file, 0o644);
    here.expect("everybody may read it", &[(ITEM, "fail", "assertion", "mode_bits")]);
    mode(&file, 0o600);
    for (from, to, part) in [
        ("https://", "http://", "startsWith"),
        ("current-context: prod", "current-context: test", "current-context"),
        ("server:", "insecure-skip-tls-verify: true, server:", "insecure-skip-tls-verify"),
    ] {
        std::fs::write(&file, KUBECONFIG.replace(from, to)).unwrap();
        here.expect(to, &[(ITEM, "fail", "assertion", part)]);
    }
    std::fs::write(&file, "not: [yaml").unwrap();
    here.expect("not YAML", &[(ITEM, "fail", "invalid", "")]);
    std::fs::write(&file, KUBECONFIG).unwrap();
    let _running = workload(here, None);
    let uid = std::fs::metadata(&file).unwrap().uid();
    here.parameter("runtime_k8s_uid", uid);
    here.expect("the default file of the right user", &[(ITEM, "pass", "", "")]);
    here.parameter("runtime_k8s_uid", uid + 1);
    here.expect("the file of another user", &[(ITEM, "fail", "missing", "none of 2 alternatives")]);
    here.parameter("runtime_in_cluster", true);
    here.expect("the runtime is a pod", &[(ITEM, "not_applicable", "inapplicable", "runtime_in_cluster")]);
}
