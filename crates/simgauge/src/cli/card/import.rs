//! `simgauge card import`: every row is checked; the good ones are stored, or with `--all-or-nothing` none unless all are.

use super::check::Warnings;
use super::errors::ErrorsFile;
use super::rows::{Chunk, Good, Refused, Rows};
use crate::cli::human;
use crate::cli::output::{Fields, Output};
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use simgauge_store::{ImportRow, Importer, Store};
use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

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
    #[arg(long)]
    dry_run: bool,
}

/// What an import did.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) rows: u64,
    pub(super) imported: u64,
    pub(super) bad: u64,
    pub(super) warnings: SummaryWarnings,
    pub(super) errors_file: Option<PathBuf>,
    pub(super) dry_run: bool,
    pub(super) seconds: f64,
    #[serde(skip)]
    first_bad: Vec<(u64, String)>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SummaryWarnings {
    pub(super) iccid_check_digits: u64,
    pub(super) eid_check_digits: u64,
}

impl From<Warnings> for SummaryWarnings {
    fn from(warnings: Warnings) -> Self {
        let Warnings { iccid_check_digits, eid_check_digits } = warnings;
        Self { iccid_check_digits, eid_check_digits }
    }
}

/// How rows are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// A transaction for each chunk.
    #[default]
    Chunks,
    /// One transaction, committed if every row is good.
    AllOrNothing,
    /// Rolled back chunk by chunk: the store judges, and keeps nothing.
    DryRun,
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
    let imported = import(from, store, operator_accounts, mode, errors_path, &progress).await;
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

/// Imports a file: the whole command but its arguments and its words.
pub(super) async fn import(
    from: Box<dyn Read + Send>,
    store: &Store,
    operator_accounts: &[String],
    mode: Mode,
    errors_path: PathBuf,
    progress: &ProgressBar,
) -> anyhow::Result<Summary> {
    let began = Instant::now();
    let rows = Rows::open(from)?;
    let columns = rows.header.names.clone();
    let mut errors = ErrorsFile::new(errors_path, columns.clone());
    let mut keeper = Keeper::new(store, mode).await?;
    let mut summary = Summary { dry_run: mode == Mode::DryRun, ..Summary::default() };
    let mut warnings = Warnings::default();
    let mut chunks = rows.read(operator_accounts.into());
    while let Some(chunk) = chunks.recv().await {
        let chunk = chunk.with_context(|| keeper.so_far(summary.imported))?;
        warnings += chunk.warnings;
        summary.rows += count(chunk.good.len() + chunk.refused.len());
        let position = chunk.position;
        let (kept, refused) = keeper.take(chunk).await.with_context(|| keeper.so_far(summary.imported))?;
        summary.imported += kept;
        summary.bad += count(refused.len());
        errors.write(&refused, &columns)?;
        let room = SHOWN_ROWS - summary.first_bad.len();
        summary.first_bad.extend(refused.into_iter().take(room).map(|row| (row.line, row.reason)));
        progress.set_position(position);
        progress.set_message(format!(
            "{} rows, {} bad",
            human::count(summary.rows),
            human::count(summary.bad)
        ));
    }
    let kept = keeper.finish().await?;
    summary.imported = if kept { summary.imported } else { 0 };
    errors.finish()?;
    summary.errors_file = errors.written().map(Path::to_owned);
    summary.warnings = warnings.into();
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(summary)
}

/// Puts rows into the store, as the mode says.
struct Keeper<'a> {
    store: &'a Store,
    mode: Mode,
    /// The one transaction of all-or-nothing, until the first bad row.
    whole: Option<Importer>,
}

impl<'a> Keeper<'a> {
    async fn new(store: &'a Store, mode: Mode) -> anyhow::Result<Self> {
        let whole = if mode == Mode::AllOrNothing { Some(store.import().await?) } else { None };
        Ok(Self { store, mode, whole })
    }

    /// How many good rows were taken, and which were not after all.
    async fn take(&mut self, chunk: Chunk) -> anyhow::Result<(u64, Vec<Refused>)> {
        let Chunk { good, mut refused, .. } = chunk;
        if !refused.is_empty() {
            self.give_up_whole().await?;
        }
        let (rows, good): (Vec<ImportRow>, Vec<Good>) =
            good.into_iter().map(|mut good| (std::mem::replace(&mut good.row, blank()), good)).unzip();
        let mut own = None;
        let importer = match &mut self.whole {
            Some(whole) => whole,
            None => own.insert(self.store.import().await?),
        };
        let verdicts = importer.add(&rows).await?;
        let before = refused.len();
        for (good, verdict) in good.iter().zip(verdicts) {
            if let Err(reason) = verdict {
                refused.push(good.refused(reason.to_string()));
            }
        }
        let against = refused.len() - before;
        match own {
            Some(own) if self.mode == Mode::Chunks => own.commit().await?,
            Some(own) => own.roll_back().await?,
            None if against > 0 => self.give_up_whole().await?,
            None => {}
        }
        refused.sort_by_key(|row| row.line);
        Ok((count(good.len() - against), refused))
    }

    /// Drops the one transaction; the rest of the file is still judged, without keeping others from writing.
    async fn give_up_whole(&mut self) -> anyhow::Result<()> {
        if let Some(whole) = self.whole.take() {
            whole.roll_back().await?;
        }
        Ok(())
    }

    /// Whether what was taken is in the store (or would be, in a dry run).
    async fn finish(&mut self) -> anyhow::Result<bool> {
        match (self.mode, self.whole.take()) {
            (Mode::Chunks | Mode::DryRun, _) => Ok(true),
            (Mode::AllOrNothing, Some(whole)) => {
                whole.commit().await?;
                Ok(true)
            }
            (Mode::AllOrNothing, None) => Ok(false),
        }
    }

    /// What an error later on leaves behind.
    fn so_far(&self, imported: u64) -> String {
        match self.mode {
            Mode::Chunks => format!("the import broke off; {imported} rows before that are stored"),
            Mode::AllOrNothing | Mode::DryRun => "the import broke off; nothing was stored".to_owned(),
        }
    }
}

fn blank() -> ImportRow {
    ImportRow {
        number: String::new(),
        kind: simgauge_store::CardKind::Sim,
        account: String::new(),
        status: String::new(),
        label: String::new(),
        iccid: String::new(),
        operator_account: String::new(),
    }
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
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
