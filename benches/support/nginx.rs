//! nginx: the static file that a scrape is compared with, and the target that is probed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::client::Client;
use super::process::Process;

pub(crate) struct Nginx {
    #[expect(dead_code, reason = "stopped when dropped")]
    process: Process,
    /// `host:port`
    pub(crate) address: String,
}

impl Nginx {
    /// Serves the files of `directory`; beside a file, one with `.gz` appended is its compressed
    /// form. `/ok` is a short answer; below `/live/` files are compressed for each request.
    pub(crate) fn start(directory: &Path) -> Result<Self> {
        let address = format!("127.0.0.1:{}", super::free_port()?);
        let root = directory.display();
        let config = format!(
            "daemon off;\nworker_processes 1;\npid {root}/nginx.pid;\nerror_log stderr;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n\
               access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;\n\
               keepalive_requests 1000000; keepalive_timeout 300s; types {{ text/plain txt; }}\n\
               client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;\n\
               uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;\n\
               server {{\n\
                 listen {address} backlog=4096; root {root};\n\
                 location = /ok {{ return 200 \"ok\\n\"; }}\n\
                 location /live/ {{ alias {root}/; gzip on; gzip_comp_level 1; }}\n\
                 location / {{ gzip_static on; }}\n\
               }}\n\
             }}\n"
        );
        let file = directory.join("nginx.conf");
        std::fs::write(&file, config)?;
        let mut command = Command::new("nginx");
        command.arg("-e").arg("stderr").arg("-c").arg(&file).arg("-p").arg(directory);
        let mut process = Process::start(&mut command, &directory.join("nginx.log"))?;
        let answers = || Client::connect(&address).and_then(|mut client| client.time("/ok", false)).is_ok();
        super::wait_until("nginx to answer", Duration::from_secs(10), || answers() || process.has_ended())?;
        if process.has_ended() {
            anyhow::bail!("nginx ended: {}", super::read(&directory.join("nginx.log"))?);
        }
        Ok(Self { process, address })
    }
}
