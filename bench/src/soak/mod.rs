//! An hour of mixed load on one server, while its operators, a customer's receiver and its callers misbehave on a fixed schedule;
//! then everything drains, and what is left is judged. `scripts/soak` is how it is started.

mod caller;
mod calls;
mod faults;
mod judge;
mod receiver;
mod watch;
mod world;

use anyhow::Context as _;
use caller::{Load, Seen};
use clap::Args;
use judge::Verdict;
use receiver::Receiver;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use watch::{Level, Watcher};
use world::World;

/// Load without faults, before what has to be come back to is looked at: connections are made, threads started.
const WARM_UP: Duration = Duration::from_secs(30);
/// Longest time until everything accepted has ended and everybody was told, once the load has stopped: an operator may be asked
/// about the same card once in twenty minutes only.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1800);
/// After draining, until idle connections are given up by both sides: the server's clients look every 90 s for those idle for 90 s.
const QUIET: Duration = Duration::from_secs(200);

/// How long, and on what.
#[derive(Debug, Args)]
pub(crate) struct SoakArgs {
    /// Seconds of load with faults.
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// Calls a second.
    #[arg(long, default_value_t = 80.0)]
    rate: f64,
    /// Cards: so many that the store is larger than its caches, which are filled before the load; a card cools down for five minutes.
    #[arg(long, default_value_t = 400_000)]
    cards: u64,
    /// A PostgreSQL database to use in place of an SQLite file, as postgres://...
    #[arg(long)]
    store: Option<String>,
    /// Keep the folder with the store and the logs.
    #[arg(long)]
    keep: bool,
}

/// Runs it, prints the verdict and writes target/soak.json.
///
/// # Errors
/// It could not be carried out, or something is not as it has to be.
pub(crate) fn run(args: &SoakArgs) -> anyhow::Result<()> {
    let target = std::path::absolute("target")?;
    std::fs::create_dir_all(&target).context("start it in the repository's root")?;
    let mut dir = tempfile::Builder::new().prefix("soak-").tempdir_in(&target)?;
    dir.disable_cleanup(args.keep);
    // The callers' HTTP client asks for one, though nothing here speaks TLS.
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
    let world = Arc::new(World::create(dir, args, &receiver.url())?);
    receiver.knows(world.notified_secret());

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

/// Waits until nothing is under way any more; answers the level that the server then is at.
async fn settle(world: &World, receiver: &Receiver) -> anyhow::Result<Level> {
    let began = Instant::now();
    while !world.is_drained().await? {
        anyhow::ensure!(
            began.elapsed() < DRAIN_PATIENCE,
            "after {DRAIN_PATIENCE:?} not everything has ended and been told; the receiver took {}",
            receiver.taken()
        );
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    tokio::time::sleep(QUIET).await;
    watch::level(world)
}
