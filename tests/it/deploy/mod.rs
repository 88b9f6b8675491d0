//! What is shipped to run the exporter where it belongs.

mod compose;
mod grants;
mod image;
mod manifests;
mod unit;

use std::process::Command;

/// What a tool said, and whether it was content.
fn said(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}
