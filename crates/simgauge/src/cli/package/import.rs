//! `simgauge package import`: every row is checked; the good ones are stored, one by one.

use crate::cli::import_file::{ImportFile, exit_code, seconds, summary_fields};
use crate::cli::output::Output;
use simgauge_admin::Administration;
use simgauge_admin::import::ImportOptions;
use simgauge_domain::period::TimeZone;
use std::process::ExitCode;

/// The arguments of `package import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    #[command(flatten)]
    file: ImportFile,
}

pub(super) async fn run(
    args: ImportArgs,
    admin: &Administration,
    zone: &TimeZone,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let import = async |from, options: ImportOptions<'_>| admin.import_packages(from, zone, options).await;
    let summary = args.file.import(import).await?;
    output
        .print(&summary, || summary_fields(&summary, "imported").line("seconds", seconds(&summary)).text())?;
    Ok(exit_code(&summary))
}
