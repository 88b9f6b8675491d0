//! Scripted timelines: `tests/scripts/*.txt` with golden transcripts beside them that a person
//! can read. `UPDATE=1` rewrites the transcripts.
//!
//! A script edits a catalogue (`item`, `drop`, `waive`) and lets things happen (`at TIME …`):
//!
//! ```text
//! item NAME [every 1m] [depends A B] [any_of|all_of A B] [legs N] [attested] [unmapped "why"]
//!           [mixed "why"] [version N] [aka OLD] [hold 10m] [fresh 5m] [unless "condition"]
//! waive ITEM as W-1 from 10:00 to 11:00
//! at 10:00 ITEM pass|fail|unknown [x3] [of REASON] [until 11:00] [version N] ["sentence"]
//! at 10:00 reload | stop | restart | pass_time | show ITEM | expect ITEM STATE [REASON]
//! at 10:00 jump to 12:00
//! ```
//!
//! Times are of one day, `1d10:00` is the next one. Runs of `x3` are an interval apart. Between
//! two lines the world is ticked whenever it asked to be.

mod language;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};

use self::stage::Stage;

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 10, "scripts are missing from {}", folder.display());
    let mut wrong = Vec::new();
    for file in files {
        let transcript = play(&fs::read_to_string(&file).unwrap(), &file);
        let golden = file.with_extension("out");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&golden, &transcript).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != transcript {
            wrong.push(format!("{}: got\n{transcript}", golden.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn play(script: &str, file: &Path) -> String {
    let mut stage = Stage::default();
    for (n, line) in script.lines().enumerate() {
        if let Err(error) = stage.line(line) {
            panic!("{}:{}: {error}\n{}", file.display(), n + 1, stage.transcript());
        }
    }
    stage.transcript()
}
