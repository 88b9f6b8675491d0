//! People with SSH keys, who sign statements with `ssh-keygen`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Known to the exporter as allowed signers; `Mallory Moe` has a key and is not.
const KNOWN: [&str; 3] = ["Ann Example", "Ben Example", "Cec Example"];
const UNKNOWN: &str = "Mallory Moe";

pub(crate) struct People {
    directory: PathBuf,
}

impl People {
    pub(crate) fn start(directory: &Path) -> Self {
        let this = Self { directory: directory.to_owned() };
        let mut signers = String::new();
        for name in KNOWN.iter().chain([&UNKNOWN]) {
            let key = this.key(name);
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
                .arg(&key)
                .status()
                .expect("ssh-keygen");
            assert!(made.success(), "ssh-keygen makes a key");
            let public = fs::read_to_string(key.with_extension("pub")).expect("public key");
            if *name != UNKNOWN {
                signers += &format!("\"{name}\" namespaces=\"readiness\" {public}");
            }
        }
        fs::write(this.signers(), signers).expect("signers");
        this
    }

    /// The file of allowed signers.
    pub(crate) fn signers(&self) -> PathBuf {
        self.directory.join("allowed_signers")
    }

    fn key(&self, name: &str) -> PathBuf {
        self.directory.join(name.split(' ').next().unwrap_or(name).to_lowercase())
    }

    /// The armoured signature of `name` over an attestation as it stands in a root file.
    pub(crate) fn sign(&self, name: &str, attestation: &Value) -> Result<String, String> {
        let mut child = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", "readiness", "-f"])
            .arg(self.key(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut input = child.stdin.take().ok_or("no input")?;
        input.write_all(text(attestation)?.as_bytes()).map_err(|error| error.to_string())?;
        drop(input);
        let done = child.wait_with_output().map_err(|error| error.to_string())?;
        if !done.status.success() {
            return Err(format!("ssh-keygen does not sign for {name}"));
        }
        String::from_utf8(done.stdout).map_err(|error| error.to_string())
    }
}

/// What is signed, written down a second time from docs/catalogue.md.
fn text(attestation: &Value) -> Result<String, String> {
    let mut text = "readiness attestation v1\n".to_owned();
    for name in ["id", "statement", "attester", "role", "evidence", "evidence_sha256"] {
        text += &format!("{name}: {}\n", attestation[name].as_str().unwrap_or_default());
    }
    for name in ["attested_at", "expires"] {
        let at: jiff::Timestamp =
            attestation[name].as_str().unwrap_or_default().parse().map_err(|_| format!("`{name}` is no time"))?;
        text += &format!("{name}: {}\n", at.as_second());
    }
    for (name, value) in attestation["fields"].as_object().into_iter().flatten() {
        text += &format!("field {name}: {value}\n");
    }
    Ok(text)
}
