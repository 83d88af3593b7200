//! The server that is tried with texts that something might run.

use super::marks::texts;
use crate::console::browser::admins;
use crate::support::process::Process;
use crate::support::{Database, ICCID, TestServer, server};
use serde_json::Value;
use simgauge_store::{AdminRole, Store};
use std::time::Duration;

pub const TIMEOUT: Duration = Duration::from_secs(30);

/// How the log is written, on which database.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Text,
    Json,
    Postgres,
}

/// A server as a process of its own, so that what it logs is seen as it is.
pub struct Target {
    pub server: TestServer,
    process: Process,
    pub store: Store,
    _dir: tempfile::TempDir,
    pub inputs: usize,
}

impl Target {
    pub async fn start(kind: Kind, base_url: Option<String>) -> Self {
        let database = if matches!(kind, Kind::Postgres) { Database::Postgres } else { Database::Sqlite };
        let mut server = server()
            .database(database)
            .configure(move |config| {
                if let Some(url) = &base_url {
                    config.operator_accounts[0].base_url = Some(url.clone());
                }
            })
            .start()
            .await;
        admins(&server, &[("ann", AdminRole::Full)]).await;
        server.stop().await;
        let dir = tempfile::tempdir().unwrap();
        let format = if matches!(kind, Kind::Json) { "json" } else { "text" };
        let environment = [
            ("SIMGAUGE__LOG__FORMAT", format),
            ("SIMGAUGE__LOG__FILTER", "debug,hyper_util=info,sqlx=info"),
            ("SIMGAUGE__REFRESH__DEADLINE_SECONDS", "1"),
            ("SIMGAUGE__REFRESH__FIRST_PAUSE_SECONDS", "0.1"),
            ("SIMGAUGE__REFRESH__LONGEST_PAUSE_SECONDS", "0.2"),
            ("SIMGAUGE__LANES__BREAKER_FAILURES", "100000"),
        ];
        let process = Process::serve_in(&server, dir.path(), &server.config.store.url, &environment);
        server.url = process.url.clone();
        let store = Store::connect(&server.config.store.url, 2).await.unwrap();
        Self { server, process, store, _dir: dir, inputs: 0 }
    }

    /// Nothing broke, nothing was run, and every event is a line of plain text.
    pub async fn unharmed(self, kind: Kind) {
        assert!(self.store.apps().await.unwrap().iter().any(|app| app.appkey == "k"));
        assert_eq!(self.store.card_of_any(ICCID).await.unwrap().unwrap().account, "acme");
        self.server.card(ICCID).await.expect("200");
        self.store.close().await;
        let log = self.process.logged();
        assert!(log.lines().count() > 20, "{log}");
        for line in log.lines() {
            assert!(
                !line.contains(|c: char| c.is_control() || c == '\u{202e}' || c == '\u{2028}'),
                "{line:?}"
            );
            match kind {
                Kind::Json => assert!(
                    serde_json::from_str::<Value>(line)
                        .is_ok_and(|line| line["level"] != "ERROR" && line["forged"].is_null()),
                    "{line}"
                ),
                _ => {
                    let level = line.split_whitespace().nth(1).unwrap_or_default();
                    assert!(line.starts_with("20") && ["DEBUG", "INFO", "WARN"].contains(&level), "{line}");
                }
            }
        }
        println!(
            "{kind:?}: {} texts, {} inputs, {} log lines",
            texts().len(),
            self.inputs,
            log.lines().count()
        );
    }
}
