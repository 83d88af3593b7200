//! Why an import did not run to its end.

use simgauge_store::StoreError;
use std::io;
use std::path::{Path, PathBuf};

/// Why an import did not run to its end. Rows that are refused are no error: they are counted and written to
/// a file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("the file is empty")]
    Empty,
    /// The first line does not name the columns.
    #[error("line {line}: {why}")]
    Header { line: u64, why: String },
    #[error("the file cannot be read")]
    Unreadable(#[source] io::Error),
    /// Refused rows cannot be written.
    #[error("the errors file{} cannot be written", named(path.as_deref()))]
    ErrorsFile {
        /// None for a file without a name.
        path: Option<PathBuf>,
        #[source]
        source: csv::Error,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It broke off within the file.
    #[error("the import broke off; {}", stored_rows(*stored))]
    BrokeOff {
        /// Rows that were stored before; none: a whole that was given up.
        stored: Option<u64>,
        #[source]
        source: Box<ImportError>,
    },
}

impl ImportError {
    /// The error as one that came when `stored` rows had been stored.
    pub(crate) fn after(self, stored: Option<u64>) -> Self {
        Self::BrokeOff { stored, source: Box::new(self) }
    }
}

fn named(path: Option<&Path>) -> String {
    path.map(|path| format!(" {}", path.display())).unwrap_or_default()
}

fn stored_rows(stored: Option<u64>) -> String {
    match stored {
        Some(rows) => format!("{rows} rows before that are stored"),
        None => "nothing was stored".to_owned(),
    }
}
