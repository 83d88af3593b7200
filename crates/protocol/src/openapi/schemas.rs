//! The schemas: requests from the rules of their fields, answers from their types, refusals from the codes.

use crate::answer::{CardAnswer, CardPage, HistoryAnswer, RefreshAnswer};
use crate::code::Code;
use crate::code_table::CodeTable;
use crate::cursor;
use crate::field::Must;
use crate::field::UNIX_SECONDS;
use crate::language::Language;
use crate::operation::{Field, OperationName};
use crate::refusal::{InternalDetail, ReasonDetail, RetryDetail, UnauthorizedDetail};
use serde_json::{Map, Value, json};
use simgauge_domain::identity::SEPARATORS;
use std::ops::RangeInclusive;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Every schema that other parts of the document refer to.
pub(super) fn components(code_table: &CodeTable) -> Map<String, Value> {
    let mut types = Vec::new();
    with::<RefreshAnswer>(&mut types);
    with::<CardAnswer>(&mut types);
    with::<CardPage>(&mut types);
    with::<HistoryAnswer>(&mut types);
    with::<ReasonDetail>(&mut types);
    with::<UnauthorizedDetail>(&mut types);
    with::<RetryDetail>(&mut types);
    with::<InternalDetail>(&mut types);
    let types = types.into_iter().map(|(name, schema)| (name, json!(schema)));
    let refusals = Code::ALL.into_iter().filter(|code| *code != Code::Ok);
    types.chain(refusals.map(|code| (refusal_name(code), refusal(code, code_table)))).collect()
}

fn with<T: ToSchema + PartialSchema>(types: &mut Vec<(String, RefOr<Schema>)>) {
    types.push((T::name().into_owned(), T::schema()));
    T::schemas(types);
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The body of a request. Fields that are not listed are allowed.
pub(super) fn request(operation: OperationName) -> Value {
    let fields: Vec<Field> = OperationName::common_fields().into_iter().chain(operation.fields()).collect();
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": true,
    })
}

fn property(field: &Field) -> Value {
    let mut schema = what_it_must_be(&field.must);
    schema["description"] = format!("{} · {}", field.zh, field.en).into();
    if let Some(default) = field.default {
        schema["default"] = default.into();
    }
    if !field.required {
        // `null` counts as absent.
        if let Some(Value::Array(types)) = schema.get_mut("type") {
            types.push("null".into());
        } else {
            schema["type"] = json!([schema["type"], "null"]);
        }
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.push(Value::Null);
        }
    }
    schema
}

fn what_it_must_be(must: &Must) -> Value {
    match must {
        Must::Text => json!({ "type": "string", "minLength": 1 }),
        Must::CardNumber { max } => {
            let between = between();
            let pattern = format!("^[{between}]*([{LETTERS_AND_DIGITS}][{between}]*){{1,{max}}}$");
            json!({ "type": "string", "pattern": pattern, "minLength": 1 })
        }
        Must::Integer(range) => {
            json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
        }
        Must::IntegerOrDigits(range) => json!({
            "type": ["integer", "string"],
            "minimum": range.start(),
            "maximum": range.end(),
            "pattern": digits_of(range),
        }),
        Must::UnixSeconds => what_it_must_be(&Must::IntegerOrDigits(UNIX_SECONDS)),
        Must::OneOf(values) => {
            let values: Vec<&str> = values.iter().copied().chain([""]).collect();
            json!({ "type": "string", "enum": values })
        }
        // An empty one is none.
        Must::Cursor(kind) => {
            json!({ "type": "string", "pattern": format!("^$|{}", cursor::pattern(*kind)) })
        }
        // One that names nothing is no list; an empty text is none.
        Must::List { .. } => {
            let any = format!("[{LETTERS_AND_DIGITS},{}]*", between());
            json!({ "type": "string", "pattern": format!("^({any}[{LETTERS_AND_DIGITS}]{any})?$") })
        }
    }
}

/// Texts that stand for the numbers of a range. Where all of them are equally long, a text is as long, too.
fn digits_of(range: &RangeInclusive<i64>) -> String {
    let (shortest, longest) = (range.start().to_string().len(), range.end().to_string().len());
    if shortest == longest { format!("^[1-9][0-9]{{{}}}$", longest - 1) } else { "^[0-9]+$".to_owned() }
}

/// What card numbers are made of, as a pattern has it within brackets.
const LETTERS_AND_DIGITS: &str = "0-9A-Za-z\\uff10-\\uff19\\uff21-\\uff3a\\uff41-\\uff5a";

/// What may stand between them.
fn between() -> String {
    let range = |(first, last): (char, char)| {
        let code = |one: char| format!("\\u{:04x}", u32::from(one));
        if first == last { code(first) } else { format!("{}-{}", code(first), code(last)) }
    };
    SEPARATORS.into_iter().map(range).collect()
}

/// The body with HTTP 200: the answer, or one of the refusals of the operation.
pub(super) fn answer(operation: OperationName) -> Value {
    let success = json!({
        "title": "success",
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": code(&[Code::Ok.as_str()]),
            "message": message(),
            "data": reference(&data_of(operation)),
        },
    });
    let refused = refusals_of(operation).into_iter().map(refusal_of);
    json!({ "oneOf": std::iter::once(success).chain(refused).collect::<Vec<_>>() })
}

fn data_of(operation: OperationName) -> String {
    match operation {
        OperationName::RefreshUsage(_) => RefreshAnswer::name(),
        OperationName::GetCard(_) => CardAnswer::name(),
        OperationName::ListCards(_) => CardPage::name(),
        OperationName::UsageHistory(_) => HistoryAnswer::name(),
        OperationName::GetRefresh => RefreshAnswer::name(),
    }
    .into_owned()
}

/// The codes with which an operation refuses a call that reaches it.
fn refusals_of(operation: OperationName) -> Vec<Code> {
    let mut codes = vec![Code::BadRequest, Code::Unauthorized, Code::Forbidden];
    if !matches!(operation, OperationName::ListCards(_)) {
        codes.push(Code::NotFound);
    }
    codes.extend([Code::Repeated, Code::TooMany]);
    if !operation.is_read() {
        codes.push(Code::Unavailable);
    }
    codes.push(Code::Internal);
    codes
}

pub(super) fn refusal_of(code: Code) -> Value {
    reference(&refusal_name(code))
}

fn refusal_name(code: Code) -> String {
    format!("Refusal{}", code.as_str())
}

fn refusal(refused: Code, code_table: &CodeTable) -> Value {
    let mut schema = json!({
        "type": "object",
        "description": message_of(refused),
        "required": ["code", "message"],
        "properties": { "code": code(&code_table.codes_of(refused)), "message": message() },
    });
    let (detail, always) = match refused {
        Code::BadRequest => (ReasonDetail::name(), false),
        Code::Unauthorized => (UnauthorizedDetail::name(), true),
        Code::TooMany => (RetryDetail::name(), true),
        Code::Internal => (InternalDetail::name(), true),
        // Nobody knows when an operator that is not set up will be.
        Code::Unavailable => (RetryDetail::name(), false),
        _ => return schema,
    };
    schema["properties"]["data"] = reference(&detail);
    if always {
        schema["required"] = json!(["code", "message", "data"]);
    }
    schema
}

fn code(codes: &[&str]) -> Value {
    json!({
        "type": "string",
        "title": "状态码",
        "description": "\"200\" 表示成功,其他失败 · \"200\" is success, anything else failure",
        "enum": codes,
    })
}

fn message() -> Value {
    json!({
        "type": "string",
        "title": "原因",
        "description": "成功或失败原因 · what happened, in the caller's language",
    })
}

/// The default message of a code, in both languages.
pub(super) fn message_of(code: Code) -> String {
    format!("{} · {}", code.default_message(Language::Zh), code.default_message(Language::En))
}
