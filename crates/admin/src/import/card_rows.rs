//! A card file, read and checked in chunks on a thread of its own.

use super::card_row::{Warnings, check, rounded};
use super::cells::{COLUMNS, Header, REQUIRED};
use super::error::ImportError;
use super::lines::{Line, Lines, Splitter};
use super::refused::RefusedRow;
use simgauge_store::ImportRow;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher as _;
use std::io::{BufReader, Cursor, Read};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Rows of a chunk: one transaction, which must not keep a running server from writing for long.
pub const CHUNK_ROWS: usize = 5_000;

/// A row that the check took, with its line in case the store refuses it.
#[derive(Debug)]
pub struct GoodRow {
    pub row: ImportRow,
    pub line: Line,
}

/// Some rows of the file.
#[derive(Debug, Default)]
pub struct Chunk {
    pub good: Vec<GoodRow>,
    pub refused: Vec<RefusedRow>,
    pub warnings: Warnings,
    /// Bytes of the file up to its end.
    pub position: u64,
}

/// A card file whose first line was read.
pub struct CardRows {
    header: Header,
    lines: Lines<BufReader<Box<dyn Read + Send>>>,
}

impl CardRows {
    pub fn open(from: Box<dyn Read + Send>) -> Result<Self, ImportError> {
        let mut lines = Lines::new(BufReader::with_capacity(256 * 1024, from));
        let header = Header::first_of(&mut lines, &COLUMNS, &REQUIRED)?;
        Ok(Self { header, lines })
    }

    /// The names in the first line.
    pub fn columns(&self) -> &[String] {
        &self.header.names
    }

    /// Reads and checks the rest in the background. The channel ends with the file, or after an error.
    pub fn read(
        self,
        operator_accounts: Arc<[String]>,
        keep_rounded: bool,
    ) -> mpsc::Receiver<Result<Chunk, ImportError>> {
        let (sender, receiver) = mpsc::channel(2);
        tokio::task::spawn_blocking(move || {
            // A closed channel means that the rest is not wanted.
            self.each(operator_accounts, keep_rounded, |chunk| sender.blocking_send(chunk).is_ok());
        });
        receiver
    }

    /// Reads and checks the rest, chunk by chunk, until `takes` answers false or an error comes.
    pub fn each(
        self,
        operator_accounts: Arc<[String]>,
        keep_rounded: bool,
        mut takes: impl FnMut(Result<Chunk, ImportError>) -> bool,
    ) {
        let mut checker = Checker::new(self.header, operator_accounts, keep_rounded);
        let mut lines = self.lines;
        while let Some(chunk) = checker.chunk(&mut lines).transpose() {
            let failed = chunk.is_err();
            if !takes(chunk) || failed {
                return;
            }
        }
    }
}

/// Reads a card file as an import does, up to the store: how many rows it would hand over, and how many it
/// refuses. For tests that try many files.
///
/// # Errors
/// An import does not take the first line.
#[doc(hidden)]
pub fn dry_run(file: &[u8], operator_accounts: &[String]) -> Result<(usize, usize), ImportError> {
    let rows = CardRows::open(Box::new(Cursor::new(file.to_vec())))?;
    let (mut good, mut refused) = (0, 0);
    rows.each(operator_accounts.into(), false, |chunk| {
        if let Ok(chunk) = chunk {
            good += chunk.good.len();
            refused += chunk.refused.len();
        }
        true
    });
    Ok((good, refused))
}

struct Checker {
    header: Header,
    operator_accounts: Arc<[String]>,
    splitter: Splitter,
    /// A hash of each card and profile so far: 8 to 18 bytes a row instead of the numbers themselves. In ten
    /// million rows, two different ones share a hash with a chance of about 3 in a million. Then the later
    /// one is refused as a duplicate.
    seen: HashSet<u64>,
    hasher: RandomState,
    /// Whether numbers that look rounded are taken.
    keep_rounded: bool,
    /// Where such numbers stand first.
    rounded: HashMap<String, u64>,
}

impl Checker {
    fn new(header: Header, operator_accounts: Arc<[String]>, keep_rounded: bool) -> Self {
        let (splitter, seen, hasher) = (Splitter::new(), HashSet::new(), RandomState::new());
        let rounded = HashMap::new();
        Self { header, operator_accounts, splitter, seen, hasher, keep_rounded, rounded }
    }

    /// The next chunk; nothing at the end of the file.
    fn chunk<R: std::io::BufRead>(&mut self, lines: &mut Lines<R>) -> Result<Option<Chunk>, ImportError> {
        let mut chunk = Chunk::default();
        while chunk.good.len() + chunk.refused.len() < CHUNK_ROWS {
            let Some(line) = lines.next().map_err(ImportError::Unreadable)? else { break };
            match self.row(&line) {
                Ok(None) => {}
                Ok(Some((row, warnings))) => {
                    chunk.warnings += warnings;
                    chunk.good.push(GoodRow { row, line });
                }
                Err(reason) => chunk.refused.push(RefusedRow::of_line(&line, reason)),
            }
        }
        chunk.position = lines.position();
        Ok(Some(chunk).filter(|chunk| !chunk.good.is_empty() || !chunk.refused.is_empty()))
    }

    /// The row of a line; none where every cell is empty, since spreadsheets leave such lines at the end.
    fn row(&mut self, line: &Line) -> Result<Option<(ImportRow, Warnings)>, String> {
        let cells = self.splitter.split(line)?;
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(None);
        }
        let (row, warnings) = check(&self.header, &cells, &self.operator_accounts)?;
        if !self.keep_rounded
            && let Some(number) = rounded(&row)
        {
            return Err(self.why_not_rounded(number, line.number));
        }
        if !self.seen.insert(self.hasher.hash_one((&row.number, &row.iccid))) {
            return Err(if row.number == row.iccid {
                "this card stands in the file already".to_owned()
            } else {
                "this card with this profile stands in the file already".to_owned()
            });
        }
        Ok(Some((row, warnings)))
    }

    /// The reason of a row whose number was rounded. Several rows may have collapsed to one number.
    fn why_not_rounded(&mut self, number: String, line: u64) -> String {
        let why = format!(
            "{number} was rounded by a spreadsheet: its digits from the 16th on are lost; export it with the \
             column as text, or import it with --keep-rounded if this is the number"
        );
        match self.rounded.get(&number) {
            Some(first) => format!("{why}; line {first} was rounded to the same number"),
            None => {
                self.rounded.insert(number, line);
                why
            }
        }
    }
}
