use crate::cards::Requests;
use crate::contender::{App, embedded};
use crate::report::Report;
use crate::wrk::{self, Seen};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tempfile::TempDir;

/// What the sections share.
pub(super) struct Bench {
    pub(super) report: Report,
    pub(super) quick: bool,
    pub(super) rounds: u64,
    pub(super) seconds: u64,
    pub(super) connections: u64,
    /// Deleted when the run ends.
    pub(super) dir: TempDir,
    pub(super) app: Rc<App>,
    /// Stores full of cards, kept for the next run.
    pub(super) seeds: PathBuf,
}

impl Bench {
    /// How many cards the store of most sections has.
    pub(super) fn cards(&self) -> u64 {
        if self.quick { 200_000 } else { 1_000_000 }
    }

    /// The note of a section whose targets are meant for more cards than a quick run has.
    pub(super) fn fewer_cards(&self) -> Option<String> {
        self.quick.then(|| format!("quick: {} k cards", self.cards() / 1000))
    }

    /// Load by wrk, as fast as possible.
    pub(super) fn load(
        &self,
        address: SocketAddr,
        requests: &Requests,
        seconds: u64,
        again: bool,
    ) -> anyhow::Result<Seen> {
        wrk::load(address, requests, self.connections, seconds, again)
    }

    /// A folder within the run's folder.
    pub(super) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let dir = self.dir.path().join(name);
        std::fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    /// Signs requests into a file. It is in memory where the system has a file system for that, because
    /// writing it back to the disk would disturb the measurement.
    pub(super) fn requests(
        &self,
        name: &str,
        range: Range<u64>,
        total: u64,
        round: u64,
    ) -> anyhow::Result<Requests> {
        Requests::write(self.request_file(name), &self.app.secret, range, total, round)
    }

    /// Where requests are written.
    pub(super) fn request_file(&self, name: &str) -> PathBuf {
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { memory } else { self.dir.path() };
        dir.join(format!("simgauge-bench-{}-{name}", std::process::id()))
    }

    pub(super) fn seed_file(&self, total: u64) -> PathBuf {
        self.seeds.join(format!("cards-{total}.db"))
    }

    /// A file with an SQLite store of `total` cards. It is made unless an earlier run left one with this
    /// program's schema.
    pub(super) fn seeded(&self, total: u64) -> anyhow::Result<PathBuf> {
        let file = self.seed_file(total);
        if file.is_file() && !embedded::is_current(&file)? {
            std::fs::remove_file(&file)?;
        }
        if !file.is_file() {
            eprintln!("bench: importing {total} cards");
            // Under another name until it is complete.
            let made = self.dir.path().join("seed.db");
            embedded::seed_idle(&made, total, self.dir.path(), &self.app)?;
            std::fs::rename(&made, &file)?;
        }
        Ok(file)
    }
}
