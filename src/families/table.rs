//! Every family, in the order of exposition. Whoever names a family (encoder, registry, documents,
//! alerts, dashboards, tests) takes the name from here.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Gauge,
    /// Its name ends with `_total`.
    Counter,
    /// Of the daemon itself only.
    Histogram,
}

/// What one sample of a family is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// One item; written from its row at the scrape.
    Item,
    /// A section, a checklist, a gate, a waiver or an attestation; written at the scrape.
    Rollup,
    /// The daemon itself; gathered from its registry at the scrape.
    Daemon,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    /// The base unit the name ends with, without `_total`; empty: none.
    pub unit: &'static str,
    pub help: &'static str,
    /// In the order in which they are written.
    pub labels: &'static [&'static str],
    pub level: Level,
    /// Whether the level of detail `compact` has it.
    pub compact: bool,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram => "histogram",
        }
    }
}

macro_rules! families {
    ($($constant:ident = $name:literal, $kind:ident, $unit:literal, $level:ident, [$($label:literal),*], $detail:ident, $help:literal;)*) => {
        $(pub const $constant: Family = Family {
            name: $name,
            kind: Kind::$kind,
            unit: $unit,
            help: $help,
            labels: &[$($label),*],
            level: Level::$level,
            compact: families!(@$detail),
        };)*

        /// Item families first.
        pub const FAMILIES: &[Family] = &[$($constant,)*];
    };
    (@compact) => { true };
    (@full) => { false };
}

families! {
    READY = "readiness_item_ready", Gauge, "", Item, ["checklist", "item"], compact,
        "Whether the item is ready: 1 if its state is pass, else 0; absent while it is not applicable. Value of the last scheduled evaluation.";
    ACCEPTED = "readiness_item_accepted", Gauge, "", Item, ["checklist", "item"], compact,
        "Whether the item is ready or its risk accepted: 1 if its state is pass or waived, else 0; absent while it is not applicable. Value of the last scheduled evaluation.";
    STATE = "readiness_item_state", Gauge, "", Item, ["checklist", "item", "state"], full,
        "The state of the item: one series for each state, exactly one of them is 1. Value of the last scheduled evaluation.";
    REASON = "readiness_item_reason", Gauge, "", Item, ["checklist", "item", "reason"], compact,
        "Why the item is not pass: only the active reason, with value 1; absent while it is pass. Value of the last scheduled evaluation.";
    REGRESSED = "readiness_item_regressed", Gauge, "", Item, ["checklist", "item"], full,
        "1 from the confirmed loss of a pass until the item passes again, else 0. Value of the last scheduled evaluation.";
    FLAPPING = "readiness_item_flapping", Gauge, "", Item, ["checklist", "item"], full,
        "1 while the outcome of the item changes often, else 0; it never holds a state back. Value of the last scheduled evaluation.";
    CLAIM_DRIFT = "readiness_item_claim_drift", Gauge, "", Item, ["checklist", "item", "drift"], full,
        "The tick in the document contradicts the measurement: only the active drift, with value 1. Value of the last scheduled evaluation.";
    MEASUREMENT = "readiness_item_measurement", Gauge, "", Item, ["checklist", "item", "measurement"], full,
        "A number behind the verdict, in the base unit that the label measurement ends with. Value of the last scheduled evaluation.";
    THRESHOLD = "readiness_item_threshold", Gauge, "", Item, ["checklist", "item", "measurement"], full,
        "What the measurement of the same name is compared with. Value of the last scheduled evaluation.";
    EVALUATIONS = "readiness_item_evaluations_total", Counter, "", Item, ["checklist", "item"], full,
        "Evaluations of the item. Value of the last scheduled evaluation.";
    FAILURES = "readiness_item_failures_total", Counter, "", Item, ["checklist", "item"], full,
        "Evaluations of the item with the outcome fail. Value of the last scheduled evaluation.";
    REGRESSIONS = "readiness_item_regressions_total", Counter, "", Item, ["checklist", "item"], full,
        "Confirmed losses of a pass. Value of the last scheduled evaluation.";
    DURATION = "readiness_item_evaluation_duration_seconds", Gauge, "seconds", Item, ["checklist", "item"], full,
        "How long the last scheduled evaluation took; absent before the first.";
    LAST_EVALUATION = "readiness_item_last_evaluation_timestamp_seconds", Gauge, "seconds", Item, ["checklist", "item"], compact,
        "When the last scheduled evaluation ended; absent before the first.";
    LAST_PASS = "readiness_item_last_pass_timestamp_seconds", Gauge, "seconds", Item, ["checklist", "item"], compact,
        "When the last scheduled evaluation with the outcome pass ended; absent before the first.";
    STATE_SINCE = "readiness_item_state_since_timestamp_seconds", Gauge, "seconds", Item, ["checklist", "item"], compact,
        "Since when the item has its state. Value of the last scheduled evaluation.";
    FRESH_UNTIL = "readiness_item_fresh_until_timestamp_seconds", Gauge, "seconds", Item, ["checklist", "item"], compact,
        "When the evidence of the last scheduled evaluation becomes stale; absent before the first.";
    INTERVAL = "readiness_item_interval_seconds", Gauge, "seconds", Item, ["checklist", "item"], compact,
        "From one scheduled evaluation to the next; absent if nothing is scheduled for the item. The value of each other family comes from the last scheduled evaluation.";
    INFO = "readiness_item_info", Gauge, "", Item,
        ["checklist", "item", "section", "title", "priority", "mode", "probe", "team", "claimed", "runbook_url"], compact,
        "What the catalogue says about the item; always 1. Join on checklist and item; their values come from the last scheduled evaluation.";
    DEPENDENCY_INFO = "readiness_item_dependency_info", Gauge, "", Item, ["checklist", "item", "depends_on"], full,
        "Each item this one depends on, as checklist/item; always 1. While one is not passing, the last scheduled evaluation of this item cannot make it fail, only blocked.";
    ROOT_CAUSE = "readiness_item_root_cause_info", Gauge, "", Item, ["checklist", "item", "root_cause"], full,
        "While the item is blocked: the nearest item it depends on that is neither passing nor blocked itself, as checklist/item; always 1. Value of the last scheduled evaluation.";
    WAIVER_EXPIRES = "readiness_waiver_expires_timestamp_seconds", Gauge, "seconds", Rollup, ["checklist", "item", "waiver"], compact,
        "When the waiver of the item ends; also there once it has ended.";
    ATTESTATION_EXPIRES = "readiness_attestation_expires_timestamp_seconds", Gauge, "seconds", Rollup, ["checklist", "item", "attestation"], compact,
        "When the attestation of the item ends; also there once it has ended.";
    SECTION_ITEMS = "readiness_section_items", Gauge, "", Rollup, ["checklist", "section", "state"], compact,
        "Items of the section in each state, zeros included.";
    CHECKLIST_ITEMS = "readiness_checklist_items", Gauge, "", Rollup, ["checklist", "mode"], compact,
        "Items of the checklist by how the truth about them is found; unmapped: a check is missing.";
    GATE_OPEN = "readiness_gate_open", Gauge, "", Rollup, ["checklist", "gate"], compact,
        "1 if the gate has items and all of them that are applicable are accepted, else 0.";
    GATE_BLOCKERS = "readiness_gate_blockers", Gauge, "", Rollup, ["checklist", "gate"], compact,
        "Applicable items of the gate that are not accepted.";
    GATE_ITEM = "readiness_gate_item_info", Gauge, "", Rollup, ["checklist", "gate", "item"], compact,
        "Each item that must be accepted for the gate to open; always 1.";
    BUILD_INFO = "readiness_build_info", Gauge, "", Daemon, ["version", "revision", "arch", "os"], compact,
        "What was built; always 1.";
    WEB_INFO = "readiness_web_info", Gauge, "", Daemon, ["external_url"], compact,
        "Where people reach the board, without a slash at the end; always 1. Pages and dashboards link there.";
    RELOAD_SUCCESSFUL = "readiness_config_last_reload_successful", Gauge, "", Daemon, [], compact,
        "1 if the last load of the catalogue succeeded, else 0; after a failure the old one goes on.";
    RELOAD_SUCCESS = "readiness_config_last_reload_success_timestamp_seconds", Gauge, "seconds", Daemon, [], compact,
        "When the catalogue was last loaded with success.";
    CATALOGUE_ITEMS = "readiness_catalogue_items", Gauge, "", Daemon, [], compact,
        "Items of the catalogue that is in force.";
    EXPOSITION_SERIES = "readiness_exposition_series", Gauge, "", Daemon, [], compact,
        "Series about items and counts in a full scrape; above 100,000 consider a lower level of detail.";
    SNAPSHOT = "readiness_snapshot_timestamp_seconds", Gauge, "seconds", Daemon, [], compact,
        "When the served picture was made.";
    SCHEDULER_LAG = "readiness_scheduler_lag_seconds", Histogram, "seconds", Daemon, ["kind"], compact,
        "From the planned to the real start of legs, waiting for permits included.";
    OVERRUNS = "readiness_scheduler_overruns_total", Counter, "", Daemon, [], compact,
        "Planned evaluations left out because the one before had not ended.";
    HEARTBEAT = "readiness_scheduler_heartbeat_timestamp_seconds", Gauge, "seconds", Daemon, [], compact,
        "When the scheduler last turned.";
    CLOCK_JUMPS = "readiness_clock_jumps_total", Counter, "", Daemon, [], compact,
        "Jumps of the wall clock after which everything was planned anew.";
    DROPPED = "readiness_evaluations_dropped_total", Counter, "", Daemon, [], compact,
        "Results left out because the item had been changed or removed meanwhile.";
    LEFTOVERS = "readiness_scenario_leftovers", Gauge, "", Daemon, [], compact,
        "Runs of scenarios whose clean-up has not succeeded, also those of an earlier process; each is cleaned up by the next run of its item.";
    TRANSITIONS = "readiness_transitions_total", Counter, "", Daemon, [], compact,
        "Changes of state of any item.";
    IN_FLIGHT = "readiness_legs_in_flight", Gauge, "", Daemon, ["class"], compact,
        "Legs that run now.";
    WAITING = "readiness_legs_waiting", Gauge, "", Daemon, ["class"], compact,
        "Legs that wait for a permit.";
    LEGS_LIMIT = "readiness_legs_limit", Gauge, "", Daemon, ["class"], compact,
        "Legs that may run at once.";
    PROBE_DURATION = "readiness_probe_duration_seconds", Histogram, "seconds", Daemon, ["kind"], compact,
        "How long legs ran.";
    PROBE_RUNS = "readiness_probe_runs_total", Counter, "", Daemon, ["kind", "outcome"], compact,
        "Legs that ran.";
    CUT_OFFS = "readiness_probe_cut_offs_total", Counter, "", Daemon, [], compact,
        "Legs that did not end at their deadline and were cut off.";
    WATCHES = "readiness_watch_listening", Gauge, "", Daemon, ["kind", "target"], compact,
        "Ways to hear of changes of the target that are open now; items that look at it are evaluated at once.";
    CHANGES = "readiness_watch_changes_total", Counter, "", Daemon, ["kind"], compact,
        "Changes of targets that were heard of.";
    STORE_COMMITS = "readiness_store_commits_total", Counter, "", Daemon, ["store"], compact,
        "Batches given to the store.";
    STORE_FAILURES = "readiness_store_commit_failures_total", Counter, "", Daemon, ["store"], compact,
        "Batches that the store refused; they are tried again.";
    STORE_DURATION = "readiness_store_commit_duration_seconds", Histogram, "seconds", Daemon, ["store"], compact,
        "How long the store took for a batch.";
    STORE_HEALTHY = "readiness_store_healthy", Gauge, "", Daemon, ["store"], compact,
        "1 if the store took the last batch, else 0.";
    STORE_WAITING = "readiness_store_waiting_rows", Gauge, "", Daemon, ["store"], compact,
        "Rows that are not written yet.";
    STORE_DROPPED = "readiness_store_dropped_rows_total", Counter, "", Daemon, ["store", "rows"], compact,
        "Transitions and evidence that were given up because the store was away too long; states are never given up.";
    STORE_UNREADABLE = "readiness_store_unreadable_rows", Gauge, "", Daemon, ["store"], compact,
        "Rows that could not be understood at the start and were left out.";
    PANICS = "readiness_panics_total", Counter, "", Daemon, [], compact,
        "Panics that were caught; each is a bug.";
    CPU = "process_cpu_seconds_total", Counter, "seconds", Daemon, [], compact,
        "User and system time of the process.";
    OPEN_FDS = "process_open_fds", Gauge, "", Daemon, [], compact,
        "Open file descriptors.";
    MAX_FDS = "process_max_fds", Gauge, "", Daemon, [], compact,
        "The limit of open file descriptors.";
    RESIDENT_MEMORY = "process_resident_memory_bytes", Gauge, "bytes", Daemon, [], compact,
        "Resident memory.";
    VIRTUAL_MEMORY = "process_virtual_memory_bytes", Gauge, "bytes", Daemon, [], compact,
        "Virtual memory.";
    THREADS = "process_threads", Gauge, "", Daemon, [], compact,
        "Threads of the process.";
    START_TIME = "process_start_time_seconds", Gauge, "seconds", Daemon, [], compact,
        "When the process started.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn item_families_come_first() {
        let split = FAMILIES.iter().position(|family| family.level != Level::Item).unwrap();
        assert_eq!(split, 21);
        assert!(FAMILIES[split..].iter().all(|family| family.level != Level::Item));
    }

    #[test]
    fn names_follow_the_customs() {
        let mut seen = HashSet::new();
        for Family { name, kind, unit, help, labels, level, .. } in FAMILIES {
            let is_daemon = *level == Level::Daemon;
            assert!(name.starts_with("readiness_") || is_daemon && name.starts_with("process_"), "{name}");
            let base = name.strip_suffix("_total").unwrap_or(name);
            assert_eq!(*kind == Kind::Counter, base != *name, "{name}");
            assert!(seen.insert(base), "{name} is there twice");
            let in_name = ["seconds", "bytes"].into_iter().find(|unit| base.ends_with(&format!("_{unit}")));
            assert_eq!(*unit, in_name.unwrap_or(""), "{name}");
            assert!(help.ends_with('.') && !help.contains(['"', '\\', '\n']), "{name}");
            assert!(*level != Level::Item || help.contains("last scheduled evaluation"), "{name}");
            assert!(is_daemon || labels[0] == "checklist", "{name}");
            assert!(is_daemon || *kind != Kind::Histogram, "{name}");
            for reserved in ["type", "stage", "service", "owner", "env", "region", "zone", "cluster", "severity"] {
                assert!(!labels.contains(&reserved), "{name}");
            }
        }
    }
}
