//! What commands print: lines and tables for people, or JSON for programs.

use serde::Serialize;
use serde_json::Value;
use simgauge_admin::human;
use simgauge_domain::time::UnixMs;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// How a command prints.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Output {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Output {
    /// Prints a list: each item as JSON for programs, or a table for people, or `empty` where there is no
    /// item.
    ///
    /// # Errors
    /// As [`Output::print`].
    pub fn list<T, const COLUMNS: usize>(
        &self,
        items: &[T],
        json: impl Fn(&T) -> Value,
        header: [&str; COLUMNS],
        cells: impl Fn(&T) -> [String; COLUMNS],
        empty: &str,
    ) -> anyhow::Result<()> {
        let list: Vec<Value> = items.iter().map(json).collect();
        self.print(&list, || {
            let mut table = Table::new(&header);
            items.iter().for_each(|item| table.row(cells(item)));
            table.or(empty)
        })
    }

    /// Prints `value` as JSON, or `text` for people.
    ///
    /// # Errors
    /// Standard output cannot be written; a reader that has gone is no error.
    pub fn print(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        let mut out = if self.json { serde_json::to_string_pretty(value)? } else { text() };
        if !out.ends_with('\n') {
            out.push('\n');
        }
        write(out.as_bytes())
    }
}

/// Writes to standard output.
///
/// # Errors
/// It cannot be written; a reader that has gone is no error.
pub(super) fn write(bytes: &[u8]) -> anyhow::Result<()> {
    match io::stdout().write_all(bytes) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// A cell for a value that may be missing.
pub(super) fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// A cell for a time that may be missing.
pub(super) fn time_or_dash(at: Option<UnixMs>) -> String {
    or_dash(at.map(|at| human::time(at.seconds())))
}

/// A cell for bytes of which there may be no limit.
pub(super) fn bytes_or_unlimited(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "unlimited".to_owned(), human::bytes)
}

/// A field for a note that may be empty.
pub(super) fn unless_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// A field for what a refresh changed, where it succeeded and both usages are known.
pub(super) fn difference(succeeded: bool, before: Option<u64>, after: Option<u64>) -> Option<String> {
    before.zip(after).filter(|_| succeeded).map(|(before, after)| human::change(before, after))
}

/// Columns of text, aligned.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this header.
    #[must_use]
    pub fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|&name| name.to_owned()).collect()] }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table, or `empty` where it has no row.
    #[must_use]
    pub fn or(&self, empty: &str) -> String {
        if self.rows.len() > 1 { aligned(&self.rows) } else { format!("{empty}\n") }
    }
}

/// Lines of a name and a value, the values aligned.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    rows: Vec<Vec<String>>,
}

impl Fields {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line.
    #[must_use]
    pub fn line(mut self, name: &str, value: impl Into<String>) -> Self {
        self.rows.push(vec![name.to_owned(), value.into()]);
        self
    }

    /// Adds a line where there is a value.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.line(name, value),
            None => self,
        }
    }

    #[must_use]
    pub fn text(&self) -> String {
        aligned(&self.rows)
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, at: usize| row.get(at).map(|cell| plain(cell)).unwrap_or_default();
    let widths: Vec<usize> =
        (0..columns).map(|at| rows.iter().map(|row| width(&cell(row, at))).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, column) in widths.iter().enumerate() {
            let text = cell(row, at);
            // Writing into a String cannot fail.
            let _ = write!(line, "{text}{:pad$}", "", pad = column + 2 - width(&text));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Text without control characters, which could control the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// East Asian and pictographic characters.
const WIDE: [(char, char); 9] = [
    ('\u{1100}', '\u{115f}'),
    ('\u{2e80}', '\u{a4cf}'),
    ('\u{ac00}', '\u{d7a3}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{fe30}', '\u{fe6f}'),
    ('\u{ff00}', '\u{ff60}'),
    ('\u{ffe0}', '\u{ffe6}'),
    ('\u{1f300}', '\u{1faff}'),
    ('\u{20000}', '\u{3fffd}'),
];

/// Columns that a terminal uses for a text; wide characters take two.
fn width(text: &str) -> usize {
    let is_wide = |c: &char| WIDE.iter().any(|(first, last)| (first..=last).contains(&c));
    text.chars().count() + text.chars().filter(is_wide).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_also_with_wide_characters() {
        let mut table = Table::new(&["NAME", "NOTE"]);
        table.row(["测试".to_owned(), "x".to_owned()]);
        table.row(["a".to_owned(), "\u{1b}[31m".to_owned()]);
        assert_eq!(table.or("none"), "NAME  NOTE\n测试  x\na     \u{fffd}[31m\n");
        assert_eq!(Table::new(&["NAME"]).or("none"), "none\n");
        assert_eq!(
            Fields::new().line("a", "1").maybe("b", None::<String>).line("long", "2").text(),
            "a     1\nlong  2\n"
        );
    }
}
