//! The `countersign` program. Everything it does is in the library, under `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    countersign_gateway::cli::main()
}
