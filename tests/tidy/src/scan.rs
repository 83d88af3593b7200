//! Rust source as tokens: names, string literals and punctuation, without comments, characters and lifetimes.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, a keyword or a number.
    Name,
    /// What stands between the quotes of a string literal, escapes as written.
    Text,
    /// `::` or one character.
    Mark,
}

#[derive(Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

impl Token<'_> {
    pub(crate) fn is(&self, code: &str) -> bool {
        self.kind != Kind::Text && self.text == code
    }

    /// 1 for an opening bracket, -1 for a closing one.
    pub(crate) fn opens(&self) -> i32 {
        match self.text {
            "(" | "[" | "{" if self.kind == Kind::Mark => 1,
            ")" | "]" | "}" if self.kind == Kind::Mark => -1,
            _ => 0,
        }
    }
}

pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let (mut found, mut rest, mut line) = (Vec::new(), source, 1);
    while let Some(first) = rest.chars().next() {
        let (token, length) = next(rest, first);
        found.extend(token.map(|(kind, text)| Token { kind, text, line }));
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

/// What `rest` begins with, and how long that is.
fn next(rest: &str, first: char) -> (Option<(Kind, &str)>, usize) {
    if rest.starts_with("//") {
        (None, rest.find('\n').unwrap_or(rest.len()))
    } else if rest.starts_with("/*") {
        (None, block_comment(rest))
    } else if let Some((text, length)) = string(rest) {
        (Some((Kind::Text, text)), length)
    } else if first == '\'' {
        (None, character_or_lifetime(rest))
    } else if is_word(first) {
        let raw = if rest.starts_with("r#") { 2 } else { 0 };
        let length = raw + word(&rest[raw..]);
        (Some((Kind::Name, &rest[..length])), length)
    } else {
        let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
        ((!first.is_whitespace()).then_some((Kind::Mark, &rest[..length])), length)
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
        let (step, length) = match rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth += step;
        at += length;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The content of the string literal that `rest` begins with, and the length of the whole.
fn string(rest: &str) -> Option<(&str, usize)> {
    let prefix =
        ["br", "cr", "b", "c", "r"].into_iter().find(|prefix| rest.starts_with(prefix)).unwrap_or("");
    let body = &rest[prefix.len()..];
    let raw = prefix.ends_with('r');
    let hashes = if raw { body.len() - body.trim_start_matches('#').len() } else { 0 };
    let content = body[hashes..].strip_prefix('"')?;
    let mut escaped = false;
    let end = content.bytes().enumerate().position(|(at, byte)| {
        let closes = byte == b'"' && !escaped && content[at + 1..].starts_with(&"#".repeat(hashes));
        escaped = !raw && byte == b'\\' && !escaped;
        closes
    });
    let end = end.unwrap_or(content.len());
    Some((&content[..end], (rest.len() - content.len() + end + 1 + hashes).min(rest.len())))
}

fn character_or_lifetime(rest: &str) -> usize {
    let mut quotes = rest.match_indices('\'').map(|(at, _)| at).skip(1);
    let end = match rest[1..].chars().next() {
        Some('\\') => quotes.find(|at| *at > 2),
        Some(only) => quotes.next().filter(|at| *at == 1 + only.len_utf8()),
        None => None,
    };
    end.map_or(1 + word(&rest[1..]), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::{Kind, tokens};

    #[test]
    fn tokens_begin_and_end_where_rust_has_it() {
        let source = "a /* b /* \" */ d */ '\"' '\\'' '\u{4e2d}' &'l e // f\n::g \"a\\\"b\\\\\" r#\"c\"d\"# \
                      b\"\ne\" br\"f\\\" r#type \"\"";
        let found: Vec<_> = tokens(source).iter().map(|token| (token.kind, token.text, token.line)).collect();
        let expected = [
            (Kind::Name, "a", 1),
            (Kind::Mark, "&", 1),
            (Kind::Name, "e", 1),
            (Kind::Mark, "::", 2),
            (Kind::Name, "g", 2),
            (Kind::Text, "a\\\"b\\\\", 2),
            (Kind::Text, "c\"d", 2),
            (Kind::Text, "\ne", 2),
            (Kind::Text, "f\\", 3),
            (Kind::Name, "r#type", 3),
            (Kind::Text, "", 3),
        ];
        assert_eq!(found, expected);
    }
}
