//! Limits of functions, files and lines.

use crate::finding::Finding;
use crate::scan::{Kind, tokens};
use crate::source::{Source, item};

const FUNCTION: usize = 70;
const FILE: usize = 400;
const LINE: usize = 110;

/// From the line of `fn` to that of its closing brace, with the closures and functions in it.
pub(crate) fn long_functions(sources: &[Source<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for at in 0..source.tokens.len().saturating_sub(1) {
            let [keyword, name] = [source.tokens[at], source.tokens[at + 1]];
            if !keyword.is("fn") || name.kind != Kind::Name {
                continue;
            }
            let last = source.tokens[at + item(&source.tokens[at..]) - 1];
            let lines = last.line - keyword.line + 1;
            if lines > FUNCTION {
                let what = format!(
                    "`{}` has {lines} lines, {FUNCTION} at most; split it by what it does",
                    name.text
                );
                findings.push(Finding::new(source.path, keyword.line, what));
            }
        }
    }
    findings
}

pub(crate) fn long_files(sources: &[Source<'_>]) -> Vec<Finding> {
    let long = sources.iter().map(|source| (source, source.text.lines().count())).filter(|(_, n)| *n > FILE);
    long.map(|(source, lines)| {
        let what =
            format!("the file has {lines} lines, {FILE} at most; move one of its subjects into its own file");
        Finding::new(source.path, FILE + 1, what)
    })
    .collect()
}

/// A line that holds nothing but one string literal may be longer, and a comment that is a bare address.
pub(crate) fn long_lines(sources: &[Source<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        for (index, line) in source.text.lines().enumerate() {
            let width = line.chars().count();
            if width > LINE && !is_one_literal(line.trim()) && !is_address(line.trim()) {
                let what = format!("the line has {width} characters, {LINE} at most; break it");
                findings.push(Finding::new(source.path, index + 1, what));
            }
        }
    }
    findings
}

fn is_one_literal(line: &str) -> bool {
    let line = line.trim_end_matches([',', ';']);
    line.ends_with(['"', '#']) && matches!(tokens(line)[..], [only] if only.kind == Kind::Text)
}

fn is_address(line: &str) -> bool {
    let comment = line.trim_start_matches(['/', '!', ' ']);
    line.starts_with("//") && comment.contains("://") && !comment.contains(' ')
}

#[cfg(test)]
mod tests {
    use super::{long_files, long_functions, long_lines};
    use crate::finding::Finding;
    use crate::source::{Source, sources};

    fn count(rule: fn(&[Source<'_>]) -> Vec<Finding>, text: &str) -> usize {
        rule(&sources(&[("crates/x/src/lib.rs", text)])).len()
    }

    #[test]
    fn a_function_may_have_seventy_lines() {
        let function = |lines: usize| format!("fn f(a: [u8; 4]) {{{}}}\nfn g();", "\n".repeat(lines - 1));
        assert_eq!(count(long_functions, &function(70)), 0);
        assert_eq!(count(long_functions, &function(71)), 1);
    }

    #[test]
    fn a_file_may_have_four_hundred_lines() {
        assert_eq!(count(long_files, &"\n".repeat(400)), 0);
        assert_eq!(count(long_files, &"\n".repeat(401)), 1);
    }

    #[test]
    fn a_line_may_have_a_hundred_and_ten_characters() {
        assert_eq!(count(long_lines, &"\u{4e2d}".repeat(110)), 0);
        assert_eq!(count(long_lines, &"x".repeat(111)), 1);
        let long = "a".repeat(111);
        assert_eq!(count(long_lines, &format!("\"{long}\",\n// https://example.com/{long}")), 0);
        assert_eq!(count(long_lines, &format!("f(\"{long}\");\n// see https://example.com/{long}")), 2);
    }
}
