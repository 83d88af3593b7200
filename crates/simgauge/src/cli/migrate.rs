//! `simgauge migrate`: brings the schema up to date, or moves a store up from SQLite to PostgreSQL.

use super::output::{Output, Table};
use crate::config::Config;
use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use simgauge_store::{Store, sqlite_file};
use std::process::ExitCode;
use std::time::Duration;

/// What to migrate.
#[derive(Debug, clap::Args)]
pub struct MigrateArgs {
    /// Copy everything out of this store: an SQLite store (sqlite://FILE), or one that a program of the first
    /// edition wrote, on SQLite or PostgreSQL. Its server has to be stopped.
    #[arg(long, requires = "to", value_name = "URL")]
    from: Option<String>,
    /// Copy it into this PostgreSQL store (postgres://...), out of the first edition also into an SQLite
    /// store. Can be run again after a failure.
    #[arg(long, requires = "from", value_name = "URL")]
    to: Option<String>,
}

/// Migrates.
///
/// # Errors
/// A store cannot be reached, is newer than this program, or is of the wrong kind.
pub async fn run(args: MigrateArgs, config: &Config, output: &Output) -> anyhow::Result<ExitCode> {
    if let (Some(from), Some(to)) = (&args.from, &args.to) {
        return copy(from, to, output).await;
    }
    let (store, applied) = open(&config.store.url, false).await?;
    store.close().await;
    output.print(&json!({ "applied": applied }), || match applied {
        0 => "the database is up to date".to_owned(),
        1 => "1 migration applied".to_owned(),
        many => format!("{many} migrations applied"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Opens and migrates a store; no error carries its URL, which can hold a password.
async fn open(url: &str, from_first_edition: bool) -> anyhow::Result<(Store, usize)> {
    let named = |error: simgauge_store::StoreError| {
        anyhow::anyhow!("the store cannot be used: {}", error.to_string().replace(url, "(its URL)"))
    };
    let store = Store::connect(url, 4).await.map_err(named)?;
    // There is nothing to migrate in a store that can only be copied.
    let applied = match from_first_edition && store.is_first_edition().await.map_err(named)? {
        true => 0,
        false => store.migrate().await.map_err(named)?,
    };
    Ok((store, applied))
}

async fn copy(from: &str, to: &str, output: &Output) -> anyhow::Result<ExitCode> {
    if from.starts_with("sqlite:") && !sqlite_file(from).is_some_and(|file| file.is_file()) {
        bail!("--from names no file");
    }
    let (source, _) = open(from, true).await?;
    let to_postgres = from.starts_with("sqlite:") && to.starts_with("postgres");
    if !to_postgres && !source.is_first_edition().await? {
        bail!(
            "--from takes sqlite://FILE and --to takes postgres://..., unless --from is a store of the first edition"
        );
    }
    let (target, _) = open(to, false).await?;
    // Shows itself on a terminal only.
    let bar = ProgressBar::new_spinner();
    bar.set_style(
        ProgressStyle::with_template("{spinner} {msg} {pos} rows")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    let copied = source
        .copy_to(&target, &mut |table, rows| {
            bar.set_message(table);
            bar.set_position(rows);
        })
        .await;
    bar.finish_and_clear();
    let copied = copied?;
    source.close().await;
    target.close().await;
    let agrees = copied.iter().all(|table| table.agrees);
    let tables: Vec<_> = copied
        .iter()
        .map(|table| json!({ "table": table.name, "rows": table.rows, "agrees": table.agrees }))
        .collect();
    output.print(&json!({ "tables": tables, "agrees": agrees }), || {
        let mut text = Table::new(&["TABLE", "ROWS", "COUNTS AND SUMS"]);
        for table in &copied {
            let verdict = if table.agrees { "agree" } else { "DIFFER" };
            text.row([table.name.to_owned(), table.rows.to_string(), verdict.to_owned()]);
        }
        text.or("nothing to copy")
    })?;
    Ok(if agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
