//! Measures simgauge against others on one machine. `scripts/bench` is how it is started.

mod bare;
mod cards;
mod client;
mod contender;
mod machine;
mod operators;
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
        /// The app's secret.
        #[arg(long, env = "SIMGAUGE_SECRET")]
        secret: String,
    },
    /// Measure; prints a table and writes target/bench.json.
    Run(section::RunArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Bare { listen, secret } => bare::serve(listen, secret),
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
