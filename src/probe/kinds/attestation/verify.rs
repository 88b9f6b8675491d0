//! Evidence files and SSH signatures.

use std::os::fd::AsRawFd;
use std::path::PathBuf;

use aws_lc_rs::digest;
use rustix::fs::{MemfdFlags, memfd_create};

use crate::model::Reason;
use crate::probe::guard::sandbox::{self, Job};
use crate::probe::kinds::file::look;
use crate::probe::{Blame, ProbeCx, ProbeError};

use super::{Attestation, Attested, Record, Standing};

/// The SSH signature namespace.
const NAMESPACE: &str = "readiness";

/// What is signed: these lines in this order, each field on one line, with a line break after
/// every one of them, and then one line for each of the structured claims, sorted by name, with the
/// value as JSON. White space inside a field is folded to single spaces.
pub(super) fn canonical_text(record: &Record) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let fields: String = record.fields.iter().fold(String::new(), |text, (name, value)| {
        text + &format!("{}: {}\n", line(&format!("field {name}")), line(&value.to_string()))
    });
    format!(
        "readiness attestation v1\nid: {}\nstatement: {}\nattester: {}\nrole: {}\nevidence: {}\nevidence_sha256: {}\n\
         attested_at: {}\nexpires: {}\n{fields}",
        line(&record.id),
        line(&record.statement),
        line(&record.attester),
        line(&record.role),
        line(&record.evidence),
        line(&record.evidence_sha256).to_lowercase(),
        record.attested_at_s,
        record.expires_s,
    )
}

fn discount(attested: &mut Attested, standing: Standing, problem: String) {
    attested.standing = standing;
    attested.problem = problem;
}

/// Compares a local evidence file with its digest. Links to elsewhere are not followed.
pub(super) async fn evidence(
    leg: &Attestation,
    record: &Record,
    attested: &mut Attested,
    cx: &ProbeCx,
) -> Result<(), ProbeError> {
    let expected = record.evidence_sha256.trim().to_lowercase();
    if expected.is_empty() {
        return Ok(());
    }
    let Some(path) = local(&record.evidence) else {
        if !record.evidence.contains("://") {
            let problem = "the evidence has a digest, but is neither an absolute path nor a link";
            discount(attested, Standing::Unchecked, problem.to_owned());
        }
        return Ok(());
    };
    let shown = path.display().to_string();
    let read = leg.lane.run(cx, &shown, move || look::read(&path, look::READ_CEILING)).await;
    match read {
        Ok(bytes) => {
            let seen = hex(digest::digest(&digest::SHA256, &bytes).as_ref());
            attested.evidence_ok = Some(seen == expected);
            if seen != expected {
                discount(attested, Standing::Invalid, format!("the evidence {shown} is not the one attested"));
            }
        }
        Err(error) if error.blame == Blame::Target => {
            attested.evidence_ok = Some(false);
            discount(attested, Standing::Invalid, format!("evidence: {}", error.detail));
        }
        Err(error) => discount(attested, Standing::Unchecked, format!("evidence: {}", error.detail)),
    }
    Ok(())
}

fn local(evidence: &str) -> Option<PathBuf> {
    let path = evidence.strip_prefix("file://").unwrap_or(evidence);
    path.starts_with('/').then(|| path.into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks a signature with `ssh-keygen -Y verify`. A signature that is given must hold, whether
/// it is required or not.
pub(super) async fn signature(
    leg: &Attestation,
    record: &Record,
    attested: &mut Attested,
    cx: &ProbeCx,
) -> Result<(), ProbeError> {
    if record.signature.trim().is_empty() {
        if leg.require_signature {
            discount(attested, Standing::Unsuitable, "is not signed".to_owned());
        }
        return Ok(());
    }
    let Some(signers) = &leg.allowed_signers else {
        if leg.require_signature {
            discount(attested, Standing::Unchecked, "no file of allowed signers is configured".to_owned());
        }
        return Ok(());
    };
    let path = signers.clone();
    let readable = move || look::read(&path, look::READ_CEILING).map(drop);
    if let Err(error) = leg.lane.run(cx, &signers.display().to_string(), readable).await {
        discount(attested, Standing::Unchecked, format!("allowed signers: {}", error.detail));
        return Ok(());
    }
    let file = in_memory(&record.signature)
        .map_err(|error| ProbeError::internal(format!("no memory file for a signature: {}", error.kind())))?;
    // The text is the program's input, so the signature needs a path of its own.
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let signers = signers.display().to_string();
    let argv = ["ssh-keygen", "-Y", "verify", "-f", &signers, "-I", &record.attester, "-n", NAMESPACE, "-s", &path];
    let job = Job {
        argv: argv.map(str::to_owned).into(),
        stdin: Some(canonical_text(record).into_bytes()),
        max_output: 1024,
        ..Job::default()
    };
    match sandbox::run(job, cx.deadline()).await {
        Ok(ended) if ended.exit_code == Some(0) => attested.signature_ok = Some(true),
        Ok(ended) if ended.exit_code.is_some() => {
            attested.signature_ok = Some(false);
            discount(attested, Standing::Invalid, "the signature does not hold".to_owned());
        }
        Ok(_) => discount(attested, Standing::Unchecked, "ssh-keygen was killed".to_owned()),
        Err(error) if error.reason == Reason::Timeout => return Err(error),
        Err(error) => discount(attested, Standing::Unchecked, error.detail),
    }
    Ok(())
}

fn in_memory(text: &str) -> std::io::Result<std::fs::File> {
    use std::io::{Seek, Write};

    let mut file = std::fs::File::from(memfd_create("signature", MemfdFlags::CLOEXEC)?);
    file.write_all(text.trim().as_bytes())?;
    file.write_all(b"\n")?;
    file.rewind()?;
    Ok(file)
}
