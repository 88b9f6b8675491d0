//! The newest of several files, whose name only its pattern knows.

use crate::model::Reason;
use crate::probe::guard::lane::Lane;
use crate::probe::kinds::files;
use crate::probe::line::line;
use crate::probe::{ProbeCx, ProbeError};

/// What stands for its path in an argument.
pub(super) const PLACE: &str = "{newest}";

pub(super) fn check(pattern: &str) -> Result<(), String> {
    files::check_path(pattern)
}

/// Its path. One whose name is no text is an error, for no argument could name it.
pub(super) async fn find(pattern: &str, lane: &Lane, cx: &ProbeCx) -> Result<String, ProbeError> {
    let (wanted, until, now_s) = (pattern.to_owned(), cx.deadline(), cx.now().as_secs_f64());
    let found = lane.run(cx, pattern, move || files::newest_file(wanted, now_s, until)).await?;
    found.ok_or_else(|| {
        let detail = format!("expected a file that matches {}, saw none", line(pattern, 300));
        ProbeError::target(Reason::Missing, detail)
    })
}
