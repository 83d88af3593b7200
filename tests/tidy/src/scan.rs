//! Rust source as tokens: names, string literals and punctuation. Comments, characters and lifetimes are dropped.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, a keyword or a number.
    Name,
    /// What stands between the quotes of a string literal, escapes as written.
    Text,
    /// `::` or one character.
    Mark,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

impl Token<'_> {
    pub(crate) fn is(&self, code: &str) -> bool {
        self.kind != Kind::Text && self.text == code
    }
}

pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut scanner = Scanner { source, at: 0, line: 1, found: Vec::new() };
    while let Some(first) = source[scanner.at..].chars().next() {
        scanner.step(first);
    }
    scanner.found
}

struct Scanner<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    found: Vec<Token<'a>>,
}

impl<'a> Scanner<'a> {
    fn step(&mut self, first: char) {
        let rest = &self.source[self.at..];
        if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.skip(block_comment(rest));
        } else if let Some((start, end, close)) = string(rest) {
            self.found.push(Token { kind: Kind::Text, text: &rest[start..end], line: self.line });
            self.skip((end + close).min(rest.len()));
        } else if first == '\'' {
            self.skip(character_or_lifetime(rest));
        } else if is_word(first) {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            self.take(Kind::Name, raw + word(&rest[raw..]));
        } else {
            self.take(Kind::Mark, if rest.starts_with("::") { 2 } else { first.len_utf8() });
        }
    }

    fn take(&mut self, kind: Kind, length: usize) {
        let text = &self.source[self.at..self.at + length];
        self.found.push(Token { kind, text, line: self.line });
        self.at += length;
    }

    fn skip(&mut self, length: usize) {
        self.line += self.source[self.at..self.at + length].matches('\n').count();
        self.at += length;
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn word(rest: &str) -> usize {
    rest.find(|c| !is_word(c)).unwrap_or(rest.len())
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    at
}

/// Where the content of a string literal starts and ends, and how long its closing quote is.
fn string(rest: &str) -> Option<(usize, usize, usize)> {
    let prefix =
        ["br", "cr", "b", "c", "r"].into_iter().find(|prefix| rest.starts_with(prefix)).unwrap_or("");
    let body = &rest[prefix.len()..];
    let raw = prefix.ends_with('r');
    let hashes = if raw { body.len() - body.trim_start_matches('#').len() } else { 0 };
    let content = body[hashes..].strip_prefix('"')?;
    let length = if raw {
        content.find(&format!("\"{}", "#".repeat(hashes)))
    } else {
        let mut escaped = false;
        content.bytes().position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        })
    };
    let start = rest.len() - content.len();
    Some((start, start + length.unwrap_or(content.len()), 1 + hashes))
}

fn character_or_lifetime(rest: &str) -> usize {
    let mut after = rest.char_indices().skip(1);
    let (Some((_, first)), Some((second_at, second))) = (after.next(), after.next()) else {
        return rest.len();
    };
    if first == '\\' {
        let escaped = second_at + second.len_utf8();
        return rest[escaped..].find('\'').map_or(rest.len(), |end| escaped + end + 1);
    }
    if second == '\'' { second_at + 1 } else { 1 + word(&rest[1..]) }
}

#[cfg(test)]
mod tests {
    use super::{Kind, tokens};

    #[test]
    fn comments_characters_and_lifetimes_are_no_tokens() {
        let source = "a /* b /* c */ d */ '\"' '\\'' 'x' &'l e // f\n::g";
        let found: Vec<_> = tokens(source).iter().map(|token| (token.text, token.line)).collect();
        assert_eq!(found, [("a", 1), ("&", 1), ("e", 1), ("::", 2), ("g", 2)]);
    }

    #[test]
    fn strings_end_where_rust_ends_them() {
        let source = "\"a\\\"b\\\\\" r#\"c\"d\"# b\"\ne\" br\"f\\\" r#type '\u{4e2d}' \"\"";
        let found: Vec<_> = tokens(source).iter().map(|token| (token.kind, token.text, token.line)).collect();
        let text = |text, line| (Kind::Text, text, line);
        let name = (Kind::Name, "r#type", 2);
        let expected =
            [text("a\\\"b\\\\", 1), text("c\"d", 1), text("\ne", 1), text("f\\", 2), name, text("", 2)];
        assert_eq!(found, expected);
    }
}
