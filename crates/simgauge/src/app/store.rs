//! Opening the store that the configuration names.

use crate::config::Config;
use anyhow::bail;
use simgauge_service::secrets::Sealer;
use simgauge_store::{ServingLock, Store, StoreError, had_database};
use std::time::Duration;

/// Longest time that a start waits for the check of a store that was not closed.
const CHECK_LIMIT: Duration = Duration::from_secs(10);

/// Opens the store and brings its schema up to date.
///
/// # Errors
/// It cannot be reached, or is newer than this program.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    let store = connect(config).await?;
    migrate(&store, config).await?;
    Ok(store)
}

async fn connect(config: &Config) -> anyhow::Result<Store> {
    // Errors of the database can contain the URL, and with it a password.
    Store::connect(&config.store.url, config.store.connections).await.map_err(|error| {
        anyhow::anyhow!("the store cannot be opened: {}", without_url(&error, &config.store.url))
    })
}

async fn migrate(store: &Store, config: &Config) -> anyhow::Result<()> {
    store.migrate().await.map_err(|error| anyhow::anyhow!("{}", without_url(&error, &config.store.url)))?;
    Ok(())
}

/// Opens a store that exists. In the wrong folder, or without the configuration, most commands would
/// otherwise create an empty store.
///
/// # Errors
/// As [`open_store`], and where an SQLite file is missing.
pub async fn open_existing_store(config: &Config) -> anyhow::Result<Store> {
    let store = connect_existing(config).await?;
    migrate(&store, config).await?;
    Ok(store)
}

/// The same without bringing the schema up to date.
///
/// # Errors
/// As [`open_existing_store`].
pub async fn connect_existing(config: &Config) -> anyhow::Result<Store> {
    // Where one was lost, opening it says so.
    if let Some(file) = config.store.sqlite_file().filter(|file| !file.is_file() && !had_database(file)) {
        bail!(
            "there is no store at {} (store.url): name the server's configuration with --config, or begin \
             with `simgauge account create`",
            file.display()
        );
    }
    connect(config).await
}

/// A key is made where there is none, but not beside a store with apps: no new key opens their secrets.
///
/// # Errors
/// The key file is missing although it was used, or the store cannot be read.
pub async fn check_key_file(config: &Config, store: &Store) -> anyhow::Result<()> {
    let database = config.store.sqlite_file();
    let Some(file) = Sealer::missing_file(config.secrets.key_file(), database.as_deref()) else {
        return Ok(());
    };
    let apps = store.apps().await?.len();
    if apps > 0 {
        bail!(
            "the key file {} is missing, and the secrets of {apps} apps are sealed with it: put it back, \
             or name where it is in secrets.key_file",
            file.display()
        );
    }
    Ok(())
}

fn without_url(error: &StoreError, url: &str) -> String {
    error.to_string().replace(url, "(store.url)")
}

/// Opens the store for a server. Keep the lock, where there is one, as long as it is served: no other process
/// serves the same SQLite file then, so that a lease that a crash left behind can be taken over at once.
///
/// # Errors
/// As [`open_store`]; another process serves the file; or it was not closed properly and is damaged.
pub(super) async fn open_store_to_serve(config: &Config) -> anyhow::Result<(Store, Option<ServingLock>)> {
    let store = connect(config).await?;
    let lock = store.lock_for_serving()?;
    if store.was_not_closed() {
        check_after_crash(&store, config.store.serve_damaged).await?;
    }
    migrate(&store, config).await?;
    Ok((store, lock))
}

/// A power cut or a crash of the machine is the usual time at which a file is damaged.
async fn check_after_crash(store: &Store, serve_damaged: bool) -> anyhow::Result<()> {
    let report = store.check(false, Some(CHECK_LIMIT)).await?;
    if !report.unfinished.is_empty() {
        let seconds = CHECK_LIMIT.as_secs();
        let message = "the store was not closed properly, and is too large to be checked at the start; run \
                       simgauge check";
        tracing::warn!(seconds, "{message}");
    }
    if report.findings.is_empty() {
        return Ok(());
    }
    let damage = report.findings.join("; ");
    if serve_damaged {
        tracing::error!(damage, "the store is damaged and served all the same (store.serve_damaged)");
        return Ok(());
    }
    bail!(
        "the store was not closed properly and is damaged: {damage}. Restore a back-up; to serve it all the \
         same, set store.serve_damaged = true"
    )
}
