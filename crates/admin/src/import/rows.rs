//! From a file to checked rows, in chunks, on a thread of its own.

use super::cells::{COLUMNS, Header, REQUIRED};
use super::check::{Warnings, check};
use super::lines::{Line, Lines, Splitter};
use anyhow::Context as _;
use simgauge_store::ImportRow;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io::{BufReader, Read};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Rows of a chunk: one transaction, which must not keep a running server from writing for long.
pub const CHUNK_ROWS: usize = 5_000;

/// A row that was not taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    pub line: u64,
    pub reason: String,
    pub cells: Vec<String>,
}

impl Refused {
    pub fn new(splitter: &mut Splitter, line: &Line, reason: String) -> Self {
        let cells = match splitter.split(line) {
            Ok(cells) => cells.into_iter().map(str::to_owned).collect(),
            // No cells: the line as a whole, so that nothing is lost.
            Err(_) => vec![String::from_utf8_lossy(&line.bytes).into_owned()],
        };
        Self { line: line.number, reason, cells }
    }
}

/// A good row, with its line for what the store may have against it.
#[derive(Debug)]
pub struct Good {
    pub row: ImportRow,
    line: Line,
}

impl Good {
    pub fn refused(&self, reason: String) -> Refused {
        Refused::new(&mut Splitter::new(), &self.line, reason)
    }
}

/// Some rows of the file.
#[derive(Debug, Default)]
pub struct Chunk {
    pub good: Vec<Good>,
    pub refused: Vec<Refused>,
    pub warnings: Warnings,
    /// How far in the file it ends.
    pub position: u64,
}

/// A file whose first line was read.
pub struct Rows {
    pub header: Header,
    lines: Lines<BufReader<Box<dyn Read + Send>>>,
}

impl Rows {
    pub fn open(from: Box<dyn Read + Send>) -> anyhow::Result<Self> {
        let mut lines = Lines::new(BufReader::with_capacity(256 * 1024, from));
        let header = Header::first_of(&mut lines, &COLUMNS, &REQUIRED)?;
        Ok(Self { header, lines })
    }

    /// Reads and checks the rest in the background. The channel's end is the file's, or an error.
    pub fn read(self, operator_accounts: Arc<[String]>) -> mpsc::Receiver<anyhow::Result<Chunk>> {
        let (sender, receiver) = mpsc::channel(2);
        tokio::task::spawn_blocking(move || {
            // Nobody wants the rest once the channel is closed.
            self.each(operator_accounts, |chunk| sender.blocking_send(chunk).is_ok());
        });
        receiver
    }

    /// Reads and checks the rest, chunk by chunk, up to an error or as long as somebody `takes` them.
    pub fn each(
        self,
        operator_accounts: Arc<[String]>,
        mut takes: impl FnMut(anyhow::Result<Chunk>) -> bool,
    ) {
        let mut checker = Checker::new(self.header, operator_accounts);
        let mut lines = self.lines;
        while let Some(chunk) = checker.chunk(&mut lines).transpose() {
            let failed = chunk.is_err();
            if !takes(chunk) || failed {
                return;
            }
        }
    }
}

struct Checker {
    header: Header,
    operator_accounts: Arc<[String]>,
    splitter: Splitter,
    /// A hash of each card and profile so far: 8 to 18 bytes a row instead of the numbers themselves. Two different rows
    /// of ten million share one with a chance of about 3 in a million; then the later is refused as a duplicate.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Checker {
    fn new(header: Header, operator_accounts: Arc<[String]>) -> Self {
        let (splitter, seen, hasher) = (Splitter::new(), HashSet::new(), RandomState::new());
        Self { header, operator_accounts, splitter, seen, hasher }
    }

    /// The next chunk; nothing at the end of the file.
    fn chunk<R: std::io::BufRead>(&mut self, lines: &mut Lines<R>) -> anyhow::Result<Option<Chunk>> {
        let mut chunk = Chunk::default();
        while chunk.good.len() + chunk.refused.len() < CHUNK_ROWS {
            let Some(line) = lines.next().context("the file cannot be read")? else { break };
            match self.row(&line) {
                Ok(None) => {}
                Ok(Some((row, warnings))) => {
                    chunk.warnings += warnings;
                    chunk.good.push(Good { row, line });
                }
                Err(reason) => chunk.refused.push(Refused::new(&mut self.splitter, &line, reason)),
            }
        }
        chunk.position = lines.position();
        Ok(Some(chunk).filter(|chunk| !chunk.good.is_empty() || !chunk.refused.is_empty()))
    }

    /// The row of a line; nothing where every cell is empty, as spreadsheets leave lines at the end.
    fn row(&mut self, line: &Line) -> Result<Option<(ImportRow, Warnings)>, String> {
        let cells = self.splitter.split(line)?;
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return Ok(None);
        }
        let (row, warnings) = check(&self.header, &cells, &self.operator_accounts)?;
        if !self.seen.insert(self.hasher.hash_one((&row.number, &row.iccid))) {
            return Err(if row.number == row.iccid {
                "this card stands in the file already".to_owned()
            } else {
                "this card with this profile stands in the file already".to_owned()
            });
        }
        Ok(Some((row, warnings)))
    }
}
