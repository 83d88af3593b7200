//! The file of an SQLite store: served once, checked after a crash, not made anew where it was lost.

use crate::support::call::read;
use crate::support::process::Process;
use crate::support::{TestServer, server};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;
use tokio::net::TcpListener;

/// Runs the program on a store that this URL names.
fn simgauge(dir: &Path, url: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simgauge"))
        .args(arguments)
        .current_dir(dir)
        .env_remove("SIMGAUGE_CONFIG")
        .env("SIMGAUGE__STORE__URL", url)
        .env("SIMGAUGE__SERVER__LISTEN", "127.0.0.1:0")
        .env("SIMGAUGE__METRICS__LISTEN", "127.0.0.1:0")
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    [output.stdout.as_slice(), output.stderr.as_slice()].map(String::from_utf8_lossy).concat()
}

async fn start_error(server: &TestServer) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let started = simgauge::app::App::start(&server.config, listener, server.clock.clone()).await;
    format!("{:#}", started.err().expect("refused"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_does_not_start_under_another_name_of_the_file() {
    let server = server().start().await;
    let file = server.config.store.sqlite_file().unwrap();
    let dir = tempfile::tempdir_in(file.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&file, dir.path().join("link.db")).unwrap();
    let second = simgauge(dir.path(), "sqlite://link.db", &["serve"]);
    assert_eq!(second.status.code(), Some(1), "{}", printed(&second));
    assert!(printed(&second).contains("another simgauge serves"), "{}", printed(&second));
    // Commands work beside the server, and meet it under any name.
    let list = simgauge(dir.path(), "sqlite://link.db", &["account", "list"]);
    assert!(list.status.success() && printed(&list).contains("acme"), "{}", printed(&list));
    std::fs::hard_link(&file, dir.path().join("hard.db")).unwrap();
    let second = simgauge(dir.path(), "sqlite://hard.db", &["serve"]);
    assert_eq!(second.status.code(), Some(1), "{}", printed(&second));
    assert!(printed(&second).contains("more than one name"), "{}", printed(&second));
}

/// Its apps' secrets would stay sealed with the lost key, and every call would be refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_key_is_not_made_anew_beside_a_store_with_apps() {
    let mut server = server().start().await;
    server.stop().await;
    let key = &server.config.secrets.key_file;
    let aside = tempfile::tempdir().unwrap();
    std::fs::copy(key, aside.path().join("key")).unwrap();
    std::fs::remove_file(key).unwrap();
    let error = start_error(&server).await;
    assert!(error.contains("is missing, and the secrets of"), "{error}");
    let listed = server.simgauge("app list").await;
    assert_eq!(listed.code, Some(1), "{}", listed.error);
    assert!(!std::path::Path::new(key).exists(), "no key was made");
    std::fs::copy(aside.path().join("key"), key).unwrap();
    server.simgauge("--json app list").await.json(0);
}

/// The store has a symbolic link for a name, and somebody deletes the log that SQLite writes to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_around_the_loss_of_the_log_outlives_a_kill() {
    let mut server = server().start().await;
    let cards = server.add_cards(60).await;
    server.stop().await;
    let file = server.config.store.sqlite_file().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("link.db");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let mut process = Process::serve_with(&server, dir.path(), &format!("sqlite://{}", link.display()));
    let refresh = async |number: &String| {
        let body = server.signed(json!({ "iccid": number })).to_string();
        let request = reqwest::Client::new().post(format!("{}/api/v3/card/refreshUsage", process.url));
        read(request.body(body).send().await.unwrap()).await
    };
    let mut accepted = Vec::new();
    let (before, after) = cards.split_at(20);
    for number in before {
        accepted.push(refresh(number).await.refresh_id());
    }
    std::fs::remove_file(file.with_extension("db-wal")).unwrap();
    for number in after {
        let answer = refresh(number).await;
        match answer.code() {
            "200" => accepted.push(answer.refresh_id()),
            code => assert_eq!(code, "503", "{}", answer.message()),
        }
    }
    let log = process.logged();
    assert!(
        log.contains("simgauge.db-wal has vanished") && log.contains("opened again and checked"),
        "{log}"
    );
    assert!(accepted.len() > before.len(), "accepting went on");
    process.kill();
    server.start().await;
    for id in accepted {
        assert_eq!(server.ended(&id, Duration::from_secs(40)).await["state"], "succeeded");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_was_lost_is_not_made_anew() {
    let mut server = server().start().await;
    server.stop().await;
    let file = server.config.store.sqlite_file().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(start_error(&server).await.contains("there was a database"));
    for arguments in [&["account", "create", "acme"][..], &["account", "list"], &["migrate"], &["check"]] {
        let refused = simgauge(file.parent().unwrap(), &server.config.store.url, arguments);
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}: {}", printed(&refused));
        assert!(printed(&refused).contains("there was a database"), "{arguments:?}: {}", printed(&refused));
    }
    assert!(!file.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_a_crash_damaged_is_found() {
    let mut server = server().start().await;
    server.stop().await;
    let file = server.config.store.sqlite_file().unwrap();
    let check = |arguments: &[&str]| simgauge(file.parent().unwrap(), &server.config.store.url, arguments);
    for arguments in [&["check"][..], &["check", "--full"]] {
        let sound = check(arguments);
        assert!(sound.status.success() && printed(&sound).contains("card: 3 rows"), "{}", printed(&sound));
        assert!(printed(&sound).contains("nothing is wrong"), "{}", printed(&sound));
    }
    lose_rows(&file, "card");
    let found = check(&["check", "--json"]);
    assert_eq!(found.status.code(), Some(1), "{}", printed(&found));
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found["sound"], false);
    assert_ne!(found["findings"].as_array().unwrap().len(), 0);
    let copy = check(&["backup", "copy.db"]);
    assert_eq!(copy.status.code(), Some(1), "{}", printed(&copy));
    assert!(
        printed(&copy).contains("damaged") && !file.with_file_name("copy.db").exists(),
        "{}",
        printed(&copy)
    );
    // What a crash leaves behind. SQLite does not take it for a log.
    let log = file.with_extension("db-wal");
    std::fs::write(&log, "left behind").unwrap();
    let error = start_error(&server).await;
    assert!(error.contains("is damaged") && error.contains("store.serve_damaged"), "{error}");
    std::fs::write(&log, "left behind").unwrap();
    server.config.store.serve_damaged = true;
    server.start().await;
    server.stop().await;
}

/// Makes the only page of a small table say that it holds no rows.
fn lose_rows(file: &Path, table: &str) {
    let connection = rusqlite::Connection::open(file).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let page: u32 = connection.query_row(root, [table], |row| row.get(0)).unwrap();
    let size: u32 = connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut bytes = std::fs::read(file).unwrap();
    let page = usize::try_from((page - 1) * size).unwrap();
    // <https://www.sqlite.org/fileformat2.html>, 1.6: a leaf, and the number of its cells.
    assert_eq!(bytes[page], 13);
    bytes[page + 3..page + 5].fill(0);
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn a_mistyped_scheme_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let refused = simgauge(dir.path(), "sqlit://simgauge.db", &["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        printed(&refused).contains("store.url") && printed(&refused).contains("sqlite://"),
        "{}",
        printed(&refused)
    );
}
