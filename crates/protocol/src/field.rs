//! Reads declared fields from a body: the rule of each, and a message in two languages that names the field
//! and the rule.

use crate::body::{Body, BodyError, Value, trim_whole_float};
use crate::language::Language;
use std::ops::RangeInclusive;

/// The longest card number (ICCID or EID), in characters.
pub const NUMBER_MAX: usize = 64;

/// What a field must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Must {
    /// A non-empty string.
    Text,
    /// A non-empty string of ASCII letters and digits.
    Alphanumeric {
        /// The greatest length.
        max: usize,
    },
    /// An integer in a range.
    Integer(RangeInclusive<i64>),
    /// An integer in a range, also as a string of digits.
    IntegerOrDigits(RangeInclusive<i64>),
    /// Unix seconds with 10 digits.
    UnixSeconds,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A comma-separated list of card numbers.
    List {
        /// The greatest number of entries.
        max: usize,
    },
}

/// Why a request's body or one of its fields is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// A required field is absent or `null`.
    Missing(&'static str),
    /// A field is not what it must be.
    Wrong(&'static str, Must),
    /// The body itself cannot be read.
    Body(String, &'static str),
}

impl FieldError {
    /// The field's name, where one field is wrong.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Missing(name) | Self::Wrong(name, _) => Some(name),
            Self::Body(..) => None,
        }
    }

    /// A sentence that names the field and what it must be.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        match self {
            Self::Missing(name) => {
                language.pick(format!("缺少参数 {name}"), format!("the field `{name}` is missing"))
            }
            Self::Wrong(name, must) => {
                let (zh, en) = must.describe();
                language.pick(format!("参数 {name} {zh}"), format!("the field `{name}` must be {en}"))
            }
            Self::Body(en, zh) => language.pick(format!("{zh} ({en})"), en.clone()),
        }
    }
}

impl From<BodyError> for FieldError {
    fn from(error: BodyError) -> Self {
        let zh = match &error {
            BodyError::NotUtf8 => "请求体不是 UTF-8",
            BodyError::Empty => "请求体为空",
            BodyError::NotJson(_) => "请求体不是合法的 JSON",
            BodyError::NotObject => "请求体必须是 JSON 对象",
            BodyError::DuplicateKey(_) => "请求体中有重复的键",
            BodyError::TooDeep(_) => "参数嵌套过深",
        };
        Self::Body(error.to_string(), zh)
    }
}

impl Must {
    fn describe(&self) -> (String, String) {
        match self {
            Self::Text => ("必须是非空字符串".into(), "a non-empty string".into()),
            Self::Alphanumeric { max } => (
                format!("必须是由字母和数字组成的字符串,最长 {max} 个字符"),
                format!("a string of letters and digits, {max} characters at most"),
            ),
            Self::Integer(range) | Self::IntegerOrDigits(range) => (
                format!("必须是 {} 到 {} 之间的整数", range.start(), range.end()),
                format!("an integer from {} to {}", range.start(), range.end()),
            ),
            Self::UnixSeconds => (
                "必须是 10 位数字的 Unix 时间戳(秒,整数)".into(),
                "an integer: Unix time in seconds, 10 digits".into(),
            ),
            Self::OneOf(values) => {
                (format!("必须是以下之一: {}", values.join(", ")), format!("one of: {}", values.join(", ")))
            }
            Self::List { max } => (
                format!("必须是以英文逗号分隔的卡号,最多 {max} 个"),
                format!("card numbers separated by commas, {max} at most"),
            ),
        }
    }
}

/// The value of a field. `None` where it is absent or `null`.
fn optional<'b>(body: &'b Body<'_>, name: &'static str) -> Option<&'b Value<'b>> {
    body.get(name).filter(|value| **value != Value::Null)
}

/// A required non-empty string.
///
/// # Errors
/// Missing, or not such a string.
pub fn text<'b>(body: &'b Body<'_>, name: &'static str) -> Result<&'b str, FieldError> {
    match optional(body, name) {
        None => Err(FieldError::Missing(name)),
        Some(Value::Text(text)) if !text.is_empty() => Ok(text),
        Some(_) => Err(FieldError::Wrong(name, Must::Text)),
    }
}

/// A required string of letters and digits. Any length up to `max` is accepted on purpose: the published
/// documentation's own example of an EID has 26 digits where a real EID has 32.
///
/// # Errors
/// Missing, or not such a string.
pub fn alphanumeric<'b>(body: &'b Body<'_>, name: &'static str, max: usize) -> Result<&'b str, FieldError> {
    let wrong = || FieldError::Wrong(name, Must::Alphanumeric { max });
    match optional(body, name) {
        None => Err(FieldError::Missing(name)),
        Some(Value::Text(text)) if is_alphanumeric(text, max) => Ok(text),
        Some(_) => Err(wrong()),
    }
}

fn is_alphanumeric(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The value of a whole number. Clients whose language has only floats write it as `7.0`.
fn whole(token: &str) -> Option<i64> {
    trim_whole_float(token).parse().ok()
}

/// A required integer in a range.
///
/// # Errors
/// Missing, or not such an integer.
pub fn integer(body: &Body<'_>, name: &'static str, range: RangeInclusive<i64>) -> Result<i64, FieldError> {
    optional_integer(body, name, range)?.ok_or(FieldError::Missing(name))
}

/// An integer in a range. `None` where it is absent.
///
/// # Errors
/// Present, but not such an integer.
pub fn optional_integer(
    body: &Body<'_>,
    name: &'static str,
    range: RangeInclusive<i64>,
) -> Result<Option<i64>, FieldError> {
    match optional(body, name) {
        None => Ok(None),
        Some(Value::Number(token)) => match whole(token) {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(FieldError::Wrong(name, Must::Integer(range))),
        },
        Some(_) => Err(FieldError::Wrong(name, Must::Integer(range))),
    }
}

/// A required Unix time in seconds with 10 digits.
///
/// # Errors
/// Missing, or not such an integer.
pub fn unix_seconds(body: &Body<'_>, name: &'static str) -> Result<i64, FieldError> {
    integer(body, name, 1_000_000_000..=9_999_999_999).map_err(|error| match error {
        FieldError::Wrong(name, _) => FieldError::Wrong(name, Must::UnixSeconds),
        other => other,
    })
}

/// An integer in a range, also as a string of digits. `default` where it is absent.
///
/// # Errors
/// Present, but not such a number.
pub fn lenient_integer(
    body: &Body<'_>,
    name: &'static str,
    range: RangeInclusive<i64>,
    default: i64,
) -> Result<i64, FieldError> {
    let number = match optional(body, name) {
        None => return Ok(default),
        Some(Value::Text(digits)) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse::<i64>().ok(),
        Some(Value::Number(token)) => whole(token),
        Some(_) => None,
    };
    number
        .filter(|number| range.contains(number))
        .ok_or(FieldError::Wrong(name, Must::IntegerOrDigits(range)))
}

/// One of a closed set of strings. `None` where it is absent or empty.
///
/// # Errors
/// Present, but none of them.
pub fn optional_one_of(
    body: &Body<'_>,
    name: &'static str,
    values: &'static [&'static str],
) -> Result<Option<&'static str>, FieldError> {
    match optional(body, name) {
        None => Ok(None),
        Some(Value::Text(text)) if text.is_empty() => Ok(None),
        Some(Value::Text(text)) => values
            .iter()
            .find(|value| **value == text.as_ref())
            .map(|value| Some(*value))
            .ok_or(FieldError::Wrong(name, Must::OneOf(values))),
        Some(_) => Err(FieldError::Wrong(name, Must::OneOf(values))),
    }
}

/// A comma-separated list of card numbers. Empty where it is absent or empty.
///
/// # Errors
/// Present, but not such a list, or too long.
pub fn optional_list(body: &Body<'_>, name: &'static str, max: usize) -> Result<Vec<String>, FieldError> {
    let wrong = || FieldError::Wrong(name, Must::List { max });
    let text = match optional(body, name) {
        None => return Ok(Vec::new()),
        Some(Value::Text(text)) if text.is_empty() => return Ok(Vec::new()),
        Some(Value::Text(text)) => text,
        Some(_) => return Err(wrong()),
    };
    let entries: Vec<String> =
        text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect();
    // A filter that names nothing is a mistake of the caller, and not the wish for everything.
    if entries.is_empty()
        || entries.len() > max
        || entries.iter().any(|entry| !is_alphanumeric(entry, NUMBER_MAX))
    {
        return Err(wrong());
    }
    Ok(entries)
}
