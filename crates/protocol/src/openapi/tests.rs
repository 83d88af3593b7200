//! The document against facts copied from the published documentation of the two refresh operations.

use super::*;
use crate::code_table::{Cause, CodeStyle};
use crate::{Body, sign};
use rstest::rstest;

fn operation(path: &str) -> Value {
    document()["paths"][path]["post"].clone()
}

/// What https://oapi.eiotclub.com's documentation says of both, field by field, and the range that it gives
/// for nonce.
#[rstest]
#[case::card("/api/v3/card/refreshUsage", "iccid", "操作成功")]
#[case::cloud_esim("/api/v3/cloudesim/refreshUsage", "eid", "success")]
fn the_published_operations_are_kept(#[case] path: &str, #[case] number: &str, #[case] message: &str) {
    let operation = operation(path);
    assert_eq!(
        operation["requestBody"]["content"].as_object().expect("map").keys().collect::<Vec<_>>(),
        ["application/json"]
    );
    let request = &operation["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(request["type"], "object");
    assert_eq!(request["required"], json!(["appkey", "timestamp", "nonce", "sign", number]));
    assert_ne!(request["additionalProperties"], false, "the card's own example carries an undeclared field");
    let published = [
        ("appkey", "string"),
        ("timestamp", "integer"),
        ("nonce", "integer"),
        ("sign", "string"),
        (number, "string"),
    ];
    for (name, kind) in published {
        let kinds = &request["properties"][name]["type"];
        // Two newer pages of the documentation type nonce as a string.
        let alone = kinds == kind || *kinds == json!([kind, "string"]);
        assert!(alone, "{name}: {kinds}");
    }
    let nonce = &request["properties"]["nonce"];
    assert_eq!((&nonce["minimum"], &nonce["maximum"]), (&json!(10_000), &json!(99_999)));
    for (name, property) in request["properties"].as_object().expect("map") {
        let ours = !published.iter().any(|(published, _)| published == name);
        assert!(!ours || property["type"].as_array().expect("optional").contains(&json!("null")), "{name}");
    }

    let content = &operation["responses"]["200"]["content"]["application/json"];
    let answers = content["schema"]["oneOf"].as_array().expect("answers");
    for answer in answers {
        let name = answer["$ref"].as_str().map(|name| name.replace("#/components/schemas/", ""));
        let answer = name.map_or(answer.clone(), |name| document()["components"]["schemas"][name].clone());
        assert_eq!(answer["type"], "object");
        assert_eq!(answer["properties"]["code"]["type"], "string");
        assert_eq!(answer["properties"]["message"]["type"], "string");
        let required = answer["required"].as_array().expect("list");
        assert!(required.contains(&json!("code")) && required.contains(&json!("message")));
    }
    assert_eq!(answers[0]["required"], json!(["code", "message"]), "data is optional");
    assert_eq!(answers[0]["properties"]["code"]["enum"], json!(["200"]));
    let data = answers[0]["properties"]["data"]["$ref"].as_str().expect("reference");
    assert_eq!(
        document()["components"]["schemas"][data.replace("#/components/schemas/", "")]["type"],
        "object"
    );
    let example = &content["examples"]["success"]["value"];
    assert_eq!((&example["code"], &example["message"]), (&json!("200"), &json!(message)));
    assert_eq!(operation["security"], Value::Null);
    assert_eq!(document()["security"], json!([]));
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[test]
fn examples_carry_the_demos_sign() {
    let mut count = 0;
    for operation in OperationName::ALL {
        let content =
            &document()["paths"][operation.path()]["post"]["requestBody"]["content"]["application/json"];
        for example in content["examples"].as_object().expect("examples").values() {
            let text = example["value"].to_string();
            let body = Body::parse(text.as_bytes()).expect("an object");
            let sign = example["value"]["sign"].as_str().expect("sign");
            assert!(sign::verify(&body, sign::Scope::Request, "demo-secret", sign), "{text}");
            count += 1;
        }
    }
    assert!(count >= OperationName::ALL.len());
}

#[test]
fn ids_are_of_the_path() {
    assert_eq!(operation_id(OperationName::RefreshUsage(CardKind::CloudEsim)), "cloudesimRefreshUsage");
    assert_eq!(operation_id(OperationName::GetRefresh), "refreshGet");
}

/// The document of a server with other codes names those.
#[test]
fn the_codes_are_those_of_the_server() {
    let overrides = [(Cause::NoCard, "41099".to_owned())].into();
    let document = document_with(&CodeTable::new(CodeStyle::Platform, overrides));
    let codes = |name: &str| document["components"]["schemas"][name]["properties"]["code"]["enum"].clone();
    assert_eq!(codes("Refusal429"), json!(["501"]));
    assert_eq!(codes("Refusal403"), json!(["403", "502"]));
    assert_eq!(codes("Refusal404"), json!(["41099", "404"]));
    let about = document["info"]["description"].as_str().expect("text");
    assert!(about.contains("| `403`, `502` |") && !about.contains("`429`"), "{about}");
}
