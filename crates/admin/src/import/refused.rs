//! Rows that an import refuses, and the file that holds them: line, reason and the row's own cells, so that
//! it can be mended and imported again.

use super::cells::guard_formula;
use super::error::ImportError;
use super::lines::{Line, Splitter};
use std::fs::File;
use std::path::{Path, PathBuf};

/// A row that was not taken.
#[derive(Debug, PartialEq, Eq)]
pub struct RefusedRow {
    pub line: u64,
    pub reason: String,
    pub cells: Vec<String>,
}

impl RefusedRow {
    pub fn of_line(line: &Line, reason: String) -> Self {
        let cells = match Splitter::new().split(line) {
            Ok(cells) => cells.into_iter().map(str::to_owned).collect(),
            // The line as a whole, so that nothing is lost.
            Err(_) => vec![String::from_utf8_lossy(&line.bytes).into_owned()],
        };
        Self { line: line.number, reason, cells }
    }
}

/// Where refused rows are written.
pub enum ErrorsTarget {
    /// A file that is created when the first row is refused.
    Path(PathBuf),
    /// An open file without a name.
    File(File),
}

/// The file of refused rows.
pub struct ErrorsFile {
    target: ErrorsTarget,
    writer: Option<csv::Writer<File>>,
    /// The columns of the imported file.
    columns: Vec<String>,
}

impl ErrorsFile {
    pub fn new(target: ErrorsTarget, columns: Vec<String>) -> Self {
        Self { target, writer: None, columns }
    }

    /// The default place: beside the file that is imported.
    pub fn beside(file: &Path) -> PathBuf {
        let mut name = if file.as_os_str() == "-" { "import".into() } else { file.as_os_str().to_owned() };
        name.push(".errors.csv");
        name.into()
    }

    /// # Errors
    /// The file cannot be created or written.
    pub fn write(&mut self, refused: &[RefusedRow]) -> Result<(), ImportError> {
        self.try_write(refused).map_err(|source| self.unwritable(source))
    }

    fn try_write(&mut self, refused: &[RefusedRow]) -> Result<(), csv::Error> {
        if refused.is_empty() {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = match &self.target {
                    ErrorsTarget::Path(path) => File::create(path)?,
                    ErrorsTarget::File(file) => file.try_clone()?,
                };
                let writer = none.insert(csv::WriterBuilder::new().flexible(true).from_writer(file));
                // A mended file of refused rows has the first two columns already.
                let own = self.columns.iter().map(String::as_str).filter(|name| !is_added(name));
                writer.write_record(["line", "reason"].into_iter().chain(own))?;
                writer
            }
        };
        for row in refused {
            let line = row.line.to_string();
            let own = row.cells.iter().enumerate();
            let own = own.filter(|(at, _)| !self.columns.get(*at).is_some_and(|name| is_added(name)));
            let cells = [line.as_str(), &row.reason].into_iter().chain(own.map(|(_, cell)| cell.as_str()));
            writer.write_record(cells.map(|cell| guard_formula(cell).into_owned()))?;
        }
        Ok(())
    }

    /// Writes what is buffered; answers where the file is, if any row was refused and the file has a name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn finish(mut self) -> Result<Option<PathBuf>, ImportError> {
        let Some(writer) = &mut self.writer else { return Ok(None) };
        match writer.flush() {
            Ok(()) => Ok(self.target.path().map(Path::to_owned)),
            Err(source) => Err(self.unwritable(source.into())),
        }
    }

    fn unwritable(&self, source: csv::Error) -> ImportError {
        ImportError::ErrorsFile { path: self.target.path().map(Path::to_owned), source }
    }
}

impl ErrorsTarget {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::File(_) => None,
        }
    }
}

/// Whether a column is one that this file adds.
fn is_added(name: &str) -> bool {
    matches!(name.trim().to_ascii_lowercase().as_str(), "line" | "reason")
}
