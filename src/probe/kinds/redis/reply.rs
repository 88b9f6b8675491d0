//! Answers that have a shape of their own: ROLE, and the lists of a sentinel.

use std::collections::BTreeMap;

use redis::Value as Reply;
use serde_json::Value;

use super::info::scalar;
use crate::probe::line::line;

/// What ROLE says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Role {
    /// master, slave or sentinel.
    pub(super) role: String,
    /// Of a master: how many replicas are connected.
    pub(super) replicas: Option<usize>,
    /// Of a replica: connect, connecting, sync or connected.
    pub(super) link: Option<String>,
}

/// Longer lists are not taken for the whole.
const MAX_ENTRIES: usize = 256;
const MAX_TEXT: usize = 512;

/// A text of an answer, in one bounded line.
pub(super) fn text(reply: &Reply) -> Option<String> {
    match reply {
        Reply::BulkString(bytes) => Some(line(&String::from_utf8_lossy(bytes), MAX_TEXT)),
        Reply::SimpleString(text) => Some(line(text, MAX_TEXT)),
        Reply::Okay => Some("OK".to_owned()),
        _ => None,
    }
}

/// `None` if it is no answer to ROLE.
pub(super) fn role(reply: &Reply) -> Option<Role> {
    let Reply::Array(parts) = reply else { return None };
    let role = text(parts.first()?)?;
    match role.as_str() {
        "master" => {
            let Reply::Array(replicas) = parts.get(2)? else { return None };
            Some(Role { role, replicas: Some(replicas.len()), link: None })
        }
        "slave" => Some(Role { link: Some(text(parts.get(3)?)?), role, replicas: None }),
        "sentinel" => Some(Role { role, ..Role::default() }),
        _ => None,
    }
}

/// A list of masters or replicas, each a list of names and values in turn. `None` if it is not, or
/// if it is longer than what is kept.
pub(super) fn entries(reply: &Reply) -> Option<Vec<BTreeMap<String, Value>>> {
    let Reply::Array(entries) = reply else { return None };
    if entries.len() > MAX_ENTRIES {
        return None;
    }
    entries.iter().map(entry).collect()
}

fn entry(reply: &Reply) -> Option<BTreeMap<String, Value>> {
    let Reply::Array(words) = reply else { return None };
    if words.len() > MAX_ENTRIES {
        return None;
    }
    words.chunks(2).map(|pair| Some((text(pair.first()?)?, scalar(&text(pair.get(1)?)?)))).collect()
}

#[cfg(test)]
mod tests {
    use redis::parse_redis_value;

    use super::*;

    fn parse(bytes: &str) -> Reply {
        parse_redis_value(bytes.as_bytes()).unwrap()
    }

    #[test]
    fn each_role_is_read() {
        let master =
            role(&parse("*3\r\n$6\r\nmaster\r\n:10\r\n*1\r\n*3\r\n$1\r\nh\r\n$1\r\n1\r\n$1\r\n9\r\n")).unwrap();
        assert_eq!((master.role.as_str(), master.replicas), ("master", Some(1)));
        let slave = role(&parse("*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$7\r\nconnect\r\n:-1\r\n")).unwrap();
        assert_eq!(slave.link.as_deref(), Some("connect"));
        assert_eq!(role(&parse("*2\r\n$8\r\nsentinel\r\n*0\r\n")).unwrap().role, "sentinel");
        for other in
            ["+master\r\n", "*0\r\n", "*1\r\n$6\r\nmaster\r\n", "*1\r\n$5\r\nslave\r\n", "*1\r\n$4\r\nking\r\n"]
        {
            assert_eq!(role(&parse(other)), None, "{other}");
        }
    }

    #[test]
    fn lists_of_a_sentinel_are_read() {
        let list = entries(&parse("*1\r\n*4\r\n$4\r\nname\r\n$2\r\nm1\r\n$6\r\nquorum\r\n$1\r\n2\r\n")).unwrap();
        assert_eq!((&list[0]["name"], &list[0]["quorum"]), (&"m1".into(), &2.into()));
        assert_eq!(entries(&parse("*1\r\n*1\r\n$4\r\nname\r\n")), None);
        assert_eq!(entries(&parse("+OK\r\n")), None);
    }
}
