//! A real nginx that serves the files of a folder in the clear: the web interface of a system.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::nginx::Nginx;
use super::process::Process;

const INDEX: &str = "<!doctype html><html><head><link rel=\"stylesheet\" href=\"/assets/app.css\">\
    <script type=\"module\" src=\"/assets/app.js\"></script></head><body></body></html>";

pub(crate) struct Pages {
    pub(crate) process: Process,
    pub(crate) port: u16,
    folder: PathBuf,
}

impl Pages {
    pub(crate) fn start(directory: &Path) -> Self {
        let (port, folder, dir) = (super::free_port(), directory.join("pages"), directory.display());
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .fold(String::new(), |text, name| format!("{text}{name}_temp_path {dir}/{name};\n"));
        let text = format!(
            "daemon off;\nmaster_process off;\npid {dir}/pid;\nerror_log stderr crit;\nevents {{}}\nhttp {{\n\
             access_log off;\ntypes {{ text/html html; text/css css; application/javascript js; }}\n{temporary}\
             server {{ listen 127.0.0.1:{port}; root {dir}/pages; }}\n}}\n"
        );
        let config = directory.join("nginx.conf");
        std::fs::write(&config, text).expect("nginx.conf");
        let mut pages = Self {
            process: Process::new(&directory.join("log"), move || {
                let mut command = Command::new("nginx");
                command.arg("-c").arg(&config);
                command
            }),
            port,
            folder,
        };
        pages.heal();
        pages.start_again();
        pages
    }

    pub(crate) fn start_again(&mut self) {
        let port = self.port;
        self.process.start_until(Duration::from_secs(10), || Nginx::listens(port));
    }

    /// A page with a script and a style sheet.
    pub(crate) fn heal(&self) {
        self.write("index.html", INDEX);
        self.write("assets/app.js", "export {};");
        self.write("assets/app.css", "body {}");
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
        std::fs::write(path, text).expect("page");
    }

    pub(crate) fn remove(&self, name: &str) {
        let _ = std::fs::remove_file(self.folder.join(name));
    }
}
