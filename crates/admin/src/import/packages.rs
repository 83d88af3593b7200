//! The import of packages: every row is checked; the good ones are stored, one by one.

use super::cells::Header;
use super::error::ImportError;
use super::lines::{Line, Lines, Splitter};
use super::refused::RefusedRow;
use super::tally::{ImportOptions, ImportSummary, Tally};
use crate::administration::Administration;
use crate::error::AdminError;
use crate::package_fields::{code, filled_total, first_instant_of, last_day, name, valid_from, valid_to};
use simgauge_domain::identity::canonical_iccid;
use simgauge_domain::metering::booking::Package;
use simgauge_domain::period::TimeZone;
use simgauge_domain::time::UnixMs;
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
                let stored = match read_row(&header, &mut splitter, &line, zone) {
                    Ok(Some(new)) => self.store_row(new).await?,
                    Ok(None) => return Ok(true),
                    Err(reason) => Err(reason),
                };
                match stored {
                    Ok(new) => {
                        tally.add(1, Vec::new())?;
                        for overlap in self.overlaps_of(&new, zone).await? {
                            tally.doubt(line.number, overlap);
                        }
                    }
                    Err(reason) => tally.add(0, vec![RefusedRow::of_line(&line, reason)])?,
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

    /// Stores a row's package, or answers why it is refused. The card's number in the file may be another
    /// spelling of the stored one.
    async fn store_row(&self, new: NewPackage) -> Result<Result<NewPackage, String>, ImportError> {
        let card = match self.store.find_number(&new.card).await {
            Ok(found) => found.unwrap_or_else(|| new.card.clone()),
            Err(StoreError::AmbiguousNumber(ambiguous)) => return Ok(Err(ambiguous.to_string())),
            Err(error) => return Err(error.into()),
        };
        let new = NewPackage { card, ..new };
        match self.store.add_package(&new, self.now()).await {
            Ok(()) => Ok(Ok(new)),
            Err(PackageError::Store(error)) => Err(error.into()),
            Err(reason) => Ok(Err(reason.to_string())),
        }
    }

    /// Packages of the card with which the new one shares a day: one ends with the day on which the other
    /// begins. Whoever wrote the first of the next month as the end of a month made such.
    async fn overlaps_of(&self, new: &NewPackage, zone: &TimeZone) -> Result<Vec<String>, ImportError> {
        let Some(card) = self.store.card_of_any(&new.card).await? else { return Ok(Vec::new()) };
        let shared = |to: Option<UnixMs>, from: Option<UnixMs>| {
            last_day(to?, zone).filter(|day| from.and_then(|from| first_instant_of(from, zone)) == Some(*day))
        };
        let overlap = |other: &Package| {
            let ends = shared(new.valid_to, other.valid_from).map(|day| (&new.code, &other.code, day));
            let begins = shared(other.valid_to, new.valid_from).map(|day| (&other.code, &new.code, day));
            let (first, second, day) = ends.or(begins)?;
            Some(format!(
                "the packages {first} and {second} of {} overlap on {day}: {first} is valid to the end of \
                 that day, {second} from its beginning",
                card.number
            ))
        };
        let others = card.packages.iter().map(|own| &own.package).filter(|other| other.code != new.code);
        Ok(others.filter_map(overlap).collect())
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
    let filled = |name: &'static str| Some(cell(name)).filter(|text| !text.is_empty());
    let from = filled("valid_from").map(|text| valid_from(&text, zone)).transpose();
    let to = filled("valid_to").map(|text| valid_to(&text, zone)).transpose();
    let card = canonical_iccid(&cell("card")).into_owned();
    if card.is_empty() {
        return Err("card is empty".to_owned());
    }
    Ok(Some(NewPackage {
        card,
        code: code(&cell("code")).map_err(named("code"))?,
        name: name(&cell("name")).map_err(named("name"))?,
        total: filled_total(&cell("total_bytes")).map_err(named("total_bytes"))?.0,
        valid_from: from.map_err(named("valid_from"))?,
        valid_to: to.map_err(named("valid_to"))?,
    }))
}
