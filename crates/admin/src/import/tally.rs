//! What the imports of all kinds of files count and answer.

use super::error::ImportError;
use super::refused::{ErrorsFile, ErrorsTarget, RefusedRow};
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// How far an import is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file that were read.
    pub position: u64,
    /// Rows so far.
    pub rows: u64,
    /// Refused ones among them.
    pub bad: u64,
}

/// What the import of any file needs.
pub struct ImportOptions<'a> {
    /// Where refused rows are written, if there are any.
    pub errors: ErrorsTarget,
    /// So many of the first refused rows are in the summary, too.
    pub shown_rows: usize,
    /// Is called from time to time.
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
}

/// What an import did.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportSummary {
    pub rows: u64,
    pub imported: u64,
    /// Refused rows.
    pub bad: u64,
    /// Where they are, if there are any.
    pub errors_file: Option<PathBuf>,
    /// How long it took.
    pub seconds: f64,
    /// Rows that were taken, but that a person should look at.
    pub doubtful: u64,
    /// Line and reason of the first refused rows.
    #[serde(skip)]
    pub first_bad: Vec<(u64, String)>,
    /// Line and reason of the first doubtful rows.
    #[serde(skip)]
    pub first_doubtful: Vec<(u64, String)>,
}

/// The counts of an import that runs.
pub(super) struct Tally<'a> {
    pub(super) summary: ImportSummary,
    errors: ErrorsFile,
    shown_rows: usize,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    began: Instant,
}

impl<'a> Tally<'a> {
    /// `columns` are the names in the file's first line.
    pub(super) fn new(options: ImportOptions<'a>, columns: Vec<String>) -> Self {
        Self {
            summary: ImportSummary::default(),
            errors: ErrorsFile::new(options.errors, columns),
            shown_rows: options.shown_rows,
            progress: options.progress,
            began: Instant::now(),
        }
    }

    /// Counts rows, of which `imported` were taken and the others refused.
    pub(super) fn add(&mut self, imported: u64, refused: Vec<RefusedRow>) -> Result<(), ImportError> {
        let bad = u64::try_from(refused.len()).unwrap_or(u64::MAX);
        self.summary.rows += imported + bad;
        self.summary.imported += imported;
        self.summary.bad += bad;
        self.errors.write(&refused)?;
        let room = self.shown_rows.saturating_sub(self.summary.first_bad.len());
        self.summary.first_bad.extend(refused.into_iter().take(room).map(|row| (row.line, row.reason)));
        Ok(())
    }

    /// Counts a row that was taken, but that a person should look at.
    pub(super) fn doubt(&mut self, line: u64, reason: String) {
        self.summary.doubtful += 1;
        if self.summary.first_doubtful.len() < self.shown_rows {
            self.summary.first_doubtful.push((line, reason));
        }
    }

    /// Tells how far it is: so many bytes of the file.
    pub(super) fn tell(&self, position: u64) {
        (self.progress)(Progress { position, rows: self.summary.rows, bad: self.summary.bad });
    }

    pub(super) fn finish(self) -> Result<ImportSummary, ImportError> {
        let errors_file = self.errors.finish()?;
        Ok(ImportSummary { errors_file, seconds: self.began.elapsed().as_secs_f64(), ..self.summary })
    }
}
