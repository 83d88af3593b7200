//! Why a program does not compile.

use jaq_core::load::span;

/// Why a program does not compile, and where in its text.
#[derive(Debug)]
pub(crate) struct CompileError {
    pub(crate) offset: usize,
    pub(crate) message: String,
}

pub(super) fn within(code: &str, part: &str) -> usize {
    let range = code.as_bytes().as_ptr_range();
    if range.contains(&part.as_ptr()) || part.as_ptr() == range.end { span(code, part).start } else { 0 }
}
