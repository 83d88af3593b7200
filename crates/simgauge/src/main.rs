//! `simgauge`: the command line.

use clap::Parser as _;
use simgauge::cli::command::{self, Cli};
use std::process::ExitCode;

/// Every so many steps a worker looks for what other threads woke: the answers of accepted calls come from the store's threads.
/// By itself it looks so seldom that under more calls than can be taken, accepted ones waited for seconds behind refused ones.
const STEPS: u32 = 3;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().global_queue_interval(STEPS).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                eprintln!("error: the runtime cannot be started: {error}");
                return ExitCode::FAILURE;
            }
        };
    match runtime.block_on(command::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
