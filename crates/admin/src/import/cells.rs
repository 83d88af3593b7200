//! The columns of a file that is imported, and a guard for cells that a spreadsheet would run as a formula.

use super::error::ImportError;
use super::lines::{Lines, Splitter};
use std::borrow::Cow;
use std::io::BufRead;

/// The columns of a card file, in the order in which an export writes them.
pub const COLUMNS: [&str; 7] =
    ["iccid", "eid", "account", "operator_account", "status", "label", "profile_iccid"];
/// Columns that a file of refused rows has in addition. They are skipped, so that the mended file can be
/// imported as it is.
const IGNORED: [&str; 2] = ["line", "reason"];
/// The columns that a card file must have.
pub const REQUIRED: [&str; 3] = ["iccid", "account", "operator_account"];

/// The first line of a file: which column is where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The names as they were written.
    pub names: Vec<String>,
    columns: &'static [&'static str],
    /// Where each of `columns` is, if the file has it.
    places: Vec<Option<usize>>,
}

impl Header {
    /// Reads a file's first line.
    pub fn first_of(
        lines: &mut Lines<impl BufRead>,
        columns: &'static [&'static str],
        required: &[&str],
    ) -> Result<Self, ImportError> {
        let first = lines.next().map_err(ImportError::Unreadable)?.ok_or(ImportError::Empty)?;
        let mut splitter = Splitter::new();
        let names = splitter.split(&first).map_err(str::to_owned);
        let names = names.map(|cells| cells.into_iter().map(str::to_owned).collect());
        names
            .and_then(|names| Self::read(names, columns, required))
            .map_err(|why| ImportError::Header { line: first.number, why })
    }

    /// Reads the cells of the first line, or says what is wrong with them.
    pub fn read(
        names: Vec<String>,
        columns: &'static [&'static str],
        required: &[&str],
    ) -> Result<Self, String> {
        let mut places = vec![None; columns.len()];
        for (place, name) in names.iter().enumerate() {
            let name = name.trim().to_ascii_lowercase();
            let Some(column) = columns.iter().position(|column| *column == name) else {
                if IGNORED.contains(&name.as_str()) {
                    continue;
                }
                let hint = if name.contains([';', '\t']) { "; separate columns by commas" } else { "" };
                let known = columns.join(", ");
                return Err(format!("unknown column {name:?}; the columns are: {known}{hint}"));
            };
            if places[column].replace(place).is_some() {
                return Err(format!("the column {name:?} stands twice"));
            }
        }
        let header = Self { names, columns, places };
        let missing: Vec<&str> =
            required.iter().copied().filter(|name| header.place(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(format!(
                "the first line must name the columns; missing: {} (all columns: {})",
                missing.join(", "),
                columns.join(", ")
            ));
        }
        Ok(header)
    }

    fn place(&self, name: &str) -> Option<usize> {
        let column = self.columns.iter().position(|column| *column == name)?;
        self.places.get(column).copied().flatten()
    }

    /// Checks that a row has a cell for each column, all of plain text.
    pub fn fits(&self, cells: &[&str]) -> Result<(), String> {
        if cells.len() != self.names.len() {
            return Err(format!(
                "{} cells, but the first line names {} columns",
                cells.len(),
                self.names.len()
            ));
        }
        if cells.iter().any(|cell| cell.chars().any(char::is_control)) {
            return Err("a cell holds a control character".to_owned());
        }
        Ok(())
    }

    /// The cell of a column, without white space around it and without the guard; empty where there is none.
    pub fn cell<'a>(&self, cells: &[&'a str], name: &str) -> Cow<'a, str> {
        let cell = self.place(name).and_then(|place| cells.get(place)).copied().unwrap_or_default();
        unguard(cell.trim())
    }
}

/// What begins a formula in some spreadsheet: the usual characters, their full-width, small, raised and
/// lowered forms, which some programs fold into the usual ones, and what an old spreadsheet takes for a
/// command (`|`).
const FORMULA_STARTS: &[char] = &[
    '=', '+', '-', '@', '|', '\t', '\r', '＝', '＋', '－', '＠', '｜', '﹦', '﹢', '﹣', '﹫', '⁼', '⁺', '⁻',
    '₌', '₊', '₋', '−',
];
/// After each of these a cell begins, where a spreadsheet reads the file with this separator.
const SEPARATORS: &[char] = &[';', '；', '|', '｜', '\t', '\r', '\n'];

fn starts_formula(c: char) -> bool {
    FORMULA_STARTS.contains(&c)
}

/// Characters before a formula that a spreadsheet skips, or that nobody sees.
fn is_blank(c: char) -> bool {
    let is_format = matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' |
        '\u{2060}'..='\u{206f}' | '\u{feff}');
    !matches!(c, '\t' | '\r') && (c.is_whitespace() || c.is_control() || is_format)
}

/// Puts `'` before everything in a cell that a spreadsheet would run as a formula: at its beginning, and
/// after a separator, where the file may be read with that one. White space before it does not count.
pub fn guard_formula(cell: &str) -> Cow<'_, str> {
    if cell.contains(FORMULA_STARTS) { change_guards(cell, |quotes| quotes + 1) } else { Cow::Borrowed(cell) }
}

/// Undoes [`guard_formula`].
fn unguard(cell: &str) -> Cow<'_, str> {
    if cell.contains('\'') {
        change_guards(cell, |quotes| quotes.saturating_sub(1))
    } else {
        Cow::Borrowed(cell)
    }
}

/// Changes how many `'` stand before each formula.
fn change_guards(cell: &str, change: impl Fn(usize) -> usize) -> Cow<'_, str> {
    let mut out = String::with_capacity(cell.len() + 1);
    let mut rest = cell;
    loop {
        let quotes_at = rest.trim_start_matches(is_blank);
        let formula = quotes_at.trim_start_matches('\'');
        if formula.starts_with(starts_formula) {
            out.push_str(&rest[..rest.len() - quotes_at.len()]);
            // A quote is one byte.
            out.extend(std::iter::repeat_n('\'', change(quotes_at.len() - formula.len())));
            rest = formula;
        }
        let Some((at, separator)) = rest.char_indices().find(|(_, c)| SEPARATORS.contains(c)) else { break };
        let (before, after) = rest.split_at(at + separator.len_utf8());
        out.push_str(before);
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(line: &str) -> Result<Header, String> {
        Header::read(line.split(',').map(str::to_owned).collect(), &COLUMNS, &REQUIRED)
    }

    #[test]
    fn columns_in_any_order() {
        let header = header("Account, operator_account ,ICCID,reason").expect("header");
        assert_eq!(header.cell(&["a", "o", " 8988 ", "x"], "iccid"), "8988");
        assert_eq!(header.cell(&["a", "o", "8988"], "label"), "");
        assert_eq!(header.cell(&["a"], "iccid"), "");
    }

    #[test]
    fn wrong_headers_are_named() {
        for (line, says) in [
            ("iccid,account,operator_account,colour", "unknown column \"colour\""),
            ("iccid,iccid,account,operator_account", "\"iccid\" stands twice"),
            ("iccid,label", "missing: account, operator_account"),
            ("iccid;eid;account", "separate columns by commas"),
            ("8988308650100524999,,acme,main", "unknown column \"8988308650100524999\""),
        ] {
            let error = header(line).expect_err(line);
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn guarding_is_undone_exactly() {
        for cell in [
            "",
            "x",
            "'",
            "''",
            "'x",
            "=1+1",
            "+1",
            "-1",
            "@a",
            "'=1",
            "''=1",
            "'''",
            "'-",
            "\tx",
            "卡",
            ";",
            "|",
            "a;=1",
            ";'=1",
            "a; '' =1",
            "|=1|@x|",
            "\r\n=1",
            "\u{feff} ＝1",
            "a\t\t=1",
            "=;=;=",
            "a;\u{3000}＠b",
        ] {
            let guarded = guard_formula(cell);
            assert_eq!(unguard(&guarded), cell, "{guarded}");
            assert_eq!(unguard(&guard_formula(&guarded)), guarded, "{guarded}");
        }
    }

    /// Worked out by hand, from what spreadsheets run: see OWASP's page on CSV injection.
    #[test]
    fn every_formula_is_guarded() {
        for (cell, guarded) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("＝1+1", "'＝1+1"),
            ("＠SUM(A1)", "'＠SUM(A1)"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("﹦1", "'﹦1"),
            ("|calc", "'|calc"),
            ("  =1", "  '=1"),
            ("\u{3000}＝1", "\u{3000}'＝1"),
            ("\u{feff}=1", "\u{feff}'=1"),
            ("\u{200b}\u{a0}@x", "\u{200b}\u{a0}'@x"),
            (";=1", ";'=1"),
            ("a;=1;b; @c", "a;'=1;b; '@c"),
            ("a|=1", "a|'=1"),
            ("a\n=1", "a\n'=1"),
            ("\t=1", "'\t'=1"),
            ("a-b=c", "a-b=c"),
            ("a; b", "a; b"),
            ("it's", "it's"),
        ] {
            assert_eq!(guard_formula(cell), guarded, "{cell:?}");
        }
    }
}
