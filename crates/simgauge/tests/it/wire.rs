//! The wire as clients of other platforms use it: their codes, numbers as text, packed bodies, operations
//! that there are not.

use crate::support::receiver::Receiver;
use crate::support::{Database, EID, EID_PROFILES, ICCID, OPERATOR, SECRET, TestServer, server};
use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use serde_json::{Value, json};
use simgauge_client::{Client, ClientError, Code, SecretString, verify_notification};
use simgauge_domain::alert::NotifyStyle;
use simgauge_protocol::{Cause, CodeStyle};
use std::io::Write as _;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const REFRESH: &str = "/api/v3/card/refreshUsage";
const GET: &str = "/api/v3/card/getCardsInfo";
const LIST: &str = "/api/v3/card/getAllCardInfo";
const TIMEOUT: Duration = Duration::from_secs(20);

async fn platform_server() -> TestServer {
    let configure = |config: &mut simgauge::config::Config| {
        config.api.codes = CodeStyle::Platform;
        config.api.app_reload_seconds = 1;
    };
    server().configure(configure).start().await
}

#[tokio::test]
async fn the_platforms_codes_are_answered_where_they_are_known() {
    let server = platform_server().await;
    server.refresh_sim(ICCID).await.expect("200");
    let cooling = server.refresh_sim(ICCID).await;
    assert!(cooling.expect("501")["retryAfterSeconds"].as_i64().unwrap() > 0, "{cooling:?}");
    assert_eq!(cooling.status, 200);
    assert!(cooling.message().starts_with("请求太频繁:该卡片刚刷新过"), "{}", cooling.message());
    let call = async |path: &str, fields: Value| server.post(path, server.signed(fields).to_string()).await;
    call(GET, json!({})).await.expect("41003");
    call(GET, json!({ "iccid": "" })).await.expect("41003");
    call(GET, json!({ "iccid": 5 })).await.expect("41002");
    call(LIST, json!({ "iccids": 5 })).await.expect("41001");
    let many = vec!["8988308650100524999"; 501].join(",");
    call(LIST, json!({ "iccids": many })).await.expect("41007");
    // Of these none is known.
    call("/api/v3/cloudesim/get", json!({})).await.expect("400");
    call(GET, json!({ "iccid": "8986000000000000999" })).await.expect("404");
    server.store().set_app_allow("k", "192.0.2.0/24").await.unwrap();
    let deadline = std::time::Instant::now() + TIMEOUT;
    let refused = loop {
        let answer = server.card(ICCID).await;
        if answer.code() != "200" {
            break answer;
        }
        assert!(std::time::Instant::now() < deadline, "the allow-list was not taken up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    refused.expect("502");
}

#[tokio::test]
async fn single_codes_are_set_and_the_document_says_so() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "[api]\ncodes = \"platform\"\n[api.code_overrides]\ncooldown = 45001\nno_card = \"41099\"\n";
    std::fs::write(file.path(), text).unwrap();
    let api = simgauge::config::Config::load(Some(file.path())).unwrap().api;
    assert_eq!(api.code_table().code(Cause::Quota), "501");
    let server = server()
        .configure(move |config| {
            config.api.codes = api.codes;
            config.api.code_overrides = api.code_overrides.clone();
        })
        .start()
        .await;
    server.refresh_sim(ICCID).await.expect("200");
    server.refresh_sim(ICCID).await.expect("45001");
    server.refresh_sim("8986000000000000999").await.expect("41099");
    let document = server.request(reqwest::Method::GET, "/openapi.json").send().await.unwrap();
    let document: Value = serde_json::from_str(&document.text().await.unwrap()).unwrap();
    let codes = &document["components"]["schemas"]["Refusal429"]["properties"]["code"]["enum"];
    assert_eq!(*codes, json!(["45001", "501"]));
    for (wrong, says) in [
        ("codes = \"other\"", "plain"),
        ("[api.code_overrides]\ncooldown = \"200\"", "api.code_overrides.cooldown"),
        ("[api.code_overrides]\ncooldown = \"busy\"", "api.code_overrides.cooldown"),
        ("[api.code_overrides]\ncooling = \"45001\"", "cooldown"),
    ] {
        std::fs::write(file.path(), format!("[api]\n{wrong}\n")).unwrap();
        let error = simgauge::config::Config::load(Some(file.path())).unwrap_err().to_string();
        assert!(error.contains(says), "{wrong}: {error}");
    }
}

#[tokio::test]
async fn the_client_understands_the_platforms_codes() {
    let server = platform_server().await;
    let client = Client::builder(&server.url, "k", SecretString::from(SECRET)).build().unwrap();
    client.refresh_sim(ICCID, Default::default()).await.unwrap();
    let error = client.refresh_sim(ICCID, Default::default()).await.unwrap_err();
    let ClientError::Refused(refusal) = error else { panic!("{error}") };
    assert_eq!((refusal.code.as_str(), refusal.known_code()), ("501", Some(Code::TooMany)));
    assert!(refusal.retry_after_seconds().is_some_and(|seconds| seconds > 0));
}

/// A script can tell "wait" from "failed", whichever codes the server has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_told_to_wait_exits_with_3() {
    for style in [CodeStyle::Plain, CodeStyle::Platform] {
        let server = server().configure(move |config| config.api.codes = style).start().await;
        let refresh = format!("refresh --iccid {ICCID}");
        assert_eq!(server.simgauge(&refresh).await.code, Some(0), "{style:?}");
        let waiting = server.simgauge(&refresh).await;
        assert_eq!(waiting.code, Some(3), "{style:?}: {}", waiting.error);
        assert!(waiting.error.contains("again in"), "{}", waiting.error);
        let unknown = server.simgauge("refresh --iccid 8986000000000000999").await;
        assert_eq!(unknown.code, Some(1), "{style:?}: {}", unknown.error);
    }
}

#[tokio::test]
async fn time_and_nonce_may_be_text() {
    let server = server().start().await;
    let now = server.clock.now().seconds();
    let text = json!({ "iccid": ICCID, "timestamp": now.to_string(), "nonce": "90174" });
    server.post(REFRESH, server.signed(text).to_string()).await.expect("200");
    // The same call with numbers has the same sign: it is answered with the same refresh.
    let fields = json!({ "iccid": ICCID, "timestamp": now, "nonce": 90_174 });
    server.post(REFRESH, server.signed(fields).to_string()).await.expect("200");
    for (name, wrong) in [
        ("nonce", json!("9017")),
        ("nonce", json!("090174")),
        ("nonce", json!("90174 ")),
        ("nonce", json!("")),
        ("timestamp", json!(format!("0{now}"))),
        ("timestamp", json!(format!("{now}.0"))),
    ] {
        let mut fields = json!({ "iccid": ICCID });
        fields[name] = wrong.clone();
        let refused = server.post(GET, server.signed(fields).to_string()).await;
        refused.expect("400");
        assert!(refused.message().contains(name), "{name} {wrong}: {}", refused.message());
    }
    let old = json!({ "iccid": ICCID, "timestamp": (now - 301).to_string() });
    server.post(GET, server.signed(old).to_string()).await.expect("401");
}

/// What Guzzle 7 sends with its option `json` and the headers of a published PHP client, byte for byte.
async fn as_guzzle_sends(server: &TestServer, path: &str, language: &str, body: &str) -> (u16, Value) {
    let address = server.url.trim_start_matches("http://");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: GuzzleHttp/7\r\n\
         Content-Type: application/json;charset=utf-8\r\nAccept: application/json\r\n\
         {language}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

/// A client that throws on every other status without reading the body sees code and message.
#[tokio::test]
async fn an_unknown_operation_is_told_in_an_envelope() {
    let server = server().start().await;
    let body = server.signed(json!({ "iccid": ICCID })).to_string();
    let path = "/api/v3/card/getCardInfo";
    let (status, answer) = as_guzzle_sends(&server, path, "", &body).await;
    let chinese = json!({
        "code": "400", "message": "接口 card/getCardInfo 不存在", "data": { "reason": "unknown_operation" },
    });
    assert_eq!((status, answer), (200, chinese));
    let (status, answer) = as_guzzle_sends(&server, path, "Accept-Language: en\r\n", &body).await;
    assert_eq!((status, &answer["message"]), (200, &json!("there is no operation card/getCardInfo")));
    // What the body is counts, as for operations that there are.
    let plain = server.request(reqwest::Method::POST, path).header("content-type", "text/plain");
    let answer = server.send(plain.body(body.clone())).await;
    assert_eq!((answer.status, answer.expect("400")["reason"].as_str()), (200, Some("unknown_operation")));
    let slash = server.post("/api/v3/card/refreshUsage/", body.clone()).await;
    assert_eq!((slash.status, slash.code()), (200, "400"));
    let long = server.post(&format!("/api/v3/{}", "x".repeat(5_000)), body.clone()).await;
    assert!(long.message().chars().count() < 150, "{}", long.message());
    // Anything else is a path that there is not.
    for path in ["/", "/api", "/api/v2/card/getCardInfo", "/api/v4/card"] {
        let answer = server.post(path, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (404, "404"), "{path}");
    }
    let form = server.request(reqwest::Method::POST, path).body(format!("iccid={ICCID}"));
    let answer = server.send(form).await;
    assert_eq!((answer.status, answer.code()), (404, "404"));
    let answer = server.send(server.request(reqwest::Method::GET, path)).await;
    assert_eq!((answer.status, answer.code()), (404, "404"));
}

#[tokio::test]
async fn packed_bodies_are_read() {
    let server = server().start().await;
    let packed = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let send = async |encoding: &str, body: Vec<u8>| {
        let request = server.request(reqwest::Method::POST, GET).header("content-encoding", encoding);
        server.send(request.body(body)).await
    };
    let body = || server.signed(json!({ "iccid": ICCID })).to_string();
    send("gzip", packed(&body())).await.expect("200");
    send("identity", body().into_bytes()).await.expect("200");
    let bomb = send("gzip", packed(&" ".repeat(10_000_000))).await;
    assert_eq!((bomb.status, bomb.code()), (413, "413"));
    for (encoding, bytes) in
        [("br", packed(&body())), ("gzip, gzip", packed(&body())), ("gzip", body().into())]
    {
        let refused = send(encoding, bytes).await;
        refused.expect("400");
        assert!(refused.message().contains("Content-Encoding"), "{encoding}: {}", refused.message());
    }
}

/// Receivers that were made for the reference platform get its event of what is left, beside ours.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_is_told_in_the_platforms_form(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = server()
        .database(database)
        .configure(|config| {
            config.notify.allow_private = true;
            config.notify.allow_http = true;
            config.notify.poll_seconds = 0.05;
        })
        .start()
        .await;
    let receiver = Receiver::start().await;
    let mut prefs = server.store().notification_prefs("acme").await.unwrap();
    prefs.url = Some(receiver.url());
    prefs.style = NotifyStyle::Platform;
    server.store().set_notification_prefs(&prefs).await.unwrap();
    assert_eq!(server.store().notification_prefs("acme").await.unwrap().style, NotifyStyle::Platform);
    let package = simgauge_store::NewPackage {
        card: EID.into(),
        code: "p1".into(),
        name: "2 GB".into(),
        total: Some(2_000_000_000),
        valid_from: None,
        valid_to: None,
    };
    server.store().add_package(&package, server.clock.now()).await.unwrap();
    server.simulator.set_usage(OPERATOR, EID_PROFILES[1], 0);
    let mut seconds = 0;
    let mut refresh = async |used: u64, count: usize| {
        seconds += 301;
        server.travel_to(seconds);
        server.simulator.set_usage(OPERATOR, EID_PROFILES[0], used);
        let body = server.signed(json!({ "eid": EID, "wait": 8 })).to_string();
        server.post("/api/v3/cloudesim/refreshUsage", body).await.expect("200");
        receiver.wait_taken(count, TIMEOUT).await
    };
    refresh(1_000_000_000, 1).await;
    let taken = refresh(1_850_000_000, 3).await;
    let taken = [taken, refresh(1_950_000_000, 5).await.split_off(3)].concat();
    let alerts: Vec<&Value> =
        taken.iter().filter(|one| one.text("event") == "CloudESimFlowAlert").map(|one| &one.value).collect();
    assert_eq!(alerts.len(), 2, "{taken:#?}");
    for (alert, kind, value) in [(alerts[0], 2, "7.50"), (alerts[1], 1, "50.00")] {
        let mut names: Vec<&str> = alert.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let fields = ["alert_type", "alert_value", "eid", "event", "id", "nonce", "sign", "timestamp"];
        assert_eq!(names, fields, "the platform's fields and no others");
        assert_eq!((&alert["eid"], &alert["alert_type"]), (&json!(EID), &json!(kind)));
        assert_eq!(alert["alert_value"], value);
        assert!((10_000..=99_999).contains(&alert["nonce"].as_u64().unwrap()));
    }
    assert_ne!(alerts[0]["id"], alerts[1]["id"]);
    let now = server.clock.now().seconds();
    for one in &taken {
        verify_notification(one.raw.as_bytes(), &SECRET.into(), now, Duration::from_secs(900)).unwrap();
        if one.text("event") == "usage.refreshed" {
            assert_eq!(one.value["id"], one.value["eventId"]);
        }
    }
}
