//! The console's pages to people who have no business there. The routes are read from the router itself, so a
//! new one is tried without anybody thinking of it.

use crate::console::browser::{Browser, PASSWORD, Page, admins};
use crate::support::{ICCID, LANE, OPERATOR, TestServer, server};
use reqwest::Method;
use sha2::{Digest as _, Sha256};
use simgauge_admin::password;
use simgauge_store::AdminRole;
use std::collections::BTreeMap;
use std::time::Duration;

const ROUTER: &str = include_str!("../../../../console/src/router.rs");
const TIMEOUT: Duration = Duration::from_secs(20);
/// A label of the platform's: whoever sees it has seen what is not theirs.
const MARK: &str = "a-label-for-admins-only";
const METHODS: [Method; 8] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
];
/// What people may have and do who are not logged in; everything else is for those who are.
const FOR_ALL: [(&str, Method); 6] = [
    ("/console/", Method::GET),
    ("/console/login", Method::GET),
    ("/console/login", Method::POST),
    ("/console/logout", Method::POST),
    ("/console/preferences", Method::POST),
    ("/console/assets/{version}/{name}", Method::GET),
];

/// A line of the router.
#[derive(Debug)]
struct Route {
    path: String,
    methods: Vec<Method>,
}

impl Route {
    fn is_for_all(&self, method: &Method) -> bool {
        let asked = if *method == Method::HEAD { &Method::GET } else { method };
        FOR_ALL.iter().any(|(path, known)| *path == self.path && known == asked)
    }
}

fn routes() -> Vec<Route> {
    let lines = ROUTER.split(".route(\"").skip(1);
    let routes: Vec<Route> = lines
        .map(|line| {
            let line = line.lines().next().unwrap();
            let (path, handlers) = line.split_once('"').expect("a path");
            let methods = [("get(", Method::GET), ("post(", Method::POST)];
            let methods: Vec<Method> = methods
                .into_iter()
                .filter(|(call, _)| handlers.contains(call))
                .map(|(_, method)| method)
                .collect();
            for other in ["put(", "patch(", "delete(", "any(", "on(", "trace(", "nest"] {
                assert!(!handlers.contains(other), "{path}: a method that is not tried here");
            }
            assert!(!methods.is_empty(), "{path}: {handlers}");
            Route { path: path.to_owned(), methods }
        })
        .collect();
    // None is added in another way.
    assert_eq!(routes.len(), ROUTER.matches(".route(").count());
    assert!(!ROUTER.contains(".nest(") && !ROUTER.contains(".merge(") && !ROUTER.contains("_service("));
    assert!(routes.len() >= 30, "{routes:?}");
    for (path, method) in FOR_ALL {
        assert!(routes.iter().any(|route| route.path == path && route.methods.contains(&method)), "{path}");
    }
    routes
}

/// Real things for the places of the paths.
struct Real(BTreeMap<&'static str, String>);

impl Real {
    fn path(&self, route: &Route) -> String {
        let mut path = route.path.clone();
        let id = if path.contains("/notifications/") { "notification" } else { "job" };
        for (place, what) in [
            ("{number}", "card"),
            ("{lane}", "lane"),
            ("{appkey}", "app"),
            ("{id}", id),
            ("{decision}", "decision"),
            ("{version}/{name}", "asset"),
            ("{*rest}", "rest"),
        ] {
            path = path.replace(place, &self.0[what]);
        }
        assert!(!path.contains('{'), "{path}: what stands there?");
        path
    }
}

/// A platform with something on every page, and an admin `ann` who has made an import.
async fn furnished() -> (TestServer, Browser, Real) {
    let server = server()
        .configure(|config| {
            config.notify.poll_seconds = 0.05;
            // Not again within the time that the stories travel.
            config.notify.pauses_seconds = vec![1_000_000.0];
        })
        .start()
        .await;
    admins(&server, &[("ann", AdminRole::Full), ("bob", AdminRole::ReadOnly), ("eve", AdminRole::Full)])
        .await;
    let store = server.store();
    let labelled =
        simgauge_store::ImportRow { label: MARK.into(), ..crate::support::row(ICCID, ICCID, "acme") };
    crate::support::import(store, &[labelled]).await;
    let mut settings = store.notification_prefs("acme").await.unwrap();
    settings.url = Some("https://127.0.0.1/".into());
    store.set_notification_prefs(&settings).await.unwrap();
    server.ended(&server.refresh_sim(ICCID).await.refresh_id(), TIMEOUT).await;
    let deadline = tokio::time::Instant::now() + TIMEOUT;
    let notification = loop {
        let list = store.notifications(None, None, 1).await.unwrap();
        if let Some(one) = list.iter().find(|one| one.last_error.is_some()) {
            break one.id.clone();
        }
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut ann = Browser::of(&server, "ann").await;
    let csrf = ann.get("/console").await.csrf();
    let job = ann.upload(&csrf, "cards.csv", "iccid,account,operator_account\n").await.expect(303);
    let job = job.location().rsplit('/').next().unwrap().to_owned();
    let home = ann.get("/console").await.text;
    let asset = home.split("/console/assets/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let real = [
        ("card", ICCID.to_owned()),
        ("lane", LANE.to_owned()),
        ("app", "k".to_owned()),
        ("notification", notification),
        ("job", job),
        ("decision", "accept".to_owned()),
        ("asset", asset),
        ("rest", "no/such/page".to_owned()),
    ];
    (server, ann, Real(real.into()))
}

/// The paths are real ones: whoever may see them does.
async fn every_page_is_there(ann: &mut Browser, real: &Real) {
    for route in routes().iter().filter(|route| route.methods.contains(&Method::GET)) {
        let path = real.path(route);
        let status = ann.open(&path).await.status().as_u16();
        let expected = match route.path.as_str() {
            "/console/login" => 303,
            "/console/" => 308,
            "/console/{*rest}" => 404,
            _ => 200,
        };
        assert_eq!(status, expected, "{path}");
    }
}

fn shows_nothing(page: &Page, what: &str) {
    for mark in [MARK, "acme", "cisco", "simgauge_session"] {
        assert!(!page.text.contains(mark), "{what} shows {mark}: {}", page.text);
    }
}

/// Tries everything as somebody who is not logged in; answers how often.
async fn try_all(stranger: &mut Browser, real: &Real, who: &str) -> usize {
    let cookies = stranger.cookies.clone();
    let mut tried = 0;
    for route in routes() {
        for method in METHODS {
            if route.is_for_all(&method) {
                continue;
            }
            let path = real.path(&route);
            let what = format!("{who}: {method} {path}");
            stranger.cookies = cookies.clone();
            // With the right token for whoever they are, so that nothing but the session is missing.
            let csrf = stranger.get("/console/login").await.text;
            let csrf =
                csrf.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
            let form = [("csrf", csrf.as_str()), ("account", "acme"), ("mode", "good_rows"), ("note", "x")];
            let page = stranger.ask(method.clone(), &path, &form).await;
            shows_nothing(&page, &what);
            let asked = if method == Method::HEAD { &Method::GET } else { &method };
            match page.status {
                303 => assert!(page.location().starts_with("/console/login"), "{what}: {}", page.location()),
                // What is not there is not there for anybody.
                404 => assert!(!route.methods.contains(asked) || route.path.contains('*'), "{what}"),
                405 => assert!(!route.methods.contains(&method), "{what}"),
                other => panic!("{what}: {other} {}", page.text),
            }
            tried += 1;
        }
    }
    tried
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_session_there_is_nothing_to_see_and_to_do() {
    let (server, mut ann, real) = furnished().await;
    every_page_is_there(&mut ann, &real).await;
    let rows = server.rows().await;
    let asked = server.simulator.stats(OPERATOR).requests;
    let token = ann.cookies["simgauge_session"].clone();
    let forged = [
        ("none", None),
        ("made up", Some("5a".repeat(32))),
        ("what the store knows it by", Some(hex::encode(Sha256::digest(token.as_bytes())))),
        ("cut", Some(token[..63].to_owned())),
        ("in capitals", Some(token.to_uppercase())),
        ("sql", Some("' OR '1'='1".to_owned())),
        ("like", Some("%".to_owned())),
    ];
    let mut tried = 0;
    for (who, cookie) in forged {
        let mut stranger = Browser::new(&server);
        stranger.cookies.extend(cookie.map(|cookie| ("simgauge_session".to_owned(), cookie)));
        tried += try_all(&mut stranger, &real, who).await;
    }
    server.assert_rows(&rows).await;
    assert_eq!(server.simulator.stats(OPERATOR).requests, asked);
    println!("{tried} tries on {} routes", routes().len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_over_opens_nothing() {
    let (server, mut ann, real) = furnished().await;
    let mut disabled = Browser::of(&server, "eve").await;
    server.store().set_admin_disabled("eve", true).await.unwrap();
    let mut out = Browser::of(&server, "ann").await;
    let cookies = out.cookies.clone();
    out.submit("/console", "/console/logout", &[]).await.expect(303);
    out.cookies = cookies;
    // A new password ends what the old one began.
    let mut changed = Browser::of(&server, "bob").await;
    let hash = password::hash(&"another password".into()).unwrap();
    server.store().set_admin_password("bob", &hash).await.unwrap();
    let mut rows = server.rows().await;
    for (who, browser) in [("disabled", &mut disabled), ("logged out", &mut out), ("changed", &mut changed)] {
        try_all(browser, &real, who).await;
    }
    server.assert_rows(&rows).await;
    // Enabled again, they have to log in again.
    server.store().set_admin_disabled("eve", false).await.unwrap();
    disabled.get("/console/cards").await.expect(303);
    ann.get("/console/cards").await.expect(200);
    server.travel_to(13 * 3600);
    rows = server.rows().await;
    try_all(&mut ann, &real, "run out").await;
    server.assert_rows(&rows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_look_changes_nothing_by_any_route() {
    let (server, _, real) = furnished().await;
    let mut bob = Browser::of(&server, "bob").await;
    every_page_is_there(&mut bob, &real).await;
    let csrf = bob.get("/console").await.csrf();
    let rows = server.rows().await;
    let asked = server.simulator.stats(OPERATOR).requests;
    server.travel_to(301);
    for route in routes() {
        for method in METHODS {
            if route.is_for_all(&method) || matches!(method, Method::GET | Method::HEAD) {
                continue;
            }
            let path = real.path(&route);
            let form = [("csrf", csrf.as_str()), ("account", "acme"), ("mode", "good_rows"), ("note", "x")];
            let page = bob.ask(method.clone(), &path, &form).await;
            let expected: &[u16] = if route.methods.contains(&method) { &[403] } else { &[404, 405] };
            assert!(expected.contains(&page.status), "{method} {path}: {}", page.status);
        }
    }
    bob.upload(&csrf, "cards.csv", &format!("iccid,account,operator_account\n{ICCID},other,main\n"))
        .await
        .expect(403);
    server.assert_rows(&rows).await;
    assert_eq!(server.simulator.stats(OPERATOR).requests, asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_without_its_own_token_changes_nothing_by_any_route() {
    let (server, mut ann, real) = furnished().await;
    let own = ann.get("/console").await.csrf();
    let eves = Browser::of(&server, "eve").await.get("/console").await.csrf();
    let visit = Browser::new(&server).get("/console/login").await.csrf();
    let session = ann.cookies["simgauge_session"].clone();
    let rows = server.rows().await;
    server.travel_to(301);
    let mut tried = 0;
    for route in routes().iter().filter(|route| route.methods.contains(&Method::POST)) {
        let path = real.path(route);
        let tokens =
            ["", "0", eves.as_str(), visit.as_str(), session.as_str(), &own[..63], &own.to_uppercase()];
        for token in tokens {
            let form = [
                ("csrf", token),
                ("account", "acme"),
                ("mode", "good_rows"),
                ("name", "ann"),
                ("password", PASSWORD),
            ];
            let page = ann.post(&path, &form).await;
            // The upload wants another kind of form; a forged one is none.
            let expected = if route.path == "/console/import" { 400 } else { 403 };
            assert_eq!(page.status, expected, "{path} with {token:?}");
            if route.path == "/console/import" {
                ann.upload(token, "x.csv", "iccid,account,operator_account\n").await.expect(403);
            }
            tried += 1;
        }
        // The token counts in the form, nowhere else; and it comes first, before what somebody put after it.
        let elsewhere = format!("{path}?csrf={own}");
        let page = ann.post(&elsewhere, &[("csrf", ""), ("csrf", &own), ("account", "acme")]).await;
        assert!(matches!(page.status, 400 | 403), "{elsewhere}: {}", page.status);
    }
    server.assert_rows(&rows).await;
    ann.get("/console").await.expect(200);
    println!("{tried} forged forms");
}
