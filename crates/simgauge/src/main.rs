//! `simgauge`: the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    simgauge::cli::command::main()
}
