//! simgauge itself: its configuration, its store with cards in it, its server.

use crate::cards::{self, ACCOUNT, APPKEY};
use anyhow::{Context as _, ensure};
use serde::Deserialize;
use simgauge_domain::accept::AcceptRule;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::id::RefreshId;
use simgauge_domain::refresh::RefreshState;
use simgauge_domain::time::UnixMs;
use simgauge_process::{self as process, Server};
use simgauge_store::{AcceptCall, AcceptOutcome, Admission, CardRules, Store};
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The key that encrypts the app's secret. A store for measurements has nothing to hide.
const KEY: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The lane of the accept measurements. Its tasks are written like any others, but it does not work on them:
/// it may make one call a day, to a port where nobody listens. The section `readings` measures the cost of
/// readings.
pub(crate) const IDLE_LANE_NAME: &str = "bench";
/// The operator account of [`IDLE_LANE_NAME`].
pub(crate) const IDLE_LANE: &str = r#"
[[operator_account]]
name = "bench"
definition = "cisco_control_center"
base_url = "http://127.0.0.1:9"
allow_http = true
secrets = { username = { env = "SIMGAUGE_BENCH_USER" }, api_key = { env = "SIMGAUGE_BENCH_KEY" } }
limits = { max_concurrent = 1, buckets = [{ scope = "credential", limit = 1, per_seconds = 86400 }] }
"#;

/// A configuration file of the program under test.
pub(crate) struct Setup {
    program: PathBuf,
    file: PathBuf,
    dir: PathBuf,
    store_url: String,
    pub(crate) address: SocketAddr,
}

/// Refreshes in a store.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) all: u64,
    pub(crate) ended: u64,
    pub(crate) succeeded: u64,
}

/// The app that calls. simgauge creates its secret, and every contender gets the same one.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) secret: String,
    /// The secret as simgauge stores it.
    sealed: Vec<u8>,
}

impl App {
    /// Creates the app in a store that is used for nothing else.
    pub(crate) fn create(dir: &Path) -> anyhow::Result<Self> {
        let setup = Setup::new(dir, &sqlite_url(&dir.join("app.db")), "")?;
        process::run(setup.command().args(["account", "create", ACCOUNT]))?;
        let create = ["--json", "app", "create", "--account", ACCOUNT, "--appkey", APPKEY];
        let created: Created = serde_json::from_str(&process::run(setup.command().args(create))?)?;
        let app = setup.with_store(async |store| Ok(store.app(APPKEY).await?))?;
        let sealed = app.context("the app was not made")?.secret;
        Ok(Self { secret: created.secret, sealed })
    }
}

#[derive(Deserialize)]
struct Created {
    secret: String,
}

#[derive(Deserialize)]
struct Imported {
    rows: u64,
    imported: u64,
    seconds: f64,
}

impl Setup {
    /// Writes the configuration: a store, and operator accounts as TOML. Everything else has its default,
    /// except a lane's longest wait and the quota, which would refuse the calls of a measurement.
    pub(crate) fn new(dir: &Path, store_url: &str, operator_accounts: &str) -> anyhow::Result<Self> {
        let address = process::free_address()?;
        let file = dir.join("simgauge.toml");
        std::fs::write(
            &file,
            format!(
                "[server]\nlisten = \"{address}\"\n[store]\nurl = \"{store_url}\"\n[log]\nfilter = \"warn\"\n\
                 [metrics]\nlisten = \"127.0.0.1:0\"\n[refresh]\nmax_wait_seconds = 0\n\
                 [api]\nquota_per_second = 0\n{operator_accounts}"
            ),
        )?;
        let store_url = store_url.to_owned();
        Ok(Self { program: process::program()?, file, dir: dir.to_owned(), store_url, address })
    }

    /// The program with this configuration.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.file).env("SIMGAUGE_KEY", KEY);
        // What the operator simulator accepts.
        command.env("SIMGAUGE_BENCH_USER", "sim-user").env("SIMGAUGE_BENCH_KEY", "sim-secret");
        command
    }

    /// Creates schema, account and app.
    pub(crate) fn create_app(&self, app: &App) -> anyhow::Result<()> {
        process::run(self.command().args(["account", "create", ACCOUNT]))?;
        let now = now()?;
        self.with_store(async |store| Ok(store.create_app(APPKEY, ACCOUNT, "", &app.sealed, now).await?))
    }

    /// Sets the secret of this run in a store that an earlier run left.
    pub(crate) fn set_secret(&self, app: &App) -> anyhow::Result<()> {
        self.with_store(async |store| Ok(store.set_app_secret(APPKEY, &app.sealed, None).await?))
    }

    /// Creates an account with an app of the same name that may make so many calls a second, five times as
    /// many at once. Returns the app's secret.
    pub(crate) fn create_customer(&self, name: &str, per_second: u32) -> anyhow::Result<String> {
        process::run(self.command().args(["account", "create", name]))?;
        let quota = ["account", "quota", name, "--per-second", &per_second.to_string()];
        process::run(self.command().args(quota))?;
        let create = ["--json", "app", "create", "--account", name, "--appkey", name];
        let created: Created = serde_json::from_str(&process::run(self.command().args(create))?)?;
        Ok(created.secret)
    }

    /// Imports an account's cards with `simgauge card import`. Returns cards a second over the whole command.
    pub(crate) fn import(&self, account: &str, cards: Range<u64>, lanes: &[String]) -> anyhow::Result<f64> {
        let csv = self.dir.join("cards.csv");
        let total = cards.end - cards.start;
        cards::write_csv(&csv, account, cards, lanes)?;
        process::settle()?;
        let printed =
            process::run(self.command().args(["--json", "card", "import", "--keep-rounded"]).arg(&csv))?;
        std::fs::remove_file(&csv)?;
        let imported: Imported = serde_json::from_str(&printed)?;
        ensure!(
            imported.imported == total && imported.rows == total,
            "not every card was imported: {printed}"
        );
        Ok(total as f64 / imported.seconds)
    }

    /// Accepts refreshes of cards 0 to `total` without a server, so that lanes find them when a server
    /// starts.
    pub(crate) fn accept_all(&self, total: u64) -> anyhow::Result<()> {
        const GROUP: usize = 1000;
        let now = now()?;
        let rule = AcceptRule::new(Duration::from_secs(300), Duration::from_secs(300));
        let rules = CardRules { sim: rule, cloud_esim: rule };
        let calls: Vec<AcceptCall> = (0..total)
            .map(|n| AcceptCall {
                account: ACCOUNT.into(),
                appkey: APPKEY.into(),
                kind: CardKind::Sim,
                number: cards::number(n),
                sign: format!("{n:040X}"),
                is_exact: false,
                sign_was_used: false,
                id: RefreshId::new(now, n.into()),
            })
            .collect();
        self.with_store(async |store| {
            for group in calls.chunks(GROUP) {
                let outcomes = store.accept(group, &rules, &|_, _| Admission::Taken, now).await?;
                let taken = |outcome: &AcceptOutcome| matches!(outcome, AcceptOutcome::Accepted { .. });
                ensure!(outcomes.iter().all(taken), "not every card was accepted");
            }
            Ok(())
        })
    }

    /// Starts the server. Returns how long it took to be ready.
    pub(crate) fn serve(&self) -> anyhow::Result<(Server, Duration)> {
        let mut server = Server::start("simgauge", self.command().arg("serve"), &self.dir)?;
        let took = server.wait_until(|| process::get(self.address, "/readyz").is_ok())?;
        Ok((server, took))
    }

    /// How many refreshes the store keeps.
    pub(crate) fn count_refreshes(&self) -> anyhow::Result<Kept> {
        const PAGE: i64 = 20_000;
        self.with_store(async |store| {
            let (mut kept, mut after) = (Kept::default(), String::new());
            loop {
                let page = store.refreshes_after(&after, PAGE).await?;
                let Some(last) = page.last() else { return Ok(kept) };
                after = last.id.to_string();
                for refresh in &page {
                    kept.all += 1;
                    kept.ended += u64::from(refresh.state.is_ended());
                    kept.succeeded += u64::from(refresh.state == RefreshState::Succeeded);
                }
            }
        })
    }

    fn with_store<T>(&self, work: impl AsyncFnOnce(&Store) -> anyhow::Result<T>) -> anyhow::Result<T> {
        with_store(&self.store_url, work)
    }
}

fn now() -> anyhow::Result<UnixMs> {
    Ok(UnixMs(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?))
}

/// The `store.url` of an SQLite file.
pub(crate) fn sqlite_url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

/// Works with a store that no server uses.
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
