//! The file of refused rows: line, reason and the row's own cells, so that it can be mended and imported again.

use super::cells::guard;
use super::rows::Refused;
use anyhow::Context as _;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The file; made when the first row is refused.
pub struct ErrorsFile {
    path: PathBuf,
    writer: Option<csv::Writer<File>>,
    columns: Vec<String>,
}

impl ErrorsFile {
    pub fn new(path: PathBuf, columns: Vec<String>) -> Self {
        // A file of refused rows has these two already.
        let columns = columns.into_iter().filter(|name| !is_ours(name)).collect();
        Self { path, writer: None, columns }
    }

    /// Where it is unless somebody says otherwise: beside the file that is imported.
    pub fn beside(file: &Path) -> PathBuf {
        let mut name = if file.as_os_str() == "-" { "import".into() } else { file.as_os_str().to_owned() };
        name.push(".errors.csv");
        name.into()
    }

    /// Where it is, if there was anything to write.
    pub fn written(&self) -> Option<&Path> {
        self.writer.as_ref().map(|_| self.path.as_path())
    }

    pub fn write(&mut self, refused: &[Refused], columns: &[String]) -> anyhow::Result<()> {
        if refused.is_empty() {
            return Ok(());
        }
        let writing = || format!("the errors file {} cannot be written", self.path.display());
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = File::create(&self.path).with_context(writing)?;
                let writer = none.insert(csv::WriterBuilder::new().flexible(true).from_writer(file));
                let names = ["line", "reason"].into_iter().chain(self.columns.iter().map(String::as_str));
                writer.write_record(names).with_context(writing)?;
                writer
            }
        };
        for row in refused {
            let line = row.line.to_string();
            let own = row.cells.iter().enumerate();
            let own = own.filter(|(at, _)| !columns.get(*at).is_some_and(|name| is_ours(name)));
            let cells =
                [line.as_str(), row.reason.as_str()].into_iter().chain(own.map(|(_, cell)| cell.as_str()));
            writer.write_record(cells.map(|cell| guard(cell).into_owned())).with_context(writing)?;
        }
        Ok(())
    }

    pub fn finish(&mut self) -> anyhow::Result<()> {
        if let Some(writer) = &mut self.writer {
            writer
                .flush()
                .with_context(|| format!("the errors file {} cannot be written", self.path.display()))?;
        }
        Ok(())
    }
}

fn is_ours(name: &str) -> bool {
    matches!(name.trim().to_ascii_lowercase().as_str(), "line" | "reason")
}
