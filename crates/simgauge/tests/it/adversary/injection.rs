//! Texts that something might run, through every way in: fields of the API, headers, the console's addresses, forms and files, the
//! command line, an operator's answers. None is our fault, none is run, and what is kept is kept as it was typed.

use super::marks::{is_formula, is_raw_in, texts};
use crate::console::browser::{Browser, PASSWORD, admins};
use crate::support::call::sign_body;
use crate::support::process::Process;
use crate::support::{Database, ICCID, LANE, SECRET, TestServer, row, server};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::IntoResponse as _;
use clap::Parser as _;
use rstest::rstest;
use serde_json::{Value, json};
use simgauge::cli::command::{Cli, run};
use simgauge_protocol::OperationName;
use simgauge_store::{AdminRole, Store};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);

/// How the log is written, on which database.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Json,
    Postgres,
}

/// A server as a process of its own, so that what it logs is seen as it is.
struct Target {
    server: TestServer,
    process: Process,
    store: Store,
    _dir: tempfile::TempDir,
    inputs: usize,
}

impl Target {
    async fn start(kind: Kind, base_url: Option<String>) -> Self {
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
    async fn unharmed(self, kind: Kind) {
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
fn is_clear(answer: &crate::support::call::Answer, what: &str) {
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
fn is_harmless(page: &crate::console::browser::Page, text: &str, what: &str) {
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

/// Every page with every text in every part of its address; every form with it in every field. Or one text in so many, and those that
/// a database minds.
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
            // One by itself, another with each text; or all at once, where that is not too long for an address.
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
fn assert_no_formula(csv: &str, what: &str) {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(csv.as_bytes());
    for row in rows.records() {
        for cell in &row.unwrap() {
            assert!(!is_formula(cell), "{what}: {cell:?}");
        }
    }
}

async fn every_list_is_safe(ann: &mut Browser) {
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

/// Every argument that people fill in, with every text. The commands run in this process: no shell stands between.
///
/// Of the commands that refuse most texts, each text meets one in so many; what keeps texts meets all.
async fn through_the_command_line(target: &mut Target, one_in: usize) {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("simgauge.toml");
    let text = format!(
        "[store]\nurl = \"{}\"\n[secrets]\nkey_file = \"{}\"\n",
        target.server.config.store.url,
        target.server.config.secrets.key_file.display()
    );
    std::fs::write(&config, text).unwrap();
    let file = dir.path().join("file.csv");
    let lines: &[&[&str]] = &[
        &["account", "create", "X"],
        &["account", "notify", "acme", "--url", "X"],
        &["account", "notify", "acme", "--url", "https://example.com/X"],
        &["account", "notify", "X", "--off"],
        &["account", "quota", "X", "--per-second", "1"],
        &["app", "create", "--account", "acme", "--label", "X"],
        &["app", "create", "--account", "X", "--appkey", "new"],
        &["app", "create", "--account", "acme", "--appkey", "X"],
        &["app", "rotate", "X"],
        &["app", "allow", "off", "X"],
        &["admin", "disable", "X"],
        &["card", "show", "--iccid", "X"],
        &["card", "list", "--account", "X"],
        &["card", "export", "--account", "X"],
        &["card", "import", "FILE"],
        &["package", "add", "--iccid", ICCID, "--code", "X", "--name", "a name", "--total", "1GB"],
        &["package", "add", "--iccid", ICCID, "--code", "one", "--name", "X", "--total", "1GB"],
        &["package", "add", "--iccid", "X", "--code", "two", "--name", "a name", "--total", "1GB"],
        &["package", "import", "PACKAGES"],
        &["notification", "replay", "X"],
        &["operator", "show", "X"],
        &["audit", "verify", "--anchor", "X"],
    ];
    let packages = dir.path().join("packages.csv");
    for (n, text) in texts().into_iter().enumerate() {
        let card = format!("89860000000004{n:05}");
        std::fs::write(
            &file,
            format!(
                "iccid,account,operator_account,label\n{card},acme,{LANE},\"{}\"\n",
                text.replace('"', "\"\"")
            ),
        )
        .unwrap();
        let row = format!("card,code,name,total_bytes\n{ICCID},c{n},\"{}\",1GB\n", text.replace('"', "\"\""));
        std::fs::write(&packages, row).unwrap();
        for (m, line) in lines.iter().enumerate() {
            let keeps = line.iter().any(|word| matches!(*word, "FILE" | "PACKAGES" | "--label" | "--name"));
            if !keeps && (n + m) % one_in != 0 {
                continue;
            }
            // No argument of a program can hold a NUL; a file can.
            if text.contains('\0') && !line.iter().any(|word| matches!(*word, "FILE" | "PACKAGES")) {
                continue;
            }
            let words = line.iter().map(|word| match *word {
                "X" => text.clone(),
                "https://example.com/X" => format!("https://example.com/{text}"),
                "FILE" => file.display().to_string(),
                "PACKAGES" => packages.display().to_string(),
                other => other.to_owned(),
            });
            let head = [
                "simgauge".to_owned(),
                "--config".to_owned(),
                config.display().to_string(),
                "--json".to_owned(),
            ];
            // Refused by name, or run: either may fail, neither may break.
            let Ok(cli) = Cli::try_parse_from(head.into_iter().chain(words)) else { continue };
            let ran = run(cli).await;
            if let Err(error) = ran {
                let said = format!("{error:#}");
                assert!(
                    !said.contains("syntax error") && !said.contains("database:"),
                    "{line:?} {text:?}: {said}"
                );
            }
            target.inputs += 1;
        }
        // What was taken is kept to the letter; what is left out are white space around it and a spreadsheet's guard.
        if let Some(kept) = target.store.card_of_any(&card).await.unwrap() {
            let typed = text.trim();
            assert!(
                kept.label == typed || typed.strip_prefix('\'') == Some(&kept.label),
                "{typed:?} {:?}",
                kept.label
            );
        }
    }
    let export = dir.path().join("export.csv");
    let words =
        ["simgauge", "--config", config.to_str().unwrap(), "card", "export", "-o", export.to_str().unwrap()];
    run(Cli::try_parse_from(words).unwrap()).await.unwrap();
    let text = std::fs::read_to_string(PathBuf::from(&export)).unwrap();
    assert!(text.contains("<script>") && text.lines().count() > 40, "{text}");
    assert_no_formula(&text, "card export");
    let labels: Vec<String> = target.store.apps().await.unwrap().into_iter().map(|app| app.label).collect();
    for kept in
        ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "'; DROP TABLE card; --", "\u{202e}gpj.exe"]
    {
        assert!(labels.iter().any(|label| label == kept), "{kept} was not kept as it is");
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

/// An operator that answers with each text in each place, its status line and its codes included.
#[derive(Clone)]
struct Operator(Arc<Vec<String>>);

const PLACES: usize = 6;

impl Operator {
    async fn start() -> String {
        let operator = Self(Arc::new(texts()));
        let router = Router::new()
            .route("/rws/api/v1/devices/{iccid}/ctdUsages", axum::routing::get(Self::answer))
            .with_state(operator);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        url
    }

    async fn answer(State(Self(texts)): State<Self>, Path(iccid): Path<String>) -> axum::response::Response {
        let n: usize = iccid[14..].parse().unwrap();
        let (text, place) = (texts[n / PLACES].clone(), n % PLACES);
        let good = json!({ "iccid": iccid, "ctdDataUsage": 5, "status": "ACTIVATED" });
        let with = |name: &str| {
            let mut answer = good.clone();
            answer[name] = json!(text);
            answer
        };
        match place {
            0 => axum::Json(with("status")).into_response(),
            1 => axum::Json(with("ctdDataUsage")).into_response(),
            2 => axum::Json(with("iccid")).into_response(),
            3 => axum::Json(json!({ "errorCode": text, "errorMessage": text })).into_response(),
            4 => {
                // Not 429: the lane would rest each time.
                let status = axum::http::StatusCode::SERVICE_UNAVAILABLE;
                // A number is honoured: the lane would stay away for as long.
                let is_number = text.trim().parse::<f64>().is_ok();
                let retry = HeaderValue::from_bytes(text.as_bytes()).ok().filter(|_| !is_number);
                let retry = retry.unwrap_or(HeaderValue::from_static("x"));
                (status, [("retry-after", retry)], text).into_response()
            }
            _ => text.into_response(),
        }
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_in_an_operators_answers(#[values(Kind::Json, Kind::Postgres)] kind: Kind) {
    let url = Operator::start().await;
    let mut target = Target::start(kind, Some(url)).await;
    let texts = texts();
    let mut rows = Vec::new();
    for n in 0..texts.len() * PLACES {
        let number = format!("89860000000005{n:05}");
        rows.push(row(&number, &number, "acme"));
    }
    crate::support::import(&target.store, &rows).await;
    let mut ann = Browser::of(&target.server, "ann").await;
    let mut ids = Vec::new();
    for row in &rows {
        ids.push(target.server.refresh_sim(&row.number).await.refresh_id());
    }
    for (n, (row, id)) in rows.iter().zip(&ids).enumerate() {
        let text = &texts[n / PLACES];
        let said = target.server.ended(id, PATIENCE).await.to_string();
        // A short code may be quoted, and nothing else of it.
        let is_code =
            text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        assert!(
            is_code || n % PLACES == 0 || !said.contains(&json!(text).to_string()),
            "{n}: {text:?} {said}"
        );
        if n % PLACES == 0 || n % PLACES == 3 {
            is_harmless(&ann.get(&format!("/console/cards/{}", row.number)).await, text, "card");
            is_clear(&target.server.card(&row.number).await, text);
        }
        target.inputs += 1;
    }
    every_list_is_safe(&mut ann).await;
    let used = ann.get(&format!("/console/cards/{ICCID}")).await;
    assert!(!used.text.contains(PASSWORD));
    target.unharmed(kind).await;
}
