//! Commands that work on the store of the configuration.

use super::actor::actor;
use crate::config::Config;
use simgauge_admin::Administration;
use simgauge_service::clock::Clock;
use simgauge_store::Store;
use std::process::ExitCode;

/// Runs `work` in the name of whoever runs this command: what they change is audited. Closes the store
/// whatever became of it, so that SQLite leaves one file and no log beside it.
pub(super) async fn on_store(
    store: Store,
    work: impl AsyncFnOnce(&Administration) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let admin = Administration::new(&store, actor(), Clock::default());
    let result = work(&admin).await;
    store.close().await;
    result
}

/// The names of the configured operator accounts.
pub(super) fn operator_account_names(config: &Config) -> Vec<String> {
    config.operator_accounts.iter().map(|account| account.name.clone()).collect()
}
