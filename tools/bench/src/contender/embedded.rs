//! simgauge with its embedded store.

use super::api::Contender;
use super::ours::{self, App, IDLE_LANE, IDLE_LANE_NAME, Kept, Setup, sqlite_url};
use crate::cards::ACCOUNT;
use anyhow::{Context as _, ensure};
use simgauge_process::{self as process, Server};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// simgauge on SQLite, with fsync, on a copy of a store full of cards.
pub(crate) struct Embedded {
    dir: PathBuf,
    template: PathBuf,
    operator_accounts: String,
    app: Rc<App>,
    running: Option<(Setup, Server)>,
}

impl Embedded {
    /// `template` is a store made by [`seed_idle`]. Its lane does not work.
    pub(crate) fn new(dir: PathBuf, template: PathBuf, app: &Rc<App>) -> Self {
        Self::with_operators(dir, template, app, IDLE_LANE.to_owned())
    }

    /// `template` is a store made by [`seed`] for the lanes of these operator accounts.
    pub(crate) fn with_operators(
        dir: PathBuf,
        template: PathBuf,
        app: &Rc<App>,
        operator_accounts: String,
    ) -> Self {
        Self { dir, template, operator_accounts, app: Rc::clone(app), running: None }
    }

    fn file(&self) -> PathBuf {
        self.dir.join("embedded.db")
    }

    fn setup(&self) -> anyhow::Result<Setup> {
        Setup::new(&self.dir, &sqlite_url(&self.file()), &self.operator_accounts)
    }

    /// Begins with a new copy of the template.
    pub(crate) fn copy_template(&self) -> anyhow::Result<()> {
        for left in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(self.dir.join(format!("embedded.db{left}")));
        }
        std::fs::copy(&self.template, self.file()).context("the store cannot be copied")?;
        self.setup()?.set_secret(&self.app)?;
        process::settle()
    }

    /// Accepts refreshes of cards 0 to `total` while it does not run.
    pub(crate) fn accept_all(&self, total: u64) -> anyhow::Result<()> {
        self.setup()?.accept_all(total)
    }

    /// Starts it on what the last run left. Also returns how long that took.
    pub(crate) fn start_as_it_is(&mut self) -> anyhow::Result<(SocketAddr, Duration)> {
        let setup = self.setup()?;
        let (server, took) = setup.serve()?;
        let address = setup.address;
        self.running = Some((setup, server));
        Ok((address, took))
    }

    pub(crate) fn server(&self) -> anyhow::Result<&Server> {
        self.running.as_ref().map(|(_, server)| server).context("not started")
    }

    /// The refreshes in its store, while it runs.
    pub(crate) fn kept(&self) -> anyhow::Result<Kept> {
        self.running.as_ref().context("not started")?.0.count_refreshes()
    }

    /// Waits until that many refreshes are kept and all of them have succeeded.
    pub(crate) fn wait_for_ends(&self, accepted: u64) -> anyhow::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(30);
        let began = Instant::now();
        loop {
            let kept = self.kept()?;
            ensure!(kept.all == accepted, "{} refreshes are kept, {accepted} were accepted", kept.all);
            if kept.succeeded == accepted {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "{} of {accepted} refreshes have succeeded", kept.succeeded);
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Contender for Embedded {
    fn name(&self) -> &'static str {
        "simgauge (SQLite)"
    }

    fn start(&mut self) -> anyhow::Result<SocketAddr> {
        self.copy_template()?;
        Ok(self.start_as_it_is()?.0)
    }

    fn stop(&mut self) -> anyhow::Result<u64> {
        let (setup, server) = self.running.take().context("not started")?;
        server.stop()?;
        Ok(setup.count_refreshes()?.all)
    }
}

/// Makes a store with `total` cards, spread over the lanes, in one file. Returns the imported cards a second.
pub(crate) fn seed(file: &Path, total: u64, dir: &Path, app: &App, lanes: &[String]) -> anyhow::Result<f64> {
    // The import checks names of operator accounts only where the configuration has some.
    let setup = Setup::new(dir, &sqlite_url(file), "")?;
    setup.create_app(app)?;
    setup.import(ACCOUNT, 0..total, lanes)
}

/// Like [`seed`], with the lane that does not work.
pub(crate) fn seed_idle(file: &Path, total: u64, dir: &Path, app: &App) -> anyhow::Result<f64> {
    seed(file, total, dir, app, &[IDLE_LANE_NAME.to_owned()])
}

/// Whether a seeded store has this program's schema.
pub(crate) fn is_current(file: &Path) -> anyhow::Result<bool> {
    ours::with_store(&sqlite_url(file), async |store| Ok(store.is_current().await?))
}
