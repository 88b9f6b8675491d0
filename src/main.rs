//! Parses the command line, hands over to `cli`, and maps its answer to an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    readiness::cli::main()
}
