//! An hour of mixed load on one server. Meanwhile its operators, a customer's receiver and its callers
//! misbehave on a fixed schedule. Then everything drains, and what is left is judged. `scripts/soak` starts
//! it.

mod caller;
mod calls;
mod faults;
mod judge;
mod receiver;
mod watch;
mod world;

use anyhow::Context as _;
use caller::{Load, Seen};
use clap::Parser;
use judge::Verdict;
use receiver::Receiver;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watch::{Level, Watcher};
use world::World;

/// Load without faults before the first look at the server: connections are opened and threads started.
const WARM_UP: Duration = Duration::from_secs(30);
/// The longest time from the end of the load until everything accepted has ended and was notified.
/// An operator may be asked about the same card only once in twenty minutes.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1800);
/// Time after draining until both sides have closed idle connections. The server's clients look every 90 s
/// for connections that have been idle for 90 s.
const QUIET: Duration = Duration::from_secs(200);

/// Load with faults for an hour, judged at its end. Writes target/soak.json.
#[derive(Debug, Parser)]
struct SoakArgs {
    /// Seconds of load with faults.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Calls a second.
    #[arg(long, default_value_t = 80.0)]
    rate: f64,
    /// Cards. The default makes the store larger than its caches, which are filled before the load.
    #[arg(long, default_value_t = 400_000)]
    cards: u64,
    /// A PostgreSQL database to use in place of an SQLite file, as postgres://...
    #[arg(long)]
    store: Option<String>,
    /// Keep the folder with the store and the logs.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    match run(&SoakArgs::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Soaks, prints the verdict and writes target/soak.json. Fails also where a check did not pass.
fn run(args: &SoakArgs) -> anyhow::Result<()> {
    let target = std::path::absolute("target")?;
    std::fs::create_dir_all(&target).context("start it in the repository's root")?;
    let mut dir = tempfile::Builder::new().prefix("soak-").tempdir_in(&target)?;
    dir.disable_cleanup(args.keep);
    // The callers' HTTP client needs a crypto provider, though nothing here speaks TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let verdict = runtime.block_on(soak(args, dir.path()))?;
    print!("{}", verdict.in_words());
    let file = target.join("soak.json");
    std::fs::write(&file, serde_json::to_string_pretty(&verdict)? + "\n")?;
    println!("written to {}", file.display());
    anyhow::ensure!(verdict.passed(), "not everything is as it has to be");
    Ok(())
}

async fn soak(args: &SoakArgs, dir: &Path) -> anyhow::Result<Verdict> {
    let receiver = Receiver::start().await?;
    println!("soak: {} cards, {} calls/s for {} s", args.cards, args.rate, args.seconds);
    let world = Arc::new(World::create(dir, args.store.as_deref(), args.cards, &receiver.url())?);
    receiver.set_secret(world.notified_secret());

    let seen = Arc::new(Seen::default());
    Load::new(&world, &seen, args.rate).fill(args.cards).await?;
    Load::new(&world, &seen, args.rate).run(WARM_UP).await?;
    let before = settle(&world, &receiver).await?;
    println!("soak: idle after warming up: {before}");

    let began = Instant::now();
    let watcher = Watcher::start(Arc::clone(&world), Arc::clone(&seen), began);
    let faults = tokio::spawn(faults::keep_switching(Arc::clone(&world), receiver.clone()));
    let loaded = Load::new(&world, &seen, args.rate).run(Duration::from_secs(args.seconds)).await;
    faults.abort();
    let samples = watcher.stop()?;
    loaded?;
    receiver.behave();
    world.clear_faults()?;

    let drained_from = Instant::now();
    let after = settle(&world, &receiver).await?;
    println!("soak: idle after {} s of draining: {after}", drained_from.elapsed().as_secs());
    judge::judge(&world, &seen, &receiver, &samples, [before, after], args.seconds).await
}

/// Waits until nothing is in progress any more. Returns the level that the server is then at.
async fn settle(world: &World, receiver: &Receiver) -> anyhow::Result<Level> {
    let began = Instant::now();
    while !world.is_drained().await? {
        anyhow::ensure!(
            began.elapsed() < DRAIN_TIMEOUT,
            "after {DRAIN_TIMEOUT:?} not everything has ended and been told; the receiver took {}",
            receiver.taken()
        );
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    tokio::time::sleep(QUIET).await;
    watch::level(world)
}
