//! Where the repository is, and how git is run there: no shell, no configuration but ours, no
//! program that a repository names, no protocol but the one of the address.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use zeroize::Zeroizing;

use super::fault;
use super::private::Folder;
use crate::model::Reason;
use crate::probe::guard::sandbox::{self, Ended, Job};
use crate::probe::{Blame, ProbeCx, ProbeError};

/// Bytes kept of what git writes.
pub(super) const OUTPUT: usize = 8 << 20;
/// The variable that holds the header with the login; git reads it from there, so that it is on no
/// command line.
const HEADER: &str = "READINESS_GIT_HEADER";

/// How an address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Local,
    Http,
    Https,
    Git,
    Ssh,
}

impl Scheme {
    /// A clause that says what is wrong, without the address.
    pub(super) fn of(address: &str) -> Result<Self, &'static str> {
        if address.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err("the address holds a blank");
        }
        if address.starts_with('/') {
            return Ok(Self::Local);
        }
        let (scheme, rest) = address.split_once("://").ok_or("expected an absolute path or a URL")?;
        let host = rest.split('/').next().unwrap_or_default();
        let (user, host) = host.split_once('@').map_or((None, host), |(user, host)| (Some(user), host));
        if host.is_empty() || host.starts_with('-') || host.contains('@') {
            return Err("the URL names no host");
        }
        match (scheme, user) {
            // A user of ssh is no secret.
            ("ssh", None) => Ok(Self::Ssh),
            ("ssh", Some(user)) if !user.contains(':') && !user.starts_with('-') => Ok(Self::Ssh),
            ("http" | "https" | "git" | "ssh", Some(_)) => {
                Err("the URL holds a login; name a credential of the target")
            }
            ("http", None) => Ok(Self::Http),
            ("https", None) => Ok(Self::Https),
            ("git", None) => Ok(Self::Git),
            _ => Err("expected an absolute path, https://, http://, git:// or ssh://"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Local => "file",
            Self::Http => "http",
            Self::Https => "https",
            Self::Git => "git",
            Self::Ssh => "ssh",
        }
    }
}

/// It goes into a command line of ssh that git splits like a shell does.
pub(super) fn is_plain_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
}

/// What is known of the way to a repository before anything is looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct Reach {
    /// A target is named, whose address and login count.
    pub(super) by_target: bool,
    pub(super) repository: Option<String>,
    pub(super) user: Option<String>,
    pub(super) ssh_key: Option<String>,
    pub(super) ssh_known_hosts: Option<String>,
}

/// git, ready to be run for one repository.
pub(super) struct Place<'a> {
    cx: &'a ProbeCx,
    pub(super) address: String,
    pub(super) scheme: Scheme,
    /// Removed with this.
    pub(super) folder: Folder,
    options: Vec<String>,
    env: BTreeMap<String, String>,
}

impl<'a> Place<'a> {
    pub(super) async fn of(leg: &Reach, cx: &'a ProbeCx) -> Result<Self, ProbeError> {
        let address = match &leg.repository {
            Some(own) => own.clone(),
            None => cx.target()?.address.to_string(),
        };
        let scheme = Scheme::of(&address)
            .map_err(|why| ProbeError::unconfigured(format!("the address of the repository cannot be used: {why}")))?;
        let folder = Folder::make()?;
        let mut options = Vec::new();
        let mut set = |text: &str| options.extend(["-c".to_owned(), text.to_owned()]);
        for text in [
            "core.hooksPath=/dev/null",
            "core.fsmonitor=false",
            "core.attributesFile=/dev/null",
            "core.alternateRefsCommand=",
            "credential.helper=",
            "safe.directory=*",
            "gc.auto=0",
            "maintenance.auto=false",
            "fetch.unpackLimit=1",
            "fetch.recurseSubmodules=false",
            "log.showSignature=false",
            "http.followRedirects=false",
            "user.name=readiness-exporter",
            "user.email=readiness-exporter@localhost.invalid",
            "push.default=nothing",
            "push.followTags=false",
            "push.gpgSign=false",
            "protocol.allow=never",
        ] {
            set(text);
        }
        if scheme != Scheme::Local {
            set(&format!("protocol.{}.allow=always", scheme.name()));
        }
        let mut env = BTreeMap::new();
        let home = folder.path().display().to_string();
        for (name, value) in [
            ("HOME", home.as_str()),
            ("XDG_CONFIG_HOME", &home),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", ""),
            ("SSH_ASKPASS", ""),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_NO_REPLACE_OBJECTS", "1"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_PAGER", "cat"),
            ("LC_ALL", "C"),
        ] {
            env.insert(name.to_owned(), value.to_owned());
        }
        if let (Scheme::Local, Some(above)) = (scheme, Path::new(&address).parent()) {
            // A folder without a repository is not looked for further up.
            env.insert("GIT_CEILING_DIRECTORIES".to_owned(), above.display().to_string());
        }
        if scheme == Scheme::Ssh {
            env.insert("GIT_SSH_COMMAND".to_owned(), ssh(leg)?);
            env.insert("GIT_SSH_VARIANT".to_owned(), "ssh".to_owned());
        }
        let mut place = Self { cx, address, scheme, folder, options, env };
        place.log_in(leg).await?;
        Ok(place)
    }

    async fn log_in(&mut self, leg: &Reach) -> Result<(), ProbeError> {
        if !leg.by_target {
            return Ok(());
        }
        let target = self.cx.target()?;
        if matches!(self.scheme, Scheme::Http | Scheme::Https) {
            if let Some(credential) = &target.credential {
                let secret = self.cx.credential(credential).await?;
                let header = match &leg.user {
                    Some(user) => {
                        let pair = Zeroizing::new(format!("{user}:{}", secret.expose()));
                        let coded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(pair.as_bytes()));
                        format!("Authorization: Basic {}", *coded)
                    }
                    None => format!("Authorization: Bearer {}", secret.expose()),
                };
                if header.contains(['\r', '\n', '\0']) {
                    let detail = format!("the credential of the target {} holds a line break", target.name);
                    return Err(ProbeError::unconfigured(detail));
                }
                self.env.insert(HEADER.to_owned(), header);
                self.options.push(format!("--config-env=http.extraHeader={HEADER}"));
            }
            if let Some(ca) = &target.tls.ca {
                self.env.insert("GIT_SSL_CAINFO".to_owned(), ca.display().to_string());
            }
            for (variable, file) in [("GIT_SSL_CERT", &target.tls.client_cert), ("GIT_SSL_KEY", &target.tls.client_key)]
            {
                if let Some(file) = file {
                    self.env.insert(variable.to_owned(), file.display().to_string());
                }
            }
        }
        Ok(())
    }

    /// The folder of the repository that is read: that of this host, or what was fetched.
    pub(super) fn repository(&self) -> String {
        match self.scheme {
            Scheme::Local => self.address.clone(),
            _ => self.fetched().display().to_string(),
        }
    }

    pub(super) fn fetched(&self) -> std::path::PathBuf {
        self.folder.path().join("repository")
    }

    /// Runs git with these arguments, in the repository if there is one already. Any code is an answer.
    pub(super) async fn run(
        &self,
        inside: bool,
        arguments: &[&str],
        input: Option<Vec<u8>>,
    ) -> Result<Ended, ProbeError> {
        let mut argv = vec!["git".to_owned(), "--no-pager".to_owned(), "--literal-pathspecs".to_owned()];
        // What searches or compares takes patterns of paths.
        if matches!(arguments.first(), Some(&("diff" | "grep" | "log" | "rev-list"))) {
            argv.pop();
        }
        argv.extend(self.options.iter().cloned());
        if inside {
            argv.extend(["-C".to_owned(), self.repository()]);
        }
        argv.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let what = arguments.first().copied().unwrap_or_default();
        let job = Job {
            argv,
            env: self.env.clone(),
            cwd: Some(self.folder.path().to_owned()),
            stdin: input,
            max_output: OUTPUT,
        };
        let ended = sandbox::run(job, self.cx.deadline()).await?;
        self.cx.note("git", format!("{what}: {:?} after {:.3} s", ended.exit_code, ended.duration.as_secs_f64()));
        Ok(ended)
    }

    /// The same where all that can hang is the server: that it does not answer in time is its fault.
    pub(super) async fn remote(&self, inside: bool, arguments: &[&str]) -> Result<Ended, ProbeError> {
        self.run(inside, arguments, None).await.map_err(|error| match error.reason {
            Reason::Timeout => ProbeError { blame: Blame::Target, ..error },
            _ => error,
        })
    }

    /// Makes an empty repository in the private folder, unless there is one.
    pub(super) async fn init(&self) -> Result<(), ProbeError> {
        let folder = self.fetched().display().to_string();
        let made = self.run(false, &["init", "-q", "--bare", "--template=", "--", &folder], None).await?;
        match made.exit_code {
            Some(0) => Ok(()),
            code => Err(fault::of("init", code, &made.stderr.bytes)),
        }
    }

    /// The same where any code but 0 means that git could not.
    pub(super) async fn ask(&self, arguments: &[&str], input: Option<Vec<u8>>) -> Result<Ended, ProbeError> {
        let ended = self.run(true, arguments, input).await?;
        match ended.exit_code {
            Some(0) => Ok(ended),
            code => Err(fault::of(arguments.first().copied().unwrap_or_default(), code, &ended.stderr.bytes)),
        }
    }

    pub(super) fn cx(&self) -> &ProbeCx {
        self.cx
    }
}

/// The command of ssh. Paths in it are plain, see `check`.
fn ssh(leg: &Reach) -> Result<String, ProbeError> {
    let hosts = leg
        .ssh_known_hosts
        .as_deref()
        .ok_or_else(|| ProbeError::unconfigured("no file of known hosts is configured for ssh"))?;
    let mut command = format!(
        "ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={hosts} -o GlobalKnownHostsFile=none \
         -o UpdateHostKeys=no -o PasswordAuthentication=no -o KbdInteractiveAuthentication=no \
         -o ClearAllForwardings=yes -o PermitLocalCommand=no"
    );
    if let Some(key) = leg.ssh_key.as_deref() {
        if !Path::new(key).is_file() {
            return Err(ProbeError::observer(Reason::Missing, "the private key for ssh is not there"));
        }
        command += &format!(" -o IdentitiesOnly=yes -i {key}");
    }
    Ok(command)
}
