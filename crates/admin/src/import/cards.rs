//! The import of cards: every row is checked; the good ones are stored, or none unless all are good.

use super::card_row::Warnings;
use super::card_rows::{CardRows, Chunk, GoodRow};
use super::error::ImportError;
use super::refused::RefusedRow;
use super::tally::{ImportOptions, ImportSummary, Tally};
use crate::administration::Administration;
use crate::error::AdminError;
use serde::Serialize;
use simgauge_store::{ImportRow, Importer, Store, StoreError};
use std::io::Read;

/// What an import of cards did.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CardImportSummary {
    #[serde(flatten)]
    pub file: ImportSummary,
    pub warnings: Warnings,
    /// Whether nothing was stored on purpose.
    pub dry_run: bool,
}

/// How rows are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// A transaction for each chunk.
    #[default]
    Chunks,
    /// One transaction, committed if every row is good.
    AllOrNothing,
    /// Each chunk is rolled back: the store checks it and keeps nothing.
    DryRun,
}

/// How a file of cards is imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CardImport {
    pub mode: Mode,
    /// Whether numbers that differ by their check digit only are two SIMs.
    pub distinct: bool,
    /// Whether numbers that look as if a spreadsheet had rounded them are taken.
    pub keep_rounded: bool,
}

impl From<Mode> for CardImport {
    fn from(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }
}

impl Administration {
    /// Imports cards from a CSV file. `operator_accounts` are those that rows may name; where there are none,
    /// any.
    ///
    /// # Errors
    /// The file cannot be read or has no header, refused rows cannot be written, or the store failed. The
    /// error says what was stored until then.
    pub async fn import_cards(
        &self,
        from: Box<dyn Read + Send>,
        operator_accounts: &[String],
        how: impl Into<CardImport>,
        options: ImportOptions<'_>,
    ) -> Result<CardImportSummary, AdminError> {
        let how = how.into();
        let mode = how.mode;
        let rows = CardRows::open(from)?;
        let mut tally = Tally::new(options, rows.columns().to_vec());
        let mut writer = ChunkWriter::new(&self.store, how).await.map_err(ImportError::from)?;
        let mut warnings = Warnings::default();
        let mut chunks = rows.read(operator_accounts.into(), how.keep_rounded);
        while let Some(chunk) = chunks.recv().await {
            let taken = async {
                let chunk = chunk?;
                warnings += chunk.warnings;
                let position = chunk.position;
                let (imported, refused) = writer.write(chunk).await?;
                tally.add(imported, refused)?;
                tally.tell(position);
                Ok::<(), ImportError>(())
            };
            if let Err(error) = taken.await {
                let stored = (mode == Mode::Chunks).then_some(tally.summary.imported);
                return Err(error.after(stored).into());
            }
        }
        let is_stored = writer.finish().await.map_err(ImportError::from)?;
        let mut file = tally.finish()?;
        if !is_stored {
            file.imported = 0;
        }
        Ok(CardImportSummary { file, warnings, dry_run: mode == Mode::DryRun })
    }
}

/// Writes chunks of rows into the store as the mode says.
struct ChunkWriter<'a> {
    store: &'a Store,
    how: CardImport,
    /// The one transaction of all-or-nothing, until the first refused row.
    whole: Option<Importer>,
}

impl<'a> ChunkWriter<'a> {
    async fn new(store: &'a Store, how: CardImport) -> Result<Self, StoreError> {
        let whole = match how.mode {
            Mode::AllOrNothing => Some(store.import().await?.distinct(how.distinct)),
            Mode::Chunks | Mode::DryRun => None,
        };
        Ok(Self { store, how, whole })
    }

    /// Answers how many rows were taken, and which were refused: by the check or by the store.
    async fn write(&mut self, chunk: Chunk) -> Result<(u64, Vec<RefusedRow>), StoreError> {
        let Chunk { good, mut refused, .. } = chunk;
        if !refused.is_empty() {
            self.give_up_whole().await?;
        }
        let (rows, lines): (Vec<ImportRow>, Vec<_>) =
            good.into_iter().map(|GoodRow { row, line }| (row, line)).unzip();
        let mut own = None;
        let importer = match &mut self.whole {
            Some(whole) => whole,
            None => own.insert(self.store.import().await?.distinct(self.how.distinct)),
        };
        let verdicts = importer.add(&rows).await?;
        let mut imported = 0;
        let mut is_any_refused = false;
        for (line, verdict) in lines.iter().zip(verdicts) {
            match verdict {
                Ok(()) => imported += 1,
                Err(reason) => {
                    is_any_refused = true;
                    refused.push(RefusedRow::of_line(line, reason.to_string()));
                }
            }
        }
        match own {
            Some(own) if self.how.mode == Mode::Chunks => own.commit().await?,
            Some(own) => own.roll_back().await?,
            None if is_any_refused => self.give_up_whole().await?,
            None => {}
        }
        refused.sort_by_key(|row| row.line);
        Ok((imported, refused))
    }

    /// Drops the one transaction. The rest of the file is still checked, without keeping others from writing.
    async fn give_up_whole(&mut self) -> Result<(), StoreError> {
        match self.whole.take() {
            Some(whole) => whole.roll_back().await,
            None => Ok(()),
        }
    }

    /// Answers whether the rows that were taken are in the store, or would be without the dry run.
    async fn finish(self) -> Result<bool, StoreError> {
        match (self.how.mode, self.whole) {
            (Mode::Chunks | Mode::DryRun, _) => Ok(true),
            (Mode::AllOrNothing, Some(whole)) => whole.commit().await.map(|()| true),
            (Mode::AllOrNothing, None) => Ok(false),
        }
    }
}
