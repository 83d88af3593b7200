//! Texts that something might run, through every way in: fields of the API, headers, the console's addresses,
//! forms and files, the command line. None is our fault, none is run, and what is kept is kept as it was
//! typed.

use super::commands::through_the_command_line;
use super::marks::texts;
use super::pages_input::through_the_console;
use super::target::{Kind, Target};
use crate::support::call::sign_body;
use crate::support::{ICCID, SECRET};
use axum::http::{HeaderName, HeaderValue};
use rstest::rstest;
use serde_json::json;
use simgauge_protocol::OperationName;

/// An answer of the API to something odd: clear, an envelope, and with no header but ours.
pub fn is_clear(answer: &crate::support::call::Answer, what: &str) {
    assert!(answer.status < 500 && answer.code() != "500", "{what}: {answer:?}");
    for forged in ["set-cookie", "forged", "x-forged"] {
        assert!(!answer.headers.contains_key(forged), "{what}: {answer:?}");
    }
}

/// Every text (or one in so many) in every field of every operation, in undeclared ones, and in the headers.
async fn through_the_api(target: &mut Target, one_in: usize) {
    let server = &target.server;
    for (n, operation) in OperationName::ALL.into_iter().enumerate() {
        let own = operation.fields();
        // What every call carries is read in one place, so one operation is enough for it.
        let common = if n == 0 { OperationName::common_fields() } else { Vec::new() };
        let fields: Vec<&str> = own.iter().chain(&common).map(|field| field.name).collect();
        for text in texts().into_iter().skip(n % one_in).step_by(one_in) {
            for field in fields.iter().copied().chain([text.as_str()]) {
                let mut body = server.signed(json!({ "iccid": ICCID, "eid": "1", "refreshId": "1" }));
                body.as_object_mut().unwrap().shift_remove("sign");
                body["undeclared"] = json!(text);
                body[field] = json!(text);
                let body = if field == "sign" { body } else { sign_body(body, SECRET) };
                let answer = server.post(operation.path(), body.to_string()).await;
                is_clear(&answer, &format!("{} {field} {text:?}", operation.short()));
                target.inputs += 1;
            }
        }
        // Half a character.
        for half in [r#""\ud800""#, r#""\udc00\ud800""#, r#""\ud83d""#, "\"\u{0}\""] {
            for field in &fields {
                let body =
                    format!(r#"{{"appkey":"k","timestamp":1800000000,"nonce":12345,"{field}":{half}}}"#);
                is_clear(&server.post(operation.path(), body).await, half);
            }
        }
        server.post(operation.path(), b"{\"appkey\":\"\xff\xfe\"}".to_vec()).await.expect("400");
    }
    // Longer ones together would be too long a head.
    for text in texts().into_iter().filter(|text| text.len() < 2_000) {
        let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else { continue };
        let body = server.signed(json!({ "iccid": ICCID })).to_string();
        let mut request = server.request(reqwest::Method::POST, "/api/v3/card/getCardsInfo").body(body);
        for name in [
            "user-agent",
            "x-request-id",
            "accept-language",
            "x-forwarded-for",
            "forwarded",
            "x-real-ip",
            "referer",
            "origin",
            "cookie",
            "content-type",
            "traceparent",
            "baggage",
            "authorization",
            "host",
            "accept",
            "if-none-match",
        ] {
            request = request.header(HeaderName::from_static(name), value.clone());
            target.inputs += 1;
        }
        is_clear(&server.send(request).await, &format!("headers: {text:?}"));
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_through_every_way_in(#[values(Kind::Text, Kind::Json, Kind::Postgres)] kind: Kind) {
    let mut target = Target::start(kind, None).await;
    // What logs most is tried in both formats, what asks the database most on both databases.
    if !matches!(kind, Kind::Json) {
        through_the_command_line(&mut target, if matches!(kind, Kind::Text) { 4 } else { 16 }).await;
        through_the_console(&mut target, if matches!(kind, Kind::Text) { 1 } else { 3 }).await;
    }
    if !matches!(kind, Kind::Text) {
        through_the_api(&mut target, if matches!(kind, Kind::Json) { 1 } else { 4 }).await;
    }
    target.unharmed(kind).await;
}
