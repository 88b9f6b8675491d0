//! Redis over TLS, its plain port closed, as the users of `docs/grants/redis.acl` and `docs/grants/phoenix-redis.acl`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Server, act_on_link, act_on_process};
use crate::support::link::Link;
use crate::support::redis::{self, PASSWORD};

pub(crate) struct Redis {
    server: redis::Server,
    link: Link,
    /// Until the end of the case.
    replica: Option<redis::Server>,
    directory: PathBuf,
}

impl Redis {
    pub(crate) fn start(directory: &Path) -> Self {
        let server = redis::Server::start(directory);
        let link = Link::to(server.tls_port);
        Self { server, link, replica: None, directory: directory.to_owned() }
    }

    fn add_replica(&mut self) -> Result<(), String> {
        let place = self.directory.join("replica");
        // Of an earlier case.
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
        self.replica = Some(redis::Server::replica_of(&self.server, &place));
        Ok(())
    }
}

impl Server for Redis {
    fn targets(&self) -> Vec<(String, Value)> {
        let of = |user: &str| {
            let address = format!("rediss://{user}@127.0.0.1:{}", self.link.port);
            json!({ "address": address, "credential": "redis-monitor", "ca": self.server.ca() })
        };
        let target = of("readiness");
        vec![
            ("parallax.redis".to_owned(), target.clone()),
            ("phoenix.redis".to_owned(), of("readiness-phoenix")),
            ("parallax.redis-tls".to_owned(), target),
            ("parallax.redis-plain".to_owned(), json!({ "address": format!("127.0.0.1:{}", self.server.plain_port) })),
        ]
    }

    fn credentials(&self) -> Vec<(String, String)> {
        vec![("redis-monitor".to_owned(), PASSWORD.to_owned())]
    }

    fn values(&self) -> Vec<(String, String)> {
        let path = |path: PathBuf| path.display().to_string();
        vec![
            ("port".to_owned(), self.link.port.to_string()),
            ("plain-port".to_owned(), self.server.plain_port.to_string()),
            ("ca".to_owned(), path(self.server.ca())),
            ("other-ca".to_owned(), path(self.server.other_ca())),
        ]
    }

    /// `command: SET a 1`, `attempt: …` (the same, refused or not), `set: { maxmemory: 0 }` (CONFIG SET), `wait: { section: …, field: …, is: … }`,
    /// `keys: { prefix, count, ttl_s }`, `look_up`, `write` and `keep_…` of both, `open_plain`, `fill_connections`, `fill_disk`,
    /// `load_slowly`, `load_at_once`, `save_slowly`, `replica`, and the verbs of a process and of the network.
    fn act(&mut self, verb: &str, argument: &Value) -> Result<(), String> {
        if let Some(done) = act_on_link(&mut self.link, verb, argument) {
            return done;
        }
        let ready = self.server.readiness();
        if let Some(done) = act_on_process(self.server.process(), &mut self.link, verb, ready) {
            return done;
        }
        let text = |name: &str| argument[name].as_str().ok_or_else(|| format!("`{verb}` needs `{name}`"));
        let number = |name: &str| {
            let number = argument[name].as_u64().and_then(|number| usize::try_from(number).ok());
            number.ok_or_else(|| format!("`{verb}` needs the number `{name}`"))
        };
        match verb {
            "command" => {
                let words: Vec<&str> = argument.as_str().ok_or("write `command: SET a 1`")?.split(' ').collect();
                self.server.try_cli(&words).map(drop)
            }
            // It may well be refused.
            "attempt" => {
                let words: Vec<&str> = argument.as_str().ok_or("write `attempt: BGSAVE`")?.split(' ').collect();
                let _ = self.server.try_cli(&words);
                Ok(())
            }
            "set" => {
                let settings = argument.as_object().ok_or("write `set: { name: value }`")?;
                settings.iter().try_for_each(|(name, value)| {
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    self.server.try_cli(&["CONFIG", "SET", name, &value]).map(drop)
                })
            }
            "wait" => self.server.wait_for(text("section")?, text("field")?, text("is")?),
            // So many keys of a prefix, with a time to live or without.
            "keys" => {
                let lives = argument["ttl_s"].as_u64();
                (0..number("count")?).try_for_each(|n| {
                    let (key, lives) = (format!("{}{n}", text("prefix")?), lives.map(|seconds| seconds.to_string()));
                    let mut words = vec!["SET", &key, "1"];
                    words.extend(lives.as_deref().into_iter().flat_map(|seconds| ["EX", seconds]));
                    self.server.try_cli(&words).map(drop)
                })
            }
            "look_up" => self.server.look_up(number("hits")?, number("misses")?),
            "keep_looking_up" => self.server.keep_looking_up(number("hits")?, number("misses")?),
            "write" => self.server.write(number("keys")?, number("bytes")?),
            "keep_writing" => {
                self.server.keep_writing(number("keys")?, number("bytes")?);
                Ok(())
            }
            "open_plain" => {
                self.server.open_plain();
                Ok(())
            }
            "fill_connections" => {
                self.server.fill_connections();
                Ok(())
            }
            "fill_disk" => {
                self.server.fill_disk();
                Ok(())
            }
            "load_slowly" => self.server.load_slowly(),
            "load_at_once" => self.server.loads_at_once(),
            "save_slowly" => self.server.save_slowly(),
            "replica" => self.add_replica(),
            _ => Err(format!("redis does not understand `{verb}`")),
        }
    }

    fn restore(&mut self) -> Result<(), String> {
        self.replica = None;
        self.server.restore()?;
        self.link.mend();
        Ok(())
    }
}
