//! simgauge itself: its configuration, its store with cards in it, its server.

use crate::cards::{self, ACCOUNT, APPKEY, SECRET};
use crate::process::{self, Server};
use anyhow::{Context as _, ensure};
use serde::Deserialize;
use simgauge::config::Config;
use simgauge::secrets::{KEY_VARIABLE, Sealer};
use simgauge_domain::time::UnixMs;
use simgauge_store::Store;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The key that seals the app's secret; a store of figures has nothing to hide.
const KEY: [u8; 32] = [0; 32];

/// The lane of the accept measurements. It exists, its tasks are written as any, and it does not work them: its one call a
/// day goes to a port where nobody listens. What readings cost is measured by the section `readings`.
pub(crate) const IDLE_LANE: &str = r#"
[[operator_account]]
name = "bench"
definition = "cisco_control_center"
base_url = "http://127.0.0.1:9"
allow_http = true
secrets = { username = { env = "SIMGAUGE_BENCH" }, api_key = { env = "SIMGAUGE_BENCH" } }
limits = { max_concurrent = 1, buckets = [{ scope = "credential", limit = 1, per_seconds = 86400 }] }
"#;

/// A configuration file of the program under test.
pub(crate) struct Setup {
    program: PathBuf,
    file: PathBuf,
    dir: PathBuf,
    config: Config,
    pub(crate) address: SocketAddr,
}

#[derive(Deserialize)]
struct Imported {
    rows: u64,
    imported: u64,
    seconds: f64,
}

impl Setup {
    /// Writes the configuration: a store, and operator accounts as TOML. Everything else is as it comes, but for a lane's
    /// longest wait and the account's quota, which would refuse what is to be measured.
    pub(crate) fn new(dir: &Path, store_url: &str, operator_accounts: &str) -> anyhow::Result<Self> {
        let address = process::free_address()?;
        let file = dir.join("simgauge.toml");
        std::fs::write(
            &file,
            format!(
                "[server]\nlisten = \"{address}\"\n[store]\nurl = \"{store_url}\"\n[log]\nfilter = \"warn\"\n\
                 [refresh]\nmax_wait_seconds = 0\n[api]\nquota_per_second = 0\n{operator_accounts}"
            ),
        )?;
        let config = Config::load(Some(&file))?;
        let program = std::env::current_exe()?.with_file_name("simgauge");
        ensure!(program.is_file(), "{} is not built", program.display());
        Ok(Self { program, file, dir: dir.to_owned(), config, address })
    }

    /// The program with this configuration.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--config")
            .arg(&self.file)
            .env(KEY_VARIABLE, "00".repeat(KEY.len()))
            .env("SIMGAUGE_BENCH", "bench")
            // Served as by default, but where nobody else is.
            .env("SIMGAUGE__METRICS__LISTEN", "127.0.0.1:0");
        command
    }

    /// Makes the store: schema, account, app.
    pub(crate) fn furnish(&self) -> anyhow::Result<()> {
        let sealed = Sealer::new(&KEY).seal(SECRET, APPKEY)?;
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
        self.with_store(async |store| {
            let now = UnixMs(now);
            store.migrate().await?;
            store.create_account(ACCOUNT, "zh", now).await?;
            store.create_app(APPKEY, ACCOUNT, "bench", &sealed, now).await?;
            Ok(())
        })
    }

    /// Imports that many cards with `simgauge card import`; answers cards a second, as the whole command took.
    pub(crate) fn import(&self, total: u64, lanes: &[String]) -> anyhow::Result<f64> {
        let csv = self.dir.join("cards.csv");
        cards::write_csv(&csv, total, lanes)?;
        process::settle()?;
        let printed = process::run(self.command().args(["--json", "card", "import"]).arg(&csv))?;
        std::fs::remove_file(&csv)?;
        let imported: Imported = serde_json::from_str(&printed)?;
        ensure!(
            imported.imported == total && imported.rows == total,
            "not every card was imported: {printed}"
        );
        Ok(total as f64 / imported.seconds)
    }

    /// Starts the server; answers how long it took to be ready.
    pub(crate) fn serve(&self) -> anyhow::Result<(Server, Duration)> {
        let mut server = Server::start("simgauge", self.command().arg("serve"), &self.dir)?;
        let took = server.wait_until(|| process::get(self.address, "/readyz").is_ok())?;
        Ok((server, took))
    }

    /// How many refreshes the store keeps, and how many of them have ended.
    pub(crate) fn count_refreshes(&self) -> anyhow::Result<(u64, u64)> {
        const PAGE: i64 = 20_000;
        self.with_store(async |store| {
            let (mut all, mut ended, mut after) = (0, 0, String::new());
            loop {
                let page = store.refreshes_after(&after, PAGE).await?;
                let Some(last) = page.last() else { return Ok((all, ended)) };
                after = last.id.to_string();
                all += u64::try_from(page.len())?;
                ended += u64::try_from(page.iter().filter(|refresh| refresh.state.is_ended()).count())?;
            }
        })
    }

    fn with_store<T>(&self, work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>) -> anyhow::Result<T> {
        with_store(&self.config.store.url, work)
    }
}

/// Does something with a store, which nobody serves meanwhile.
pub(crate) fn with_store<T>(
    url: &str,
    work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let store = Store::connect(url, 2).await.context("the store cannot be opened")?;
        let result = work(&store).await;
        store.close().await;
        result
    })
}
