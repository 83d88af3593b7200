//! Texts that something might run, in the console: addresses, forms, files and cookies.

use super::marks::{assert_no_formula, is_raw_in, texts};
use super::target::{TIMEOUT, Target};
use crate::console::browser::{Browser, Page};
use crate::support::{ICCID, TestServer};
use std::time::Duration;
use tokio::time::Instant;

/// A page of the console in answer to something odd.
pub fn is_harmless(page: &Page, text: &str, what: &str) {
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

const PAGES: [&str; 7] = ["", "/cards", "/refreshes", "/operators", "/apps", "/notifications", "/import"];
const QUERIES: [&str; 18] = [
    "q", "account", "status", "operator", "age", "after", "group", "way", "card", "until", "before", "state",
    "reason", "event", "done", "problem", "count", "next",
];
/// Paths that the text is a part of, in place of `X`.
const PATHS: [&str; 7] = [
    "/cards/X",
    "/cards/X/readings.csv",
    "/import/X",
    "/import/X/errors.csv",
    "/X",
    "/assets/X/X",
    "/assets/1/X",
];
const FORMS: &[(&str, &[&str])] = &[
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
    ("/preferences", &["language", "theme", "back"]),
];
/// More bytes in each part make too long an address.
const LONG: usize = 2_000;

/// Tries texts in every part of the address of every page, in every field of every form, in files and in
/// cookies. It tries one text in `one_in`, and those that a database minds.
pub async fn through_the_console(target: &mut Target, one_in: usize) {
    let mut ann = Browser::of(&target.server, "ann").await;
    let csrf = ann.get("/console").await.csrf();
    let tried = |(n, text): &(usize, String)| n % one_in == 0 || text.contains('\0') || text.contains("DROP");
    for (n, text) in texts().into_iter().enumerate().filter(tried) {
        target.inputs += in_addresses(&mut ann, n, &text).await;
        target.inputs += in_forms(&mut ann, &csrf, &text).await;
        target.inputs += in_files(&mut ann, &csrf, n, &text).await;
        target.inputs += by_a_stranger(&target.server, &text).await;
    }
    let page = ann.get("/console/notifications").await;
    assert_eq!(page.status, 200, "still logged in");
    every_list_is_safe(&mut ann).await;
}

/// Returns how many inputs it tried, as the functions below do.
async fn in_addresses(ann: &mut Browser, n: usize, text: &str) -> usize {
    let x = encoded(text);
    for (m, page) in PAGES.into_iter().enumerate() {
        // One parameter, another with each text; or all at once, where the address does not become too long.
        let all: Vec<String> = QUERIES.iter().map(|name| format!("{name}={x}")).collect();
        let one = all[(n + m * 5) % all.len()].clone();
        let query = if (n + m).is_multiple_of(2) && x.len() < LONG { all.join("&") } else { one };
        let path = format!("/console{page}?{query}");
        is_harmless(&ann.get(&path).await, text, &path);
    }
    if x.len() < LONG {
        let list = ["cards", "refreshes", "notifications"][n % 3];
        let path = format!("/console/{list}.csv?q={x}&account={x}&card={x}");
        is_harmless(&ann.get(&path).await, "", list);
    }
    for path in PATHS {
        is_harmless(&ann.get(&format!("/console{}", path.replace('X', &x))).await, text, path);
    }
    PAGES.len() + PATHS.len()
}

async fn in_forms(ann: &mut Browser, csrf: &str, text: &str) -> usize {
    let mut inputs = 0;
    for (path, fields) in FORMS {
        let path = format!("/console{}", path.replace('X', &encoded(text)));
        // Something is always sent, if only under a name that nobody asked for.
        for field in fields.iter().chain(fields.is_empty().then_some(&"undeclared")) {
            let page = ann.post(&path, &[("csrf", csrf), (field, text), ("account", "acme")]).await;
            is_harmless(&page, text, &format!("{path} {field}"));
            inputs += 1;
        }
    }
    inputs
}

async fn in_files(ann: &mut Browser, csrf: &str, n: usize, text: &str) -> usize {
    let odd = [
        format!("iccid,account,operator_account,label\n{text},{text},{text},\"{text}\"\n"),
        format!("iccid,account,operator_account,{text}\n{ICCID},acme,main,x\n"),
        text.to_owned(),
    ];
    let labelled = format!("iccid,account,operator_account,label\n{ICCID},acme,main,{text}\n");
    let files = [&labelled, &odd[n % odd.len()]];
    for file in files {
        let name: String = text.chars().filter(|c| !matches!(c, '\r' | '\n' | '"')).take(100).collect();
        uploaded(ann, csrf, &name, file, text).await;
    }
    files.len()
}

/// Who is not logged in has the fewest ways in, and is logged most.
async fn by_a_stranger(server: &TestServer, text: &str) -> usize {
    let mut inputs = 0;
    let mut stranger = Browser::new(server);
    let own = stranger.get(&format!("/console/login?next={}", encoded(text))).await;
    is_harmless(&own, text, "login");
    // Few: checking a password is slow, right or wrong.
    if ["'", "\0", "{{7331*7919}}"].contains(&text) || text.starts_with("x\n2026") {
        let csrf = own.csrf();
        let form = [("csrf", csrf.as_str()), ("name", text), ("password", text), ("next", text)];
        is_harmless(&stranger.post("/console/login", &form).await, text, "log-in");
        inputs += 3;
    }
    for cookie in ["simgauge_session", "simgauge_visit", "simgauge_language", "simgauge_theme"] {
        let plain: String = text.chars().filter(|c| c.is_ascii_graphic() && *c != ';').take(3_000).collect();
        stranger.cookies.insert(cookie.into(), plain);
        inputs += 1;
    }
    is_harmless(&stranger.get("/console/login").await, text, "cookies");
    inputs
}

async fn uploaded(ann: &mut Browser, csrf: &str, name: &str, file: &str, text: &str) {
    let page = ann.upload(csrf, name, file).await;
    is_harmless(&page, text, "upload");
    if page.status != 303 {
        return;
    }
    let job = page.location().to_owned();
    let deadline = Instant::now() + TIMEOUT;
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
