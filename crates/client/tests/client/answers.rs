//! What becomes of each kind of answer.

use crate::support::{APPKEY, Act, SECRET, Server, answer, answer_with};
use rstest::rstest;
use simgauge_client::{
    Client, ClientError, Code, HistoryQuery, Language, ListQuery, RefreshOptions, SecretString,
};
use std::error::Error as _;
use std::time::Duration;

#[tokio::test]
async fn a_wrong_sign_tells_what_the_server_signed() {
    let body =
        r#"{"code":"401","message":"no","data":{"serverTime":1800000000,"stringToSign":"a=1&secret=***"}}"#;
    let server = Server::play([answer(200, body)]).await;
    let error = server.one_shot().sim("8988").await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.known_code(), Some(Code::Unauthorized));
    assert_eq!(refusal.string_to_sign(), Some("a=1&secret=***"));
    assert_eq!(refusal.server_time(), Some(1_800_000_000));
    assert_eq!(error.to_string(), "refused with code 401: no");
}

#[tokio::test]
async fn codes_of_other_platforms_are_kept() {
    let server = Server::play([answer(200, r#"{"code":"E1007","message":"no such card"}"#)]).await;
    let error = server.one_shot().sim("8988").await.unwrap_err();
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.code.as_str(), refusal.known_code()), ("E1007", None));
    assert!(refusal.data.is_null());
}

#[tokio::test]
async fn http_failures_with_an_envelope_are_refusals() {
    let server = Server::play([answer(404, r#"{"code":"404","message":"no such path"}"#)]).await;
    let error = server.client().sim("8988").await.unwrap_err();
    assert_eq!(error.refusal().map(|refusal| refusal.status), Some(404));
}

#[rstest]
#[case::html(
    answer_with(200, "Content-Type: text/html\r\n", "<html>\n<h1>Log in</h1>"),
    "text/html: \"<html> <h1>Log in</h1>\""
)]
#[case::empty(answer(200, ""), "no envelope")]
#[case::array(answer(200, "[]"), "no envelope")]
#[case::no_code(answer(200, r#"{"message":"x"}"#), "missing field `code`")]
#[case::wrong_data(answer(200, r#"{"code":"200","message":"x","data":{"pageNum":1}}"#), "unexpected data")]
#[case::redirect(answer_with(302, "Location: http://127.0.0.1:1/\r\n", ""), "redirects")]
#[case::at_odds(answer(404, r#"{"code":"200","message":"x","data":{}}"#), "HTTP status of failure")]
#[tokio::test]
async fn what_is_no_answer_says_so(#[case] act: Act, #[case] says: &str) {
    let server = Server::play([act]).await;
    let error = server.client().sim("8988").await.unwrap_err();
    let ClientError::Answer { problem, .. } = &error else { panic!("{error:?}") };
    assert!(problem.contains(says), "{problem}");
    assert_eq!(server.seen().len(), 1, "not repeated");
}

#[tokio::test]
async fn bare_success_is_told_apart() {
    for body in [r#"{"code":"200","message":"操作成功"}"#, r#"{"code":"200","message":"操作成功","data":{}}"#]
    {
        let server = Server::play([answer(200, body)]).await;
        let error = server.client().refresh_sim("8988", RefreshOptions::default()).await.unwrap_err();
        assert!(matches!(&error, ClientError::NoData { message } if message == "操作成功"), "{error:?}");
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn every_operation_has_its_path_and_fields() {
    let server = Server::play([answer(200, r#"{"code":"404","message":"no"}"#)]).await;
    let client = server.builder().language(Language::En).build().unwrap();
    let query = ListQuery {
        page_num: 2,
        page_size: 50,
        status: Some("ACTIVATED_NAME".into()),
        numbers: vec!["1".into(), "2".into()],
        cursor: None,
    };
    let options = RefreshOptions::default();
    client.refresh_sim("8988", options).await.unwrap_err();
    client.refresh_cloud_esim("1111", options).await.unwrap_err();
    client.sim("8988").await.unwrap_err();
    client.cloud_esim("1111").await.unwrap_err();
    client.sims(&query).await.unwrap_err();
    client.cloud_esims(&query).await.unwrap_err();
    client.sims(&ListQuery::default()).await.unwrap_err();
    client.refresh("01j").await.unwrap_err();
    client.sim_history("8988", &HistoryQuery::default()).await.unwrap_err();
    let second = HistoryQuery { page_size: 2, before: Some("1800000000000".into()) };
    client.cloud_esim_history("1111", &second).await.unwrap_err();
    let own = |one: &crate::support::Seen| {
        let mut json = one.json();
        for common in ["appkey", "timestamp", "nonce", "sign"] {
            assert!(json.as_object_mut().unwrap().shift_remove(common).is_some());
        }
        format!("{} {json}", one.path)
    };
    let seen = server.seen();
    assert!(seen.iter().all(|one| one.head.starts_with("POST ")));
    assert!(seen.iter().all(|one| one.head.to_ascii_lowercase().contains("accept-language: en\r\n")));
    assert!(seen.iter().all(|one| one.is_rightly_signed()));
    assert_eq!(
        seen.iter().map(own).collect::<Vec<_>>(),
        [
            r#"/api/v3/card/refreshUsage {"iccid":"8988"}"#,
            r#"/api/v3/cloudesim/refreshUsage {"eid":"1111"}"#,
            r#"/api/v3/card/getCardsInfo {"iccid":"8988"}"#,
            r#"/api/v3/cloudesim/get {"eid":"1111"}"#,
            concat!(
                r#"/api/v3/card/getAllCardInfo {"pageNum":2,"pageSize":50,"#,
                r#""cardStatus":"ACTIVATED_NAME","iccids":"1,2"}"#
            ),
            concat!(
                r#"/api/v3/cloudesim/list {"pageNum":2,"pageSize":50,"#,
                r#""cardStatus":"ACTIVATED_NAME","eids":"1,2"}"#
            ),
            r#"/api/v3/card/getAllCardInfo {"pageNum":1,"pageSize":100}"#,
            r#"/api/v3/refresh/get {"refreshId":"01j"}"#,
            r#"/api/v3/card/usageHistory {"iccid":"8988","pageSize":100}"#,
            r#"/api/v3/cloudesim/usageHistory {"eid":"1111","pageSize":2,"before":"1800000000000"}"#,
        ]
    );
}

#[tokio::test]
async fn a_history_is_read_with_and_without_a_next_page() {
    let first = concat!(
        r#"{"code":"200","message":"ok","data":{"readings":[{"iccid":"8988","syncedAt":1800000001,"#,
        r#""asOf":null,"usedBytes":700,"deltaBytes":-300,"kind":"correction"}],"#,
        r#""nextBefore":"1800000000500","days":[{"day":"2027-01-15","usedBytes":-300}]}}"#
    );
    let last = r#"{"code":"200","message":"ok","data":{"readings":[],"days":[]}}"#;
    let server = Server::play([answer(200, first), answer(200, last)]).await;
    let client = server.client();
    let page = client.sim_history("8988", &HistoryQuery { page_size: 1, before: None }).await.unwrap();
    let shown = &page.readings[0];
    assert_eq!((shown.used_bytes, shown.delta_bytes, shown.kind.as_str()), (700, -300, "correction"));
    assert_eq!((page.days[0].day.as_str(), page.days[0].used_bytes), ("2027-01-15", -300));
    let next = HistoryQuery { page_size: 1, before: page.next_before };
    let page = client.sim_history("8988", &next).await.unwrap();
    assert!(page.readings.is_empty() && page.next_before.is_none());
    assert_eq!(server.seen()[1].json()["before"], "1800000000500");
}

#[tokio::test]
async fn nothing_shows_the_secret() {
    let client = Client::builder("http://127.0.0.1:1/prefix/", APPKEY, SecretString::from(SECRET))
        .retry_budget(Duration::ZERO);
    assert!(!format!("{client:?}").contains(SECRET));
    let client = client.build().unwrap();
    assert!(!format!("{client:?}").contains(SECRET));
    let error = client.sim("8988").await.unwrap_err();
    let mut texts = vec![format!("{error:?} {error}")];
    let mut source = error.source();
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    let text = texts.join("\n");
    assert!(!text.contains(SECRET) && !text.contains("/prefix"), "{text}");
}

#[rstest]
#[case("sim.example.com", "must be an address")]
#[case("ftp://sim.example.com", "http:// or https://")]
#[case("https://user:word@sim.example.com", "a user or a password")]
#[case("https://sim.example.com/?a=1", "a query")]
fn bad_base_urls_are_refused(#[case] url: &str, #[case] says: &str) {
    let error = Client::builder(url, APPKEY, SecretString::from(SECRET)).build().unwrap_err();
    assert!(error.to_string().contains(says), "{error}");
    assert!(!error.to_string().contains("word@"));
}
