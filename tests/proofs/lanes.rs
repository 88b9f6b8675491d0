//! Cases in lanes beside each other: most of the time of a case is waiting. Within a lane one case
//! follows the other, on servers that are shared by them and by no other lane.

use std::fmt::Write;
use std::time::Instant;

use crate::cases::{File, With};
use crate::run::{self, Outcome};
use crate::world::{World, caught};

/// Passed, and what went wrong.
pub(crate) type Ran = (usize, Vec<String>);

/// What looks at the monitoring of a system; restarting a Prometheus takes long.
const MONITORING: [&str; 5] = ["alertmanager", "grafana", "jaeger", "pager", "prometheus"];

const LANES: usize = 7;

/// In which lane a file runs. What listens on addresses of its own, or is found among all processes of
/// the machine, stays in one.
fn lane(file: &File) -> Result<usize, String> {
    let needed = file.needed()?;
    let has = |names: &[&str]| needed.iter().any(|name| names.contains(&name.as_str()));
    Ok(if has(&["docker"]) {
        // Making its world anew takes long, and one engine is enough.
        4
    } else if has(&["edge", "nginx", "processes"]) {
        0
    } else if file.checklist == "phoenix" {
        if has(&["prometheus-phoenix"]) { 3 } else { 5 }
    } else if has(&MONITORING) {
        1
    } else if has(&["postgres"]) {
        2
    } else {
        6
    })
}

/// Runs all cases of these files, each with the good world of its checklist.
pub(crate) fn run(files: &[(File, With)]) -> Result<Ran, String> {
    let mut lanes: [Vec<&(File, With)>; LANES] = Default::default();
    for file in files {
        lanes[lane(&file.0)?].push(file);
    }
    Ok(std::thread::scope(|scope| {
        let started: Vec<_> = lanes.iter().map(|files| scope.spawn(move || run_lane(files))).collect();
        let ended = started.into_iter().map(|thread| thread.join().expect("a lane"));
        ended.fold(Ran::default(), |(passed, mut failed), (more, wrong)| {
            failed.extend(wrong);
            (passed + more, failed)
        })
    }))
}

fn run_lane(files: &[&(File, With)]) -> Ran {
    let mut world = World::new();
    let (mut passed, mut failed) = (0, Vec::new());
    for (file, good) in files {
        if let Err(error) = file.needed().and_then(|needed| world.need(&needed)) {
            failed.push(format!("{}/{}: {error}", file.checklist, file.section));
            continue;
        }
        for case in &file.cases {
            let title = format!("{}/{}: {}", file.checklist, file.section, case.case);
            let started = Instant::now();
            // A panic in a server's double is one failed case, never the end of the lane.
            let outcome = caught(|| run::run(&mut world, good, file, case)).unwrap_or_else(Outcome::wrong);
            let verdict = if outcome.wrong.is_empty() { "ok" } else { "FAILED" };
            let again =
                if outcome.repeated > 0 { format!(", looked {} times", outcome.repeated + 1) } else { String::new() };
            // At once, or lines of other lanes would come between.
            let mut said = format!("{verdict:6} {title} ({:.1} s{again})", started.elapsed().as_secs_f64());
            for [item, state, reason, sentence] in &outcome.table {
                let _ = write!(said, "\n       | {item} | {state} | {reason} | {sentence}");
            }
            println!("{said}");
            if outcome.wrong.is_empty() {
                passed += 1;
            } else {
                failed.push(format!("{title}\n  {}", outcome.wrong.join("\n  ")));
            }
        }
    }
    (passed, failed)
}
