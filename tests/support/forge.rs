//! A real forge: nginx in front of git's own program for HTTP, with TLS and logins; and a real server of
//! ssh. Both serve the bare repository `box.git`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::process::Process;
use super::protocols::certificates;

/// May read and write.
pub(crate) const WRITER: (&str, &str) = ("x-access-token", "wr1ter-s3cret-4711");
/// May read.
pub(crate) const READER: (&str, &str) = ("reader", "r3ader-s3cret-4711");
/// May log in, and nothing else.
pub(crate) const OUTSIDER: (&str, &str) = ("outsider", "0utsider-s3cret-4711");

const SOON: Duration = Duration::from_secs(20);

/// The repository itself, with one commit on `main`.
pub(crate) struct Sandbox {
    pub(crate) path: PathBuf,
}

impl Sandbox {
    /// Below `directory`, which the servers serve.
    pub(crate) fn make(directory: &Path) -> Self {
        let made = Self { path: directory.join("box.git") };
        made.restore();
        made
    }

    /// As it was first.
    pub(crate) fn restore(&self) {
        let _ = fs::remove_dir_all(&self.path);
        let path = self.path.display().to_string();
        run(Command::new("git").args(["init", "-q", "--bare", "-b", "main", &path]));
        let tree = self.git(&["hash-object", "-w", "-t", "tree", "/dev/null"]);
        let commit = self.git(&["commit-tree", &tree, "-m", "first"]);
        self.git(&["update-ref", "refs/heads/main", &commit]);
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-C"]).arg(&self.path).args(arguments);
        run(&mut command)
    }

    /// All branches, sorted.
    pub(crate) fn branches(&self) -> Vec<String> {
        self.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]).lines().map(str::to_owned).collect()
    }

    pub(crate) fn branch(&self, name: &str) {
        self.git(&["update-ref", &format!("refs/heads/{name}"), "refs/heads/main"]);
    }

    /// A program that the server runs before it takes a push; none: it takes every one.
    pub(crate) fn hook(&self, name: &str, script: Option<&str>) {
        let hooks = self.path.join("hooks");
        let _ = fs::remove_dir_all(&hooks);
        fs::create_dir_all(&hooks).expect("hooks");
        if let Some(script) = script {
            let file = hooks.join(name);
            fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("hook");
            let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(file, executable).expect("mode");
        }
    }
}

fn run(command: &mut Command) -> String {
    let done = command.stdin(Stdio::null()).output().expect("a program");
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// Over HTTPS with a certificate of its own authority, and over HTTP in the clear.
pub(crate) struct Forge {
    pub(crate) nginx: Process,
    cgi: Process,
    pub(crate) tls_port: u16,
    pub(crate) port: u16,
    directory: PathBuf,
}

impl Forge {
    /// Serves what lies in `served`; keeps its own files in `directory`.
    pub(crate) fn start(directory: &Path, served: &Path) -> Self {
        fs::create_dir_all(directory).expect("directory");
        certificates(directory);
        let (tls_port, port) = (super::free_port(), super::free_port());
        let socket = directory.join("cgi.sock");
        fs::write(directory.join("nginx.conf"), config(directory, served, tls_port, port)).expect("nginx.conf");
        let users = [WRITER, READER, OUTSIDER].map(|(user, password)| format!("{user}:{{PLAIN}}{password}\n"));
        fs::write(directory.join("users"), users.concat()).expect("users");
        let at = socket.clone();
        let mut cgi = Process::new(&directory.join("cgi.log"), move || {
            let _ = fs::remove_file(&at);
            let mut command = Command::new("fcgiwrap");
            command.arg("-s").arg(format!("unix:{}", at.display()));
            command
        });
        cgi.start_until(SOON, || socket.exists());
        let conf = directory.join("nginx.conf");
        let mut nginx = Process::new(&directory.join("nginx.log"), move || {
            let mut command = Command::new("nginx");
            command.arg("-c").arg(&conf);
            command
        });
        nginx.start_until(SOON, || super::listens(port));
        Self { nginx, cgi, tls_port, port, directory: directory.to_owned() }
    }

    pub(crate) fn address(&self) -> String {
        format!("https://localhost:{}/box.git", self.tls_port)
    }

    pub(crate) fn ca(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    pub(crate) fn start_again(&mut self) {
        self.nginx.resume();
        let port = self.port;
        self.nginx.start_until(SOON, || super::listens(port));
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        self.nginx.stop();
        self.cgi.stop();
    }
}

fn config(directory: &Path, served: &Path, tls_port: u16, port: u16) -> String {
    let (dir, served) = (directory.display(), served.display());
    let git = run(Command::new("git").arg("--exec-path"));
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .fold(String::new(), |text, name| format!("{text}{name}_temp_path {dir}/{name};\n"));
    let place = format!(
        "location / {{\n\
         auth_basic forge; auth_basic_user_file {dir}/users;\n\
         if ($forbidden) {{ return 403; }}\n\
         client_max_body_size 10m;\n\
         fastcgi_pass unix:{dir}/cgi.sock;\n\
         fastcgi_param SCRIPT_FILENAME {git}/git-http-backend;\n\
         fastcgi_param GIT_PROJECT_ROOT {served};\n\
         fastcgi_param GIT_HTTP_EXPORT_ALL 1;\n\
         fastcgi_param PATH_INFO $uri;\n\
         fastcgi_param REMOTE_USER $remote_user;\n\
         fastcgi_param QUERY_STRING $query_string;\n\
         fastcgi_param REQUEST_METHOD $request_method;\n\
         fastcgi_param CONTENT_TYPE $content_type;\n\
         fastcgi_param CONTENT_LENGTH $content_length;\n\
         fastcgi_param GIT_PROTOCOL $http_git_protocol;\n\
         }}\n"
    );
    format!(
        "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\n\
         access_log {dir}/access.log;\n{temporary}\
         map \"$remote_user $request_uri\" $forbidden {{ default 0; \"~^outsider \" 1; \"~^reader .*receive-pack\" 1; }}\n\
         server {{ listen 127.0.0.1:{port};\n{place} }}\n\
         server {{ listen 127.0.0.1:{tls_port} ssl; ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key;\n{place} }}\n\
         }}\n"
    )
}

/// A server of ssh that lets one key in.
pub(crate) struct Sshd {
    pub(crate) process: Process,
    pub(crate) port: u16,
    directory: PathBuf,
}

impl Sshd {
    pub(crate) fn start(directory: &Path) -> Self {
        fs::create_dir_all(directory).expect("directory");
        if rustix::process::geteuid().is_root() {
            // As root it gives up its rights in this empty folder, and insists on it.
            fs::create_dir_all("/run/sshd").expect("/run/sshd");
        }
        for name in ["host", "other-host", "user", "stranger"] {
            let file = directory.join(name);
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&file));
        }
        let port = super::free_port();
        let config = directory.join("sshd_config");
        let process = Process::new(&directory.join("log"), move || {
            // It starts itself again for each connection, by its whole path.
            let mut command = Command::new("/usr/sbin/sshd");
            command.args(["-D", "-e", "-f"]).arg(&config);
            command
        });
        let mut this = Self { process, port, directory: directory.to_owned() };
        fs::copy(this.file("user.pub"), this.file("authorized_keys")).expect("authorized keys");
        let known = |key: &str| {
            let key = fs::read_to_string(this.file(key)).expect("key");
            format!("[127.0.0.1]:{port} {key}")
        };
        fs::write(this.file("known_hosts"), known("host.pub")).expect("known hosts");
        fs::write(this.file("known_other"), known("other-host.pub")).expect("known hosts");
        fs::write(this.file("known_none"), "").expect("known hosts");
        this.serve("host");
        this
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Shows this key of a host, and listens.
    pub(crate) fn serve(&mut self, host_key: &str) {
        let dir = self.directory.display();
        let text = format!(
            "Port {}\nListenAddress 127.0.0.1\nHostKey {dir}/{host_key}\nAuthorizedKeysFile {dir}/authorized_keys\n\
             PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nUseDNS no\nMaxStartups 100\n",
            self.port
        );
        self.process.stop();
        fs::write(self.file("sshd_config"), text).expect("sshd_config");
        let port = self.port;
        self.process.start_until(SOON, || super::listens(port));
    }

    /// Of a repository of this host.
    pub(crate) fn address(&self, path: &Path) -> String {
        let user = run(Command::new("id").arg("-un"));
        format!("ssh://{user}@127.0.0.1:{}{}", self.port, path.display())
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.process.stop();
    }
}
