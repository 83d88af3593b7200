//! `simgauge card import`: every row is checked; the good ones are stored, or with `--all-or-nothing` none unless all are.

use crate::cli::human;
use crate::cli::output::{Fields, Output};
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use simgauge_admin::import::errors::ErrorsFile;
use simgauge_admin::import::run::{Mode, Progress, Summary, import};
use simgauge_store::Store;
use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// So many refused rows are shown at once; the rest is in the errors file.
pub(in crate::cli) const SHOWN_ROWS: usize = 5;

/// The arguments of `card import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The file; - is standard input.
    file: PathBuf,
    /// Store nothing if any row is bad.
    #[arg(long)]
    all_or_nothing: bool,
    /// Where bad rows go, with line and reason [default: FILE.errors.csv, if there are any].
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// Check everything and store nothing.
    #[arg(long, conflicts_with = "all_or_nothing")]
    dry_run: bool,
}

pub(super) async fn run(
    args: ImportArgs,
    store: &Store,
    operator_accounts: &[String],
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let errors_path = args.errors.clone().unwrap_or_else(|| ErrorsFile::beside(&args.file));
    if errors_path == args.file {
        bail!("the errors file must not be the file itself");
    }
    let (from, length) = open(&args.file)?;
    let mode = match (args.dry_run, args.all_or_nothing) {
        (true, _) => Mode::DryRun,
        (false, true) => Mode::AllOrNothing,
        (false, false) => Mode::Chunks,
    };
    let progress = progress_bar(length);
    let show = |so_far: Progress| {
        progress.set_position(so_far.position);
        progress.set_message(format!("{} rows, {} bad", human::count(so_far.rows), human::count(so_far.bad)));
    };
    let imported = import(from, store, operator_accounts, mode, errors_path, SHOWN_ROWS, &show).await;
    progress.finish_and_clear();
    let summary = imported.with_context(|| format!("import of {}", args.file.display()))?;
    output.print(&summary, || in_words(&summary, mode))?;
    Ok(ExitCode::from(u8::from(summary.bad > 0)))
}

/// A file to read with its length, where it has one; - is standard input.
pub(in crate::cli) fn open(path: &Path) -> anyhow::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(std::io::stdin()), None));
    }
    let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    Ok((Box::new(file), length))
}

pub(in crate::cli) fn progress_bar(length: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
    let template =
        if length.is_some() { "{wide_bar} {percent:>3}%  {msg}  {eta} left" } else { "{spinner} {msg}" };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn in_words(summary: &Summary, mode: Mode) -> String {
    let warning = |rows: u64, what: &str| (rows > 0).then(|| format!("{} {what}", human::count(rows)));
    let mut fields = Fields::new().line("rows", human::count(summary.rows)).line(
        if mode == Mode::DryRun { "would be imported" } else { "imported" },
        human::count(summary.imported),
    );
    let bad = match &summary.errors_file {
        Some(path) => format!("{}, written to {}", human::count(summary.bad), path.display()),
        None => "0".to_owned(),
    };
    fields = fields.line("bad", bad);
    for (line, reason) in &summary.first_bad {
        fields = fields.line("", format!("line {line}: {reason}"));
    }
    if mode == Mode::AllOrNothing && summary.bad > 0 {
        fields = fields.line("", "nothing was imported, since not every row is good (--all-or-nothing)");
    }
    fields
        .maybe(
            "warning",
            warning(summary.warnings.iccid_check_digits, "ICCIDs do not end in a Luhn check digit"),
        )
        .maybe(
            "warning",
            warning(summary.warnings.eid_check_digits, "EIDs are not 32 digits with right check digits"),
        )
        .line("seconds", format!("{:.1}", summary.seconds))
        .text()
}
