//! `/readyz` says why nothing can be accepted.

use crate::support::disk::Tmpfs;
use crate::support::{Database, TestServer, server, sqlite_store};
use std::time::Duration;
use tokio::time::Instant;

const TIMEOUT: Duration = Duration::from_secs(30);

async fn ready(server: &TestServer) -> (u16, String) {
    let answer = server.request(reqwest::Method::GET, "/readyz").send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// Asks until the answer is this one: what is known is believed for some seconds.
async fn until(server: &TestServer, expected: (u16, &str)) {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let (status, text) = ready(server).await;
        if (status, text.as_str()) == expected {
            return;
        }
        assert!(Instant::now() < deadline, "not {expected:?} but {status} {text:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

const READY: (u16, &str) = (200, "ready\n");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_another_program_locked() {
    let server = server().start().await;
    until(&server, READY).await;
    let other = sqlite_store(&server.config.store.url);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    until(&server, (503, "a write to the store takes longer than 2 s\n")).await;
    until(&server, (503, "another program keeps the database locked\n")).await;
    other.execute_batch("ROLLBACK").unwrap();
    until(&server, READY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_with_and_without_calls() {
    let Some(disk) = Tmpfs::mount(16) else {
        println!("not run: mounting needs root");
        return;
    };
    let url = format!("sqlite://{}", disk.path().join("simgauge.db").display());
    let server = server().store_url(url).start().await;
    let cards = server.add_cards(2_000).await;
    until(&server, READY).await;
    disk.fill();
    // Until what was set aside for the log is used up, calls are accepted.
    let mut cards = cards.iter();
    while server.refresh_sim(cards.next().expect("the disk is never full")).await.code() != "500" {}
    assert_eq!(ready(&server).await, (503, "the disk is full\n".to_owned()), "known from the call");
    // Nobody calls; what the call told is forgotten, and a write is tried.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(ready(&server).await, (503, "the disk is full\n".to_owned()));
    disk.free();
    until(&server, READY).await;
    server.refresh_sim(cards.next().unwrap()).await.expect("200");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_moved_away() {
    let server = server().start().await;
    let cards = server.add_cards(2).await;
    until(&server, READY).await;
    let file = server.config.store.sqlite_file().unwrap();
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    // Nobody calls: it is noticed all the same.
    until(&server, (503, "a file of the database is missing, replaced or cut off\n")).await;
    server.refresh_sim(&cards[0]).await.expect("503");
    assert!(!file.exists(), "nothing is made in its place");
    std::fs::rename(&aside, &file).unwrap();
    until(&server, READY).await;
    server.refresh_sim(&cards[1]).await.expect("200");
}

async fn postgres(server: &TestServer) -> sqlx::PgPool {
    sqlx::PgPool::connect(&server.config.store.url).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_of_postgresql_that_is_locked() {
    let server = server().database(Database::Postgres).start().await;
    until(&server, READY).await;
    let pool = postgres(&server).await;
    let mut other = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE refresh IN SHARE MODE").execute(&mut *other).await.unwrap();
    until(&server, (503, "a table of the database is locked\n")).await;
    other.rollback().await.unwrap();
    until(&server, READY).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgresql_that_became_read_only() {
    let server = server().database(Database::Postgres).start().await;
    until(&server, READY).await;
    let pool = postgres(&server).await;
    let (_, name) = server.config.store.url.rsplit_once('/').unwrap();
    // For sessions from now on, as after a fail-over to a standby; those that are open are ended.
    let set = async |value: &str| {
        let statement = format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
        let mut connection = pool.begin().await.unwrap();
        sqlx::query("SET TRANSACTION READ WRITE").execute(&mut *connection).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *connection).await.unwrap();
        connection.commit().await.unwrap();
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
             AND pid <> pg_backend_pid() AND application_name = 'simgauge'",
        )
        .execute(&pool)
        .await
        .unwrap();
    };
    set("on").await;
    until(&server, (503, "the database is read-only\n")).await;
    set("off").await;
    until(&server, READY).await;
}
