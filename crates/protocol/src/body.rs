//! A request body, parsed once. It keeps everything that is needed to sign the body as it was sent:
//! undeclared fields, the text of number tokens, the order of keys in nested objects.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

/// Deeper nested values are refused. No real request has them.
const MAX_DEPTH: usize = 32;

/// Why a body cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not UTF-8.
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// Empty.
    #[error("the body is empty")]
    Empty,
    /// Not JSON. The text is serde_json's. It names line and column, and quotes nothing.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// JSON, but not an object.
    #[error("the body must be a JSON object")]
    NotObject,
    /// A name is defined twice in one object. What is signed and what is read could differ.
    #[error("the key {0:?} is defined twice")]
    DuplicateKey(String),
    /// A nested value is too deep.
    #[error("the field {0:?} is nested deeper than {MAX_DEPTH} levels")]
    TooDeep(String),
}

/// One value of a body, as it is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(&'a str),
    /// A decoded string.
    Text(Cow<'a, str>),
    /// An array or object as compact JSON: keys in the order sent, Unicode and slashes not escaped.
    Nested(String),
}

impl Value<'_> {
    /// Whether the value is left out of the sign: `null`, `""`, `[]`, `{}`. Zero and `false` are not empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::Nested(json) => json.len() == 2,
            Self::Bool(_) | Self::Number(_) => false,
        }
    }
}

/// A body, with its top-level fields in the order sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body<'a> {
    fields: Vec<(Cow<'a, str>, Value<'a>)>,
}

impl<'a> Body<'a> {
    /// Parses a body.
    ///
    /// # Errors
    /// [`BodyError`] that says what is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BodyError> {
        let text = std::str::from_utf8(bytes).map_err(|_| BodyError::NotUtf8)?;
        let trimmed = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
        if trimmed.is_empty() {
            return Err(BodyError::Empty);
        }
        let RawFields(raw) = match serde_json::from_str(trimmed) {
            Ok(fields) => fields,
            Err(error) if error.is_data() => return Err(BodyError::NotObject),
            // An array or a bare value that is valid JSON gets the more exact message.
            Err(_) if !trimmed.starts_with('{') && is_json(trimmed) => return Err(BodyError::NotObject),
            Err(error) => return Err(BodyError::NotJson(error.to_string())),
        };
        let mut fields: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(raw.len());
        for (Key(name), value) in raw {
            if fields.iter().any(|(known, _)| *known == name) {
                return Err(BodyError::DuplicateKey(name.into_owned()));
            }
            let value = read_value(&name, value.get())?;
            fields.push((name, value));
        }
        Ok(Self { fields })
    }

    /// The value of a field. [`Value::Null`] where it was sent as `null`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Every field in the order sent.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.fields.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

/// A whole float without its fraction. Anything else as it is.
pub(crate) fn trim_whole_float(token: &str) -> &str {
    match token.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
        _ => token,
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Borrows the text where it has no escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct RawFields<'a>(Vec<(Key<'a>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for RawFields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = RawFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(entry) = map.next_entry()? {
                    fields.push(entry);
                }
                Ok(RawFields(fields))
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

fn read_value<'a>(field: &str, raw: &'a str) -> Result<Value<'a>, BodyError> {
    Ok(match raw.as_bytes().first() {
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'"') => Value::Text(decode(field, raw)?),
        Some(b'{' | b'[') => Value::Nested(compact(field, raw)?),
        _ => Value::Number(raw),
    })
}

fn decode<'a>(field: &str, raw: &'a str) -> Result<Cow<'a, str>, BodyError> {
    serde_json::from_str::<Key<'a>>(raw)
        .map(|Key(text)| text)
        .map_err(|error| BodyError::NotJson(format!("field {field:?}: {error}")))
}

enum Frame {
    Array,
    Object { keys: HashSet<String>, at_key: bool },
}

/// Rewrites valid JSON without white space, with strings escaped only where JSON requires it. It does not
/// recurse, because the caller chooses the depth.
fn compact(field: &str, raw: &str) -> Result<String, BodyError> {
    let mut out = String::with_capacity(raw.len());
    let mut stack: Vec<Frame> = Vec::new();
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'"' => {
                let end = end_of_string(bytes, at);
                let text = decode(field, raw.get(at..end).unwrap_or_default())?;
                if let Some(Frame::Object { keys, at_key: at_key @ true }) = stack.last_mut() {
                    *at_key = false;
                    if !keys.insert(text.clone().into_owned()) {
                        return Err(BodyError::DuplicateKey(text.into_owned()));
                    }
                }
                // Writing a string into JSON cannot fail.
                out.push_str(&serde_json::to_string(&text).unwrap_or_default());
                at = end;
                continue;
            }
            b'{' | b'[' => {
                if stack.len() == MAX_DEPTH {
                    return Err(BodyError::TooDeep(field.to_owned()));
                }
                stack.push(if byte == b'{' {
                    Frame::Object { keys: HashSet::new(), at_key: true }
                } else {
                    Frame::Array
                });
                out.push(char::from(byte));
            }
            b'}' | b']' => {
                stack.pop();
                out.push(char::from(byte));
            }
            b',' => {
                if let Some(Frame::Object { at_key, .. }) = stack.last_mut() {
                    *at_key = true;
                }
                out.push(',');
            }
            // Numbers, literals and colons are ASCII in valid JSON.
            other => out.push(char::from(other)),
        }
        at += 1;
    }
    Ok(out)
}

/// The position after the closing quote of the string that opens at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn keeps_number_tokens_and_order() {
        let body = Body::parse(br#"{"b":1.50,"a":{"z":1e3,"y":[true,null,"\u4e2d\/"]}}"#).expect("valid");
        assert_eq!(body.get("b"), Some(&Value::Number("1.50")));
        assert_eq!(body.get("a"), Some(&Value::Nested(r#"{"z":1e3,"y":[true,null,"中/"]}"#.into())));
        assert_eq!(body.fields().map(|(name, _)| name).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn white_space_in_nested_values_does_not_count() {
        let body = Body::parse(b"{ \"a\" : [ 1 , { } , \" x \" ] , \"b\" : [ ] }").expect("valid");
        assert_eq!(body.get("a"), Some(&Value::Nested(r#"[1,{}," x "]"#.into())));
        assert!(body.get("b").is_some_and(Value::is_empty));
    }

    #[rstest]
    #[case(b"" as &[u8], BodyError::Empty)]
    #[case(b" \r\n ", BodyError::Empty)]
    #[case(b"[1]", BodyError::NotObject)]
    #[case(b"\"x\"", BodyError::NotObject)]
    #[case(b"7", BodyError::NotObject)]
    #[case(b"{\"a\":\"\xff\"}", BodyError::NotUtf8)]
    #[case(br#"{"a":1,"a":1}"#, BodyError::DuplicateKey("a".into()))]
    #[case(br#"{"a":1,"\u0061":1}"#, BodyError::DuplicateKey("a".into()))]
    #[case(br#"{"o":{"k":1,"k":2}}"#, BodyError::DuplicateKey("k".into()))]
    #[case(br#"{"o":[{"k":{"k":1}},{"k":2,"j":3,"k":4}]}"#, BodyError::DuplicateKey("k".into()))]
    fn refuses(#[case] bytes: &[u8], #[case] expected: BodyError) {
        assert_eq!(Body::parse(bytes), Err(expected));
    }

    #[rstest]
    #[case(b"{\"eid\": '11111111111111111111111111'}" as &[u8])]
    #[case(b"{\"a\":1")]
    #[case(b"{\"a\":01}")]
    #[case(b"{\"a\":1} x")]
    #[case(br#"{"a":"\ud800"}"#)]
    #[case(b"appkey=1&sign=2")]
    fn refuses_what_is_not_json(#[case] bytes: &[u8]) {
        assert!(matches!(Body::parse(bytes), Err(BodyError::NotJson(_))), "{:?}", Body::parse(bytes));
    }

    #[test]
    fn equal_keys_in_different_objects_are_fine() {
        assert!(Body::parse(br#"{"o":[{"k":1},{"k":2}],"k":{"k":{"k":1}}}"#).is_ok());
    }

    #[test]
    fn deep_nesting_is_refused_without_overflowing_the_stack() {
        let deep = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(Body::parse(deep(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(Body::parse(deep(MAX_DEPTH + 1).as_bytes()), Err(BodyError::TooDeep("a".into())));
        assert!(Body::parse(deep(10_000).as_bytes()).is_err());
        assert!(Body::parse("[".repeat(10_000).as_bytes()).is_err());
    }
}
