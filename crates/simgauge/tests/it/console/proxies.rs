//! The console behind proxies: whom forwarded headers are believed about.

use super::browser::{Browser, PASSWORD, admins};
use crate::support::{ICCID, TestServer, server};
use simgauge::config::Config;
use simgauge_store::AdminRole;
use std::net::IpAddr;
use std::time::Duration;

const HEADER: &str = "x-forwarded-for";
const ANN: &[(&str, AdminRole)] = &[("ann", AdminRole::Full)];

#[tokio::test]
async fn behind_a_trusted_proxy_cookies_are_secure_and_addresses_are_the_visitors() {
    let server = server().configure(trust_loopback).start().await;
    admins(&server, ANN).await;
    let mut ann = Browser::new(&server);
    ann.always.push(("x-forwarded-proto", "https".into()));
    ann.always.push(("x-forwarded-for", "198.51.100.7".into()));
    let page = ann.log_in("ann", PASSWORD).await.expect(303);
    let lines: Vec<&str> =
        page.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert!(
        lines.iter().any(|line| line.starts_with("__Host-simgauge_session=") && line.ends_with("; Secure"))
    );
    assert!(page.headers.contains_key("strict-transport-security"));
    ann.get("/console").await.expect(200);
    // Five failures from there keep nobody out who comes from elsewhere.
    for _ in 0..5 {
        clone_of(&ann, &server).log_in("ann", "wrong password").await.expect(401);
    }
    clone_of(&ann, &server).log_in("ann", PASSWORD).await.expect(429);
    let mut elsewhere = clone_of(&ann, &server);
    elsewhere.always[2].1 = "198.51.100.8".into();
    elsewhere.log_in("ann", PASSWORD).await.expect(303);
}

fn trust_loopback(config: &mut Config) {
    config.console.trusted_proxies = vec!["127.0.0.1".parse::<IpAddr>().unwrap().into()];
}

/// Any program on this machine could write the headers.
#[tokio::test]
async fn without_a_named_proxy_loopback_is_believed_nothing() {
    let server = server().start().await;
    admins(&server, ANN).await;
    let mut last = 0;
    for number in 0..6 {
        let mut browser = Browser::new(&server);
        browser.always.push((HEADER, format!("198.51.100.{number}")));
        browser.always.push(("x-forwarded-proto", "https".into()));
        let page = browser.log_in("ann", "wrong password").await;
        assert!(!page.headers.contains_key("strict-transport-security"));
        last = page.status;
    }
    assert_eq!(last, 429, "all six come from 127.0.0.1");
}

/// What a proxy sends in `X-Forwarded-For`, and who the caller is: unknown behind a malformed hop.
const FORWARDED: &[(&str, Option<&str>)] = &[
    ("198.51.100.1", Some("198.51.100.1")),
    ("1.1.1.1, 198.51.100.2", Some("198.51.100.2")),
    ("nonsense, 198.51.100.3", Some("198.51.100.3")),
    ("198.51.100.4:4711, 127.0.0.1", Some("198.51.100.4")),
    ("198.51.100.5, nonsense", None),
    ("198.51.100.6, nonsense, 127.0.0.1", None),
];

#[tokio::test]
async fn api_and_console_find_the_same_caller_in_forwarded_headers() {
    let server = server()
        .configure(|config| {
            config.api.app_reload_seconds = 1;
            trust_loopback(config);
            config.server.trusted_proxies = config.console.trusted_proxies.clone();
        })
        .start()
        .await;
    // Nobody calls from there, so every refusal names the caller.
    server.store().set_app_allow("k", "203.0.113.0/32").await.unwrap();
    let call = async |forwarded: &str| {
        let request =
            server.request(reqwest::Method::POST, "/api/v3/card/getCardsInfo").header(HEADER, forwarded);
        server.send(request.body(server.signed(serde_json::json!({ "iccid": ICCID })).to_string())).await
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while call("198.51.100.9").await.code() != "403" {
        assert!(tokio::time::Instant::now() < deadline, "the allow-list is not read");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let try_at = async |forwarded: Option<&str>, name: &str| {
        let mut browser = Browser::new(&server);
        browser.always.extend(forwarded.map(|value| (HEADER, value.to_owned())));
        browser.log_in(name, "a wrong password").await.status
    };
    for (number, (forwarded, caller)) in FORWARDED.iter().enumerate() {
        let refused = call(forwarded).await;
        refused.expect("403");
        for address in ["198.51.100.", "127.0.0.1"] {
            let is_named = caller.is_some_and(|caller| caller.starts_with(address));
            assert_eq!(refused.message().contains(address), is_named, "{}", refused.message());
        }
        assert!(caller.is_none_or(|caller| refused.message().contains(caller)), "{}", refused.message());

        let name = format!("nobody-{number}");
        for _ in 0..5 {
            assert_eq!(try_at(Some(forwarded), &name).await, 401, "{forwarded}");
        }
        // The failures count under the caller's address, or under the one of all who are not known.
        assert_eq!(try_at(Some(caller.unwrap_or("unknown")), &name).await, 429, "{forwarded}");
        // They do not count under the proxy's own.
        assert_eq!(try_at(None, &name).await, 401, "{forwarded}");
    }
}

fn clone_of(browser: &Browser, server: &TestServer) -> Browser {
    let mut other = Browser::new(server);
    other.always = browser.always.clone();
    other
}
