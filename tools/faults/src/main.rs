//! The trials' command line. `scripts/soak` starts it.

use clap::{Parser, Subcommand};
use simgauge_faults::audit::{Expected, audit};
use simgauge_faults::{clock, hostile, trial};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Trials from outside: an audit of a store, power cuts, hostile operators, clocks that jump.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Looks at an SQLite store in SQL of its own. Prints each violation with its keys; exit code 1 if there
    /// is one.
    Audit {
        /// The store's file.
        file: PathBuf,
        /// A file with what callers were told: a line for each refresh, with its id and its card's number.
        #[arg(long)]
        answered: Option<PathBuf>,
        /// How many cards there are at least.
        #[arg(long, default_value_t = 0)]
        cards: i64,
        /// The cooldown of cards, in seconds.
        #[arg(long, default_value_t = 300)]
        sim_cooldown: i64,
        /// The cooldown of cloud eSIMs, in seconds.
        #[arg(long, default_value_t = 300)]
        cloud_esim_cooldown: i64,
    },
    /// Records what the program writes while much goes on, cuts the power at random points, and opens and
    /// audits what is left. Also on disks that fail or lie.
    Power {
        /// How many points.
        #[arg(long, default_value_t = 200)]
        points: usize,
        /// For the choice of the points; random unless given.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Has a server read through many misbehaviours of operators at once.
    Operators,
    /// Sets the clock a day ahead and back while a server runs.
    Clock,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("faults: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Answers whether everything is as it has to be.
fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Audit { file, answered, cards, sim_cooldown, cloud_esim_cooldown } => {
            let answered = answered.as_deref().map(read_answered).transpose()?.unwrap_or_default();
            let cooldown_ms = [sim_cooldown * 1000, cloud_esim_cooldown * 1000];
            let violations = audit(&file, &Expected { answered, cards, cooldown_ms })?;
            for violation in &violations {
                println!("{violation}");
            }
            println!("{} violations", violations.len());
            Ok(violations.is_empty())
        }
        Command::Power { points, seed } => Ok(print_all(&trial::all_power_cuts(points, seed)?)),
        Command::Operators => Ok(print_all(&in_scratch_folder(hostile::hostile_operator)?)),
        Command::Clock => Ok(print_all(&in_scratch_folder(clock::jumps)?)),
    }
}

/// Prints what was found. Answers whether that is nothing.
fn print_all(found: &[String]) -> bool {
    for one in found {
        println!("{one}");
    }
    println!("{} findings", found.len());
    found.is_empty()
}

fn in_scratch_folder(run: fn(&Path) -> anyhow::Result<Vec<String>>) -> anyhow::Result<Vec<String>> {
    let mut dir = trial::scratch_folder()?;
    let found = run(dir.path());
    if !found.as_ref().is_ok_and(Vec::is_empty) {
        println!("the files are kept in {}", dir.path().display());
        dir.disable_cleanup(true);
    }
    found
}

fn read_answered(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(path)?;
    let pair = |line: &str| {
        let pair = line.split_once(' ').map(|(id, number)| (id.to_owned(), number.trim().to_owned()));
        pair.ok_or_else(|| anyhow::anyhow!("{}: {line:?} is no id with a number", path.display()))
    };
    text.lines().map(pair).collect()
}
