use std::fmt;
use std::ops::Range;

/// One mistake in a definition file. Line and column are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub line: usize,
    /// In characters.
    pub column: usize,
    pub message: String,
}

/// A definition that cannot be used, with every mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionError {
    /// The file, or the name of a built-in definition.
    pub source_name: String,
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let Problem { line, column, message } = problem;
            write!(f, "{}:{line}:{column}: {message}", self.source_name)?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionError {}

/// Line and column of a byte offset.
pub(crate) fn position(source: &str, offset: usize) -> (usize, usize) {
    let mut offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &source[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The offset in the file of the `inner`th byte of a TOML string's value. The string's start where escapes
/// hide it.
pub(crate) fn inside(source: &str, span: &Range<usize>, value: &str, inner: usize) -> usize {
    match source.get(span.clone()).and_then(|written| written.find(value)) {
        Some(shift) if !value.is_empty() => span.start + shift + inner.min(value.len()),
        _ => span.start,
    }
}
