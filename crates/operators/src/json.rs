//! An operator's answer as JSON: strict, bounded in depth, with numbers kept as they were written.

use crate::json_names;
use jaq_json::Val;
use serde_json::value::RawValue;

/// Deeper nesting than this is an attack on the reader's stack.
const MAX_DEPTH: usize = 64;
/// A longer number is wrong, and slow to read.
const MAX_NUMBER_LENGTH: usize = 64;

/// The answer's text in the charset that the answer names, without a byte order mark. Where it names none
/// that is known: UTF-8, and ISO-8859-1 where it is not that.
pub(crate) fn text(body: &[u8], charset: Option<&str>) -> String {
    let named = charset.and_then(|name| encoding_rs::Encoding::for_label(name.trim().as_bytes()));
    if let Some(encoding) = named.filter(|encoding| *encoding != encoding_rs::UTF_8) {
        return encoding.decode(body).0.into_owned();
    }
    match std::str::from_utf8(body) {
        Ok(text) => text.trim_start_matches('\u{feff}').to_owned(),
        Err(_) => body.iter().copied().map(char::from).collect(),
    }
}

/// Why a text is not taken for JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// It is not JSON, too deep, or has too long a number.
    NotJson,
    /// An object has this name twice.
    Twice(String),
}

/// # Errors
/// What is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Val, JsonError> {
    if !is_sane(text.as_bytes()) || serde_json::from_str::<&RawValue>(text).is_err() {
        return Err(JsonError::NotJson);
    }
    match json_names::twice(text) {
        Some(name) => Err(JsonError::Twice(name)),
        None => jaq_json::read::parse_single(text.as_bytes()).map_err(|_| JsonError::NotJson),
    }
}

fn is_sane(text: &[u8]) -> bool {
    let (mut depth, mut number, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in text {
        if in_string {
            (in_string, escaped) = match byte {
                _ if escaped => (true, false),
                b'\\' => (true, true),
                b'"' => (false, false),
                _ => (true, false),
            };
            continue;
        }
        number = if byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E') {
            number + 1
        } else {
            0
        };
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH || number > MAX_NUMBER_LENGTH {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jq::{member, text_of};

    #[test]
    fn numbers_keep_their_text() {
        let value = parse(r#"{"volume": 410.2500000000000000001, "big": 9223372036854775808}"#);
        let value = value.as_ref().expect("JSON");
        let text = |name| member(value, name).map(text_of).unwrap_or_default();
        assert_eq!(text("volume"), "410.2500000000000000001");
        assert_eq!(text("big"), "9223372036854775808");
    }

    #[test]
    fn what_only_looks_like_json_is_none() {
        let deep = "[".repeat(100_000);
        let long = "9".repeat(100_000);
        for text in
            ["", "NaN", "{\"a\": NaN}", "<html></html>", "{'a':1}", "{\"a\":1} x", "[1,]", &deep, &long]
        {
            assert_eq!(parse(text), Err(JsonError::NotJson), "{}", text.chars().take(20).collect::<String>());
        }
    }

    #[test]
    fn latin_1_is_tolerated() {
        assert_eq!(text(b"\"caf\xe9\"", None), "\"caf\u{e9}\"");
        assert_eq!(text(b"\xef\xbb\xbf{}", Some("utf-8")), "{}");
    }
}
