//! `simgauge backup`: a consistent copy of an SQLite store, also while it is served.

use super::output::Output;
use crate::app::open_existing_store;
use crate::config::Config;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where to.
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// A file that does not exist yet. It appears when the copy is complete and was checked. The key that
    /// seals app secrets is not in it: keep a copy of the key file, too.
    file: PathBuf,
}

/// Backs up.
///
/// # Errors
/// The store is not SQLite or damaged, or the file is there or cannot be written.
pub async fn run(args: BackupArgs, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    let store = open_existing_store(config).await?;
    let done = store.back_up(&args.file).await;
    store.close().await;
    done?;
    let bytes = std::fs::metadata(&args.file)?.len();
    output.print(&json!({ "file": args.file, "bytes": bytes }), || {
        format!("{bytes} bytes in {}; keep the key file, too", args.file.display())
    })?;
    Ok(ExitCode::SUCCESS)
}
