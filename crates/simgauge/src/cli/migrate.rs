//! `simgauge migrate`: brings the schema up to date and says what it did.

use super::output::Output;
use crate::config::Config;
use simgauge_store::Store;
use std::process::ExitCode;

/// Migrates.
pub(super) async fn run(config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let store = Store::connect(&config.store.url, 2).await.map_err(|error| {
        anyhow::anyhow!(
            "the store cannot be opened: {}",
            error.to_string().replace(&config.store.url, "(store.url)")
        )
    })?;
    let applied = store.migrate().await?;
    store.close().await;
    let text = match applied {
        0 => "the database is up to date".to_owned(),
        1 => "1 migration applied".to_owned(),
        many => format!("{many} migrations applied"),
    };
    output.print(&serde_json::json!({ "applied": applied }), || text)?;
    Ok(ExitCode::SUCCESS)
}
