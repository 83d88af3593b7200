//! `[store]` and `[secrets]`

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// `[store]`
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    pub url: String,
    pub connections: u32,
    pub serve_damaged: bool,
}

impl StoreConfig {
    /// The SQLite file without symbolic links, where the store is one.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<PathBuf> {
        simgauge_store::sqlite_file(&self.url)
    }
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL can contain a password.
        f.debug_struct("StoreConfig").field("connections", &self.connections).finish_non_exhaustive()
    }
}

/// `[secrets]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretsConfig {
    pub key_file: PathBuf,
}

impl SecretsConfig {
    /// The file with the key, where one is named.
    #[must_use]
    pub fn key_file(&self) -> Option<&Path> {
        (!self.key_file.as_os_str().is_empty()).then_some(&*self.key_file)
    }
}
