use serde_json::{Value, json};

use super::*;
use crate::model::Outcome;

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "status": {"type": "integer"},
            "latency_s": {"type": "number"},
            "body": {"type": ["string", "null"]},
            "reused": {"type": "boolean"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "json": true,
            "exists": {"type": "boolean"},
            "outcome": {"type": "string", "enum": ["open", "refused"]},
            "login": {"oneOf": [{"type": "string", "const": "open"}, {"type": "string", "const": "refused"}]},
            "state": {"anyOf": [{"$ref": "#/$defs/State"}, {"type": "null"}]},
            "size": {"type": "integer"},
            "rows": {"type": "array", "items": {"type": "object", "additionalProperties": true}},
            "names": {"type": "array", "items": {"type": "string"}},
            "tls": {"anyOf": [{"$ref": "#/$defs/Tls"}, {"type": "null"}]},
            "processes": {"type": "array", "items": {"$ref": "#/$defs/Process"}}
        },
        "$defs": {
            "State": {"oneOf": [
                {"description": "a", "type": "string", "const": "open"},
                {"description": "b", "type": "string", "enum": ["refused"]}
            ]},
            "Tls": {"type": "object", "properties": {"days_left": {"type": "number"}, "version": {"type": "string"}}},
            "Process": {"type": "object", "properties": {"uid": {"type": "integer"}, "name": {"type": "string"}}}
        }
    })
}

fn facts() -> Value {
    json!({
        "status": 200, "latency_s": 0.25, "body": null, "reused": true, "exists": true, "size": 12,
        "headers": {"content-type": "text/plain"},
        "json": {"at": "1970-01-01T00:16:30Z", "services": {"b": {"status": "up"}, "a": {"status": "up"}},
                 "sick": {"b": {"status": "up"}, "a": {"status": "down"}, "c": {"status": "down"}},
                 "items": [1, 2, 3], "big": 18_446_744_073_709_551_615u64},
        "rows": [{"lag_s": 42.5, "n": 3, "name": "a", "none": null}, {"lag_s": 1, "n": 4, "name": "b"}],
        "names": ["a.example", "b.example"],
        "tls": {"days_left": 30.5, "version": "1.3"},
        "processes": [{"uid": 0, "name": "x"}, {"uid": 7, "name": "y"}]
    })
}

fn params() -> Params {
    Params::new(json!({"max_lag_s": 10, "ratio": 0.5, "role": "app", "allowed": [200, 204], "host": null, "on": true}))
}

fn compile_one(source: &str) -> Result<Conditions, Vec<ExpressionError>> {
    Conditions::compile(&[source.to_owned()], &[], &schema(), &params())
}

fn pass() -> Verdict {
    Verdict::pass(Proof::of("status", "2xx", "200"), "answered 200").measured("duration_seconds", 0.1, None)
}

fn judge(source: &str) -> Verdict {
    compile_one(source).unwrap_or_else(|e| panic!("{source}: {e:?}")).judge(pass(), &facts(), &[], NOW)
}

fn refused(source: &str) -> ExpressionError {
    compile_one(source).expect_err(source).remove(0)
}

#[test]
fn true_conditions_pass_and_are_proved() {
    for source in [
        "status == 200",
        "status == 200.0",
        "latency_s < 1",
        "rows[1].lag_s <= params.max_lag_s",
        "rows[0].lag_s <= params.max_lag_s * 5",
        "rows[0].lag_s * 2 == 85",
        "rows[0].n / 2.0 == 1.5",
        "rows[0].n + 1 == rows[1].n",
        "status in params.allowed",
        "status in [200, 204]",
        "headers['content-type'].startsWith('text/')",
        "has(headers.missing) == false",
        "has(tls.days_left) && tls.days_left > 14",
        "rows.all(r, r.n > 2)",
        "rows.exists(r, r.lag_s > params.max_lag_s)",
        "rows.exists_one(r, r.name == 'a')",
        "rows.filter(r, r.n > 3).size() == 1",
        "rows.map(r, r.n).exists(n, n == 4)",
        "rows.map(r, r.n > 3, r.n).size() == 1",
        "processes.all(p, p.uid == processes[0].uid || p.uid == 7)",
        "names.all(n, n.endsWith('.example') && n.matches('^[ab]'))",
        "size(rows) == 2 && 'content-type' in headers",
        "now - 990 > 5",
        "body == null",
        "rows[0].none == null",
        "json.items[1] == 2 && json.big > 1",
        "json.items.all(i, i < 4)",
        "reused ? status == 200 : status == 201",
        "rows[0].name + 'x' == 'ax'",
        "!(status == 500) || json.nothing",
        "status == 200u",
        "type(rows[0].n) == int && type(rows[0].name) == string",
        "!(rows[0].name in ['z']) && rows[0].n in [1.5, 3]",
        "exists && size == 12",
        "values(json.services).all(s, s.status == 'up') && size(values(json.services)) == 2",
        "values(headers).exists(h, h.startsWith('text/'))",
        "values(json.services).map(s, s.status).size() == 2 && values({'b': 2, 'a': 1})[0] == 1",
        "epoch('1970-01-01T01:00:00.5+01:00') == 0.5 && now - epoch(json.at) == 10.0",
        "epoch('1970-01-01 01:00:10 +0100') == 10.0 && epoch('1970-01-01 00:00:10 UTC') == 10.0",
        "quantity('512Mi') == 536870912.0 && quantity('500m') < 1",
        "split('repo, read:org,', ',').all(s, s in ['repo', 'read:org']) && size(split('', ',')) == 0",
        "int('3') == 3 && string(status) == '200' && -status < 0",
    ] {
        let verdict = judge(source);
        assert_eq!(verdict.outcome(), Outcome::Pass, "{source}: {}", verdict.sentence());
        let last = verdict.proof().iter().last().unwrap();
        assert_eq!((last.name, last.expected), ("expect[0]", source));
        assert!(!last.seen.is_empty());
        assert_eq!(verdict.proof().iter().count(), 2, "{source}");
        assert_eq!(verdict.measurements.len(), 1);
    }
}

#[test]
fn a_false_condition_says_what_was_seen() {
    for (source, sentence) in [
        (
            "rows[0].lag_s <= params.max_lag_s",
            "expected `rows[0].lag_s <= params.max_lag_s`, saw rows[0].lag_s = 42.5, params.max_lag_s = 10",
        ),
        ("status == 200 && latency_s > 3.0 && reused", "expected `latency_s > 3.0`, saw latency_s = 0.25"),
        ("rows.all(r, r.lag_s > 2)", "expected `r.lag_s > 2` for element 1 of rows, saw r.lag_s = 1"),
        ("rows.exists(r, r.n > 9)", "expected `rows.exists(r, r.n > 9)`, saw 2 elements in rows"),
        (
            "values(json.sick).all(s, s.status == 'up')",
            "expected `s.status == 'up'` for element 0 of values(json.sick), saw s.status = \"down\"",
        ),
        ("now - epoch(json.at) < 5", "expected `now - epoch(json.at) < 5`, saw now - epoch(json.at) = 10"),
        ("!reused", "expected `!reused`, saw reused = true"),
        ("names[0].contains('zz')", "expected `names[0].contains('zz')`, saw names[0] = \"a.example\""),
        ("status in [500, 501]", "expected `status in [500, 501]`, saw status = 200"),
        ("status == 1 || latency_s > 1", "expected `status == 1 || latency_s > 1`, saw status = 200, latency_s = 0.25"),
        ("names[1].matches('^a')", "expected `names[1].matches('^a')`, saw names[1] = \"b.example\""),
        ("rows.size() == 0", "expected `rows.size() == 0`, saw rows.size() = 2"),
        ("false", "expected `false`, which is false"),
        ("has(headers.x)", "expected `has(headers.x)`, saw has(headers.x) = false"),
    ] {
        let verdict = judge(source);
        assert_eq!(verdict.outcome(), Outcome::Fail, "{source}");
        assert_eq!(verdict.reason(), Some(Reason::Assertion));
        assert_eq!(verdict.sentence(), sentence);
        assert_eq!(verdict.measurements.len(), 1);
    }
}

#[test]
fn what_cannot_be_evaluated_is_never_a_pass() {
    for (source, part) in [
        ("rows[0].missing == 1", "no field `missing`"),
        ("rows[5].n == 1", "no element [5]"),
        ("rows[0].name > 3", "no matching overload"),
        ("rows[0].name == 3", "a text cannot be compared with a number"),
        ("rows[0].name != 3", "a text cannot be compared with a number"),
        ("rows[0].none != 3", "null"),
        ("rows[0].none == rows[0].none", "null"),
        ("body == 'x'", "null"),
        ("body.matches('x')", "needs a text, not null"),
        ("!(body in ['x'])", "null"),
        ("!(rows[0].n in ['x'])", "nothing of its type"),
        ("!(3 in json.items[0])", "needs a list or an object, not a number"),
        ("params.host == 'x'", "null"),
        ("json.items", "not true or false"),
        ("values(json.items).all(v, v == 1)", "`values` needs an object, not a list"),
        ("values(json.services).all(s, s.state == 'up')", "no field `state`"),
        ("values(json.gone).all(s, s.state == 'up')", "no field `gone`"),
        ("epoch(json.items) > 1", "`epoch` needs a text, not a list"),
        ("epoch(rows[0].none) > 1", "`epoch` needs a text, not null"),
        ("epoch(rows[0].name) > 1", "a time with a zone"),
        ("json.nothing", "no field `nothing`"),
        ("rows[0].n / 0 == 1", "no result"),
        ("rows[0].lag_s / 0 > 1", "no result"),
        ("rows[0].n * 9223372036854775807 > 1", "no result"),
        ("int(rows[0].name) > 1", "could not evaluate"),
        ("json.items + json.items == json.items", "cannot be used"),
        ("rows.all(r, r.nothing > 1)", "no field"),
    ] {
        let verdict = judge(source);
        assert_eq!(verdict.outcome(), Outcome::Indeterminate, "{source}: {}", verdict.sentence());
        assert_eq!(verdict.reason(), Some(Reason::ExpressionError));
        assert!(verdict.sentence().contains(part), "{source}: {}", verdict.sentence());
    }
}

#[test]
fn a_declared_field_that_was_not_observed_is_not_a_pass() {
    let conditions = compile_one("status == 200").unwrap();
    let verdict = conditions.judge(pass(), &json!({}), &[], NOW);
    assert_eq!(verdict.outcome(), Outcome::Indeterminate);
    assert!(verdict.sentence().contains("no `status`"), "{}", verdict.sentence());
    let verdict = conditions.judge(pass(), &Value::Null, &[], NOW);
    assert_eq!(verdict.outcome(), Outcome::Indeterminate);
}

#[test]
fn a_false_condition_wins_over_an_unclear_one() {
    let both = ["rows[9].n == 1".to_owned(), "status == 500".to_owned()];
    let conditions = Conditions::compile(&both, &[], &schema(), &params()).unwrap();
    assert_eq!(conditions.judge(pass(), &facts(), &[], NOW).outcome(), Outcome::Fail);
}

#[test]
fn only_a_pass_changes() {
    let conditions = compile_one("status == 200").unwrap();
    for verdict in [
        Verdict::fail(Reason::Status, "expected 2xx, saw 500"),
        Verdict::indeterminate(Reason::Timeout, "no answer within 2 s"),
    ] {
        assert_eq!(conditions.judge(verdict.clone(), &facts(), &[], NOW), verdict);
    }
}

#[test]
fn misspelt_names_are_found_at_load() {
    for (source, message, hint) in [
        ("stauts == 200", "there is no `stauts`", "did you mean `status`?"),
        ("params.max_lag == 1", "`params` has no field `max_lag`", "did you mean `max_lag_s`?"),
        ("tls.days_lft > 3", "`tls` has no field `days_lft`", "did you mean `days_left`?"),
        ("processes.all(p, p.uidd == 0)", "`p` has no field `uidd`", "did you mean `uid`?"),
        ("processes[0].nam == 'x'", "`processes[0]` has no field `nam`", "did you mean `name`?"),
        ("has(tls.versoin)", "`tls` has no field `versoin`", "did you mean `version`?"),
        ("size(row) > 1", "there is no `row`", "did you mean `rows`?"),
        ("names[0].startWith('x')", "there is no function `startWith`", "did you mean `startsWith`?"),
    ] {
        let error = refused(source);
        assert_eq!((error.message.as_str(), error.hint.as_deref()), (message, Some(hint)), "{source}");
        assert!(error.span.is_some());
    }
    assert_eq!(refused("stauts == 200").span, Some((0, 6)));
}

#[test]
fn a_text_that_a_field_never_holds_is_found_at_load() {
    for field in ["outcome", "login", "state"] {
        let error = refused(&format!("{field} == 'opne'"));
        assert_eq!(error.message, format!("`{field}` is never 'opne'"));
        assert_eq!(error.hint.as_deref(), Some("did you mean `open`?"));
        compile_one(&format!("{field} in ['open', 'opne']")).unwrap_err();
        compile_one(&format!("{field} != 'refused' && {field}.startsWith('o') && {field} == params.role")).unwrap();
        compile_one(&format!("{field} == null || 'open' == {field}")).unwrap();
    }
}

#[test]
fn wrong_types_are_found_at_load() {
    for source in [
        "status == 'x'",
        "status != 'x'",
        "'x' == status",
        "status == params.role",
        "size == 'x'",
        "int == 3 && status == 'x'",
        "names[0] == 3",
        "status in ['a']",
        "status in names",
        "reused > 1",
        "status.code == 1",
        "status",
        "status + 1",
        "status && reused",
        "!status",
        "body + 1 == 'x'",
        "'x' in body",
        "names['a'] == 'x'",
        "status.contains('2')",
        "names.all(n, n)",
        "status.all(n, n == 1)",
        "size(status) == 1",
        "names[0].matches('(')",
        "names[0].matches(names[1])",
        "size(names, names) == 1",
        "nowhere(1) == 1",
        "tls < null",
        "values(names).all(n, n == 'x')",
        "values(status).all(n, n == 'x')",
        "values(headers).all(h, h == 3)",
        "json.values().all(h, h == 3)",
        "values(json, json).all(h, h == 3)",
        "values(json)",
        "quantity(status) > 3",
        "quantity('512MB') > 3",
        "epoch(status) > 3",
        "epoch(json.at)",
        "epoch(json.at) == 'x'",
        "epoch('2026-11-22 01:06') > 3",
        "epoch('2026-11-22T01:06:15') > 3",
        "epoch('2026-13-22T01:06:15Z') > 3",
        "json.at.epoch() > 3",
    ] {
        compile_one(source).expect_err(source);
    }
}

#[test]
fn loops_may_not_walk_the_facts_again() {
    assert!(refused("rows.all(r, r in rows)").message.contains("inside a loop"));
    assert!(refused("rows.all(r, values(json).all(v, v == r))").message.contains("nested"));
    assert!(refused("rows.all(r, size(values(json)) > 1)").message.contains("inside a loop"));
    assert!(refused("rows.map(r, json).size() > 1").message.contains("inside a loop"));
    assert!(refused("json.all(r, r == json.x)").message.contains("inside a loop"));
    compile_one("names.exists(n, n == processes[0].name && status in params.allowed)").unwrap();
}

#[test]
fn unknown_schemas_stop_checking() {
    let conditions =
        Conditions::compile(&["any.thing == 1".to_owned()], &[], &json!(true), &Params::default()).unwrap();
    assert_eq!(conditions.judge(pass(), &json!({"any": {"thing": 1}}), &[], NOW).outcome(), Outcome::Pass);
}

#[test]
fn all_errors_come_at_once_with_their_index() {
    let measure = [MeasureSource { name: "Bad-Name".into(), value: "stauts".into(), threshold: Some("'x'".into()) }];
    let expect = ["stauts == 1".to_owned(), "status == 200".to_owned(), "(".to_owned()];
    let errors = Conditions::compile(&expect, &measure, &schema(), &params()).unwrap_err();
    let indexes: Vec<usize> = errors.iter().map(|error| error.index).collect();
    assert_eq!(indexes, [0, 2, 3, 3, 3]);
}

#[test]
fn measurements_are_taken_whatever_the_outcome() {
    let source = |name: &str, value: &str, threshold: Option<&str>| MeasureSource {
        name: name.into(),
        value: value.into(),
        threshold: threshold.map(Into::into),
    };
    let measures = [
        source("lag_seconds", "rows[0].lag_s", Some("params.max_lag_s")),
        source("gone", "rows[7].lag_s", None),
        source("text", "rows[0].name", None),
        source("double_status", "status * 2", Some("rows[9].n")),
    ];
    let conditions = Conditions::compile(&[], &measures, &schema(), &params()).unwrap();
    let verdict = conditions.judge(Verdict::fail(Reason::Status, "expected 2xx, saw 500"), &facts(), &[], NOW);
    assert_eq!(
        *verdict.measurements,
        [
            Measurement { name: "lag_seconds".into(), value: 42.5, threshold: Some(10.0) },
            Measurement { name: "double_status".into(), value: 400.0, threshold: None },
        ]
    );
    let none = conditions.judge(Verdict::fail(Reason::Refused, "refused"), &Value::Null, &[], NOW);
    assert!(none.measurements.is_empty());
}

#[test]
fn when_sees_params_only() {
    assert_eq!(applies("params.on", &params()), Ok(true));
    assert_eq!(applies("params.max_lag_s > 10 || params.role != 'app'", &params()), Ok(false));
    assert!(applies("status == 200", &params()).unwrap_err().message.contains("only `params`"));
    assert_eq!(applies("params.onn", &params()).unwrap_err().hint.as_deref(), Some("did you mean `on`?"));
    assert!(applies("params.host == 'x'", &params()).is_err());
    assert!(applies("params.host", &params()).is_err());
    assert!(applies("params.role", &params()).is_err());
    assert!(applies("now > 1", &params()).is_err());
    assert!(applies("", &params()).is_err());
}

#[test]
fn long_values_are_cut() {
    let conditions = compile_one("body == 'x'").unwrap();
    let mut facts = facts();
    facts["body"] = json!("é".repeat(10_000));
    let verdict = conditions.judge(pass(), &facts, &[], NOW);
    assert_eq!(verdict.outcome(), Outcome::Fail);
    assert!(verdict.sentence().len() < 400 && verdict.sentence().contains('…'), "{}", verdict.sentence());
}

#[test]
fn too_many_values_are_refused_at_run_time() {
    let conditions = compile_one("json.all(i, i == 1)").unwrap();
    let facts = json!({"json": vec![1; 11_000]});
    let verdict = conditions.judge(pass(), &facts, &[], NOW);
    assert_eq!(verdict.reason(), Some(Reason::ExpressionError));
    assert!(verdict.sentence().contains("more than 10000"), "{}", verdict.sentence());
    let without_loop = compile_one("json.size() == 11000").unwrap();
    assert_eq!(without_loop.judge(pass(), &facts, &[], NOW).outcome(), Outcome::Pass);
}

#[test]
fn the_deepest_that_loads_fits_a_small_stack() {
    for source in [
        format!("{}1 == 24", "1 + ".repeat(23)),
        format!("status == 200{}", " && status == 200".repeat(40)),
        format!("{}true{}", "(status == 200 ? ".repeat(11), " : false)".repeat(11)),
        format!("{}status == 200", "!!".repeat(8)),
    ] {
        let run = move || assert_eq!(judge(&source).outcome(), Outcome::Pass, "{source}");
        std::thread::Builder::new().stack_size(1536 * 1024).spawn(run).unwrap().join().unwrap();
    }
}

#[test]
fn a_loop_over_all_that_is_allowed_ends_soon() {
    let facts = json!({"json": vec![1; 9_000]});
    for source in [
        format!("json.all(i, {}i == 1)", "i == 1 && ".repeat(38)),
        "json.map(i, string(i)).all(i, i.matches('^[0-9a-f]{1,20}$'))".to_owned(),
    ] {
        // Too long to run if a loop were quadratic or compiled its pattern each time; a debug
        // build takes well under a second.
        assert_eq!(compile_one(&source).unwrap().judge(pass(), &facts, &[], NOW).outcome(), Outcome::Pass);
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_conditions_never_panic(
        tokens in proptest::collection::vec(
            proptest::sample::select(vec![
                "status", "rows", "json", "body", "params", "now", "r", ".", "lag_s", "n", "(", ")", "[0]", "[", "]",
                ".all(r, ", ".map(r, ", ".filter(r, ", ".exists_one(r, ", "has(", "size(", "?", ":", "!", "-", "+",
                "*", "/", "%", "&&", "||", "==", "!=", "<", " in ", "1", "0", "2.5", "'x'", ",", "null", "true", "{", "}",
            ]),
            0..24,
        )
    ) {
        let source = tokens.concat();
        if let Ok(conditions) = compile_one(&source) {
            let _ = conditions.judge(pass(), &facts(), &[], NOW);
            let _ = conditions.judge(pass(), &json!({}), &[], NOW);
        }
        let _ = applies(&source, &params());
    }
}

#[test]
fn a_pass_says_what_the_conditions_saw() {
    let facts = serde_json::json!({ "status": 200, "json": { "used": 3 } });
    let schema = serde_json::json!({ "properties": { "status": { "type": "integer" }, "json": true } });
    let params = Params::new(serde_json::json!({ "max": 10 }));
    let expect = ["json.used <= params.max".to_owned(), "status == 200".to_owned()];
    let conditions = Conditions::compile(&expect, &[], &schema, &params).unwrap();
    let built_in = Verdict::pass(Proof::of("status", "2xx", "200"), "saw 200");
    let verdict = conditions.judge(built_in, &facts, &[], Timestamp(0));
    assert_eq!(
        verdict.sentence(),
        "saw 200; `json.used <= params.max` holds with json.used = 3, params.max = 10, and so does one more condition"
    );
}

#[test]
fn what_is_not_whole_or_masked_decides_nothing() {
    let schema = json!({"type": "object", "properties": {
        "stdout": {"type": "string"}, "exit_code": {"type": "integer"}, "json": {},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
    }});
    let facts = json!({"stdout": "fine so far", "exit_code": 0, "json": null, "headers": {"x-token": "***", "a": "b"}});
    let gaps = [
        Gap { field: "stdout", why: "more was written".to_owned(), hides: true },
        Gap { field: "json", why: "the body is not JSON".to_owned(), hides: false },
    ];
    let judge = |source: &str| {
        let conditions = Conditions::compile(&[source.to_owned()], &[], &schema, &Params::default()).unwrap();
        conditions.judge(pass(), &facts, &gaps, NOW)
    };
    for (source, part) in [
        ("!stdout.contains('ERROR')", "`stdout` is not known: more was written"),
        ("size(stdout) < 100", "more was written"),
        ("json.ready == true", "the body is not JSON"),
        ("headers['x-token'] == 'abc'", "a masked value"),
        ("headers['x-token'] != 'abc'", "a masked value"),
        ("headers['x-token'].contains('abc')", ""),
        ("headers['x-token'].matches('abc')", "a masked value"),
        ("headers['x-token'].startsWith('*')", ""),
    ] {
        let verdict = judge(source);
        assert_eq!(verdict.reason(), Some(Reason::ExpressionError), "{source}: {}", verdict.sentence());
        assert!(verdict.sentence().contains(part), "{source}: {}", verdict.sentence());
    }
    for source in
        ["exit_code == 0 || stdout.contains('x')", "'x-token' in headers", "headers['a'] == 'b'", "json == null"]
    {
        assert_eq!(judge(source).outcome(), Outcome::Pass, "{source}: {}", judge(source).sentence());
    }
}
