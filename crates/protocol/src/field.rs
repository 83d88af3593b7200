//! Reads declared fields from a body: the rule of each, and a message in two languages that names the field
//! and the rule.

use crate::body::{Body, BodyError, Value, trim_whole_float};
use crate::code_table::Cause;
use crate::cursor;
pub use crate::cursor::NUMBER_MAX;
use crate::language::Language;
use simgauge_domain::card_kind::CardKind;
use simgauge_domain::identity::{EID_DIGITS, canonical_number};
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// Unix times in seconds that have ten digits.
pub(crate) const UNIX_SECONDS: RangeInclusive<i64> = 1_000_000_000..=9_999_999_999;

/// What a field must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Must {
    /// A non-empty string.
    Text,
    /// A card's number: ASCII letters and digits, also full-width ones, and separators between them.
    CardNumber {
        /// The greatest number of letters and digits.
        max: usize,
    },
    /// An integer in a range.
    Integer(RangeInclusive<i64>),
    /// An integer in a range, also as a string of digits.
    IntegerOrDigits(RangeInclusive<i64>),
    /// Unix seconds with 10 digits, as an integer or as a string.
    UnixSeconds,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// The `nextCursor` of a page of such a list.
    Cursor(CardKind),
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
    /// A list has more entries than this.
    TooMany(&'static str, usize),
    /// The body itself cannot be read.
    Body(String, &'static str),
}

impl FieldError {
    /// The field's name, where one field is wrong.
    #[must_use]
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Missing(name) | Self::Wrong(name, _) | Self::TooMany(name, _) => Some(name),
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
            Self::TooMany(name, max) => language.pick(
                format!("参数 {name} 最多 {max} 个卡号"),
                format!("the field `{name}` must have at most {max} card numbers"),
            ),
            Self::Body(en, zh) => language.pick(format!("{zh} ({en})"), en.clone()),
        }
    }
}

impl FieldError {
    /// The cause, as a table of codes distinguishes it.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::Missing("iccid") => Cause::IccidMissing,
            Self::Wrong("iccid", _) => Cause::IccidWrong,
            Self::Missing("iccids") | Self::Wrong("iccids", _) => Cause::IccidsWrong,
            Self::TooMany("iccids", _) => Cause::IccidsTooMany,
            _ => Cause::BadRequest,
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
            Self::CardNumber { max } => (
                format!("必须是由字母和数字组成的字符串(可含空格和连字符),最长 {max} 个字符"),
                format!("a string of letters and digits, {max} at most (spaces and hyphens do not count)"),
            ),
            Self::Integer(range) | Self::IntegerOrDigits(range) => (
                format!("必须是 {} 到 {} 之间的整数", range.start(), range.end()),
                format!("an integer from {} to {}", range.start(), range.end()),
            ),
            Self::UnixSeconds => (
                "必须是 10 位数字的 Unix 时间戳(秒,整数或数字字符串)".into(),
                "Unix time in seconds, 10 digits, as an integer or a string".into(),
            ),
            Self::OneOf(values) => {
                (format!("必须是以下之一: {}", values.join(", ")), format!("one of: {}", values.join(", ")))
            }
            Self::Cursor(_) => {
                ("必须是该列表上一页返回的 nextCursor".into(), "the nextCursor of a page of this list".into())
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

/// A required card number, in its canonical spelling ([`canonical_number`]). Any length up to [`NUMBER_MAX`]
/// is accepted on purpose: the published documentation's own example of an EID has 26 digits where a real EID
/// has 32.
///
/// # Errors
/// Missing, or not such a number.
pub fn card_number<'b>(
    body: &'b Body<'_>,
    name: &'static str,
    kind: CardKind,
) -> Result<Cow<'b, str>, FieldError> {
    let number = match optional(body, name) {
        None => return Err(FieldError::Missing(name)),
        // An empty parameter is not signed either.
        Some(Value::Text(text)) if text.is_empty() => return Err(FieldError::Missing(name)),
        Some(Value::Text(text)) => Some(canonical_number(kind, text)),
        Some(_) => None,
    };
    number
        .filter(|number| is_alphanumeric(number, NUMBER_MAX))
        .ok_or(FieldError::Wrong(name, Must::CardNumber { max: NUMBER_MAX }))
}

fn is_alphanumeric(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The value of a whole number. Clients whose language has only floats write it as `7.0`.
fn whole(token: &str) -> Option<i64> {
    trim_whole_float(token).parse().ok()
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

/// A required integer in a range, also as a string of exactly its digits.
///
/// # Errors
/// Missing, or not such a number.
pub fn integer_or_digits(
    body: &Body<'_>,
    name: &'static str,
    range: RangeInclusive<i64>,
) -> Result<i64, FieldError> {
    let wrong = |range| FieldError::Wrong(name, Must::IntegerOrDigits(range));
    match optional(body, name) {
        None => Err(FieldError::Missing(name)),
        Some(Value::Text(text)) if text.starts_with('0') && text.len() > 1 => Err(wrong(range)),
        Some(_) => match lenient_integer(body, name, range.clone(), i64::MIN)? {
            i64::MIN => Err(wrong(range)),
            number => Ok(number),
        },
    }
}

/// A required Unix time in seconds with 10 digits.
///
/// # Errors
/// Missing, or not such a number.
pub fn unix_seconds(body: &Body<'_>, name: &'static str) -> Result<i64, FieldError> {
    integer_or_digits(body, name, UNIX_SECONDS).map_err(|error| match error {
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

/// The number of the card after which a list goes on. `None` where the cursor is absent or empty.
///
/// # Errors
/// Present, but not a cursor of such a list.
pub fn optional_cursor(
    body: &Body<'_>,
    name: &'static str,
    kind: CardKind,
) -> Result<Option<String>, FieldError> {
    let wrong = FieldError::Wrong(name, Must::Cursor(kind));
    match optional(body, name) {
        None => Ok(None),
        Some(Value::Text(text)) if text.is_empty() => Ok(None),
        Some(Value::Text(text)) => cursor::number_of(kind, text).map(Some).ok_or(wrong),
        Some(_) => Err(wrong),
    }
}

/// A comma-separated list of card numbers, each in its canonical spelling. Empty where it is absent or empty.
///
/// # Errors
/// Present, but not such a list, or too long.
pub fn card_numbers(
    body: &Body<'_>,
    name: &'static str,
    kind: CardKind,
    max: usize,
) -> Result<Vec<String>, FieldError> {
    let wrong = || FieldError::Wrong(name, Must::List { max });
    let text = match optional(body, name) {
        None => return Ok(Vec::new()),
        Some(Value::Text(text)) if text.is_empty() => return Ok(Vec::new()),
        Some(Value::Text(text)) => text,
        Some(_) => return Err(wrong()),
    };
    let mut numbers = Vec::new();
    for entry in text.split(',') {
        let number = canonical_number(kind, entry);
        // Two numbers with a space instead of a comma would make one that is longer than the longest, an EID.
        let is_joined = number.len() > EID_DIGITS && number.len() < entry.trim().len();
        if number.is_empty() {
            continue;
        }
        if is_joined || !is_alphanumeric(&number, NUMBER_MAX) {
            return Err(wrong());
        }
        numbers.push(number.into_owned());
    }
    if numbers.len() > max {
        return Err(FieldError::TooMany(name, max));
    }
    // A filter that names nothing is a mistake of the caller, and not the wish for everything.
    if numbers.is_empty() { Err(wrong()) } else { Ok(numbers) }
}
