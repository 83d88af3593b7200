//! A customer's `notify_url` as a way into the house: every way to write an address that is not public is
//! refused when it is set, and again when something is to be delivered, as an older configuration or another
//! program may have left it there. Nothing connects.

use crate::support::receiver::{Mode, Receiver};
use crate::support::{Database, SECRET, TestServer, import, row, server};
use rstest::rstest;
use serde_json::json;
use simgauge::config::Config;
use simgauge_domain::target_policy::TargetPolicy;
use simgauge_domain::target_policy::check;
use simgauge_store::NotificationView;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Hosts of this machine or of a network that is not public, in every way to write them.
/// `https://HOST:PORT/` and more is made of each.
const HOSTS: &[&str] = &[
    // This machine.
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "0",
    "0.0.0.0",
    "0.0.0.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.0x0.0.01",
    "00000177.0.0.1",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "①②⑦.⓪.⓪.①",
    "１２７.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "127｡0｡0｡1",
    "0x7F｡1",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "a.localhost",
    "localhost。",
    "ｌｏｃａｌｈｏｓｔ",
    "loc%61lhost",
    "ⓛocalhost",
    "lo\u{ad}calhost",
    // Clouds' own, and what is like them.
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "192.0.0.192",
    // Private, shared, reserved, multicast.
    "10.0.0.1",
    "10.1",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.1",
    "3232235521",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::1]",
    "[2002:c0a8:1::]",
    "[fec0::1]",
];

/// Whole addresses, with `PORT` where somebody listens.
const ADDRESSES: &[&str] = &[
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "ftp://127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/_x",
    "dict://127.0.0.1:PORT/",
    "ldap://127.0.0.1:PORT/",
    "data:,x",
    "javascript:alert(1)",
    "ws://127.0.0.1:PORT/",
    "unix:///var/run/docker.sock",
    "jar:https://127.0.0.1:PORT/!/",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "http://127.0.0.1:PORT/",
    "HTTP://127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "127.0.0.1:PORT",
    "https:127.0.0.1:PORT",
    "https:/127.0.0.1:PORT/",
    "https:\\\\127.0.0.1:PORT\\",
    "https:///127.0.0.1:PORT/",
    " https://127.0.0.1:PORT/ ",
    "\thttps://127.0.0.1:PORT/",
    "ht\ntps://127.0.0.1:PORT/",
    "https://127.0.0.1\n:PORT/",
    "https://127.0.0.1:PORT\r\nx: y/",
    "https://user@127.0.0.1:PORT/",
    "https://example.com@127.0.0.1:PORT/",
    "https://example.com:80@127.0.0.1:PORT/",
    "https://127.0.0.1:PORT@example.com/",
    "https://127.0.0.1:PORT#@example.com/",
    "https://127.0.0.1:PORT?@example.com/",
    "https://127.0.0.1:PORT\\@example.com/",
    "https://:@127.0.0.1:PORT/",
    "https://127.0.0.1:PORT/https://example.com/",
    "https://127.0.0.1 example.com:PORT/",
    "https://127.0.0.1\0.example.com:PORT/",
    "https://127.0.0.1%00.example.com:PORT/",
    "https://127.0.0.1%0d%0a:PORT/",
    "https://[::1%25lo]:PORT/",
    "https://[::1]example.com:PORT/",
    "https://127.0.0.1:99999/",
    "https://:PORT/",
    "https://",
    "https://1.2.3.4.5:PORT/",
    "https://0x7f000001.:PORT/",
    "https://127.0.0.1:0/",
    "https://256.0.0.1:PORT/",
];

/// Listens on every address of this machine, and counts who connects.
struct Ears(Vec<TcpListener>);

impl Ears {
    fn open() -> (Self, u16) {
        let all = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = all.local_addr().unwrap().port();
        // Where there is IPv6.
        let six = TcpListener::bind(("::1", port)).ok();
        let ears: Vec<TcpListener> = std::iter::once(all).chain(six).collect();
        ears.iter().for_each(|ear| ear.set_nonblocking(true).unwrap());
        (Self(ears), port)
    }

    fn heard_nothing(&self) {
        for ear in &self.0 {
            let heard = ear.accept();
            assert!(heard.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "{heard:?}");
        }
    }
}

fn all(port: u16) -> Vec<String> {
    let forms = ["https://HOST:PORT/", "https://HOST:PORT/hook?token=t0ken", "https://HOST/"];
    let of_hosts = HOSTS.iter().flat_map(|host| forms.map(|form| form.replace("HOST", host)));
    let whole = ADDRESSES.iter().map(|address| (*address).to_owned());
    of_hosts.chain(whole).map(|url| url.replace("PORT", &port.to_string())).collect()
}

/// The names that this machine knows by itself and that lead to where nobody from outside may come.
fn names_of_this_machine() -> Vec<String> {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let homes = lines
        .filter(|line| ["127.", "::1", "10.", "172.", "192.168."].iter().any(|net| line.starts_with(net)));
    homes.flat_map(|line| line.split_whitespace().skip(1).map(str::to_owned)).collect()
}

fn quick(config: &mut Config) {
    config.notify.poll_seconds = 0.05;
    config.notify.pauses_seconds = vec![3600.0];
    config.notify.timeout_seconds = 5.0;
}

/// An account, an app and a card for each address; the addresses unchecked. Answers once every notification
/// was tried.
async fn deliver(server: &mut TestServer, urls: &[String]) -> Vec<NotificationView> {
    let store = server.store();
    let sealer = server.config.sealer().unwrap();
    let (mut rows, now) = (Vec::new(), server.clock.now());
    for (n, url) in urls.iter().enumerate() {
        let name = format!("a{n}");
        store.create_account(&name, "en", now).await.unwrap();
        store.create_app(&name, &name, "", &sealer.seal(SECRET, &name).unwrap(), now).await.unwrap();
        let mut settings = store.notification_prefs(&name).await.unwrap();
        // PostgreSQL holds no NUL, so no address has one there.
        settings.url = Some(url.replace('\0', ""));
        store.set_notification_prefs(&settings).await.unwrap();
        let card = format!("89860000000002{n:05}");
        rows.push(row(&card, &card, &name));
    }
    import(store, &rows).await;
    server.stop().await;
    server.start().await;
    for (n, row) in rows.iter().enumerate() {
        let body = server.signed_as(&format!("a{n}"), json!({ "iccid": row.number })).to_string();
        server.post("/api/v3/card/refreshUsage", body).await.expect("200");
    }
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let list = server.store().notifications(None, None, 10_000).await.unwrap();
        if list.len() == urls.len() && list.iter().all(|one| one.attempts > 0) {
            return list;
        }
        assert!(Instant::now() < deadline, "{} of {}: {list:#?}", list.len(), urls.len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_write_an_address_at_home_is_refused(
    #[values((false, Database::Sqlite), (true, Database::Postgres))] (allow_http, database): (bool, Database),
) {
    let (ears, port) = Ears::open();
    let mut urls = all(port);
    if allow_http {
        // That http is allowed does not allow private addresses.
        urls.extend(
            all(port).into_iter().filter_map(|url| Some(format!("http://{}", url.strip_prefix("https://")?))),
        );
    }
    let policy = TargetPolicy { allow_private: false, allow_http };
    for url in &urls {
        let refused = check(url, policy);
        assert!(refused.is_err(), "{url:?} may be set: {refused:?}");
    }
    let names = names_of_this_machine();
    assert!(names.iter().any(|name| name == "localhost"), "{names:?}");
    urls.extend(names.iter().map(|name| format!("https://{name}:{port}/")));
    urls.extend(names.iter().map(|name| format!("https://{name}.:{port}/")));
    let mut server = server()
        .database(database)
        .configure(move |config| {
            quick(config);
            config.notify.allow_http = allow_http;
        })
        .start()
        .await;
    let list = deliver(&mut server, &urls).await;
    ears.heard_nothing();
    for one in &list {
        let error = one.last_error.as_deref().unwrap_or_else(|| panic!("delivered: {one:?}"));
        for leak in ["127.", "t0ken", "localhost", "example", "passwd", &port.to_string()] {
            assert!(!error.contains(leak), "{error}");
        }
    }
    println!("{} addresses", urls.len());
}

/// A receiver that is allowed redirects to each private address, with each status.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_leads_nowhere() {
    let (ears, port) = Ears::open();
    let mut receivers = Vec::new();
    let targets =
        ["http://127.0.0.1:PORT/", "http://[::1]:PORT/", "http://localhost:PORT/", "//127.0.0.1:PORT/"];
    for target in targets {
        for status in [301, 302, 303, 307, 308] {
            let receiver = Receiver::start().await;
            receiver.set(Mode::Redirect(status, target.replace("PORT", &port.to_string())));
            receivers.push(receiver);
        }
    }
    let urls: Vec<String> = receivers.iter().map(Receiver::url).collect();
    let mut server = server()
        .configure(|config| {
            quick(config);
            config.notify.allow_private = true;
            config.notify.allow_http = true;
        })
        .start()
        .await;
    let list = deliver(&mut server, &urls).await;
    ears.heard_nothing();
    for one in list {
        assert!(
            one.last_error.as_deref().unwrap_or_default().contains("redirects are not followed"),
            "{one:?}"
        );
    }
    for receiver in receivers {
        assert_eq!(receiver.received().len(), 1);
    }
}
