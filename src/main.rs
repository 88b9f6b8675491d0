//! Parses the command line, hands over to `cli`, and maps its answer to an exit code.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    readiness::cli::main()
}
