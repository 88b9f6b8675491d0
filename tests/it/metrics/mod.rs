//! The exposition as scrapers see it.

mod parser;
mod world;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use parser::{Parsed, parse};
use proptest::prelude::*;
use readiness::families::{Detail, FAMILIES, Format, Level, encode, series};
use readiness::model::State;
use readiness::snapshot::Snapshot;

fn text(snapshot: &Snapshot, format: Format, detail: Detail) -> String {
    let own = world::own();
    let bytes: Vec<u8> = encode(snapshot, &own, format, detail).flatten().collect();
    String::from_utf8(bytes).unwrap()
}

fn parsed(snapshot: &Snapshot, format: Format, detail: Detail) -> Parsed {
    parse(&text(snapshot, format, detail), format == Format::OpenMetrics)
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/metrics").join(name)
}

fn compare(name: &str, seen: &str) {
    let file = golden(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, seen).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    for (number, (expected, seen)) in expected.lines().zip(seen.lines()).enumerate() {
        assert_eq!(seen, expected, "{name}, line {}; rewrite with UPDATE=1", number + 1);
    }
    assert_eq!(seen.len(), expected.len(), "{name}; rewrite with UPDATE=1");
}

#[test]
fn golden_text() {
    compare("small.txt", &text(&world::small(), Format::Text, Detail::Full));
}

#[test]
fn golden_open_metrics() {
    compare("small.openmetrics", &text(&world::small(), Format::OpenMetrics, Detail::Full));
}

#[test]
fn golden_compact_and_summary() {
    compare("small.compact.txt", &text(&world::small(), Format::Text, Detail::Compact));
    compare("small.summary.txt", &text(&world::small(), Format::Text, Detail::Summary));
}

/// Needs promtool, which Debian has in the package prometheus.
#[test]
fn promtool_finds_nothing() {
    for name in ["small.txt", "small.compact.txt", "small.summary.txt"] {
        let input = std::fs::read(golden(name)).unwrap();
        let mut promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool is on the PATH");
        promtool.stdin.take().unwrap().write_all(&input).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&said));
        assert_eq!(String::from_utf8_lossy(&said), "", "{name}");
    }
}

#[test]
fn both_formats_say_the_same() {
    for detail in Detail::ALL {
        let snapshot = world::small();
        let plain = parsed(&snapshot, Format::Text, detail);
        let open = parsed(&snapshot, Format::OpenMetrics, detail);
        assert_eq!(plain.samples, open.samples);
        assert_eq!(open.types.contains_key("readiness_item_evaluations"), detail != Detail::Compact);
        let own = ["readiness_scheduler_lag_seconds", "readiness_runs_total", "process_resident_memory_bytes"];
        let items = plain.samples.iter().filter(|(name, ..)| !own.iter().any(|own| name.starts_with(own)));
        assert_eq!(items.count() as u64, series(&snapshot, detail));
    }
}

#[test]
fn what_is_absent_and_what_is_not() {
    let seen = parsed(&world::small(), Format::Text, Detail::Full);
    let of = |item: &'static str| [("checklist", "shop"), ("item", item)];
    for family in ["readiness_item_ready", "readiness_item_accepted"] {
        assert_eq!(seen.value(family, &of("off")), None);
        assert_eq!(seen.value(family, &of("later")), Some("0"));
    }
    assert_eq!(seen.value("readiness_item_ready", &of("risk")), Some("0"));
    assert_eq!(seen.value("readiness_item_accepted", &of("risk")), Some("1"));
    for item in ["health", "latency", "orders", "later", "risk", "old", "off"] {
        let states: Vec<_> =
            seen.all("readiness_item_state", &of(item)).into_iter().map(|(_, value)| value.to_owned()).collect();
        assert_eq!(states.len(), State::ALL.len());
        assert_eq!(states.iter().filter(|value| *value == "1").count(), 1, "{item}");
    }
    assert_eq!(seen.value("readiness_item_reason", &of("health")), None);
    let reason = |item: &[(&str, &str)]| {
        seen.all("readiness_item_reason", item).into_iter().next().map(|(labels, _)| labels["reason"].clone())
    };
    assert_eq!(reason(&of("latency")).as_deref(), Some("latency"));
    assert_eq!(reason(&of("later")).as_deref(), Some("unmapped"));
    let drift = |item: &[(&str, &str)]| {
        seen.all("readiness_item_claim_drift", item).into_iter().next().map(|(labels, _)| labels["drift"].clone())
    };
    assert_eq!(drift(&of("health")).as_deref(), Some("under_claim"));
    assert_eq!(drift(&of("latency")).as_deref(), Some("over_claim"));
    assert_eq!(drift(&of("risk")).as_deref(), Some("over_claim"), "a waiver does not hide it");
    assert_eq!(drift(&of("later")).as_deref(), Some("unproven"));
    assert_eq!((drift(&of("orders")), drift(&of("off"))), (None, None));
    let p95 = [("item", "latency"), ("measurement", "latency_p95_seconds")];
    assert_eq!(seen.value("readiness_item_measurement", &p95), Some("0.75"), "the first of a name");
    assert_eq!(seen.value("readiness_item_threshold", &p95), Some("0.5"));
    for family in ["last_evaluation_timestamp", "last_pass_timestamp", "fresh_until_timestamp", "interval"] {
        assert_eq!(seen.value(&format!("readiness_item_{family}_seconds"), &of("later")), None, "{family}");
    }
    assert_eq!(seen.value("readiness_item_interval_seconds", &of("health")), Some("60"));
    let edges: BTreeSet<_> = seen
        .all("readiness_item_dependency_info", &of("orders"))
        .into_iter()
        .map(|(l, _)| l["depends_on"].clone())
        .collect();
    assert_eq!(edges, ["shop/health".to_owned(), "shop/latency".to_owned()].into());
    let roots = seen.all("readiness_item_root_cause_info", &[]);
    assert_eq!(roots.len(), 1, "only what is blocked");
    assert_eq!((&*roots[0].0["item"], &*roots[0].0["root_cause"]), ("orders", "shop/latency"));
    assert_eq!(seen.all("readiness_gate_item_info", &[("gate", "go-live")]).len(), 2);
    assert_eq!(seen.value("readiness_gate_open", &[("gate", "empty")]), Some("0"));
    assert_eq!(seen.value("readiness_waiver_expires_timestamp_seconds", &[("waiver", "w-1")]), Some("1763786400"));
}

#[test]
fn every_family_of_the_table_has_a_sample_and_its_labels() {
    let seen = parsed(&world::small(), Format::Text, Detail::Full);
    for family in FAMILIES.iter().filter(|family| family.level != Level::Daemon) {
        let (labels, _) =
            seen.all(family.name, &[]).into_iter().next().unwrap_or_else(|| panic!("{} has no sample", family.name));
        let expected: BTreeSet<_> = family.labels.iter().map(|label| (*label).to_owned()).collect();
        assert_eq!(labels.keys().cloned().collect::<BTreeSet<_>>(), expected, "{}", family.name);
    }
}

#[test]
fn summary_has_the_items_that_are_not_ready() {
    let seen = parsed(&world::small(), Format::Text, Detail::Summary);
    let items: BTreeSet<_> =
        seen.all("readiness_item_info", &[]).into_iter().map(|(labels, _)| labels["item"].clone()).collect();
    assert_eq!(items, ["latency", "orders", "later", "risk", "old"].map(str::to_owned).into());
    assert_eq!(seen.all("readiness_section_items", &[]).len(), 7);
}

#[test]
fn a_gathered_family_cannot_come_twice() {
    let own = world::own();
    let doubled = [own.clone(), own].concat();
    let mut clash = doubled[0].clone();
    clash.set_name("readiness_item_ready".to_owned());
    let families = [doubled, vec![clash]].concat();
    for format in [Format::Text, Format::OpenMetrics] {
        let bytes: Vec<u8> = encode(&world::small(), &families, format, Detail::Full).flatten().collect();
        parse(&String::from_utf8(bytes).unwrap(), format == Format::OpenMetrics);
    }
}

#[test]
fn a_big_scrape_comes_in_frames() {
    let items = (0..400).map(|n| {
        let item = world::item(&format!("i{n}"), &"t".repeat(1500));
        (item, world::effective(State::Pass, None), world::measured(Vec::new()))
    });
    let snapshot = world::snapshot(items.collect(), Vec::new());
    let frames: Vec<_> = encode(&snapshot, [], Format::OpenMetrics, Detail::Full).collect();
    assert!(frames.len() > 10, "{} frames", frames.len());
    assert!(frames.iter().all(|frame| frame.len() < 128 * 1024));
    let all = parse(&String::from_utf8(frames.concat()).unwrap(), true);
    assert_eq!(all.samples.len() as u64, series(&snapshot, Detail::Full));
}

/// A frame may end anywhere, also between a header and its first sample.
#[test]
fn frames_end_anywhere() {
    for width in 0..300 {
        let items = (0..30).map(|n| {
            let item = world::item(&format!("{}{n}", "i".repeat(width)), "");
            (item, world::effective(State::Pass, None), world::measured(Vec::new()))
        });
        let snapshot = world::snapshot(items.collect(), Vec::new());
        let bytes: Vec<u8> = encode(&snapshot, [], Format::Text, Detail::Full).flatten().collect();
        let seen = parse(&String::from_utf8(bytes).unwrap(), false);
        assert_eq!(seen.samples.len() as u64, series(&snapshot, Detail::Full), "{width}");
    }
}

#[test]
fn an_empty_world_is_a_valid_scrape() {
    let snapshot = world::snapshot(Vec::new(), Vec::new());
    for format in [Format::Text, Format::OpenMetrics] {
        let bytes: Vec<u8> = encode(&snapshot, [], format, Detail::Full).flatten().collect();
        let seen = parse(&String::from_utf8(bytes).unwrap(), format == Format::OpenMetrics);
        assert_eq!((seen.samples.len(), series(&snapshot, Detail::Full)), (0, 0));
    }
}

proptest! {
    #[test]
    fn any_title_and_number_come_back(
        title in "([\"\\\\\n{}=, #]|.|\\PC){0,60}",
        team in "\\PC{0,20}",
        value in any::<f64>(),
        threshold in proptest::option::of(any::<f64>()),
    ) {
        let mut item = world::item("a", &title);
        item.team = team.as_str().into();
        let memory = world::measured(vec![world::measurement("x_seconds", value, threshold)]);
        let snapshot = world::snapshot(vec![(item, world::effective(State::Pass, None), memory)], Vec::new());
        let same = |seen: Option<&str>, sent: Option<f64>| {
            let seen = seen.map(|text| text.parse::<f64>().unwrap());
            seen == sent || (seen.is_some_and(f64::is_nan) && sent.is_some_and(f64::is_nan))
        };
        for format in [Format::Text, Format::OpenMetrics] {
            let seen = parsed(&snapshot, format, Detail::Full);
            let (labels, _) = seen.all("readiness_item_info", &[]).into_iter().next().unwrap();
            let expected: String = title.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
            prop_assert_eq!(&labels["title"], &expected);
            prop_assert_eq!(&labels["team"], &team);
            prop_assert!(same(seen.value("readiness_item_measurement", &[]), Some(value)));
            prop_assert!(same(seen.value("readiness_item_threshold", &[]), threshold));
        }
    }
}
