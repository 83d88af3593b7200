//! Opening the store that the configuration names.

use crate::config::Config;
use anyhow::{Context as _, bail};
use simgauge_store::Store;
use std::fs::File;
use std::path::Path;

/// Opens the store and brings its schema up to date.
///
/// # Errors
/// It cannot be reached, or is newer than this program.
pub async fn open_store(config: &Config) -> anyhow::Result<Store> {
    // Database errors can carry the URL, and with it a password: they are named here and never printed whole.
    let store = Store::connect(&config.store.url, config.store.connections).await.map_err(|error| {
        anyhow::anyhow!("the store cannot be opened: {}", without_url(&error, &config.store.url))
    })?;
    store.migrate().await.map_err(|error| anyhow::anyhow!("{}", without_url(&error, &config.store.url)))?;
    Ok(store)
}

/// Opens a store that is there already: in the wrong folder, or without its configuration, most commands would otherwise make
/// an empty one and find nothing wrong with it.
///
/// # Errors
/// As [`open_store`], and where an SQLite file is missing.
pub async fn open_existing_store(config: &Config) -> anyhow::Result<Store> {
    let file = simgauge_store::sqlite_file(&config.store.url);
    if let Some(file) = file.filter(|file| !file.is_file()) {
        anyhow::bail!(
            "there is no store at {} (store.url): name the server's configuration with --config, or begin with `simgauge account create`",
            std::path::absolute(&file).unwrap_or(file).display()
        );
    }
    open_store(config).await
}

fn without_url(error: &simgauge_store::StoreError, url: &str) -> String {
    error.to_string().replace(url, "(store.url)")
}

/// Makes sure that no other process serves this SQLite file: a lane's lease left by a crash can then be taken at once.
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
