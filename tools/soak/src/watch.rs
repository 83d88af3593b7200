//! Samples what the server uses of the machine.

use super::caller::Seen;
use super::world::World;
use anyhow::anyhow;
use serde::Serialize;
use simgauge_process::mb;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_secs(5);
const PRINT_EVERY: Duration = Duration::from_secs(60);

/// What the server uses at one moment.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Level {
    /// Resident memory, in megabytes of 10^6 bytes.
    pub(super) resident_mb: f64,
    /// Open files and sockets.
    pub(super) handles: usize,
    pub(super) threads: f64,
    /// Tasks of its runtime that have not ended.
    pub(super) tasks: f64,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resident_mb, handles, threads, tasks } = self;
        write!(f, "{resident_mb:.1} MB, {handles} handles, {threads} threads, {tasks} tasks")
    }
}

/// A level and its time, in seconds from the beginning.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Sample {
    pub(super) at: f64,
    #[serde(flatten)]
    pub(super) level: Level,
}

pub(super) fn level(world: &World) -> anyhow::Result<Level> {
    let server = &world.server;
    Ok(Level {
        resident_mb: mb(server.resident()?),
        handles: std::fs::read_dir(format!("/proc/{}/fd", server.id()))?.count(),
        threads: world.metric("process_threads")?,
        tasks: world.metric("process_tasks")?,
    })
}

/// Takes samples, and prints a line every minute.
pub(super) struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Vec<Sample>>>,
}

impl Watcher {
    pub(super) fn start(world: Arc<World>, seen: Arc<Seen>, began: Instant) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut samples, mut printed) = (Vec::new(), (Instant::now(), seen.calls()));
            while !stopped.load(Ordering::Relaxed) {
                std::thread::park_timeout(EVERY);
                let level = level(&world)?;
                samples.push(Sample { at: began.elapsed().as_secs_f64(), level });
                let (last, calls_before) = printed;
                if last.elapsed() >= PRINT_EVERY {
                    let calls = seen.calls();
                    print(
                        began,
                        level,
                        (calls - calls_before) as f64 / last.elapsed().as_secs_f64(),
                        &seen,
                        &world,
                    )?;
                    printed = (Instant::now(), calls);
                }
            }
            Ok(samples)
        });
        Self { stop, thread }
    }

    pub(super) fn stop(self) -> anyhow::Result<Vec<Sample>> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().map_err(|_| anyhow!("the watcher died"))?
    }
}

fn print(began: Instant, level: Level, rate: f64, seen: &Seen, world: &World) -> anyhow::Result<()> {
    let counts = seen.lock();
    println!(
        "soak: {:>3} min: {level}; {rate:.0} calls/s, {} refreshes accepted, \
         {} readings and {} notifications waiting, {} surprises",
        (began.elapsed().as_secs_f64() / 60.0).round(),
        counts.accepted.len(),
        world.metric("simgauge_lane_waiting")?,
        world.metric("simgauge_notifications_waiting")?,
        counts.surprise_count,
    );
    Ok(())
}
