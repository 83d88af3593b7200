//! `simgauge card export`: cards as the CSV file that an import takes.

use crate::cli::output::{Fields, Output};
use anyhow::Context as _;
use serde_json::json;
use simgauge_admin::{AdminError, Administration, human};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The arguments of `card export`.
#[derive(Debug, clap::Args)]
pub struct ExportArgs {
    /// Only cards of this account.
    #[arg(long)]
    account: Option<String>,
    /// The file; standard output unless given.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) async fn run(
    args: ExportArgs,
    admin: &Administration,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let account = args.account.as_deref();
    let Some(path) = args.output else {
        return match admin.export_cards(account, io::stdout()).await {
            // The reader has what it wants.
            Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
            other => Ok(other.map(|_| ExitCode::SUCCESS)?),
        };
    };
    // An unknown account is refused before anything is written.
    admin.require_account(account).await?;
    // Under another name until it is complete: half an export looks like a whole one.
    let part = part_of(&path);
    let file = File::create(&part).with_context(|| format!("{} cannot be created", part.display()))?;
    let written = match admin.export_cards(account, file).await {
        Ok(written) => written,
        Err(error) => {
            // The first error is the one to tell.
            let _ = std::fs::remove_file(&part);
            return Err(error).with_context(|| format!("export to {}", path.display()));
        }
    };
    std::fs::rename(&part, &path).with_context(|| format!("{} cannot be created", path.display()))?;
    output.print(&json!({ "cards": written.cards, "rows": written.rows, "file": path }), || {
        Fields::new()
            .line("cards", human::count(written.cards))
            .line("rows", human::count(written.rows))
            .line("file", path.display().to_string())
            .text()
    })?;
    Ok(ExitCode::SUCCESS)
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn is_broken_pipe(error: &AdminError) -> bool {
    let AdminError::Output(error) = error else { return false };
    matches!(error.kind(), csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
}
