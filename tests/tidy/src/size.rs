//! Limits of functions, files and lines.

use crate::scan::{Kind, tokens};
use crate::source::{Source, finding, item};

const FUNCTION: usize = 70;
const FILE: usize = 400;
const LINE: usize = 110;

/// From the line of `fn` to that of its closing brace, with the closures and functions in it.
pub(crate) fn long_functions(sources: &[Source<'_>]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        for (at, pair) in source.tokens.windows(2).enumerate() {
            if !pair[0].is("fn") || pair[1].kind != Kind::Name {
                continue;
            }
            let last = source.tokens[at + item(&source.tokens[at..]) - 1];
            let (name, lines) = (pair[1].text, last.line - pair[0].line + 1);
            if lines > FUNCTION {
                let what =
                    format!("`{name}` has {lines} lines, {FUNCTION} at most; split it by what it does");
                findings.push(finding(source.path, pair[0].line, &what));
            }
        }
    }
    findings
}

pub(crate) fn long_files(sources: &[Source<'_>]) -> Vec<String> {
    let sized = sources.iter().map(|source| (source.path, source.text.lines().count()));
    let describe = |(path, lines): (&str, usize)| {
        let what = format!("the file has {lines} lines, {FILE} at most; move a subject of its own out of it");
        finding(path, FILE + 1, &what)
    };
    sized.filter(|(_, lines)| *lines > FILE).map(describe).collect()
}

/// A line that holds nothing but one string literal may be longer, and a comment that is a bare address.
pub(crate) fn long_lines(sources: &[Source<'_>]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources {
        for (line, number) in source.text.lines().zip(1..) {
            let width = line.chars().count();
            if width > LINE && !is_one_literal(line.trim()) && !is_address(line.trim()) {
                let what = format!("the line has {width} characters, {LINE} at most; break it");
                findings.push(finding(source.path, number, &what));
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
    use crate::source::{Source, sources};

    fn count(rule: fn(&[Source<'_>]) -> Vec<String>, text: &str) -> usize {
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
