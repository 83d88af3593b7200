//! `simgauge card import`: every row is checked; the good ones are stored, or with `--all-or-nothing` none
//! unless all are good.

use crate::cli::import_file::{ImportFile, exit_code, seconds, summary_fields};
use crate::cli::output::Output;
use simgauge_admin::import::{CardImport, CardImportSummary, ImportOptions, Mode};
use simgauge_admin::{Administration, human};
use std::process::ExitCode;

/// The arguments of `card import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    #[command(flatten)]
    file: ImportFile,
    /// Store nothing if any row is bad.
    #[arg(long)]
    all_or_nothing: bool,
    /// Check everything and store nothing.
    #[arg(long, conflicts_with = "all_or_nothing")]
    dry_run: bool,
    /// Take numbers that differ only by their check digit as two SIMs.
    #[arg(long)]
    distinct: bool,
    /// Take numbers that look as if a spreadsheet had rounded them.
    #[arg(long)]
    keep_rounded: bool,
}

pub(super) async fn run(
    args: ImportArgs,
    admin: &Administration,
    operator_accounts: &[String],
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let mode = match (args.dry_run, args.all_or_nothing) {
        (true, _) => Mode::DryRun,
        (false, true) => Mode::AllOrNothing,
        (false, false) => Mode::Chunks,
    };
    let how = CardImport { mode, distinct: args.distinct, keep_rounded: args.keep_rounded };
    let import = async |from, options: ImportOptions<'_>| {
        admin.import_cards(from, operator_accounts, how, options).await
    };
    let summary = args.file.import(import).await?;
    output.print(&summary, || in_words(&summary, mode))?;
    Ok(exit_code(&summary.file))
}

fn in_words(summary: &CardImportSummary, mode: Mode) -> String {
    let imported = if mode == Mode::DryRun { "would be imported" } else { "imported" };
    let nothing = (mode == Mode::AllOrNothing && summary.file.bad > 0)
        .then_some("nothing was imported, since not every row is good (--all-or-nothing)");
    let warning = |rows: u64, what: &str| (rows > 0).then(|| format!("{} {what}", human::count(rows)));
    let warnings = summary.warnings;
    summary_fields(&summary.file, imported)
        .maybe("", nothing)
        .maybe("warning", warning(warnings.iccid_check_digits, "ICCIDs do not end in a Luhn check digit"))
        .maybe(
            "warning",
            warning(warnings.eid_check_digits, "EIDs are not 32 digits with right check digits"),
        )
        .line("seconds", seconds(&summary.file))
        .text()
}
