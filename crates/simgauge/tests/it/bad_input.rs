//! Bad input: a code, a message that names what is wrong, nothing stored, no cooldown used.

use crate::support::call::{Answer, sign_body};
use crate::support::{ICCID, OPERATOR, SECRET, TestServer, server};
use rstest::rstest;
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/api/v3/card/refreshUsage";

/// After bad input the card has no refresh, no cooldown, and the operator was not asked.
async fn untouched(server: &TestServer) {
    let card = server.card(ICCID).await.expect("200").clone();
    assert_eq!((&card["refresh"], &card["nextRefreshAt"]), (&Value::Null, &Value::Null));
    assert!(server.store().refreshes_after("", 1).await.unwrap().is_empty());
    assert_eq!(server.simulator.stats(OPERATOR).requests, 0);
    server.refresh_sim(ICCID).await.expect("200");
}

#[track_caller]
fn refused(answer: &Answer, code: &str, names: &str) {
    assert_eq!(answer.status, 200, "whatever reaches an operation answers HTTP 200: {answer:?}");
    answer.expect(code);
    assert!(answer.message().contains(names), "{:?} does not name {names:?}", answer.message());
}

/// As the documentation of the cloud eSIM's operation shows it.
const SINGLE_QUOTES: &[u8] = b"{\"appkey\": \"k\", \"timestamp\": 1700000000, \"nonce\": 49890, \
    \"sign\": \"x\", \"eid\": '11111111111111111111111111'}";

#[rstest]
#[case::empty(b"" as &[u8], "空")]
#[case::blank(b" \r\n", "空")]
#[case::not_json(b"appkey=k&iccid=8988308650100524999", "JSON")]
#[case::single_quotes(SINGLE_QUOTES, "JSON")]
#[case::array(b"[]", "JSON")]
#[case::string(b"\"x\"", "JSON")]
#[case::duplicate(b"{\"iccid\":\"1\",\"iccid\":\"2\"}", "iccid")]
#[case::broken_utf8(b"{\"iccid\":\"\xff\xfe\"}", "UTF-8")]
#[case::cut_off(b"{\"iccid\":\"1\"", "JSON")]
#[tokio::test]
async fn bodies_that_cannot_be_signed(#[case] body: &'static [u8], #[case] names: &str) {
    let server = server().start().await;
    refused(&server.post(PATH, body).await, "400", names);
    untouched(&server).await;
}

#[tokio::test]
async fn deep_nesting() {
    let server = server().start().await;
    let deep = format!("{{\"iccid\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    refused(&server.post(PATH, deep).await, "400", "iccid");
    refused(&server.post(PATH, "[".repeat(10_000)).await, "400", "JSON");
    untouched(&server).await;
}

#[rstest]
#[tokio::test]
async fn each_required_field(
    #[values("appkey", "timestamp", "nonce", "sign", "iccid")] field: &str,
    #[values(
        None, Some(json!(null)), Some(json!("")), Some(json!(true)), Some(json!([1])), Some(json!({"a": 1}))
    )]
    wrong: Option<Value>,
) {
    let server = server().start().await;
    let mut body = server.signed(json!({ "iccid": ICCID }));
    match wrong {
        None => drop(body.as_object_mut().unwrap().shift_remove(field)),
        Some(value) => body[field] = value,
    }
    if field != "sign" {
        body.as_object_mut().unwrap().shift_remove("sign");
        body = sign_body(body, SECRET);
    }
    refused(&server.post(PATH, body.to_string()).await, "400", field);
    untouched(&server).await;
}

#[rstest]
#[case::number_as_iccid("iccid", json!(8_988_308_650_100_524_999_u64))]
#[case::long_iccid("iccid", json!("8".repeat(10_000)))]
#[case::percent("iccid", json!("898830865010052%00"))]
#[case::sql("iccid", json!("' OR '1'='1"))]
#[case::nul("iccid", json!("8988308650100524999\u{0}"))]
#[case::nonce_small("nonce", json!(9999))]
#[case::nonce_large("nonce", json!(100_000))]
#[case::nonce_fraction("nonce", json!(12345.5))]
#[case::nonce_text("nonce", json!("abc"))]
#[case::nonce_digits_with_a_blank("nonce", json!("12345 "))]
#[case::nine_digits("timestamp", json!(170_000_000))]
#[case::thirteen_digits("timestamp", json!(1_700_000_000_000_i64))]
#[case::timestamp_with_a_zero("timestamp", json!("01700000000"))]
#[case::wait_long("wait", json!(9))]
#[case::wait_negative("wait", json!(-1))]
#[case::wait_text("wait", json!("5"))]
#[tokio::test]
async fn fields_of_the_wrong_kind(#[case] field: &str, #[case] value: Value) {
    let server = server().start().await;
    let mut fields = json!({ "iccid": ICCID });
    fields[field] = value;
    refused(&server.post(PATH, server.signed(fields).to_string()).await, "400", field);
    untouched(&server).await;
}

#[rstest]
#[case(-301, false)]
#[case(301, false)]
#[case(-299, true)]
#[case(299, true)]
#[tokio::test]
async fn timestamps_outside_the_window(#[case] off: i64, #[case] good: bool) {
    let server = server().start().await;
    // A second has just begun, so the server still counts the same one when the call arrives.
    let into_second = u64::try_from(server.clock.now().0 % 1000).unwrap();
    server.clock.advance(Duration::from_millis(1000 - into_second));
    let now = server.clock.now().seconds();
    let answer =
        server.post(PATH, server.signed(json!({ "iccid": ICCID, "timestamp": now + off })).to_string()).await;
    if good {
        answer.expect("200");
        return;
    }
    refused(&answer, "401", "timestamp");
    let server_time = answer.data()["serverTime"].as_i64().unwrap();
    assert!((now..now + 5).contains(&server_time));
    untouched(&server).await;
}

#[tokio::test]
async fn wrong_signs() {
    let server = server().start().await;
    let good = server.signed(json!({ "iccid": ICCID, "operator": 5 }));
    let sign = good["sign"].as_str().unwrap().to_owned();
    let flipped = if sign.ends_with('0') { "1" } else { "0" };
    let mut without_operator = good.clone();
    without_operator.as_object_mut().unwrap().shift_remove("operator");
    without_operator.as_object_mut().unwrap().shift_remove("sign");
    let partial = sign_body(without_operator, SECRET)["sign"].as_str().unwrap().to_owned();
    for wrong in [&sign[..39], &format!("{}{flipped}", &sign[..39]), &partial, &format!("{sign}0"), "签名"]
    {
        let mut body = good.clone();
        body["sign"] = json!(wrong);
        let answer = server.post(PATH, body.to_string()).await;
        refused(&answer, "401", "签名");
        assert!(
            answer.data()["stringToSign"].as_str().unwrap().contains("operator=5"),
            "undeclared fields are signed"
        );
        assert!(answer.data()["serverTime"].is_i64());
        assert!(!answer.body.to_string().contains(SECRET));
    }
    untouched(&server).await;
    server.travel_to(300);
    let mut lower = server.signed(json!({ "iccid": ICCID }));
    lower["sign"] = json!(lower["sign"].as_str().unwrap().to_lowercase());
    server.post(PATH, lower.to_string()).await.expect("200");
}

#[tokio::test]
async fn unknown_appkey_and_unknown_card() {
    let server = server().start().await;
    refused(
        &server.post(PATH, server.signed_as("nobody", json!({ "iccid": ICCID })).to_string()).await,
        "401",
        "appkey",
    );
    refused(&server.refresh_sim("8900000000000000000").await, "404", "卡片");
    refused(&server.refresh_sim(crate::support::OTHERS_ICCID).await, "404", "卡片");
    // An EID is no ICCID, and the other way round.
    refused(&server.refresh_sim(crate::support::EID).await, "404", "卡片");
    let crossed = server.signed(json!({ "eid": ICCID }));
    refused(&server.post("/api/v3/cloudesim/refreshUsage", crossed.to_string()).await, "404", "卡片");
    untouched(&server).await;
}

#[rstest]
#[case("pageNum", json!(0))]
#[case("pageNum", json!("x"))]
#[case("pageNum", json!("-1"))]
#[case("pageSize", json!(501))]
#[case("pageSize", json!(1.5))]
#[case("cardStatus", json!("ACTIVE"))]
#[case("iccids", json!("8988,'"))]
#[case("iccids", json!(7))]
#[case("iccids", json!(","))]
#[case("iccids", json!(" , "))]
#[tokio::test]
async fn lists_with_wrong_fields(#[case] field: &str, #[case] value: Value) {
    let server = server().start().await;
    let mut fields = json!({});
    fields[field] = value;
    let answer = server.post("/api/v3/card/getAllCardInfo", server.signed(fields).to_string()).await;
    refused(&answer, "400", field);
}

#[tokio::test]
async fn pages_reach_the_first_hundred_thousand_cards() {
    let server = server().start().await;
    let list = async |page: u32, size: u32| {
        let fields = json!({ "pageNum": page, "pageSize": size });
        server.post("/api/v3/card/getAllCardInfo", server.signed(fields).to_string()).await
    };
    list(1_000, 100).await.expect("200");
    list(200, 500).await.expect("200");
    for (page, size) in [(1_001, 100), (201, 500), (1_000_000, 500)] {
        let answer = list(page, size).await;
        refused(&answer, "400", "pageNum");
        assert!(answer.message().contains("100000"), "{}", answer.message());
    }
    // Named cards are few, however far the page.
    let fields = json!({ "pageNum": 1_001, "pageSize": 100, "iccids": ICCID });
    let answer = server.post("/api/v3/card/getAllCardInfo", server.signed(fields).to_string()).await;
    assert_eq!(answer.expect("200")["list"], json!([]));
}

#[tokio::test]
async fn what_reaches_no_operation() {
    let server = server().start().await;
    let too_large = server.post(PATH, vec![b' '; 16_385]).await;
    assert_eq!((too_large.status, too_large.code()), (413, "413"));
    assert!(too_large.message().contains("16384"));
    let just_fits = server.post(PATH, vec![b' '; 16_384]).await;
    just_fits.expect("400");
    let get = server.send(server.request(reqwest::Method::GET, PATH)).await;
    assert_eq!((get.status, get.code()), (405, "405"));
    assert_eq!(get.headers["allow"], "POST");
    for path in ["/", "/api", "/api/v4/card/refreshUsage"] {
        let unknown = server.post(path, "{}").await;
        assert_eq!((unknown.status, unknown.code()), (404, "404"), "{path}");
    }
    untouched(&server).await;
}

#[tokio::test]
async fn any_content_type_is_accepted() {
    let server = server().start().await;
    let body = server.signed(json!({ "iccid": ICCID })).to_string();
    let request = server.request(reqwest::Method::POST, PATH).header("content-type", "text/plain").body(body);
    server.send(request).await.expect("200");
}
