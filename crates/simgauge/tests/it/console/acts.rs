//! What an admin does, and what comes of it.

use super::browser::{Browser, PASSWORD, Page, admins};
use crate::support::process::Process;
use crate::support::{ICCID, LANE, OPERATOR, TestServer, server};
use futures::StreamExt as _;
use simgauge_domain::refresh::RefreshState;
use simgauge_store::AdminRole;
use std::time::Duration;
use tokio::time::Instant;

const TIMEOUT: Duration = Duration::from_secs(10);

async fn ann(server: &TestServer) -> Browser {
    admins(server, &[("ann", AdminRole::Full)]).await;
    Browser::of(server, "ann").await
}

/// Looks at a page until it is as wanted.
async fn until(browser: &mut Browser, path: &str, wanted: impl Fn(&Page) -> bool) -> Page {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let page = browser.get(path).await.expect(200);
        if wanted(&page) {
            return page;
        }
        assert!(Instant::now() < deadline, "not in time: {}", page.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_button_is_accepted_as_calls_are() {
    let server = server().start().await;
    let mut ann = ann(&server).await;
    let path = format!("/console/cards/{ICCID}");
    let page = ann.get(&path).await.expect(200);
    assert!(page.text.contains("Nobody has refreshed this card yet"), "{}", page.text);
    let (_, seen) = page.text.split_once("/events?seen=").unwrap();
    let seen = seen.split('"').next().unwrap();
    let mut events = ann.open(&format!("{path}/events?seen={seen}")).await.bytes_stream();

    let pressed = ann.submit(&path, &format!("{path}/refresh"), &[]).await.expect(303);
    assert_eq!(pressed.location(), format!("{path}?done=refresh"));
    let mut heard = String::new();
    while !heard.contains("event: change") {
        let piece = tokio::time::timeout(TIMEOUT, events.next()).await.expect("an event").unwrap().unwrap();
        heard.push_str(&String::from_utf8_lossy(&piece));
    }
    drop(events);
    let page = until(&mut ann, &path, |page| page.text.contains("It was read from the operator")).await;
    assert!(page.text.contains("data-countdown=") && page.text.contains("console, ann"), "{}", page.text);
    // The history names who pressed it; no appkey can look like that.
    let refresh = server.refreshes_of(ICCID, 1).await.unwrap().pop().unwrap();
    assert_eq!((refresh.appkey.as_str(), refresh.account.as_str()), ("console:ann", "acme"));
    assert_eq!(refresh.state, RefreshState::Succeeded);
    assert_eq!(server.simulator.stats(OPERATOR).requests, 1);

    // One cooldown for both.
    let again = ann.submit(&path, &format!("{path}/refresh"), &[]).await.expect(303);
    assert_eq!(again.location(), format!("{path}?problem=cooling"));
    server.refresh_sim(ICCID).await.expect("429");
    assert_eq!(server.refreshes_of(ICCID, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_paused_lane_takes_calls_and_reads_nothing_also_after_a_restart() {
    let mut server = server().configure(|config| config.lanes.poll_seconds = 0.05).start().await;
    let mut ann = ann(&server).await;
    let pause = format!("/console/operators/{LANE}/pause");
    let paused = ann.submit("/console/operators", &pause, &[("note", "<b>they asked</b>")]).await.expect(303);
    assert_eq!(paused.location(), format!("/console/operators?done=paused#{LANE}"));
    ann.submit("/console/operators", "/console/operators/nowhere/pause", &[]).await.expect(404);
    // Until the lane knows of it.
    let healthy = |page: &Page| page.text.contains("paused") && page.text.contains("&#60;b&#62;they asked");
    until(&mut ann, "/console/operators", healthy).await;
    let deadline = Instant::now() + TIMEOUT;
    while !server.store().lanes().await.unwrap()[0].status.contains("\"paused\"") {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let id = server.refresh_sim(ICCID).await.refresh_id();
    let page =
        until(&mut ann, &format!("/console/cards/{ICCID}"), |page| page.text.contains("was paused by ann"))
            .await;
    assert!(page.text.contains("waits for its turn"), "{}", page.text);

    server.stop().await;
    server.start().await;
    let mut ann = Browser::of(&server, "ann").await;
    until(&mut ann, "/console", |page| page.text.contains("is paused and 1 wait")).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.simulator.stats(OPERATOR).requests, 0, "nobody was asked");
    ann.submit("/console/operators", &format!("/console/operators/{LANE}/resume"), &[]).await.expect(303);
    assert_eq!(server.ended(&id, TIMEOUT).await["state"], "succeeded");
}

#[tokio::test]
async fn a_secret_is_shown_once_and_works_at_once() {
    let server = server().start().await;
    let mut ann = ann(&server).await;
    let fields = [("account", "acme"), ("appkey", "fresh"), ("label", "<script>alert(1)</script>")];
    let page = ann.submit("/console/apps", "/console/apps", &fields).await.expect(200);
    let secret = secret_of(&page);
    assert_eq!(secret.len(), 64);
    assert!(!page.text.contains("<script>alert") && page.text.contains("&#60;script&#62;alert(1)"));
    for path in ["/console/apps", "/console/apps.csv"] {
        assert!(!ann.get(path).await.expect(200).text.contains(&secret), "{path}");
    }
    let call = async |secret: &str| {
        let body = serde_json::json!({
            "appkey": "fresh",
            "timestamp": server.clock.now().seconds(),
            "nonce": rand::random_range(10_000..=99_999),
            "iccid": ICCID,
        });
        let body = crate::support::call::sign_body(body, secret);
        server.post("/api/v3/card/getCardsInfo", body.to_string()).await.code().to_owned()
    };
    assert_eq!(call(&secret).await, "200");
    let rotated =
        secret_of(&ann.submit("/console/apps", "/console/apps/fresh/rotate", &[]).await.expect(200));
    assert_ne!(rotated, secret);
    assert_eq!((call(&secret).await.as_str(), call(&rotated).await.as_str()), ("401", "200"));
    ann.submit("/console/apps", "/console/apps/fresh/disable", &[]).await.expect(303);
    assert_eq!(call(&rotated).await, "403");
    ann.submit("/console/apps", "/console/apps/fresh/enable", &[]).await.expect(303);
    assert_eq!(call(&rotated).await, "200");

    for (fields, says) in [
        ([("account", "acme"), ("appkey", "fresh"), ("label", "")], "There is an app fresh already."),
        ([("account", "nobody"), ("appkey", ""), ("label", "")], "There is no account nobody."),
        ([("account", "acme"), ("appkey", "a b"), ("label", "")], "An appkey has 1 to 64"),
        ([("account", "acme"), ("appkey", ""), ("label", "a\tb")], "A note has at most"),
    ] {
        let page = ann.submit("/console/apps", "/console/apps", &fields).await.expect(200);
        assert!(page.text.contains(says), "{says}");
    }
    ann.submit("/console/apps", "/console/apps/nothing/rotate", &[]).await.expect(404);
}

fn secret_of(page: &Page) -> String {
    let (_, rest) = page.text.split_once("id=\"secret-text\"").expect("a secret");
    rest.split_once('>').unwrap().1.split('<').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_file_is_checked_before_it_is_imported() {
    let server = server().start().await;
    let mut ann = ann(&server).await;
    let good = "8986001234567890123,acme,main,=1+1\n8986001234567890124,acme,main,plain\n";
    let file = format!(
        "iccid,account,operator_account,label\n{good}123,acme,main,x\n8986001234567890125,nobody,main,<i>\n"
    );
    let csrf = ann.get("/console/import").await.csrf();
    let checked = ann.upload(&csrf, "<cards>.csv", &file).await.expect(303).location().to_owned();
    let page = until(&mut ann, &checked, |page| {
        page.text.contains("Would be imported") && !page.text.contains("Under way")
    })
    .await;
    for says in [
        "iccid must be 18 to 20 digits",
        "there is no account",
        "Nothing is stored yet",
        "Import the 2 good rows",
    ] {
        assert!(page.text.contains(says), "{says}: {}", page.text);
    }
    assert!(!page.text.contains("<cards>"), "the file's name is a text");
    assert!(server.store().card_of_any("8986001234567890123").await.unwrap().is_none());
    let errors = ann.get(&format!("{checked}/errors.csv")).await.expect(200);
    assert!(errors.headers["content-type"].to_str().unwrap().starts_with("text/csv"));
    assert!(
        errors.text.starts_with("line,reason,iccid,account,operator_account,label\n4,"),
        "{}",
        errors.text
    );

    let imported =
        ann.submit(&checked, &checked, &[("mode", "good_rows")]).await.expect(303).location().to_owned();
    assert_ne!(imported, checked);
    until(&mut ann, &imported, |page| page.text.contains("2 rows are imported")).await;
    let card = server.store().card_of_any("8986001234567890123").await.unwrap().unwrap();
    assert_eq!(card.label, "=1+1");

    ann.upload(&csrf, "empty.csv", "").await.expect(400);
    let nonsense = ann.upload(&csrf, "n.csv", "a;b;c\n").await.expect(303).location().to_owned();
    until(&mut ann, &nonsense, |page| page.text.contains("separate columns by commas")).await;
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused() {
    let server = server().configure(|config| config.console.import_max_mib = 1).start().await;
    let mut ann = ann(&server).await;
    let csrf = ann.get("/console/import").await.csrf();
    let page = ann.upload(&csrf, "large.csv", &"x".repeat(1024 * 1024 + 1)).await;
    assert_eq!(page.status, 413);
    ann.upload(&csrf, "right.csv", &"x".repeat(1000)).await.expect(303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_uploaded_files_nothing_is_left_after_a_kill() {
    let mut server = server().start().await;
    admins(&server, &[("ann", AdminRole::Full)]).await;
    server.stop().await;
    let (logs, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = temporary.path().to_str().unwrap();
    let mut process =
        Process::serve_in(&server, logs.path(), &server.config.store.url, &[("TMPDIR", folder)]);
    server.url.clone_from(&process.url);
    let mut ann = Browser::of(&server, "ann").await;
    let csrf = ann.get("/console/import").await.csrf();
    let file = "iccid,account,operator_account\n8986000000000000002,acme,main\nx,acme,main\n";
    let job = ann.upload(&csrf, "cards.csv", file).await.expect(303).location().to_owned();
    let errors = format!("{job}/errors.csv");
    until(&mut ann, &job, |page| page.text.contains(&errors)).await;
    let rows = ann.get(&errors).await.expect(200).text;
    assert!(rows.starts_with("line,reason,iccid") && rows.contains("\n3,"), "{rows}");
    process.kill();
    let left: Vec<_> = std::fs::read_dir(temporary.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_name_longer_than_any_is_not_repeated_whole() {
    let server = server().start().await;
    let page = Browser::new(&server).log_in(&"n".repeat(60_000), PASSWORD).await.expect(401);
    assert!(page.text.contains(&"n".repeat(65)) && !page.text.contains(&"n".repeat(66)));
}
