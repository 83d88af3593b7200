//! What the stories of usage do to a server.

use crate::support::{SECRET, TestServer, sqlite_store};
use jiff::civil::datetime;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use simgauge_service::clock::Clock;
use std::process::Command;

/// What the program said and how it ended.
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub error: String,
}

impl Said {
    #[track_caller]
    pub fn json(&self, code: i32) -> Value {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.error);
        serde_json::from_str(&self.out).unwrap()
    }
}

impl TestServer {
    /// Runs `simgauge` on the server's store, and towards the server.
    pub async fn simgauge(&self, line: &str) -> Said {
        let words: Vec<String> = line.split_whitespace().map(|word| word.replace('_', " ")).collect();
        let mut command = Command::new(env!("CARGO_BIN_EXE_simgauge"));
        command
            .args(words)
            .env("SIMGAUGE__STORE__URL", &self.config.store.url)
            .env("SIMGAUGE__SECRETS__KEY_FILE", &self.config.secrets.key_file)
            .env("SIMGAUGE_URL", &self.url)
            .env("SIMGAUGE_APPKEY", "k")
            .env("SIMGAUGE_SECRET", SECRET);
        // The server lives on this thread.
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
    }

    /// Moves the clocks to a time of 2030 in Shanghai.
    pub fn travel_to_2030(&self, month: i8, day: i8, hour: i8, minute: i8) {
        let there = datetime(2030, month, day, hour, minute, 0, 0);
        let there = there.to_zoned(TimeZone::get("Asia/Shanghai").unwrap()).unwrap().timestamp().as_second();
        self.travel_to(there - Clock::default().now().seconds());
    }

    /// Refreshes a card with this usage at its operator, and reads it.
    pub async fn used(&self, operator: &str, iccid: &str, bytes: u64) -> Value {
        self.simulator.set_usage(operator, iccid, bytes);
        let body = self.signed(json!({ "iccid": iccid, "wait": 8 }));
        let answer = self.post("/api/v3/card/refreshUsage", body.to_string()).await;
        assert_eq!(answer.expect("200")["state"], "succeeded", "{answer:?}");
        self.card(iccid).await.expect("200").clone()
    }

    pub async fn history(&self, path: &str, fields: Value) -> Value {
        self.post(path, self.signed(fields).to_string()).await.expect("200").clone()
    }

    /// Changes something behind everybody's back.
    pub async fn run_raw(&self, sql: &'static str) {
        let url = &self.config.store.url;
        if url.starts_with("sqlite") {
            sqlite_store(url).execute(sql, []).unwrap();
        } else {
            let pool = sqlx::PgPool::connect(url).await.unwrap();
            sqlx::query(sql).execute(&pool).await.unwrap();
        }
    }
}
