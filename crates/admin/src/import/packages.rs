//! The import of packages: every row is checked; the good ones are stored, one by one.

use super::cells::Header;
use super::error::ImportError;
use super::lines::{Line, Lines, Splitter};
use super::refused::RefusedRow;
use super::tally::{ImportOptions, ImportSummary, Tally};
use crate::administration::Administration;
use crate::error::AdminError;
use crate::package_fields::{code, filled_total, name, time};
use simgauge_domain::identity::canonical_iccid;
use simgauge_domain::period::TimeZone;
use simgauge_store::{NewPackage, PackageError, StoreError};
use std::io::{BufReader, Read};

const COLUMNS: [&str; 6] = ["card", "code", "name", "total_bytes", "valid_from", "valid_to"];
const REQUIRED: [&str; 4] = ["card", "code", "name", "total_bytes"];
/// Rows between two reports of progress.
const PROGRESS_ROWS: u64 = 50;

impl Administration {
    /// Imports packages from a CSV file. Times without an offset are local times of `zone`. A package that
    /// its card has already is refused and stays as it is, so that an import that broke off can be run again.
    ///
    /// # Errors
    /// The file cannot be read or has no header, refused rows cannot be written, or the store failed. The
    /// error says how many rows were stored until then.
    pub async fn import_packages(
        &self,
        from: Box<dyn Read + Send>,
        zone: &TimeZone,
        options: ImportOptions<'_>,
    ) -> Result<ImportSummary, AdminError> {
        let mut lines = Lines::new(BufReader::with_capacity(64 * 1024, from));
        let header = Header::first_of(&mut lines, &COLUMNS, &REQUIRED)?;
        let mut tally = Tally::new(options, header.names.clone());
        let mut splitter = Splitter::new();
        loop {
            let taken = async {
                let Some(line) = lines.next().map_err(ImportError::Unreadable)? else { return Ok(false) };
                let refusal = match read_row(&header, &mut splitter, &line, zone) {
                    Ok(Some(new)) => self.store_row(&new).await?,
                    Ok(None) => return Ok(true),
                    Err(reason) => Some(reason),
                };
                match refusal {
                    None => tally.add(1, Vec::new())?,
                    Some(reason) => tally.add(0, vec![RefusedRow::of_line(&line, reason)])?,
                }
                Ok::<bool, ImportError>(true)
            };
            match taken.await {
                Ok(true) => {}
                Ok(false) => return Ok(tally.finish()?),
                Err(error) => return Err(error.after(Some(tally.summary.imported)).into()),
            }
            if tally.summary.rows.is_multiple_of(PROGRESS_ROWS) {
                tally.tell(lines.position());
            }
        }
    }

    /// Stores a row's package, or answers why it is refused.
    async fn store_row(&self, new: &NewPackage) -> Result<Option<String>, ImportError> {
        let card = match self.store.find_number(&new.card).await {
            Ok(found) => found.unwrap_or_else(|| new.card.clone()),
            Err(StoreError::AmbiguousNumber(ambiguous)) => return Ok(Some(ambiguous.to_string())),
            Err(error) => return Err(error.into()),
        };
        let new = NewPackage { card, ..new.clone() };
        match self.store.add_package(&new, self.now()).await {
            Ok(()) => Ok(None),
            Err(PackageError::Store(error)) => Err(error.into()),
            Err(reason) => Ok(Some(reason.to_string())),
        }
    }
}

/// The package of a line, or why it cannot be taken; none where every cell is empty, since spreadsheets leave
/// such lines at the end. Whether its card exists is checked by the store.
fn read_row(
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
        text.map(|text| time(&text, zone)).transpose().map_err(named(name))
    };
    let card = canonical_iccid(&cell("card")).into_owned();
    if card.is_empty() {
        return Err("card is empty".to_owned());
    }
    Ok(Some(NewPackage {
        card,
        code: code(&cell("code")).map_err(named("code"))?,
        name: name(&cell("name")).map_err(named("name"))?,
        total: filled_total(&cell("total_bytes")).map_err(named("total_bytes"))?.0,
        valid_from: time("valid_from")?,
        valid_to: time("valid_to")?,
    }))
}
