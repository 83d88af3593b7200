//! Texts that something might run, through every way in: fields of the API, headers, the console's addresses,
//! forms and files, the command line. None is our fault, none is run, and what is kept is kept as it was
//! typed.

use super::commands::through_the_command_line;
use super::marks::{is_formula, is_raw_in, texts};
use crate::console::browser::{Browser, admins};
use crate::support::call::sign_body;
use crate::support::process::Process;
use crate::support::{Database, ICCID, SECRET, TestServer, server};
use axum::http::{HeaderName, HeaderValue};
use rstest::rstest;
use serde_json::{Value, json};
use simgauge_protocol::OperationName;
use simgauge_store::{AdminRole, Store};
use std::time::Duration;
use tokio::time::Instant;

pub const PATIENCE: Duration = Duration::from_secs(30);

/// How the log is written, on which database.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Text,
    Json,
    Postgres,
}

/// A server as a process of its own, so that what it logs is seen as it is.
pub struct Target {
    pub server: TestServer,
    process: Process,
    pub store: Store,
    _dir: tempfile::TempDir,
    pub inputs: usize,
}

impl Target {
    pub async fn start(kind: Kind, base_url: Option<String>) -> Self {
        let database = if matches!(kind, Kind::Postgres) { Database::Postgres } else { Database::Sqlite };
        let mut server = server()
            .database(database)
            .configure(move |config| {
                if let Some(url) = &base_url {
                    config.operator_accounts[0].base_url = Some(url.clone());
                }
            })
            .start()
            .await;
        admins(&server, &[("ann", AdminRole::Full)]).await;
        server.stop().await;
        let dir = tempfile::tempdir().unwrap();
        let format = if matches!(kind, Kind::Json) { "json" } else { "text" };
        let environment = [
            ("SIMGAUGE__LOG__FORMAT", format),
            ("SIMGAUGE__LOG__FILTER", "debug,hyper_util=info,sqlx=info"),
            ("SIMGAUGE__REFRESH__DEADLINE_SECONDS", "1"),
            ("SIMGAUGE__REFRESH__FIRST_PAUSE_SECONDS", "0.1"),
            ("SIMGAUGE__REFRESH__LONGEST_PAUSE_SECONDS", "0.2"),
            ("SIMGAUGE__LANES__BREAKER_FAILURES", "100000"),
        ];
        let process = Process::serve_in(&server, dir.path(), &server.config.store.url, &environment);
        server.url = process.url.clone();
        let store = Store::connect(&server.config.store.url, 2).await.unwrap();
        Self { server, process, store, _dir: dir, inputs: 0 }
    }

    /// Nothing broke, nothing was run, and every event is a line of plain text.
    pub async fn unharmed(self, kind: Kind) {
        assert!(self.store.apps().await.unwrap().iter().any(|app| app.appkey == "k"));
        assert_eq!(self.store.card_of_any(ICCID).await.unwrap().unwrap().account, "acme");
        self.server.card(ICCID).await.expect("200");
        self.store.close().await;
        let log = self.process.logged();
        assert!(log.lines().count() > 20, "{log}");
        for line in log.lines() {
            assert!(
                !line.contains(|c: char| c.is_control() || c == '\u{202e}' || c == '\u{2028}'),
                "{line:?}"
            );
            match kind {
                Kind::Json => assert!(
                    serde_json::from_str::<Value>(line)
                        .is_ok_and(|line| line["level"] != "ERROR" && line["forged"].is_null()),
                    "{line}"
                ),
                _ => {
                    let level = line.split_whitespace().nth(1).unwrap_or_default();
                    assert!(line.starts_with("20") && ["DEBUG", "INFO", "WARN"].contains(&level), "{line}");
                }
            }
        }
        println!(
            "{kind:?}: {} texts, {} inputs, {} log lines",
            texts().len(),
            self.inputs,
            log.lines().count()
        );
    }
}

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

/// A page of the console in answer to something odd.
pub fn is_harmless(page: &crate::console::browser::Page, text: &str, what: &str) {
    assert!(page.status < 500, "{what} {text:?}: {} {}", page.status, page.text);
    assert!(!is_raw_in(&page.text, text), "{what}: {text:?} stands as it is in {}", page.text);
    assert!(!page.text.contains("58054189"), "{what}: {text:?} was reckoned");
    assert!(!page.headers.contains_key("forged") && !page.text.contains("root:x:"), "{what}");
    let cookies = page.headers.get_all("set-cookie").iter();
    assert!(
        cookies.into_iter().all(|line| line.to_str().unwrap().starts_with("simgauge_")),
        "{what}: {text:?}"
    );
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Every page with every text in every part of its address; every form with it in every field. Or one text in
/// so many, and those that a database minds.
async fn through_the_console(target: &mut Target, one_in: usize) {
    let mut ann = Browser::of(&target.server, "ann").await;
    let csrf = ann.get("/console").await.csrf();
    let pages = ["", "/cards", "/refreshes", "/operators", "/apps", "/notifications", "/import"];
    let queries = [
        "q", "account", "status", "operator", "age", "after", "group", "way", "card", "until", "before",
        "state", "reason", "event", "done", "problem", "count", "next",
    ];
    let within = [
        "/cards/X",
        "/cards/X/readings.csv",
        "/import/X",
        "/import/X/errors.csv",
        "/X",
        "/assets/X/X",
        "/assets/1/X",
    ];
    let forms: &[(&str, &[&str])] = &[
        ("/apps", &["account", "appkey", "label"]),
        ("/apps/X/rotate", &["keep"]),
        ("/apps/X/disable", &[]),
        ("/apps/X/enable", &[]),
        ("/operators/X/pause", &["note"]),
        ("/operators/X/resume", &[]),
        ("/operators/main/pause", &["note"]),
        ("/cards/X/refresh", &["back"]),
        ("/notifications/X/replay", &["back", "account"]),
        ("/notifications/replay-dead", &["account", "back"]),
        ("/import/X", &["mode"]),
        ("/taste", &["language", "theme", "back"]),
    ];
    let tried = |(n, text): &(usize, String)| n % one_in == 0 || text.contains('\0') || text.contains("DROP");
    for (n, text) in texts().into_iter().enumerate().filter(tried) {
        let x = encoded(&text);
        for (m, page) in pages.into_iter().enumerate() {
            // One by itself, another with each text; or all at once, where that is not too long for an
            // address.
            let all: Vec<String> = queries.iter().map(|name| format!("{name}={x}")).collect();
            let one = all[(n + m * 5) % all.len()].clone();
            let query = if (n + m) % 2 == 0 && x.len() < 2_000 { all.join("&") } else { one };
            let path = format!("/console{page}?{query}");
            is_harmless(&ann.get(&path).await, &text, &path);
            target.inputs += 1;
        }
        if x.len() < 2_000 {
            let list = ["cards", "refreshes", "notifications"][n % 3];
            let path = format!("/console/{list}.csv?q={x}&account={x}&card={x}");
            is_harmless(&ann.get(&path).await, "", list);
        }
        for path in within {
            is_harmless(&ann.get(&format!("/console{}", path.replace('X', &x))).await, &text, path);
            target.inputs += 1;
        }
        for (path, fields) in forms {
            let path = format!("/console{}", path.replace('X', &x));
            // Something is always sent, if only under a name that nobody asked for.
            for field in fields.iter().chain(fields.is_empty().then_some(&"undeclared")) {
                let page = ann.post(&path, &[("csrf", &csrf), (field, &text), ("account", "acme")]).await;
                is_harmless(&page, &text, &format!("{path} {field}"));
                target.inputs += 1;
            }
        }
        let odd = [
            format!("iccid,account,operator_account,label\n{text},{text},{text},\"{text}\"\n"),
            format!("iccid,account,operator_account,{text}\n{ICCID},acme,main,x\n"),
            text.clone(),
        ];
        let labelled = format!("iccid,account,operator_account,label\n{ICCID},acme,main,{text}\n");
        for file in [labelled, odd[n % odd.len()].clone()] {
            let name: String = text.chars().filter(|c| !matches!(c, '\r' | '\n' | '"')).take(100).collect();
            uploaded(&mut ann, &csrf, &name, &file, &text).await;
            target.inputs += 1;
        }
        // Who is not logged in can say least, and is logged most.
        let mut stranger = Browser::new(&target.server);
        let own = stranger.get(&format!("/console/login?next={x}")).await;
        is_harmless(&own, &text, "login");
        // Few: a password takes its time, right or wrong.
        if ["'", "\0", "{{7331*7919}}"].contains(&text.as_str()) || text.starts_with("x\n2026") {
            let form = [
                ("csrf", own.csrf()),
                ("name", text.clone()),
                ("password", text.clone()),
                ("next", text.clone()),
            ];
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            is_harmless(&stranger.post("/console/login", &form).await, &text, "log-in");
            target.inputs += 3;
        }
        for cookie in ["simgauge_session", "simgauge_visit", "simgauge_language", "simgauge_theme"] {
            let plain: String =
                text.chars().filter(|c| c.is_ascii_graphic() && *c != ';').take(3_000).collect();
            stranger.cookies.insert(cookie.into(), plain);
            target.inputs += 1;
        }
        is_harmless(&stranger.get("/console/login").await, &text, "cookies");
    }
    let page = ann.get("/console/notifications").await;
    assert_eq!(page.status, 200, "still logged in");
    every_list_is_safe(&mut ann).await;
}

async fn uploaded(ann: &mut Browser, csrf: &str, name: &str, file: &str, text: &str) {
    let page = ann.upload(csrf, name, file).await;
    is_harmless(&page, text, "upload");
    if page.status != 303 {
        return;
    }
    let job = page.location().to_owned();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = ann.get(&job).await;
        is_harmless(&page, text, &job);
        if !page.text.contains("data-live") {
            break;
        }
        assert!(Instant::now() < deadline, "{}", page.text);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let errors = ann.get(&format!("{job}/errors.csv")).await;
    if errors.status == 200 {
        assert_no_formula(&errors.text, "errors");
    }
    let page = ann.post(&job, &[("csrf", csrf), ("mode", "good_rows")]).await;
    is_harmless(&page, text, "import");
}

/// What a spreadsheet makes of the file runs nothing.
pub fn assert_no_formula(csv: &str, what: &str) {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv.as_bytes());
    for row in rows.records() {
        for cell in &row.unwrap() {
            assert!(!is_formula(cell), "{what}: {cell:?}");
        }
    }
}

pub async fn every_list_is_safe(ann: &mut Browser) {
    for list in ["cards", "refreshes", "operators", "apps", "notifications"] {
        let page = ann.get(&format!("/console/{list}.csv")).await.expect(200);
        assert!(
            page.text.lines().count() > 1 || matches!(list, "notifications" | "refreshes"),
            "{list}: {}",
            page.text
        );
        assert_no_formula(&page.text, list);
        let page = ann.get(&format!("/console/{list}")).await.expect(200);
        for text in texts() {
            is_harmless(&page, &text, list);
        }
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
