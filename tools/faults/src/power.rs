//! The program at work on a disk of which everything is recorded.

use crate::disk::Folder;
use crate::load::{Load, Seen};
use crate::record::{Event, Notes, read};
use crate::world::{ACCOUNT, App, World, numbers, shim, simulator};
use anyhow::{Context as _, ensure};
use simgauge_process::{self as process, Server};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// What goes on while the calls are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing else.
    Load,
    /// A pause, in which the server writes its log back into the file.
    Checkpoint,
    /// More cards are imported.
    Import,
    /// The key of the secrets is replaced.
    RotateKey,
    /// A copy of the store is written.
    BackUp,
    /// The server is stopped and started again.
    Restart,
    /// Old readings are folded into daily totals, a minute after the start.
    Fold,
}

/// A recording to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whether the store and its key are reached through symbolic links.
    pub links: bool,
    /// More for the layer, such as a disk that lies.
    pub faults: Vec<(&'static str, String)>,
    pub phases: Vec<Phase>,
}

/// How many cards there are, and how many of them have a package.
const CARDS: usize = 6_000;
const PACKAGES: usize = 300;
/// How many more are imported under load.
const MORE_CARDS: usize = 2_000;
/// A phase without an end of its own: so many calls, or so long on a machine with other work.
const SOME_CALLS: usize = 150;
const SOME_TIME: Duration = Duration::from_secs(10);
/// The log is written back when it has not grown for half a second.
const PAUSE: Duration = Duration::from_millis(1_600);
/// The first folding begins a minute after the start of the server.
const FOLD_TIMEOUT: Duration = Duration::from_secs(120);
/// Readings are kept for a month; the first ones of a recording with folding are older.
const OLD_MS: i64 = -40 * 86_400_000;
const SETTINGS: &str = "[usage]\nkeep_readings_days = 30\n[refresh]\nsteady_beat = \"off\"";

/// A recording, with what is needed to start the program on what a power cut leaves of it.
pub struct Recording {
    pub links: bool,
    pub app: App,
    pub base: Folder,
    pub events: Vec<Event>,
    pub seen: Seen,
    operators: SocketAddr,
    _simulator: Server,
}

impl Recording {
    /// Makes a recording. Everything is in `dir`.
    ///
    /// # Errors
    /// Something other than a call failed.
    pub fn make(plan: &Plan, dir: &Path) -> anyhow::Result<Self> {
        let operators = process::free_address()?;
        let simulator = simulator(dir, operators)?;
        let record = dir.join("record");
        // The program makes its files before there are links to them.
        let plain = World::create(dir, false, operators, SETTINGS)?;
        let (app, used) = prepare(&plain, dir, plan.phases.contains(&Phase::Fold))?;
        let world = World::create(dir, plan.links, operators, SETTINGS)?;
        let base = Folder::read(&world.disk)?;
        let notes = Notes::open(&record)?;
        let mut environment = shim(&world.disk, Some(&record))?;
        environment.extend(plan.faults.iter().cloned());
        let mut work = Work { world: world.with(environment), dir, notes, server: None, cards: CARDS };
        work.note(&format!("cards {CARDS}"))?;
        work.server = Some(work.world.serve(dir)?);
        let load = Load::start(&app, world.address, numbers(used, CARDS - used), Notes::open(&record)?);
        let done = plan.phases.iter().try_for_each(|phase| {
            work.note(&format!("phase {phase:?}"))?;
            work.play(*phase, &load).with_context(|| format!("{phase:?}"))
        });
        let seen = load.stop();
        if let Some(server) = work.server.take() {
            server.kill()?;
        }
        done?;
        ensure!(!seen.answered.is_empty(), "nothing was accepted: {:?}", seen.others);
        let events = read(&record)?;
        let fails = plan.faults.iter().any(|(name, _)| *name == "SIMGAUGE_SHIM_SYNC");
        let failed = events.iter().any(|event| matches!(event, Event::SyncFailed { .. }));
        ensure!(failed || !fails, "there were too few syncs for one to fail");
        Ok(Self { links: plan.links, app, base, events, seen, operators, _simulator: simulator })
    }

    /// The program on a disk in `dir`, with the same operators.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn world(&self, dir: &Path) -> anyhow::Result<World> {
        World::create(dir, self.links, self.operators, SETTINGS)
    }
}

/// An account that is notified, with cards; some of them with readings that are to be folded. Answers how
/// many cards were used.
fn prepare(world: &World, dir: &Path, with_old_readings: bool) -> anyhow::Result<(App, usize)> {
    let clock = dir.join("clock");
    let shift = if with_old_readings { OLD_MS } else { 0 };
    std::fs::write(&clock, shift.to_le_bytes())?;
    let mut environment = shim(&world.disk, None)?;
    environment.push(("SIMGAUGE_SHIM_CLOCK", clock.to_str().context("a path is not UTF-8")?.to_owned()));
    let world = world.with(environment);
    let app = world.create_app()?;
    // Nobody listens there, so that notifications wait.
    let nowhere = format!("http://{}/", process::free_address()?);
    world.run(&["account", "notify", ACCOUNT, "--url", &nowhere])?;
    world.import(&numbers(0, CARDS), PACKAGES)?;
    if !with_old_readings {
        return Ok((app, 0));
    }
    let server = world.serve(dir)?;
    let used = CARDS / 10;
    let load =
        Load::start(&app.shifted(OLD_MS), world.address, numbers(0, used), Notes::open(&dir.join("old"))?);
    load.wait_for(used / 2, FOLD_TIMEOUT);
    let seen = load.stop();
    ensure!(!seen.answered.is_empty(), "nothing was accepted in the past: {:?}", seen.others);
    server.stop()?;
    Ok((app, used))
}

/// What the phases work with.
struct Work<'a> {
    world: World,
    dir: &'a Path,
    notes: Notes,
    server: Option<Server>,
    cards: usize,
}

impl Work<'_> {
    fn note(&self, text: &str) -> anyhow::Result<()> {
        self.notes.add(text)
    }

    fn play(&mut self, phase: Phase, load: &Load) -> anyhow::Result<()> {
        match phase {
            Phase::Load => load.wait_for(SOME_CALLS, SOME_TIME),
            Phase::Checkpoint => {
                load.pause(true);
                std::thread::sleep(PAUSE);
                load.pause(false);
                load.wait_for(SOME_CALLS, SOME_TIME);
            }
            Phase::Import => {
                self.world.import(&numbers(self.cards, MORE_CARDS), 0)?;
                self.cards += MORE_CARDS;
                self.note(&format!("cards {}", self.cards))?;
            }
            Phase::RotateKey => {
                self.world.run(&["secrets", "rotate-key"])?;
                self.note("rotated")?;
                load.wait_for(SOME_CALLS / 3, SOME_TIME);
            }
            Phase::BackUp => {
                let file = self.world.beside("copy.db");
                self.world.run(&["backup", path_text(&file)?])?;
                self.note("backup copy.db")?;
                load.wait_for(SOME_CALLS / 3, SOME_TIME);
            }
            Phase::Restart => {
                let server = self.server.take().context("it does not run")?;
                server.stop()?;
                self.server = Some(self.world.serve(self.dir)?);
                load.wait_for(SOME_CALLS, SOME_TIME);
            }
            Phase::Fold => {
                let server = self.server.as_ref().context("it does not run")?;
                load.pause(true);
                let began = Instant::now();
                while !server.log().contains("old readings were folded") {
                    ensure!(began.elapsed() < FOLD_TIMEOUT, "no readings were folded:\n{}", server.log());
                    std::thread::sleep(Duration::from_millis(100));
                }
                load.pause(false);
                load.wait_for(SOME_CALLS, SOME_TIME);
            }
        }
        Ok(())
    }
}

fn path_text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path is not UTF-8")
}
