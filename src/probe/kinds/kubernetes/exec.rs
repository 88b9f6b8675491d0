//! A login that a program of the kubeconfig makes (`exec`), run as the kind `command` runs programs:
//! without a shell, with nearly no environment, and killed at the deadline.

use std::collections::BTreeMap;

use kube::config::{ExecConfig, ExecInteractiveMode};
use serde_json::{Value, json};

use crate::model::{Reason, Secret, Timestamp};
use crate::probe::guard::sandbox::{self, Job};
use crate::probe::kinds::http::api::Inside;
use crate::probe::net::tls::Inline;
use crate::probe::{ProbeCx, ProbeError};

/// More than any login needs.
const MAX_OUTPUT: usize = 256 << 10;
/// What such programs look for besides what the kubeconfig gives them.
const HOME: &str = "HOME";

pub(super) struct Login {
    pub(super) token: Option<Secret>,
    pub(super) own: Option<(Inline, Inline)>,
    pub(super) expires: Option<Timestamp>,
}

pub(super) async fn run(plugin: &ExecConfig, cx: &ProbeCx) -> Result<Login, ProbeError> {
    let program = plugin.command.clone().filter(|name| !name.is_empty());
    let program = program.ok_or_else(|| ProbeError::unconfigured("`exec` of the kubeconfig names no command"))?;
    if plugin.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(ProbeError::unconfigured(format!("{program} of the kubeconfig wants to ask a person")));
    }
    let version = plugin.api_version.clone().unwrap_or_else(|| "client.authentication.k8s.io/v1".to_owned());
    let info = json!({"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": false}});
    let mut env = BTreeMap::from([("KUBERNETES_EXEC_INFO".to_owned(), info.to_string())]);
    env.extend(std::env::var_os(HOME).and_then(|home| home.into_string().ok()).map(|home| (HOME.to_owned(), home)));
    for variable in plugin.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            env.insert(name.clone(), value.clone());
        }
    }
    let argv = std::iter::once(program.clone()).chain(plugin.args.iter().flatten().cloned()).collect();
    let ended = sandbox::run(Job { argv, env, max_output: MAX_OUTPUT, ..Job::default() }, cx.deadline()).await?;
    // What it says on the way may hold what it is about.
    if ended.exit_code != Some(0) {
        let how = ended.exit_code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"));
        return Err(ProbeError::observer(
            Reason::AuthRejected,
            format!("{program} made no login but ended with {how}"),
        ));
    }
    let login = login(&ended.stdout.bytes);
    let login = login.ok_or_else(|| {
        let text = format!("expected an ExecCredential from {program}, saw {} bytes of else", ended.stdout.bytes.len());
        ProbeError::observer(Reason::Protocol, text)
    })?;
    login.token.iter().for_each(|token| cx.learn(token));
    cx.note("login", format_args!("by {program}"));
    Ok(login)
}

fn login(output: &[u8]) -> Option<Login> {
    let answer: Value = serde_json::from_slice(output).ok()?;
    let status = answer.at("status");
    let text = |key: &str| status.at(key).as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let token = text("token").map(Secret::new);
    let own = text("clientCertificateData").zip(text("clientKeyData"));
    let own = own.map(|(cert, key)| (Inline::new(Secret::new(cert)), Inline::new(Secret::new(key))));
    if answer.at("kind") != "ExecCredential" || (token.is_none() && own.is_none()) {
        return None;
    }
    let expires = text("expirationTimestamp").and_then(|at| at.parse::<jiff::Timestamp>().ok());
    Some(Login { token, own, expires: expires.map(|at| Timestamp(at.as_millisecond())) })
}
