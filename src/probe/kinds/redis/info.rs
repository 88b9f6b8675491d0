//! The answer of INFO: lines `name:value` under headings `# Section`.

use std::collections::BTreeMap;

use serde_json::Value;

/// Fields by section, both as the server names them, sections in lower case.
pub(crate) type Info = BTreeMap<String, BTreeMap<String, Value>>;

/// An answer with more fields is not taken for the whole.
const MAX_FIELDS: usize = 4096;
/// Longer names and values are cut.
const MAX_TEXT: usize = 512;
/// Identifiers and versions stay texts, even if one happens to have only digits.
const TEXTS: &[&str] = &[
    "redis_version",
    "valkey_version",
    "redis_git_sha1",
    "redis_build_id",
    "run_id",
    "master_replid",
    "master_replid2",
];

/// Reads one answer into `info`. False if there is more than is kept.
pub(super) fn read(text: &str, info: &mut Info) -> bool {
    let mut section = String::new();
    let mut fields = info.values().map(BTreeMap::len).sum::<usize>();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            section = cut(heading.trim()).to_lowercase();
        } else if let Some((name, value)) = line.split_once(':') {
            fields += 1;
            if fields > MAX_FIELDS {
                return false;
            }
            let value = typed(name, value);
            info.entry(section.clone()).or_default().insert(cut(name).to_owned(), value);
        }
    }
    true
}

/// The version of the server, such as 70015 for 7.0.15.
pub(super) fn version(info: &Info) -> Option<u32> {
    let mut parts = info.get("server")?.get("redis_version")?.as_str()?.split('.').map(|part| part.parse::<u32>().ok());
    let mut next = || parts.next().unwrap_or(Some(0)).filter(|part| *part < 100);
    Some(next()? * 10_000 + next()? * 100 + next()?)
}

/// A number where the server writes one, an object where it writes `a=1,b=2`, else a text.
fn typed(name: &str, value: &str) -> Value {
    if TEXTS.contains(&name) {
        return cut(value).into();
    }
    // Of key spaces (db0), replicas (slave0), commands and errors; a path may have a `=` as well.
    let pairs: Option<serde_json::Map<String, Value>> = value
        .split(',')
        .map(|pair| pair.split_once('=').map(|(name, value)| (cut(name).to_owned(), scalar(value))))
        .collect();
    match pairs.filter(|_| value.len() <= MAX_TEXT && !value.contains('/')) {
        Some(pairs) => pairs.into(),
        None => scalar(value),
    }
}

pub(super) fn scalar(value: &str) -> Value {
    let whole = value.parse::<i64>().ok().filter(|number| number.to_string() == value);
    if let Some(number) = whole {
        return number.into();
    }
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let decimal = value.trim_start_matches('-').split_once('.').is_some_and(|(a, b)| digits(a) && digits(b));
    match value.parse::<f64>() {
        Ok(number) if decimal && number.is_finite() => number.into(),
        _ => cut(value).into(),
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Info {
        let mut info = Info::new();
        assert!(read(text, &mut info));
        info
    }

    #[test]
    fn values_have_types() {
        let info = parse(
            "# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:00000000\r\nrun_id:123\r\nprocess_id:7\r\n\r\n\
             # Memory\r\nmaxmemory:268435456\r\nmem_fragmentation_ratio:1.25\r\nmaxmemory_policy:noeviction\r\n\
             used_memory_peak_perc:93.16%\r\n# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\n\
             # Replication\r\nslave0:ip=127.0.0.1,port=1,state=online\r\nmaster_host:a:b\r\n",
        );
        assert_eq!(info["server"]["redis_version"], "7.0.15");
        assert_eq!(version(&info), Some(70_015));
        assert_eq!(
            [version(&parse("# Server\nredis_version:8.2\n")), version(&parse("# Server\nredis_version:x\n"))],
            [Some(80_200), None]
        );
        assert_eq!((&info["server"]["redis_git_sha1"], &info["server"]["run_id"]), (&json!("00000000"), &json!("123")));
        assert_eq!(info["memory"]["maxmemory"], 268_435_456);
        assert_eq!(info["memory"]["mem_fragmentation_ratio"], 1.25);
        assert_eq!(info["memory"]["used_memory_peak_perc"], "93.16%");
        assert_eq!(info["keyspace"]["db0"], json!({"keys": 3, "expires": 0, "avg_ttl": 0}));
        assert_eq!(info["replication"]["slave0"]["state"], "online");
        assert_eq!(info["replication"]["master_host"], "a:b");
    }

    #[test]
    fn numbers_that_are_none_stay_texts() {
        for text in ["007", "1e5", "inf", "nan", "1.2.3", "-", ".5", "99999999999999999999", "+1"] {
            assert_eq!(scalar(text), json!(text));
        }
        assert_eq!(typed("executable", "/opt/a=b/redis"), json!("/opt/a=b/redis"));
        assert_eq!((scalar("-3"), scalar("-0.5")), (json!(-3), json!(-0.5)));
    }

    #[test]
    fn an_answer_that_never_ends_is_not_the_whole() {
        let many: String = (0..5000).map(|n| format!("f{n}:1\n")).collect();
        assert!(!read(&many, &mut Info::new()));
        let long = parse(&format!("a:{}\n", "ä".repeat(1000)));
        assert_eq!(long[""]["a"].as_str().unwrap().len(), 512);
    }
}
