//! nginx with the pages of the pattern builder.

use std::path::Path;

use serde_json::{Value, json};

use super::{Server, act_on_link, act_on_process};
use crate::support::link::Link;
use crate::support::nginx::Nginx;
use crate::support::pages;

pub(crate) struct Pages {
    pages: pages::Pages,
    link: Link,
}

impl Pages {
    pub(crate) fn start(directory: &Path) -> Self {
        let pages = pages::Pages::start(directory);
        let link = Link::to(pages.port);
        Self { pages, link }
    }
}

impl Server for Pages {
    fn targets(&self) -> Vec<(String, Value)> {
        vec![("parallax.builder".to_owned(), json!({ "address": format!("http://127.0.0.1:{}", self.link.port) }))]
    }

    fn values(&self) -> Vec<(String, String)> {
        vec![("address".to_owned(), format!("http://127.0.0.1:{}", self.link.port))]
    }

    /// `remove: assets/app.js`, `write: { index.html: text }`, and the verbs of processes and the
    /// network.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let port = self.pages.port;
        if let Some(done) = act_on_process(&mut self.pages.process, &mut self.link, verb, || Nginx::listens(port)) {
            return done;
        }
        match (verb, argument) {
            ("remove", Value::String(name)) => self.pages.remove(name),
            ("write", Value::Object(files)) => {
                for (name, text) in files {
                    self.pages.write(name, text.as_str().unwrap_or_default());
                }
            }
            _ => return Err(format!("the pages do not understand `{verb}`")),
        }
        Ok(())
    }

    fn restore(&mut self) -> Result<(), String> {
        self.pages.process.resume();
        self.pages.heal();
        self.pages.start_again();
        self.link.mend();
        Ok(())
    }
}
