//! An import: every row is checked; the good ones are stored, or none unless all are.

use super::check::Warnings;
use super::errors::ErrorsFile;
use super::rows::{Chunk, Good, Refused, Rows};
use anyhow::Context as _;
use serde::Serialize;
use simgauge_store::{ImportRow, Importer, Store};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What an import did.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub rows: u64,
    pub imported: u64,
    pub bad: u64,
    pub warnings: SummaryWarnings,
    pub errors_file: Option<PathBuf>,
    pub dry_run: bool,
    pub seconds: f64,
    #[serde(skip)]
    pub first_bad: Vec<(u64, String)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SummaryWarnings {
    pub iccid_check_digits: u64,
    pub eid_check_digits: u64,
}

impl From<Warnings> for SummaryWarnings {
    fn from(warnings: Warnings) -> Self {
        let Warnings { iccid_check_digits, eid_check_digits } = warnings;
        Self { iccid_check_digits, eid_check_digits }
    }
}

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file.
    pub position: u64,
    /// Rows so far.
    pub rows: u64,
    /// Bad ones among them.
    pub bad: u64,
}

/// How rows are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A transaction for each chunk.
    #[default]
    Chunks,
    /// One transaction, committed if every row is good.
    AllOrNothing,
    /// Rolled back chunk by chunk: the store judges, and keeps nothing.
    DryRun,
}

/// Imports a file. `operator_accounts` are those that rows may name (any where there is none); the first `shown_rows` refused
/// rows are in the summary, all of them in the file `errors_path`.
///
/// # Errors
/// The file cannot be read, refused rows cannot be written, or the store failed; the message says what was stored until then.
pub async fn import(
    from: Box<dyn Read + Send>,
    store: &Store,
    operator_accounts: &[String],
    mode: Mode,
    errors_path: PathBuf,
    shown_rows: usize,
    progress: &(dyn Fn(Progress) + Send + Sync),
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
        let room = shown_rows - summary.first_bad.len();
        summary.first_bad.extend(refused.into_iter().take(room).map(|row| (row.line, row.reason)));
        progress(Progress { position, rows: summary.rows, bad: summary.bad });
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
        kind: simgauge_domain::card_kind::CardKind::Sim,
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
