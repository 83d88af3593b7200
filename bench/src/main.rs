//! Measures simgauge against others on one machine. `scripts/bench` is how it is started.

mod bare;
mod cards;
mod client;
mod contender;
mod machine;
mod process;
mod report;
mod section;
mod stats;
mod wrk;

use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the bare handler that others are compared with.
    Bare {
        /// Where to listen.
        #[arg(long)]
        listen: SocketAddr,
    },
    /// Measure; prints a table and writes target/bench.json.
    Run(section::RunArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bare { listen } => bare::serve(listen),
        Command::Run(args) => section::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
