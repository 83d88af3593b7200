//! simgauge with its embedded store.

use super::Contender;
use super::ours::{self, IDLE_LANE, Setup};
use crate::process::Server;
use anyhow::Context as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// simgauge on SQLite, with fsync, on a fresh copy of a store full of cards.
pub(crate) struct Embedded {
    dir: PathBuf,
    template: PathBuf,
    running: Option<(Setup, Server)>,
}

impl Embedded {
    /// `template` is a store made by [`seed`].
    pub(crate) fn new(dir: PathBuf, template: PathBuf) -> Self {
        Self { dir, template, running: None }
    }

    /// The running server.
    pub(crate) fn server(&self) -> anyhow::Result<&Server> {
        self.running.as_ref().map(|(_, server)| server).context("not started")
    }

    /// Starts it; answers also how long that took.
    pub(crate) fn start_timed(&mut self) -> anyhow::Result<(SocketAddr, Duration)> {
        let file = self.dir.join("embedded.db");
        for left in ["", "-wal", "-shm", ".lock"] {
            let _ = std::fs::remove_file(self.dir.join(format!("embedded.db{left}")));
        }
        std::fs::copy(&self.template, &file).context("the store cannot be copied")?;
        crate::process::settle()?;
        let setup = Setup::new(&self.dir, &url(&file), IDLE_LANE)?;
        let (server, took) = setup.serve()?;
        let address = setup.address;
        self.running = Some((setup, server));
        Ok((address, took))
    }
}

impl Contender for Embedded {
    fn name(&self) -> &'static str {
        "simgauge (SQLite)"
    }

    fn start(&mut self) -> anyhow::Result<SocketAddr> {
        Ok(self.start_timed()?.0)
    }

    fn stop(&mut self) -> anyhow::Result<u64> {
        let (setup, server) = self.running.take().context("not started")?;
        server.stop()?;
        Ok(setup.count_refreshes()?.0)
    }
}

/// An SQLite file as store.url names it.
pub(crate) fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

/// Makes a store with that many cards in one file; answers cards a second of their import.
pub(crate) fn seed(file: &Path, total: u64, dir: &Path) -> anyhow::Result<f64> {
    let setup = Setup::new(dir, &url(file), IDLE_LANE)?;
    setup.furnish()?;
    setup.import(total, &["bench".to_owned()])
}

/// Whether a seeded store has this program's schema.
pub(crate) fn is_current(file: &Path) -> anyhow::Result<bool> {
    ours::with_store(&url(file), async |store| Ok(store.is_current().await?))
}
