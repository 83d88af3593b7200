//! Looking for secrets wherever they could have got to. A server logs everything while secrets are made, used
//! and refused. Then the log, every answer, the metrics, the traces, the database, its copy and the output of
//! commands are searched for each secret as it is, in hex, in base64 and as addresses write it. Who makes a
//! secret is shown it once. It stands nowhere else.

use super::search::{Places, contains};
use super::secret_uses::{
    HOOK_TOKEN, NEVER_SHOWN, admin_again, admin_sees_and_acts, callers, commands, debug_texts, number,
    operator_accounts, operators_and_receivers,
};
use crate::console::browser::admins;
use crate::support::collector::Collector;
use crate::support::process::Process;
use crate::support::receiver::{Mode, Receiver};
use crate::support::{Database, TestServer, import, row, server};
use rstest::rstest;
use simgauge_store::{AdminRole, ImportRow};
use std::path::Path;

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_nowhere(
    #[values(("text", Database::Sqlite), ("json", Database::Postgres))] (format, database): (&str, Database),
) {
    let collector = Collector::start().await;
    let receiver = Receiver::start().await;
    receiver.set(Mode::Answer(500));
    let mut server = server()
        .database(database)
        .configure(|config| {
            config.notify.allow_private = true;
            config.notify.allow_http = true;
        })
        .start()
        .await;
    server.config.operator_accounts = operator_accounts(&server.simulator);
    furnish(&server, &receiver).await;
    let mut places = Places::default();
    debug_texts(&server, &mut places).await;
    server.stop().await;

    let dir = tempfile::tempdir().unwrap();
    let metrics = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let environment = [
        ("SIMGAUGE__LOG__FILTER", "trace"),
        ("SIMGAUGE__LOG__FORMAT", format),
        ("SIMGAUGE__LOG__SLOW_CALL_MS", "1"),
        ("SIMGAUGE__METRICS__LISTEN", &metrics),
        ("SIMGAUGE__TRACE__ENDPOINT", &collector.url),
        ("SIMGAUGE__REFRESH__DEADLINE_SECONDS", "1"),
        ("SIMGAUGE__REFRESH__FIRST_PAUSE_SECONDS", "0.2"),
        ("SIMGAUGE__NOTIFY__POLL_SECONDS", "0.05"),
        ("RUST_BACKTRACE", "full"),
    ];
    let process = Process::serve_in(&server, dir.path(), &server.config.store.url, &environment);
    server.url = process.url.clone();
    let keys_before = std::fs::read_to_string(&server.config.secrets.key_file).unwrap();
    let of_admins = admin_sees_and_acts(&server, &mut places).await;
    let of_apps = commands(&process, &mut places);
    callers(&server, &mut places).await;
    operators_and_receivers(&server, &mut places, &receiver).await;
    admin_again(&server, &mut places).await;
    let keys_after = std::fs::read_to_string(&server.config.secrets.key_file).unwrap();

    let scraped = reqwest::get(format!("http://{metrics}/metrics")).await.unwrap().text().await.unwrap();
    assert!(scraped.contains("simgauge_"), "{scraped}");
    places.add("metrics", scraped);
    stored(&server, &process, &mut places, dir.path()).await;
    let url = server.config.store.url.clone();
    assert!(process.terminate());
    places.add("traces", format!("{:?}", collector.received()));
    add_logs(&mut places, dir.path());
    if let Some(file) = url.strip_prefix("sqlite://") {
        places.add("database file at rest", std::fs::read(file).unwrap());
    }
    search(&places, &of_admins, &of_apps, [keys_before, keys_after]);
}

/// An admin, two cards at each operator account, and the address to notify.
async fn furnish(server: &TestServer, receiver: &Receiver) {
    admins(server, &[("ann", AdminRole::Full)]).await;
    let mut rows = Vec::new();
    // Two cards at each: one while it behaves, one while it does not.
    let accounts = server.config.operator_accounts.iter();
    for (lane, account) in accounts.clone().chain(accounts).enumerate() {
        let card = row(&number(lane), &number(lane), "acme");
        rows.push(ImportRow { operator_account: account.name.clone(), ..card });
    }
    import(server.store(), &rows).await;
    let mut settings = server.store().notification_prefs("acme").await.unwrap();
    settings.url = Some(receiver.url().replace("t0ken", HOOK_TOKEN));
    server.store().set_notification_prefs(&settings).await.unwrap();
}

fn add_logs(places: &mut Places, dir: &Path) {
    for file in std::fs::read_dir(dir).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "log") {
            let log = std::fs::read(&path).unwrap();
            assert!(String::from_utf8_lossy(&log).contains("TRACE"), "everything is logged");
            places.add("log", log);
        }
    }
}

/// The database: its files while it is open, its copy, or what PostgreSQL holds.
async fn stored(server: &TestServer, process: &Process, places: &mut Places, dir: &Path) {
    let url = &server.config.store.url;
    for (table, rows) in server.all_rows().await {
        places.add(format!("table {table}"), rows.join("\n"));
    }
    if let Some(file) = url.strip_prefix("sqlite://") {
        let copy = dir.join("copy.db");
        let output = process.simgauge(&format!("backup {}", copy.display()), &[]);
        assert!(output.status.success(), "{output:?}");
        places.add("copy of the database", std::fs::read(copy).unwrap());
        for end in ["", "-wal", "-shm"] {
            places.add(format!("database file{end}"), std::fs::read(format!("{file}{end}")).unwrap());
        }
    }
}

fn search(places: &Places, of_admins: &[String], of_apps: &[String], keys: [String; 2]) {
    // The search itself works: what is no secret is found everywhere.
    for place in ["log", "table card", "page /console/cards", "traces"] {
        let text = number(0);
        assert!(
            places.0.iter().any(|(name, bytes)| name == place && contains(bytes, text.as_bytes())),
            "{place}"
        );
    }
    let hits = std::cell::RefCell::new(Vec::new());
    let look = |secret: &str, except: &[&str]| hits.borrow_mut().extend(places.hits(secret, except));
    for secret in NEVER_SHOWN {
        look(secret, &[]);
    }
    // Where to post has to be known when the time comes.
    look(HOOK_TOKEN, &["table account", "database file", "copy of the database"]);
    let [session, csrf, in_console @ ..] = of_admins else { panic!("{of_admins:?}") };
    look(session, &[]);
    // Whoever has the session has its token in each form.
    look(csrf, &["page", "shown once"]);
    for made in in_console.iter().chain(of_apps) {
        assert_eq!(
            places
                .0
                .iter()
                .filter(|(name, bytes)| name.starts_with("shown once") && contains(bytes, made.as_bytes()))
                .count(),
            1
        );
        look(made, &["shown once"]);
    }
    for key in keys.iter().flat_map(|keys| keys.split_whitespace()) {
        assert!(key.len() >= 64, "a key");
        look(key, &[]);
        let bytes = hex::decode(key).unwrap();
        let raw = places
            .0
            .iter()
            .filter(|(_, place)| contains(place, &bytes))
            .map(|(name, _)| format!("{name}: a key's bytes"));
        hits.borrow_mut().extend(raw);
    }
    let size: usize = places.0.iter().map(|(_, bytes)| bytes.len()).sum();
    println!(
        "{} places, {} KiB, {} secrets",
        places.0.len(),
        size / 1024,
        NEVER_SHOWN.len() + 1 + of_admins.len() + of_apps.len() + 2
    );
    assert!(hits.borrow().is_empty(), "{:#?}", hits.borrow());
}
