//! What is said of the fields is what the readers do.

use super::*;
use crate::Body;
use crate::field::FieldError;
use crate::request::{self, Caller, ListCards, RefreshUsage, UsageHistory};
use serde_json::{Map, Value, json};

/// Reads a body as the operation does.
fn read(operation: OperationName, fields: &Map<String, Value>) -> Result<(), FieldError> {
    let text = serde_json::to_string(fields).expect("JSON");
    let body = Body::parse(text.as_bytes()).expect("an object");
    Caller::read(&body)?;
    match operation {
        OperationName::RefreshUsage(kind) => RefreshUsage::read(&body, kind).map(drop),
        OperationName::GetCard(kind) => request::card_number(&body, kind).map(drop),
        OperationName::ListCards(kind) => ListCards::read(&body, kind).map(drop),
        OperationName::UsageHistory(kind) => UsageHistory::read(&body, kind).map(drop),
        OperationName::GetRefresh => request::refresh_id(&body).map(drop),
    }
}

fn all_fields(operation: OperationName) -> Vec<Field> {
    OperationName::common_fields().into_iter().chain(operation.fields()).collect()
}

/// Values at the edges of what a field may be, and one step beyond.
fn edges(must: &Must) -> (Vec<Value>, Vec<Value>) {
    let range = |range: &RangeInclusive<i64>| {
        let (low, high) = (*range.start(), *range.end());
        // As languages write it that know floats only.
        #[allow(clippy::cast_precision_loss)]
        let float = json!(low as f64);
        let beyond = [low.checked_sub(1), high.checked_add(1)].into_iter().flatten().map(Value::from);
        (
            vec![json!(low), json!(high), float],
            beyond.chain([json!(true), json!(1.5), json!([])]).collect::<Vec<_>>(),
        )
    };
    match must {
        Must::Text => (vec![json!("x")], vec![json!(""), json!(7), json!({})]),
        Must::CardNumber { max } => (
            vec![
                json!("a"),
                json!("9".repeat(*max)),
                json!("89 8f-\u{3000}\u{ff11}"),
                json!("9 ".repeat(*max)),
            ],
            vec![json!(""), json!("-"), json!("9".repeat(max + 1)), json!("a_b"), json!("8.9E+18"), json!(9)],
        ),
        Must::Integer(allowed) => {
            let (good, mut bad) = range(allowed);
            bad.push(json!(allowed.start().to_string()));
            (good, bad)
        }
        Must::IntegerOrDigits(allowed) => {
            let (mut good, mut bad) = range(allowed);
            good.push(json!(allowed.start().to_string()));
            bad.push(json!("+1"));
            bad.push(json!(""));
            (good, bad)
        }
        Must::UnixSeconds => (
            vec![json!(1_000_000_000), json!(9_999_999_999_i64), json!("1795326534")],
            vec![json!(999_999_999), json!("999999999"), json!("01795326534"), json!("1795326534 ")],
        ),
        Must::OneOf(values) => {
            (values.iter().map(|value| json!(value)).chain([json!("")]).collect(), vec![json!("x"), json!(1)])
        }
        Must::Cursor(kind) => (
            vec![json!(""), json!(crate::cursor::cursor_after(*kind, "8988308650100524999"))],
            vec![json!("x"), json!("3178313233"), json!(1)],
        ),
        Must::List { max } => (
            vec![json!(""), json!("1,2"), json!(vec!["1"; *max].join(","))],
            vec![
                json!(vec!["1"; max + 1].join(",")),
                json!("a_b"),
                json!(","),
                json!(" , "),
                json!("8986061000001000015 8986061000001000016"),
                json!(1),
            ],
        ),
    }
}

#[test]
fn the_fields_are_those_that_are_read() {
    for operation in OperationName::ALL {
        let fields = all_fields(operation);
        let required: Map<String, Value> = fields
            .iter()
            .filter(|field| field.required)
            .map(|field| (field.name.to_owned(), edges(&field.must).0[0].clone()))
            .collect();
        assert_eq!(read(operation, &required), Ok(()), "{operation:?}");
        for field in &fields {
            let with = |value: &Value| {
                let mut changed = required.clone();
                changed.insert(field.name.to_owned(), value.clone());
                read(operation, &changed)
            };
            let (good, bad) = edges(&field.must);
            for value in &good {
                assert_eq!(with(value), Ok(()), "{operation:?} {} {value}", field.name);
            }
            for value in &bad {
                let wrong = match (&field.must, value.as_str()) {
                    (Must::List { max }, Some(list)) if list.split(',').count() > *max => {
                        FieldError::TooMany(field.name, *max)
                    }
                    (Must::CardNumber { .. }, Some("")) => FieldError::Missing(field.name),
                    _ => FieldError::Wrong(field.name, field.must.clone()),
                };
                assert_eq!(with(value), Err(wrong), "{operation:?} {} {value}", field.name);
            }
            let absent = if field.required { Err(FieldError::Missing(field.name)) } else { Ok(()) };
            assert_eq!(with(&Value::Null), absent, "{operation:?} {}", field.name);
        }
    }
}

#[test]
fn every_operation_has_a_path_of_its_own() {
    let mut paths: Vec<&str> = OperationName::ALL.iter().map(|operation| operation.path()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), OperationName::ALL.len());
}
