//! Opening the store that the configuration names.

use crate::config::Config;
use anyhow::{Context as _, bail};
use simgauge_store::{Store, StoreError};
use std::fs::File;
use std::path::Path;

/// Opens the store and brings its schema up to date.
///
/// # Errors
/// It cannot be reached, or is newer than this program.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    // Errors of the database can contain the URL, and with it a password.
    let store = Store::connect(&config.store.url, config.store.connections).await.map_err(|error| {
        anyhow::anyhow!("the store cannot be opened: {}", without_url(&error, &config.store.url))
    })?;
    store.migrate().await.map_err(|error| anyhow::anyhow!("{}", without_url(&error, &config.store.url)))?;
    Ok(store)
}

/// Opens a store that exists. In the wrong folder, or without the configuration, most commands would
/// otherwise create an empty store.
///
/// # Errors
/// As [`open_store`], and where an SQLite file is missing.
pub async fn open_existing_store(config: &Config) -> anyhow::Result<Store> {
    if let Some(file) = config.store.sqlite_file().filter(|file| !file.is_file()) {
        bail!(
            "there is no store at {} (store.url): name the server's configuration with --config, or begin \
             with `simgauge account create`",
            std::path::absolute(&file).unwrap_or(file).display()
        );
    }
    open_store(config).await
}

fn without_url(error: &StoreError, url: &str) -> String {
    error.to_string().replace(url, "(store.url)")
}

/// Makes sure that no other process serves this SQLite file, so that a lease that a crash left behind can be
/// taken over at once.
pub(super) fn lock_database(database: &Path) -> anyhow::Result<File> {
    let mut name = database.file_name().context("store.url names no file")?.to_owned();
    name.push(".lock");
    let path = database.with_file_name(name);
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty() && !dir.exists()) {
        bail!("the folder of the store, {}, does not exist", dir.display());
    }
    let file = File::create(&path).with_context(|| format!("{} cannot be created", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            bail!("another simgauge serves {} already", database.display())
        }
        Err(std::fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", path.display()))
        }
    }
}
