//! Getting in, staying in, being kept out.

use super::browser::{Browser, PASSWORD, admins};
use crate::support::{ICCID, LANE, server};
use simgauge_store::AdminRole;
use std::time::Duration;

const ANN: &[(&str, AdminRole)] = &[("ann", AdminRole::Full)];

/// Every page and file that somebody has to be logged in for.
const PAGES: &[&str] = &[
    "/console",
    "/console/events",
    "/console/cards",
    "/console/cards.csv",
    "/console/cards/8988308650100524999",
    "/console/cards/8988308650100524999/events",
    "/console/cards/8988308650100524999/readings.csv",
    "/console/refreshes",
    "/console/refreshes/events",
    "/console/refreshes.csv",
    "/console/suspects",
    "/console/suspects.csv",
    "/console/operators",
    "/console/operators/events",
    "/console/operators.csv",
    "/console/apps",
    "/console/apps.csv",
    "/console/notifications",
    "/console/notifications.csv",
    "/console/import",
    "/console/import/x",
    "/console/import/x/events",
    "/console/import/x/errors.csv",
];

/// Every way to change something.
const ACTIONS: &[&str] = &[
    "/console/cards/8988308650100524999/refresh",
    "/console/cards/8988308650100524999/suspects/accept",
    "/console/cards/8988308650100524999/reverse-period",
    "/console/suspects/accept",
    "/console/suspects/reject/lane",
    "/console/operators/main/pause",
    "/console/operators/main/resume",
    "/console/operators/main/retry",
    "/console/apps",
    "/console/apps/k/rotate",
    "/console/apps/k/disable",
    "/console/apps/k/enable",
    "/console/notifications/x/replay",
    "/console/notifications/replay-dead",
    "/console/import",
    "/console/import/x",
];

/// Paths that nobody has to be logged in for, or that show nothing.
const OPEN: &[&str] =
    &["/console/login", "/console/logout", "/console/preferences", "/console/{*rest}", "/console/"];

/// Whether a path fits a pattern of the router.
fn fits(path: &str, pattern: &str) -> bool {
    let (path, pattern): (Vec<_>, Vec<_>) = (path.split('/').collect(), pattern.split('/').collect());
    let is_same = |(part, wanted): (&&str, &&str)| part == wanted || wanted.starts_with('{');
    path.len() == pattern.len() && path.iter().zip(&pattern).all(is_same)
}

#[test]
fn every_path_of_the_router_is_tried() {
    let router = include_str!("../../../../console/src/router.rs");
    let patterns: Vec<&str> =
        router.split(".route(\"").skip(1).filter_map(|route| route.split('"').next()).collect();
    assert!(patterns.len() > 30, "{patterns:?}");
    for pattern in patterns {
        let tried = PAGES.iter().chain(ACTIONS).any(|path| fits(path, pattern));
        let is_open = OPEN.contains(&pattern) || pattern.starts_with("/console/assets/");
        assert!(tried || is_open, "add {pattern} to PAGES or ACTIONS");
    }
}

#[tokio::test]
async fn nothing_is_shown_to_strangers_and_every_answer_has_the_headers() {
    let server = server().start().await;
    admins(&server, ANN).await;
    let mut stranger = Browser::new(&server);
    for path in PAGES {
        let page = stranger.get(path).await.expect(303);
        assert!(page.location().starts_with("/console/login"), "{path}: {}", page.location());
    }
    let mut ann = Browser::of(&server, "ann").await;
    let assets = ann.get("/console").await.text;
    let (_, style) = assets.split_once("rel=\"stylesheet\" href=\"").unwrap();
    let style = style.split('"').next().unwrap();
    for path in
        ["/console", "/console/login", "/console/cards", "/console/nothing", "/console/cards/1", style]
    {
        let page = ann.get(path).await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{path}");
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
        ] {
            assert_eq!(page.headers[name], value, "{path}");
        }
        if path != style {
            assert_eq!(page.headers["cache-control"], "no-store", "{path}");
            // The policy would stop these, and with them what they are for.
            for inline in ["<style", " style=", "<script>", "onclick=", "javascript:"] {
                assert!(!page.text.contains(inline), "{path}: {inline}");
            }
        }
    }
    assert!(
        ann.get(style).await.expect(200).headers["cache-control"].to_str().unwrap().contains("immutable")
    );
    assert_eq!(ann.get("/console/nothing").await.status, 404);
    assert_eq!(ann.get("/console/cards/1").await.status, 404);
}

#[tokio::test]
async fn logging_in_and_out() {
    let server = server().start().await;
    let mut ann = Browser::new(&server);
    assert!(ann.get("/console/login").await.text.contains("simgauge admin create"), "nobody can log in yet");
    admins(&server, ANN).await;
    // The page that was asked for is the one that comes after.
    let asked = ann.get("/console/cards?q=1").await.expect(303).location().to_owned();
    let csrf = ann.get(&asked).await.expect(200).csrf();
    let form = |csrf: &str, next: &str, password: &str| {
        [("csrf", csrf), ("name", "ann"), ("password", password), ("next", next)]
            .map(|(a, b)| (a, b.to_owned()))
    };
    let send = async |browser: &mut Browser, form: [(&str, String); 4]| {
        let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/console/login", &fields).await
    };
    let wrong = send(&mut ann, form(&csrf, "/console", "wrong password")).await.expect(401);
    assert!(wrong.text.contains("Name or password is wrong."));
    let page = send(&mut ann, form(&csrf, "/console/cards?q=1", PASSWORD)).await.expect(303);
    assert_eq!(page.location(), "/console/cards?q=1");
    let cookie =
        page.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect::<Vec<_>>();
    let session = cookie.iter().find(|line| line.starts_with("simgauge_session=")).unwrap();
    assert!(session.contains("HttpOnly") && session.contains("SameSite=Lax") && !session.contains("Secure"));
    let token = ann.cookies["simgauge_session"].clone();
    assert!(server.store().session(&token).await.unwrap().is_none(), "the store knows it by its hash only");
    ann.get("/console/cards").await.expect(200);

    let out = ann.submit("/console", "/console/logout", &[]).await.expect(303);
    assert_eq!(out.location(), "/console/login?done=logged_out");
    assert!(!ann.cookies.contains_key("simgauge_session"));
    ann.cookies.insert("simgauge_session".into(), token);
    ann.get("/console/cards").await.expect(303);

    // Nobody is sent elsewhere.
    let csrf = ann.get("/console/login").await.csrf();
    let page = send(&mut ann, form(&csrf, "https://evil.example/", PASSWORD)).await.expect(303);
    assert_eq!(page.location(), "/console");
}

#[tokio::test]
async fn guessing_is_slowed_down_until_the_time_is_over() {
    let server = server().start().await;
    admins(&server, ANN).await;
    let mut eve = Browser::new(&server);
    for _ in 0..5 {
        eve.log_in("ann", "not her password").await.expect(401);
    }
    let page = eve.log_in("ann", PASSWORD).await.expect(429);
    assert!(page.headers.contains_key("retry-after") && page.text.contains("Too many failed log-ins"));
    server.travel_to(15 * 60 + 1);
    eve.log_in("ann", PASSWORD).await.expect(303);
    // Unknown people get the same answer.
    let unknown = Browser::new(&server).log_in("nobody", PASSWORD).await.expect(401);
    assert!(unknown.text.contains("Name or password is wrong."));
}

#[tokio::test]
async fn a_session_ends_by_silence_by_age_and_by_the_command_line() {
    let server = server().configure(|config| config.console.session_hours = 1).start().await;
    admins(&server, &[("ann", AdminRole::Full), ("bob", AdminRole::Full)]).await;
    let mut ann = Browser::of(&server, "ann").await;
    for minutes in [20, 40, 59] {
        server.travel_to(minutes * 60);
        ann.get("/console").await.expect(200);
    }
    server.travel_to(61 * 60);
    ann.get("/console").await.expect(303);

    let mut ann = Browser::of(&server, "ann").await;
    server.travel_to(61 * 60 + 29 * 60);
    ann.get("/console").await.expect(200);
    let mut bob = Browser::of(&server, "bob").await;
    server.travel_to(61 * 60 + 60 * 60 - 1);
    ann.get("/console").await.expect(303);

    server.store().set_admin_disabled("bob", true).await.unwrap();
    bob.get("/console").await.expect(303);
    bob.log_in("bob", PASSWORD).await.expect(401);
}

#[tokio::test]
async fn forms_of_others_are_refused_and_change_nothing() {
    let server = server().start().await;
    admins(&server, &[("ann", AdminRole::Full), ("bob", AdminRole::Full)]).await;
    let mut ann = Browser::of(&server, "ann").await;
    let bobs = Browser::of(&server, "bob").await.get("/console").await.csrf();
    let own = ann.get("/console").await.csrf();
    for path in ACTIONS.iter().chain(&["/console/logout", "/console/preferences"]) {
        for csrf in ["", "0", bobs.as_str()] {
            let page = ann.post(path, &[("csrf", csrf), ("account", "acme"), ("mode", "good_rows")]).await;
            assert!(matches!(page.status, 400 | 403), "{path}: {}", page.status);
        }
        // Another site's page that somehow has the token.
        ann.always.push(("sec-fetch-site", "cross-site".into()));
        let page = ann.post(path, &[("csrf", &own), ("account", "acme")]).await;
        assert_eq!(page.status, 403, "{path}");
        ann.always.pop();
    }
    ann.upload(&bobs, "cards.csv", "iccid,account,operator_account\n").await.expect(403);
    ann.get("/console").await.expect(200);
    assert!(server.store().lane_pauses().await.unwrap().is_empty());
    assert!(server.refreshes_of(ICCID, 1).await.unwrap().is_empty());
    assert_eq!(server.store().app("k").await.unwrap().unwrap().disabled, 0);
    assert_eq!(server.store().apps().await.unwrap().len(), 3);
}

#[tokio::test]
async fn who_may_only_look_cannot_act() {
    let server = server().start().await;
    admins(&server, &[("bob", AdminRole::ReadOnly)]).await;
    let mut bob = Browser::of(&server, "bob").await;
    let csrf = bob.get("/console").await.csrf();
    for path in ACTIONS {
        let page = bob.post(path, &[("csrf", &csrf), ("account", "acme"), ("mode", "good_rows")]).await;
        assert_eq!(page.status, 403, "{path}");
        assert!(page.text.contains("read only"), "{path}");
    }
    bob.upload(&csrf, "cards.csv", "iccid,account,operator_account\n").await.expect(403);
    for path in ["/console/operators", "/console/apps", "/console/import"] {
        let text = bob.get(path).await.expect(200).text;
        for action in ["/pause", "/rotate", "action=\"/console/apps\"", "multipart"] {
            assert!(!text.contains(action), "{path} offers {action}");
        }
    }
    assert!(!server.store().is_lane_paused(LANE).await.unwrap());
    // Their own session and preferences are theirs.
    bob.submit("/console", "/console/preferences", &[("theme", "dark")]).await.expect(303);
    bob.submit("/console", "/console/logout", &[]).await.expect(303);
}

#[tokio::test]
async fn language_and_theme_are_kept() {
    let server = server().start().await;
    admins(&server, ANN).await;
    let mut ann = Browser::of(&server, "ann").await;
    assert!(ann.get("/console").await.text.contains("<html lang=\"en\" data-theme=\"auto\">"));
    let preferences = [("language", "zh"), ("back", "/console/cards")];
    assert_eq!(
        ann.submit("/console", "/console/preferences", &preferences).await.expect(303).location(),
        "/console/cards"
    );
    ann.submit("/console", "/console/preferences", &[("theme", "dark"), ("back", "//evil.example")])
        .await
        .expect(303);
    let page = ann.get("/console/cards").await;
    assert!(page.text.contains("<html lang=\"zh-CN\" data-theme=\"dark\">") && page.text.contains("总览"));
}

#[tokio::test]
async fn it_can_be_kept_apart_or_off() {
    let mut server = server().configure(|config| config.console.enabled = false).start().await;
    assert_eq!(Browser::new(&server).get("/console").await.status, 404);
    server.stop().await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    server.config.console.enabled = true;
    server.config.console.listen = free.to_string();
    server.start().await;
    assert_eq!(Browser::new(&server).get("/console").await.status, 404, "the API's listener has none");
    server.url = format!("http://{free}");
    admins(&server, ANN).await;
    Browser::of(&server, "ann").await.get("/console/cards").await.expect(200);
    let began = std::time::Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(10));
}
