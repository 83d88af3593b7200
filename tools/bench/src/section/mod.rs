//! The sections of a run.

mod accept;
mod bench;
mod growth;
mod idle;
mod import;
mod latency;
mod overload;
mod readings;
mod refuse;
mod worst_customer;

use crate::contender::App;
use crate::machine;
use crate::report::Report;
use anyhow::{Context as _, ensure};
use bench::Bench;
use clap::{Args, ValueEnum};
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Fewer cards and shorter rounds: two minutes in all.
    #[arg(long)]
    quick: bool,
    /// Only these sections; can be given several times.
    #[arg(long)]
    section: Vec<Section>,
    /// Connections that wrk sends on at once.
    #[arg(long, default_value_t = 256)]
    connections: u64,
    /// Rounds of what is repeated.
    #[arg(long)]
    rounds: Option<u64>,
    /// Seconds of one measurement under load.
    #[arg(long)]
    seconds: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    Accept,
    Refuse,
    Postgres,
    Latency,
    Import,
    Growth,
    Readings,
    Idle,
    Overload,
    WorstCustomer,
    WorstCustomerPostgres,
}

/// Measures, prints and writes the report.
pub(crate) fn run(args: &RunArgs) -> anyhow::Result<()> {
    let target = Path::new("target");
    let seeds = target.join("bench");
    std::fs::create_dir_all(&seeds).context("start it in the repository's root")?;
    let dir = tempfile::Builder::new().prefix("run-").tempdir_in(std::path::absolute(&seeds)?)?;
    let mut bench = Bench {
        report: Report::new(machine::lines()?),
        quick: args.quick,
        rounds: args.rounds.unwrap_or(if args.quick { 3 } else { 5 }),
        seconds: args.seconds.unwrap_or(if args.quick { 2 } else { 5 }),
        connections: args.connections,
        app: Rc::new(App::create(dir.path())?),
        dir,
        seeds: std::path::absolute(&seeds)?,
    };
    let began = Instant::now();
    let mut failed = Vec::new();
    for section in Section::value_variants() {
        if args.section.is_empty() || args.section.contains(section) {
            // A section that fails does not keep the others from being measured.
            let measured = match section {
                Section::Accept => accept::embedded(&mut bench),
                Section::Refuse => refuse::measure(&mut bench),
                Section::Postgres => accept::postgres(&mut bench),
                Section::Latency => latency::measure(&mut bench),
                Section::Import => import::measure(&mut bench),
                Section::Growth => growth::measure(&mut bench),
                Section::Readings => readings::measure(&mut bench),
                Section::Overload => overload::measure(&mut bench),
                Section::WorstCustomer => worst_customer::embedded(&mut bench),
                Section::WorstCustomerPostgres => worst_customer::on_postgres(&mut bench),
                Section::Idle => idle::measure(&mut bench),
            };
            if let Err(error) = measured {
                eprintln!("bench: {section:?}: {error:#}");
                failed.push(format!("{section:?}").to_lowercase());
            }
            eprintln!("bench: {} s", began.elapsed().as_secs());
        }
    }
    eprintln!("bench: {} s in all", began.elapsed().as_secs());
    print!("{}", bench.report.in_words());
    let file = target.join("bench.json");
    bench.report.write(&file)?;
    println!("\nwritten to {}", file.display());
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}
