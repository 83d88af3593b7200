//! Notifications over real sockets, to receivers that live, fail, hang, redirect, or are not
//! allowed.

use crate::support::process::Process;
use crate::support::receiver::{Mode, Received, Receiver};
use crate::support::{
    Builder, Database, EID, ICCID, OPERATOR, OTHERS_ICCID, SECRET, TestServer, import, row, server,
};
use rstest::rstest;
use serde_json::{Value, json};
use simgauge::app::App;
use simgauge::cli::Output;
use simgauge::cli::notification::{self, NotificationCommand};
use simgauge::config::Config;
use simgauge_admin::{Actor, Administration};
use simgauge_client::verify_notification;
use simgauge_store::{NotificationState, NotificationView};
use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(20);

/// May post to this machine, in tenths of seconds instead of seconds.
fn may_post_to_this_machine(config: &mut Config) {
    config.notify.allow_private = true;
    config.notify.allow_http = true;
    config.notify.poll_seconds = 0.05;
    config.notify.pauses_seconds = vec![0.05, 0.1, 0.2];
}

fn notifying_server() -> Builder {
    server().configure(may_post_to_this_machine)
}

impl TestServer {
    /// Sets where an account is notified, unchecked as an older configuration may have left it.
    async fn set_notify_url(&self, account: &str, url: Option<&str>) {
        let mut settings = self.store().notification_prefs(account).await.unwrap();
        settings.url = url.map(str::to_owned);
        self.store().set_notification_prefs(&settings).await.unwrap();
    }

    /// Waits until the notifications of an account are as wanted.
    async fn wait_for_notifications(
        &self,
        account: &str,
        wanted: impl Fn(&[NotificationView]) -> bool,
    ) -> Vec<NotificationView> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let list = self.store().notifications(Some(account), None, 1000).await.unwrap();
            if wanted(&list) {
                return list;
            }
            assert!(Instant::now() < deadline, "not in time: {list:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn refresh_and_wait(&self, iccid: &str) -> Value {
        let id = self.refresh_sim(iccid).await.refresh_id();
        self.ended(&id, TIMEOUT).await
    }
}

fn all_in(state: NotificationState, count: usize) -> impl Fn(&[NotificationView]) -> bool {
    move |list| list.len() == count && list.iter().all(|one| one.state == state)
}

/// The independent implementation of the rule, in another language.
fn python_verifies(raw: &str, secret: &str) -> bool {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/verify_notification.py");
    let mut child =
        Command::new("python3").args([script, secret]).stdin(Stdio::piped()).spawn().expect("python3");
    child.stdin.take().unwrap().write_all(raw.as_bytes()).unwrap();
    child.wait().unwrap().success()
}

fn verify(server: &TestServer, one: &Received) {
    let now = server.clock.now().seconds();
    let window = Duration::from_secs(300);
    let value = verify_notification(one.raw.as_bytes(), &SECRET.into(), now, window).unwrap();
    assert_eq!(value, one.value);
    assert!((10_000..=99_999).contains(&value["nonce"].as_u64().unwrap()));
    assert!(python_verifies(&one.raw, SECRET), "{}", one.raw);
    assert!(!python_verifies(&one.raw, "another secret"));
    assert!(!python_verifies(&one.raw.replace("usage.", "usage_"), SECRET));
}

/// Each card's notifications were taken in the order of their refreshes.
fn assert_in_order(taken: &[Received]) {
    let mut last: HashMap<&str, i64> = HashMap::new();
    for one in taken {
        let accepted_at = one.value["acceptedAt"].as_i64().unwrap();
        let before = last.insert(one.card(), accepted_at);
        assert!(before.is_none_or(|before| before < accepted_at), "{taken:#?}");
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notifications_are_signed_and_say_what_happened(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let server = notifying_server().database(database).start().await;
    let receiver = Receiver::start().await;
    server.set_notify_url("acme", Some(&receiver.url())).await;
    server.simulator.set_usage(OPERATOR, ICCID, 7_000);
    let report = server.refresh_and_wait(ICCID).await;
    let notification = receiver.wait_taken(1, TIMEOUT).await.remove(0);
    verify(&server, &notification);
    let value = &notification.value;
    assert_eq!((notification.text("event"), notification.card()), ("usage.refreshed", ICCID));
    for name in ["refreshId", "acceptedAt", "finishedAt"] {
        assert_eq!(value[name], report[name], "{name}");
    }
    assert_eq!(value["usedBytes"], 7_000);
    assert!(value.as_object().unwrap().values().all(|value| !value.is_object() && !value.is_array()), "flat");

    server.simulator.set_unknown(OPERATOR, ICCID, true);
    server.travel_to(301);
    let report = server.refresh_and_wait(ICCID).await;
    let notification = receiver.wait_taken(2, TIMEOUT).await.remove(1);
    verify(&server, &notification);
    assert_eq!(
        (notification.text("event"), notification.text("reason")),
        ("usage.refresh_failed", "not_found")
    );
    assert_eq!(notification.value["reasonText"], report["reasonText"], "in the account's language");

    let body = server.signed(json!({ "eid": EID })).to_string();
    server.post("/api/v3/cloudesim/refreshUsage", body).await.expect("200");
    let notification = receiver.wait_taken(3, TIMEOUT).await.remove(2);
    verify(&server, &notification);
    assert_eq!((notification.text("eid"), &notification.value["iccid"]), (EID, &Value::Null));

    // Another account that wants no notifications gets none.
    let body = server.signed_as("k2", json!({ "iccid": OTHERS_ICCID, "wait": 8 })).to_string();
    assert_eq!(server.post("/api/v3/card/refreshUsage", body).await.expect("200")["state"], "succeeded");
    server.wait_for_notifications("acme", all_in(NotificationState::Delivered, 3)).await;
    assert!(server.store().notifications(Some("other"), None, 10).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_fails_for_a_while_gets_everything_in_order_per_card() {
    let server = notifying_server().start().await;
    let receiver = Receiver::start().await;
    server.set_notify_url("acme", Some(&receiver.url())).await;
    let numbers = server.add_cards(4).await;
    receiver.set(Mode::Answer(500));
    for round in 0..3 {
        server.travel_to(round * 301);
        for number in &numbers {
            server.refresh_and_wait(number).await;
        }
    }
    assert!(receiver.taken().is_empty());
    receiver.wait(TIMEOUT, |list| list.len() > 20).await;
    let first: HashSet<String> =
        receiver.received().iter().map(|one| one.text("eventId").to_owned()).collect();
    assert_eq!(first.len(), 4, "only the oldest of each card is tried");
    receiver.refuse(&numbers[0], true);
    receiver.set(Mode::Answer(204));
    let taken = receiver.wait_taken(9, TIMEOUT).await;
    assert!(taken.iter().filter(|one| one.taken).all(|one| one.card() != numbers[0]), "one card held back");
    receiver.refuse(&numbers[0], false);
    receiver.wait_taken(12, TIMEOUT).await;
    server.wait_for_notifications("acme", all_in(NotificationState::Delivered, 12)).await;
    let taken = receiver.taken();
    assert_eq!(taken.len(), 12, "each once");
    assert_in_order(&taken);
    verify(&server, taken.last().unwrap());
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_delivered_before_a_crash_arrives_after_it(
    #[values(Database::Sqlite, Database::Postgres)] database: Database,
) {
    let mut server = notifying_server().database(database).start().await;
    let receiver = Receiver::start().await;
    server.set_notify_url("acme", Some(&receiver.url())).await;
    let numbers = server.add_cards(8).await;
    server.stop().await;
    // The first attempts hang: the crash comes after the readings and before any notification was taken.
    receiver.set(Mode::Hang);
    let dir = tempfile::tempdir().unwrap();
    let process = Process::serve(&server, dir.path());
    let own = std::mem::replace(&mut server.url, process.url.clone());
    for number in &numbers {
        server.refresh_and_wait(number).await;
    }
    receiver.wait(TIMEOUT, |list| !list.is_empty()).await;
    // Which is kill -9.
    drop(process);
    server.url = own;
    receiver.set(Mode::Answer(200));
    server.start().await;
    receiver.wait_taken(numbers.len(), TIMEOUT).await;
    server.wait_for_notifications("acme", all_in(NotificationState::Delivered, numbers.len())).await;
    let events = |list: &[Received]| -> HashSet<String> {
        list.iter().map(|one| one.text("eventId").to_owned()).collect()
    };
    assert_eq!(events(&receiver.taken()).len(), numbers.len(), "one event for each refresh");
    assert_eq!(events(&receiver.received()), events(&receiver.taken()), "tried again under the same eventId");
    let cards: HashSet<String> = receiver.taken().iter().map(|one| one.card().to_owned()).collect();
    assert_eq!(cards.len(), numbers.len());
}

/// The crash between the receiver's 200 and our record of it: delivered again, under the same eventId.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_that_was_not_recorded_is_repeated_under_the_same_event_id() {
    let server = notifying_server().start().await;
    let receiver = Receiver::start().await;
    server.set_notify_url("acme", Some(&receiver.url())).await;
    server.refresh_and_wait(ICCID).await;
    let delivered = server.wait_for_notifications("acme", all_in(NotificationState::Delivered, 1)).await;
    server.store().replay_notification(&delivered[0].id, server.clock.now()).await.unwrap();
    let taken = receiver.wait_taken(2, TIMEOUT).await;
    assert_eq!(taken[0].value["eventId"], taken[1].value["eventId"]);
    let signs: HashSet<&str> = taken.iter().map(|one| one.text("sign")).collect();
    assert_eq!(signs.len(), 2, "signed anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_addresses_are_refused_and_nothing_connects() {
    let server = server().configure(|config| config.notify.poll_seconds = 0.05).start().await;
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    for (n, (url, why)) in [
        (format!("http://127.0.0.1:{port}/?token=t0ken"), "https"),
        (format!("https://127.0.0.1:{port}/?token=t0ken"), "public"),
        (format!("https://localhost:{port}/?token=t0ken"), "public"),
        (format!("https://2130706433:{port}/?token=t0ken"), "public"),
        (format!("https://user:geheim@example.com:{port}/"), "password"),
    ]
    .into_iter()
    .enumerate()
    {
        server.travel_to(301 * i64::try_from(n).unwrap());
        server.set_notify_url("acme", Some(&url)).await;
        server.refresh_and_wait(ICCID).await;
        let list = server.wait_for_notifications("acme", |list| list[0].last_error.is_some()).await;
        let error = list[0].last_error.as_deref().unwrap();
        assert!(error.contains(why), "{url}: {error}");
        // Out of the way of the next one.
        server.set_notify_url("acme", None).await;
        server.store().replay_notification(&list[0].id, server.clock.now()).await.unwrap();
        server.wait_for_notifications("acme", all_in(NotificationState::Dead, n + 1)).await;
    }
    assert!(receiver.received().is_empty());
    assert_no_secrets(&server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_are_not_followed() {
    let server = notifying_server().start().await;
    let (receiver, inner) = (Receiver::start().await, Receiver::start().await);
    receiver.set(Mode::Redirect(307, inner.url()));
    server.set_notify_url("acme", Some(&receiver.url())).await;
    server.refresh_and_wait(ICCID).await;
    let list = server.wait_for_notifications("acme", |list| list[0].attempts >= 2).await;
    let error = list[0].last_error.as_deref().unwrap();
    assert!(error.contains("307") && error.contains("redirects are not followed"), "{error}");
    assert!(inner.received().is_empty());
    receiver.set(Mode::Answer(200));
    receiver.wait_taken(1, TIMEOUT).await;
    assert_no_secrets(&server).await;
}

async fn assert_no_secrets(server: &TestServer) {
    for one in server.store().notifications(None, None, 1000).await.unwrap() {
        let text = format!("{one:?}");
        for secret in [SECRET, "t0ken", "geheim", "127.0.0.1", "example.com"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hanging_receivers_do_not_slow_a_living_one() {
    let mut server = notifying_server()
        .configure(|config| {
            may_post_to_this_machine(config);
            // So few places that the dead fill them all at their first attempt.
            config.notify.max_in_flight = 8;
            config.notify.timeout_seconds = 60.0;
        })
        .start()
        .await;
    let living = Receiver::start().await;
    server.set_notify_url("acme", Some(&living.url())).await;
    let sealer = server.config.sealer().unwrap();
    let mut dead = Vec::new();
    for n in 0..3 {
        let (account, appkey) = (format!("dead{n}"), format!("d{n}"));
        let now = server.clock.now();
        server.store().create_account(&account, "en", now).await.unwrap();
        let sealed = sealer.seal(SECRET, &appkey).unwrap();
        server.store().create_app(&appkey, &account, "", &sealed, now).await.unwrap();
        let numbers: Vec<String> = (0..6).map(|card| format!("8986000000000{n}2{card:05}")).collect();
        let rows: Vec<_> = numbers.iter().map(|number| row(number, number, &account)).collect();
        import(server.store(), &rows).await;
        let receiver = Receiver::start().await;
        receiver.set(Mode::Hang);
        server.set_notify_url(&account, Some(&receiver.url())).await;
        dead.push((appkey, numbers, receiver));
    }
    // The server knows new apps after a while; a new start knows them at once.
    server.stop().await;
    server.start().await;
    for (appkey, numbers, _) in &dead {
        for number in numbers {
            let body = server.signed_as(appkey, json!({ "iccid": number, "wait": 8 })).to_string();
            server.post("/api/v3/card/refreshUsage", body).await.expect("200");
        }
    }
    for (_, _, receiver) in &dead {
        receiver.wait(TIMEOUT, |list| !list.is_empty()).await;
    }
    let numbers = server.add_cards(20).await;
    let started = Instant::now();
    for (n, number) in numbers.iter().enumerate() {
        server.refresh_sim(number).await.refresh_id();
        living.wait_taken(n + 1, TIMEOUT).await;
    }
    let took = started.elapsed();
    // A dead one is found out after 2 s, not after its 60; from then on nobody waits for it.
    assert!(took < Duration::from_secs(8), "{took:?}");
    let started = Instant::now();
    server.travel_to(301);
    for (n, number) in numbers.iter().enumerate() {
        server.refresh_sim(number).await.refresh_id();
        living.wait_taken(numbers.len() + n + 1, TIMEOUT).await;
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert!(dead.iter().all(|(_, _, receiver)| receiver.taken().is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_after_a_day_and_replayed() {
    let server = notifying_server().start().await;
    let receiver = Receiver::start().await;
    server.set_notify_url("acme", Some(&receiver.url())).await;
    receiver.set(Mode::Answer(503));
    server.refresh_and_wait(ICCID).await;
    server.travel_to(301);
    server.refresh_and_wait(ICCID).await;
    server.wait_for_notifications("acme", |list| list.iter().any(|one| one.attempts > 2)).await;
    server.travel_to(25 * 3600);
    let dead = server.wait_for_notifications("acme", all_in(NotificationState::Dead, 2)).await;
    assert!(dead[0].last_error.as_deref().unwrap().contains("503"), "{dead:?}");
    receiver.set(Mode::Answer(200));
    let admin = Administration::new(server.store(), Actor::command_line("tester"), server.clock.clone());
    let run = async |command| notification::run(command, &admin, &Output { json: true }).await;
    run(NotificationCommand::List { account: None, state: Some(NotificationState::Dead), limit: 10 })
        .await
        .unwrap();
    let nothing = NotificationCommand::Replay { id: Some("nothing".into()), dead: false, account: None };
    assert!(run(nothing).await.is_err());
    run(NotificationCommand::Replay { id: None, dead: true, account: Some("acme".into()) }).await.unwrap();
    receiver.wait_taken(2, TIMEOUT).await;
    server.wait_for_notifications("acme", all_in(NotificationState::Delivered, 2)).await;
    let taken = receiver.taken();
    assert_eq!(taken.len(), 2);
    assert_in_order(&taken);
    verify(&server, &taken[0]);
    server.travel_to((25 + 8 * 24) * 3600);
    server.wait_for_notifications("acme", <[_]>::is_empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_deliver_each_once() {
    let server = notifying_server().database(Database::Postgres).start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let second = App::start(&server.config, listener, server.clock.clone()).await.unwrap();
    let receiver = Receiver::start().await;
    server.set_notify_url("acme", Some(&receiver.url())).await;
    let numbers = server.add_cards(10).await;
    for number in &numbers {
        server.refresh_and_wait(number).await;
    }
    server.wait_for_notifications("acme", all_in(NotificationState::Delivered, 10)).await;
    assert_eq!(receiver.received().len(), 10);
    second.stop().await.unwrap();
}
