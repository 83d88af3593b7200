//! A CSV file, read line by line. No cell of a card has a line break in it, so each line is parsed by itself.
//! Line numbers are exact, and a quote that is never closed spoils its own line and not the rest of the file.

use csv_core::{ReadRecordResult, Reader};
use std::io::{self, BufRead};

/// Longer lines are refused.
const LINE_MAX: usize = 64 * 1024;
/// Most cells of a line; no file has so many columns.
const CELLS_MAX: usize = 64;

/// The lines of a file.
pub struct Lines<R> {
    from: R,
    number: u64,
    read: u64,
}

/// One line without its line break.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: u64,
    /// Its content; cut off where it is too long.
    pub bytes: Vec<u8>,
    /// Whether it was cut off.
    pub too_long: bool,
}

impl<R: BufRead> Lines<R> {
    pub fn new(from: R) -> Self {
        Self { from, number: 0, read: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.read
    }

    /// The next line that is not blank.
    pub fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let Some(mut line) = self.read_line()? else { return Ok(None) };
            if line.number == 1 && line.bytes.starts_with(b"\xef\xbb\xbf") {
                line.bytes.drain(..3);
            }
            if line.bytes.last() == Some(&b'\r') {
                line.bytes.pop();
            }
            if !line.bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(line));
            }
        }
    }

    fn read_line(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line { number: self.number + 1, bytes: Vec::with_capacity(128), too_long: false };
        loop {
            let available = match self.from.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(available.len());
            let room = LINE_MAX - line.bytes.len();
            line.too_long |= taken > room;
            line.bytes.extend_from_slice(available.get(..taken.min(room)).unwrap_or_default());
            let (ended, consumed) = (available.is_empty(), taken + usize::from(end.is_some()));
            self.from.consume(consumed);
            self.read += u64::try_from(consumed).unwrap_or(0);
            if ended && line.bytes.is_empty() && !line.too_long {
                return Ok(None);
            }
            if ended || end.is_some() {
                self.number += 1;
                return Ok(Some(line));
            }
        }
    }
}

/// Splits lines into cells.
pub struct Splitter {
    reader: Reader,
    input: Vec<u8>,
    output: Vec<u8>,
    ends: [usize; CELLS_MAX],
}

impl Splitter {
    pub fn new() -> Self {
        Self { reader: Reader::new(), input: Vec::new(), output: Vec::new(), ends: [0; CELLS_MAX] }
    }

    /// The cells of a line, or why it cannot be split.
    pub fn split(&mut self, line: &Line) -> Result<Vec<&str>, &'static str> {
        if line.too_long {
            return Err("the line is longer than 64 KiB");
        }
        self.reader.reset();
        self.input.clear();
        self.input.extend_from_slice(&line.bytes);
        self.input.push(b'\n');
        self.output.resize(self.input.len(), 0);
        let (result, read, written, cells) =
            self.reader.read_record(&self.input, &mut self.output, &mut self.ends);
        match result {
            ReadRecordResult::Record if read == self.input.len() => {}
            ReadRecordResult::Record | ReadRecordResult::End => {
                return Err("a cell holds a control character");
            }
            // The line break went into a cell.
            ReadRecordResult::InputEmpty => {
                return Err(
                    "a quote is opened and not closed on this line (a cell cannot hold a line break)",
                );
            }
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                return Err("the line has too many cells");
            }
        }
        let text = std::str::from_utf8(self.output.get(..written).unwrap_or_default())
            .map_err(|_| "the line is not UTF-8; save the file as CSV UTF-8")?;
        let mut start = 0;
        let mut split = Vec::with_capacity(cells);
        for end in self.ends.iter().take(cells) {
            // A cell's border can only cut a character where the bytes around it are no UTF-8 by themselves.
            split.push(text.get(start..*end).ok_or("the line is not UTF-8; save the file as CSV UTF-8")?);
            start = *end;
        }
        Ok(split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<(u64, Result<Vec<String>, &'static str>)> {
        // A small buffer, so that lines are put together from several reads.
        let mut lines = Lines::new(io::BufReader::with_capacity(7, text));
        let mut splitter = Splitter::new();
        let mut out = Vec::new();
        while let Some(line) = lines.next().expect("read") {
            let cells = splitter.split(&line).map(|cells| cells.into_iter().map(str::to_owned).collect());
            out.push((line.number, cells));
        }
        assert_eq!(lines.position(), u64::try_from(text.len()).expect("small"));
        out
    }

    fn cells(cells: &[&str]) -> Result<Vec<String>, &'static str> {
        Ok(cells.iter().map(|&cell| cell.to_owned()).collect())
    }

    #[test]
    fn bom_crlf_quotes_and_blank_lines() {
        let text = "\u{feff}iccid,label\r\n1,\"a, \"\"b\"\"\"\r\n\r\n  \n2,卡\n3,";
        assert_eq!(
            read(text.as_bytes()),
            [
                (1, cells(&["iccid", "label"])),
                (2, cells(&["1", "a, \"b\""])),
                (5, cells(&["2", "卡"])),
                (6, cells(&["3", ""])),
            ]
        );
        assert!(read(b"").is_empty() && read(b"\n\n").is_empty());
    }

    #[test]
    fn a_spoilt_line_spoils_no_other() {
        let long = "x".repeat(LINE_MAX + 1);
        let many = ",".repeat(CELLS_MAX);
        let text = format!("1,\"open\n2,ok\n3,a\rb\n{long}\n{many}\n6,ok\n");
        let lines = read(text.as_bytes());
        assert_eq!(lines[1], (2, cells(&["2", "ok"])));
        assert_eq!(lines[5], (6, cells(&["6", "ok"])));
        let reasons: Vec<&str> =
            [0, 2, 3, 4].into_iter().map(|at| *lines[at].1.as_ref().expect_err("refused")).collect();
        assert!(reasons[0].starts_with("a quote is opened"));
        assert!(reasons[1].contains("control character"));
        assert!(reasons[2].contains("64 KiB") && reasons[3].contains("too many cells"), "{reasons:?}");
        assert!(read(b"1,\xb0\xa1\n")[0].1.as_ref().expect_err("GBK").contains("UTF-8"));
    }
}
