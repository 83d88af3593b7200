//! Changing the key that seals app secrets, while everything runs.
//!
//! Three steps, each of which can be repeated, and between which everything can be opened: a new key comes
//! first in the key file and the old one stays; every secret is sealed anew, in one transaction; the old key
//! goes. Processes that run read the file again when they meet what they cannot open, and before they seal.

use super::key_file;
use super::sealer::{KEY_VARIABLE, Sealer};
use anyhow::{Context as _, bail};
use simgauge_store::Store;
use std::path::Path;

/// Puts a new key first into the key file, where a rotation is not under way already; answers whether it did.
///
/// # Errors
/// The keys are not in a file, or it cannot be written.
pub async fn add_key(sealer: &Sealer, store: &Store) -> anyhow::Result<bool> {
    let file = file_of(sealer)?;
    let mut keys = key_file::read(file)?;
    if keys.len() > 1 {
        return Ok(false);
    }
    keys.insert(0, key_file::random_key()?);
    key_file::replace(file, &keys)?;
    sealer.reload()?;
    // A file and a database have no transaction in common: this follows the deed.
    store.note("secrets.add_key", "", "").await?;
    Ok(true)
}

/// Seals every secret of every app with the first key, all in one transaction; answers how many apps there
/// are.
///
/// # Errors
/// A secret cannot be opened with any key, or the store failed; then nothing was changed.
pub async fn reseal(sealer: &Sealer, store: &Store) -> anyhow::Result<usize> {
    sealer.reload()?;
    let mut anew = |appkey: &str, sealed: &[u8]| {
        use secrecy::ExposeSecret as _;
        let secret = sealer.open(sealed, appkey).ok()?;
        sealer.seal(secret.expose_secret(), appkey).ok()
    };
    store.reseal_secrets(&mut anew).await.context("no secret was changed")
}

/// Takes every key but the first out of the key file; answers how many went.
///
/// # Errors
/// A secret still needs one of them, the keys are not in a file, or it cannot be written.
pub async fn drop_old_keys(sealer: &Sealer, store: &Store) -> anyhow::Result<usize> {
    let file = file_of(sealer)?;
    sealer.reload()?;
    for app in store.apps().await? {
        let secrets = [Some(&app.secret), app.old_secret.as_ref()];
        if !secrets.into_iter().flatten().all(|sealed| sealer.is_current(sealed, &app.appkey)) {
            bail!(
                "a secret of app {} is not sealed with the new key; seal all of them first: secrets reseal",
                app.appkey
            );
        }
    }
    // What was read just now may have been sealed by a process that could not bring it onto the disk. After a
    // power cut the old key would be needed then.
    store.flush().await.context("the old keys stay in the file")?;
    let mut keys = key_file::read(file)?;
    let old = keys.len() - 1;
    keys.truncate(1);
    key_file::replace(file, &keys)?;
    sealer.reload()?;
    store.note("secrets.drop_old_keys", "", &format!("keys={old}")).await?;
    Ok(old)
}

fn file_of(sealer: &Sealer) -> anyhow::Result<&Path> {
    sealer.file().with_context(|| {
        format!(
            "the key comes from {}, not from a file: put a new key before the old one there, on every node, \
             then run secrets reseal, then take the old one out",
            KEY_VARIABLE
        )
    })
}
