//! The sections of a run.

mod accept;
mod growth;
mod idle;
mod import;
mod latency;
mod overload;
mod readings;
mod refuse;

use crate::cards::Requests;
use crate::contender::{App, embedded};
use crate::machine;
use crate::report::Report;
use crate::wrk::{self, Seen};
use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;
use tempfile::TempDir;

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

/// A section.
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
}

/// What sections share.
struct Bench {
    report: Report,
    quick: bool,
    rounds: u64,
    seconds: u64,
    connections: u64,
    /// Gone when the run ends.
    dir: TempDir,
    app: Rc<App>,
    /// Stores full of cards, kept for the next run.
    seeds: PathBuf,
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
    let mut broken = Vec::new();
    for section in Section::value_variants() {
        if args.section.is_empty() || args.section.contains(section) {
            // One that breaks off does not keep the others from being measured.
            let measured = match section {
                Section::Accept => accept::embedded(&mut bench),
                Section::Refuse => refuse::measure(&mut bench),
                Section::Postgres => accept::postgres(&mut bench),
                Section::Latency => latency::measure(&mut bench),
                Section::Import => import::measure(&mut bench),
                Section::Growth => growth::measure(&mut bench),
                Section::Readings => readings::measure(&mut bench),
                Section::Overload => overload::measure(&mut bench),
                Section::Idle => idle::measure(&mut bench),
            };
            if let Err(error) = measured {
                eprintln!("bench: {section:?}: {error:#}");
                broken.push(format!("{section:?}").to_lowercase());
            }
            eprintln!("bench: {} s", began.elapsed().as_secs());
        }
    }
    eprintln!("bench: {} s in all", began.elapsed().as_secs());
    print!("{}", bench.report.in_words());
    let file = target.join("bench.json");
    bench.report.write(&file)?;
    println!("\nwritten to {}", file.display());
    ensure!(broken.is_empty(), "broken off: {}", broken.join(", "));
    Ok(())
}

impl Bench {
    /// Cards in the store of most sections.
    fn cards(&self) -> u64 {
        if self.quick { 200_000 } else { 1_000_000 }
    }

    /// Where the plan asks for more cards than a quick run has.
    fn fewer_cards(&self) -> Option<String> {
        self.quick.then(|| format!("quick: {} k cards", self.cards() / 1000))
    }

    /// Load by wrk, as fast as it goes.
    fn load(
        &self,
        address: SocketAddr,
        requests: &Requests,
        seconds: u64,
        again: bool,
    ) -> anyhow::Result<Seen> {
        wrk::load(address, requests, self.connections, seconds, again)
    }

    /// A folder of its own within the run.
    fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let dir = self.dir.path().join(name);
        std::fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Signs requests. They lie in memory where the system has a place for that: written back to the disk, they would weigh
    /// on what is measured.
    fn requests(&self, name: &str, range: Range<u64>, total: u64, round: u64) -> anyhow::Result<Requests> {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { memory } else { self.dir.path() };
        let path = dir.join(format!("simgauge-bench-{}-{name}", std::process::id()));
        Requests::write(path, &self.app.secret, range, total, round)
    }

    fn seed_file(&self, total: u64) -> PathBuf {
        self.seeds.join(format!("cards-{total}.db"))
    }

    /// A file with an SQLite store of that many cards; made unless an earlier run left one with this program's schema.
    fn seeded(&self, total: u64) -> anyhow::Result<PathBuf> {
        let file = self.seed_file(total);
        if file.is_file() && !embedded::is_current(&file)? {
            std::fs::remove_file(&file)?;
        }
        if !file.is_file() {
            eprintln!("bench: importing {total} cards");
            // Under another name until it is whole.
            let made = self.dir.path().join("seed.db");
            embedded::seed_idle(&made, total, self.dir.path(), &self.app)?;
            std::fs::rename(&made, &file)?;
        }
        Ok(file)
    }
}
