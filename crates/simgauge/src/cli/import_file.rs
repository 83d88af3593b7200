//! Files that are imported: opening one, its progress on the terminal, and what an import did in words.

use super::output::Fields;
use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use simgauge_admin::import::{ErrorsFile, ErrorsTarget, ImportOptions, ImportSummary, Progress};
use simgauge_admin::{AdminError, human};
use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// So many refused rows are shown at once; the rest is in the errors file.
const SHOWN_ROWS: usize = 5;

/// The file of an import.
#[derive(Debug, clap::Args)]
pub struct ImportFile {
    /// The file; - is standard input.
    file: PathBuf,
    /// Where bad rows go, with line and reason [default: FILE.errors.csv, if there are any].
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
}

impl ImportFile {
    /// Opens the file and imports it by `import`, showing the progress on a terminal.
    ///
    /// # Errors
    /// The file cannot be opened, or the import failed.
    pub(super) async fn import<T>(
        &self,
        import: impl AsyncFnOnce(Box<dyn Read + Send>, ImportOptions<'_>) -> Result<T, AdminError>,
    ) -> anyhow::Result<T> {
        let errors_path = self.errors.clone().unwrap_or_else(|| ErrorsFile::beside(&self.file));
        if errors_path == self.file {
            bail!("the errors file must not be the file itself");
        }
        let (from, length) = open(&self.file)?;
        let bar = progress_bar(length);
        let progress = |so_far: Progress| {
            bar.set_position(so_far.position);
            bar.set_message(format!("{} rows, {} bad", human::count(so_far.rows), human::count(so_far.bad)));
        };
        let errors = ErrorsTarget::Path(errors_path);
        let options = ImportOptions { errors, shown_rows: SHOWN_ROWS, progress: &progress };
        let imported = import(from, options).await;
        bar.finish_and_clear();
        imported.with_context(|| format!("import of {}", self.file.display()))
    }
}

/// A file to read with its length, where it has one; - is standard input.
fn open(path: &Path) -> anyhow::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if path.as_os_str() == "-" {
        return Ok((Box::new(std::io::stdin()), None));
    }
    let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
    let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len());
    Ok((Box::new(file), length))
}

fn progress_bar(length: Option<u64>) -> ProgressBar {
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

/// What an import did, for people. `imported` is the name of the line with the rows that were imported.
pub(super) fn summary_fields(summary: &ImportSummary, imported: &str) -> Fields {
    let bad = match &summary.errors_file {
        Some(path) => format!("{}, written to {}", human::count(summary.bad), path.display()),
        None => "0".to_owned(),
    };
    let fields = Fields::new()
        .line("rows", human::count(summary.rows))
        .line(imported, human::count(summary.imported))
        .line("bad", bad);
    let lines = |fields: Fields, rows: &[(u64, String)]| {
        rows.iter().fold(fields, |fields, (line, reason)| fields.line("", format!("line {line}: {reason}")))
    };
    let fields = lines(fields, &summary.first_bad);
    match summary.doubtful {
        0 => fields,
        doubtful => lines(fields.line("to look at", human::count(doubtful)), &summary.first_doubtful),
    }
}

/// How long an import took, for people.
pub(super) fn seconds(summary: &ImportSummary) -> String {
    format!("{:.1}", summary.seconds)
}

/// 1 where rows were refused.
pub(super) fn exit_code(summary: &ImportSummary) -> ExitCode {
    ExitCode::from(u8::from(summary.bad > 0))
}
