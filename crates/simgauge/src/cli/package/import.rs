//! `simgauge package import`: every row is checked; the good ones are stored, one by one.

use super::parse;
use crate::cli::card::import::{SHOWN_ROWS, open, progress_bar};
use crate::cli::human;
use crate::cli::output::{Fields, Output};
use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use serde::Serialize;
use simgauge_admin::import::cells::Header;
use simgauge_admin::import::errors::ErrorsFile;
use simgauge_admin::import::lines::{Line, Lines, Splitter};
use simgauge_admin::import::rows::Refused;
use simgauge_domain::period::TimeZone;
use simgauge_service::clock::Clock;
use simgauge_store::{NewPackage, PackageError, Store};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const COLUMNS: [&str; 6] = ["card", "code", "name", "total_bytes", "valid_from", "valid_to"];
const REQUIRED: [&str; 4] = ["card", "code", "name", "total_bytes"];
/// Rows between two looks of the progress bar.
const TOLD_ROWS: u64 = 50;

/// The arguments of `package import`.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// The file; - is standard input.
    file: PathBuf,
    /// Where bad rows go, with line and reason [default: FILE.errors.csv, if there are any].
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
}

/// What an import did.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) rows: u64,
    pub(super) imported: u64,
    pub(super) bad: u64,
    pub(super) errors_file: Option<PathBuf>,
    pub(super) seconds: f64,
    #[serde(skip)]
    first_bad: Vec<(u64, String)>,
}

pub(super) async fn run(
    args: ImportArgs,
    store: &Store,
    zone: &TimeZone,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let errors_path = args.errors.clone().unwrap_or_else(|| ErrorsFile::beside(&args.file));
    if errors_path == args.file {
        bail!("the errors file must not be the file itself");
    }
    let (from, length) = open(&args.file)?;
    let progress = progress_bar(length);
    let imported = import(from, store, zone, errors_path, &progress).await;
    progress.finish_and_clear();
    let summary = imported.with_context(|| format!("import of {}", args.file.display()))?;
    output.print(&summary, || in_words(&summary))?;
    Ok(ExitCode::from(u8::from(summary.bad > 0)))
}

/// Imports a file: the whole command but its arguments and its words.
pub(super) async fn import(
    from: Box<dyn Read + Send>,
    store: &Store,
    zone: &TimeZone,
    errors_path: PathBuf,
    progress: &ProgressBar,
) -> anyhow::Result<Summary> {
    let began = Instant::now();
    let mut lines = Lines::new(BufReader::with_capacity(64 * 1024, from));
    let header = Header::first_of(&mut lines, &COLUMNS, &REQUIRED)?;
    let mut errors = ErrorsFile::new(errors_path, header.names.clone());
    let mut splitter = Splitter::new();
    let mut summary = Summary::default();
    let clock = Clock::default();
    loop {
        let so_far = format!("the import broke off; {} rows before that are stored", summary.imported);
        let Some(line) = lines.next().context("the file cannot be read").context(so_far.clone())? else {
            break;
        };
        let verdict = match row(&header, &mut splitter, &line, zone) {
            Ok(None) => continue,
            Ok(Some(new)) => match store.add_package(&new, clock.now()).await {
                Ok(()) => Ok(()),
                Err(PackageError::Store(error)) => return Err(error).context(so_far),
                Err(reason) => Err(reason.to_string()),
            },
            Err(reason) => Err(reason),
        };
        summary.rows += 1;
        match verdict {
            Ok(()) => summary.imported += 1,
            Err(reason) => {
                summary.bad += 1;
                let refused = Refused::new(&mut splitter, &line, reason);
                errors.write(std::slice::from_ref(&refused), &header.names).context(so_far)?;
                if summary.first_bad.len() < SHOWN_ROWS {
                    summary.first_bad.push((refused.line, refused.reason));
                }
            }
        }
        if summary.rows.is_multiple_of(TOLD_ROWS) {
            progress.set_position(lines.position());
            let counts = (human::count(summary.rows), human::count(summary.bad));
            progress.set_message(format!("{} rows, {} bad", counts.0, counts.1));
        }
    }
    errors.finish()?;
    summary.errors_file = errors.written().map(Path::to_owned);
    summary.seconds = began.elapsed().as_secs_f64();
    Ok(summary)
}

/// The package of a line, or why it cannot be taken; nothing where every cell is empty, as spreadsheets leave lines at the
/// end. Whether its card exists is the store's to say.
fn row(
    header: &Header,
    splitter: &mut Splitter,
    line: &Line,
    zone: &TimeZone,
) -> Result<Option<NewPackage>, String> {
    let cells = splitter.split(line)?;
    if cells.iter().all(|cell| cell.trim().is_empty()) {
        return Ok(None);
    }
    header.fits(&cells)?;
    let cell = |name| header.cell(&cells, name);
    let named = |name: &'static str| move |reason: String| format!("{name} {reason}");
    let time = |name: &'static str| {
        let text = Some(cell(name)).filter(|text| !text.is_empty());
        text.map(|text| parse::time(text, zone)).transpose().map_err(named(name))
    };
    let card = cell("card").to_ascii_uppercase();
    if card.is_empty() {
        return Err("card is empty".to_owned());
    }
    Ok(Some(NewPackage {
        card,
        code: parse::code(cell("code")).map_err(named("code"))?,
        name: parse::name(cell("name")).map_err(named("name"))?,
        total: parse::filled_total(cell("total_bytes")).map_err(named("total_bytes"))?.0,
        valid_from: time("valid_from")?,
        valid_to: time("valid_to")?,
    }))
}

fn in_words(summary: &Summary) -> String {
    let bad = match &summary.errors_file {
        Some(path) => format!("{}, written to {}", human::count(summary.bad), path.display()),
        None => "0".to_owned(),
    };
    let mut fields = Fields::new()
        .line("rows", human::count(summary.rows))
        .line("imported", human::count(summary.imported))
        .line("bad", bad);
    for (line, reason) in &summary.first_bad {
        fields = fields.line("", format!("line {line}: {reason}"));
    }
    fields.line("seconds", format!("{:.1}", summary.seconds)).text()
}
