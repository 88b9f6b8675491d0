//! Images FROM scratch, written as `docker save` writes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

/// What an image says of itself; all of them hold the same program.
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) arch: String,
    pub(crate) age_s: i64,
    /// Whether a registry knows it.
    pub(crate) pushed: bool,
}

impl Image {
    pub(crate) fn new(name: &str) -> Self {
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        Self { name: name.to_owned(), user: "1000".to_owned(), arch: arch.to_owned(), age_s: 60, pushed: false }
    }

    /// The archive of it.
    pub(super) fn write(&self, dir: &Path) -> PathBuf {
        let layer = layer(dir);
        let place = dir.join(self.name.replace(['/', ':'], "-"));
        fs::create_dir_all(&place).expect("directory");
        fs::copy(&layer, place.join("layer.tar")).expect("layer");
        let created = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(self.age_s);
        let mut config = json!({
            "architecture": self.arch, "os": "linux", "created": created.to_string(), "history": [],
            // So that no two are the same.
            "config": { "Entrypoint": ["/app"], "Cmd": ["wait"], "User": self.user, "Labels": { "name": self.name } },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", digest(&layer))] },
        });
        config["config"]["Env"] = json!(["PATH=/bin", "SECRET_OF_THE_IMAGE=hunter2-of-the-image"]);
        let manifest = json!([{ "Config": "config.json", "RepoTags": [self.name], "Layers": ["layer.tar"] }]);
        let write = |name: &str, value: &Value| fs::write(place.join(name), value.to_string()).expect("file");
        write("config.json", &config);
        write("manifest.json", &manifest);
        let archive = place.with_extension("tar");
        tar(&place, &archive);
        archive
    }
}

/// Made once.
fn layer(dir: &Path) -> PathBuf {
    let (layer, root) = (dir.join("layer.tar"), dir.join("root"));
    if layer.exists() {
        return layer;
    }
    let open = |path: PathBuf, mode| {
        fs::create_dir_all(&path).expect("directory");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(path, mode).expect("mode");
    };
    open(root.join("bin"), 0o755);
    open(root.join("tmp"), 0o777);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/docker/app.c");
    run(Command::new("gcc").args(["-static", "-Os", "-s", "-o"]).arg(root.join("app")).arg(source));
    fs::copy(root.join("app"), root.join("bin/sh")).expect("program");
    tar(&root, &layer);
    layer
}

fn tar(from: &Path, to: &Path) {
    run(Command::new("tar").arg("-C").arg(from).args(["--owner=0", "--group=0", "-cf"]).arg(to).arg("."));
}

fn digest(path: &Path) -> String {
    let said = run(Command::new("sha256sum").arg(path));
    said.split_whitespace().next().expect("a digest").to_owned()
}

fn run(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}
